//! Benchmarks that a person loads on the Knowledge base page.

use compass_testbed::Scratch;
use serde_json::{Value, json};

use crate::chromium::{Browser, Looks};
use crate::support::{
    Answer, Console, SHIPPED, between, compass, empty_database, load, multipart, root, row,
};

const MODEL: &str = "Qwen/Qwen3-32B";

/// A console on a database of its own, at which somebody is signed in.
struct Desk {
    console: Console,
    url: String,
    cookie: String,
}

impl Desk {
    fn open() -> Self {
        let url = empty_database();
        let console = Console::with(&["--database-url", &url, "--allow-writes"]);
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let token = token(&console);
        let body = format!("token={token}&to=knowledge-base");
        let signed_in = console.send("/sign-in", form, body.as_bytes());
        assert_eq!(signed_in.status, 303, "{}", signed_in.text());
        assert_eq!(signed_in.header("location"), Some("/knowledge-base"));
        let cookie = signed_in.header("set-cookie").unwrap();
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
        Self {
            console,
            url,
            cookie,
        }
    }

    fn page(&self) -> Answer {
        self.console.ask("GET /knowledge-base", &self.cookie)
    }

    /// The hidden field that shows that a form is this page's own.
    fn form_token(&self) -> String {
        let page = self.page();
        let field = between(page.text(), "name=\"form-token\" value=\"", "\"");
        field.to_owned()
    }

    fn send(&self, fields: &[(&str, &str)], name: &str, content: &[u8]) -> Answer {
        let token = self.form_token();
        let fields = [&[("form-token", token.as_str())], fields].concat();
        self.send_as(&self.cookie, &fields, name, content)
    }

    fn send_as(
        &self,
        headers: &str,
        fields: &[(&str, &str)],
        name: &str,
        content: &[u8],
    ) -> Answer {
        let (kind, body) = multipart(fields, Some((name, content)));
        let headers = format!("{headers}{kind}");
        self.console.send("/knowledge-base", &headers, &body)
    }

    /// Its sources with their rows.
    fn sources(&self) -> Vec<(String, i64)> {
        let sources = compass(&["benchmarks", "sources", "-o", "json"])
            .env("DATABASE_URL", &self.url)
            .output()
            .unwrap();
        let sources: Vec<Value> = serde_json::from_str(&sources).unwrap();
        let rows = |it: &Value| {
            let source = it["source"].as_str().unwrap().to_owned();
            let rows = it["rows"].as_object().unwrap().values();
            (source, rows.filter_map(Value::as_i64).sum())
        };
        sources.iter().map(rows).collect()
    }
}

fn token(console: &Console) -> String {
    let told = console.told();
    let token = between(&told, "who signs in with ", "\n");
    token.to_owned()
}

fn runs(rates: &[f64]) -> Vec<u8> {
    let rows: Vec<_> = rates.iter().map(|rate| row(MODEL, *rate)).collect();
    json!({"format": "compass.benchmarks/v1", "benchmarks": rows})
        .to_string()
        .into_bytes()
}

/// The digest that the button to load sends.
fn checked(answer: &Answer) -> String {
    between(answer.text(), "name=\"checked\" value=\"", "\"").to_owned()
}

fn report(answer: &Answer) -> &str {
    between(answer.text(), "id=\"report\"", "</form>")
}

