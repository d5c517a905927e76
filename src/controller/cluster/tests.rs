use super::*;

const H100: &str = "NVIDIA-H100-80GB-HBM3";

fn node(name: &str, product: &str, change: impl FnOnce(&mut serde_json::Value)) -> Node {
    let mut node = serde_json::json!({
        "metadata": {"name": name, "labels": {"nvidia.com/gpu.product": product}},
        "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"nvidia.com/gpu": "8", "cpu": "64", "memory": "1Ti", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}]},
    });
    change(&mut node);
    serde_json::from_value(node).unwrap()
}

fn pod(name: &str, node: Option<&str>, gpus: u32, intent: Option<&str>) -> Pod {
    let mut pod = serde_json::json!({
        "metadata": {"name": name, "namespace": "assistants", "labels": {}},
        "spec": {"containers": [{"name": "vllm", "resources": {"requests": {"nvidia.com/gpu": gpus.to_string()}}}]},
        "status": {"phase": "Running"},
    });
    if let Some(intent) = intent {
        pod["metadata"]["labels"] = serde_json::json!({
            "app.kubernetes.io/managed-by": "compass", "app.kubernetes.io/instance": intent});
    }
    if let Some(node) = node {
        pod["spec"]["nodeName"] = node.into();
    }
    serde_json::from_value(pod).unwrap()
}

fn cluster(nodes: Vec<Node>, pods: Vec<Pod>) -> Cluster {
    let mut cluster = Cluster::new(Arc::new(Catalog::built_in()));
    for node in nodes {
        cluster.node(Event::InitApply(node));
    }
    for pod in pods {
        cluster.pod(Event::InitApply(pod));
    }
    cluster.node(Event::InitDone);
    cluster.pod(Event::InitDone);
    cluster.quota(Event::InitDone);
    cluster
}

fn asked_with(cluster: &Cluster, runtime: &serde_json::Value) -> Availability {
    let runtime: RuntimeSpec = serde_json::from_value(runtime.clone()).unwrap();
    let asker = Asker {
        namespace: "assistants",
        intent: "chat",
        runtime: Some(&runtime),
    };
    cluster.availability(asker, None)
}

fn availability(cluster: &Cluster) -> Availability {
    asked_with(cluster, &serde_json::json!({}))
}

/// Replicas of so many GPUs that there is room for: beside all pods, and in place of the intent's.
fn rooms(availability: &Availability, gpus: usize) -> Vec<(String, u64, u64)> {
    let nodes = availability.nodes.as_ref().unwrap();
    let rooms = nodes.iter().map(|(hardware, by_size)| {
        let room = by_size.get(gpus - 1).copied().unwrap_or_default();
        (hardware.to_string(), room.beside, room.instead)
    });
    rooms.collect()
}

/// The same of one GPU on one kind of hardware, for pods with this runtime.
fn room_with(cluster: &Cluster, runtime: &serde_json::Value) -> u64 {
    let rooms = rooms(&asked_with(cluster, runtime), 1);
    assert!(rooms.len() <= 1, "{rooms:?}");
    rooms.first().map_or(0, |(_, beside, _)| *beside)
}

#[test]
fn free_gpus_are_those_that_no_pod_holds() {
    let plain = |_: &mut serde_json::Value| {};
    let cluster = cluster(
        vec![
            node("a", H100, plain),
            node("b", H100, plain),
            node("c", "NVIDIA-L40S", plain),
        ],
        vec![
            pod("theirs", Some("a"), 3, None),
            pod("ours", Some("a"), 2, Some("chat")),
            pod("other", Some("c"), 9, Some("other")),
            pod("waiting", None, 8, None),
        ],
    );
    let here = availability(&cluster);
    let room = |name: &str, beside, instead| (name.to_owned(), beside, instead);
    assert_eq!(rooms(&here, 1), [room("H100", 11, 13), room("L40S", 0, 0)]);
    assert_eq!(rooms(&here, 2), [room("H100", 5, 6), room("L40S", 0, 0)]);
    assert_eq!(rooms(&here, 8), [room("H100", 1, 1), room("L40S", 0, 0)]);
    assert_eq!(rooms(&here, 9), [room("H100", 0, 0), room("L40S", 0, 0)]);
    let needless = serde_json::json!({"tolerations": [{"key": "none"}]});
    assert_eq!(asked_with(&cluster, &needless), here);
    assert_eq!(here.unchecked, Vec::<String>::new());
}

