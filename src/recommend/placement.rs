//! What of an answer the cluster can place: "best if you had ...; best here ...".

use std::collections::BTreeSet;

use serde::Serialize;

use super::availability::Availability;
use super::constraints::Constraint;
use super::decision::Plan;
use super::field::{Field, Standing};
use super::ranking;
use super::sizing::Sized;
use crate::benchmark::HardwareName;

/// What of an answer a cluster can place.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Placement {
    /// Replicas of the recommendation that there is room for; `None` where nothing complies.
    pub room: Option<i64>,
    /// Where that is less than it needs: the best that can be placed.
    pub best_here: Option<Plan>,
    /// What could not be looked at, and why.
    pub unchecked: Vec<String>,
    /// What the answer depends on.
    #[serde(skip)]
    pub thresholds: Thresholds,
}

/// How many replicas of which size the ways to meet the requirement need: an answer can only change
/// with the availability where one of them can be placed now and could not before, or the other way
/// round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Hardware, GPUs of a replica and replicas.
    sizes: BTreeSet<(HardwareName, i32, i32)>,
    /// Replicas of what runs.
    of_placed: BTreeSet<i32>,
}

impl Thresholds {
    fn of(ways: &[&Sized], availability: &Availability) -> Self {
        let mut thresholds = Self::default();
        for way in ways {
            let (_, hardware, gpus) = way.configuration.place();
            let placed = availability.placed.as_ref();
            if placed.is_some_and(|placed| placed.is(way.configuration.place())) {
                thresholds.of_placed.insert(way.replicas);
            } else {
                let size = (hardware.clone(), gpus, way.replicas);
                thresholds.sizes.insert(size);
            }
        }
        thresholds
    }

    /// Which of them can be placed.
    pub fn reached(&self, availability: &Availability) -> Vec<bool> {
        let sizes = self.sizes.iter().map(|(hardware, gpus, replicas)| {
            availability.replicas_of_another(hardware, *gpus) >= i64::from(*replicas)
        });
        let placed = availability.placed.as_ref();
        let room = placed.map_or(0, |placed| availability.replicas_of_placed(placed));
        let of_placed = self
            .of_placed
            .iter()
            .map(|replicas| room >= i64::from(*replicas));
        sizes.chain(of_placed).collect()
    }
}

/// What of the answer can be placed; `None` where nobody looked at a cluster.
pub(super) fn placement(
    field: &Field,
    standings: &[Standing],
    winner: Option<&Sized>,
) -> Option<Placement> {
    let availability = field.requirement.constraints.availability.as_deref()?;
    // What room alone keeps out, too.
    let ways: Vec<&Sized> = standings
        .iter()
        .flat_map(|standing| &standing.ways)
        .filter(|way| way.broken.is_empty() || way.broken.is_only(Constraint::Room))
        .collect();
    let room = |way: &Sized| availability.replicas(way.configuration.place());
    let fits = |way: &Sized| room(way) >= i64::from(way.replicas);
    let best_here = winner.filter(|winner| !fits(winner)).and_then(|_| {
        let here: Vec<_> = ways.iter().copied().filter(|way| fits(way)).collect();
        let cheapest = ranking::cheapest(here.iter().map(|way| &way.rank));
        let order = ranking::order(field.requirement.objective, field.requirement, cheapest);
        here.into_iter().min_by(|a, b| order(&a.rank, &b.rank))
    });
    Some(Placement {
        room: winner.map(room),
        best_here: best_here.map(Plan::of),
        unchecked: availability.unchecked.clone(),
        thresholds: Thresholds::of(&ways, availability),
    })
}
