//! The pages in a real browser: what a person sees, does with a keyboard, and hears read out.

use serde_json::{Value, json};

use crate::chromium::{Browser, Looks};
use crate::pictures::{self, Shot};
use crate::support::{CONSOLE, Console, SHIPPED, USE_CASES, between, compass};

const CHAT: &str = "/?useCase=chatbot_conversational&demand.requestsPerSecond=5";
const ENTER: &str = "\u{e007}";
const TAB: &str = "\u{e004}";
const RIGHT: &str = "\u{e014}";

fn best(page: &Console) -> String {
    let page = page.get(CHAT);
    let link = between(page.text(), "<article class=\"best\">", "</article>");
    between(link, "href=\"", "\"").replace("&amp;", "&")
}

fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("start", "/".to_owned()),
        ("plan", CHAT.to_owned()),
        ("nothing-complies", format!("{CHAT}&slo.ttftP95Ms=20")),
        ("invalid", format!("{CHAT}&slo.ttftP95Ms=fast")),
        ("left-out", format!("{CHAT}&view=left-out")),
        ("intent", format!("{CHAT}&view=intent")),
        ("manifests", format!("{CHAT}&view=manifests")),
        ("estimates", "/?useCase=custom&trafficProfile.promptTokens=3000&trafficProfile.outputTokens=600&experienceClass=deferred&demand.requestsPerSecond=1&evidence.minimum=estimated".to_owned()),
        ("configuration", best(&CONSOLE)),
        ("knowledge-base", "/knowledge-base".to_owned()),
        ("not-found", "/nothing".to_owned()),
    ]
}

#[test]
fn axe_finds_nothing_wrong_on_any_page_in_light_and_in_the_dark() {
    let down = Console::on("postgres://nobody@127.0.0.1:1/none");
    for dark in [false, true] {
        let browser = Browser::open(&Looks {
            dark,
            ..Looks::default()
        });
        let addresses = pages().into_iter().map(|(_, path)| CONSOLE.address(&path));
        for address in addresses.chain([down.address(CHAT)]) {
            browser.go(&address);
            // What is folded away is looked at too.
            browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true })");
            assert_eq!(browser.violations(), [""; 0], "{address}, dark: {dark}");
            let complaints = browser.complaints();
            let foreign = complaints
                .iter()
                .filter(|it| !it.contains("Failed to load resource"));
            assert_eq!(foreign.collect::<Vec<_>>(), [""; 0], "{address}");
        }
    }
}

#[test]
fn every_use_case_is_chosen_with_a_click() {
    let browser = Browser::open(&Looks::default());
    for (at, use_case) in USE_CASES.iter().enumerate() {
        browser.go(&CONSOLE.address("/"));
        browser.click(&format!(".cards li:nth-child({}) a", at + 1));
        browser.wait("document.querySelector('#answer .best, #answer .notice')");
        let asked = browser.run("return document.querySelector('[name=useCase]').value");
        let address = browser.address();
        assert!(
            address.contains(asked.as_str().unwrap()),
            "{use_case}: {address}"
        );
        let text = browser.text("main");
        assert!(
            text.contains("ITL p95") && !text.contains("TPOT") && !text.contains("p90"),
            "{use_case}"
        );
        assert!(text.contains("simulated"), "{use_case}");
    }
}

/// What a slider asks stands in the address at once, and whoever opens the address sees the same.
#[test]
fn a_moved_slider_is_answered_and_its_address_can_be_shared() {
    let browser = Browser::open(&Looks::default());
    browser.go(&CONSOLE.address(CHAT));
    let before = browser.text("#answer");
    browser.run(
        "const slider = document.querySelector('[data-slides=slo-ttftP95Ms]');
         slider.value = 60; slider.dispatchEvent(new Event('input', {bubbles: true}))",
    );
    browser.wait("location.search.includes('slo.ttftP95Ms=')");
    browser.wait("!document.querySelector('.htmx-request')");
    let asked = browser.run("return document.getElementById('slo-ttftP95Ms').value");
    assert!(
        browser
            .address()
            .contains(&format!("slo.ttftP95Ms={}", asked.as_str().unwrap()))
    );
    assert!(
        !browser.address().contains("models.deny"),
        "{}",
        browser.address()
    );
    let (answer, address) = (browser.text("#answer"), browser.address());
    assert_ne!(answer, before);
    let other = Browser::open(&Looks::default());
    other.go(&address);
    assert_eq!(other.text("#answer"), answer);
    assert_eq!(
        other.run("return document.getElementById('slo-ttftP95Ms').value"),
        asked
    );
}

