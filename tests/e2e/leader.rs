//! Two operators, of which one writes: also when the other is killed, stopped or cut off, and when the
//! Lease is deleted. Each is a user of its own, and the API server's audit log says who wrote.

use std::path::PathBuf;
use std::time::Duration;

use compass_testbed::forwarder::{Forwarder, Traffic};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams};

use crate::support::{
    CLUSTER, Namespace, Operator, OperatorOptions, eventually, grant, intent_yaml, writes_of,
};

const LEASE: &str = "compass";

/// A namespace in which operators look at intents and keep their lease.
struct Election {
    namespace: Namespace,
    seconds: u32,
}

impl Election {
    /// `seconds`: how long the lease is. The Lease is there, and nobody's.
    async fn of(name: &str, seconds: u32) -> Self {
        let namespace = Namespace::create(name).await;
        namespace.apply(&format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{name: {LEASE}}}\nspec: {{holderIdentity: ''}}\n"
        ));
        Self { namespace, seconds }
    }

    /// The user as whom an operator acts.
    fn user(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace.name)
    }

    fn kubeconfig(&self, name: &str) -> PathBuf {
        let user = self.user(name);
        grant(&CLUSTER.control_plane, &user);
        CLUSTER.control_plane.kubeconfig_of(&user).unwrap()
    }

    fn operator(&self, name: &str) -> Operator {
        self.operator_with(self.kubeconfig(name), "")
    }

    fn operator_with(&self, kubeconfig: PathBuf, flags: &str) -> Operator {
        let Self { namespace, seconds } = self;
        Operator::start(&OperatorOptions {
            namespace: Some(&namespace.name),
            flags: &format!(
                "--leader-elect --lease-namespace {} --lease-duration-seconds {seconds} {flags}",
                namespace.name
            ),
            kubeconfig: Some(kubeconfig),
            ..OperatorOptions::new(&CLUSTER.control_plane, &CLUSTER.database_url)
        })
    }

    /// Asks something and waits for the answer.
    async fn answers(&self, intent: &str) {
        let yaml = intent_yaml(intent, "useCase: translation");
        self.namespace.apply(&yaml);
        self.namespace.ready(intent, "Rendered").await;
    }

    /// What the first operator wrote was written before the second one's first write came.
    fn took_turns(&self, first: &str, second: &str) {
        let [before, after] = [first, second].map(|name| {
            let mut writes = writes_of(&CLUSTER.control_plane, &self.user(name));
            writes.retain(|write| write.code < 300);
            assert!(!writes.is_empty(), "{name} wrote nothing");
            writes
        });
        let last = before.iter().map(|write| &write.answered).max().unwrap();
        let next = &after[0].received;
        assert!(last < next, "{:#?}", (before.last(), after.first()));
    }
}

async fn leads(operator: &Operator) {
    operator.answers("/metrics", 200, "compass_leader 1").await;
}

async fn stands_by(operator: &Operator) {
    operator.answers("/readyz", 200, "ok").await;
    operator.logs("stands by").await;
    operator.answers("/metrics", 200, "compass_leader 0").await;
}

#[tokio::test]
async fn a_leader_that_is_killed_is_followed() {
    let election = Election::of("leader-killed", 15).await;
    let mut first = election.operator("a");
    leads(&first).await;
    let second = election.operator("b");
    stands_by(&second).await;
    election.answers("one").await;
    assert_eq!(writes_of(&CLUSTER.control_plane, &election.user("b")), []);

    first.kill();
    leads(&second).await;
    election.answers("two").await;
    election.took_turns("a", "b");

    let events = election.namespace.api::<Event>();
    eventually("an event for each leader", async || {
        let all = events.list(&ListParams::default()).await.unwrap();
        let told = all.items.iter().filter(|event| {
            event.reason.as_deref() == Some("LeaderElection")
                && event.regarding.as_ref().unwrap().kind.as_deref() == Some("Lease")
        });
        if told.count() == 2 { Ok(()) } else { Err(all) }
    })
    .await;
}

#[tokio::test]
async fn one_lease_for_two_shards_is_warned_of() {
    let election = Election::of("leader-shards", 15).await;
    let first = election.operator("a");
    leads(&first).await;
    let second = election.operator_with(election.kubeconfig("b"), "--selector team=blue");
    second.logs("each shard needs its own --lease-name").await;
}

