//! Operators as users of their own, and what the API server's audit log says they wrote.

use compass_testbed::ControlPlane;
use compass_testbed::control_plane::Write;

use super::cluster::apply;

/// Lets a user do everything.
pub fn grant(control_plane: &ControlPlane, user: &str) {
    let binding = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: {user}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}\n\
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]\n"
    );
    apply(control_plane, &format!("{user}.yaml"), &binding);
}

/// What a user wrote, except to its lease and, since they are told when nothing else is to be done,
/// events; in the order in which the API server had it.
pub fn writes_of(control_plane: &ControlPlane, user: &str) -> Vec<Write> {
    let mut writes = control_plane.writes().unwrap();
    writes.retain(|it| it.user == user && !["leases", "events"].contains(&it.resource.as_str()));
    writes.sort_by(|a, b| a.received.cmp(&b.received));
    writes
}
