//! The console's Intents pages in a real browser.

use compass::api::DeploymentIntent;
use compass_testbed::port;

use crate::chromium::{Browser, Looks};
use crate::pictures::{self, Shot};
use crate::support::http::{self, Answer};
use crate::support::{Namespace, eventually, intent_yaml};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// Somebody who sees this namespace alone, so that others on the cluster change nothing.
const VIEWER: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: viewer, namespace: assistants}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: views-intents, namespace: assistants}
rules:
- {apiGroups: [compass.dev], resources: [deploymentintents], verbs: [get]}
- {apiGroups: [''], resources: [configmaps, events], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer, namespace: assistants}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: views-intents}
subjects: [{kind: ServiceAccount, name: viewer, namespace: assistants}]
";

fn chat(requests_per_second: u32) -> String {
    let spec = format!(
        "useCase: chatbot_conversational, demand: {{requestsPerSecond: {requests_per_second}}}, \
         delivery: {{mode: Apply, updatePolicy: Manual}}"
    );
    intent_yaml("support-chat", &spec)
}

#[tokio::test]
async fn intents_are_shown_in_a_browser_as_their_screenshots_are() {
    let namespace = Namespace::create("assistants").await;
    let port = port::free().unwrap();
    let _operator = namespace.operator_with_flags(&format!("--console-listen 127.0.0.1:{port}"));
    namespace.apply(VIEWER);
    namespace.apply(&chat(5));
    namespace.apply(&intent_yaml(
        "translation",
        "useCase: translation, demand: {requestsPerSecond: 2}",
    ));
    let impossible = "useCase: chatbot_conversational, slo: {ttftP95Ms: 1}";
    namespace.apply(&intent_yaml("too-fast", impossible));
    namespace.ready("support-chat", "Available").await;
    namespace.ready("translation", "Rendered").await;
    namespace
        .stalled("too-fast", "NoCompliantConfiguration")
        .await;
    namespace.apply(&chat(60));
    let waits = |intent: &DeploymentIntent| {
        let status = intent.status.as_ref().unwrap();
        status.proposed.is_some() && status.observed_generation == intent.metadata.generation
    };
    namespace.until("support-chat", waits).await;
    namespace.ready("support-chat", "Available").await;
    let token = namespace.kubectl("create token viewer");
    let token = token.trim();

    let address = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let get = |path: &str| -> Answer {
        let bearer = format!("Authorization: Bearer {token}\r\n");
        http::ask(port, &format!("GET {path}"), &bearer, b"").unwrap()
    };
    let sign_in = |browser: &Browser| {
        browser.go(&address("/intents"));
        browser.type_into("#token", token);
        browser.click(".sign-in button");
        browser.shows(".viewer", "system:serviceaccount:assistants:viewer");
    };
    eventually("an event", async || {
        let page = get("/intents/assistants/support-chat");
        let has_event = page.text().contains("class=\"events\"");
        has_event.then_some(()).ok_or(page.status)
    })
    .await;

    let pages = [
        "/intents",
        "/intents/assistants/support-chat",
        "/intents/assistants/translation",
        "/intents/assistants/too-fast",
        "/intents/assistants/none",
    ];
    for dark in [false, true] {
        let browser = Browser::open(&Looks {
            dark,
            ..Looks::default()
        });
        browser.go(&address("/intents"));
        assert_eq!(browser.violations(), [""; 0], "signing in, dark: {dark}");
        sign_in(&browser);
        for page in pages {
            browser.go(&address(page));
            browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true })");
            assert_eq!(browser.violations(), [""; 0], "{page}, dark: {dark}");
            browser.go(&address(page));
            // "%PDF-" in base 64.
            assert!(browser.print().starts_with("JVBERi"), "{page}");
        }
        let complaints = browser.complaints();
        let foreign = complaints
            .iter()
            .filter(|it| !it.contains("Failed to load resource"));
        assert_eq!(foreign.collect::<Vec<_>>(), [""; 0]);
    }

    let browser = Browser::open(&Looks {
        width: 360,
        height: 740,
        ..Looks::default()
    });
    sign_in(&browser);
    for page in pages {
        browser.go(&address(page));
        let width = browser.run("return document.documentElement.scrollWidth");
        let wide = "return [...document.querySelectorAll('main *')].filter((it) => it.getBoundingClientRect().right > 361).map((it) => it.outerHTML.slice(0, 120))";
        let is_within = width.as_i64().unwrap() <= 360;
        assert!(is_within, "{page}: {width} wide: {}", browser.run(wide));
    }

    // From the list to an intent by the keyboard alone, and its command to the clipboard.
    browser.allow_clipboard();
    browser.go(&address("/intents"));
    browser.run("document.querySelector('[aria-label=Intents]').focus()");
    browser.press(TAB);
    browser.press(ENTER);
    browser.arrives("/intents/assistants/support-chat");
    let waiting = browser.text(".notice.warn");
    assert!(waiting.contains("A decision waits"), "{waiting}");
    browser.click("[data-copy=approve]");
    browser.shows("[data-copy=approve]", "Copied");
    let copied = browser.run("return await navigator.clipboard.readText()");
    assert_eq!(copied, "kubectl compass approve support-chat -n assistants");
    browser.wait("document.querySelector('[data-copy=approve]').textContent === 'Copy'");
    browser.go(&address("/intents"));
    browser.click(".viewer button");
    browser.shows("h1", "What is the model for?");
    browser.go(&address("/intents"));
    browser.shows("h1", "Sign in");

    let shot = |name, path: &str, dark| Shot {
        name,
        address: address(path),
        page: get(path).text().to_owned(),
        dark,
        width: 1280,
        height: 900,
        script: "",
    };
    let shots = [
        shot("intents", "/intents", false),
        shot("intent", pages[1], false),
        shot("intent-dark", pages[1], true),
    ];
    pictures::hold("intents-made-from", "e2e", &shots, sign_in);
}
