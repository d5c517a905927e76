//! Compass turns a declared intent into a vLLM deployment that meets its SLOs, with the evidence
//! that says so.
//!
//! Data flows one way: an intent is resolved to a [`recommend::Requirement`], evidence for it is
//! gathered, a [`recommend::Decision`] is taken, manifests are built from it and delivered.
//!
//! - [`api`]: the `DeploymentIntent` v1alpha1, its status and its CRD
//! - [`catalog`]: what ships with Compass: use cases, hardware, models
//! - [`benchmark`]: a benchmark row, and the file formats that hold them
//! - [`knowledge_base`]: benchmarks in PostgreSQL, and the only SQL: migrate, load, read evidence
//! - [`recommend`]: the decision, pure
//! - [`manifest`]: a decision as Kubernetes objects and their YAML
//! - [`advise`]: resolve, gather, decide, build: the one path that all of the following share
//! - [`controller`]: the operator: the reconcile pipeline, one file for each step
//! - [`console`]: the web pages: ask, compare, see why
//! - [`commands`]: one file for each subcommand

pub mod advise;
pub mod api;
pub mod benchmark;
pub mod catalog;
pub mod commands;
pub mod console;
pub mod controller;
pub mod knowledge_base;
pub mod manifest;
pub mod recommend;
