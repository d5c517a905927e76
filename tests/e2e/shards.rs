//! Several operators at once, each with a part of the intents: by namespace with rights in these alone,
//! and by label.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::DeleteParams;

use crate::support::{
    CLUSTER, Namespace, Operator, OperatorOptions, apply, eventually, grant, intent_yaml, writes_of,
};

/// Rights in one namespace, and nowhere else.
const RULES: &str = "\
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get, list, watch]}
- {apiGroups: [compass.dev], resources: [deploymentintents/status], verbs: [update]}
- {apiGroups: [''], resources: [configmaps, services, persistentvolumeclaims], verbs: &own [get, list, watch, create, patch, delete]}
- {apiGroups: [apps], resources: [deployments], verbs: *own}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: *own}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: *own}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: *own}
- {apiGroups: [monitoring.coreos.com], resources: [podmonitors, prometheusrules], verbs: *own}
- {apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: *own}
- {apiGroups: [inference.networking.k8s.io], resources: [inferencepools], verbs: *own}
- {apiGroups: [keda.sh], resources: [scaledobjects], verbs: *own}
- {apiGroups: [serving.kserve.io], resources: [llminferenceservices], verbs: *own}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [create, patch]}
- {apiGroups: [''], resources: [pods, resourcequotas], verbs: [list, watch]}
";

fn may_work_in(user: &str, namespace: &str) {
    let roles = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {user}, namespace: {namespace}}}\nrules:\n{RULES}---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {user}, namespace: {namespace}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {user}}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n"
    );
    let file = format!("{user}-{namespace}.yaml");
    apply(&CLUSTER.control_plane, &file, &roles);
}

fn operator(user: &str, flags: &str) -> Operator {
    Operator::start(&OperatorOptions {
        flags,
        kubeconfig: Some(CLUSTER.control_plane.kubeconfig_of(user).unwrap()),
        ..OperatorOptions::new(&CLUSTER.control_plane, &CLUSTER.database_url)
    })
}

/// Names of what a user wrote in a namespace: of intents, and of what was made of them.
fn written(user: &str, namespace: &str) -> Vec<String> {
    let writes = writes_of(&CLUSTER.control_plane, user);
    let writes = writes.into_iter().filter(|it| it.namespace == namespace);
    let mut names: Vec<_> = writes.map(|it| it.name).collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn by_namespace_with_rights_in_these_alone() {
    let [one, two, three] = [
        Namespace::create("shard-one").await,
        Namespace::create("shard-two").await,
        Namespace::create("shard-three").await,
    ];
    may_work_in("shard-ab", &one.name);
    may_work_in("shard-ab", &two.name);
    may_work_in("shard-c", &three.name);
    let ab = operator("shard-ab", "--namespace shard-one --namespace shard-two");
    let c = operator("shard-c", "--namespace shard-three");
    let applied = intent_yaml("applied", "useCase: translation, delivery: {mode: Apply}");
    for namespace in [&one, &two, &three] {
        namespace.apply(&intent_yaml("before", "useCase: translation"));
        namespace.ready("before", "Rendered").await;
        namespace.apply(&applied);
        namespace.ready("applied", "Available").await;
        // What others do to its objects is undone: the watches are there.
        let objects = namespace.api::<ConfigMap>();
        objects
            .delete("before", &DeleteParams::default())
            .await
            .unwrap();
        namespace.until::<ConfigMap>("before", |_| true).await;
    }
    for namespace in ["shard-one", "shard-two"] {
        assert_eq!(written("shard-ab", namespace), ["applied", "before"]);
        assert_eq!(written("shard-c", namespace), [""; 0]);
    }
    assert_eq!(written("shard-c", "shard-three"), ["applied", "before"]);
    assert_eq!(written("shard-ab", "shard-three"), [""; 0]);
    for operator in [ab, c] {
        operator.answers("/readyz", 200, "ok").await;
        assert!(operator.log().contains("is not known in full"), "nodes");
    }
}

/// An intent with a label; `none` has none.
fn labelled(name: &str, team: &str, rate: u32) -> String {
    let spec = format!("useCase: translation, demand: {{requestsPerSecond: '{rate}'}}");
    let labels = if team == "none" {
        String::new()
    } else {
        format!("team: {team}")
    };
    intent_yaml(name, &spec).replace(
        &format!("{{name: {name}}}"),
        &format!("{{name: {name}, labels: {{{labels}}}}}"),
    )
}

#[tokio::test]
async fn by_label_and_an_intent_that_moves_keeps_what_it_has() {
    let namespace = Namespace::create("shard-labels").await;
    let users = ["shard-blue", "shard-others"];
    for user in users {
        grant(&CLUSTER.control_plane, user);
    }
    let flags = format!("--namespace {} --selector", namespace.name);
    let blue = operator(users[0], &format!("{flags} team=blue"));
    let others = operator(users[1], &format!("{flags} team!=blue"));
    let answers = async |name: &str, team: &str, rate: u32| {
        namespace.apply(&labelled(name, team, rate));
        namespace.ready(name, "Rendered").await;
    };
    answers("sky", "blue", 1).await;
    answers("grass", "green", 1).await;
    answers("air", "none", 1).await;
    assert_eq!(written(users[0], "shard-labels"), ["sky"]);
    assert_eq!(written(users[1], "shard-labels"), ["air", "grass"]);

    // How often each of the two wrote it.
    let wrote_grass = || {
        users.map(|user| {
            let writes = writes_of(&CLUSTER.control_plane, user);
            writes.iter().filter(|it| it.name == "grass").count()
        })
    };
    let objects = namespace.api::<ConfigMap>();
    let made = objects.get("grass").await.unwrap().uid();
    answers("grass", "blue", 2).await;
    // A look of the other that was under way may have overlapped.
    others.is_idle().await;
    let [_, before] = wrote_grass();
    answers("grass", "blue", 4).await;
    blue.is_idle().await;
    let [by_blue, by_others] = wrote_grass();
    assert!(by_blue > 0 && by_others == before, "{by_blue} {by_others}");

    // Back again, and although its spec is the same it is looked at.
    let looks = others.metric("compass_reconciles_total", "");
    namespace.apply(&labelled("grass", "green", 4));
    eventually("a look", async || {
        let now = others.metric("compass_reconciles_total", "");
        if now > looks { Ok(()) } else { Err(now) }
    })
    .await;
    // Here too, a look of the other may have overlapped.
    blue.is_idle().await;
    let [by_blue, _] = wrote_grass();
    answers("grass", "green", 3).await;
    let [by_blue_now, by_others] = wrote_grass();
    assert_eq!(by_blue_now, by_blue);
    assert!(by_others > before);
    assert_eq!(objects.get("grass").await.unwrap().uid(), made);
}
