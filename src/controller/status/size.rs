//! A status stays small, however long the names in it are: etcd, every watch and every `kubectl get`
//! carry all of it. Lists and texts are shortened as far as that takes, and only where it does.

use serde_json::Value;

use super::catalogue;
use crate::api::DeploymentIntentStatus;

/// Of the status as JSON, without the conditions of others.
pub const LARGEST_BYTES: usize = 16 * 1024;

/// Items of a list and bytes of a text that stay, until it is small enough. A digest and an id always
/// stay whole.
const STEPS: [(usize, usize); 5] = [(10, 400), (5, 250), (3, 150), (2, 100), (1, 80)];

/// What stands for what is left out of a text.
const CUT: &str = "...";

/// The status, or as much of it as is small enough.
pub fn bounded(mut status: DeploymentIntentStatus) -> DeploymentIntentStatus {
    let is_theirs = |type_: &str| !catalogue::TYPES.contains(&type_);
    let conditions = std::mem::take(&mut status.conditions);
    let (theirs, ours) = conditions.into_iter().partition(|it| is_theirs(&it.type_));
    status.conditions = ours;
    let mut bounded = smaller(&status).unwrap_or(status);
    bounded.conditions.extend::<Vec<_>>(theirs);
    bounded
}

fn smaller(status: &DeploymentIntentStatus) -> Option<DeploymentIntentStatus> {
    if serde_json::to_string(status).ok()?.len() <= LARGEST_BYTES {
        return None;
    }
    let whole = serde_json::to_value(status).ok()?;
    let mut shortened = STEPS.map(|(items, bytes)| {
        let mut value = whole.clone();
        shorten(&mut value, "", items, bytes);
        value
    });
    let is_small = |value: &Value| value.to_string().len() <= LARGEST_BYTES;
    let first = shortened.iter().position(is_small);
    let step = first.unwrap_or(STEPS.len() - 1);
    serde_json::from_value(shortened[step].take()).ok()
}

