//! The words that say how a row's figures came about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a row's figures came about, weakest first: `measured` outranks `simulated` outranks
/// `estimated` (R5).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// Interpolated by Compass from other profiles of the same configuration (R13).
    Estimated,
    /// Computed by a simulator of the serving engine.
    Simulated,
    /// Observed on the hardware itself.
    Measured,
}

/// How requests arrived during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalProcess {
    /// Exponential gaps: what independent users make.
    Poisson,
    /// Equal gaps.
    Constant,
    /// A fixed number of requests in flight: the next one waits for the last, so the load gives
    /// way where real users would not.
    ClosedLoop,
    /// As fast as possible.
    Throughput,
    /// Recorded arrivals, replayed.
    Trace,
}

/// Which quantity the ITL columns of a row hold; the two are not comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItlDefinition {
    /// The mean gap of each request, as GuideLLM reports it.
    RequestMean,
    /// Every single gap, as vLLM reports it.
    TokenGap,
}

/// How well a source's figures were checked against measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidationClass {
    /// Checked against measurements of this model class and hardware.
    Anchored,
    /// Checked only on related models or hardware.
    Weak,
    /// Not checked.
    None,
}

/// Gives an enum the string that its serde form writes, and reads it back.
macro_rules! named {
    ($type:ty { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in files, in the database and in the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{text}` is none of {}", names.join(", "))
                })
            }
        }
    };
}

named!(EvidenceKind { Estimated = "estimated", Simulated = "simulated", Measured = "measured" });
named!(ArrivalProcess {
    Poisson = "poisson",
    Constant = "constant",
    ClosedLoop = "closed_loop",
    Throughput = "throughput",
    Trace = "trace",
});
named!(ItlDefinition { RequestMean = "request_mean", TokenGap = "token_gap" });
named!(ValidationClass { Anchored = "anchored", Weak = "weak", None = "none" });
