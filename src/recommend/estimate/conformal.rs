//! How wrong an estimate can be (R13): read off how wrong the law was, with one profile left out at
//! a time, about the other configurations.
//!
//! Rows of one configuration err alike, so configurations are what is counted: of m of them each
//! weighs 1/(m + 1), whatever its number of rows, and the one that is estimated the rest, as if it
//! erred without limit. A quantile over these weights holds for a further configuration that is
//! like the others, without any assumption on how errors are distributed.

use crate::recommend::compliance::P95s;

/// Quantile of the joint upper bound, and of either end of a 90 % interval.
const QUANTILE: f64 = 0.95;
/// Configurations below which the quantile is the weight of what errs without limit.
pub(super) const LEAST_CONFIGURATIONS: usize = 19;
/// Errors below this are rounding.
const LEAST_SCALE: f64 = 1e-9;
/// Targets that are missed by more are weighed alike.
const LARGEST_SCALE: f64 = 1e9;

/// ln(benchmark / estimate) of TTFT, ITL and E2E for one row; minus infinity where the estimate is
/// beyond saturation.
pub(super) type Residual = [f64; 3];

/// The residuals of a configuration's rows.
pub(super) type Residuals = Vec<Residual>;

/// The joint 95 % upper bound over the estimate: what the errors of other configurations say of TTFT,
/// ITL and E2E together, each weighed by its usual error. `None` where there are too few of them.
pub(super) fn upper_factors(others: &[&Residuals]) -> Option<P95s> {
    let mut scale = [0.0; 3];
    for (target, scale) in scale.iter_mut().enumerate() {
        let size = quantile(others, 0.5, |row| row[target].abs())?;
        *scale = size.clamp(LEAST_SCALE, LARGEST_SCALE);
    }
    let worst = |row: &Residual| {
        let scaled = row.iter().zip(scale).map(|(error, scale)| error / scale);
        scaled.fold(f64::NEG_INFINITY, f64::max)
    };
    // Never below the estimate, also where the law was always too careful.
    let joint = quantile(others, QUANTILE, worst)?.max(0.0);
    Some(scale.map(|scale| (joint * scale).exp()))
}

/// The ends of each target's own 90 % interval over the estimate. `None` as above.
pub(super) fn intervals(others: &[&Residuals]) -> Option<[(f64, f64); 3]> {
    let mut intervals = [(0.0, 0.0); 3];
    for (target, interval) in intervals.iter_mut().enumerate() {
        let below = quantile(others, QUANTILE, |row| -row[target])?;
        let above = quantile(others, QUANTILE, |row| row[target])?;
        *interval = ((-below).exp(), above.exp());
    }
    Some(intervals)
}

/// The least score that holds for a share of the weight; `None` where that is the weight of
/// the configuration that is estimated.
fn quantile(others: &[&Residuals], share: f64, score: impl Fn(&Residual) -> f64) -> Option<f64> {
    if others.len() < LEAST_CONFIGURATIONS {
        return None;
    }
    let all = (others.len() + 1) as f64;
    let mut scores: Vec<(f64, f64)> = others
        .iter()
        .flat_map(|rows| {
            let weight = 1.0 / (all * rows.len() as f64);
            rows.iter().map(move |row| (row, weight))
        })
        .map(|(row, weight)| (score(row), weight))
        .collect();
    scores.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut weight = 0.0;
    scores
        .into_iter()
        .find(|(_, more)| {
            weight += more;
            // Sums of 1/20 do not reach 0.95 to the last bit.
            weight >= share - 1e-9
        })
        .map(|(score, _)| score)
}

/// The lower of the two in the middle; 0 of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = Option<(P95s, [(f64, f64); 3])>;

    fn of_others(others: &[Residuals]) -> Found {
        let others: Vec<_> = others.iter().collect();
        upper_factors(&others).zip(intervals(&others))
    }

    fn alike(configurations: usize) -> Vec<Residuals> {
        (0..configurations)
            .map(|i| vec![[i as f64 / 100.0, 0.02, -0.01]; 3])
            .collect()
    }

    #[test]
    fn too_few_configurations_tell_nothing() {
        assert_eq!(of_others(&alike(18)), None);
        assert!(of_others(&alike(19)).is_some());
    }

    #[test]
    fn of_nineteen_the_worst_counts_and_of_a_hundred_the_ninety_sixth() {
        let upper_end = |configurations| {
            let found = of_others(&alike(configurations)).unwrap();
            (found.1[0].1.ln() * 100.0).round()
        };
        assert_eq!(upper_end(19), 18.0);
        // 0.95 x 101 = 95.95 configurations.
        assert_eq!(upper_end(100), 95.0);
    }

    #[test]
    fn a_configuration_with_many_rows_counts_once() {
        let mut others = alike(30);
        let before = of_others(&others);
        others[29] = vec![others[29][0]; 3000];
        assert_eq!(of_others(&others), before);
    }

    #[test]
    fn the_joint_bound_is_above_each_upper_end() {
        let mut others = alike(40);
        for (i, rows) in others.iter_mut().enumerate() {
            rows[0] = [-0.1, 0.3 * ((i * 7 % 40) as f64 / 40.0), 0.1];
        }
        let found = of_others(&others).unwrap();
        for (upper, (_, own)) in found.0.iter().zip(found.1) {
            assert!(*upper >= own - 1e-12, "{upper} {own}");
        }
    }

    #[test]
    fn an_estimate_beyond_saturation_widens_only_downwards() {
        let mut others = alike(19);
        others[0][0] = [f64::NEG_INFINITY; 3];
        let found = of_others(&others).unwrap();
        assert_eq!(found.1[0].0, 0.0);
        assert!(found.0.iter().all(|upper| upper.is_finite()));
    }
}
