//! The console's Intents pages: a viewer sees what kubectl would show them, and nothing else.

use std::path::PathBuf;

use compass_testbed::port;
use compass_testbed::process::Server;
use serde_json::json;

use crate::support::http::{self, Answer, multipart};
use crate::support::{
    Cluster, Namespace, chart_account, compass, empty_knowledge_base, eventually, intent_yaml, row,
};

const CHAT: &str = "useCase: chatbot_conversational, demand: {requestsPerSecond: 5}";

/// People: one sees the intents of one namespace, another those of all; one may get a single intent by
/// its name, and one may list them and get none.
const PEOPLE: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: one, namespace: console-a}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: all, namespace: console-a}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: named, namespace: console-a}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: lists, namespace: console-a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: gets-one-intent}
rules:
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get], resourceNames: [chat-b, none]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: lists-intents}
rules:
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: lists-intents}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lists-intents}
subjects: [{kind: ServiceAccount, name: lists, namespace: console-a}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads-intents}
rules:
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get]}
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

/// In the other namespace.
const NAMED: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: named, namespace: console-b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gets-one-intent}
subjects: [{kind: ServiceAccount, name: named, namespace: console-a}]
";

struct Console {
    _operator: Server,
    log: PathBuf,
    port: u16,
}

impl Console {
    fn start(cluster: &Cluster, database_url: &str, flags: &str) -> Self {
        let (health, port) = (port::free().unwrap(), port::free().unwrap());
        let arguments = format!(
            "controller --listen 127.0.0.1:{health} --console-listen 127.0.0.1:{port} --log-format json {flags}"
        );
        let log = cluster.control_plane.directory().join("console.log");
        let operator = compass(&arguments)
            .env("KUBECONFIG", chart_account(&cluster.control_plane))
            .env("DATABASE_URL", database_url)
            .start(&log)
            .unwrap();
        Self {
            _operator: operator,
            log,
            port,
        }
    }

    /// What it logged.
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn ask(&self, request: &str, headers: &str, body: &[u8]) -> Answer {
        http::ask(self.port, request, headers, body).expect("an answer")
    }

    /// Status and page, for whoever has this token.
    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let header = format!("Authorization: Bearer {token}\r\n");
        let answer = self.ask(&format!("GET {path}"), &header, b"");
        (answer.status, answer.text().to_owned())
    }
}

#[tokio::test]
async fn a_viewer_sees_what_kubectl_would_show_them() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::without_controllers()));
    let a = Namespace::create_on(cluster, "console-a").await;
    let b = Namespace::create_on(cluster, "console-b").await;
    a.apply(PEOPLE);
    b.apply(NAMED);
    a.apply(&intent_yaml("chat-a", CHAT));
    for name in ["chat-b", "chat-c"] {
        b.apply(&intent_yaml(name, CHAT));
    }
    b.kubectl("label deploymentintent chat-b team=b");
    let token = |name: &str| {
        let token = a.kubectl(&format!("create token {name}"));
        token.trim().to_owned()
    };
    let (one, all) = (token("one"), token("all"));
    let console = Console::start(cluster, &cluster.database_url, "");
    a.ready("chat-a", "Rendered").await;
    b.ready("chat-b", "Rendered").await;
    b.ready("chat-c", "Rendered").await;

    let answer = console.ask("GET /intents", "", b"");
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("Sign in") && !answer.text().contains("chat-a"));
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

    let listed = |console: &Console, token: &str| {
        let (status, page) = console.get("/intents", token);
        assert_eq!(status, 200, "{page}");
        let links = page.split("href=\"/intents/").skip(1);
        let names = links.map(|it| it.split('"').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let everything = ["console-a/chat-a", "console-b/chat-b", "console-b/chat-c"];
    assert_eq!(listed(&console, &all), everything);
    assert_eq!(listed(&console, &one), everything[..1]);
    assert_eq!(listed(&console, &token("named")), everything[1..2]);
    assert_eq!(listed(&console, &token("lists")), [""; 0]);
    // An operator that looks at a part of them lists that part.
    let part = Console::start(cluster, &cluster.database_url, "--selector team=b");
    eventually("the console", async || http::get(part.port, "/healthz")).await;
    assert_eq!(listed(&part, &all), everything[1..2]);
    assert_eq!(listed(&part, &one), [""; 0]);
    drop(part);

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
    let sign_in = |headers: &str, token: &str| {
        console.ask(
            "POST /sign-in",
            headers,
            format!("token={token}").as_bytes(),
        )
    };
    assert_eq!(sign_in(form, "nobody.at.all").status, 401);
    let foreign = form.replace("localhost", "elsewhere.example");
    assert_eq!(
        sign_in(&foreign, &one).status,
        403,
        "a form of another site"
    );
    let signed_in = sign_in(form, &one);
    assert_eq!(signed_in.status, 303, "{}", signed_in.text());
    let cookie = signed_in.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let kept = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let answer = console.ask("GET /intents", &kept, b"");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("chat-a") && !answer.text().contains("chat-b"));
}