#[test]
fn nodes_that_take_no_pods_have_no_room() {
    let changes: [fn(&mut serde_json::Value); 5] = [
        |node| node["spec"]["unschedulable"] = true.into(),
        |node| node["status"]["conditions"][0]["status"] = "Unknown".into(),
        |node| node["spec"]["taints"][0]["key"] = "team".into(),
        |node| node["spec"]["taints"][0]["effect"] = "NoExecute".into(),
        |node| node["metadata"]["labels"] = serde_json::json!({}),
    ];
    let none = serde_json::json!({});
    for change in changes {
        let closed = cluster(vec![node("a", H100, change)], Vec::new());
        assert_eq!(room_with(&closed, &none), 0);
    }
    let preferred = |node: &mut serde_json::Value| {
        node["spec"]["taints"][0] =
            serde_json::json!({"key": "team", "effect": "PreferNoSchedule"});
    };
    let open = cluster(vec![node("a", H100, preferred)], Vec::new());
    assert_eq!(room_with(&open, &none), 8);
}

#[test]
fn what_the_intent_says_of_nodes_counts() {
    let ours = |node: &mut serde_json::Value| {
        node["metadata"]["labels"]["pool"] = "ours".into();
        let taints = node["spec"]["taints"].as_array_mut().unwrap();
        taints.push(serde_json::json!({"key": "team", "value": "ours", "effect": "NoExecute"}));
    };
    let plain = |_: &mut serde_json::Value| {};
    let cluster = cluster(
        vec![node("a", H100, ours), node("b", H100, plain)],
        Vec::new(),
    );
    let tolerations = serde_json::json!([{"key": "team", "value": "ours"}]);
    let selector = serde_json::json!({"pool": "ours"});
    let not_ours = serde_json::json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "pool", "operator": "DoesNotExist"}]}]}}});
    for (expected, runtime) in [
        (8, serde_json::json!({})),
        (16, serde_json::json!({"tolerations": tolerations})),
        (0, serde_json::json!({"nodeSelector": selector})),
        (
            8,
            serde_json::json!({"nodeSelector": selector, "tolerations": tolerations}),
        ),
        (
            8,
            serde_json::json!({"affinity": not_ours, "tolerations": tolerations}),
        ),
    ] {
        assert_eq!(room_with(&cluster, &runtime), expected, "{runtime}");
    }
}

#[test]
fn cpus_and_memory_have_to_be_free_too() {
    let mut other = pod("other", Some("a"), 0, None);
    let requests = |given: serde_json::Value| serde_json::from_value(given).unwrap();
    let container = &mut other.spec.as_mut().unwrap().containers[0];
    container.resources.as_mut().unwrap().requests = requests(serde_json::json!({"cpu": "50"}));
    let cluster = cluster(vec![node("a", H100, |_| {})], vec![other]);
    // 3 CPUs for a replica of one GPU, 14 are left.
    assert_eq!(room_with(&cluster, &serde_json::json!({})), 4);
    for (expected, resources) in [
        (7, serde_json::json!({"requests": {"cpu": "2"}})),
        (2, serde_json::json!({"limits": {"cpu": "7"}})),
        (1, serde_json::json!({"requests": {"memory": "600Gi"}})),
        (2, serde_json::json!({"limits": {"nvidia.com/gpu": "4"}})),
    ] {
        let runtime = serde_json::json!({"resources": resources});
        assert_eq!(room_with(&cluster, &runtime), expected, "{runtime}");
    }
}

