use super::*;

fn pod(node: Option<&str>, status: serde_json::Value) -> Pod {
    let mut pod = serde_json::json!({
        "metadata": {"name": "chat-7d9c-x2x4z", "namespace": "assistants"},
        "spec": {"containers": []},
        "status": status,
    });
    if let Some(node) = node {
        pod["spec"]["nodeName"] = node.into();
    }
    serde_json::from_value(pod).unwrap()
}

/// A pod on a node with one container in this state.
fn container(state: serde_json::Value) -> Pod {
    let mut container = serde_json::json!({
        "name": "vllm", "image": "vllm/vllm-openai:v0.32.0", "imageID": "", "ready": false,
        "restartCount": 0, "started": false,
    });
    for (key, value) in state.as_object().unwrap() {
        container[key] = value.clone();
    }
    pod(
        Some("h100-0"),
        serde_json::json!({
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady",
                 "lastTransitionTime": "2026-01-01T00:00:00Z"},
            ],
            "containerStatuses": [container],
        }),
    )
}

fn ended(exit_code: i32, reason: &str, message: &str) -> serde_json::Value {
    serde_json::json!({"terminated": {
        "exitCode": exit_code, "reason": reason, "message": message,
        "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:02:00Z",
    }})
}

fn back_off() -> serde_json::Value {
    serde_json::json!({"waiting": {"reason": "CrashLoopBackOff",
        "message": "back-off 2m40s restarting failed container=vllm pod=chat-7d9c-x2x4z_assistants(6a)"}})
}

fn found(pod: &Pod) -> Trouble {
    trouble(pod).expect("something is wrong with it")
}

#[test]
fn a_pod_that_starts_as_it_should_is_in_no_trouble() {
    let creating = serde_json::json!({"state": {"waiting": {"reason": "ContainerCreating"}}});
    let loading = serde_json::json!({"state": {"running": {"startedAt": "2026-01-01T00:00:10Z"}}});
    for state in [creating, loading] {
        assert_eq!(trouble(&container(state)), None);
    }
    assert_eq!(
        trouble(&pod(None, serde_json::json!({"phase": "Pending"}))),
        None
    );
}

#[test]
fn a_crash_loop_is_one_trouble_from_end_to_end() {
    let last = ended(1, "Error", "ValueError: no such flag\n");
    let cycle = [
        serde_json::json!({"restartCount": 3, "state": last}),
        serde_json::json!({"restartCount": 3, "state": back_off(), "lastState": last}),
        serde_json::json!({"restartCount": 4, "lastState": last,
            "state": {"running": {"startedAt": "2026-01-01T00:05:00Z"}}}),
    ];
    let troubles: Vec<_> = cycle.map(|state| found(&container(state))).into();
    assert_eq!(troubles[0].reason, "CrashLooping");
    assert_eq!(
        troubles[0].message,
        "pod chat-7d9c-x2x4z on node h100-0: container vllm ends (exit code 1, Error), restarted at least 3 times: ValueError: no such flag"
    );
    assert!(
        troubles.iter().all(|it| *it == troubles[0]),
        "{troubles:#?}"
    );
    assert!(!troubles[0].needs_a_person);
}

#[test]
fn a_loop_that_goes_on_needs_a_person_and_one_crash_a_month_does_not() {
    let with = |restarts: i32, ended: serde_json::Value| {
        found(&container(serde_json::json!({
            "restartCount": restarts, "state": back_off(), "lastState": ended,
        })))
        .needs_a_person
    };
    assert!(!with(5, ended(1, "Error", "")));
    assert!(with(6, ended(1, "Error", "")));
    let mut long_lived = ended(1, "Error", "");
    long_lived["terminated"]["startedAt"] = "2025-12-01T00:00:00Z".into();
    assert!(!with(6, long_lived));
}

#[test]
fn memory_of_the_node_and_of_the_gpu() {
    let killed = found(&container(serde_json::json!({
        "restartCount": 2, "state": back_off(), "lastState": ended(137, "OOMKilled", ""),
    })));
    assert_eq!(killed.reason, "OutOfMemory");
    assert!(
        killed
            .message
            .ends_with("container vllm was killed for lack of memory (exit code 137, OOMKilled), restarted twice"),
        "{}",
        killed.message
    );
    let log = "(EngineCore_0 pid=270) ERROR 11-24 09:00:00 [core.py:718] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n\
               RuntimeError: Engine core initialization failed. See root cause above.\n";
    let gpu = found(&container(serde_json::json!({
        "restartCount": 1, "state": back_off(), "lastState": ended(1, "Error", log),
    })));
    assert_eq!(gpu.reason, "OutOfMemory");
    assert!(
        gpu.message.ends_with(
            "restarted once: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
        ),
        "{}",
        gpu.message
    );
}

#[test]
fn a_refused_model_names_the_remedy_and_no_token() {
    let log = "huggingface_hub.errors.GatedRepoError: 401 Client Error. token=hf_abcDEF123\n";
    let denied = found(&container(serde_json::json!({
        "restartCount": 1, "state": back_off(), "lastState": ended(1, "Error", log),
    })));
    assert_eq!(
        (denied.reason, denied.needs_a_person),
        ("ModelAccessDenied", true)
    );
    assert!(
        denied.message.contains("runtime.hfTokenSecret"),
        "{}",
        denied.message
    );
    assert!(!denied.message.contains("abcDEF"), "{}", denied.message);
}

