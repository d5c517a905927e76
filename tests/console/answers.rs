//! What the pages say, read without a browser.

use compass_testbed::Scratch;
use serde_json::Value;

use crate::support::{CONSOLE, Console, SHIPPED, USE_CASES, between, compass, unescaped};

const CHAT: &str = "/?useCase=chatbot_conversational&demand.requestsPerSecond=5";

#[test]
fn the_first_page_says_what_each_use_case_means() {
    let page = CONSOLE.get("/");
    assert_eq!(page.status, 200);
    for use_case in USE_CASES {
        assert!(
            page.text().contains(&format!("/?useCase={use_case}")),
            "{use_case}"
        );
    }
    assert!(page.text().contains("useCase=custom"));
}

/// The page recommends what the command line recommends.
#[test]
fn every_use_case_is_answered_as_the_command_line_answers_it() {
    for use_case in USE_CASES {
        let page = CONSOLE.get(&format!("/?useCase={use_case}&demand.requestsPerSecond=2"));
        assert_eq!(page.status, 200, "{use_case}");
        let arguments = [
            "recommend",
            "--use-case",
            use_case,
            "--rps",
            "2",
            "-o",
            "json",
        ];
        let answer = compass(&arguments)
            .env("DATABASE_URL", &*SHIPPED)
            .output()
            .unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let best = &answer["recommendation"];
        let text = page.text();
        let headline = between(text, "<article class=\"best\">", "</header>");
        for part in [
            format!(">{}</a>", best["model"].as_str().unwrap()),
            best["accelerators"].as_str().unwrap().to_owned(),
            format!("<strong>{} replica", best["replicas"]),
            "kind simulated".to_owned(),
        ] {
            assert!(
                headline.contains(&part),
                "{use_case}: no {part} in {headline}"
            );
        }
        assert!(
            !text.contains("TPOT") && !text.contains("p90"),
            "{use_case}"
        );
    }
}

#[test]
fn a_workload_of_ones_own_is_answered() {
    let page = CONSOLE.get(
        "/?useCase=custom&trafficProfile.promptTokens=1024&trafficProfile.outputTokens=1024\
         &experienceClass=interactive&demand.requestsPerSecond=1",
    );
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Custom workload"));
    assert!(page.text().contains("<article class=\"best\">"));
}

#[test]
fn manifests_are_the_bytes_of_compass_render() {
    let question = "useCase=document_analysis_rag&slo.ttftP95Ms=900&demand.requestsPerSecond=3\
                    &hardware.deny=H200&name=rag&namespace=assistants";
    let folder = Scratch::create().unwrap();
    let file = folder.join("intent.yaml");
    let intent = CONSOLE.get(&format!("/intent.yaml?{question}"));
    std::fs::write(&file, &intent.body).unwrap();
    let rendered = compass(&["render", "-f", file.to_str().unwrap()])
        .env("DATABASE_URL", &*SHIPPED)
        .output()
        .unwrap();
    let downloaded = CONSOLE.get(&format!("/manifests.yaml?{question}"));
    assert!(rendered.contains("namespace: assistants"));
    assert_eq!(downloaded.text(), rendered);
    assert_eq!(
        downloaded.header("content-disposition"),
        Some("attachment; filename=\"rag-manifests.yaml\"")
    );
    let shown = |view: &str| {
        let page = CONSOLE.get(&format!("/?{question}&view={view}"));
        unescaped(
            between(page.text(), "<code>", "</code></pre>")
                .rsplit("<code>")
                .next()
                .unwrap(),
        )
    };
    assert!(shown("manifests").ends_with(rendered.rsplit("---").next().unwrap()));
    assert!(shown("intent").ends_with(intent.text().rsplit("spec:").next().unwrap()));
}

#[test]
fn a_table_sorts_by_its_address() {
    let costs = |sort: &str| -> Vec<f64> {
        let page = CONSOLE.get(&format!("{CHAT}&all=yes&sort={sort}"));
        let table = between(page.text(), "<table class=\"offers\">", "</table>").to_owned();
        let rows = table.split("<tr").skip(2);
        let cells = rows.map(|row| {
            row.split("<td class=\"number\">")
                .nth(3)
                .unwrap()
                .to_owned()
        });
        let dollars = cells.map(|cell| cell.split('<').next().unwrap().replace(['$', ','], ""));
        dollars.filter_map(|it| it.parse().ok()).collect()
    };
    let rising = costs("cost");
    assert!(rising.len() > 5 && rising.is_sorted(), "{rising:?}");
    let mut falling = costs("-cost");
    falling.reverse();
    assert!(falling.is_sorted(), "{falling:?}");
    assert_eq!(rising.len(), falling.len());
}