/// The lease is longer than a test waits.
#[tokio::test]
async fn a_leader_that_ends_is_followed_at_once() {
    let election = Election::of("leader-ends", 600).await;
    let mut first = election.operator("a");
    leads(&first).await;
    let second = election.operator("b");
    stands_by(&second).await;
    election.answers("one").await;
    first.terminate();
    leads(&second).await;
    election.answers("two").await;
    election.took_turns("a", "b");
}

#[tokio::test]
async fn a_leader_that_was_stopped_never_writes_again() {
    let election = Election::of("leader-stopped", 15).await;
    let mut first = election.operator("a");
    leads(&first).await;
    let second = election.operator("b");
    stands_by(&second).await;
    election.answers("zero").await;
    // With writes under way, and more to come when it goes on.
    let many = |rate: u32| {
        let one = |n| {
            let spec = format!("useCase: translation, demand: {{requestsPerSecond: '{rate}'}}");
            intent_yaml(&format!("many-{n}"), &spec)
        };
        let all: Vec<_> = (0..30).map(one).collect();
        election.namespace.apply(&all.join("---\n"));
    };
    many(1);
    first.signal("STOP");
    leads(&second).await;
    many(2);
    for n in 0..30 {
        let name = format!("many-{n}");
        election.namespace.ready(&name, "Rendered").await;
    }
    first.signal("CONT");
    assert!(!first.ends().await);
    first.logs("was not renewed within 10 s").await;
    election.answers("one").await;
    election.took_turns("a", "b");
}

#[tokio::test]
async fn a_leader_that_is_cut_off_ends_before_it_is_followed() {
    let election = Election::of("leader-cut-off", 15).await;
    let url = CLUSTER.control_plane.url();
    let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    let forwarder = Forwarder::to(port).unwrap();
    let kubeconfig = election.kubeconfig("a");
    let other = kubeconfig.with_extension("forwarded");
    let forwarded = format!("https://127.0.0.1:{}", forwarder.port());
    let text = std::fs::read_to_string(&kubeconfig).unwrap();
    std::fs::write(&other, text.replace(url, &forwarded)).unwrap();

    let mut first = election.operator_with(other, "");
    leads(&first).await;
    let second = election.operator("b");
    stands_by(&second).await;
    election.answers("one").await;
    first.is_idle().await;
    forwarder.set(Traffic::Held);
    assert!(!first.ends().await);
    first.logs("was not renewed within 10 s").await;
    leads(&second).await;
    election.answers("two").await;
    // What was held arrives now.
    forwarder.set(Traffic::Passes);
    tokio::time::sleep(Duration::from_secs(1)).await;
    election.answers("three").await;
    election.took_turns("a", "b");
}

#[tokio::test]
async fn a_deleted_lease_makes_no_second_leader() {
    let election = Election::of("leader-deleted", 15).await;
    let first = election.operator("a");
    leads(&first).await;
    let second = election.operator("b");
    stands_by(&second).await;
    let leases = election.namespace.api::<Lease>();
    let holder = |lease: &Lease| lease.spec.clone().unwrap().holder_identity.unwrap();
    let before = leases.get(LEASE).await.unwrap();
    leases
        .delete(LEASE, &DeleteParams::default())
        .await
        .unwrap();
    election.answers("one").await;
    eventually("the leader's name in a new Lease", async || {
        let lease = leases.get_opt(LEASE).await.unwrap().ok_or("none")?;
        let is_leaders = holder(&lease) == holder(&before);
        if is_leaders && lease.metadata.uid != before.metadata.uid {
            Ok(())
        } else {
            Err("another's")
        }
    })
    .await;
    assert_eq!(writes_of(&CLUSTER.control_plane, &election.user("b")), []);
    stands_by(&second).await;

    // Under a leader that sees nothing of it.
    first.signal("STOP");
    leases
        .delete(LEASE, &DeleteParams::default())
        .await
        .unwrap();
    second
        .logs("in case that one was deleted under a leader")
        .await;
    leads(&second).await;
    election.answers("two").await;
    first.signal("CONT");
    election.answers("three").await;
    election.took_turns("a", "b");
}
