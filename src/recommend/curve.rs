//! Latency against request rate: every row of one configuration, as an answer sees it.

use jiff::Timestamp;
use uuid::Uuid;

use super::account::{self, Account, Role};
use super::capacity;
use super::compliance::P95s;
use super::decide;
use super::decision::Candidate;
use super::field::Field;
use super::ladder::Row;
use super::requirement::Requirement;
use super::running::configuration_digest;
use crate::benchmark::{Configuration, Evidence, EvidenceKind};
use crate::catalog::Catalog;

/// What the evidence shows of one configuration under a requirement's profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The configuration.
    pub configuration: Configuration,
    /// What became of it (R10).
    pub account: Account,
    /// How it meets the requirement, if it does.
    pub candidate: Option<Candidate>,
    /// Its ladders, in the order of the account's.
    pub ladders: Vec<CurveLadder>,
}

/// Rows that were run under the same conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveLadder {
    /// Kind of its evidence.
    pub kind: EvidenceKind,
    /// Who brought it.
    pub source: String,
    /// Whether it counts.
    pub role: Role,
    /// By offered rate.
    pub points: Vec<Point>,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The row.
    pub id: Uuid,
    /// Offered rate, requests per second.
    pub offered_rps: f64,
    /// Lesser of offered and served rate, requests per second.
    pub served_rps: f64,
    /// In the order of `Target::ALL`, ms; `None` where one of them says nothing.
    pub p95s_ms: Option<P95s>,
    /// Whether it served what it was offered, for long enough (R3).
    pub steady: bool,
    /// Whether it misses a target.
    pub fails: bool,
    /// When it ran.
    pub measured_at: Option<Timestamp>,
}

/// The curve of the configuration with this digest ([`configuration_digest`]); `None` where no row
/// of the profile is of such a one.
pub fn curve(
    requirement: &Requirement,
    evidence: &Evidence,
    digest: &str,
    catalog: &Catalog,
    now: Timestamp,
) -> Option<Curve> {
    let field = Field::new(requirement, &evidence.benchmarks, catalog, now);
    let is_it = |(it, _): &(&Configuration, _)| configuration_digest(it).as_str() == digest;
    let (configuration, ladders) = field.entries().find(is_it)?;
    let bounds = field.bounds();
    let standings = field.judge(&requirement.slo);
    let mut accounts = account::accounts(&field, &standings);
    let at = accounts
        .iter()
        .position(|account| account.configuration == *configuration)?;
    let account = accounts.swap_remove(at);
    let best = field.ranked(&standings);
    let best = best
        .into_iter()
        .find(|way| way.configuration == configuration);
    let point = |row: Row| Point {
        id: row.id,
        offered_rps: row.offered_rps,
        served_rps: row.served_rps(),
        p95s_ms: row.p95s(),
        steady: row.steady,
        fails: capacity::fails(&row, &bounds),
        measured_at: row.measured_at(),
    };
    let curve_ladder =
        |(ladder, account): (&super::ladder::Ladder, &account::LadderAccount)| CurveLadder {
            kind: account.kind,
            source: account.source.clone(),
            role: account.role,
            points: ladder.rows().map(point).collect(),
        };
    Some(Curve {
        configuration: configuration.clone(),
        candidate: best.map(|way| decide::pinned(&field, way)),
        ladders: ladders
            .iter()
            .zip(&account.ladders)
            .map(curve_ladder)
            .collect(),
        account,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::SharedBenchmarks;
    use crate::recommend::test_support::{at, requirement, row};

    #[test]
    fn a_curve_tells_the_points_that_miss_a_target() {
        let catalog = Catalog::built_in();
        let requirement =
            requirement("{useCase: chatbot_conversational, demand: {requestsPerSecond: 5}}");
        let rows = vec![
            row(1.0, [80.0, 20.0, 5000.0]),
            row(3.0, [400.0, 20.0, 5000.0]),
            row(2.0, [120.0, 20.0, 5000.0]),
        ];
        let digest = configuration_digest(&rows[0].configuration);
        let evidence = Evidence {
            benchmarks: SharedBenchmarks::from(rows),
            profiles: Vec::new(),
        };
        let now = at("2026-11-23");
        let of = |digest: &str| curve(&requirement, &evidence, digest, &catalog, now);
        let curve = of(digest.as_str()).unwrap();
        let points: Vec<_> = curve.ladders[0]
            .points
            .iter()
            .map(|point| (point.offered_rps, point.fails))
            .collect();
        assert_eq!(points, [(1.0, false), (2.0, false), (3.0, true)]);
        let candidate = curve.candidate.unwrap();
        assert_eq!(
            (candidate.replicas, curve.ladders[0].role),
            (3, Role::Decides)
        );
        assert_eq!(of("sha256:none"), None);
    }
}
