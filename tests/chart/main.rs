//! The Helm chart, by the real Helm.

mod files;
mod permissions;
mod render;
mod support;
