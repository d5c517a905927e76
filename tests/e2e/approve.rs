//! `compass diff` and `compass approve`: what would change, and letting it.

use compass::api::DeploymentIntent;

use crate::support::{
    CLUSTER, Namespace, Row, condition, empty_knowledge_base, intent_yaml, person_runs,
};

const CHAT: &str = "useCase: chatbot_conversational, \
    demand: {requestsPerSecond: 5, headroomPercent: 0}, delivery: {mode: Apply, updatePolicy: Manual}";

/// A command on the cluster and a knowledge base of one's own.
struct People<'a> {
    namespace: &'a Namespace,
    database_url: &'a str,
}

impl People<'_> {
    fn run(&self, arguments: &str) -> (i32, String, String) {
        let arguments = format!("{arguments} -n {}", self.namespace.name);
        let kubeconfig = CLUSTER.control_plane.kubeconfig();
        person_runs(&arguments, kubeconfig, self.database_url)
    }
}

#[tokio::test]
async fn what_waits_is_shown_and_approved() {
    let namespace = Namespace::create("approve").await;
    let postgres = empty_knowledge_base();
    let url = postgres.url();
    let _operator = namespace.operator_with(&url, 3600);
    let people = People {
        namespace: &namespace,
        database_url: &url,
    };
    for requests_per_second in [2, 3] {
        let h100 = Row {
            gpus: 2,
            requests_per_second,
            ..Row::default()
        };
        h100.insert(&url);
    }
    let (code, _, told) = people.run("diff chat");
    assert_eq!(code, 2);
    assert!(told.contains("there is no DeploymentIntent chat"), "{told}");
    namespace.apply(&intent_yaml("chat", CHAT));
    namespace.ready("chat", "Available").await;
    let nothing = people.run("diff chat");
    assert_eq!(nothing, (0, String::new(), String::new()));
    let (code, _, told) = people.run("approve chat --yes");
    assert_eq!(code, 1);
    assert!(told.contains("nothing waits for approval"), "{told}");

    let h200 = Row {
        hardware: "H200",
        requests_per_second: 5,
        ..Row::default()
    };
    h200.insert(&url);
    let waits = |intent: &DeploymentIntent| {
        let offered = condition(intent, "BetterRecommendationAvailable");
        offered.is_some_and(|it| it.status == "True")
    };
    let intent = namespace.until("chat", waits).await;
    let proposed = intent.status.unwrap().proposed.unwrap();
    let (code, shown, told) = people.run("diff chat");
    assert_eq!(code, 1, "{told}");
    for line in [
        "--- live/Deployment/approve/chat\n+++ proposed/Deployment/approve/chat\n@@ ",
        "\n-    compass.dev/hardware: H100\n",
        "\n+    compass.dev/hardware: H200\n",
        "\n-  replicas: 2\n+  replicas: 1\n",
    ] {
        assert!(shown.contains(line), "`{line}` is missing in\n{shown}");
    }

    let (code, shown, told) = people.run("diff chat --delivered");
    assert_eq!(code, 1, "{told}");
    for line in [
        "--- approve/chat as delivered\n+++ approve/chat by the evidence\n@@ ",
        "\n-  replicas: 2\n+  replicas: 1\n",
    ] {
        assert!(shown.contains(line), "`{line}` is missing in\n{shown}");
    }

    let (code, _, told) = people.run("approve chat");
    assert_eq!(code, 1);
    for part in [
        "runs        Qwen/Qwen3-32B on 2xH100, 2 replicas",
        "waits       Qwen/Qwen3-32B on 1xH200, 1 replica",
        &format!(
            "saving      ${} a month",
            proposed.saving_per_month.unwrap()
        ),
        &proposed.digest,
        "--yes is missing",
    ] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    let (code, shown, told) = people.run("approve chat --yes -o name");
    assert_eq!(
        (code, shown.as_str()),
        (0, "deploymentintent.compass.dev/chat\n")
    );
    assert!(told.ends_with("Approved.\n"), "{told}");
    let holds = |intent: &DeploymentIntent| {
        let delivered = intent
            .status
            .as_ref()
            .and_then(|status| status.delivered.as_ref());
        delivered.is_some_and(|it| it.digest == proposed.digest)
    };
    namespace.until("chat", holds).await;
    namespace.ready("chat", "Available").await;
    assert_eq!(people.run("diff chat").0, 0);
}
