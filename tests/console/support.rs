//! A console on a real knowledge base, and what asks it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use compass_testbed::process::{Program, Server};
use compass_testbed::{Postgres, Scratch, port};

pub use http::{Answer, multipart};
pub use run::row;

#[path = "../shared/http.rs"]
pub mod http;
#[path = "../shared/run.rs"]
mod run;

/// The nine use cases.
pub const USE_CASES: [&str; 9] = [
    "chatbot_conversational",
    "code_completion",
    "code_generation_detailed",
    "translation",
    "content_generation",
    "summarization_short",
    "document_analysis_rag",
    "long_document_summarization",
    "research_legal_analysis",
];

static POSTGRES: LazyLock<Postgres> = LazyLock::new(|| Postgres::start().unwrap());

/// The shipped benchmarks.
pub static SHIPPED: LazyLock<String> =
    LazyLock::new(|| database(&root().join("data/benchmarks.json.gz")));

/// A console on the shipped benchmarks, for all tests that only look.
pub static CONSOLE: LazyLock<Console> = LazyLock::new(|| Console::on(&SHIPPED));

/// The URL of a database with the benchmarks of a file.
pub fn database(file: &Path) -> String {
    let url = empty_database();
    load(&url, &[file.to_str().unwrap()]);
    url
}

pub fn empty_database() -> String {
    let url = POSTGRES.create_database("console").unwrap();
    let migrate = compass(&["migrate"]).env("DATABASE_URL", &url);
    migrate.output().unwrap();
    url
}

/// What `compass load` prints.
pub fn load(url: &str, arguments: &[&str]) -> String {
    let load = compass(&[&["load"], arguments].concat());
    load.env("DATABASE_URL", url).output().unwrap()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The program under test.
pub fn compass(arguments: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_compass")).args(arguments)
}

/// A running console; dropping it stops it.
pub struct Console {
    _server: Server,
    folder: Scratch,
    pub port: u16,
}

impl Console {
    /// On the knowledge base at `url`.
    pub fn on(url: &str) -> Self {
        Self::with(&["--database-url", url])
    }

    pub fn with(arguments: &[&str]) -> Self {
        let folder = Scratch::create().unwrap();
        let port = port::free().unwrap();
        let listen = format!("127.0.0.1:{port}");
        let all = [&["console", "--listen", &listen], arguments].concat();
        let server = compass(&all).start(&folder.join("console.log")).unwrap();
        let console = Self {
            _server: server,
            folder,
            port,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while http::get(port, "/healthz").is_err() {
            assert!(Instant::now() < deadline, "no console: {}", console.told());
            std::thread::sleep(Duration::from_millis(20));
        }
        console
    }

    pub fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "")
    }

    /// A request with further headers, each with its line break.
    pub fn ask(&self, request: &str, headers: &str) -> Answer {
        http::ask(self.port, request, headers, b"").expect("an answer")
    }

    /// Sends a form as this site's own page does, with further headers.
    pub fn send(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let headers = format!("Origin: http://localhost\r\n{headers}");
        http::ask(self.port, &format!("POST {path}"), &headers, body).expect("an answer")
    }

    /// What it said since it was started.
    pub fn told(&self) -> String {
        std::fs::read_to_string(self.folder.join("console.log")).unwrap()
    }
}

/// The text of an element's content in HTML that the console wrote.
pub fn unescaped(html: &str) -> String {
    html.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// What stands between two parts of a text.
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        .1;
    rest.split_once(after)
        .unwrap_or_else(|| panic!("no {after} in {rest}"))
        .0
}
