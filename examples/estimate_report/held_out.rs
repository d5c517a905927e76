//! Estimates of a profile from the four profiles of the use cases, beside its benchmarks.

use compass::benchmark::{Benchmark, Configuration, SharedBenchmarks, TrafficProfile};
use compass::catalog::ExperienceClass;
use compass::recommend::{Estimate, Estimated, Estimator, EvidencePolicy, Refusal, Target};
use jiff::Timestamp;

use crate::class::Class;

const fn profile(prompt_tokens: i32, output_tokens: i32) -> TrafficProfile {
    TrafficProfile {
        prompt_tokens,
        output_tokens,
    }
}

/// The profiles of the use cases: what is fitted.
const FITTED: [TrafficProfile; 4] = [
    profile(512, 256),
    profile(1024, 1024),
    profile(4096, 512),
    profile(10240, 1536),
];
/// Between the fitted ones.
pub const INSIDE: TrafficProfile = profile(2048, 512);
/// Outside of them, so that R13 refuses it.
pub const OUTSIDE: TrafficProfile = profile(256, 128);

/// The experience classes, and what they ask of TTFT and ITL, ms (docs/traffic_and_slos.md).
pub const CLASSES: [ExperienceClass; 5] = [
    ExperienceClass::Instant,
    ExperienceClass::Conversational,
    ExperienceClass::Interactive,
    ExperienceClass::Deferred,
    ExperienceClass::Batch,
];

/// One configuration under a profile that was held out.
pub struct HeldOut {
    pub class: Class,
    pub configuration: Configuration,
    /// Whether the law finds the configuration's own profiles again.
    pub law_holds: bool,
    /// Why R13 does not estimate it.
    pub refusal: Option<Refusal>,
    /// Median relative error on its own profiles, left out one at a time, of three targets.
    pub own_errors: [f64; 3],
    /// How far the joint upper bound is above the estimate.
    pub upper_factors: [f64; 3],
    /// The ends of the 90 % intervals over the estimate.
    pub intervals: [(f64, f64); 3],
    pub rows: Vec<Row>,
    pub capacities: Vec<Capacity>,
}

impl HeldOut {
    /// How many rows the 90 % interval of each target covers.
    pub fn covered(&self) -> [usize; 3] {
        [0, 1, 2].map(|target| {
            let (low, high) = self.intervals[target];
            let ratios = self.rows.iter().filter_map(|row| row.ratio(target));
            ratios.filter(|ratio| (low..=high).contains(ratio)).count()
        })
    }
}

/// One benchmark and its estimate.
pub struct Row {
    /// Offered rate over the highest that was steady.
    pub load: f64,
    pub benchmark: [f64; 3],
    /// `None` where the law takes the rate for more than saturation.
    pub estimated: Option<Estimated>,
}

impl Row {
    /// Benchmark over estimate.
    pub fn ratio(&self, target: usize) -> Option<f64> {
        Some(self.benchmark[target] / self.estimated?.p95s[target])
    }

    /// |estimate / benchmark - 1|.
    pub fn error(&self, target: usize) -> f64 {
        self.estimated.map_or(f64::INFINITY, |estimated| {
            (estimated.p95s[target] / self.benchmark[target] - 1.0).abs()
        })
    }

    /// Whether all three benchmarks are below the joint upper bound.
    pub fn is_below_upper(&self) -> bool {
        self.estimated.is_none_or(|estimated| {
            let mut pairs = self.benchmark.iter().zip(estimated.upper);
            pairs.all(|(benchmark, upper)| *benchmark <= upper)
        })
    }
}

/// The highest benchmarked rate up to which all comply with the targets of an experience class.
pub struct Capacity {
    pub class: ExperienceClass,
    /// By the benchmarks; 0 where none complies.
    pub known: f64,
    /// By the estimates.
    pub by_point: f64,
    /// By the joint upper bounds, at no more load than R13 allows.
    pub by_upper: f64,
}

/// Every configuration under `held_out`.
pub fn of_profile(rows: &[Benchmark], held_out: TrafficProfile) -> Vec<HeldOut> {
    let fitted = rows.iter().filter(|row| FITTED.contains(&row.profile));
    let fitted: SharedBenchmarks = fitted.collect();
    let estimator = Estimator::new(&fitted, &EvidencePolicy::default(), Timestamp::MIN);
    let configurations = estimator.configurations().filter_map(|configuration| {
        let estimate = estimator.regardless(configuration, held_out).ok()?;
        let intervals = estimator.intervals(configuration)?;
        let mut ladder: Vec<_> = rows
            .iter()
            .filter(|row| row.profile == held_out && row.configuration == *configuration)
            .collect();
        ladder.sort_by(|a, b| a.offered_rps.total_cmp(&b.offered_rps));
        let steady = || ladder.iter().filter(|row| !row.bounds_only);
        let highest_rps = steady().next_back()?.offered_rps;
        let compared = |row: &&Benchmark| Row {
            load: row.offered_rps / highest_rps,
            benchmark: p95s(row),
            estimated: estimate.at_any_load(row.offered_rps),
        };
        Some(HeldOut {
            class: Class::of(&configuration.model),
            configuration: configuration.clone(),
            law_holds: estimate.law_holds,
            refusal: estimator.estimate(configuration, held_out).err(),
            own_errors: estimate.errors,
            upper_factors: estimate.upper_factors,
            intervals,
            rows: steady().map(compared).collect(),
            capacities: capacities(&ladder, &estimate, held_out),
        })
    });
    configurations.collect()
}

fn p95s(row: &Benchmark) -> [f64; 3] {
    Target::ALL.map(|target| target.latency(row).p95_ms.unwrap_or(f64::NAN))
}

/// Only where the ladder shows where the capacity ends, so that an estimate can be above it.
fn capacities(
    ladder: &[&Benchmark],
    estimate: &Estimate,
    profile: TrafficProfile,
) -> Vec<Capacity> {
    let of_class = |class: ExperienceClass| {
        let (ttft, itl) = class.ttft_and_itl_p95_ms();
        let output = f64::from(profile.output_tokens);
        let long = output + 1.645 * output / 4.0;
        let (ttft, itl) = (f64::from(ttft), f64::from(itl));
        let targets = [ttft, itl, ttft + long * itl];
        let complies = |p95s: [f64; 3]| p95s.iter().zip(targets).all(|(p95, most)| *p95 <= most);
        let highest = |complies: &dyn Fn(&Benchmark) -> bool| {
            let compliant = ladder.iter().take_while(|row| complies(row));
            compliant.last().map_or(0.0, |row| row.offered_rps)
        };
        let estimated = |row: &Benchmark| estimate.at_any_load(row.offered_rps);
        let capacity = Capacity {
            class,
            known: highest(&|row| complies(p95s(row))),
            by_point: highest(&|row| estimated(row).is_some_and(|it| complies(it.p95s))),
            by_upper: highest(&|row| {
                let allowed = estimate.at(row.offered_rps);
                allowed.is_ok_and(|it| complies(it.upper))
            }),
        };
        let ends = capacity.known < ladder.last()?.offered_rps;
        let says_something = capacity.known > 0.0 || capacity.by_point > 0.0;
        (ends && says_something).then_some(capacity)
    };
    CLASSES.into_iter().filter_map(of_class).collect()
}