fn shorten(value: &mut Value, key: &str, items: usize, bytes: usize) {
    match value {
        Value::String(text) => cut(text, bytes),
        Value::Array(list) => {
            // Each condition says something else.
            if key != "conditions" {
                list.truncate(items);
            }
            for item in list {
                shorten(item, "", items, bytes);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                shorten(value, key, items, bytes);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Leaves so many bytes of a text, as JSON writes them.
fn cut(text: &mut String, bytes: usize) {
    let mut written = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        written += match character {
            '"' | '\\' => 2,
            control if control < ' ' => 6,
            other => other.len_utf8(),
        };
        if written + CUT.len() <= bytes {
            end = at + character.len_utf8();
        }
    }
    if written > bytes {
        text.truncate(end);
        text.push_str(CUT);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A name of so many characters, most of which take more than one byte.
    fn long(characters: usize) -> String {
        "a\u{1}\"é𝄞".chars().cycle().take(characters).collect()
    }

    /// Every list as long as it may be, every text as long as it comes.
    fn largest() -> DeploymentIntentStatus {
        let name = long(200);
        let digest = format!("sha256:{}", "a".repeat(64));
        let many = |count: usize, item: Value| Value::Array(vec![item; count]);
        let p95s =
            json!({"ttftP95Ms": "1234567.8", "itlP95Ms": "1234567.8", "e2eP95Ms": "1234567.8"});
        let plan = json!({"model": name, "accelerators": name, "replicas": 100_000, "costPerHour": "1234567.1234",
            "predicted": p95s, "evidence": "simulated", "objective": "Balanced", "quality": 100});
        let condition = |type_: &&str| {
            json!({"type": type_, "status": "Unknown", "reason": "OverridesContradictEvidence",
            "message": long(1000), "observedGeneration": i64::MAX, "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let conditions: Vec<_> = catalogue::TYPES.iter().map(condition).collect();
        serde_json::from_value(json!({
            "observedGeneration": i64::MAX,
            "conditions": conditions,
            "requirement": {"trafficProfile": "10240/1536", "experienceClass": "conversational",
                "slo": {"ttftP95Ms": i32::MAX, "itlP95Ms": i32::MAX, "e2eP95Ms": i32::MAX},
                "requestsPerSecond": "1234567.1234"},
            "recommendation": {"model": name, "hardware": name, "gpusPerReplica": 64, "accelerators": name,
                "replicas": 100_000, "predicted": p95s, "headroomPercent": {"ttft": 1, "itl": 1, "e2e": 1},
                "capacityPerReplica": "1234567.1234", "capacityIsLowerBound": true, "settled": false,
                "breakEven": {"sameReplicasUpToRequestsPerSecond": "1234567.1234",
                    "sameConfigurationUpToRequestsPerSecond": "1234567.1234", "then": long(500)},
                "costPerHour": "1234567.1234", "costPerMonth": "1234567.1234", "wholeNodeCostPerHour": "1234567.1234",
                "bindingTarget": "TTFT", "capacityIfSlowerByTenPercent": "1234567.1234",
                "survivesLossOfOneReplica": false, "assumptions": many(4, json!(long(200))),
                "evidence": {"kind": "simulated", "source": name, "strength": "marginal",
                    "benchmarkedAt": "2026-01-01T00:00:00Z", "framework": name,
                    "benchmarks": many(20, json!("6f9619ff-8b86-d011-b42d-00c04fc964ff"))},
                "warnings": many(8, json!(long(300))), "digest": digest},
            "alternatives": many(5, plan.clone()),
            "otherObjectives": many(3, plan.clone()),
            "placement": {"placeable": false, "message": long(300), "bestHere": plan, "unchecked": many(3, json!(long(500)))},
            "explanation": {"configurations": i32::MAX, "compliant": 1, "rejected": 1, "challengers": 9,
                "excluded": {"byEvidence": 1, "byConstraints": 1, "byLimits": 1},
                "nearestMisses": many(3, json!({"model": name, "accelerators": name,
                    "requestsPerSecond": "1234567.1234", "failing": many(3, json!(long(100)))})),
                "relaxation": many(12, json!({"change": long(250), "model": name, "accelerators": name,
                    "replicas": 1, "gpus": 1, "costPerHour": "1234567.1234", "costChangePercent": -1})),
                "worthRunning": many(5, json!({"reason": long(100), "model": name, "accelerators": name,
                    "framework": name, "requestsPerSecond": ["1", "1.15"], "replicas": 1, "savingPerMonth": "1"})),
                "hardwareWithoutBenchmarks": many(20, json!(name)), "modelsWithoutBenchmarks": many(20, json!(name)),
                "unknownNames": many(20, json!(long(300))), "profilesWithBenchmarks": many(20, json!("10240/1536")),
                "estimates": many(6, json!(long(200)))},
            "delivered": {"digest": digest, "model": name, "hardware": name, "gpusPerReplica": 8, "replicas": 8},
            "proposed": {"digest": digest, "model": name, "hardware": name, "gpusPerReplica": 8,
                "accelerators": name, "replicas": 8, "costPerHour": "1", "savingPerMonth": "-1",
                "reason": long(300), "changes": many(4, json!(long(450)))},
            "manifests": {"configMap": "a".repeat(40), "digest": digest, "notes": many(10, json!(long(400))),
                "deviations": many(10, json!(long(200)))},
        }))
        .unwrap()
    }

    fn bytes(status: &DeploymentIntentStatus) -> usize {
        serde_json::to_string(status).unwrap().len()
    }

    #[test]
    fn the_largest_answer_is_small_enough_and_says_the_same() {
        let largest = largest();
        assert!(bytes(&largest) > 4 * LARGEST_BYTES);
        let small = bounded(largest.clone());
        assert!(bytes(&small) <= LARGEST_BYTES, "{} bytes", bytes(&small));
        let types = |status: &DeploymentIntentStatus| {
            let types = status.conditions.iter().map(|it| it.type_.clone());
            types.collect::<Vec<_>>()
        };
        assert_eq!(types(&small), types(&largest));
        let digests = |status: &DeploymentIntentStatus| {
            let proposed = status.proposed.clone().unwrap().digest;
            let manifests = status.manifests.clone().unwrap().digest;
            [proposed, manifests]
        };
        assert_eq!(digests(&small), digests(&largest));
        let explanation = small.explanation.clone().unwrap();
        assert!(!explanation.relaxation.is_empty() && !small.alternatives.is_empty());
        assert_eq!(bounded(small.clone()), small);
    }

    #[test]
    fn only_what_is_too_large_is_shortened_and_nothing_of_others() {
        let mut status = largest();
        let theirs = json!({"type": "theirs/Seen", "status": "True", "reason": "Seen",
            "message": "x".repeat(30_000), "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let theirs = serde_json::from_value(theirs).unwrap();
        status.conditions.push(theirs);
        let last = |status: &DeploymentIntentStatus| status.conditions.last().cloned();
        assert_eq!(last(&bounded(status.clone())), last(&status));

        let status = DeploymentIntentStatus {
            conditions: status.conditions[..1].to_vec(),
            proposed: status.proposed,
            ..DeploymentIntentStatus::default()
        };
        assert!(bytes(&status) <= LARGEST_BYTES, "{} bytes", bytes(&status));
        assert_eq!(bounded(status.clone()), status);
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        let cut = |text: &str, bytes| {
            let mut text = text.to_owned();
            super::cut(&mut text, bytes);
            text
        };
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abc...");
        assert_eq!(cut("éééé", 6), "é...");
        assert_eq!(cut("\u{1}\u{1}", 9), "\u{1}...");
    }
}
