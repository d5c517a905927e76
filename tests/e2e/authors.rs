//! The admission policy of the chart: an intent needs its author's right to create what it delivers.

use std::path::Path;

use compass::manifest::Kind;

use crate::support::{CLUSTER, Namespace, apply, eventually, intent_yaml};

const CHAT: &str = "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}";
const RECOMMEND: &str = "delivery: {mode: Recommend}";
const RENDER: &str = "delivery: {mode: Render}";
const APPLY: &str = "delivery: {mode: Apply}";
const MAY_WRITE_INTENTS: &str = "- apiGroups: [compass.dev]\n  resources: [deploymentintents]\n  verbs: [get, list, create, update, patch]\n";

fn chat(rest: &str) -> String {
    intent_yaml("chat", &format!("{CHAT}, {rest}"))
}

/// An intent that delivers the kind, and one that delivers all that it needs but the kind.
fn with_and_without(kind: Kind) -> (String, String) {
    let applied = |runtime: &str| chat(&format!("{APPLY}, runtime: {{{runtime}}}"));
    let optional = |runtime: &str| (applied(runtime), chat(APPLY));
    let kserve = "target: LLMInferenceService";
    match kind {
        Kind::ConfigMap => (chat(RENDER), chat(RECOMMEND)),
        Kind::Deployment | Kind::Service => (chat(APPLY), applied(kserve)),
        Kind::PodDisruptionBudget => (chat(APPLY), chat(RENDER)),
        Kind::LLMInferenceService => optional(kserve),
        Kind::PersistentVolumeClaim => optional("modelCache: {}"),
        Kind::NetworkPolicy => optional("networkPolicy: {allowFrom: [{podLabels: {}}]}"),
        Kind::HorizontalPodAutoscaler => optional("autoscaling: {}"),
        Kind::ScaledObject => {
            optional("autoscaling: {kind: ScaledObject, prometheusAddress: 'http://prometheus'}")
        }
        Kind::HTTPRoute => optional("gateway: {parentRefs: [{name: public}]}"),
        Kind::InferencePool => (
            applied(
                "gateway: {parentRefs: [{name: public}], inferencePool: {endpointPicker: {name: picker}}}",
            ),
            applied("gateway: {parentRefs: [{name: public}]}"),
        ),
        Kind::PodMonitor => optional("monitoring: {podMonitor: true}"),
        Kind::PrometheusRule => optional("monitoring: {prometheusRule: true}"),
    }
}

/// As people and roles name it, e.g. `deployments.apps`.
fn resource(kind: Kind) -> String {
    let resource = kind.resource();
    match resource.group {
        "" => resource.plural.to_owned(),
        group => format!("{}.{group}", resource.plural),
    }
}

/// Rules of RBAC that allow to create these.
fn may_create(kinds: impl IntoIterator<Item = Kind>) -> String {
    kinds
        .into_iter()
        .map(|kind| {
            let resource = kind.resource();
            format!(
                "- {{apiGroups: ['{}'], resources: [{}], verbs: [create]}}\n",
                resource.group, resource.plural
            )
        })
        .collect()
}

/// A user who may write intents, and do in the namespace what the rules say.
fn let_user(namespace: &Namespace, user: &str, rules: &str) {
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n\
         metadata: {{name: {user}, namespace: {space}}}\nrules:\n{MAY_WRITE_INTENTS}{rules}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\n\
         metadata: {{name: {user}, namespace: {space}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {user}}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n",
        space = namespace.name,
    );
    apply(
        &CLUSTER.control_plane,
        &format!("{user}-{}.yaml", namespace.name),
        &role,
    );
}

async fn namespace_with_the_policy(name: &str) -> Namespace {
    let namespace = Namespace::create(name).await;
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/compass/files/admission-policy.yaml");
    let policy = std::fs::read_to_string(file).unwrap();
    apply(&CLUSTER.control_plane, &format!("{name}.yaml"), &policy);
    namespace
}

