//! What a stored row says that cannot be true, or hardly: pure rules, one function each. A load
//! refuses what contradicts itself; these look at what the figures say of one another.

use serde::Serialize;

use super::{BenchmarkRow, LadderRow};

/// Tokens a second for one request that no GPU serves: NVIDIA's own record for a single user is about
/// 1,000 (Llama 4 Maverick, 8 x B200, May 2025).
const MOST_TOKENS_PER_SECOND_OF_A_REQUEST: f64 = 5000.0;
/// Output tokens a second of one GPU, several times what small models were shown to reach on a B200.
const MOST_TOKENS_PER_SECOND_OF_A_GPU: f64 = 100_000.0;
/// No prompt is taken in, and a first token made and sent, in less.
const LEAST_TTFT_MS: f64 = 0.5;
/// Means of parts add up to the mean of the whole; rounding, chat templates and a client's own ways of
/// counting tokens stay well within this share.
const SHARE_APART: f64 = 0.25;
/// Mean tokens may be this far from the configured ones in any case.
const TOKENS_APART: f64 = 64.0;
/// A short run serves more than it was to offer now and then, but not this many times.
const MOST_ABOVE_OFFERED: f64 = 1.5;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be true.
    Impossible,
    /// It may be true, but is far from what is usual.
    Suspicious,
}

/// What a row is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A latency of 0: a failed run's zeros.
    ZeroLatency,
    /// Not a number, an infinite one, or less than 0.
    NotFinite,
    /// A mean over the p99: the slowest hundredth would have taken tens of times as long.
    MeanOverP99,
    /// A higher percentile below a lower one.
    FallingPercentiles,
    /// A whole request faster than its first token.
    E2eBelowTtft,
    /// So fast that seconds must have been stored as milliseconds.
    SecondsAsMilliseconds,
    /// More tokens a second than a GPU makes.
    ImpossibleThroughput,
    /// The content is no longer what was loaded under this id.
    ChangedContent,
    /// A value that cannot be read.
    Unreadable,
    /// E2E is not TTFT and ITL x tokens.
    E2eFarFromItsParts,
    /// Tokens a second are not the served rate x tokens.
    ThroughputFarFromItsParts,
    /// More served than offered.
    ServedAboveOffered,
    /// Requests of another length than the profile.
    TokensFarFromProfile,
}

impl Rule {
    /// How bad what it finds is.
    pub fn severity(self) -> Severity {
        match self {
            Self::E2eFarFromItsParts
            | Self::ThroughputFarFromItsParts
            | Self::ServedAboveOffered
            | Self::TokensFarFromProfile => Severity::Suspicious,
            _ => Severity::Impossible,
        }
    }

    /// The rule's name, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::ZeroLatency => "a latency of 0",
            Self::NotFinite => "not a finite number, 0 or more",
            Self::MeanOverP99 => "mean over p99",
            Self::FallingPercentiles => "percentiles fall",
            Self::E2eBelowTtft => "E2E below TTFT",
            Self::SecondsAsMilliseconds => "seconds stored as milliseconds",
            Self::ImpossibleThroughput => "impossible throughput",
            Self::ChangedContent => "the same id with other content",
            Self::Unreadable => "unreadable",
            Self::E2eFarFromItsParts => "E2E far from TTFT + ITL x tokens",
            Self::ThroughputFarFromItsParts => "tokens/s far from requests/s x tokens",
            Self::ServedAboveOffered => "served above offered",
            Self::TokensFarFromProfile => "tokens far from the profile",
        }
    }
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it was held against.
    pub rule: Rule,
    /// The values.
    pub values: String,
}

impl Finding {
    /// A finding, and the values that show it.
    pub fn new(rule: Rule, values: impl Into<String>) -> Self {
        Self {
            rule,
            values: values.into(),
        }
    }
}

