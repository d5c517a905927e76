//! What is kept in memory of the knowledge base: all of it of one snapshot. Pure.

use std::collections::{BTreeMap, HashMap};

use super::changes::{Place, Token};
use crate::benchmark::{Evidence, ProfileCount, SharedBenchmarks, TrafficProfile};

/// Rows by the place under which the index of the table knows them.
pub(super) type Rows = BTreeMap<Place, SharedBenchmarks>;

/// Profiles with their counts, and the rows of some of them.
#[derive(Debug)]
pub(super) struct Kept {
    /// The snapshot.
    pub(super) token: Token,
    counts: BTreeMap<TrafficProfile, i64>,
    profiles: HashMap<TrafficProfile, KeptProfile>,
    uses: u64,
}

/// Rows of one profile.
#[derive(Debug, Default)]
struct KeptProfile {
    /// All of them, once they were asked for.
    all: Option<SharedBenchmarks>,
    /// The same by place, or only those places that were asked for.
    places: Rows,
    last_use: u64,
}

impl KeptProfile {
    /// A place without rows takes memory too.
    fn size(&self) -> usize {
        let rows: usize = self.places.values().map(SharedBenchmarks::len).sum();
        rows + self.places.len()
    }

    /// Makes the whole of the places, and returns how many rows it has.
    fn put_together(&mut self) -> i64 {
        let places = self.places.values().flat_map(SharedBenchmarks::places);
        let all = SharedBenchmarks::merge(places.cloned());
        let rows = all.len() as i64;
        self.all = Some(all);
        rows
    }
}

impl Kept {
    pub(super) fn new(token: Token, counts: BTreeMap<TrafficProfile, i64>) -> Self {
        Self {
            token,
            counts,
            profiles: HashMap::new(),
            uses: 0,
        }
    }

    /// Every profile that has rows.
    pub(super) fn counts(&self) -> &BTreeMap<TrafficProfile, i64> {
        &self.counts
    }

    /// All of a profile; `None` where it is to be read first.
    pub(super) fn evidence(&mut self, profile: TrafficProfile) -> Option<Evidence> {
        let benchmarks = self.used(profile)?.all.clone()?;
        let count = |(&profile, &rows)| ProfileCount { profile, rows };
        Some(Evidence {
            benchmarks,
            profiles: self.counts.iter().map(count).collect(),
        })
    }

    /// All of a profile, and the rows of every other; `None` where some are to be read first.
    pub(super) fn every_profile(
        &mut self,
        profile: TrafficProfile,
    ) -> Option<(Evidence, Vec<SharedBenchmarks>)> {
        let evidence = self.evidence(profile)?;
        let others: Vec<_> = self.counts.keys().copied().collect();
        let others = others.into_iter().filter(|other| *other != profile);
        let rows = others.map(|other| self.used(other)?.all.clone());
        Some((evidence, rows.collect::<Option<_>>()?))
    }

    /// The rows of one place; `None` where they are to be read first.
    pub(super) fn place(
        &mut self,
        profile: TrafficProfile,
        place: &Place,
    ) -> Option<SharedBenchmarks> {
        let kept = self.used(profile)?;
        let rows = kept.places.get(place).cloned();
        rows.or_else(|| kept.all.is_some().then(SharedBenchmarks::default))
    }

    fn used(&mut self, profile: TrafficProfile) -> Option<&KeptProfile> {
        self.uses += 1;
        let kept = self.profiles.get_mut(&profile)?;
        kept.last_use = self.uses;
        Some(kept)
    }

    /// Whether all rows of a profile are kept, so that they need not be counted.
    pub(super) fn is_whole(&self, profile: TrafficProfile) -> bool {
        self.profiles
            .get(&profile)
            .is_some_and(|kept| kept.all.is_some())
    }

    /// Drops what is kept of places that changed, where it is not read again.
    pub(super) fn forget_places(&mut self, profile: TrafficProfile, changed: &[Place]) {
        if let Some(kept) = self.profiles.get_mut(&profile) {
            changed.iter().for_each(|place| {
                kept.places.remove(place);
            });
        }
    }

    /// Drops all rows of a profile.
    pub(super) fn forget(&mut self, profile: TrafficProfile) {
        self.profiles.remove(&profile);
    }

    /// Takes how many rows a profile has.
    pub(super) fn count(&mut self, profile: TrafficProfile, rows: i64) {
        if rows == 0 {
            self.counts.remove(&profile);
        } else {
            self.counts.insert(profile, rows);
        }
    }

    /// Takes all rows of a profile.
    pub(super) fn put_profile(&mut self, profile: TrafficProfile, rows: Rows) {
        let mut kept = KeptProfile {
            all: None,
            places: rows,
            last_use: self.uses,
        };
        self.count(profile, kept.put_together());
        self.profiles.insert(profile, kept);
    }

    /// Takes all rows of some places of a profile in place of what they had.
    pub(super) fn put_places(&mut self, profile: TrafficProfile, places: &[Place], mut rows: Rows) {
        let kept = self.profiles.entry(profile).or_default();
        for place in places {
            match (rows.remove(place), kept.all.is_some()) {
                // A whole profile tells by the lack of a place that it has no rows.
                (None, true) => kept.places.remove(place),
                (new, _) => kept.places.insert(place.clone(), new.unwrap_or_default()),
            };
        }
        if kept.all.is_some() {
            let count = kept.put_together();
            self.count(profile, count);
        }
    }