#[test]
fn a_column_sorts_and_the_form_keeps_the_order() {
    let browser = Browser::open(&Looks::default());
    browser.go(&CONSOLE.address(CHAT));
    let costs = || {
        let costs = browser.run("return [...document.querySelectorAll('.offers tbody tr')].map((it) => Number(it.cells[3].textContent.replace(/[$,]/g, '')))");
        let costs = costs.as_array().unwrap().iter().filter_map(Value::as_f64);
        costs.collect::<Vec<_>>()
    };
    browser.click("#sort-an-hour");
    browser.wait("document.querySelector('[aria-sort=ascending] #sort-an-hour')");
    assert!(costs().is_sorted());
    browser.click("#sort-an-hour");
    browser.wait("document.querySelector('[aria-sort=descending] #sort-an-hour')");
    let mut falling = costs();
    falling.reverse();
    assert!(falling.is_sorted() && falling.len() > 5, "{falling:?}");
    browser.type_into("[name='demand.requestsPerSecond']", "0");
    browser.wait("location.search.includes('requestsPerSecond=50')");
    assert!(
        browser.address().contains("sort=-cost"),
        "{}",
        browser.address()
    );
}

#[test]
fn shown_yaml_is_the_bytes_of_compass_render() {
    let browser = Browser::open(&Looks::default());
    let folder = compass_testbed::Scratch::create().unwrap();
    let file = folder.join("intent.yaml");
    let yaml = |view: &str| {
        browser.go(&CONSOLE.address(&format!("{CHAT}&view={view}")));
        let text = browser.run("return document.getElementById('yaml').textContent");
        text.as_str().unwrap().to_owned()
    };
    std::fs::write(&file, yaml("intent")).unwrap();
    let rendered = compass(&["render", "-f", file.to_str().unwrap()])
        .env("DATABASE_URL", &*SHIPPED)
        .output()
        .unwrap();
    assert_eq!(yaml("manifests"), rendered);
}

#[test]
fn the_keyboard_is_enough() {
    let browser = Browser::open(&Looks::default());
    browser.go(&CONSOLE.address("/"));
    let focused = |what: &str| browser.run(&format!("return document.activeElement.{what}"));
    browser.press(TAB);
    assert_eq!(focused("className"), json!("skip"));
    browser.press(ENTER);
    browser.wait("document.activeElement.id === 'main'");
    browser.press(TAB);
    assert_eq!(focused("className"), json!("card"));
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, json!("solid"));
    browser.press(ENTER);
    browser.wait("document.querySelector('#answer .best')");
    // A slider is moved by arrows, and answers.
    browser.run("document.querySelector('[data-slides=slo-itlP95Ms]').focus()");
    browser.press(&RIGHT.repeat(20));
    browser.wait("location.search.includes('slo.itlP95Ms=')");
    assert_eq!(focused("dataset.slides"), json!("slo-itlP95Ms"));
    let said = browser.text("#said");
    assert!(said.contains("comply"), "{said}");
}

#[test]
fn a_phone_shows_all_of_it_without_scrolling_sideways() {
    let browser = Browser::open(&Looks {
        width: 360,
        height: 740,
        ..Looks::default()
    });
    for (name, path) in pages() {
        browser.go(&CONSOLE.address(&path));
        let width = browser.run("return document.documentElement.scrollWidth");
        assert!(width.as_i64().unwrap() <= 360, "{name}: {width} wide");
    }
}

#[test]
fn the_dark_is_dark() {
    let luminance = "const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g); return r * 0.3 + g * 0.6 + b * 0.1";
    for (dark, least, most) in [(true, 0.0, 60.0), (false, 200.0, 255.0)] {
        let browser = Browser::open(&Looks {
            dark,
            ..Looks::default()
        });
        browser.go(&CONSOLE.address(CHAT));
        let found = browser.run(luminance).as_f64().unwrap();
        assert!((least..=most).contains(&found), "dark: {dark}, {found}");
    }
}