/// A latency's figures; 0 and null stand for what was not recorded, but for means and p95s.
struct Latency {
    name: &'static str,
    mean: f64,
    percentiles: [(&'static str, f64); 3],
}

fn latencies(row: &BenchmarkRow) -> [Latency; 3] {
    let s = &row.summary;
    let latency = |name, mean, p90, p95, p99| Latency {
        name,
        mean,
        percentiles: [("p90", p90), ("p95", p95), ("p99", p99)],
    };
    let or_0 = |value: Option<f64>| value.unwrap_or(0.0);
    [
        latency("ttft", s.ttft_mean, s.ttft_p90, s.ttft_p95, s.ttft_p99),
        latency("e2e", s.e2e_mean, s.e2e_p90, s.e2e_p95, s.e2e_p99),
        latency(
            "itl",
            or_0(s.itl_mean),
            or_0(s.itl_p90),
            or_0(s.itl_p95),
            or_0(s.itl_p99),
        ),
    ]
}

/// Whether the figures that a decision reads contradict each other: the row cannot be true.
pub fn contradicts_itself(row: &LadderRow) -> bool {
    let latency = |name, recorded: [Option<f64>; 3]| {
        let [mean, p95, p99] = recorded.map(|ms| ms.unwrap_or(0.0));
        Latency {
            name,
            mean,
            percentiles: [("p90", 0.0), ("p95", p95), ("p99", p99)],
        }
    };
    let [ttft, itl, e2e] = row.latencies_ms();
    let latencies = [
        latency("ttft", ttft),
        latency("e2e", e2e),
        latency("itl", itl),
    ];
    let mut contradicts = false;
    order(&latencies, |_, _| contradicts = true);
    contradicts
}

/// What is wrong with a row.
pub fn findings(row: &BenchmarkRow) -> Vec<Finding> {
    let mut found = Vec::new();
    zeros(row, &mut found);
    order(&latencies(row), |rule, values| {
        found.push(Finding::new(rule, values.to_string()));
    });
    speed(row, &mut found);
    parts(row, &mut found);
    lengths(row, &mut found);
    found
}

fn zeros(row: &BenchmarkRow, found: &mut Vec<Finding>) {
    let s = &row.summary;
    for (name, value) in [
        ("ttft_mean", Some(s.ttft_mean)),
        ("ttft_p95", Some(s.ttft_p95)),
        ("e2e_mean", Some(s.e2e_mean)),
        ("e2e_p95", Some(s.e2e_p95)),
        ("itl_mean", s.itl_mean),
        ("itl_p95", s.itl_p95),
    ] {
        if value == Some(0.0) {
            found.push(Finding::new(Rule::ZeroLatency, format!("{name} 0 ms")));
        }
    }
    let figures = latencies(row)
        .into_iter()
        .flat_map(|latency| {
            let mean = ("mean", latency.mean);
            let all = [mean].into_iter().chain(latency.percentiles);
            all.map(move |(statistic, value)| (format!("{}_{statistic}", latency.name), value))
        })
        .chain([
            ("requests_per_second".to_owned(), s.requests_per_second),
            (
                "responses_per_second".to_owned(),
                s.responses_per_second.unwrap_or_default(),
            ),
            ("tokens_per_second".to_owned(), s.tokens_per_second),
        ]);
    for (name, value) in figures {
        if !(value >= 0.0 && value.is_finite()) {
            found.push(Finding::new(Rule::NotFinite, format!("{name} {value}")));
        }
    }
}

fn order(latencies: &[Latency; 3], mut found: impl FnMut(Rule, std::fmt::Arguments)) {
    for Latency {
        name,
        mean,
        percentiles,
    } in latencies
    {
        let mut recorded = percentiles.iter().filter(|(_, value)| *value > 0.0);
        let mut below = recorded.next();
        for above in recorded {
            let (upper, b) = above;
            if let Some((lower, a)) = below.replace(above).filter(|(_, a)| a > b) {
                found(
                    Rule::FallingPercentiles,
                    format_args!("{name}_{lower} {a} ms over {name}_{upper} {b} ms"),
                );
            }
        }
        let p99 = percentiles[2].1;
        if p99 > 0.0 && *mean > p99 {
            found(
                Rule::MeanOverP99,
                format_args!("{name}_mean {mean} ms over {name}_p99 {p99} ms"),
            );
        }
    }
    let [ttft, e2e, _] = latencies;
    for (statistic, ttft, e2e) in [
        ("mean", ttft.mean, e2e.mean),
        ("p95", ttft.percentiles[1].1, e2e.percentiles[1].1),
    ] {
        if e2e > 0.0 && e2e < ttft {
            found(
                Rule::E2eBelowTtft,
                format_args!("e2e_{statistic} {e2e} ms below ttft_{statistic} {ttft} ms"),
            );
        }
    }
}

fn speed(row: &BenchmarkRow, found: &mut Vec<Finding>) {
    let s = &row.summary;
    let tokens = s.mean_output_tokens;
    let least_ms = 1000.0 / MOST_TOKENS_PER_SECOND_OF_A_REQUEST;
    let too_fast = [
        (
            "e2e_mean",
            Some(s.e2e_mean),
            tokens * least_ms,
            "for its tokens",
        ),
        ("itl_mean", s.itl_mean, least_ms, "between two tokens"),
        (
            "ttft_mean",
            Some(s.ttft_mean),
            LEAST_TTFT_MS,
            "for a first token",
        ),
    ];
    for (name, value, least, what) in too_fast {
        if let Some(value) = value
            && value > 0.0
            && value < least
        {
            found.push(Finding::new(
                Rule::SecondsAsMilliseconds,
                format!("{name} {value} ms {what}, where no GPU needs less than {least:.1} ms"),
            ));
        }
    }
    if let Some(gpus) = s.hardware_count.filter(|gpus| *gpus > 0)
        && s.tokens_per_second > MOST_TOKENS_PER_SECOND_OF_A_GPU * f64::from(gpus)
    {
        found.push(Finding::new(
            Rule::ImpossibleThroughput,
            format!("{} output tokens/s on {gpus} GPUs", s.tokens_per_second),
        ));
    }
}

fn is_apart(value: f64, expected: f64) -> bool {
    (value - expected).abs() > SHARE_APART * expected
}

fn parts(row: &BenchmarkRow, found: &mut Vec<Finding>) {
    let s = &row.summary;
    if let Some(itl) = s.itl_mean.filter(|itl| *itl > 0.0)
        && s.mean_output_tokens > 1.0
        && s.e2e_mean > 0.0
    {
        let sum = s.ttft_mean + (s.mean_output_tokens - 1.0) * itl;
        if is_apart(s.e2e_mean, sum) {
            found.push(Finding::new(
                Rule::E2eFarFromItsParts,
                format!(
                    "e2e_mean {} ms, but ttft_mean {} ms + {:.0} x itl_mean {itl} ms = {sum:.0} ms",
                    s.e2e_mean,
                    s.ttft_mean,
                    s.mean_output_tokens - 1.0
                ),
            ));
        }
    }
    let Some(served) = s.responses_per_second.filter(|served| *served > 0.0) else {
        return;
    };
    let output = served * s.mean_output_tokens;
    let all = served * (s.mean_output_tokens + s.mean_input_tokens);
    // Some tools count the prompts' tokens as well.
    if s.tokens_per_second > 0.0
        && output > 0.0
        && is_apart(s.tokens_per_second, output)
        && is_apart(s.tokens_per_second, all)
    {
        found.push(Finding::new(
            Rule::ThroughputFarFromItsParts,
            format!(
                "{} tokens/s, but {served} requests/s x {:.0} tokens = {output:.0}",
                s.tokens_per_second, s.mean_output_tokens
            ),
        ));
    }
    if served > MOST_ABOVE_OFFERED * s.requests_per_second {
        found.push(Finding::new(
            Rule::ServedAboveOffered,
            format!("{served}/s served of {}/s offered", s.requests_per_second),
        ));
    }
}

fn lengths(row: &BenchmarkRow, found: &mut Vec<Finding>) {
    let s = &row.summary;
    for (name, mean, configured) in [
        ("prompt", s.mean_input_tokens, s.prompt_tokens),
        ("output", s.mean_output_tokens, s.output_tokens),
    ] {
        let Some(configured) = configured.map(f64::from) else {
            continue;
        };
        if mean > 0.0 && (mean - configured).abs() > TOKENS_APART.max(SHARE_APART * configured) {
            found.push(Finding::new(
                Rule::TokensFarFromProfile,
                format!("{mean:.0} {name} tokens on average, {configured} configured"),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::benchmark::formats::tests::rows;

    fn rules(changes: &serde_json::Value) -> Vec<Rule> {
        // Such rows are refused by a load, but may be stored by plain SQL.
        let mut row = rows(&[
            json!({"e2e_mean": 2590.0, "e2e_p90": 3000.0, "e2e_p95": 3200.0, "e2e_p99": 3300.0}),
        ])
        .remove(0);
        let s = &mut row.summary;
        for (field, value) in changes.as_object().unwrap() {
            let value = value.as_f64().unwrap();
            match field.as_str() {
                "ttft_mean" => s.ttft_mean = value,
                "ttft_p90" => s.ttft_p90 = value,
                "ttft_p95" => s.ttft_p95 = value,
                "e2e_mean" => s.e2e_mean = value,
                "e2e_p95" => s.e2e_p95 = value,
                "ttft_p99" => s.ttft_p99 = f64::NAN,
                "itl_mean" => s.itl_mean = Some(value),
                "itl_p95" => s.itl_p95 = Some(value),
                "tokens_per_second" => s.tokens_per_second = value,
                "responses_per_second" => s.responses_per_second = Some(value),
                "mean_output_tokens" => s.mean_output_tokens = value,
                other => panic!("{other}"),
            }
        }
        findings(&row)
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        assert_eq!(rules(&json!({})), []);
        for (changes, rule) in [
            (json!({"ttft_mean": 61.0}), Rule::MeanOverP99),
            (json!({"ttft_p90": 51.0}), Rule::FallingPercentiles),
            (json!({"itl_p95": 0.0}), Rule::ZeroLatency),
            (json!({"ttft_mean": 0.0}), Rule::ZeroLatency),
            (json!({"ttft_p99": 1.0}), Rule::NotFinite),
            (json!({"e2e_p95": 49.0}), Rule::E2eBelowTtft),
            (json!({"e2e_mean": 2.59}), Rule::SecondsAsMilliseconds),
            (json!({"itl_mean": 0.01}), Rule::SecondsAsMilliseconds),
            (json!({"ttft_mean": 0.04}), Rule::SecondsAsMilliseconds),
            (
                json!({"tokens_per_second": 2e5}),
                Rule::ImpossibleThroughput,
            ),
            (
                json!({"e2e_mean": 2000.0, "itl_mean": 12.0}),
                Rule::E2eFarFromItsParts,
            ),
            (
                json!({"tokens_per_second": 100.0}),
                Rule::ThroughputFarFromItsParts,
            ),
            (
                json!({"responses_per_second": 5.0}),
                Rule::ServedAboveOffered,
            ),
            (
                json!({"mean_output_tokens": 30.0}),
                Rule::TokensFarFromProfile,
            ),
        ] {
            assert!(
                rules(&changes).contains(&rule),
                "{changes}: {:?}",
                rules(&changes)
            );
        }
    }

    proptest! {
        /// Figures that fit one another are left in peace.
        #[test]
        fn a_consistent_row_is_not_flagged(
            ttft in 1.0..5000.0f64, itl in 0.5..500.0f64, tokens in 2.0..4000.0f64, served in 0.01..100.0f64,
            share in 0.9..1.0f64,
        ) {
            let mut row = rows(&[json!({})]).remove(0);
            let s = &mut row.summary;
            let e2e = ttft + (tokens - 1.0) * itl;
            (s.ttft_mean, s.ttft_p90, s.ttft_p95, s.ttft_p99) = (ttft, ttft * 1.1, ttft * 1.2, ttft * 1.4);
            (s.e2e_mean, s.e2e_p90, s.e2e_p95, s.e2e_p99) = (e2e, e2e * 1.1, e2e * 1.2, e2e * 1.4);
            (s.itl_mean, s.itl_p90) = (Some(itl), Some(itl * 1.1));
            (s.itl_p95, s.itl_p99) = (Some(itl * 1.2), Some(itl * 1.4));
            s.mean_output_tokens = tokens;
            s.output_tokens = Some(tokens as i32);
            s.responses_per_second = Some(served);
            s.requests_per_second = served / share;
            s.tokens_per_second = (served * tokens).min(MOST_TOKENS_PER_SECOND_OF_A_GPU);
            prop_assume!(served * tokens < MOST_TOKENS_PER_SECOND_OF_A_GPU);
            prop_assert_eq!(findings(&row), []);
        }
    }
}
