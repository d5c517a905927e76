//! The command line as people and pipelines use it, where neither a database nor a cluster is needed.

mod config;
mod gitops;
mod init;
mod invocation;
mod lint;
mod support;
