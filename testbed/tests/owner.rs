//! An owner that is killed leaves neither processes nor files. Linux only: it reads `/proc`.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use compass_testbed::{ControlPlane, Postgres, Scope};

/// Plays the owner when the test below runs this file again.
#[test]
#[ignore = "waits for the test below, of which it is a part"]
fn owner() {
    // From a thread that ends, as tests share servers.
    let servers = std::thread::spawn(|| {
        (
            Postgres::start().unwrap(),
            ControlPlane::start(Scope::ApiServer).unwrap(),
        )
    });
    let (postgres, control_plane) = servers.join().unwrap();
    println!("\nready {}", control_plane.directory().display());
    println!("ready {}", postgres.directory().display());
    // Until the test below ends, however it does.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_killed_owner_leaves_nothing() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owner", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let folders = lines.filter_map(|line| line.unwrap().strip_prefix("ready ").map(PathBuf::from));
    let folders: Vec<PathBuf> = folders.take(2).collect();
    let running: Vec<String> = folders
        .iter()
        .flat_map(|folder| commands_with(folder.to_str().unwrap()))
        .collect();
    assert!(
        ["postgres", "etcd", "kube-apiserver"]
            .iter()
            .all(|name| running.iter().any(|command| command.contains(name))),
        "{running:?}"
    );

    owner.kill().unwrap();
    owner.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(15);
    for folder in &folders {
        while folder.exists() || !commands_with(folder.to_str().unwrap()).is_empty() {
            assert!(
                Instant::now() < deadline,
                "{} is still used by {:?}",
                folder.display(),
                commands_with(folder.to_str().unwrap())
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The command lines of all processes that name `word`.
fn commands_with(word: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands =
        processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let commands = commands.map(|command| String::from_utf8_lossy(&command).replace('\0', " "));
    commands.filter(|command| command.contains(word)).collect()
}
