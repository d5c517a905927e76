//! Whether the operator may do what it has to: `controller::permissions`, asked of the API server.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::timeout;

use super::check::{Check, Section};
use crate::commands::cluster::{Cluster, ClusterArguments};
use crate::controller::permissions::{self, Need, Permission, Scope};
use crate::manifest::Kind;

const IS: Section = Section::Cluster;
const NAME: &str = "rights";
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(15);

/// A permission of which verbs are missing.
struct Missing {
    permission: Permission,
    namespace: Option<String>,
    verbs: Vec<&'static str>,
}

pub(super) async fn checks(arguments: &ClusterArguments, account: Option<&str>) -> Vec<Check> {
    match look(arguments, account).await {
        Ok(checks) => checks,
        Err(problem) => {
            let remedy = "give --as only to whoever may impersonate it, e.g. an administrator";
            vec![IS.fail(NAME, format!("cannot be asked: {problem}"), remedy)]
        }
    }
}

async fn look(arguments: &ClusterArguments, account: Option<&str>) -> Result<Vec<Check>, String> {
    let cluster = arguments.connect_as(account).await;
    let cluster = cluster.map_err(|error| format!("{error:#}"))?;
    let user = user(&cluster.client).await?;
    let served = served(&cluster.client).await;
    let needed: Vec<_> = permissions::all()
        .filter(|it| is_needed(it, &served))
        .collect();
    let count = needed.len();
    let asked = needed.into_iter().map(|permission| {
        let namespace = namespace(&permission, arguments, account, &cluster);
        missing(&cluster.client, permission, namespace)
    });
    let missing: Vec<Missing> = stream::iter(asked)
        .buffered(AT_ONCE)
        .try_filter_map(async |missing| Ok(missing))
        .try_collect()
        .await?;
    let of_whom = match account {
        Some(_) => String::new(),
        None => " (give --as to ask for the operator's account)".to_owned(),
    };
    if missing.is_empty() {
        let found = format!("{user} may do all that the operator does: {count} resources{of_whom}");
        return Ok(vec![IS.ok(NAME, found)]);
    }
    Ok(missing.iter().map(|missing| told(&user, missing)).collect())
}

fn told(user: &str, missing: &Missing) -> Check {
    let Permission {
        group,
        resource,
        need,
        why,
        ..
    } = missing.permission;
    let dot = if group.is_empty() { "" } else { "." };
    let verbs = missing.verbs.join(", ");
    let place = match &missing.namespace {
        Some(namespace) => format!("in namespace {namespace}"),
        None => "in all namespaces".to_owned(),
    };
    let found = format!("{user} may not {verbs} {resource}{dot}{group} {place}: {why}");
    let remedy =
        "give it the chart's role (docs/permissions.md); --namespace asks for one namespace";
    match need {
        Need::Optional => IS.warn(NAME, found, remedy),
        Need::Always | Need::WhereServed => IS.fail(NAME, found, remedy),
    }
}

fn is_needed(permission: &Permission, served: &BTreeSet<&'static str>) -> bool {
    permission.need != Need::WhereServed || served.contains(permission.resource)
}

/// Where a permission is needed; `None` in all namespaces.
fn namespace(
    permission: &Permission,
    arguments: &ClusterArguments,
    account: Option<&str>,
    cluster: &Cluster,
) -> Option<String> {
    match permission.scope {
        Scope::Cluster => None,
        Scope::Intents => arguments.namespace().map(str::to_owned),
        Scope::Operator => {
            let of_account = account
                .and_then(|account| account.strip_prefix("system:serviceaccount:"))
                .and_then(|account| account.split(':').next());
            Some(of_account.unwrap_or(&cluster.default_namespace).to_owned())
        }
    }
}

/// Who asks, as the API server sees it.
async fn user(client: &Client) -> Result<String, String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let (how, review) = (PostParams::default(), SelfSubjectReview::default());
    let review = in_time(reviews.create(&how, &review)).await?;
    let user = review.status.and_then(|status| status.user_info);
    Ok(user.and_then(|user| user.username).unwrap_or_default())
}

/// Plural names of the kinds that came with a CustomResourceDefinition.
async fn served(client: &Client) -> BTreeSet<&'static str> {
    let mut served = BTreeSet::new();
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_built_in()) {
        let resource = kind.resource();
        let version = resource.api_version();
        let list = in_time(client.list_api_group_resources(&version)).await;
        if list.is_ok_and(|list| list.resources.iter().any(|it| it.name == resource.plural)) {
            served.insert(resource.plural);
        }
    }
    served
}

async fn missing(
    client: &Client,
    permission: Permission,
    namespace: Option<String>,
) -> Result<Option<Missing>, String> {
    let mut verbs = Vec::new();
    for verb in permission.verbs {
        if !may(client, &permission, verb, namespace.as_deref()).await? {
            verbs.push(*verb);
        }
    }
    Ok((!verbs.is_empty()).then_some(Missing {
        permission,
        namespace,
        verbs,
    }))
}

async fn may(
    client: &Client,
    permission: &Permission,
    verb: &str,
    namespace: Option<&str>,
) -> Result<bool, String> {
    let (resource, subresource) = match permission.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (permission.resource, None),
    };
    let attributes = ResourceAttributes {
        group: Some(permission.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(verb.to_owned()),
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = in_time(reviews.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    match timeout(PATIENCE, call).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
