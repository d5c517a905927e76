//! Child processes that end with their owner: when the value is dropped, and when the owning
//! process is killed.
//!
//! Each program is started through `guard.sh`, which leaves a watcher beside it and becomes the
//! program. Standard input is a pipe that only the owner holds, and the watcher reads it: a line
//! says that the owner has seen the end itself; its closing says that the owner is dead, so the
//! watcher ends the program. Unlike a parent-death signal this is tied to no thread, survives a
//! change of user, and needs no `unsafe`. The watcher is started twice in the background so that
//! the program is not told of its end, as PostgreSQL would mind; a program that is dead but that
//! nobody has waited for counts as gone.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::account::Account;
use crate::interrupt;

const POLL: Duration = Duration::from_millis(20);
const LOG_TAIL_LINES: usize = 25;

/// What to run, and how it is told to end.
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    account: Option<Account>,
    directory: Option<PathBuf>,
    stop_signal: Signal,
    remove_if_orphaned: PathBuf,
}

impl Program {
    /// A program by path, or by a name to be found on PATH.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Program {
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            account: None,
            directory: None,
            stop_signal: Signal::SIGTERM,
            remove_if_orphaned: PathBuf::new(),
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of the program's environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs in this folder instead of the owner's.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs as another user; only root may.
    pub(crate) fn account(mut self, account: Option<&Account>) -> Self {
        self.account = account.cloned();
        self
    }

    /// The signal of a planned or forced end; SIGTERM unless set. SIGKILL follows if the program
    /// does not obey.
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// A folder to remove if the owner dies without having stopped the program.
    pub fn remove_if_orphaned(mut self, folder: impl Into<PathBuf>) -> Self {
        self.remove_if_orphaned = folder.into();
        self
    }

    /// Starts a server whose output goes to the end of `log`.
    pub fn start(self, log: &Path) -> Result<Server> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = self
            .command()
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn();
        let child = child.with_context(|| format!("cannot start {}", self.name()))?;
        Ok(Server {
            name: self.name(),
            child,
            status: None,
            log: log.to_owned(),
            stop_signal: self.stop_signal,
        })
    }

    /// Runs to the end and returns the standard output; a failure shows the standard error.
    pub fn output(self) -> Result<String> {
        let (status, output, complaint) = self.outcome()?;
        if !status.success() {
            bail!(
                "{} ended with {status}: {}",
                self.description(),
                complaint.trim()
            );
        }
        Ok(output)
    }

    /// Runs to the end, expecting a failure, and returns the standard error.
    pub fn refusal(self) -> Result<String> {
        let (status, _, complaint) = self.outcome()?;
        if status.success() {
            bail!("{} was expected to fail and did not", self.description());
        }
        Ok(complaint)
    }

    /// Runs to the end, quietly, and tells whether that was a success.
    pub fn succeeds(self) -> Result<bool> {
        Ok(self.outcome()?.0.success())
    }

    fn outcome(&self) -> Result<(ExitStatus, String, String)> {
        let output = tempfile::tempfile()?;
        let complaint = tempfile::tempfile()?;
        let status = self
            .spawn(output.try_clone()?.into(), complaint.try_clone()?.into())?
            .wait()?;
        Ok((
            status,
            read_from_start(output)?,
            read_from_start(complaint)?,
        ))
    }

    fn spawn(&self, output: Stdio, complaint: Stdio) -> Result<Server> {
        let child = self.command().stdout(output).stderr(complaint).spawn();
        let child = child.with_context(|| format!("cannot start {}", self.name()))?;
        Ok(Server {
            name: self.name(),
            child,
            status: None,
            log: PathBuf::new(),
            stop_signal: self.stop_signal,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(include_str!("guard.sh")).arg("guard");
        command
            .arg(self.stop_signal.as_str().trim_start_matches("SIG"))
            .arg(&self.remove_if_orphaned);
        command.arg(&self.path).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(account) = &self.account {
            command.uid(account.user).gid(account.group);
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        // A process group of its own: Ctrl-C reaches the owner alone, which then stops its children
        // in order.
        command.process_group(0).stdin(Stdio::piped());
        command
    }

    fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    fn description(&self) -> String {
        let words = self.arguments.iter().map(|word| word.to_string_lossy());
        std::iter::once(self.name().into())
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn read_from_start(mut file: File) -> Result<String> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A running program; dropping it stops it.
pub struct Server {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
    stop_signal: Signal,
}

impl Server {
    /// The process id, also after the end.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the program ended, if it did.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self
                .child
                .try_wait()
                .with_context(|| format!("cannot watch {}", self.name))?;
            if self.status.is_some() {
                self.release_watcher();
            }
        }
        Ok(self.status)
    }

    /// Waits until `ready` holds; fails with the tail of the log if the program ends first or
    /// `patience` runs out.
    pub fn wait_until_ready(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended()? {
                return Err(self.complaint(&format!("ended with {status} before it was ready")));
            }
            if ready()? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(
                    self.complaint(&format!("was not ready after {} s", patience.as_secs()))
                );
            }
            interrupt::check()?;
            sleep(POLL);
        }
    }

    /// The last lines of the log.
    pub fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// Sends the stop signal and waits for the end; SIGKILL after `patience`.
    pub fn stop(&mut self, patience: Duration) {
        if self.status.is_some() {
            return;
        }
        let _ = kill(Pid::from_raw(self.id().cast_signed()), self.stop_signal);
        let deadline = Instant::now() + patience;
        while matches!(self.ended(), Ok(None)) {
            if Instant::now() >= deadline {
                let _ = self.child.kill();
                // Waiting closes the pipe, which would say that the owner is dead.
                self.release_watcher();
                self.status = self.child.wait().ok();
                return;
            }
            sleep(POLL);
        }
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.stop_signal = Signal::SIGKILL;
        self.stop(Duration::from_secs(10));
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            interrupt::check()?;
            sleep(POLL);
        }
    }

    /// Tells the watcher that the program is gone: its process id may soon be another's.
    fn release_watcher(&mut self) {
        if let Some(mut pipe) = self.child.stdin.take() {
            let _ = pipe.write_all(b"\n");
        }
    }

    fn complaint(&self, what: &str) -> anyhow::Error {
        anyhow!(
            "{} {what}; the end of its log:\n{}",
            self.name,
            self.log_tail()
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(10));
    }
}
