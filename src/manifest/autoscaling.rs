//! How many replicas an autoscaler may run, and when it adds one.
//!
//! It scales on the requests in flight, running and waiting, of a replica. The rate of finished
//! requests would never exceed what the replicas can finish, however many wait; and it would not
//! tell requests that are longer than the profile's.

use rust_decimal::Decimal;

use super::budget;
use super::horizontal_pod_autoscaler::horizontal_pod_autoscaler;
use super::note::Note;
use super::object::Object;
use super::plan::Plan;
use super::scaled_object::scaled_object;
use crate::api::{AutoscalerKind, AutoscalingSpec};
use crate::recommend::{Demand, MicroDollars};

/// The longest that an autoscaler waits before it takes a replica away, seconds.
const LONGEST_STABILIZATION_S: i32 = 3600;

/// How an autoscaler scales.
pub(super) struct Autoscaling<'a> {
    pub(super) spec: &'a AutoscalingSpec,
    /// Those of the recommendation: what the demand with headroom needs, and the spare ones.
    pub(super) min_replicas: i32,
    pub(super) max_replicas: i32,
    /// Requests in flight of one replica above which there are too few replicas, in tenths.
    pub(super) in_flight_tenths: i64,
    /// A replica is not given up in less time than it takes to get it back, seconds.
    pub(super) scale_down_stabilization_s: i32,
}

/// How the intent's autoscaler scales; `None` where it asks for none, or where the benchmark does
/// not tell how many requests are in flight.
pub(super) fn autoscaling<'a>(plan: &Plan<'a>) -> Option<Autoscaling<'a>> {
    let spec = plan.runtime?.autoscaling.as_ref()?;
    let start_s =
        budget::startup_failures(plan.weight_bytes).saturating_mul(budget::STARTUP_PERIOD_S);
    Some(Autoscaling {
        spec,
        min_replicas: plan.candidate.replicas,
        max_replicas: max_replicas(plan, spec).0,
        in_flight_tenths: in_flight_tenths(plan)?,
        scale_down_stabilization_s: start_s.min(LONGEST_STABILIZATION_S),
    })
}

/// The object that scales.
pub(super) fn autoscaler(plan: &Plan<'_>) -> Option<Object> {
    let autoscaling = autoscaling(plan)?;
    Some(match autoscaling.spec.kind {
        AutoscalerKind::HorizontalPodAutoscaler => horizontal_pod_autoscaler(plan, &autoscaling),
        AutoscalerKind::ScaledObject => scaled_object(plan, &autoscaling),
    })
}

pub(super) fn notes(plan: &Plan<'_>) -> Vec<Note> {
    let Some(spec) = plan
        .runtime
        .and_then(|runtime| runtime.autoscaling.as_ref())
    else {
        return Vec::new();
    };
    if in_flight_tenths(plan).is_none() {
        let benchmark = plan.candidate.operating_row.id.to_string();
        return vec![Note::NoAutoscaler { benchmark }];
    }
    max_replicas(plan, spec).1.into_iter().collect()
}

/// By Little's law, requests in flight are their rate x their mean time: those of the operating
/// row, less the headroom. That row's rate holds the demand with headroom, and at lower rates
/// requests take no longer, so the planned demand alone adds no replica.
fn in_flight_tenths(plan: &Plan<'_>) -> Option<i64> {
    let row = &plan.candidate.operating_row;
    let mean_s = row
        .e2e
        .mean_ms
        .filter(|mean| mean.is_finite() && *mean > 0.0)?
        / 1000.0;
    let rps = row
        .served_rps
        .unwrap_or(row.offered_rps)
        .min(row.offered_rps);
    let headroom_percent = plan
        .requirement
        .demand
        .as_ref()
        .map_or(Demand::DEFAULT_HEADROOM_PERCENT, |demand| {
            demand.headroom_percent
        });
    let in_flight = rps * mean_s / (1.0 + f64::from(headroom_percent) / 100.0);
    Some(((in_flight * 10.0).floor() as i64).max(10))
}

/// Twice the recommendation's replicas or what the intent asks, within the intent's limits; never
/// fewer than the demand needs.
fn max_replicas(plan: &Plan<'_>, spec: &AutoscalingSpec) -> (i32, Option<Note>) {
    let replicas = plan.candidate.replicas;
    let wanted = spec.max_replicas.unwrap_or(replicas.saturating_mul(2));
    if wanted < replicas {
        return (replicas, Some(Note::MaxReplicasTooFew { wanted, replicas }));
    }
    match limit(plan) {
        Some((limit, most)) if wanted > most => {
            // The recommendation itself is within the limits.
            let max = most.max(replicas);
            (max, Some(Note::MaxReplicasLimited { limit, wanted, max }))
        }
        _ => (wanted, None),
    }
}

