//! R8, `hardware.availableOnly`: what a cluster has room for now.

use std::collections::BTreeMap;

use crate::benchmark::{HardwareName, ModelName};

/// What a cluster can place, as far as somebody could look. Where nothing is known there is room for
/// everything, and `unchecked` says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Availability {
    /// Replicas that nodes have room for, by hardware; hardware that is not here has no node. `None`
    /// where the nodes are not known.
    pub nodes: Option<BTreeMap<HardwareName, BySize>>,
    /// GPUs that quotas leave, by hardware; hardware that is not here has no quota.
    pub quotas: BTreeMap<HardwareName, Room>,
    /// What runs already, and stays where it is.
    pub placed: Option<Placed>,
    /// What could not be looked at, and why.
    pub unchecked: Vec<String>,
}

/// Replicas by their GPUs: the first are those with one.
pub type BySize = Vec<Replicas>;

/// Replicas of one size that nodes have room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// Beside all pods that are there.
    pub beside: u64,
    /// In place of this intent's pods: another decision may have what they hold.
    pub instead: u64,
}

/// GPUs of a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Room {
    /// That nobody holds.
    pub free: u64,
    /// That pods of this intent hold: another decision may have them.
    pub own: u64,
}

/// A delivered decision. Other pods that take GPUs never make it one that cannot be placed (R12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Hugging Face repository.
    pub model: ModelName,
    /// Canonical hardware name.
    pub hardware: HardwareName,
    /// GPUs of one replica.
    pub gpus_per_replica: i32,
    /// Replicas.
    pub replicas: i32,
}

impl Placed {
    /// Whether it is of this model on this hardware.
    pub fn is(&self, (model, hardware, gpus): (&ModelName, &HardwareName, i32)) -> bool {
        (&self.model, &self.hardware, self.gpus_per_replica) == (model, hardware, gpus)
    }
}

impl Availability {
    /// Replicas that there is room for: no more than nodes have, and than a quota lets in.
    pub fn replicas(&self, place: (&ModelName, &HardwareName, i32)) -> i64 {
        match &self.placed {
            Some(placed) if placed.is(place) => self.replicas_of_placed(placed),
            _ => self.replicas_of_another(place.1, place.2),
        }
    }

    /// The same for what runs: its replicas, and what there is room for beside them.
    pub(super) fn replicas_of_placed(&self, placed: &Placed) -> i64 {
        let (hardware, gpus) = (&placed.hardware, placed.gpus_per_replica);
        let more = self.least(hardware, gpus, |it| it.beside, |it| it.free);
        i64::from(placed.replicas).saturating_add(more)
    }

    /// The same for anything else.
    pub(super) fn replicas_of_another(&self, hardware: &HardwareName, gpus: i32) -> i64 {
        let left = |quota: &Room| quota.free.saturating_add(quota.own);
        self.least(hardware, gpus, |it| it.instead, left)
    }

    fn least(
        &self,
        hardware: &HardwareName,
        gpus: i32,
        on_nodes: fn(&Replicas) -> u64,
        in_quota: impl Fn(&Room) -> u64,
    ) -> i64 {
        let gpus = u64::try_from(gpus).unwrap_or(0).max(1);
        let by_nodes = self.nodes.as_ref().map_or(u64::MAX, |nodes| {
            let size = usize::try_from(gpus - 1).unwrap_or(usize::MAX);
            let of_size = nodes.get(hardware).and_then(|by_size| by_size.get(size));
            of_size.map_or(0, on_nodes)
        });
        let quota = self.quotas.get(hardware);
        let by_quota = quota.map_or(u64::MAX, |quota| in_quota(quota) / gpus);
        i64::try_from(by_nodes.min(by_quota)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(free: u64, own: u64) -> Room {
        Room { free, own }
    }

    /// Two nodes with three H100 free, one with one free and four of one's own.
    fn availability() -> Availability {
        let by_size = [(7, 11), (2, 4), (2, 3), (0, 1)];
        let by_size = by_size.map(|(beside, instead)| Replicas { beside, instead });
        Availability {
            nodes: Some([(HardwareName::new("H100"), by_size.to_vec())].into()),
            ..Availability::default()
        }
    }

    fn replicas(availability: &Availability, hardware: &str, gpus: i32) -> i64 {
        availability.replicas((&ModelName::new("a/b"), &HardwareName::new(hardware), gpus))
    }

    #[test]
    fn a_size_that_no_node_holds_has_no_room() {
        let here = availability();
        assert_eq!(replicas(&here, "H100", 1), 11);
        assert_eq!(replicas(&here, "H100", 2), 4);
        assert_eq!(replicas(&here, "H100", 4), 1);
        assert_eq!(replicas(&here, "H100", 8), 0);
        assert_eq!(replicas(&here, "L40S", 1), 0);
    }

    #[test]
    fn a_quota_counts_over_all_nodes() {
        let mut here = availability();
        here.quotas.insert(HardwareName::new("H100"), room(1, 4));
        assert_eq!(replicas(&here, "H100", 1), 5);
        assert_eq!(replicas(&here, "H100", 2), 2);
        here.nodes = None;
        assert_eq!(replicas(&here, "H100", 2), 2);
        assert_eq!(replicas(&here, "L40S", 2), i64::MAX, "nobody could look");
    }

    #[test]
    fn what_runs_stays_placed_whoever_takes_gpus() {
        let placed = Placed {
            model: ModelName::new("a/b"),
            hardware: HardwareName::new("H100"),
            gpus_per_replica: 2,
            replicas: 3,
        };
        let mut here = Availability {
            placed: Some(placed),
            ..availability()
        };
        assert_eq!(replicas(&here, "H100", 2), 3 + 2);
        assert_eq!(
            replicas(&here, "H100", 4),
            1,
            "another decision takes its place"
        );
        here.nodes = Some(BTreeMap::new());
        here.quotas
            .insert(HardwareName::new("H100"), Room::default());
        assert_eq!(replicas(&here, "H100", 2), 3);
    }
}