#[test]
fn without_a_script_the_form_asks_with_its_button() {
    let browser = Browser::open(&Looks {
        script: false,
        ..Looks::default()
    });
    browser.go(&CONSOLE.address(CHAT));
    browser.type_into("[name='slo.ttftP95Ms']", "900");
    browser.click("#question .submit button");
    browser.arrives("slo.ttftP95Ms=900");
    browser.click(".tabs a:nth-child(4)");
    browser.arrives("view=manifests");
}

/// A script that somebody smuggled in would say so here.
#[test]
fn nothing_that_was_smuggled_in_runs() {
    let browser = Browser::open(&Looks::default());
    for field in [
        "name",
        "models.allow",
        "hardware.allow",
        "slo.ttftP95Ms",
        "useCase",
        "view",
        "sort",
    ] {
        for attack in [
            "<script>window.hacked=1</script>",
            "\"><img src=x onerror=window.hacked=1>",
            "javascript:window.hacked=1",
        ] {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query
                .append_pair("useCase", "translation")
                .append_pair(field, attack);
            browser.go(&CONSOLE.address(&format!("/?{}", query.finish())));
            assert!(!browser.is("window.hacked"), "{field}: {attack}");
        }
    }
}

#[test]
fn a_database_that_is_down_is_said_while_somebody_types() {
    let console = Console::on("postgres://nobody@127.0.0.1:1/none");
    let browser = Browser::open(&Looks::default());
    browser.go(&console.address(CHAT));
    assert!(
        browser
            .text("#answer")
            .contains("The knowledge base does not answer")
    );
    browser.type_into("[name='demand.requestsPerSecond']", "0");
    browser.wait("location.search.includes('requestsPerSecond=50')");
    assert!(
        browser
            .text("#answer")
            .contains("The knowledge base does not answer")
    );
    drop(console);
    browser.type_into("[name='demand.requestsPerSecond']", "1");
    browser.wait("!document.getElementById('unreachable').hidden");
}

/// On paper there is neither a dark background nor anything to click, and nothing is folded away.
#[test]
fn what_is_printed_is_whole_and_on_white() {
    for dark in [false, true] {
        let browser = Browser::open(&Looks {
            dark,
            ..Looks::default()
        });
        for (name, path) in pages() {
            browser.go(&CONSOLE.address(&path));
            // "%PDF-" in base 64.
            assert!(browser.print().starts_with("JVBERi"), "{name}");
        }
    }
}

#[test]
fn yaml_is_copied_by_a_button() {
    let browser = Browser::open(&Looks::default());
    browser.go(&CONSOLE.address(&format!("{CHAT}&view=manifests")));
    browser.allow_clipboard();
    browser.click("[data-copy=yaml]");
    browser.shows("[data-copy=yaml]", "Copied");
    let copied = browser.run("return await navigator.clipboard.readText()");
    let shown = browser.run("return document.getElementById('yaml').textContent");
    assert_eq!(copied, shown);
    browser.wait("document.querySelector('[data-copy=yaml]').textContent === 'Copy'");
}

#[test]
fn screenshots_are_of_these_pages() {
    let shot = |name, path: &str, dark, (width, height)| Shot {
        name,
        address: CONSOLE.address(path),
        page: CONSOLE.get(path).text().to_owned(),
        dark,
        width,
        height,
        script: "",
    };
    let phone = Shot {
        script: "document.querySelector('#answer').scrollIntoView()",
        ..shot("phone", CHAT, false, (390, 844))
    };
    let shots = [
        shot("plan", CHAT, false, (1280, 1180)),
        shot("plan-dark", CHAT, true, (1280, 1180)),
        shot("configuration", &best(&CONSOLE), false, (1280, 900)),
        shot("knowledge-base", "/knowledge-base", false, (1280, 900)),
        phone,
    ];
    pictures::hold("made-from", "console", &shots, |_| {});
}