/// The tighter limit of the intent, and the replicas that it allows.
fn limit(plan: &Plan<'_>) -> Option<(&'static str, i32)> {
    let constraints = &plan.requirement.constraints;
    let gpus = constraints
        .max_gpus
        .map(|most| ("hardware.maxGpus", i128::from(most) / i128::from(plan.gpus)));
    let cost = constraints
        .max_cost_per_hour
        .and_then(|most| Some(("hardware.maxCostPerHour", affordable(plan, most)?)));
    let (limit, most) = gpus.into_iter().chain(cost).min_by_key(|(_, most)| *most)?;
    Some((limit, i32::try_from(most).unwrap_or(i32::MAX)))
}

fn affordable(plan: &Plan<'_>, max_cost_per_hour: Decimal) -> Option<i128> {
    let cost_of_all = plan.candidate.cost_per_hour?.0;
    let cost = cost_of_all / i128::from(plan.candidate.replicas);
    MicroDollars::of(max_cost_per_hour).0.checked_div(cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::test_support::Example;
    use crate::recommend::test_support::requirement;

    fn example(autoscaling: &str) -> Example {
        let mut example = Example::default();
        example.runtime.autoscaling = Some(serde_saphyr::from_str(autoscaling).unwrap());
        example
    }

    fn range(example: &Example) -> (i32, i32) {
        let plan = example.plan();
        let autoscaling = autoscaling(&plan).unwrap();
        (autoscaling.min_replicas, autoscaling.max_replicas)
    }

    #[test]
    fn never_fewer_than_the_demand_needs_and_by_default_twice_as_many() {
        assert_eq!(range(&example("{}")), (3, 6));
        assert_eq!(range(&example("{maxReplicas: 10}")), (3, 10));
        let few = example("{maxReplicas: 2}");
        assert_eq!(range(&few), (3, 3));
        assert_eq!(
            notes(&few.plan()),
            [Note::MaxReplicasTooFew {
                wanted: 2,
                replicas: 3
            }]
        );
        assert!(notes(&example("{}").plan()).is_empty());
    }

    #[test]
    fn the_limits_of_the_intent_hold_for_the_autoscaler_too() {
        let limited = |hardware: &str| {
            let mut example = example("{}");
            example.requirement = requirement(&format!(
                "{{useCase: chatbot_conversational, hardware: {hardware}}}"
            ));
            // Three replicas of 2 GPUs at $2.50.
            example.candidate.cost_per_hour = Some(MicroDollars(15_000_000));
            let notes = notes(&example.plan());
            (range(&example).1, notes.first().map(ToString::to_string))
        };
        assert_eq!(limited("{maxGpus: 12}"), (6, None));
        let (max, note) = limited("{maxGpus: 9}");
        assert_eq!(max, 4);
        assert_eq!(
            note.unwrap(),
            "the autoscaler may run 4 replicas, not 6: hardware.maxGpus allows no more"
        );
        let (max, note) = limited("{maxCostPerHour: '24.99', maxGpus: 10}");
        assert_eq!(max, 4);
        assert!(note.unwrap().contains("hardware.maxCostPerHour"));
        assert_eq!(limited("{maxCostPerHour: 15}").0, 3);
    }

    #[test]
    fn the_planned_demand_alone_adds_no_replica() {
        // 5 requests/s x 3.25 s / 1.2.
        let example = example("{}");
        let plan = example.plan();
        assert_eq!(autoscaling(&plan).unwrap().in_flight_tenths, 135);
        // The start takes 1,260 s at most.
        assert_eq!(autoscaling(&plan).unwrap().scale_down_stabilization_s, 1260);
    }

    #[test]
    fn without_a_mean_latency_nothing_scales() {
        for mean in [None, Some(f64::NAN), Some(0.0), Some(f64::INFINITY)] {
            let mut example = example("{}");
            example.candidate.operating_row.e2e.mean_ms = mean;
            assert!(autoscaling(&example.plan()).is_none());
            assert!(autoscaler(&example.plan()).is_none());
            assert!(matches!(
                notes(&example.plan())[..],
                [Note::NoAutoscaler { .. }]
            ));
            let replicas = crate::manifest::deployment::deployment(&example.plan())
                .spec
                .unwrap()
                .replicas;
            assert_eq!(replicas, Some(3));
        }
    }

    #[test]
    fn the_yaml_leaves_the_replicas_to_the_autoscaler() {
        let example = example("{}");
        let deployment = crate::manifest::deployment::deployment(&example.plan());
        assert_eq!(deployment.spec.unwrap().replicas, None);
    }
}
