use super::*;

fn deployment(status: serde_json::Value) -> Deployment {
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": "chat", "generation": 3}, "spec": {"replicas": 2, "selector": {}, "template": {}},
        "status": status,
    }))
    .unwrap()
}

fn state(status: serde_json::Value) -> Rollout {
    with(status, &[])
}

fn with(status: serde_json::Value, pods: &[Replica]) -> Rollout {
    rollout(
        &deployment(status),
        &Ok(pods.to_vec()),
        Strategy::AsRendered,
    )
}

fn progressing(rollout: Rollout) -> (&'static str, String) {
    match rollout {
        Rollout::Progressing(reason, message) => (reason, message),
        other => panic!("{other:?}"),
    }
}

fn stalled(rollout: Rollout) -> (&'static str, String) {
    match rollout {
        Rollout::Stalled(reason, message) => (reason, message),
        other => panic!("{other:?}"),
    }
}

/// Two replicas of the current revision, none available.
fn starting() -> serde_json::Value {
    serde_json::json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
            "message": "ReplicaSet \"chat-new\" is progressing."}],
    })
}

fn pod(name: &str, revision: &str, trouble: Option<(&'static str, bool)>) -> Replica {
    Replica {
        name: name.into(),
        replica_set: format!("chat-{revision}"),
        created: None,
        is_placed: true,
        is_leaving: false,
        is_ready: false,
        gpus: 1,
        nodes: 1,
        trouble: trouble.map(|(reason, needs_a_person)| Trouble {
            reason,
            message: format!("pod {name} {reason}"),
            needs_a_person,
            lacks_gpus: reason == reason::UNSCHEDULABLE,
        }),
    }
}

#[test]
fn available_is_what_the_current_generation_says() {
    let complete = serde_json::json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
    });
    assert_eq!(state(complete.clone()), Rollout::Available);
    for (field, value) in [
        ("observedGeneration", serde_json::json!(2)),
        ("updatedReplicas", serde_json::json!(1)),
        ("replicas", serde_json::json!(3)),
        ("availableReplicas", serde_json::json!(1)),
    ] {
        let mut status = complete.clone();
        status[field] = value;
        assert_eq!(progressing(state(status)).0, "Progressing", "{field}");
    }
    assert_eq!(progressing(state(serde_json::json!({}))).0, "Progressing");
}

#[test]
fn what_the_deployment_calls_available_may_be_no_pod_at_all() {
    let mut status = starting();
    status["conditions"] = serde_json::json!([{"type": "Available", "status": "True"}]);
    assert_eq!(progressing(state(status)).0, "Progressing");
}

#[test]
fn pods_that_cannot_be_made_are_told() {
    let refused = |said: &str| {
        state(serde_json::json!({
            "observedGeneration": 3,
            "conditions": [{
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": format!("pods \"chat-new-8xk2p\" is forbidden: {said}"),
            }],
        }))
    };
    let (reason, message) = progressing(refused(
        "exceeded quota: gpus, limited: requests.nvidia.com/gpu=1",
    ));
    assert_eq!(reason, "QuotaExceeded");
    assert!(
        message.contains("exceeded quota: gpus") && !message.contains("8xk2p"),
        "{message}"
    );
    assert_eq!(progressing(refused("not by this webhook")).0, "PodsRefused");
    let by_policy = refused("violates PodSecurity \"restricted:latest\": runAsNonRoot != true");
    assert_eq!(stalled(by_policy).0, "PodsRefused");
}

#[test]
fn a_missed_deadline_is_told_with_its_cause() {
    let mut status = starting();
    status["conditions"] = serde_json::json!([{
        "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"chat-new\" has timed out progressing.",
    }]);
    assert_eq!(
        stalled(state(status.clone())),
        (
            "ProgressDeadlineExceeded",
            "Deployment chat: ReplicaSet \"chat-new\" has timed out progressing.".into()
        )
    );
    let pods = [pod("a", "new", Some((reason::UNSCHEDULABLE, false)))];
    assert_eq!(
        stalled(with(status.clone(), &pods)),
        ("Unschedulable", "Deployment chat: ReplicaSet \"chat-new\" has timed out progressing.; pod a Unschedulable".into())
    );
    let in_place = rollout(
        &deployment(status),
        &Ok(pods.to_vec()),
        Strategy::InPlace(1),
    );
    assert_eq!(stalled(in_place).0, "Unschedulable");
}

