//! Compass turns a declared intent into a vLLM deployment that meets its SLOs, with the evidence
//! that says so.
//!
//! Data flows one way: an intent is resolved to a [`recommend::Requirement`], evidence for it is
//! gathered, a [`recommend::Decision`] is taken, manifests are built from it and delivered.
//!
//! - [`api`]: the `DeploymentIntent` v1alpha1, its status and its CRD
//! - [`catalog`]: what ships with Compass: use cases, hardware, models
//! - [`benchmark`]: a benchmark row, and the file formats that hold them
//! - [`recommend`]: the decision, pure

pub mod api;
pub mod benchmark;
pub mod catalog;
pub mod commands;
