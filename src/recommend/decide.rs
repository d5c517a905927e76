//! The decision itself: judge every configuration, rank what complies, explain the rest.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::account::{self, Account};
use super::capacity::CapacityBound;
use super::compliance::{self, Bounds, Strength};
use super::cost;
use super::decision::{self, Candidate, Caveat, Decision, OtherObjective, Plan};
use super::digest::{Basis, Digest};
use super::field::{self, Field, Standing};
use super::ladder::Row;
use super::requirement::Requirement;
use super::sizing::Sized;
use super::{break_even, explanation, placement, settlement, steps};
use crate::api::Objective;
use crate::benchmark::plausibility::contradicts_itself;
use crate::benchmark::{Evidence, EvidenceKind, ValidationClass};
use crate::catalog::Catalog;

/// Alternatives shown beside the recommendation.
pub(super) const ALTERNATIVES: usize = 5;

/// How much slower every p95 is taken to be when fragility is asked for (R10), percent.
const FRAGILITY_PERCENT: f64 = 10.0;

/// Decides what meets the requirement best, on this evidence (R2-R11).
pub fn decide(
    requirement: Requirement,
    evidence: &Evidence,
    catalog: &Catalog,
    now: Timestamp,
) -> Decision {
    let field = Field::new(&requirement, &evidence.benchmarks, catalog, now);
    let standings = field.judge(&requirement.slo);
    let ranked = field.ranked(&standings);
    let best = ranked.first().copied();
    let mut explanation = explanation::explain(&field, &standings, best, &evidence.profiles);
    if best.is_none() {
        explanation.lifted.extend(steps::evidence_lifted(
            &requirement,
            &evidence.benchmarks,
            catalog,
            now,
        ));
    }
    let recommendation = best.map(|best| pinned(&field, best));
    let alternatives = alternatives(&field, &ranked);
    let other_objectives = other_objectives(&field, &standings);
    let settlement = best.map(|best| settlement::settle(&field, best, &standings));
    let placement = placement::placement(&field, &standings, best);
    let break_even = best.and_then(|best| break_even::break_even(&field, best, &standings));
    Decision {
        requirement,
        recommendation,
        alternatives,
        other_objectives,
        settlement,
        break_even,
        placement,
        explanation,
    }
}

/// The next best on other places than the first one's (R9).
pub(super) fn alternatives(field: &Field, ranked: &[&Sized]) -> Vec<Candidate> {
    let mut firsts: Vec<&Sized> = Vec::with_capacity(ALTERNATIVES + 1);
    for way in ranked {
        let place = way.configuration.place();
        if firsts.iter().all(|it| it.configuration.place() != place) {
            firsts.push(way);
        }
        if firsts.len() > ALTERNATIVES {
            break;
        }
    }
    let others = firsts.iter().skip(1);
    others.map(|way| unpinned(field, way)).collect()
}

/// A way without the digest of what it rests on.
pub(super) fn unpinned(field: &Field, sized: &Sized) -> Candidate {
    candidate(field, sized, &backing_rows(sized))
}

/// A way with the digest of what it rests on (R11).
pub(super) fn pinned(field: &Field, sized: &Sized) -> Candidate {
    let backing = backing_rows(sized);
    Candidate {
        digest: Some(digest(field, sized, &backing)),
        ..candidate(field, sized, &backing)
    }
}

/// What became of each configuration with rows for the profile, in their order (R10).
pub fn account(
    requirement: &Requirement,
    evidence: &Evidence,
    catalog: &Catalog,
    now: Timestamp,
) -> Vec<Account> {
    let field = Field::new(requirement, &evidence.benchmarks, catalog, now);
    account::accounts(&field, &field.judge(&requirement.slo))
}

fn other_objectives(field: &Field, standings: &[Standing]) -> Vec<OtherObjective> {
    Objective::ALL
        .into_iter()
        .filter(|objective| *objective != field.requirement.objective)
        .filter_map(|objective| {
            let first = field.first(objective, standings)?;
            Some(OtherObjective {
                objective,
                plan: Plan::of(first),
                worst_ratio: first.rank.worst_ratio,
                quality: first.quality,
            })
        })
        .collect()
}

fn candidate(field: &Field, sized: &Sized, backing: &[Row]) -> Candidate {
    let requirement = field.requirement;
    let bounds = field.bounds();
    let operating_row = sized.operating_row.benchmark();
    let p95s = sized
        .operating_row
        .p95s()
        .expect("an operating row complies, so it has p95s");
    let (worst_ratio, binding_target) = bounds.worst_ratio(&p95s);
    let strength = compliance::strength(&operating_row, &bounds);
    let slower = field::capacity_under(sized, &bounds.if_slower_by(FRAGILITY_PERCENT));
    let hardware = field.catalog.hardware(&sized.configuration.hardware);
    let demand = requirement.demand.as_ref();
    Candidate {
        configuration: sized.configuration.clone(),
        kind: sized.ladder.kind,
        source: sized.ladder.source.to_owned(),
        capacity: sized.capacity.clone(),
        newest_benchmark: newest(sized, backing),
        operating_row,
        strength,
        worst_ratio,
        binding_target,
        replicas: sized.replicas,
        gpus: sized.gpus,
        quality: sized.quality,
        cost_per_hour: sized.cost_per_hour,
        whole_node_cost_per_hour: cost::whole_nodes_per_hour(
            hardware,
            sized.replicas,
            sized.configuration.hardware_count,
        ),
        capacity_if_slower: slower.map(|capacity| capacity.rps),
        survives_loss_of_one_replica: demand.map(|demand| {
            sized.capacity.rps * Decimal::from(sized.replicas - 1) >= demand.requests_per_second
        }),
        caveats: caveats(field, sized, backing, strength),
        digest: None,
    }
}

