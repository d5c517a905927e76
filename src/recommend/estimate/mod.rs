//! R13: latencies under a profile that was not benchmarked, from a queueing law fitted on the
//! profiles that were.
//!
//! - [`basis`]: which benchmarks of a configuration are fitted
//! - [`law`]: the law; `least_squares` fits it
//! - [`hull`]: where it interpolates
//! - [`conformal`]: how wrong it can be
//! - [`rows`]: what it says, as rows of a ladder
//!
//! An estimate never replaces a benchmark: it is made only for a configuration without a single row
//! under the profile, and only for an intent that allows it.

mod basis;
mod conformal;
mod hull;
mod law;
mod least_squares;
mod missing;
#[cfg(test)]
mod properties;
mod refusal;
mod rows;
#[cfg(test)]
pub(super) mod test_support;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::compliance::{P95s, Target};
use super::requirement::EvidencePolicy;
use crate::benchmark::{
    Configuration, EvidenceKind, SharedBenchmarks, TrafficProfile, ValidationClass,
};
use basis::{Basis, Regime};
use conformal::Residuals;
use law::{Law, Shape};

pub use missing::{EstimatedConfiguration, Estimates, Grounds, RefusedConfiguration};
pub use refusal::Refusal;
pub use rows::Expected;

/// Profiles that a law takes.
const LEAST_PROFILES: usize = 4;
/// Steady rates that each takes.
const LEAST_RATES: usize = 4;
/// A law that misses more than this of its own profiles, left out one at a time, does not hold.
const LARGEST_ERROR_PERCENT: f64 = 15.0;

/// The laws of all configurations that some rows know, and what they say of each other.
#[derive(Debug)]
pub struct Estimator<'a> {
    fits: BTreeMap<&'a Configuration, Fit<'a>>,
}

#[derive(Debug)]
struct Fit<'a> {
    basis: Basis<'a>,
    /// `None` for too few profiles.
    fitted: Option<Fitted>,
}

#[derive(Debug)]
struct Fitted {
    law: Law,
    highest_load: f64,
    /// Of each row, by the law fitted without its profile.
    residuals: Residuals,
    /// Medians of the relative errors.
    errors: P95s,
}

impl Fitted {
    fn new(basis: &Basis) -> Option<Self> {
        if basis.profiles.len() < LEAST_PROFILES {
            return None;
        }
        let points = basis.points_without(None);
        let law = Law::fit(&points);
        let residuals = residuals(basis);
        let highest_load = points
            .iter()
            .map(|point| law.load(&point.shape, point.rps))
            .fold(0.0, f64::max);
        let errors = std::array::from_fn(|target| {
            let relative = |row: &conformal::Residual| ((-row[target]).exp() - 1.0).abs();
            conformal::median(residuals.iter().map(relative).collect())
        });
        Some(Self {
            law,
            highest_load,
            residuals,
            errors,
        })
    }

    /// Whether the law finds the configuration's own profiles again.
    fn holds(&self) -> Result<(), Refusal> {
        let (target, error) = Target::ALL
            .into_iter()
            .map(|target| (target, self.errors[target as usize] * 100.0))
            .fold((Target::Ttft, 0.0), |worst, next| {
                if next.1 > worst.1 { next } else { worst }
            });
        if error <= LARGEST_ERROR_PERCENT {
            return Ok(());
        }
        Err(Refusal::LawDoesNotHold {
            target,
            error_percent: Some(error).filter(|error| error.is_finite()),
        })
    }
}

/// Each profile's rows against the law that was fitted without them.
fn residuals(basis: &Basis) -> Residuals {
    let mut residuals = Vec::new();
    for (profile, points) in &basis.profiles {
        let law = Law::fit(&basis.points_without(Some(*profile)));
        residuals.extend(
            points
                .iter()
                .map(|point| match law.p95s(&point.shape, point.rps) {
                    Some(found) => std::array::from_fn(|i| (point.p95s[i] / found[i]).ln()),
                    None => [f64::NEG_INFINITY; 3],
                }),
        );
    }
    residuals
}

impl<'a> Estimator<'a> {
    /// Fits the law of every configuration on these rows. Rows that the policy does not let back a decision are not fitted.
    pub fn new(rows: &'a SharedBenchmarks, policy: &EvidencePolicy, now: Timestamp) -> Self {
        let fits = basis::of_all(rows, policy, now)
            .into_iter()
            .map(|basis| {
                let fitted = Fitted::new(&basis);
                (basis.configuration, Fit { basis, fitted })
            })
            .collect();
        Self { fits }
    }

    /// The configurations that have rows.
    pub fn configurations(&self) -> impl Iterator<Item = &'a Configuration> + '_ {
        self.fits.keys().copied()
    }

    /// The estimate of a configuration under a profile, or the first reason against it.
    ///
    /// # Errors
    /// Where R13 refuses one.
    pub fn estimate(
        &self,
        configuration: &Configuration,
        profile: TrafficProfile,
    ) -> Result<Estimate, Refusal> {
        let (basis, fitted) = self.fitted(configuration)?;
        if !hull::contains(&basis.names(), profile) {
            return Err(Refusal::OutsideProfiles {
                profiles: basis.names(),
            });
        }
        fitted.holds()?;
        self.uncertain(basis, fitted, profile)
    }

