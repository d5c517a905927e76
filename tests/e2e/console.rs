//! The console's Intents pages: a viewer sees what kubectl would show them, and nothing else.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use compass_testbed::port;
use compass_testbed::process::Server;

use crate::support::{Cluster, Namespace, compass, eventually, intent_yaml};

const CHAT: &str = "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}";

/// Two people: one sees the intents of one namespace, the other those of all.
const PEOPLE: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: one, namespace: console-a}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: all, namespace: console-a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads-intents}
rules:
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get, list]}
- {apiGroups: [''], resources: [configmaps, events], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: one, namespace: console-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reads-intents}
subjects: [{kind: ServiceAccount, name: one, namespace: console-a}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: all-intents}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reads-intents}
subjects: [{kind: ServiceAccount, name: all, namespace: console-a}]
";

struct Console {
    _operator: Server,
    port: u16,
}

impl Console {
    fn start(cluster: &Cluster) -> Self {
        let (health, port) = (port::free().unwrap(), port::free().unwrap());
        let arguments = format!(
            "controller --listen 127.0.0.1:{health} --console-listen 127.0.0.1:{port} --log-format json"
        );
        let operator = compass(&arguments)
            .env("KUBECONFIG", cluster.control_plane.kubeconfig())
            .env("DATABASE_URL", &cluster.database_url)
            .start(&cluster.control_plane.directory().join("console.log"))
            .unwrap();
        Self {
            _operator: operator,
            port,
        }
    }

    /// Status, headers and body.
    fn ask(&self, request: &str, headers: &str, body: &str) -> (u16, String) {
        let ask = || -> std::io::Result<String> {
            let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            connection.set_read_timeout(Some(Duration::from_secs(30)))?;
            write!(
                connection,
                "{request} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n{headers}\r\n{body}",
                body.len()
            )?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().unwrap_or_default();
        let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
        (status.unwrap_or(0), answer)
    }

    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let header = format!("Authorization: Bearer {token}\r\n");
        self.ask(&format!("GET {path}"), &header, "")
    }
}

#[tokio::test]
async fn a_viewer_sees_what_kubectl_would_show_them() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::without_controllers()));
    let a = Namespace::create_on(cluster, "console-a").await;
    let b = Namespace::create_on(cluster, "console-b").await;
    a.apply(PEOPLE);
    a.apply(&intent_yaml("chat-a", CHAT));
    b.apply(&intent_yaml("chat-b", CHAT));
    let token = |name: &str| {
        let token = a.kubectl(&format!("create token {name}"));
        token.trim().to_owned()
    };
    let (one, all) = (token("one"), token("all"));
    let console = Console::start(cluster);
    a.ready("chat-a", "Rendered").await;
    b.ready("chat-b", "Rendered").await;

    let (status, page) = console.ask("GET /intents", "", "");
    assert_eq!(status, 401);
    assert!(page.contains("Sign in") && !page.contains("chat-a"));
    let (status, page) = console.get("/intents", "nobody.at.all");
    assert_eq!(status, 401);
    assert!(page.contains("does not take this token"), "{page}");

    let (status, page) = console.get("/intents", &one);
    assert_eq!(status, 200, "{page}");
    assert!(
        page.contains("chat-a") && !page.contains("chat-b"),
        "{page}"
    );
    assert!(page.contains("system:serviceaccount:console-a:one"));
    let (status, page) = console.get("/intents", &all);
    assert_eq!(status, 200);
    for part in ["chat-a", "chat-b", "kind simulated", "Ready", "An hour"] {
        assert!(page.contains(part), "{part}");
    }

    let (status, page) = console.get("/intents/console-b/chat-b", &one);
    assert_eq!(status, 403);
    assert!(page.contains("You may not see this") && !page.contains("Recommended"));
    eventually("the page of one intent with its event", async || {
        let (status, page) = console.get("/intents/console-b/chat-b", &all);
        let parts = [
            "Conditions",
            "EvidenceCurrent",
            "They are the same.",
            "ITL p95",
            "/?name=chat-b",
        ];
        let has_all = status == 200 && parts.iter().all(|part| page.contains(part));
        let has_event = page.contains("<ul class=\"events\">");
        if has_all && has_event {
            Ok(())
        } else {
            Err((status, page))
        }
    })
    .await;
    let (status, _) = console.get("/intents/console-b/none", &all);
    assert_eq!(status, 404);

    let form = "Origin: http://localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let (status, _) = console.ask("POST /sign-in", form, "token=nobody.at.all");
    assert_eq!(status, 401);
    let (status, _) = console.ask(
        "POST /sign-in",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        &format!("token={one}"),
    );
    assert_eq!(status, 403, "a form of another site");
    let (status, answer) = console.ask("POST /sign-in", form, &format!("token={one}"));
    assert_eq!(status, 303, "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let kept = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let (status, page) = console.ask("GET /intents", &kept, "");
    assert_eq!(status, 200);
    assert!(page.contains("chat-a") && !page.contains("chat-b"));
}
