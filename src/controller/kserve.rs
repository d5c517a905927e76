//! How far an LLMInferenceService is, by what KServe says of it. Pure.
//!
//! KServe's `Ready` sums up workload and router. It leaves out `PresetsCombined`: where KServe can make
//! nothing of a spec it stops there, and `Ready` stays what it was for the spec before.

use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

use super::outcome::Rollout;
use crate::api::conditions::reason;

const PRESETS: &str = "PresetsCombined";

/// What `Ready` sums up, what says most first.
const PARTS: [&str; 6] = [
    "MainWorkloadReady",
    "ScalingReady",
    "GatewaysReady",
    "HTTPRoutesReady",
    "InferencePoolReady",
    "SchedulerWorkloadReady",
];

/// How far an LLMInferenceService is, as the API server returned it.
pub fn rollout(service: &DynamicObject) -> Rollout {
    let status = &service.data["status"];
    let conditions = status["conditions"].as_array();
    let condition = |type_: &str| conditions?.iter().find(|it| it["type"] == type_);
    let is = |type_: &str, status: &str| condition(type_).is_some_and(|it| it["status"] == status);
    let observed = status["observedGeneration"].as_i64();
    let is_seen = observed.is_none_or(|seen| Some(seen) >= service.metadata.generation);
    let name = service.name_any();
    let told = |what: &str| format!("LLMInferenceService {name}: {what}");
    if !is_seen {
        return Rollout::Progressing(reason::PROGRESSING, told("not ready yet"));
    }
    if is(PRESETS, "False") {
        let said = told(&said(PRESETS, condition(PRESETS)));
        return Rollout::Stalled(reason::WORKLOAD_REFUSED, said);
    }
    if is("Ready", "True") {
        return Rollout::Available;
    }
    let mut parts = PARTS.into_iter().chain(["Ready"]);
    let Some(part) = parts.find(|part| is(part, "False")) else {
        return Rollout::Progressing(reason::PROGRESSING, told("not ready yet"));
    };
    let failing = condition(part);
    let message = told(&said(part, failing));
    if failing.is_some_and(|it| it["reason"] == reason::PROGRESS_DEADLINE_EXCEEDED) {
        Rollout::Stalled(reason::PROGRESS_DEADLINE_EXCEEDED, message)
    } else {
        Rollout::Progressing(reason::PROGRESSING, message)
    }
}

/// A condition that is false, in KServe's words.
fn said(type_: &str, condition: Option<&Value>) -> String {
    let text = |field: &str| {
        let text = condition.and_then(|condition| condition[field].as_str());
        text.filter(|text| !text.is_empty())
    };
    let why: Vec<_> = ["reason", "message"].into_iter().filter_map(text).collect();
    let why = match why.is_empty() {
        true => "no reason given".to_owned(),
        false => why.join(": "),
    };
    format!("{type_} is False ({why})")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(observed: i64, conditions: &[(&str, &str, &str, &str)]) -> Rollout {
        let condition = |(type_, status, reason, message): &(&str, &str, &str, &str)| json!({"type": type_, "status": status, "reason": reason, "message": message});
        let conditions: Vec<_> = conditions.iter().map(condition).collect();
        let service = json!({
            "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService",
            "metadata": {"name": "chat", "generation": 2},
            "status": {"observedGeneration": observed, "conditions": conditions},
        });
        rollout(&serde_json::from_value(service).unwrap())
    }

    const READY: (&str, &str, &str, &str) = ("Ready", "True", "", "");

    #[test]
    fn what_kserve_finds_ready_is_available() {
        assert_eq!(of(2, &[READY]), Rollout::Available);
        let waits = "LLMInferenceService chat: not ready yet".to_owned();
        let waits = Rollout::Progressing("Progressing", waits);
        assert_eq!(of(1, &[READY]), waits);
        assert_eq!(of(2, &[]), waits);
        assert_eq!(of(2, &[("Ready", "Unknown", "", "")]), waits);
    }

    #[test]
    fn what_kserve_can_make_nothing_of_is_stalled_although_it_was_ready() {
        let presets = (PRESETS, "False", "ConfigNotFound", "config x not found");
        let message = "LLMInferenceService chat: PresetsCombined is False (ConfigNotFound: config x not found)";
        assert_eq!(
            of(2, &[READY, presets]),
            Rollout::Stalled("WorkloadRefused", message.to_owned())
        );
    }

    #[test]
    fn the_part_that_fails_is_named() {
        let ready = ("Ready", "False", "Deployment", "it is not");
        let router = ("HTTPRoutesReady", "False", "NotAccepted", "by no Gateway");
        let told = |parts: &[_]| match of(2, parts) {
            Rollout::Progressing("Progressing", message) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            told(&[ready, router]),
            "LLMInferenceService chat: HTTPRoutesReady is False (NotAccepted: by no Gateway)"
        );
        let workload = ("MainWorkloadReady", "False", "Progressing", "");
        assert_eq!(
            told(&[ready, router, workload]),
            "LLMInferenceService chat: MainWorkloadReady is False (Progressing)"
        );
        assert_eq!(
            told(&[ready]),
            "LLMInferenceService chat: Ready is False (Deployment: it is not)"
        );
        let late = (
            "MainWorkloadReady",
            "False",
            "ProgressDeadlineExceeded",
            "timed out",
        );
        let message = "LLMInferenceService chat: MainWorkloadReady is False (ProgressDeadlineExceeded: timed out)";
        assert_eq!(
            of(2, &[ready, late]),
            Rollout::Stalled("ProgressDeadlineExceeded", message.to_owned())
        );
    }
}