#[test]
fn what_needs_a_person_comes_first_and_pods_are_counted() {
    let pods = [
        pod("a", "new", Some((reason::CRASH_LOOPING, false))),
        pod("b", "new", Some((reason::CONTAINER_CONFIG_ERROR, true))),
        pod("c", "new", Some((reason::CRASH_LOOPING, false))),
    ];
    let (reason, message) = stalled(with(starting(), &pods));
    assert_eq!(reason, "ContainerConfigError");
    assert_eq!(
        message,
        "Deployment chat: 0 of 2 replicas are available; pod b ContainerConfigError; pod a CrashLooping (and 1 pod more)"
    );
}

#[test]
fn the_pods_of_an_earlier_revision_say_nothing_of_this_one() {
    let pods = [
        pod("a", "old", Some((reason::CRASH_LOOPING, true))),
        pod("b", "new", None),
    ];
    let mut status = starting();
    (status["replicas"], status["updatedReplicas"]) = (3.into(), 1.into());
    assert_eq!(progressing(with(status.clone(), &pods)).0, "Progressing");
    status["updatedReplicas"] = 0.into();
    assert_eq!(
        progressing(with(status.clone(), &pods[..1])).0,
        "Progressing"
    );
    // As long as its controller has not seen the new spec, nobody knows which revision is which.
    status["observedGeneration"] = 2.into();
    assert_eq!(progressing(with(status, &pods)).0, "Progressing");
}

#[test]
fn without_a_name_the_newest_pod_is_of_the_current_revision() {
    let at = |second| jiff::Timestamp::from_second(second).ok();
    let mut pods = [
        pod("a", "old", None),
        pod("b", "new", Some((reason::CRASH_LOOPING, false))),
    ];
    (pods[0].created, pods[1].created) = (at(1), at(2));
    let mut status = starting();
    status["conditions"] = serde_json::json!([]);
    assert_eq!(progressing(with(status, &pods)).0, "CrashLooping");
}

#[test]
fn an_evicted_pod_matters_until_a_later_one_does_well() {
    let at = |second| jiff::Timestamp::from_second(second).ok();
    let mut evicted = pod("a", "new", Some((reason::EVICTED, false)));
    (evicted.created, evicted.is_leaving) = (at(1), true);
    assert_eq!(
        progressing(with(starting(), &[evicted.clone()])).0,
        "Evicted"
    );
    let mut successor = pod("b", "new", None);
    successor.created = at(2);
    assert_eq!(
        progressing(with(starting(), &[evicted.clone(), successor.clone()])).0,
        "Evicted"
    );
    successor.is_ready = true;
    assert_eq!(
        progressing(with(starting(), &[evicted, successor])).0,
        "Progressing"
    );
}

#[test]
fn in_place_says_how_many_serve_meanwhile() {
    let mut status = starting();
    (
        status["replicas"],
        status["updatedReplicas"],
        status["availableReplicas"],
    ) = (2.into(), 1.into(), 1.into());
    let pods = vec![
        pod("a", "old", None),
        pod("b", "new", Some((reason::UNSCHEDULABLE, false))),
    ];
    let (reason, message) = progressing(rollout(
        &deployment(status),
        &Ok(pods),
        Strategy::InPlace(1),
    ));
    assert_eq!(reason, "ReplacingInPlace");
    assert_eq!(
        message,
        "Deployment chat: 1 of 2 replicas are of the current revision; no spare GPU, or no quota for one: replicas are replaced one at a time, 1 of 2 serve meanwhile"
    );
}

#[test]
fn what_could_not_be_looked_at_is_said() {
    let unknown = Err("pods is forbidden".to_owned());
    let complete = serde_json::json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
    });
    let of = |status| rollout(&deployment(status), &unknown, Strategy::AsRendered);
    assert_eq!(of(complete), Rollout::Available);
    let (reason, message) = progressing(of(starting()));
    assert_eq!(reason, "Progressing");
    assert!(
        message.ends_with("its pods could not be looked at (pods is forbidden)"),
        "{message}"
    );
}