#[test]
fn what_was_left_out_is_told_with_its_reason() {
    let page = CONSOLE.get(&format!("{CHAT}&hardware.allow=H100&view=left-out"));
    for part in [
        "Not allowed",
        "hardware.allow",
        "Miss a target",
        "its nearest",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
}

#[test]
fn where_nothing_complies_the_page_says_what_would_help() {
    let page = CONSOLE.get(&format!("{CHAT}&slo.ttftP95Ms=1"));
    assert_eq!(page.status, 200);
    for part in [
        "Nothing complies",
        "Nearest misses",
        "What would help",
        "TTFT p95 1 -&gt; ",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
    let none = CONSOLE.get("/manifests.yaml?useCase=translation&slo.ttftP95Ms=1");
    assert_eq!(none.status, 409);
}

#[test]
fn requests_that_nobody_benchmarked_are_told_so() {
    let page = CONSOLE.get(&format!(
        "{CHAT}&trafficProfile.promptTokens=77&trafficProfile.outputTokens=7"
    ));
    assert!(page.text().contains("No benchmarks for these requests"));
    assert!(page.text().contains("512/256"));
}

#[test]
fn a_question_that_breaks_a_rule_keeps_what_was_written() {
    let page = CONSOLE.get("/?useCase=translation&slo.ttftP95Ms=fast");
    assert_eq!(page.status, 422);
    assert!(page.text().contains("no whole number"));
    assert!(page.text().contains("value=\"fast\""));
}

#[test]
fn a_script_is_told_the_address_of_the_question() {
    let page =
        CONSOLE.get("/?useCase=translation&slo.ttftP95Ms=&models.deny=&view=left-out&objective=");
    assert_eq!(
        page.header("hx-replace-url"),
        Some("/?useCase=translation&view=left-out")
    );
}

#[test]
fn a_configuration_shows_its_runs() {
    let page = CONSOLE.get(CHAT);
    let headline = between(page.text(), "<article class=\"best\">", "</article>");
    let link = unescaped(between(headline, "href=\"", "\""));
    assert!(link.starts_with("/configuration?"));
    let page = CONSOLE.get(&link);
    assert_eq!(page.status, 200);
    for part in [
        "Recommended",
        "TTFT p95",
        "ITL p95",
        "E2E p95",
        "target 150 ms",
        "halo",
        "Every run",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
    let none = CONSOLE.get("/configuration?useCase=translation&configuration=sha256:none");
    assert_eq!(none.status, 404);
}

#[test]
fn a_snapshot_is_answered_from_without_a_database() {
    let folder = Scratch::create().unwrap();
    let file = folder.join("evidence.json");
    let intent = folder.join("intent.yaml");
    let chat = "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {name: chat}\n\
                spec: {useCase: chatbot_conversational}\n";
    std::fs::write(&intent, chat).unwrap();
    compass(&[
        "snapshot",
        "-f",
        intent.to_str().unwrap(),
        "-o",
        file.to_str().unwrap(),
    ])
    .env("DATABASE_URL", &*SHIPPED)
    .output()
    .unwrap();
    let console = Console::with(&["--snapshot", file.to_str().unwrap()]);
    let page = console.get(CHAT);
    assert!(page.text().contains("<article class=\"best\">"));
    assert!(page.text().contains("Snapshot of "));
    let other = console.get("/?useCase=research_legal_analysis");
    assert_eq!(other.status, 503);
    assert!(other.text().contains("Not in this snapshot"));
}

#[test]
fn a_knowledge_base_that_is_down_is_said_and_the_question_kept() {
    let console = Console::on("postgres://nobody:secret@127.0.0.1:1/none");
    let page = console.get(CHAT);
    assert_eq!(page.status, 503);
    assert!(page.text().contains("The knowledge base does not answer"));
    assert!(
        page.text()
            .contains("name=\"demand.requestsPerSecond\" value=\"5\"")
    );
    assert!(!page.text().contains("secret"));
}

#[test]
fn the_knowledge_base_is_shown_with_its_gaps() {
    let page = CONSOLE.get("/knowledge-base");
    assert_eq!(page.status, 200);
    for part in [
        "512/256",
        "class=\"number cell simulated",
        "compass-simulation",
        "Gaps",
        "Only simulated",
    ] {
        assert!(page.text().contains(part), "{part}");
    }
    let shown = between(page.text(), "<p class=\"lead\">", "</p>").replace(',', "");
    let rows = compass(&["benchmarks", "traffic", "-o", "json"]).env("DATABASE_URL", &*SHIPPED);
    let rows: Value = serde_json::from_str(&rows.output().unwrap()).unwrap();
    let simulated = rows.as_array().unwrap().iter();
    let simulated: i64 = simulated
        .filter_map(|it| it["rows"]["simulated"].as_i64())
        .sum();
    assert!(
        simulated > 0 && shown.contains(&format!("<strong>{simulated}</strong>")),
        "{simulated}: {shown}"
    );
    assert!(!page.text().contains("Intents</a>"), "there is no cluster");
    assert_eq!(CONSOLE.get("/intents").status, 404);
}
