//! `DeploymentIntent` v1alpha1: what a user declares and what Compass answers.
//!
//! Types only, with the rules that the API server enforces from the generated CRD; the same
//! rules are held against files by [`parse_intent`].

mod bundle;
pub mod conditions;
mod crd;
mod decimal;
mod kubernetes;
mod runtime;
mod spec;
mod status;
mod validate;

pub use bundle::*;
pub use crd::{crd, crd_yaml};
pub use decimal::DecimalAmount;
pub use runtime::*;
pub use spec::*;
pub use status::*;
pub use validate::{BrokenRule, InvalidIntent, parse_intent, validate_intent};

/// API group, and prefix of Compass's labels and annotations.
pub const GROUP: &str = "compass.dev";