/// Waits until the API server has taken policy and roles in, and refuses by the policy.
async fn is_refused(namespace: &Namespace, user: &str, intent: &str, resource: &str) {
    let message = format!(
        "user {user} may not create {resource} in namespace {}, which this intent delivers in mode",
        namespace.name
    );
    eventually(
        &format!("{user} to be refused {resource}"),
        async || match namespace.refusal_of(user, intent) {
            Some(told) if told.contains(&message) => Ok(()),
            other => Err(other),
        },
    )
    .await;
}

#[tokio::test]
async fn an_intent_needs_the_right_to_create_each_kind_that_it_delivers() {
    let namespace = namespace_with_the_policy("authors").await;
    let lacks = |kind: Kind| format!("lacks-{}", kind.resource().plural);
    let_user(&namespace, "may-all", &may_create(Kind::ALL));
    for kind in Kind::ALL {
        let others = Kind::ALL.into_iter().filter(|other| *other != kind);
        let_user(&namespace, &lacks(kind), &may_create(others));
    }
    for kind in Kind::ALL {
        let (with, without) = with_and_without(kind);
        is_refused(&namespace, &lacks(kind), &with, &resource(kind)).await;
        assert_eq!(
            namespace.refusal_of(&lacks(kind), &without),
            None,
            "{kind}: {without}"
        );
        assert_eq!(
            namespace.refusal_of("may-all", &with),
            None,
            "{kind}: {with}"
        );
    }
}

#[tokio::test]
async fn who_may_only_write_intents_may_only_ask() {
    let namespace = namespace_with_the_policy("only-intents").await;
    let everything = &may_create(Kind::ALL);
    let_user(&namespace, "author", everything);
    let_user(&namespace, "asker", "");
    let_user(
        &namespace,
        "status-writer",
        "- {apiGroups: [compass.dev], resources: [deploymentintents/status], verbs: [get, update, patch]}\n",
    );
    is_refused(&namespace, "asker", &chat(RENDER), "configmaps").await;
    is_refused(&namespace, "asker", &chat(APPLY), "deployments.apps").await;
    assert_eq!(namespace.refusal_of("asker", &chat(RECOMMEND)), None);
    // The API's default is Render.
    is_refused(
        &namespace,
        "asker",
        &intent_yaml("chat", CHAT),
        "configmaps",
    )
    .await;

    eventually("the author to be let", async || {
        namespace
            .refusal_of("author", &chat(APPLY))
            .map_or(Ok(()), Err)
    })
    .await;
    namespace.apply(&chat(RENDER));
    let patch = |user: &str, spec: &str| {
        let patch = format!("{{\"spec\":{spec}}}");
        namespace.try_kubectl(&[
            "patch",
            "di",
            "chat",
            "--type=merge",
            "-p",
            &patch,
            "--as",
            user,
        ])
    };
    for spec in [
        r#"{"delivery":{"mode":"Apply"}}"#,
        r#"{"demand":{"requestsPerSecond":6}}"#,
        &format!(
            r#"{{"delivery":{{"approvedDigest":"sha256:{}"}}}}"#,
            "0".repeat(64)
        ),
    ] {
        let told = patch("asker", spec).unwrap_err();
        assert!(told.contains("user asker may not create"), "{spec}: {told}");
        assert!(told.contains("Forbidden"), "{spec}: {told}");
    }
    patch("asker", r#"{"delivery":{"mode":"Recommend"}}"#).unwrap();
    patch("author", r#"{"delivery":{"mode":"Apply"}}"#).unwrap();
    let as_asker = |arguments: &str| {
        let arguments: Vec<_> = arguments.split(' ').chain(["--as", "asker"]).collect();
        namespace.try_kubectl(&arguments)
    };
    as_asker("label di chat team=a").unwrap();
    as_asker("annotate di chat note=b").unwrap();
    namespace
        .try_kubectl(&[
            "patch",
            "di",
            "chat",
            "--subresource=status",
            "--type=merge",
            "--patch={\"status\":{\"observedGeneration\":1}}",
            "--as=status-writer",
        ])
        .unwrap();
}