fn caveats(field: &Field, sized: &Sized, backing: &[Row], strength: Strength) -> Vec<Caveat> {
    let requirement = field.requirement;
    let constraints = &requirement.constraints;
    let quality_is_asked_for = constraints.minimum_quality.is_some()
        || !constraints.allowed_models.is_empty()
        || matches!(
            requirement.objective,
            Objective::Quality | Objective::Balanced
        );
    let model = field.catalog.model(&sized.configuration.model);
    let validation = |class| {
        backing
            .iter()
            .any(|row| row.validation_class == Some(class))
    };
    let unvalidated = validation(ValidationClass::None);
    [
        (
            sized.ladder.kind == EvidenceKind::Simulated,
            Caveat::SimulatedEvidence,
        ),
        (
            sized.ladder.kind == EvidenceKind::Estimated,
            Caveat::EstimatedEvidence,
        ),
        (unvalidated, Caveat::NotValidated),
        (
            !unvalidated && validation(ValidationClass::Weak),
            Caveat::WeaklyValidated,
        ),
        (
            sized.configuration.engine.has_more_than_is_reproduced(),
            Caveat::ArgumentsNotReproduced,
        ),
        (
            sized.capacity.bound == CapacityBound::AtLeast,
            Caveat::CapacityIsLowerBound,
        ),
        (sized.capacity.non_monotonic, Caveat::NonMonotonicLadder),
        (
            runs_disagree(sized, backing, &field.bounds()),
            Caveat::RunsDisagree,
        ),
        (
            backing.iter().any(|row| contradicts_itself(row)),
            Caveat::ContradictoryRow,
        ),
        (strength == Strength::Marginal, Caveat::Marginal),
        (
            // An estimate has a bound of its own instead (R13).
            strength == Strength::Unknown && sized.ladder.kind != EvidenceKind::Estimated,
            Caveat::StrengthUnknown,
        ),
        (
            backing.iter().any(|row| !row.served_is_known()),
            Caveat::ServedRateUnverified,
        ),
        (!quality_is_asked_for, Caveat::QualityNotConsidered),
        (
            constraints.guess_availability(),
            Caveat::AvailabilityUnchecked,
        ),
        (sized.cost_per_hour.is_none(), Caveat::PriceUnknown),
        (requirement.demand.is_none(), Caveat::NoDemand),
        (model.is_some_and(|model| model.gated), Caveat::GatedModel),
    ]
    .into_iter()
    .filter_map(|(holds, caveat)| holds.then_some(caveat))
    .collect()
}

/// Whether a steady run met the targets at the rate whose failure cut the ladder.
fn runs_disagree(sized: &Sized, backing: &[Row], bounds: &Bounds) -> bool {
    let ladder = &sized.ladder;
    let cut_by = sized.capacity.cut_by;
    let Some(cut) = backing.iter().find(|row| Some(row.id) == cut_by) else {
        return false;
    };
    ladder.rows().any(|row| {
        row.offered_rps == cut.offered_rps
            && row.steady
            && row.p95s().is_some_and(|p95s| bounds.met_by(&p95s))
    })
}

/// When the newest row that shows that a way complies ran.
fn newest(sized: &Sized, backing: &[Row]) -> Option<Timestamp> {
    let showing = [sized.operating_row.id, sized.capacity.row];
    backing
        .iter()
        .filter(|row| showing.contains(&row.id))
        .filter_map(|row| row.measured_at())
        .max()
}

/// The rows that back a decision, by id.
fn backing_rows<'a>(sized: &Sized<'a>) -> Vec<Row<'a>> {
    let ids = decision::backing_ids(&sized.capacity, sized.operating_row.id);
    let beside = sized.ladder.beside();
    let mut rows: Vec<_> = beside.flat_map(|ladder| ladder.rows_with(&ids)).collect();
    rows.sort_by_key(|row| row.id);
    rows
}

fn digest(field: &Field, sized: &Sized, backing: &[Row]) -> Digest {
    let backing: Vec<_> = backing.iter().map(Row::benchmark).collect();
    let hardware = field.catalog.hardware(&sized.configuration.hardware);
    Basis {
        requirement: field.requirement,
        backing: &backing,
        replicas: sized.replicas,
        usd_per_gpu_hour: hardware
            .and_then(|hardware| hardware.price.as_ref())
            .map(|price| price.usd_per_gpu_hour.normalize()),
        quality: sized.quality,
    }
    .digest()
}

#[cfg(test)]
mod tests;
