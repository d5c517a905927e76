//! The API server, the CustomResourceDefinition, the operator's rights and the admission policy.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt};
use tokio::time::timeout;

use super::check::{Check, Section};
use super::rights;
use crate::api;
use crate::commands::cluster::ClusterArguments;

/// The generated Deployment and the admission policy need it.
const OLDEST: (u32, u32) = (1, 30);
const PATIENCE: Duration = Duration::from_secs(15);
/// Of `charts/compass/files/admission-policy.yaml`.
const POLICY: &str = "compass-intent-authors";
const POLICY_REMEDY: &str = "without it an intent lends its author the operator's rights (SECURITY.md): kubectl apply -f charts/compass/files/admission-policy.yaml";
const IS: Section = Section::Cluster;

pub(super) async fn checks(arguments: &ClusterArguments, account: Option<&str>) -> Vec<Check> {
    let connected = match arguments.connect().await {
        Ok(cluster) => cluster,
        Err(error) => {
            let remedy = "set KUBECONFIG or --kubeconfig, or leave it out with --skip cluster";
            return vec![IS.fail("API server", format!("{error:#}"), remedy)];
        }
    };
    let client = &connected.client;
    let mut checks = match version(client).await {
        Ok(check) => vec![check],
        Err(check) => return vec![check],
    };
    checks.push(crd(client).await);
    checks.extend(rights::checks(arguments, account).await);
    checks.push(policy(client).await);
    checks
}

/// How the API server answered; `Err` where it did not.
async fn version(client: &Client) -> Result<Check, Check> {
    let unreachable = |problem: String| {
        let remedy = "check the kubeconfig's server and credentials, and that the API server runs";
        IS.fail("API server", problem, remedy)
    };
    let answer = timeout(PATIENCE, client.apiserver_version()).await;
    let answer =
        answer.map_err(|_| unreachable(format!("no answer within {} s", PATIENCE.as_secs())))?;
    let version = answer.map_err(|error| unreachable(error.to_string()))?;
    let number = |text: &str| {
        text.trim_end_matches('+')
            .parse::<u32>()
            .unwrap_or_default()
    };
    let found = format!("Kubernetes {}", version.git_version);
    Ok(
        if (number(&version.major), number(&version.minor)) < OLDEST {
            let remedy = format!(
                "Compass needs Kubernetes {}.{} or newer",
                OLDEST.0, OLDEST.1
            );
            IS.fail("API server", found, remedy)
        } else {
            IS.ok("API server", found)
        },
    )
}

/// Whether the cluster's CustomResourceDefinition says what this version's does.
async fn crd(client: &Client) -> Check {
    const NAME: &str = "CRD";
    const INSTALL: &str = "compass crd | kubectl apply --server-side -f -";
    let ours = api::crd();
    let name = ours.name_any();
    let theirs = match get::<CustomResourceDefinition>(client, &name).await {
        Ok(Some(crd)) => crd,
        Ok(None) => return IS.fail(NAME, format!("{name} is not installed"), INSTALL),
        Err(problem) => return unknown(NAME, &problem),
    };
    let conditions = theirs
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let is_established = conditions.is_some_and(|conditions| {
        let mut conditions = conditions.iter();
        conditions.any(|it| it.type_ == "Established" && it.status == "True")
    });
    if !is_established {
        let remedy = "see its conditions: kubectl describe crd deploymentintents.compass.dev";
        return IS.fail(NAME, format!("{name} is not established"), remedy);
    }
    if theirs.spec.versions != ours.spec.versions {
        let found = format!("{name} is another version's: fields may be lost or refused");
        return IS.fail(NAME, found, INSTALL);
    }
    IS.ok(
        NAME,
        format!("{name} is that of {}", env!("CARGO_PKG_VERSION")),
    )
}

async fn policy(client: &Client) -> Check {
    const NAME: &str = "admission policy";
    let policy = get::<ValidatingAdmissionPolicy>(client, POLICY).await;
    let binding = get::<ValidatingAdmissionPolicyBinding>(client, POLICY).await;
    let (policy, binding) = match (policy, binding) {
        (Ok(policy), Ok(binding)) => (policy, binding),
        (Err(problem), _) | (_, Err(problem)) => return unknown(NAME, &problem),
    };
    let denies = binding.and_then(|binding| binding.spec?.validation_actions);
    let denies = denies.is_some_and(|actions| actions.iter().any(|action| action == "Deny"));
    match (policy, denies) {
        (None, _) => IS.warn(NAME, format!("{POLICY} is not there"), POLICY_REMEDY),
        (Some(_), false) => IS.warn(
            NAME,
            format!("{POLICY} has no binding that denies"),
            POLICY_REMEDY,
        ),
        (Some(_), true) => IS.ok(NAME, format!("{POLICY} is there and denies")),
    }
}

/// What may not be looked at is no fault of the operator's.
fn unknown(name: &'static str, problem: &str) -> Check {
    let remedy = "ask as somebody who may read it, e.g. an administrator";
    IS.warn(name, format!("not known: {problem}"), remedy)
}

async fn get<K>(client: &Client, name: &str) -> Result<Option<K>, String>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let api = Api::<K>::all(client.clone());
    match timeout(PATIENCE, api.get_opt(name)).await {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
