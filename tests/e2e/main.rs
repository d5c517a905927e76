//! The operator as users run it: the real binary against a real API server with controllers,
//! scheduler and simulated GPU nodes, and a real PostgreSQL.
//!
//! Operators have the chart's ServiceAccount and roles, unless a test says otherwise.
//!
//! One control plane and one database server for all tests; each test has a namespace and an
//! operator of its own, so that they run side by side. Waits poll until a deadline.

mod approve;
mod authors;
mod availability;
mod bundle;
mod changes;
mod chaos;
#[path = "../shared/chromium.rs"]
mod chromium;
mod console;
mod diff;
mod doctor;
mod explain;
mod idempotence;
mod infeasible;
mod leader;
mod lifecycle;
mod many;
mod metrics;
mod modes;
mod outage;
mod overrides;
mod ownership;
mod pages;
mod parts;
#[path = "../shared/pictures.rs"]
mod pictures;
mod policy;
mod refused;
mod rights;
mod shards;
mod support;
mod tracing;
mod undecodable;
mod updates;
mod upgrades;
mod use_cases;
mod watch;
mod workload;
