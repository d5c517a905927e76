//! What no row can say, whatever its format.

use crate::benchmark::BenchmarkRow;
use crate::benchmark::row::FieldFault;

const MAX_RATE: f64 = 1e9;

/// Adds what contradicts itself or cannot be. Zeros stay: they prove nothing, and a decision knows
/// (R3).
pub(super) fn row(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    names(row, faults);
    rates(row, faults);
    latencies(row, faults);
    counts(row, faults);
}

fn names(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
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

fn latencies(row: &BenchmarkRow, faults: &mut Vec<FieldFault>) {
    let s = &row.summary;
    let required = |name, [mean, p90, p95, p99]: [f64; 4]| {
        (name, [Some(mean), Some(p90), Some(p95), Some(p99)])
    };
    let metrics = [
        required("ttft", [s.ttft_mean, s.ttft_p90, s.ttft_p95, s.ttft_p99]),
        required("e2e", [s.e2e_mean, s.e2e_p90, s.e2e_p95, s.e2e_p99]),
        ("itl", [s.itl_mean, s.itl_p90, s.itl_p95, s.itl_p99]),
    ];
    for (metric, values) in metrics {
        for (statistic, value) in ["mean", "p90", "p95", "p99"].into_iter().zip(values) {
            not_negative(&format!("{metric}_{statistic}"), value, faults);
        }
        let [_, p90, p95, p99] = values;
        for (lower, upper, a, b) in [
            ("p90", "p95", p90, p95),
            ("p95", "p99", p95, p99),
            ("p90", "p99", p90, p99),
        ] {
            // A percentile of 0 was not recorded.
            if let (Some(a), Some(b)) = (a, b)
                && a > b
                && b > 0.0
            {
                faults.push(FieldFault::new(
                    format!("{metric}_{lower}"),
                    format!("{a} is above {metric}_{upper}, {b}; percentiles rise: see how the file was written"),
                ));
            }
        }
    }
    for (statistic, value) in [
        ("mean", s.tps_mean),
        ("p90", s.tps_p90),
        ("p95", s.tps_p95),
        ("p99", s.tps_p99),
    ] {
        not_negative(&format!("tps_{statistic}"), value, faults);
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
