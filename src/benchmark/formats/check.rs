//! What no row can say, whatever its format.

use crate::benchmark::BenchmarkRow;
use crate::benchmark::column::FieldFault;

const MAX_RATE: f64 = 1e9;

/// Adds what contradicts itself or cannot be. Zeros stay: they prove nothing, and a decision knows
/// (R3). A row of which more than `max_error_percent` of the requests failed is faulty: its
/// latencies are of those that got through.
pub(super) fn row(row: &BenchmarkRow, max_error_percent: f64, faults: &mut Vec<FieldFault>) {
    names(row, faults);
    failures(row, max_error_percent, faults);
    rates(row, faults);
    latencies(row, faults);
    counts(row, faults);
}

fn names(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    storable(row, faults);
    if row.summary.model_hf_repo.trim().is_empty() {
        faults.push(FieldFault::new(
            "model_hf_repo",
            "empty; expected a Hugging Face repository",
        ));
    }
    if row
        .summary
        .hardware
        .as_ref()
        .is_some_and(|name| name.trim().is_empty())
    {
        faults.push(FieldFault::new(
            "hardware",
            "empty; name the GPU, or leave the field out",
        ));
    }
}

/// PostgreSQL stores no U+0000.
fn storable(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    let (s, e) = (&row.summary, &row.evidence);
    let texts = [
        Some(&s.config_id.0),
        Some(&s.model_hf_repo),
        s.provider.as_ref(),
        Some(&s.r#type.0),
        s.hardware.as_ref(),
        s.framework.as_ref(),
        s.huggingface_prompt_dataset.as_ref(),
        s.entrypoint.as_ref(),
        s.docker_image.as_ref(),
        s.framework_version.as_ref(),
        s.profiler_type.as_ref(),
        s.profiler_image.as_ref(),
        s.profiler_tag.as_ref(),
        e.weight_dtype.as_ref(),
        e.kv_cache_dtype.as_ref(),
        e.speculative_decoding.as_ref(),
        e.args_digest.as_ref(),
        e.image_digest.as_ref(),
        e.gpu_form_factor.as_ref(),
        e.client.as_ref(),
        e.client_version.as_ref(),
        e.run_id.as_ref(),
    ];
    let in_provenance = e
        .provenance
        .as_ref()
        .is_some_and(|provenance| provenance.to_string().contains("\\u0000"));
    if in_provenance || texts.into_iter().flatten().any(|text| text.contains('\0')) {
        faults.push(FieldFault::new(
            "",
            "holds the character U+0000, which PostgreSQL cannot store",
        ));
    }
}

fn failures(row: &BenchmarkRow, max_error_percent: f64, faults: &mut Vec<FieldFault>) {
    let evidence = &row.evidence;
    let (Some(completed), Some(failed)) = (evidence.requests_completed, evidence.requests_failed)
    else {
        return;
    };
    let ended = completed.saturating_add(failed);
    if completed < 0 || failed < 0 || ended == 0 {
        return;
    }
    let percent = 100.0 * failed as f64 / ended as f64;
    if percent > max_error_percent {
        faults.push(FieldFault::new(
            "evidence.requests_failed",
            format!(
                "{failed} of {ended} requests failed, {percent:.1} %; at most {max_error_percent} % may (--max-error-percent)"
            ),
        ));
    }
}

fn rates(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    let summary = &row.summary;
    let offered = summary.requests_per_second;
    if !(offered > 0.0 && offered < MAX_RATE) {
        faults.push(FieldFault::new(
            "requests_per_second",
            format!("{offered} is no offered rate; expected more than 0 and less than {MAX_RATE}"),
        ));
    }
    let amounts = [
        ("responses_per_second", summary.responses_per_second),
        ("tokens_per_second", Some(summary.tokens_per_second)),
        ("mean_input_tokens", Some(summary.mean_input_tokens)),
        ("mean_output_tokens", Some(summary.mean_output_tokens)),
        ("evidence.duration_s", row.evidence.duration_s),
        (
            "evidence.served_output_tokens_stdev",
            row.evidence.served_output_tokens_stdev,
        ),
        ("evidence.nominal_rps", row.evidence.nominal_rps),
    ];
    for (field, amount) in amounts {
        not_negative(field, amount, faults);
    }
    if let Some(share) = row.evidence.prefix_sharing
        && !(0.0..=1.0).contains(&share)
    {
        faults.push(FieldFault::new(
            "evidence.prefix_sharing",
            format!("{share} is no share; expected 0 to 1"),
        ));
    }
}

fn not_negative(field: &str, amount: Option<f64>, faults: &mut Vec<FieldFault>) {
    if let Some(amount) = amount
        && !(amount >= 0.0 && amount.is_finite())
    {
        faults.push(FieldFault::new(
            field,
            format!("{amount} cannot be; expected a finite number, 0 or more"),
        ));
    }
}

/// The columns of a latency: mean, p90, p95, p99.
type Named = [(&'static str, Option<f64>); 4];

fn latencies(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    let s = &row.summary;
    let latencies: [Named; 3] = [
        [
            ("ttft_mean", Some(s.ttft_mean)),
            ("ttft_p90", Some(s.ttft_p90)),
            ("ttft_p95", Some(s.ttft_p95)),
            ("ttft_p99", Some(s.ttft_p99)),
        ],
        [
            ("e2e_mean", Some(s.e2e_mean)),
            ("e2e_p90", Some(s.e2e_p90)),
            ("e2e_p95", Some(s.e2e_p95)),
            ("e2e_p99", Some(s.e2e_p99)),
        ],
        [
            ("itl_mean", s.itl_mean),
            ("itl_p90", s.itl_p90),
            ("itl_p95", s.itl_p95),
            ("itl_p99", s.itl_p99),
        ],
    ];
    let speeds: Named = [
        ("tps_mean", s.tps_mean),
        ("tps_p90", s.tps_p90),
        ("tps_p95", s.tps_p95),
        ("tps_p99", s.tps_p99),
    ];
    for (field, value) in latencies.iter().chain([&speeds]).flatten() {
        not_negative(field, *value, faults);
    }
    for [_, p90, p95, p99] in latencies {
        for ((lower, a), (upper, b)) in [(p90, p95), (p95, p99), (p90, p99)] {
            // A percentile of 0 was not recorded.
            if let (Some(a), Some(b)) = (a, b)
                && a > b
                && b > 0.0
            {
                faults.push(FieldFault::new(
                    lower,
                    format!(
                        "{a} is above {upper}, {b}; percentiles rise: see how the file was written"
                    ),
                ));
            }
        }
    }
}

fn counts(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    let (s, e) = (&row.summary, &row.evidence);
    let counts = [
        ("hardware_count", 1, s.hardware_count.map(i64::from)),
        ("prompt_tokens", 1, s.prompt_tokens.map(i64::from)),
        (
            "prompt_tokens_stdev",
            0,
            s.prompt_tokens_stdev.map(i64::from),
        ),
        ("prompt_tokens_min", 0, s.prompt_tokens_min.map(i64::from)),
        ("prompt_tokens_max", 0, s.prompt_tokens_max.map(i64::from)),
        ("output_tokens", 1, s.output_tokens.map(i64::from)),
        (
            "output_tokens_stdev",
            0,
            s.output_tokens_stdev.map(i64::from),
        ),
        ("output_tokens_min", 0, s.output_tokens_min.map(i64::from)),
        ("output_tokens_max", 0, s.output_tokens_max.map(i64::from)),
        ("evidence.requests_completed", 0, e.requests_completed),
        ("evidence.requests_failed", 0, e.requests_failed),
        ("evidence.requests_incomplete", 0, e.requests_incomplete),
        ("evidence.max_num_seqs", 1, e.max_num_seqs.map(i64::from)),
        (
            "evidence.max_num_batched_tokens",
            1,
            e.max_num_batched_tokens.map(i64::from),
        ),
        (
            "evidence.tensor_parallel_size",
            1,
            e.tensor_parallel_size.map(i64::from),
        ),
        (
            "evidence.pipeline_parallel_size",
            1,
            e.pipeline_parallel_size.map(i64::from),
        ),
        (
            "evidence.data_parallel_size",
            1,
            e.data_parallel_size.map(i64::from),
        ),
        (
            "evidence.expert_parallel_size",
            1,
            e.expert_parallel_size.map(i64::from),
        ),
    ];
    for (field, least, count) in counts {
        if let Some(count) = count.filter(|count| *count < least) {
            faults.push(FieldFault::new(
                field,
                format!("{count} cannot be; expected {least} or more"),
            ));
        }
    }
}