    /// As [`Self::estimate`], but also outside of the profiles and where the law does not hold: only
    /// to show how wrong that would be.
    ///
    /// # Errors
    /// Where not even that can be computed.
    pub fn regardless(
        &self,
        configuration: &Configuration,
        profile: TrafficProfile,
    ) -> Result<Estimate, Refusal> {
        let (basis, fitted) = self.fitted(configuration)?;
        self.uncertain(basis, fitted, profile)
    }

    fn fitted(&self, configuration: &Configuration) -> Result<(&Basis<'a>, &Fitted), Refusal> {
        let fit = self.fits.get(configuration);
        let too_few = Refusal::TooFewProfiles {
            profiles: fit.map_or(0, |fit| fit.basis.profiles.len()),
        };
        fit.and_then(|fit| Some((&fit.basis, fit.fitted.as_ref()?)))
            .ok_or(too_few)
    }

    fn uncertain(
        &self,
        basis: &Basis,
        fitted: &Fitted,
        profile: TrafficProfile,
    ) -> Result<Estimate, Refusal> {
        let shape = basis::shape(profile, None).ok_or_else(|| Refusal::OutsideProfiles {
            profiles: basis.names(),
        })?;
        let highest_rps = fitted.highest_load / fitted.law.load_per_rps(&shape);
        if !(highest_rps.is_finite() && highest_rps > 0.0) {
            return Err(Refusal::LoadUnseen);
        }
        let others = self.others(basis);
        let upper_factors =
            conformal::upper_factors(&others).ok_or(Refusal::TooFewConfigurations {
                configurations: others.len(),
                needed: conformal::LEAST_CONFIGURATIONS,
            })?;
        Ok(Estimate {
            configuration: basis.configuration.clone(),
            kind: basis.kind,
            profile,
            profiles: basis.names(),
            highest_rps,
            errors: fitted.errors,
            law_holds: fitted.holds().is_ok(),
            law: fitted.law,
            shape,
            upper_factors,
            regime: basis.regime,
            oldest: basis.oldest,
            validation_class: basis.validation_class,
        })
    }

    /// The ends of the 90 % intervals of TTFT, ITL and E2E, each on its own, as factors of what to
    /// expect of a configuration; `None` where there is no estimate.
    pub fn intervals(&self, configuration: &Configuration) -> Option<[(f64, f64); 3]> {
        let (basis, _) = self.fitted(configuration).ok()?;
        conformal::intervals(&self.others(basis))
    }

    /// The errors of all other configurations of the kind for which the law holds, as it must for
    /// the one that is estimated.
    fn others(&self, basis: &Basis) -> Vec<&Residuals> {
        self.fits
            .values()
            .filter(|other| {
                other.basis.kind == basis.kind && other.basis.configuration != basis.configuration
            })
            .filter_map(|other| other.fitted.as_ref())
            .filter(|other| other.holds().is_ok())
            .map(|other| &other.residuals)
            .collect()
    }
}

/// What the law says of one configuration under one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The configuration.
    pub configuration: Configuration,
    /// Kind of the rows that were fitted.
    pub kind: EvidenceKind,
    /// The profile that is estimated.
    pub profile: TrafficProfile,
    /// The profiles that were fitted.
    pub profiles: Vec<TrafficProfile>,
    /// The rate that makes as much load as the fullest fitted row had, requests per second: nothing
    /// is estimated above it.
    pub highest_rps: f64,
    /// Median relative error of TTFT, ITL and E2E on its own profiles, left out one at a time.
    pub errors: P95s,
    /// Whether these are small enough for an estimate.
    pub law_holds: bool,
    /// How far the joint upper bounds are above what to expect, as factors.
    pub upper_factors: P95s,
    law: Law,
    shape: Shape,
    regime: Regime,
    oldest: Option<Timestamp>,
    validation_class: Option<ValidationClass>,
}

/// p95s of TTFT, ITL and E2E at one rate, ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// What to expect.
    pub p95s: P95s,
    /// The joint 95 % upper bound: what must comply. All three together are below it in 95 of 100
    /// configurations.
    pub upper: P95s,
}

impl Estimate {
    /// The p95s at a rate.
    ///
    /// # Errors
    /// Above [`Self::highest_rps`].
    pub fn at(&self, rps: f64) -> Result<Estimated, Refusal> {
        let too_high = Refusal::LoadTooHigh {
            highest_rps: self.highest_rps,
        };
        if rps.is_nan() || rps > self.highest_rps {
            return Err(too_high);
        }
        self.at_any_load(rps).ok_or(too_high)
    }

    /// As [`Self::at`], but at any rate below saturation: only to show how wrong that would be.
    pub fn at_any_load(&self, rps: f64) -> Option<Estimated> {
        let p95s = self.law.p95s(&self.shape, rps)?;
        Some(Estimated {
            p95s,
            upper: std::array::from_fn(|i| p95s[i] * self.upper_factors[i]),
        })
    }
}

#[cfg(test)]
mod tests;
