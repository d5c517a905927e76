//! The knowledge base on a real PostgreSQL: one server for all tests, one database for each.

mod benchmarks;
mod changes;
mod command;
mod doctor;
mod dump;
mod errors;
mod explain;
mod lint;
mod load;
mod pooler;
mod read;
mod replication;
mod restore;
mod schema;
mod snapshot;
mod support;
mod upgrades;