/// One person who may load benchmarks, one who may in a namespace alone, and one who may not.
const LOADERS: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: loader, namespace: console-load}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: here, namespace: console-load}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: console-load}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: benchmark-loader}
rules:
- {apiGroups: [compass.dev], resources: [benchmarks], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: benchmark-loader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: benchmark-loader}
subjects: [{kind: ServiceAccount, name: loader, namespace: console-load}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: benchmark-loader, namespace: console-load}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: benchmark-loader}
subjects: [{kind: ServiceAccount, name: here, namespace: console-load}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader-edits}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: reader, namespace: console-load}]
";

#[tokio::test]
async fn benchmarks_are_loaded_by_whom_the_cluster_allows_it() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::without_controllers()));
    let namespace = Namespace::create_on(cluster, "console-load").await;
    namespace.apply(LOADERS);
    let postgres = empty_knowledge_base();
    let token = |name: &str| {
        let token = namespace.kubectl(&format!("create token {name}"));
        token.trim().to_owned()
    };
    let (loader, here, reader) = (token("loader"), token("here"), token("reader"));
    let console = Console::start(cluster, &postgres.url(), "--console-allow-writes");
    eventually("the console", async || http::get(console.port, "/healthz")).await;

    let answer = console.ask("GET /knowledge-base", "", b"");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("/sign-in?to=knowledge-base"));
    for token in [&here, &reader] {
        let (status, page) = console.get("/knowledge-base", token);
        assert_eq!(status, 200);
        assert!(page.contains("You may not load benchmarks"), "{page}");
        assert!(!page.contains("form-token"));
    }
    let (_, page) = console.get("/knowledge-base", &loader);
    let form_token = page.split("name=\"form-token\" value=\"").nth(1).unwrap();
    let form_token = form_token.split('"').next().unwrap();

    let content = json!([row("lab/console", 1.0)]).to_string();
    let send = |token: &str, checked: &str| {
        let fields = [("form-token", form_token), ("checked", checked)];
        let (kind, body) = multipart(&fields, Some(("console-test.json", content.as_bytes())));
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let headers = format!("Origin: http://localhost\r\n{bearer}{kind}");
        console.ask("POST /knowledge-base", &headers, &body)
    };
    let checked = send(&loader, "");
    assert_eq!(checked.status, 200, "{}", checked.text());
    let digest = checked.text().split("name=\"checked\" value=\"").nth(1);
    let digest = digest.unwrap().split('"').next().unwrap().to_owned();
    for (token, status) in [
        (here.as_str(), 403),
        (reader.as_str(), 403),
        ("nobody.at.all", 401),
    ] {
        assert_eq!(send(token, &digest).status, status);
    }
    let (_, page) = console.get("/knowledge-base", &loader);
    assert!(!page.contains("lab/console"), "nothing is loaded yet");
    let loaded = send(&loader, &digest);
    assert!(loaded.text().contains("Loaded: 1 new"), "{}", loaded.text());
    let (_, page) = console.get("/knowledge-base", &loader);
    assert!(page.contains("lab/console"));
    let log = console.log();
    let told = log.lines().find(|line| line.contains("benchmarks loaded"));
    let told = told.expect("a line in the log");
    assert!(
        told.contains("console-load:loader") && told.contains("console-test"),
        "{told}"
    );
}
