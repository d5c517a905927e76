//! What of an answer the cluster can place: "best if you had ...; best here ...".

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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
    /// With which other availabilities the answer is the same.
    #[serde(skip)]
    pub thresholds: Thresholds,
}

/// The availabilities with which an answer stays as it is. It can only change where a way to meet the
/// requirement can be placed and could not before, or the other way round: where the room for
/// replicas of some size leaves its range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// Hardware, GPUs of a replica, and replicas that there may be room for.
    sizes: Box<[(HardwareName, i32, RangeInclusive<i64>)]>,
    /// Replicas of what runs.
    of_placed: Option<RangeInclusive<i64>>,
}

impl Thresholds {
    fn of(ways: &[&Sized], availability: &Availability) -> Self {
        let placed = availability.placed.as_ref();
        let is_placed = |way: &&&Sized| placed.is_some_and(|it| it.is(way.configuration.place()));
        let (of_placed, others): (Vec<&Sized>, Vec<&Sized>) = ways.iter().partition(is_placed);
        let mut needs: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        for way in others {
            let (_, hardware, gpus) = way.configuration.place();
            needs
                .entry((hardware, gpus))
                .or_default()
                .push(way.replicas);
        }
        let sizes = needs.into_iter().map(|((hardware, gpus), replicas)| {
            let room = availability.replicas_of_another(hardware, gpus);
            (hardware.clone(), gpus, around(room, replicas.into_iter()))
        });
        let of_placed = placed.filter(|_| !of_placed.is_empty()).map(|placed| {
            let replicas = of_placed.iter().map(|way| way.replicas);
            around(availability.replicas_of_placed(placed), replicas)
        });
        Self {
            sizes: sizes.collect(),
            of_placed,
        }
    }

    /// Whether the answer stays.
    pub fn hold(&self, availability: &Availability) -> bool {
        let sizes = || {
            self.sizes.iter().all(|(hardware, gpus, room)| {
                room.contains(&availability.replicas_of_another(hardware, *gpus))
            })
        };
        let of_placed = self.of_placed.as_ref().is_none_or(|room| {
            let placed = availability.placed.as_ref();
            room.contains(&placed.map_or(0, |placed| availability.replicas_of_placed(placed)))
        });
        of_placed && sizes()
    }
}

/// The rooms that admit the same of these needs as `room` does.
fn around(room: i64, needs: impl Iterator<Item = i32> + Clone) -> RangeInclusive<i64> {
    let needs = needs.map(i64::from);
    let admitted = needs.clone().filter(|need| *need <= room).max();
    let not_admitted = needs.filter(|need| *need > room).min();
    admitted.unwrap_or(i64::MIN)..=not_admitted.map_or(i64::MAX, |need| need - 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_stands_for_all_that_admit_the_same() {
        for room in 0..12 {
            let needs = [3, 7, 3, 9];
            let admitted = |room: i64| needs.map(|need| i64::from(need) <= room);
            let same = around(room, needs.into_iter());
            for other in 0..12 {
                assert_eq!(
                    same.contains(&other),
                    admitted(other) == admitted(room),
                    "{room}, {other}"
                );
            }
        }
        assert!(around(5, [].into_iter()).contains(&0));
        // Where nobody could look.
        assert!(around(i64::MAX, [3].into_iter()).contains(&i64::MAX));
    }
}
