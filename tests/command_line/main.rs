//! The command line as people and pipelines use it, where neither a database nor a cluster is needed.

mod gitops;
mod init;
mod invocation;
mod lint;
mod support;
