//! Rates as the decimals that were written (R6).

use std::io::Write;

use rust_decimal::Decimal;

/// What can be a rate of a replica, requests per second: not less than one request in eleven days,
/// and less than a thousand million a second.
pub(super) const RATES: std::ops::Range<f64> = 1e-6..1e9;

/// Rates, and what is reckoned with them, that differ by less than this share as floats are compared
/// as decimals.
pub const DOUBT: f64 = 1e-9;

/// The shortest decimal that reads back as `rate`: what a person would have written. `None` for what
/// is no rate of a replica. Larger rates have larger decimals.
pub fn exact_rate(rate: f64) -> Option<Decimal> {
    if !RATES.contains(&rate) {
        return None;
    }
    few_decimals(rate).or_else(|| shortest(rate))
}

/// Most rates were written with few decimals: then the first power of ten that makes a whole number
/// of it, from which the rate comes back, has them all.
fn few_decimals(rate: f64) -> Option<Decimal> {
    const POWERS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    /// Whole numbers up to here are told apart after a multiplication.
    const LARGEST: f64 = (1_u64 << 50) as f64;
    POWERS.iter().zip(0..).find_map(|(power, decimals)| {
        let whole = (rate * power).round();
        let is_it = whole < LARGEST && whole / power == rate;
        is_it.then(|| Decimal::new(whole as i64, decimals))
    })
}

fn shortest(rate: f64) -> Option<Decimal> {
    // Neither the digits nor the number need memory of their own.
    let mut text = [0_u8; 40];
    let mut rest = &mut text[..];
    write!(rest, "{rate}").ok()?;
    let length = 40 - rest.len();
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn few_decimals_are_those_of_the_shortest_text(
            digits in 1..10_000_000_000_000_000_u64,
            decimals in 0..12_u32,
            any in RATES,
        ) {
            let written: f64 = format!("{digits}e-{decimals}").parse().unwrap();
            for rate in [written, any, written * (1.0 + f64::EPSILON)] {
                if let Some(few) = few_decimals(rate) {
                    let shortest = shortest(rate).unwrap();
                    prop_assert_eq!((few, few.scale()), (shortest, shortest.scale()));
                }
            }
        }
    }

    #[test]
    fn rates_are_the_decimals_that_were_written() {
        assert_eq!(exact_rate(0.6).unwrap().to_string(), "0.6");
        assert_eq!(exact_rate(1e-6).unwrap().to_string(), "0.000001");
        assert_eq!(
            exact_rate(1.234_567_890_123_456_7e-6).unwrap().to_string(),
            "0.0000012345678901234567"
        );
        for refused in [0.0, 1e-7, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert_eq!(exact_rate(refused), None, "{refused}");
        }
    }
}