#[test]
fn only_what_counts_is_news() {
    let plain = |_: &mut serde_json::Value| {};
    let mut cluster = cluster(
        vec![node("a", H100, plain)],
        vec![pod("p", Some("a"), 1, None)],
    );
    let heartbeat = |node: &mut serde_json::Value| {
        node["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-01-01T00:00:00Z".into();
    };
    assert!(!cluster.node(Event::Apply(node("a", H100, heartbeat))));
    assert!(!cluster.pod(Event::Apply(pod("p", Some("a"), 1, None))));
    assert!(cluster.pod(Event::Apply(pod("small", Some("a"), 0, None))));
    assert!(!cluster.pod(Event::Apply(pod("elsewhere", Some("b"), 0, None))));
    assert!(!cluster.pod(Event::Apply(pod("waiting", None, 0, None))));
    let mut over = pod("p", Some("a"), 1, None);
    over.status.as_mut().unwrap().phase = Some("Succeeded".into());
    assert!(cluster.pod(Event::Apply(over)));
    assert_eq!(room_with(&cluster, &serde_json::json!({})), 8);
    let cordoned = |node: &mut serde_json::Value| node["spec"]["unschedulable"] = true.into();
    assert!(cluster.node(Event::Apply(node("a", H100, cordoned))));
}

#[test]
fn the_tightest_quota_of_the_namespace_counts() {
    let quota = |namespace: &str, name: &str, most: &str| -> ResourceQuota {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"hard": {"requests.nvidia.com/gpu": most}},
            "status": {"used": {"requests.nvidia.com/gpu": "2"}},
        }))
        .unwrap()
    };
    let mut cluster = cluster(Vec::new(), vec![pod("ours", Some("a"), 2, Some("chat"))]);
    for (namespace, name, most) in [
        ("assistants", "a", "6"),
        ("assistants", "b", "5"),
        ("others", "c", "0"),
    ] {
        assert!(cluster.quota(Event::Apply(quota(namespace, name, most))));
    }
    let quotas = availability(&cluster).quotas;
    assert_eq!(
        quotas.get(&HardwareName::new("H100")),
        Some(&Room { free: 3, own: 2 })
    );
    assert_eq!(
        quotas.get(&HardwareName::new("MI300X")),
        None,
        "of another vendor"
    );
}

#[test]
fn a_node_that_says_nonsense_of_itself_does_no_harm() {
    let nonsense = |node: &mut serde_json::Value| {
        node["status"]["allocatable"]["nvidia.com/gpu"] = "1000000000000".into();
    };
    let cluster = cluster(vec![node("a", H100, nonsense)], Vec::new());
    let nodes = availability(&cluster).nodes.unwrap();
    assert_eq!(nodes[&HardwareName::new("H100")].len(), 256);
}

#[test]
fn a_quota_on_cpus_counts_beside_the_nodes() {
    let mut own = pod("ours", Some("a"), 1, Some("chat"));
    let requests = serde_json::json!({"nvidia.com/gpu": "1", "cpu": "3"});
    let container = &mut own.spec.as_mut().unwrap().containers[0];
    container.resources.as_mut().unwrap().requests = serde_json::from_value(requests).unwrap();
    let mut cluster = cluster(vec![node("a", H100, |_| {})], vec![own]);
    let all = |here: &Availability| rooms(here, 1)[0].clone();
    assert_eq!(all(&availability(&cluster)), ("H100".into(), 7, 8));
    let quota = |namespace: &str| -> ResourceQuota {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "cpus", "namespace": namespace},
            "spec": {"hard": {"requests.cpu": "10"}}, "status": {"used": {"requests.cpu": "3"}},
        }))
        .unwrap()
    };
    assert!(cluster.quota(Event::Apply(quota("others"))));
    assert_eq!(all(&availability(&cluster)), ("H100".into(), 7, 8));
    assert!(cluster.quota(Event::Apply(quota("assistants"))));
    // Three CPUs a replica: seven are left, ten with those of the own pod.
    assert_eq!(all(&availability(&cluster)), ("H100".into(), 2, 3));
}

#[test]
fn pods_that_may_not_be_seen_any_more_hold_nothing() {
    let mut cluster = cluster(
        vec![node("a", H100, |_| {})],
        vec![pod("p", Some("a"), 8, None)],
    );
    let none = serde_json::json!({});
    assert_eq!(room_with(&cluster, &none), 0);
    assert!(cluster.refuse_pods("pods is forbidden".into()));
    assert_eq!(room_with(&cluster, &none), 8);
}

#[test]
fn what_may_not_be_seen_is_said() {
    let mut cluster = Cluster::new(Arc::new(Catalog::built_in()));
    assert_eq!(availability(&cluster).unchecked.len(), 3);
    assert!(cluster.nodes.refuse("nodes is forbidden".into()));
    assert!(!cluster.nodes.refuse("nodes is forbidden".into()));
    cluster.pod(Event::InitDone);
    cluster.quota(Event::InitDone);
    let here = availability(&cluster);
    assert_eq!(here.unchecked, ["nodes (nodes is forbidden)"]);
    assert_eq!(here.nodes, None);
}
