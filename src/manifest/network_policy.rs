//! The NetworkPolicy: who may speak to the pods, and to whom they may speak.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::args::PORT;
use super::names;
use super::object::{Kind, Object};
use super::plan::Plan;
use crate::api::NetworkPeer;

const DNS: i32 = 53;
/// Of the hub and what it redirects to, whose addresses change.
const HTTPS: i32 = 443;

/// In: the API's port, which also has the metrics, from the peers of the intent; a kubelet's probes
/// come from the node and are never subject to a policy. Out: names, and HTTPS to anywhere where
/// the model comes from a hub.
pub(super) fn network_policy(plan: &Plan<'_>) -> Option<Object> {
    let runtime = plan.runtime?;
    let given = runtime.network_policy.as_ref()?;
    let mut egress = vec![to_anywhere(vec![port("UDP", DNS), port("TCP", DNS)])];
    if runtime.model_path.is_none() {
        egress.push(to_anywhere(vec![port("TCP", HTTPS)]));
    }
    let policy = NetworkPolicy {
        metadata: names::metadata(&plan.name, &plan.namespace),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(&plan.pods())),
            policy_types: Some(vec!["Ingress".into(), "Egress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(given.allow_from.iter().map(peer).collect()),
                ports: Some(vec![port("TCP", PORT)]),
            }]),
            egress: Some(egress),
        }),
    };
    Some(Object::new(Kind::NetworkPolicy, &policy))
}

fn peer(peer: &NetworkPeer) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: peer.namespace_labels.as_ref().map(selector),
        pod_selector: peer.pod_labels.as_ref().map(selector),
        ip_block: None,
    }
}

fn selector(labels: &BTreeMap<String, String>) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels.clone()),
        ..Default::default()
    }
}

fn port(protocol: &str, port: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.into()),
        port: Some(IntOrString::Int(port)),
        end_port: None,
    }
}

fn to_anywhere(ports: Vec<NetworkPolicyPort>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule {
        ports: Some(ports),
        to: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::test_support::Example;

    #[test]
    fn only_the_peers_of_the_intent_come_in_and_only_on_the_apis_port() {
        let mut example = Example::default();
        assert!(network_policy(&example.plan()).is_none());
        example.runtime.network_policy = Some(
            serde_saphyr::from_str(
                "allowFrom: [{namespaceLabels: {team: web}}, {podLabels: {app: chat}}]",
            )
            .unwrap(),
        );
        let policy = network_policy(&example.plan()).unwrap().content;
        assert_eq!(
            policy["spec"]["ingress"],
            json!([{
                "from": [
                    {"namespaceSelector": {"matchLabels": {"team": "web"}}},
                    {"podSelector": {"matchLabels": {"app": "chat"}}},
                ],
                "ports": [{"port": 8000, "protocol": "TCP"}],
            }])
        );
        let egress = |example: &Example| {
            let policy = network_policy(&example.plan()).unwrap().content;
            policy["spec"]["egress"].as_array().unwrap().len()
        };
        assert_eq!(egress(&example), 2);
        example.runtime.model_path = Some("/models/chat".into());
        assert_eq!(egress(&example), 1);
    }
}
