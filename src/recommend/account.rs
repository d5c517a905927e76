//! R10 in full: what became of each configuration, and of each of its ladders (R4).

use jiff::Timestamp;
use serde::Serialize;

use super::capacity::Capacity;
use super::constraints::Constraint;
use super::decision::Plan;
use super::explanation::{NearMiss, Outcome, near_miss};
use super::field::{Field, Standing};
use super::ladder::{self, Ladder};
use crate::benchmark::{Configuration, EvidenceKind};

/// What became of one configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// The configuration.
    pub configuration: Configuration,
    /// By the first thing that stopped it.
    pub outcome: Outcome,
    /// Every constraint that it breaks, also where something else stopped it first.
    pub broken: Vec<Constraint>,
    /// What the demand needs of it, where it meets the targets: the best way.
    pub plan: Option<Plan>,
    /// Where it misses a target: the row that misses it by least.
    pub nearest: Option<NearMiss>,
    /// Its ladders.
    pub ladders: Vec<LadderAccount>,
}

/// What a ladder shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LadderAccount {
    /// Kind of its evidence.
    pub kind: EvidenceKind,
    /// Who brought it.
    pub source: String,
    /// Its rows.
    pub rows: usize,
    /// Those that are steady.
    pub steady_rows: usize,
    /// Lowest and highest offered rate, requests per second.
    pub offered_rps: (f64, f64),
    /// When its newest row ran.
    pub newest: Option<Timestamp>,
    /// Why it counts or does not.
    pub role: Role,
    /// What it shows under the targets, taken by itself.
    pub capacity: Option<Capacity>,
}

/// Whether a ladder counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Role {
    /// The newest with steady rows of its kind: it decides for that kind.
    Decides,
    /// A newer one decides, or it has no steady row.
    Shown,
    /// A load that sizes nothing unless `evidence.allow` names it.
    UnusualLoad,
}

/// The accounts of a field's configurations, in their order.
pub(super) fn accounts(field: &Field, standings: &[Standing]) -> Vec<Account> {
    let bounds = field.bounds();
    standings
        .iter()
        .zip(field.entries())
        .map(|(standing, (configuration, ladders))| {
            let best = standing.ways.iter().min_by(|a, b| {
                (!a.broken.is_empty())
                    .cmp(&!b.broken.is_empty())
                    .then_with(|| a.rank.cmp(&b.rank))
            });
            Account {
                configuration: configuration.clone(),
                outcome: standing.outcome(),
                broken: best
                    .map_or(standing.barred, |way| way.broken)
                    .iter()
                    .collect(),
                plan: best.map(Plan::of),
                nearest: standing.nearest.map(|row| near_miss(&row, &bounds)),
                ladders: ladders
                    .iter()
                    .map(|ladder| ladder_account(ladder, ladders, field))
                    .collect(),
            }
        })
        .collect()
}

fn ladder_account(ladder: &Ladder, all: &[Ladder], field: &Field) -> LadderAccount {
    let rates = || ladder.rows().map(|row| row.offered_rps);
    let decides = ladder::deciding(all, ladder.kind).is_some_and(|it| it.is(ladder));
    LadderAccount {
        kind: ladder.kind,
        source: ladder.source.to_owned(),
        rows: ladder.rows().len(),
        steady_rows: ladder.rows().filter(|row| row.steady).count(),
        offered_rps: (
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(f64::NEG_INFINITY, f64::max),
        ),
        newest: ladder.rows().filter_map(|row| row.measured_at()).max(),
        role: if decides {
            Role::Decides
        } else if ladder.sizes {
            Role::Shown
        } else {
            Role::UnusualLoad
        },
        capacity: field.capacity_of(ladder),
    }
}
