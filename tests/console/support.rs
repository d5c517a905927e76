//! A console on a real knowledge base, and what asks it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use compass_testbed::process::{Program, Server};
use compass_testbed::{Postgres, Scratch, port};

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
    let url = POSTGRES.create_database("console").unwrap();
    for arguments in [vec!["migrate"], vec!["load", file.to_str().unwrap()]] {
        compass(&arguments)
            .env("DATABASE_URL", &url)
            .output()
            .unwrap();
    }
    url
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
    _folder: Scratch,
    pub port: u16,
}

/// An answer over HTTP.
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
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
        let log = folder.join("console.log");
        let server = compass(&all).start(&log).unwrap();
        let console = Self {
            _server: server,
            _folder: folder,
            port,
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while console.try_ask("GET /healthz", "").is_none() {
            let told = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < deadline, "no console: {}", told());
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
        self.try_ask(request, headers).expect("an answer")
    }

    fn try_ask(&self, request: &str, headers: &str) -> Option<Answer> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        connection
            .set_read_timeout(Some(Duration::from_secs(60)))
            .ok()?;
        let host = if headers.contains("Host:") {
            ""
        } else {
            "Host: localhost\r\n"
        };
        write!(connection, "{request} HTTP/1.0\r\n{host}{headers}\r\n").ok()?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        Some(Answer {
            status: head.split(' ').nth(1)?.parse().ok()?,
            head,
            body: answer.split_off(end + 4),
        })
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
