//! Whether a pod may run on a node, by the node's labels and taints and what the pod says of them; as
//! the scheduler decides it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};

/// What the scheduler holds against a pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Key, value and effect; cordoned is one of them.
    pub taints: Vec<Taint>,
}

impl Place {
    /// Whether the scheduler may put `pod` here.
    pub fn suits(&self, pod: &PodSpec) -> bool {
        let mut selected = pod.node_selector.iter().flatten();
        let affinity = pod.affinity.as_ref();
        let required = affinity
            .and_then(|affinity| affinity.node_affinity.as_ref())
            .and_then(|it| {
                it.required_during_scheduling_ignored_during_execution
                    .as_ref()
            });
        let tolerations = pod.tolerations.as_deref().unwrap_or_default();
        selected.all(|(key, value)| self.labels.get(key) == Some(value))
            && required.is_none_or(|it| it.node_selector_terms.iter().any(|it| self.meets(it)))
            && self.taints.iter().all(|taint| {
                taint.effect == "PreferNoSchedule"
                    || tolerations.iter().any(|it| tolerates(it, taint))
            })
    }

    /// An empty term selects nothing.
    fn meets(&self, term: &NodeSelectorTerm) -> bool {
        let expressions = term.match_expressions.as_deref().unwrap_or_default();
        let fields = term.match_fields.as_deref().unwrap_or_default();
        let name = |field: &str| (field == "metadata.name").then_some(self.name.as_str());
        let label = |key: &str| self.labels.get(key).map(String::as_str);
        !(expressions.is_empty() && fields.is_empty())
            && expressions.iter().all(|it| holds(it, label(&it.key)))
            && fields.iter().all(|it| holds(it, name(&it.key)))
    }
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let is_listed = || value.is_some_and(|value| values.iter().any(|it| it == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let numbers = || Some((number(value?)?, number(values.first()?)?));
    match requirement.operator.as_str() {
        "In" => is_listed(),
        "NotIn" => !is_listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers().is_some_and(|(value, than)| value > than),
        "Lt" => numbers().is_some_and(|(value, than)| value < than),
        _ => false,
    }
}

/// An empty key with `Exists` tolerates every taint, an empty effect every effect.
fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let given = |field: &Option<String>| field.clone().unwrap_or_default();
    let (key, effect) = (given(&toleration.key), given(&toleration.effect));
    let is_value = || match toleration.operator.as_deref() {
        None | Some("" | "Equal") => given(&toleration.value) == given(&taint.value),
        Some(operator) => operator == "Exists",
    };
    (key.is_empty() || key == taint.key)
        && (effect.is_empty() || effect == taint.effect)
        && is_value()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn place(taints: Value) -> Place {
        Place {
            name: "h100-0".into(),
            labels: [("pool", "a"), ("generation", "9")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            taints: serde_json::from_value(taints).unwrap(),
        }
    }

    fn suits(place: &Place, pod: Value) -> bool {
        let mut pod = pod;
        pod["containers"] = json!([]);
        place.suits(&serde_json::from_value(pod).unwrap())
    }

    fn required(terms: Value) -> Value {
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}})
    }

    #[test]
    fn every_selected_label_is_there() {
        let open = place(json!([]));
        assert!(suits(&open, json!({})));
        assert!(suits(&open, json!({"nodeSelector": {"pool": "a"}})));
        assert!(!suits(&open, json!({"nodeSelector": {"pool": "b"}})));
        assert!(!suits(
            &open,
            json!({"nodeSelector": {"pool": "a", "zone": "x"}})
        ));
    }

    #[test]
    fn each_operator_of_an_affinity_counts_as_for_the_scheduler() {
        let open = place(json!([]));
        for (expected, key, operator, values) in [
            (true, "pool", "In", json!(["b", "a"])),
            (false, "pool", "In", json!(["b"])),
            (false, "zone", "In", json!(["a"])),
            (false, "pool", "NotIn", json!(["a"])),
            (true, "zone", "NotIn", json!(["a"])),
            (true, "pool", "Exists", json!(null)),
            (false, "zone", "Exists", json!(null)),
            (true, "zone", "DoesNotExist", json!(null)),
            (false, "pool", "DoesNotExist", json!(null)),
            (true, "generation", "Gt", json!(["8"])),
            (false, "generation", "Gt", json!(["9"])),
            (true, "generation", "Lt", json!(["10"])),
            (false, "pool", "Lt", json!(["10"])),
            (false, "zone", "Gt", json!(["0"])),
        ] {
            let expression = json!({"key": key, "operator": operator, "values": values});
            let pod = required(json!([{"matchExpressions": [expression]}]));
            assert_eq!(suits(&open, pod), expected, "{expression}");
        }
    }

    #[test]
    fn one_term_is_enough_and_all_of_it_is_needed() {
        let open = place(json!([]));
        let is = |key: &str, value: &str| json!({"key": key, "operator": "In", "values": [value]});
        let name = |value: &str| json!({"matchFields": [is("metadata.name", value)]});
        let both = json!({"matchExpressions": [is("pool", "a"), is("generation", "8")]});
        assert!(!suits(&open, required(json!([both]))));
        assert!(suits(&open, required(json!([both, name("h100-0")]))));
        assert!(!suits(&open, required(json!([both, name("h100-1")]))));
        assert!(!suits(&open, required(json!([{}]))));
    }

    #[test]
    fn a_taint_keeps_off_what_does_not_tolerate_it() {
        let tainted =
            |effect: &str| place(json!([{"key": "team", "value": "x", "effect": effect}]));
        for effect in ["NoSchedule", "NoExecute"] {
            assert!(!suits(&tainted(effect), json!({})), "{effect}");
        }
        assert!(suits(&tainted("PreferNoSchedule"), json!({})));
        for (expected, toleration) in [
            (true, json!({"operator": "Exists"})),
            (true, json!({"key": "team", "operator": "Exists"})),
            (true, json!({"key": "team", "value": "x"})),
            (
                true,
                json!({"key": "team", "operator": "Equal", "value": "x", "effect": "NoSchedule"}),
            ),
            (false, json!({"key": "team", "value": "y"})),
            (false, json!({"key": "team"})),
            (false, json!({"key": "other", "operator": "Exists"})),
            (
                false,
                json!({"key": "team", "operator": "Exists", "effect": "NoExecute"}),
            ),
        ] {
            let pod = json!({"tolerations": [toleration]});
            assert_eq!(suits(&tainted("NoSchedule"), pod), expected, "{toleration}");
        }
    }
}
