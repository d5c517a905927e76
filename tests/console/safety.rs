//! What hostile people try.

use compass_testbed::Scratch;
use serde_json::json;

use crate::support::{CONSOLE, Console, SHIPPED, database, row};

const SCRIPT: &str = "%3Cscript%3Ealert(1)%3C/script%3E%22%20onload=%22alert(2)";

#[test]
fn what_somebody_writes_stays_text() {
    for field in [
        "name",
        "namespace",
        "useCase",
        "experienceClass",
        "slo.ttftP95Ms",
        "demand.requestsPerSecond",
        "models.allow",
        "models.deny",
        "hardware.allow",
        "evidence.minimum",
        "objective",
        "view",
        "sort",
    ] {
        for page in ["/", "/configuration", "/intent.yaml"] {
            let answer = CONSOLE.get(&format!("{page}?useCase=translation&{field}={SCRIPT}"));
            let kind = answer.header("content-type").unwrap();
            let is_html = kind.starts_with("text/html");
            let text = answer.text();
            assert!(
                !is_html || !text.contains("<script>alert"),
                "{page} {field}"
            );
            assert!(
                !is_html || !text.contains("\" onload=\"alert"),
                "{page} {field}"
            );
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        }
    }
}

#[test]
fn what_a_benchmark_file_names_stays_text() {
    let hostile = "<img/src=x/onerror=alert(1)>/m";
    let row = |rate: f64| {
        let mut row = row(hostile, rate);
        row["hardware"] = json!("<b>GPU</b>");
        row["framework"] = json!("<i>vllm");
        row
    };
    let folder = Scratch::create().unwrap();
    let file = folder.join("hostile.json");
    let content = json!({"format": "compass.benchmarks/v1", "source": "<u>lab", "benchmarks": [row(1.0), row(2.0)]});
    std::fs::write(&file, content.to_string()).unwrap();
    let console = Console::on(&database(&file));
    let question = "useCase=chatbot_conversational&demand.requestsPerSecond=1";
    let page = console.get(&format!("/?{question}"));
    assert!(page.text().contains("&lt;img/src=x/onerror=alert(1)&gt;/m"));
    let digest = page.text().split("configuration=").nth(1).unwrap();
    let digest = digest.split(['"', '&']).next().unwrap();
    for path in [
        format!("/?{question}"),
        format!("/?{question}&view=left-out&slo.ttftP95Ms=1"),
        format!("/?{question}&view=manifests"),
        format!("/configuration?{question}&configuration={digest}"),
        "/knowledge-base".to_owned(),
    ] {
        let page = console.get(&path);
        for tag in ["<img/", "<b>", "<i>", "<u>"] {
            assert!(!page.text().contains(tag), "{path}: {tag}");
        }
    }
}

#[test]
fn every_page_forbids_what_it_does_not_need() {
    for path in [
        "/",
        "/?useCase=translation",
        "/nothing",
        "/assets/none/none",
    ] {
        let answer = CONSOLE.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(!answer.text().contains("style=\"") && !answer.text().contains(" onclick="));
    }
}

#[test]
fn a_foreign_name_is_not_answered() {
    let foreign = CONSOLE.ask("GET /", "Host: rebound.example.com\r\n");
    assert_eq!(foreign.status, 421);
    let console = Console::with(&[
        "--database-url",
        &SHIPPED,
        "--console-host",
        "compass.example.com",
    ]);
    let known = console.ask("GET /", "Host: compass.example.com\r\n");
    assert_eq!(known.status, 200);
}

#[test]
fn who_asks_too_often_waits() {
    let console = Console::on(&SHIPPED);
    let refused = (0..2000)
        .map(|_| console.get("/healthz"))
        .find(|it| it.status == 429);
    let refused = refused.expect("somebody who asks 2,000 times at once is refused");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.text().contains("id=\"answer\""));
}

/// All that a browser fetches for a whole answer.
#[test]
fn a_page_is_small() {
    let page = CONSOLE.ask(
        "GET /?useCase=chatbot_conversational",
        "Accept-Encoding: gzip\r\n",
    );
    assert_eq!(page.header("content-encoding"), Some("gzip"));
    let mut bytes = page.body.len();
    let plain = CONSOLE.get("/?useCase=chatbot_conversational");
    let assets: std::collections::BTreeSet<_> = plain
        .text()
        .split('"')
        .filter(|it| it.starts_with("/assets/"))
        .collect();
    assert_eq!(assets.len(), 4);
    for asset in assets {
        let asset = CONSOLE.ask(&format!("GET {asset}"), "Accept-Encoding: gzip\r\n");
        assert_eq!(asset.status, 200);
        assert!(asset.header("cache-control").unwrap().contains("immutable"));
        bytes += asset.body.len();
    }
    assert!(bytes < 300_000, "{bytes} bytes");
}

#[test]
fn a_form_of_another_site_is_not_taken() {
    let sent = |headers: &str| CONSOLE.ask("POST /sign-out", headers).status;
    assert_eq!(sent("Content-Length: 0\r\n"), 403);
    assert_eq!(
        sent("Content-Length: 0\r\nOrigin: http://evil.example.com\r\n"),
        403
    );
    assert_eq!(
        sent("Content-Length: 0\r\nOrigin: http://localhost\r\n"),
        303
    );
}
