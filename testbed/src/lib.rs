//! Real parts on this machine for tests, the demo and development: PostgreSQL, a Kubernetes control
//! plane, nodes with GPUs.
//!
//! Nothing outlives its owner: a server ends when its value is dropped, and also when the owning
//! process is killed.
//!
//! - [`postgres`]: servers for tests and for development
//! - [`control_plane`]: etcd, kube-apiserver and what makes Deployments become Available on nodes
//!   that are only objects
//! - [`tools`]: the programs of the control plane, built once into a cache
//! - [`process`]: child processes that end with their owner
//! - [`Authority`]: certificates, so that they speak TLS
//! - [`forwarder`]: a bad network between two of them
//! - [`interrupt`]: Ctrl-C as an error
//! - [`port`]: free TCP ports

mod account;
mod authority;
pub mod control_plane;
pub mod forwarder;
pub mod interrupt;
mod pgbouncer;
pub mod port;
pub mod postgres;
pub mod process;
mod scratch;
pub mod tools;

pub use authority::{Authority, Credentials};
pub use control_plane::{ControlPlane, Scope};
pub use forwarder::Forwarder;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use scratch::Scratch;
