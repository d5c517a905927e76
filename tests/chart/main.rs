//! The Helm chart, by the real Helm against a real API server with controllers.
//!
//! Pods are objects only (kwok), so what a container would run is run here: the real program, with
//! the arguments, environment and ServiceAccount that the objects in the cluster say.

mod files;
mod kubelet;
mod kustomize;
mod permissions;
mod release;
mod render;
mod support;