    /// Drops the profiles that were not used for longest until at most `rows` are kept.
    pub(super) fn shrink_to(&mut self, rows: usize) {
        let mut size: usize = self.profiles.values().map(KeptProfile::size).sum();
        while size > rows {
            let oldest = self.profiles.iter().min_by_key(|(_, kept)| kept.last_use);
            let Some(profile) = oldest.map(|(profile, _)| *profile) else {
                return;
            };
            size -= self.profiles.remove(&profile).map_or(0, |kept| kept.size());
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::benchmark::{
        Benchmark, Configuration, EngineSettings, EvidenceKind, HardwareName, Latency,
        LoadConditions, ModelName,
    };

    const PROFILE: TrafficProfile = TrafficProfile {
        prompt_tokens: 512,
        output_tokens: 256,
    };
    const OTHER: TrafficProfile = TrafficProfile {
        prompt_tokens: 4096,
        output_tokens: 512,
    };

    fn place(hardware: &str) -> Place {
        Place {
            model: "qwen/qwen3-32b".to_owned(),
            hardware: hardware.to_owned(),
            hardware_count: 1,
        }
    }

    fn rows<const N: usize>(rows: [(u128, &str); N]) -> Rows {
        let mut by_place: BTreeMap<_, Vec<Benchmark>> = BTreeMap::new();
        for (id, hardware) in rows {
            by_place
                .entry(place(hardware))
                .or_default()
                .push(row(id, hardware));
        }
        let shared = |(place, rows)| (place, SharedBenchmarks::from(rows));
        by_place.into_iter().map(shared).collect()
    }

    fn row(id: u128, hardware: &str) -> Benchmark {
        let latency = Latency {
            mean_ms: None,
            p95_ms: Some(1.0),
            p99_ms: None,
        };
        Benchmark {
            id: Uuid::from_u128(id),
            configuration: Configuration {
                model: ModelName::new("Qwen/Qwen3-32B"),
                hardware: HardwareName::new(hardware),
                hardware_count: 1,
                form_factor: None,
                framework: None,
                framework_version: None,
                engine: EngineSettings::default(),
            },
            profile: PROFILE,
            conditions: LoadConditions {
                arrival_process: None,
                prompt_tokens_stdev: None,
                prompt_tokens_range: (None, None),
                output_tokens_stdev: None,
                output_tokens_range: (None, None),
                prefix_sharing: None,
                itl_definition: None,
            },
            offered_rps: 1.0,
            served_rps: None,
            ttft: latency,
            itl: latency,
            e2e: latency,
            requests_completed: None,
            requests_total: None,
            kind: EvidenceKind::Measured,
            source: "lab".to_owned(),
            validation_class: None,
            bounds_only: false,
            measured_at: None,
        }
    }

    fn kept() -> Kept {
        Kept::new(Token::default(), BTreeMap::new())
    }

    fn ids(rows: &SharedBenchmarks) -> Vec<u128> {
        rows.to_vec().iter().map(|row| row.id.as_u128()).collect()
    }

    #[test]
    fn a_place_that_is_read_again_takes_the_place_of_what_it_had() {
        let mut kept = kept();
        let all = [(1, "H100"), (2, "H200"), (3, "H100"), (4, "H200")];
        kept.put_profile(PROFILE, rows(all));
        // Row 3 went to another place, row 5 is new.
        let again = rows([(3, "L40S"), (5, "H100")]);
        kept.put_places(PROFILE, &[place("H100"), place("L40S")], again);
        let evidence = kept.evidence(PROFILE).unwrap();
        assert_eq!(ids(&evidence.benchmarks), [2, 3, 4, 5]);
        assert_eq!(evidence.profiles[0].rows, 4);
        assert_eq!(ids(&kept.place(PROFILE, &place("H100")).unwrap()), [5]);
        assert_eq!(ids(&kept.place(PROFILE, &place("L40S")).unwrap()), [3]);
        assert!(kept.place(PROFILE, &place("A10G")).unwrap().is_empty());
        for hardware in ["H100", "H200", "L40S"] {
            kept.put_places(PROFILE, &[place(hardware)], Rows::new());
        }
        let evidence = kept.evidence(PROFILE).unwrap();
        assert!(evidence.benchmarks.is_empty() && evidence.profiles.is_empty());
    }

    #[test]
    fn a_place_without_its_profile_is_kept_until_it_changes() {
        let mut kept = kept();
        assert!(kept.place(PROFILE, &place("H100")).is_none());
        kept.put_places(PROFILE, &[place("H100")], rows([(1, "H100")]));
        kept.put_places(PROFILE, &[place("H200")], Rows::new());
        assert_eq!(ids(&kept.place(PROFILE, &place("H100")).unwrap()), [1]);
        assert!(kept.place(PROFILE, &place("H200")).unwrap().is_empty());
        assert!(kept.place(PROFILE, &place("L40S")).is_none());
        assert!(kept.evidence(PROFILE).is_none() && !kept.is_whole(PROFILE));
        kept.forget_places(PROFILE, &[place("H200")]);
        assert!(kept.place(PROFILE, &place("H200")).is_none());
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut kept = kept();
        kept.put_profile(PROFILE, rows([(1, "H100"), (2, "H100")]));
        kept.put_profile(OTHER, rows([(3, "H100"), (4, "H100")]));
        assert!(kept.evidence(OTHER).is_some() && kept.evidence(PROFILE).is_some());
        kept.shrink_to(6);
        assert!(kept.is_whole(OTHER) && kept.is_whole(PROFILE));
        kept.shrink_to(5);
        assert!(kept.evidence(OTHER).is_none() && kept.evidence(PROFILE).is_some());
        assert_eq!(
            kept.counts().len(),
            2,
            "how many rows there are is still known"
        );
        kept.shrink_to(2);
        assert!(kept.evidence(PROFILE).is_none());
    }
}