#[test]
fn an_image_that_cannot_be_pulled_is_told_the_same_in_every_phase() {
    let image = "vllm/vllm-openai:v0.32.0";
    let cause = format!("rpc error: code = NotFound desc = failed to pull \"{image}\": not found");
    let states = [
        ("ErrImagePull", cause.clone()),
        (
            "ImagePullBackOff",
            format!("Back-off pulling image \"{image}\": ErrImagePull: {cause}"),
        ),
    ];
    for (reason, message) in states {
        let state =
            serde_json::json!({"state": {"waiting": {"reason": reason, "message": message}}});
        let trouble = found(&container(state));
        assert_eq!(
            (trouble.reason, trouble.needs_a_person),
            ("ImagePullFailed", true)
        );
        assert_eq!(
            trouble.message,
            format!(
                "pod chat-7d9c-x2x4z on node h100-0: image {image} of container vllm cannot be pulled: {cause}"
            )
        );
    }
    let slow = serde_json::json!({"state": {"waiting": {
        "reason": "ErrImagePull", "message": "dial tcp: i/o timeout"}}});
    assert!(!found(&container(slow)).needs_a_person, "it may pass");
}

#[test]
fn a_missing_secret_needs_a_person() {
    let state = serde_json::json!({"state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "secret \"hugging-face\" not found"}}});
    let trouble = found(&container(state));
    assert_eq!(
        (trouble.reason, trouble.needs_a_person),
        ("ContainerConfigError", true)
    );
    assert!(
        trouble
            .message
            .ends_with("container vllm cannot be made: secret \"hugging-face\" not found"),
        "{}",
        trouble.message
    );
}

#[test]
fn the_scheduler_is_quoted_and_its_gpus_understood() {
    let with = |message: &str| {
        found(&pod(
            None,
            serde_json::json!({"phase": "Pending", "conditions": [{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            }]}),
        ))
    };
    let full = with(
        "0/16 nodes are available: 12 node(s) didn't match Pod's node affinity/selector, 4 Insufficient nvidia.com/gpu. preemption: 0/16 nodes are available: 4 No preemption victims found for incoming pod.",
    );
    assert_eq!((full.reason, full.lacks_gpus), ("Unschedulable", true));
    assert_eq!(
        full.message,
        "pod chat-7d9c-x2x4z cannot be scheduled: 0/16 nodes are available: 12 node(s) didn't match Pod's node affinity/selector, 4 Insufficient nvidia.com/gpu."
    );
    assert!(!with("0/16 nodes are available: 16 Insufficient cpu.").lacks_gpus);
}

#[test]
fn pods_that_are_over_and_nodes_that_are_lost() {
    let evicted = found(&pod(
        Some("h100-0"),
        serde_json::json!({"phase": "Failed", "reason": "Evicted",
            "message": "The node was low on resource: memory."}),
    ));
    assert_eq!(evicted.reason, "Evicted");
    assert_eq!(
        evicted.message,
        "pod chat-7d9c-x2x4z on node h100-0 was evicted (Evicted: The node was low on resource: memory.)"
    );
    let refused = serde_json::json!({"phase": "Failed", "reason": "UnexpectedAdmissionError",
        "message": "Pod was rejected: Allocate failed due to requested number of devices unavailable"});
    assert_eq!(found(&pod(Some("h100-0"), refused)).reason, "PodFailed");

    // The node's controller, not the kubelet, says that a pod is no longer ready.
    let mut lost = container(serde_json::json!({"ready": true, "started": true}));
    assert_eq!(found(&lost).reason, "NodeLost");
    lost.status.as_mut().unwrap().reason = Some("NodeLost".into());
    lost.metadata.deletion_timestamp =
        serde_json::from_value(serde_json::json!("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(
        found(&lost).reason,
        "NodeLost",
        "it waits for its node to end it"
    );
    lost.status.as_mut().unwrap().reason = None;
    assert_eq!(trouble(&lost), None, "it is on its way out");
}

#[test]
fn lost_readiness_is_told_from_a_start() {
    let running_since = |started_at: &str| {
        trouble(&container(serde_json::json!({
            "started": true, "restartCount": 1, "lastState": ended(1, "Error", ""),
            "state": {"running": {"startedAt": started_at}},
        })))
    };
    assert_eq!(running_since("2026-01-01T00:00:01Z"), None, "not ready yet");
    assert_eq!(
        running_since("2025-12-31T23:00:00Z").unwrap().reason,
        "ReadinessLost"
    );
}

#[test]
fn hostile_words_are_cut_and_stay_on_one_line() {
    let long = format!("{}\n\u{1F600}\n{{{{ x }}}}", "\u{e9}".repeat(4000));
    let trouble = found(&container(serde_json::json!({
        "restartCount": 1, "state": back_off(), "lastState": ended(1, "Error", &long),
    })));
    assert!(trouble.message.len() < 600 && !trouble.message.contains('\n'));
    let error = format!("x Error: \u{3000}Error: {}", "\u{3000}y".repeat(500));
    assert!(last_words(&error).len() <= LONGEST_WORDS_BYTES);
}
