//! A real Chromium, by the WebDriver protocol: the few commands that the tests give.

use std::process::Command;
use std::time::{Duration, Instant};

use compass_testbed::process::{Program, Server};
use compass_testbed::tools::which;
use compass_testbed::{Scratch, port};
use serde_json::{Value, json};

use crate::support::http;

const CHROMIUM: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// How a browser is to be.
pub struct Looks {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub script: bool,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 900,
            dark: false,
            script: true,
        }
    }
}

/// One window. Dropping it closes it.
pub struct Browser {
    port: u16,
    session: String,
    _server: Server,
    _folder: Scratch,
}

impl Browser {
    pub fn open(looks: &Looks) -> Self {
        install();
        let folder = Scratch::create().unwrap();
        let port = port::free().unwrap();
        let log = folder.join("chromedriver.log");
        let server = Program::new(DRIVER)
            .arg(format!("--port={port}"))
            .start(&log)
            .unwrap();
        let mut browser = Self {
            port,
            session: String::new(),
            _server: server,
            _folder: folder,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while browser.call("GET", "/status", None).is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut arguments = vec![
            "--headless=new".to_owned(),
            // Root may not sandbox, and a container has little shared memory.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            format!("--window-size={},{}", looks.width, looks.height),
        ];
        if looks.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let allowed = if looks.script { 1 } else { 2 };
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": allowed},
            },
        }}});
        let session = browser
            .call("POST", "/session", Some(capabilities))
            .unwrap();
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser.size(looks.width, looks.height);
        browser
    }

    /// Makes what is seen exactly so large: a window has edges.
    pub fn size(&self, width: u32, height: u32) {
        let metrics = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params":
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}});
        self.command("/goog/cdp/execute", metrics);
    }

    pub fn go(&self, address: &str) {
        self.command("/url", json!({"url": address}));
    }

    pub fn address(&self) -> String {
        let address = self.call("GET", &self.path("/url"), None).unwrap();
        address.as_str().unwrap().to_owned()
    }

    /// Waits until the address has this part, also where no script runs: a click returns before the
    /// next page is there.
    pub fn arrives(&self, part: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.address().contains(part) {
            assert!(
                Instant::now() < deadline,
                "never: {part} at {}",
                self.address()
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until an element has this text, also where no script of the page runs.
    pub fn shows(&self, selector: &str, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let query = json!({"using": "css selector", "value": selector});
        let shown = || -> Result<String, String> {
            let found = self.call("POST", &self.path("/element"), Some(query.clone()))?;
            let id = found.as_object().unwrap().values().next().unwrap();
            let path = self.path(&format!("/element/{}/text", id.as_str().unwrap()));
            let text = self.call("GET", &path, None)?;
            Ok(text.as_str().unwrap_or_default().to_owned())
        };
        loop {
            let shown = shown();
            if shown.as_ref().is_ok_and(|it| it.contains(text)) {
                return;
            }
            assert!(Instant::now() < deadline, "never: {text} in {shown:?}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// What a script returns; `await` is allowed in it.
    pub fn run(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done, (error) => done('failed: ' + error));"
        );
        self.command("/execute/async", json!({"script": script, "args": []}))
    }

    pub fn is(&self, condition: &str) -> bool {
        self.run(&format!("return Boolean({condition})")) == json!(true)
    }

    /// Waits until a condition holds in the page.
    pub fn wait(&self, condition: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.is(condition) {
            assert!(
                Instant::now() < deadline,
                "never: {condition} at {}\n{}",
                self.address(),
                self.text("main")
            );
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub fn text(&self, selector: &str) -> String {
        let script = format!(
            "return document.querySelector({}).innerText",
            json!(selector)
        );
        self.run(&script).as_str().unwrap_or_default().to_owned()
    }

    /// An element's HTML property of a page whose scripts do not run.
    fn element(&self, selector: &str) -> String {
        let found = self.command(
            "/element",
            json!({"using": "css selector", "value": selector}),
        );
        let id = found.as_object().unwrap().values().next().unwrap();
        id.as_str().unwrap().to_owned()
    }

    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.command(&format!("/element/{element}/click"), json!({}));
    }

    /// Types into an element, as a keyboard would.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.command(&format!("/element/{element}/value"), json!({"text": text}));
    }

    /// Presses keys, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let actions: Vec<_> = keys
            .chars()
            .flat_map(|key| {
                let key = key.to_string();
                [
                    json!({"type": "keyDown", "value": key}),
                    json!({"type": "keyUp", "value": key}),
                ]
            })
            .collect();
        self.command(
            "/actions",
            json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}),
        );
    }

    /// Everything that axe finds wrong by WCAG 2.1 A and AA and by its best practices.
    pub fn violations(&self) -> Vec<String> {
        let axe = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/axe-core/axe.min.js"
        );
        let axe = std::fs::read_to_string(axe).unwrap();
        self.run(&format!("{axe}\nreturn typeof axe"));
        let found = self.run(
            "const found = await window.axe.run(document, {resultTypes: ['violations']});
             return found.violations.map((it) => it.id + ': ' + it.nodes.map((node) => node.html + ' ' + node.failureSummary).join('; '))",
        );
        let found = found
            .as_array()
            .unwrap_or_else(|| panic!("axe: {found}"))
            .iter();
        found.map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    /// Shows the page as it is printed, holds that to what paper asks, and returns it as a PDF,
    /// encoded in base 64.
    pub fn print(&self) -> String {
        let media = |media: &str| {
            let emulated = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"media": media}});
            self.command("/goog/cdp/execute", emulated);
        };
        media("print");
        let address = self.address();
        assert_eq!(self.violations(), [""; 0], "printed: {address}");
        for (what, is_so) in [
            (
                "white",
                "getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'",
            ),
            (
                "without navigation",
                "!document.querySelector('.top nav').checkVisibility()",
            ),
            (
                "without buttons",
                "[...document.querySelectorAll('main button')].every((it) => !it.checkVisibility())",
            ),
            (
                "with what is folded",
                "[...document.querySelectorAll('main details > :not(summary)')].every((it) => it.closest('#question, #load') || it.checkVisibility({contentVisibilityAuto: true}))",
            ),
            (
                "whole",
                "[...document.querySelectorAll('main pre')].every((it) => it.scrollHeight <= it.clientHeight + 1)",
            ),
        ] {
            assert!(self.is(is_so), "printed {what}: {address}");
        }
        media("");
        let printed = self.command("/print", json!({}));
        printed.as_str().unwrap().to_owned()
    }

    /// Lets pages read and write the clipboard, as a person who clicks lets them.
    pub fn allow_clipboard(&self) {
        for name in ["clipboard-read", "clipboard-write"] {
            let allowed = json!({"descriptor": {"name": name}, "state": "granted"});
            self.command("/permissions", allowed);
        }
    }

    /// What the browser complained of.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", json!({"type": "browser"}));
        let entries = log.as_array().cloned().unwrap_or_default();
        let messages = entries.iter().filter_map(|entry| entry["message"].as_str());
        messages.map(str::to_owned).collect()
    }

    /// What is seen, as a PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        let encoded = self.call("GET", &self.path("/screenshot"), None).unwrap();
        let script = format!(
            "const bytes = atob({encoded}); return Array.from(bytes, (it) => it.charCodeAt(0))"
        );
        let bytes = self.run(&script);
        let bytes = bytes.as_array().unwrap().iter();
        bytes.map(|byte| byte.as_u64().unwrap() as u8).collect()
    }

    fn path(&self, path: &str) -> String {
        format!("/session/{}{path}", self.session)
    }

    fn command(&self, path: &str, body: Value) -> Value {
        self.call("POST", &self.path(path), Some(body)).unwrap()
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = format!("{method} {path}");
        let kind = "Content-Type: application/json\r\n";
        let answer = http::ask(self.port, &request, kind, body.as_bytes());
        let body = &answer.map_err(|error| error.to_string())?.body;
        let body = &String::from_utf8_lossy(body);
        let value: Value =
            serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))?;
        match value["value"]["error"].as_str() {
            Some(error) => Err(format!("{path}: {error}: {}", value["value"]["message"])),
            None => Ok(value["value"].clone()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call("DELETE", &self.path(""), None);
    }
}

/// Chromium and its driver are Debian's; root installs them where they are missing.
fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if which(CHROMIUM).is_ok() && which(DRIVER).is_ok() {
            return;
        }
        let install = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
                       apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core";
        let installed = Command::new("sh").args(["-c", install]).output();
        assert!(
            installed.is_ok_and(|it| it.status.success()),
            "the console's tests need Chromium and its driver: apt-get install chromium chromium-driver"
        );
    });
}
