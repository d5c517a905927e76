//! Starts the operator again whenever it ends, as a kubelet does.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use compass_testbed::port;
use compass_testbed::process::{Program, Server};

use crate::support::compass;

const POLL: Duration = Duration::from_millis(20);
/// A kubelet waits longer; here there is no time.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How to run an operator.
#[derive(Clone)]
pub struct Run {
    pub name: &'static str,
    /// After `compass controller`, separated by spaces.
    pub arguments: String,
    pub environment: Vec<(String, String)>,
    pub directory: PathBuf,
}

/// An operator that is started again whenever it ends; dropping it stops it.
pub struct Supervisor {
    shared: Arc<Shared>,
    watching: Option<JoinHandle<()>>,
    log: PathBuf,
}

struct Shared {
    running: Mutex<Option<Server>>,
    starts: AtomicUsize,
    /// Bytes of address space; 0 where there is no limit.
    limit: AtomicU64,
    over: AtomicBool,
}

impl Supervisor {
    pub fn start(run: Run) -> Self {
        let log = run.directory.join(format!("{}.log", run.name));
        let shared = Arc::new(Shared {
            running: Mutex::new(None),
            starts: AtomicUsize::new(0),
            limit: AtomicU64::new(0),
            over: AtomicBool::new(false),
        });
        let watching = {
            let (shared, log) = (Arc::clone(&shared), log.clone());
            std::thread::spawn(move || {
                while !shared.over.load(Ordering::Relaxed) {
                    let mut running = shared.running.lock().unwrap();
                    let ended = match running.as_mut() {
                        Some(server) => server.ended().unwrap().is_some(),
                        None => true,
                    };
                    if ended {
                        *running = Some(
                            run.program(shared.limit.load(Ordering::Relaxed))
                                .start(&log)
                                .unwrap(),
                        );
                        shared.starts.fetch_add(1, Ordering::Relaxed);
                    }
                    drop(running);
                    std::thread::sleep(if ended { BACK_OFF } else { POLL });
                }
            })
        };
        Self {
            shared,
            watching: Some(watching),
            log,
        }
    }

    /// `KILL`, `STOP` and the like.
    pub fn signal(&self, name: &str) {
        if let Some(server) = self.shared.running.lock().unwrap().as_ref() {
            // One that has just ended is started again all the same.
            let (signal, id) = (format!("-{name}"), server.id().to_string());
            let _ = Command::new("kill")
                .args([signal, id])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Lets processes from the next on have this part of the address space that the one of now has.
    pub fn limit_memory(&self, percent: u64) {
        let running = self.shared.running.lock().unwrap();
        let id = running.as_ref().map_or(0, Server::id);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let size = status.lines().find_map(|it| it.strip_prefix("VmSize:"));
        let kib = size.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
        let limit = kib.unwrap() * 1024 * percent / 100;
        self.shared.limit.store(limit, Ordering::Relaxed);
    }

    pub fn lift_limit(&self) {
        self.shared.limit.store(0, Ordering::Relaxed);
    }

    /// How often it was started.
    pub fn starts(&self) -> usize {
        self.shared.starts.load(Ordering::Relaxed)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.signal("CONT");
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(60)..];
            eprintln!("--- the end of {}\n{}", self.log.display(), last.join("\n"));
        }
    }
}

impl Run {
    fn program(&self, limit: u64) -> Program {
        let mut program = match limit {
            0 => compass("controller"),
            _ => Program::new("prlimit")
                .arg(format!("--as={limit}"))
                .args([env!("CARGO_BIN_EXE_compass"), "controller"]),
        };
        program = program.args(self.arguments.split_whitespace());
        let listen = format!("127.0.0.1:{}", port::free().unwrap());
        program = program.args(["--log-format", "json", "--listen", &listen]);
        for (name, value) in &self.environment {
            program = program.env(name, value);
        }
        program
    }
}
