use super::*;

const H100: &str = "NVIDIA-H100-80GB-HBM3";

fn node(name: &str, product: &str, change: impl FnOnce(&mut serde_json::Value)) -> Node {
    let mut node = serde_json::json!({
        "metadata": {"name": name, "labels": {"nvidia.com/gpu.product": product}},
        "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"nvidia.com/gpu": "8", "cpu": "64"},
            "conditions": [{"type": "Ready", "status": "True"}]},
    });
    change(&mut node);
    serde_json::from_value(node).unwrap()
}

fn pod(name: &str, node: Option<&str>, gpus: u32, intent: Option<&str>) -> Pod {
    let mut pod = serde_json::json!({
        "metadata": {"name": name, "namespace": "assistants", "labels": {}},
        "spec": {"containers": [{"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": gpus.to_string()}}}]},
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

fn availability(cluster: &Cluster) -> Availability {
    let asker = Asker {
        namespace: "assistants",
        intent: "chat",
    };
    cluster.availability(asker, None)
}

fn rooms(cluster: &Cluster) -> Vec<(String, u64, u64, u32)> {
    let nodes = availability(cluster).nodes.unwrap();
    let rooms = nodes.iter().flat_map(|(hardware, rooms)| {
        let of =
            move |(room, count): (&Room, &u32)| (hardware.to_string(), room.free, room.own, *count);
        rooms.iter().map(of)
    });
    rooms.collect()
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
    assert_eq!(
        rooms(&cluster),
        [
            ("H100".into(), 3, 2, 1),
            ("H100".into(), 8, 0, 1),
            ("L40S".into(), 0, 0, 1),
        ]
    );
    assert_eq!(availability(&cluster).unchecked, Vec::<String>::new());
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
    for change in changes {
        assert_eq!(
            rooms(&cluster(vec![node("a", H100, change)], Vec::new())),
            []
        );
    }
    let preferred = |node: &mut serde_json::Value| {
        node["spec"]["taints"][0] =
            serde_json::json!({"key": "team", "effect": "PreferNoSchedule"});
    };
    let open = cluster(vec![node("a", H100, preferred)], Vec::new());
    assert_eq!(rooms(&open), [("H100".into(), 8, 0, 1)]);
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
    assert!(!cluster.pod(Event::Apply(pod("small", Some("a"), 0, None))));
    let mut over = pod("p", Some("a"), 1, None);
    over.status.as_mut().unwrap().phase = Some("Succeeded".into());
    assert!(cluster.pod(Event::Apply(over)));
    assert_eq!(rooms(&cluster), [("H100".into(), 8, 0, 1)]);
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