#[test]
fn a_check_says_what_compass_load_would_say_and_changes_nothing() {
    let desk = Desk::open();
    let folder = Scratch::create().unwrap();
    let file = folder.join("lab.json");
    std::fs::write(&file, runs(&[1.0, 2.0])).unwrap();
    load(&desk.url, &[file.to_str().unwrap()]);
    let mut changed = row(MODEL, 2.0);
    changed["ttft_p95"] = json!(51.0);
    changed["id"] = json!("11111111-2222-4333-8444-555555555555");
    let content = json!({"format": "compass.benchmarks/v1", "benchmarks": [row(MODEL, 1.0), changed, row(MODEL, 3.0)]});
    std::fs::write(&file, content.to_string()).unwrap();
    let would = load(
        &desk.url,
        &["--dry-run", "-o", "json", file.to_str().unwrap()],
    );
    let would: Value = serde_json::from_str(&would).unwrap();
    let source = &would["sources"][0];
    let told = format!(
        "Would be loaded: {} new, {} replaced, {} there already",
        source["inserted"], source["replaced"], source["unchanged"]
    );
    assert!(
        told.contains("2 new") && told.contains("1 there already"),
        "{told}"
    );
    let answer = desk.send(&[], "lab.json", content.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    assert!(
        report(&answer).contains(&told),
        "{told}: {}",
        report(&answer)
    );
    assert!(report(&answer).contains("512/256 tokens: 3 rows"));
    assert_eq!(desk.sources(), [("lab".to_owned(), 2)]);
}

#[test]
fn what_was_checked_is_loaded_and_shown_at_once() {
    let desk = Desk::open();
    assert!(desk.page().text().contains("The knowledge base is empty"));
    let content = runs(&[1.0, 2.0]);
    let fields = [("source", "lab")];
    let answer = desk.send(&fields, "runs.json", &content);
    assert!(report(&answer).contains("Load 2 rows"));
    assert_eq!(desk.sources(), []);
    let loaded = desk.send(
        &[fields[0], ("checked", &checked(&answer))],
        "runs.json",
        &content,
    );
    assert!(report(&loaded).contains("Loaded: 2 new, 0 replaced"));
    assert!(!report(&loaded).contains("name=\"checked\""));
    let known = between(loaded.text(), "id=\"known\"", "id=\"load\"");
    assert!(
        known.contains(MODEL) && known.contains("512/256"),
        "{known}"
    );
    assert_eq!(desk.sources(), [("lab".to_owned(), 2)]);
    let again = desk.send(&fields, "runs.json", &content);
    assert!(report(&again).contains("All of it is there already"));
    assert!(!report(&again).contains("name=\"checked\""));
}

/// Also where the same file is said to be of another source.
#[test]
fn what_was_not_checked_is_not_loaded() {
    let desk = Desk::open();
    let content = runs(&[1.0]);
    let digest = checked(&desk.send(&[], "runs.json", &content));
    let others: [(&str, Vec<u8>, &str); 3] = [
        ("runs.json", runs(&[1.0, 2.0]), ""),
        ("other.json", content.clone(), ""),
        ("runs.json", content.clone(), "lab"),
    ];
    for (name, content, source) in others {
        let fields = [("source", source), ("checked", &digest)];
        let answer = desk.send(&fields, name, &content);
        assert_eq!(answer.status, 200);
        assert!(report(&answer).contains("not what was checked"), "{name}");
        assert_ne!(checked(&answer), digest);
    }
    assert_eq!(desk.sources(), []);
}

#[test]
fn faulty_rows_are_told_with_row_and_line_and_nothing_is_half_loaded() {
    let desk = Desk::open();
    let content = format!(
        "[\n{},\n{}\n]",
        row(MODEL, 1.0),
        json!({"model_hf_repo": "<b>x</b>", "ttft_p95": "fast"})
    );
    let answer = desk.send(&[], "runs.json", content.as_bytes());
    assert_eq!(answer.status, 200);
    let told = report(&answer);
    assert!(
        told.contains("Nothing of it is taken") && told.contains("<strong>1 faulty</strong>"),
        "{told}"
    );
    assert!(
        told.contains("<td class=\"number\">2</td><td class=\"number\">3</td>"),
        "{told}"
    );
    assert!(!told.contains("name=\"checked\""));
    let fields = [("keep-going", "yes")];
    let answer = desk.send(&fields, "runs.json", content.as_bytes());
    assert!(
        report(&answer).contains("Load 1 row<"),
        "{}",
        report(&answer)
    );
    let fields = [fields[0], ("checked", &checked(&answer))];
    desk.send(&fields, "runs.json", content.as_bytes());
    assert_eq!(desk.sources(), [("runs".to_owned(), 1)]);
}

/// What a file does not record is said by fields that are called as the flags.
#[test]
fn a_file_of_vllm_bench_is_taken_with_what_it_does_not_say() {
    let desk = Desk::open();
    let file = root().join("tests/fixtures/benchmark_files/vllm-bench-rate.json");
    let content = std::fs::read(file).unwrap();
    let answer = desk.send(&[], "run.json", &content);
    assert!(report(&answer).contains("say it by --profile"));
    assert!(answer.text().contains("name=\"profile\""));
    let fields = [("profile", "512/256")];
    let answer = desk.send(&fields, "run.json", &content);
    assert!(report(&answer).contains("Load "), "{}", report(&answer));
    assert!(answer.text().contains("value=\"512/256\""));
    let wrong = [("hardware-count", "two"), ("profile", "512")];
    let answer = desk.send(&wrong, "run.json", &content);
    assert_eq!(answer.status, 422);
    assert!(
        answer
            .text()
            .contains("aria-describedby=\"load-profile-problem\"")
    );
    assert!(answer.text().contains("value=\"two\""));
}

#[test]
fn a_form_that_is_not_the_pages_own_is_not_taken() {
    let desk = Desk::open();
    let content = runs(&[1.0]);
    let digest = checked(&desk.send(&[], "runs.json", &content));
    let token = desk.form_token();
    let checked = ("checked", digest.as_str());
    for fields in [vec![checked], vec![("form-token", "0"), checked]] {
        let answer = desk.send_as(&desk.cookie, &fields, "runs.json", &content);
        assert_eq!(answer.status, 403);
        assert!(report(&answer).contains("This form is not taken"));
    }
    let fields = [("form-token", token.as_str()), checked];
    let nobody = desk.send_as("", &fields, "runs.json", &content);
    assert_eq!(nobody.status, 401);
    let other = "Cookie: compass-viewer=0123456789abcdef\r\n";
    let answer = desk.send_as(other, &fields, "runs.json", &content);
    assert_eq!(answer.status, 401);
    assert!(!answer.text().contains("form-token"));
    let (kind, body) = multipart(&fields, Some(("runs.json", &content)));
    let headers = format!("{}{kind}Origin: http://evil.example.com\r\n", desk.cookie);
    let foreign =
        crate::support::http::ask(desk.console.port, "POST /knowledge-base", &headers, &body);
    assert_eq!(foreign.unwrap().status, 403);
    assert_eq!(desk.sources(), []);
}

#[test]
fn what_is_too_large_or_no_file_is_said() {
    let desk = Desk::open();
    let large = desk.send(&[], "large.json", &vec![b' '; 33 * 1024 * 1024]);
    assert_eq!(large.status, 413);
    assert!(report(&large).contains("At most 32 MiB"));
    let none = desk.send(&[], "none.json", b"");
    assert_eq!(none.status, 422);
    assert!(report(&none).contains("Choose a file"));
    let long = desk.send(&[("source", &"x".repeat(5000))], "a.json", b"[]");
    assert_eq!(long.status, 422);
    let foreign = desk.send(&[], "a.txt", b"hello");
    assert!(
        report(&foreign).contains("not a file of benchmarks"),
        "{}",
        report(&foreign)
    );
    let kind = "Content-Type: text/plain\r\n";
    let headers = format!("{}{kind}", desk.cookie);
    let no_form = desk.console.send("/knowledge-base", &headers, b"x");
    assert_eq!(no_form.status, 400);
}

#[test]
fn what_a_file_and_its_name_say_stays_text() {
    let desk = Desk::open();
    let mut hostile = row("<img/src=x/onerror=alert(1)>/m", 1.0);
    hostile["ttft_p95"] = json!("<script>alert(2)</script>");
    let content = json!([hostile]).to_string();
    let name = "<img src=x onerror=alert(3)>.json";
    for fields in [
        vec![],
        vec![("source", "<u>lab"), ("model", "<i>m</i>")],
        vec![("keep-going", "yes"), ("profile", "<u>1/2")],
    ] {
        let answer = desk.send(&fields, name, content.as_bytes());
        for tag in ["<img/", "<img src=x", "<script>alert", "<u>", "<i>"] {
            assert!(!answer.text().contains(tag), "{tag}: {}", answer.text());
        }
        assert!(report(&answer).contains("&lt;") || answer.status == 422);
    }
}

#[test]
fn nobody_loads_unless_it_was_allowed() {
    let console = Console::on(&SHIPPED);
    let page = console.get("/knowledge-base");
    assert!(page.text().contains("COMPASS_CONSOLE_ALLOW_WRITES"));
    assert!(!page.text().contains("type=\"file\""));
    let (kind, body) = multipart(&[], Some(("a.json", &runs(&[1.0]))));
    let answer = console.send("/knowledge-base", &kind, &body);
    assert_eq!(answer.status, 403);
    assert!(!console.told().contains("signs in"));
    assert_eq!(console.get("/sign-in").status, 404);
    let refusal = |more: &[&str]| {
        let arguments = [&["console", "--allow-writes"], more].concat();
        compass(&arguments).refusal().unwrap()
    };
    let told = refusal(&["--listen", "0.0.0.0:0", "--database-url", "postgres://none"]);
    assert!(told.contains("loopback"), "{told}");
    let told = refusal(&["--snapshot", "evidence.json"]);
    assert!(told.contains("a snapshot cannot be written to"), "{told}");
}

#[test]
fn a_database_that_is_down_takes_nothing_and_says_so() {
    let console = Console::with(&[
        "--database-url",
        "postgres://nobody:secret@127.0.0.1:1/none",
        "--allow-writes",
    ]);
    let headers = format!("Authorization: Bearer {}\r\n", token(&console));
    let page = console.ask("GET /knowledge-base", &headers);
    assert_eq!(page.status, 503);
    let form_token = between(page.text(), "name=\"form-token\" value=\"", "\"");
    let (kind, body) = multipart(
        &[("form-token", form_token)],
        Some(("a.json", &runs(&[1.0]))),
    );
    let answer = console.send("/knowledge-base", &format!("{headers}{kind}"), &body);
    assert_eq!(answer.status, 503);
    assert!(report(&answer).contains("The knowledge base did not take it"));
    assert!(!answer.text().contains("secret"));
}

/// As a person does it: signs in, chooses a file, checks it, loads it.
#[test]
fn a_file_is_loaded_in_a_browser() {
    let folder = Scratch::create().unwrap();
    let file = folder.join("lab.json");
    std::fs::write(&file, runs(&[1.0, 2.0])).unwrap();
    for (dark, script) in [(false, true), (true, true), (false, false)] {
        let console = Console::with(&["--database-url", &empty_database(), "--allow-writes"]);
        let browser = Browser::open(&Looks {
            dark,
            script,
            ..Looks::default()
        });
        let is_clean = |what: &str| {
            if script {
                assert_eq!(browser.violations(), [""; 0], "{what}, dark: {dark}");
            }
        };
        browser.go(&console.address("/knowledge-base"));
        browser.click("#load a");
        browser.arrives("/sign-in");
        is_clean("sign in");
        browser.type_into("#token", &token(&console));
        browser.click(".sign-in button");
        browser.arrives("/knowledge-base");
        is_clean("form");
        let path = file.to_str().unwrap();
        browser.type_into("#load-file", path);
        browser.click(".upload .act button");
        browser.shows("#report h3", "Would be loaded: 2 new");
        is_clean("check");
        if script {
            let focused = browser.run("return document.activeElement.textContent");
            assert!(focused.as_str().unwrap().starts_with("Would be loaded"));
        } else {
            browser.type_into("#load-file", path);
        }
        browser.click("#report button");
        browser.shows("#report h3", "Loaded: 2 new");
        browser.shows("#known", MODEL);
        is_clean("load");
        assert_eq!(browser.complaints(), [""; 0]);
    }
}
