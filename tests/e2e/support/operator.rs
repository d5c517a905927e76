//! The operator as a child process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use compass_testbed::process::Server;
use compass_testbed::{ControlPlane, port};

use super::account::chart_account;
use super::cluster::compass;
use super::http;
use super::shared::eventually;

/// How to run an operator.
pub struct OperatorOptions<'a> {
    pub control_plane: &'a ControlPlane,
    pub database_url: &'a str,
    /// `None` works in all namespaces.
    pub namespace: Option<&'a str>,
    /// Further flags, separated by spaces.
    pub flags: &'a str,
    /// Who it is to the API server: the chart's ServiceAccount, unless somebody is named here.
    pub kubeconfig: Option<PathBuf>,
    /// An hour unless a test needs repetitions: what happens earlier was not found by chance.
    pub resync_seconds: u32,
    /// A file with the only authorities that it trusts, instead of the machine's.
    pub authorities: Option<&'a Path>,
}

impl<'a> OperatorOptions<'a> {
    /// As the chart has it, in all namespaces.
    pub fn new(control_plane: &'a ControlPlane, database_url: &'a str) -> Self {
        Self {
            control_plane,
            database_url,
            namespace: None,
            flags: "",
            kubeconfig: None,
            resync_seconds: 3600,
            authorities: None,
        }
    }
}

/// A running operator; dropping it stops it.
pub struct Operator {
    server: Server,
    port: u16,
    log: PathBuf,
}

impl Operator {
    pub fn start(options: &OperatorOptions) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = options
            .control_plane
            .directory()
            .join(format!("compass-{number}.log"));
        let port = port::free().unwrap();
        let namespace = options.namespace.map(|name| format!("--namespace {name}"));
        let arguments = format!(
            "controller --listen 127.0.0.1:{port} --resync-seconds {} --log-format json {} {}",
            options.resync_seconds,
            namespace.unwrap_or_default(),
            options.flags
        );
        let kubeconfig = options.kubeconfig.clone();
        let kubeconfig = kubeconfig.unwrap_or_else(|| chart_account(options.control_plane));
        let mut program = compass(&arguments)
            .env("KUBECONFIG", kubeconfig)
            .env("DATABASE_URL", options.database_url);
        if let Some(file) = options.authorities {
            program = program.env("SSL_CERT_FILE", file);
        }
        let server = program.start(&log).unwrap();
        Self { server, port, log }
    }

    /// Status and body of an answer; status 0 where nobody answers.
    pub fn get(&self, path: &str) -> (u16, String) {
        http::get(self.port, path)
            .map_or((0, String::new()), |it| (it.status, it.text().to_owned()))
    }

    /// Where it serves health and metrics.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits until `path` answers with `status` and a body that contains `part`.
    pub async fn answers(&self, path: &str, status: u16, part: &str) -> String {
        eventually(
            &format!("{path} to answer {status} with `{part}`"),
            async || {
                let (got, body) = self.get(path);
                if got == status && body.contains(part) {
                    Ok(body)
                } else {
                    Err((got, body))
                }
            },
        )
        .await
    }

    /// The sum of a metric over its labels that contain `labels`.
    pub fn metric(&self, name: &str, labels: &str) -> f64 {
        let (status, text) = self.get("/metrics");
        assert!(
            status == 200 && text.contains("compass_build_info"),
            "no metrics: {status}\n{}",
            self.log()
        );
        text.lines()
            .filter(|line| line.split(['{', ' ']).next() == Some(name) && line.contains(labels))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    /// Waits until `more` further reconciles have ended.
    pub async fn reconciles_again(&self, more: f64) {
        let wanted = self.metric("compass_reconciles_total", "") + more;
        eventually(&format!("{wanted} reconciles"), async || {
            let count = self.metric("compass_reconciles_total", "");
            if count >= wanted { Ok(()) } else { Err(count) }
        })
        .await;
    }

    /// Waits until nothing is looked at for a second.
    pub async fn is_idle(&self) {
        let mut before = -1.0;
        eventually("a second without a reconcile", async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.metric("compass_reconciles_total", "");
            let last = std::mem::replace(&mut before, now);
            if last == now { Ok(()) } else { Err(now) }
        })
        .await;
    }

    /// SIGTERM; how long the end took. Fails unless the exit code is 0.
    pub fn terminate(&mut self) -> Duration {
        let start = Instant::now();
        self.server.stop(Duration::from_secs(20));
        let status = self.server.ended().unwrap().unwrap();
        assert!(status.success(), "ended with {status}\n{}", self.log());
        start.elapsed()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.server.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end, and tells whether it was a success.
    pub async fn ends(&mut self) -> bool {
        let ended = eventually("the operator to end", async || {
            self.server.ended().unwrap().ok_or("it runs")
        });
        ended.await.success()
    }

    /// Waits until it has logged `part`.
    pub async fn logs(&self, part: &str) {
        eventually(&format!("`{part}` in the log"), async || {
            let log = self.log();
            if log.contains(part) { Ok(()) } else { Err(log) }
        })
        .await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.signal("KILL");
        while self.server.ended().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of the operator\n{}", self.log());
        }
    }
}
