//! R3: whether a run served what it was offered, for long enough.

use rust_decimal::Decimal;

use super::rate::{DOUBT, RATES, exact_rate};

/// Served over offered rate from which a row is steady unless an intent says otherwise, percent.
pub const USUAL_SERVED_PERCENT: i32 = 90;

/// Whether served / offered is at or above the limit. Rates are compared as the decimals that were
/// written: 0.99 of 1.1 is 90 %, and not in floats.
pub(super) fn served_enough(
    offered_rps: f64,
    served_rps: f64,
    minimum_served_percent: i32,
) -> bool {
    if !RATES.contains(&offered_rps) || !RATES.contains(&served_rps) {
        return false;
    }
    let served = served_rps * 100.0;
    let least = offered_rps * f64::from(minimum_served_percent);
    if (served - least).abs() > DOUBT * served.max(least.abs()) {
        return served > least;
    }
    let exact = || {
        let (served, offered) = (exact_rate(served_rps)?, exact_rate(offered_rps)?);
        Some(served * Decimal::ONE_HUNDRED >= offered * Decimal::from(minimum_served_percent))
    };
    exact().unwrap_or(false)
}

/// Whether the arrival window is at least ten mean E2Es, where the number of requests is known.
pub(super) fn is_long_enough(requests: Option<i64>, offered_rps: f64, e2e_mean_ms: f64) -> bool {
    match requests {
        Some(requests) if e2e_mean_ms.is_finite() && e2e_mean_ms > 0.0 => {
            requests as f64 / offered_rps >= 10.0 * e2e_mean_ms / 1000.0
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_is_served_exactly() {
        let steady = |offered, served| served_enough(offered, served, 90);
        assert!(steady(10.0, 9.0));
        assert!(!steady(10.0, 8.99));
        assert!(steady(1.1, 0.99));
        assert!(!steady(1.1, 0.0) && !steady(f64::NAN, 1.0) && !steady(1.0, f64::NAN));
    }

    #[test]
    fn steady_is_long_enough() {
        // A mean E2E of 4 s at 10 requests/s wants 400 requests.
        let of_requests = |requests| is_long_enough(requests, 10.0, 4000.0);
        assert!(!of_requests(Some(399)));
        assert!(of_requests(Some(400)));
        assert!(of_requests(None));
    }
}
