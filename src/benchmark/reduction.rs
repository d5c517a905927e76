//! From rows to ladders (R4): each row is looked at once, and goes to the end of its ladder.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use uuid::Uuid;

use super::ladder::{ConfigurationLadders, Ladder, LadderRow, Place, SharedPlace};
use super::{ArrivalProcess, Benchmark, Configuration, EvidenceKind, ItlDefinition};

/// Rows on their way to ladders.
#[derive(Debug, Default)]
pub struct Reduction {
    ladders: Vec<Open>,
    /// The last ladder of each hash.
    by_hash: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
}

/// A ladder that takes rows.
#[derive(Debug)]
struct Open {
    /// Its first row: what all of them have in common.
    like: Benchmark,
    /// Another ladder of the same hash.
    before: Option<u32>,
    /// With the least id of each.
    spellings: Vec<(Arc<Configuration>, Uuid)>,
    rows: Vec<LadderRow>,
}

impl Reduction {
    /// Takes a row.
    pub fn add(&mut self, row: &Benchmark) {
        let hash = hash(row);
        let last = self.by_hash.get(&hash).copied();
        let mut found = last;
        while let Some(at) = found {
            let open = &mut self.ladders[at as usize];
            if is_same_ladder(&open.like, row) {
                open.add(row);
                return;
            }
            found = open.before;
        }
        let mut open = Open {
            like: row.clone(),
            before: last,
            spellings: Vec::new(),
            rows: Vec::new(),
        };
        open.add(row);
        self.by_hash.insert(hash, self.ladders.len() as u32);
        self.ladders.push(open);
    }

    /// The ladders by place, in an order that the rows' order does not change.
    pub fn finish(self) -> Vec<SharedPlace> {
        let mut ladders = self.ladders;
        ladders.sort_by(|a, b| {
            let (a, b) = (&a.like, &b.like);
            a.profile
                .cmp(&b.profile)
                .then_with(|| a.configuration.cmp(&b.configuration))
                .then_with(|| LadderKey::of(a).cmp(&LadderKey::of(b)))
        });
        ladders
            .chunk_by_mut(|a, b| {
                let (a, b) = (&a.like, &b.like);
                a.profile == b.profile && a.configuration.place() == b.configuration.place()
            })
            .map(|ladders| Arc::new(place(ladders)))
            .collect()
    }
}

fn place(ladders: &mut [Open]) -> Place {
    let rows = ladders.iter().map(|ladder| ladder.rows.len()).sum();
    let profile = ladders[0].like.profile;
    let configurations = ladders
        .chunk_by_mut(|a, b| a.like.configuration == b.like.configuration)
        .map(|ladders| {
            let spellings = ladders.iter().flat_map(|ladder| &ladder.spellings);
            let (configuration, _) = spellings.min_by_key(|(_, id)| *id).expect("a row");
            ConfigurationLadders {
                configuration: Arc::clone(configuration),
                ladders: ladders.iter_mut().map(Open::close).collect(),
            }
        })
        .collect();
    Place {
        profile,
        configurations,
        rows,
    }
}

impl Open {
    fn add(&mut self, row: &Benchmark) {
        let spelled = row.configuration.model.as_str();
        let known = |(it, _): &(Arc<Configuration>, Uuid)| it.model.as_str() == spelled;
        // Of more spellings than there are numbers for, the last ones pass for one.
        let known = self.spellings.iter().position(known);
        let is_full = self.spellings.len() > usize::from(u16::MAX);
        let last = is_full.then_some(usize::from(u16::MAX));
        let spelling = match known.or(last) {
            Some(at) => {
                let least = &mut self.spellings[at].1;
                *least = (*least).min(row.id);
                at
            }
            None => {
                self.spellings
                    .push((Arc::new(row.configuration.clone()), row.id));
                self.spellings.len() - 1
            }
        };
        self.rows.push(LadderRow::new(row, spelling as u16));
    }

    fn close(&mut self) -> Ladder {
        let mut rows = std::mem::take(&mut self.rows);
        let mut spellings: Vec<_> = std::mem::take(&mut self.spellings)
            .into_iter()
            .enumerate()
            .collect();
        if spellings.len() > 1 {
            // In an order that the rows' order does not change.
            spellings.sort_by(|(_, (a, _)), (_, (b, _))| a.model.as_str().cmp(b.model.as_str()));
            for row in &mut rows {
                let moved = spellings
                    .iter()
                    .position(|(from, _)| *from == usize::from(row.spelling));
                row.spelling = moved.unwrap_or_default() as u16;
            }
        }
        let spellings = spellings.into_iter().map(|(_, (it, _))| it).collect();
        Ladder::new(spellings, &self.like, rows)
    }
}

/// What parts the rows of one configuration into ladders; neither dates nor `config_id` do.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LadderKey<'a> {
    kind: EvidenceKind,
    source: &'a str,
    prompt_tokens_stdev: Option<i32>,
    prompt_tokens_range: (Option<i32>, Option<i32>),
    output_tokens_stdev: Option<i32>,
    output_tokens_range: (Option<i32>, Option<i32>),
    arrival_process: Option<ArrivalProcess>,
    prefix_sharing_bits: Option<u64>,
    itl_definition: Option<ItlDefinition>,
}

impl<'a> LadderKey<'a> {
    fn of(row: &'a Benchmark) -> Self {
        let super::LoadConditions {
            arrival_process,
            prompt_tokens_stdev,
            prompt_tokens_range,
            output_tokens_stdev,
            output_tokens_range,
            prefix_sharing,
            itl_definition,
        } = row.conditions;
        Self {
            kind: row.kind,
            source: &row.source,
            prompt_tokens_stdev,
            prompt_tokens_range,
            output_tokens_stdev,
            output_tokens_range,
            arrival_process,
            prefix_sharing_bits: prefix_sharing.map(f64::to_bits),
            itl_definition,
        }
    }
}

fn is_same_ladder(a: &Benchmark, b: &Benchmark) -> bool {
    a.profile == b.profile
        && LadderKey::of(a) == LadderKey::of(b)
        && a.configuration == b.configuration
}

/// Of what most often parts ladders; equal for the rows of one.
fn hash(row: &Benchmark) -> u64 {
    let Configuration {
        model,
        hardware,
        hardware_count,
        framework_version,
        engine,
        ..
    } = &row.configuration;
    let mut hash = Mixed(0);
    model.add_folded(|bytes| hash.bytes(bytes));
    hash.bytes(hardware.as_str().as_bytes());
    hash.bytes(row.source.as_bytes());
    hash.bytes(framework_version.as_deref().unwrap_or_default().as_bytes());
    let digest = engine.args_digest.as_deref().unwrap_or_default();
    hash.bytes(digest.as_bytes());
    let number = |number: Option<i32>| u64::from(number.unwrap_or(-1) as u32);
    hash.word(u64::from(*hardware_count as u32) << 8 | row.kind as u64);
    hash.word(
        number(Some(row.profile.prompt_tokens)) << 32 | number(Some(row.profile.output_tokens)),
    );
    hash.word(number(engine.max_num_seqs) << 32 | number(engine.max_num_batched_tokens));
    hash.word(number(row.conditions.output_tokens_stdev));
    hash.0
}

/// A quick hash of things that nobody chooses to collide: a multiplication for each eight bytes.
struct Mixed(u64);

impl Mixed {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last));
        self.word(bytes.len() as u64);
    }
}

/// Takes a number that is a hash already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are keys")
    }

    fn write_u64(&mut self, hash: u64) {
        // The map takes its buckets from the low bits, which a multiplication mixes least.
        self.0 = hash.rotate_left(26);
    }
}
