//! The kinds of object that Compass writes, and an object of one of them.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::yaml;

/// A kind of object that Compass writes. Each of an intent's objects is of another kind, or has a
/// name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The manifests' YAML.
    ConfigMap,
    /// One address for the pods.
    Service,
    /// The pods.
    Deployment,
}

/// Where the API server has a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core.
    pub group: &'static str,
    /// Version of the group.
    pub version: &'static str,
    /// The kind's name.
    pub kind: &'static str,
    /// The kind's name in paths.
    pub plural: &'static str,
}

impl Resource {
    /// Group and version, as an object's `apiVersion` has them.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        }
    }
}

impl Kind {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 3] = [Self::ConfigMap, Self::Service, Self::Deployment];

    /// Those that run vLLM: their annotations say what runs (R12).
    pub const WORKLOADS: [Self; 1] = [Self::Deployment];

    /// Where the API server has it.
    pub const fn resource(self) -> Resource {
        let (group, version, kind, plural) = match self {
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
        };
        Resource {
            group,
            version,
            kind,
            plural,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource().kind)
    }
}

/// An object as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: Kind,
    /// All of it, as the API server takes it.
    pub content: Value,
}

impl Object {
    pub(super) fn new(kind: Kind, object: &impl Serialize) -> Self {
        let content = serde_json::to_value(object);
        Self {
            kind,
            content: content.expect("Kubernetes objects are plain data with string keys"),
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.content["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.content["metadata"]["annotations"][key].as_str()
    }

    pub(super) fn yaml(&self) -> String {
        yaml::document(&self.content)
    }
}
