//! The Service before the pods of an intent.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::args::{PORT, PORT_NAME};
use super::names;
use super::object::{Kind, Object};
use super::plan::Plan;
use crate::api::RuntimeTarget;

/// KServe makes a Service of its own.
pub(super) fn service(plan: &Plan<'_>) -> Option<Object> {
    let service = Service {
        metadata: names::metadata(&plan.name, &plan.namespace),
        spec: Some(ServiceSpec {
            selector: Some(names::selector(&plan.name)),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.into()),
                port: PORT,
                target_port: Some(IntOrString::String(PORT_NAME.into())),
                protocol: Some("TCP".into()),
                ..Default::default()
            }]),
            type_: Some("ClusterIP".into()),
            ..Default::default()
        }),
        status: None,
    };
    let object = Object::new(Kind::Service, &service);
    (plan.target() == RuntimeTarget::Deployment).then_some(object)
}
