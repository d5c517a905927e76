//! How an intent stands, as kstatus would say it, and what its answer is: read from the object as it
//! is stored.

use std::fmt;

use kube::core::DynamicObject;
use serde_json::Value;

use super::style::{BAD, GOOD, WARNING, styled};
use crate::advise::words::counted;
use crate::api::conditions::{READY, STALLED};

/// Whether there is something to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The intent is answered and delivered.
    Ready,
    /// A person has to act.
    Stalled,
    /// Work is in progress.
    Progressing,
    /// Nobody has looked at its current spec yet.
    Pending,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Ready => styled(GOOD, "Ready"),
            Self::Stalled => styled(BAD, "Stalled"),
            Self::Progressing => styled(WARNING, "Progressing"),
            Self::Pending => styled(WARNING, "Pending"),
        })
    }
}

/// How an intent stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) state: State,
    reason: String,
    /// The recommendation in a few words.
    answer: String,
    message: String,
}

impl Readiness {
    /// Of an intent of any version.
    pub(super) fn of(intent: &DynamicObject) -> Self {
        let status = &intent.data["status"];
        let generation = intent.metadata.generation;
        let condition = |type_: &str| {
            let conditions = status["conditions"].as_array();
            let mut conditions = conditions.into_iter().flatten();
            conditions
                .find(|it| it["type"] == type_ && it["observedGeneration"].as_i64() == generation)
        };
        let is_true = |type_| condition(type_).is_some_and(|it| it["status"] == "True");
        let ready = condition(READY);
        let state = match ready {
            None => State::Pending,
            Some(_) if is_true(READY) => State::Ready,
            Some(_) if is_true(STALLED) => State::Stalled,
            Some(_) => State::Progressing,
        };
        let text = |field: &str| {
            let text = ready.and_then(|ready| ready[field].as_str());
            text.unwrap_or_default().to_owned()
        };
        Self {
            state,
            reason: text("reason"),
            answer: answer(&status["recommendation"]),
            message: text("message"),
        }
    }
}

fn answer(recommendation: &Value) -> String {
    let text = |field: &str| recommendation[field].as_str();
    let replicas = recommendation["replicas"].as_i64();
    match (text("model"), text("accelerators"), replicas) {
        (Some(model), Some(accelerators), Some(replicas)) => {
            format!(
                "{model} on {accelerators}, {}",
                counted(replicas, "replica")
            )
        }
        _ => "no recommendation".to_owned(),
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            state,
            reason,
            answer,
            message,
        } = self;
        match state {
            State::Pending => write!(f, "{state}: not looked at yet"),
            _ => write!(
                f,
                "{state} ({reason}): {answer}: {}",
                message.replace('\n', " ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn readiness(generation: i64, conditions: Value) -> Readiness {
        let intent = json!({"metadata": {"name": "chat", "generation": generation},
            "status": {"conditions": conditions}});
        Readiness::of(&serde_json::from_value(intent).unwrap())
    }

    #[test]
    fn only_what_was_said_of_the_current_spec_counts() {
        let condition = |type_, status| {
            json!({"type": type_, "status": status, "observedGeneration": 2,
                "reason": "Because", "message": "of this"})
        };
        let ready = json!([condition("Ready", "True")]);
        let stalled = json!([condition("Stalled", "True"), condition("Ready", "False")]);
        let unknown = json!([condition("Ready", "Unknown")]);
        assert_eq!(readiness(2, ready.clone()).state, State::Ready);
        assert_eq!(readiness(3, ready).state, State::Pending);
        assert_eq!(readiness(2, stalled).state, State::Stalled);
        assert_eq!(readiness(2, unknown).state, State::Progressing);
        assert_eq!(readiness(1, json!([])).state, State::Pending);
    }
}
