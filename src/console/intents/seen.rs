//! Which intents a viewer sees in the list: those that they may `get`, and no other.
//!
//! The console's own account says which there are. Whose they are the API server says, asked with the
//! viewer's own token: a review of rules finds what may be theirs, and access reviews decide, since
//! rules are not all that an authorizer goes by.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
    SubjectRulesReviewStatus,
};
use kube::api::PostParams;
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};

use super::super::viewer::{Cluster, Viewer};
use crate::api::DeploymentIntent;

const GROUP: &str = "compass.dev";
const RESOURCE: &str = "deploymentintents";
/// Reviews that are asked for at once.
const AT_ONCE: usize = 16;
/// The most single intents that are asked about for one list.
const ASKED: usize = 500;

/// The intents of a list.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) intents: Vec<DeploymentIntent>,
    /// Namespace and name of those that break the rules of this version.
    pub(super) unreadable: Vec<String>,
    /// How many may be the viewer's, too, and were not asked about.
    pub(super) unasked: usize,
}

/// What of a namespace may be a viewer's.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// All of it, or the rules do not say.
    Any,
    /// Intents of these names.
    Named(BTreeSet<String>),
}

/// Namespace and name.
type Key = (String, String);

fn key(intent: &DynamicObject) -> Key {
    (intent.namespace().unwrap_or_default(), intent.name_any())
}

/// All that the viewer may get.
pub(super) async fn seen(cluster: &Cluster, viewer: &Viewer) -> kube::Result<Seen> {
    let known = cluster.known_intents().await?;
    if may_get(viewer, None, None).await? {
        return Ok(read(known, 0));
    }
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (namespace, name) in known.iter().map(key) {
        names.entry(namespace).or_default().push(name);
    }
    let sorted = names.into_iter().map(|(namespace, names)| async move {
        let claim = claim(viewer, &namespace).await?;
        if claim == Claim::Any && may_get(viewer, Some(&namespace), None).await? {
            return Ok((keys(&namespace, names), Vec::new()));
        }
        let candidates = names.into_iter().filter(|name| match &claim {
            Claim::Any => true,
            Claim::Named(named) => named.contains(name),
        });
        Ok::<_, kube::Error>((Vec::new(), keys(&namespace, candidates)))
    });
    let sorted: Vec<(Vec<Key>, Vec<Key>)> =
        stream::iter(sorted).buffered(AT_ONCE).try_collect().await?;
    let (whole, candidates): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
    let mut theirs: BTreeSet<Key> = whole.into_iter().flatten().collect();
    let candidates: Vec<Key> = candidates.into_iter().flatten().collect();
    let unasked = candidates.len().saturating_sub(ASKED);
    let asked = candidates.into_iter().take(ASKED).map(|key| async move {
        let is_theirs = may_get(viewer, Some(&key.0), Some(&key.1)).await?;
        Ok::<_, kube::Error>(is_theirs.then_some(key))
    });
    let asked: Vec<_> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    theirs.extend(asked.into_iter().flatten());
    let known = known.into_iter().filter(|it| theirs.contains(&key(it)));
    Ok(read(known.collect(), unasked))
}

fn keys(namespace: &str, names: impl IntoIterator<Item = String>) -> Vec<Key> {
    let key = |name| (namespace.to_owned(), name);
    names.into_iter().map(key).collect()
}

fn read(known: Vec<DynamicObject>, unasked: usize) -> Seen {
    let mut seen = Seen {
        unasked,
        ..Seen::default()
    };
    for intent in known {
        let (namespace, name) = key(&intent);
        match intent.try_parse() {
            Ok(intent) => seen.intents.push(intent),
            Err(_) => seen.unreadable.push(format!("{namespace}/{name}")),
        }
    }
    seen
}

async fn may_get(
    viewer: &Viewer,
    namespace: Option<&str>,
    name: Option<&str>,
) -> kube::Result<bool> {
    let right = ResourceAttributes {
        group: Some(GROUP.to_owned()),
        resource: Some(RESOURCE.to_owned()),
        verb: Some("get".to_owned()),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    viewer.may(right).await
}

async fn claim(viewer: &Viewer, namespace: &str) -> kube::Result<Claim> {
    let reviews: Api<SelfSubjectRulesReview> = Api::all(viewer.client.clone());
    let asked = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec {
            namespace: Some(namespace.to_owned()),
        },
        ..SelfSubjectRulesReview::default()
    };
    let review = reviews.create(&PostParams::default(), &asked).await?;
    Ok(review.status.map_or(Claim::Any, |status| claimed(&status)))
}

fn claimed(rules: &SubjectRulesReviewStatus) -> Claim {
    if rules.incomplete || rules.evaluation_error.is_some() {
        return Claim::Any;
    }
    let holds = |words: Option<&[String]>, word: &str| {
        let mut words = words.unwrap_or_default().iter();
        words.any(|it| it == word || it == "*")
    };
    let of_intents = rules.resource_rules.iter().filter(|rule| {
        holds(Some(&rule.verbs), "get")
            && holds(rule.api_groups.as_deref(), GROUP)
            && holds(rule.resources.as_deref(), RESOURCE)
    });
    let mut named = BTreeSet::new();
    for rule in of_intents {
        match rule.resource_names.as_deref() {
            None | Some([]) => return Claim::Any,
            Some(names) if names.iter().any(|name| name == "*") => return Claim::Any,
            Some(names) => named.extend(names.iter().cloned()),
        }
    }
    Claim::Named(named)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::authorization::v1::ResourceRule;

    use super::*;

    fn rule(verb: &str, group: &str, resource: &str, names: &[&str]) -> ResourceRule {
        let list = |words: &[&str]| Some(words.iter().map(|it| (*it).to_owned()).collect());
        ResourceRule {
            verbs: vec![verb.to_owned()],
            api_groups: list(&[group]),
            resources: list(&[resource]),
            resource_names: list(names),
        }
    }

    fn of(rules: Vec<ResourceRule>) -> Claim {
        claimed(&SubjectRulesReviewStatus {
            resource_rules: rules,
            ..SubjectRulesReviewStatus::default()
        })
    }

    #[test]
    fn rules_say_what_may_be_theirs() {
        let nothing = Claim::Named(BTreeSet::new());
        assert_eq!(of(Vec::new()), nothing);
        for other in [
            rule("list", GROUP, RESOURCE, &[]),
            rule("get", "apps", RESOURCE, &[]),
            rule("get", GROUP, "deploymentintents/status", &[]),
        ] {
            assert_eq!(of(vec![other]), nothing);
        }
        for any in [
            rule("get", GROUP, RESOURCE, &[]),
            rule("*", "*", "*", &[]),
            rule("get", GROUP, RESOURCE, &["*"]),
        ] {
            assert_eq!(of(vec![any]), Claim::Any);
        }
        let named = [("get", "a"), ("get", "b"), ("list", "c")];
        let named = named.map(|(verb, name)| rule(verb, GROUP, RESOURCE, &[name]));
        let both = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(of(named.to_vec()), Claim::Named(both));
    }

    #[test]
    fn where_rules_are_not_all_everything_may_be_theirs() {
        for rules in [
            SubjectRulesReviewStatus {
                incomplete: true,
                ..SubjectRulesReviewStatus::default()
            },
            SubjectRulesReviewStatus {
                evaluation_error: Some("webhook".to_owned()),
                ..SubjectRulesReviewStatus::default()
            },
        ] {
            assert_eq!(claimed(&rules), Claim::Any);
        }
    }
}
