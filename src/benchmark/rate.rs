//! Rates as the decimals that were written (R6).

use std::io::Write;

use rust_decimal::Decimal;

/// What can be a rate of a replica, requests per second: not less than one request in eleven days,
/// and less than a thousand million a second.
pub(super) const RATES: std::ops::Range<f64> = 1e-6..1e9;

/// The shortest decimal that reads back as `rate`: what a person would have written. `None` for what
/// is no rate of a replica. Larger rates have larger decimals.
pub fn exact_rate(rate: f64) -> Option<Decimal> {
    if !RATES.contains(&rate) {
        return None;
    }
    // Neither the digits nor the number need memory of their own.
    let mut text = [0_u8; 40];
    let mut rest = &mut text[..];
    write!(rest, "{rate}").ok()?;
    let length = 40 - rest.len();
    std::str::from_utf8(&text[..length]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
