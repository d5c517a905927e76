//! R11: a fingerprint of what a decision rests on.

use std::fmt::Write;

use rust_decimal::Decimal;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::requirement::Requirement;
use crate::benchmark::Benchmark;

/// `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = "sha256:".to_owned();
        for byte in Sha256::digest(bytes) {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that a decision rests on, and nothing else: no clock, no catalog version, no date or
/// source of a price.
#[derive(Serialize)]
pub(super) struct Basis<'a> {
    pub(super) requirement: &'a Requirement,
    pub(super) backing: &'a [Benchmark],
    pub(super) replicas: i32,
    pub(super) usd_per_gpu_hour: Option<Decimal>,
    pub(super) quality: Option<u8>,
}

impl Basis<'_> {
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a decision's basis is plain data"))
    }
}
