//! Numbers as people read them. What is good about an answer is never shown better than it is:
//! latencies and costs are rounded up, rates down.

use jiff::Timestamp;
use maud::{Markup, html};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::benchmark::EvidenceKind;
use crate::recommend::MicroDollars;

/// A latency: `112.3 ms`, or from a second on `6.82 s`.
pub(super) fn latency(ms: f64) -> String {
    if !ms.is_finite() {
        return "unknown".to_owned();
    }
    // A float that is a hair above a tenth is that tenth.
    let up = |value: f64, digits: i32| {
        let scale = 10_f64.powi(digits);
        (value * scale - 1e-6).ceil() / scale
    };
    let tenths = up(ms, 1);
    if tenths < 1000.0 {
        return format!("{tenths:.1} ms");
    }
    let seconds = up(ms / 1000.0, 2);
    if seconds < 100.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{} s", grouped(up(seconds, 0) as i128))
    }
}

/// A target, exactly: `150 ms`, `7 s`, `1.25 s`.
pub(super) fn target(ms: i32) -> String {
    if ms < 1000 {
        return format!("{ms} ms");
    }
    let (seconds, rest) = (ms / 1000, ms % 1000);
    let fraction = format!("{rest:03}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction} s", grouped(seconds.into()))
}

/// A whole number with commas: `19,710`.
pub(super) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// A rate of requests with at most three digits that say something, rounded down: `10.4`, `0.0718`.
pub(super) fn rate(rps: Decimal) -> String {
    let whole = rps.trunc().to_i128().unwrap_or(i128::MAX);
    if whole >= 100 {
        return grouped(whole);
    }
    let text = rps.round_sf_with_strategy(3, RoundingStrategy::ToZero);
    text.unwrap_or(rps).normalize().to_string()
}

/// Dollars with cents: `$1,027.00`.
pub(super) fn dollars(cost: MicroDollars) -> String {
    let cents = (cost.0 + 9_999) / 10_000;
    format!("${}.{:02}", grouped(cents / 100), cents % 100)
}

/// Whole dollars: `$19,710`.
pub(super) fn whole_dollars(cost: MicroDollars) -> String {
    format!("${}", grouped((cost.0 + 999_999) / 1_000_000))
}

/// What a month costs less, or more: `saves $1,204 a month`, `$2,738 a month more`.
pub(super) fn saving(per_month: MicroDollars) -> String {
    let whole = MicroDollars(per_month.0 / 1_000_000 * 1_000_000);
    if whole.0 > 0 {
        format!("saves {} a month", whole_dollars(whole))
    } else {
        format!("{} a month more", whole_dollars(MicroDollars(-per_month.0)))
    }
}

/// Dollars with cents; that the price is not known where there is none.
pub(super) fn cost(cost: Option<MicroDollars>) -> String {
    cost.map_or_else(|| "price unknown".to_owned(), dollars)
}

/// `1 replica`, `1,200 replicas`.
pub(super) fn counted(count: i64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count.into()))
}

/// A share of one: `73 %`, rounded up.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", (share * 100.0 - 1e-9).ceil())
}

/// A day: `1 Oct 2026`.
pub(super) fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "date unknown".to_owned(),
        |at| at.strftime("%-d %b %Y").to_string(),
    )
}

/// How long ago: `today`, `12 days old`, `5 months old`.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    let days = now.duration_since(at).as_hours() / 24;
    match days {
        ..=0 => "today".to_owned(),
        1..60 => format!("{} old", counted(days, "day")),
        60..730 => format!("{} old", counted(days / 30, "month")),
        _ => format!("{} old", counted(days / 365, "year")),
    }
}

/// The kind of evidence as a mark that is there wherever such evidence is shown.
pub(super) fn kind(kind: EvidenceKind) -> Markup {
    let what = match kind {
        EvidenceKind::Measured => "Measured on the hardware",
        EvidenceKind::Simulated => "Computed by a simulator, not measured on a GPU",
        EvidenceKind::Estimated => "Interpolated from other traffic profiles, not benchmarked",
    };
    html! { span class={ "kind " (kind) } title=(what) { (kind) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_rounded_up_in_the_unit_people_use() {
        for (ms, shown) in [
            (112.31, "112.4 ms"),
            (12.0, "12.0 ms"),
            (0.3 * 3.0, "0.9 ms"),
            (999.96, "1.00 s"),
            (6812.3, "6.82 s"),
            (123_400.0, "124 s"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(latency(ms), shown);
        }
    }

    #[test]
    fn targets_are_exact() {
        for (ms, shown) in [
            (150, "150 ms"),
            (7000, "7 s"),
            (1250, "1.25 s"),
            (86_400_000, "86,400 s"),
        ] {
            assert_eq!(target(ms), shown);
        }
    }

    #[test]
    fn money_and_counts_have_commas() {
        assert_eq!(dollars(MicroDollars(1_027_000_001)), "$1,027.01");
        assert_eq!(whole_dollars(MicroDollars(19_709_400_000)), "$19,710");
        assert_eq!([grouped(0), grouped(-1234567)], ["0", "-1,234,567"]);
        assert_eq!(counted(1200, "replica"), "1,200 replicas");
    }

    #[test]
    fn what_is_saved_is_rounded_down_and_what_is_not_is_called_so() {
        for (per_month, shown) in [
            (1_204_900_000, "saves $1,204 a month"),
            (-2_737_500_000, "$2,738 a month more"),
            (0, "$0 a month more"),
        ] {
            assert_eq!(saving(MicroDollars(per_month)), shown);
        }
    }

    #[test]
    fn rates_are_rounded_down() {
        for (rps, shown) in [
            ("10.4379", "10.4"),
            ("0.071899", "0.0718"),
            ("36", "36"),
            ("1234.9", "1,234"),
        ] {
            assert_eq!(rate(rps.parse().unwrap()), shown);
        }
    }

    #[test]
    fn ages_are_told_in_the_largest_unit_that_says_something() {
        let now: Timestamp = "2026-11-30T00:00:00Z".parse().unwrap();
        let of = |at: &str| age(at.parse().unwrap(), now);
        assert_eq!(of("2026-11-30T00:00:00Z"), "today");
        assert_eq!(of("2026-11-29T00:00:00Z"), "1 day old");
        assert_eq!(of("2026-06-01T00:00:00Z"), "6 months old");
        assert_eq!(of("2023-06-01T00:00:00Z"), "3 years old");
    }
}
