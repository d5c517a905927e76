//! What the image holds, run as a container runs it: in a root with nothing else, read-only, not as root.
//! `make image-root` builds it first.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use compass_testbed::process::Program;
use compass_testbed::{Postgres, port};
use flate2::Compression;
use flate2::write::GzEncoder;

/// As it is pulled: layers are compressed.
const LARGEST: u64 = 30_000_000;

fn root() -> PathBuf {
    let root = std::env::var_os("COMPASS_IMAGE_ROOT").expect("run this by `make image-root`");
    PathBuf::from(root)
}

fn compass(arguments: &str) -> Program {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("image/run.sh");
    Program::new("sh")
        .arg(run)
        .arg(root())
        .args(arguments.split_whitespace())
}

fn files(folder: &Path, found: &mut Vec<(PathBuf, u64)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let size = fs::metadata(&path).unwrap().len();
            found.push((path, size));
        }
    }
}

fn compressed(file: &Path) -> u64 {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    std::io::copy(&mut fs::File::open(file).unwrap(), &mut writer).unwrap();
    writer.finish().unwrap().len() as u64
}

#[test]
#[ignore = "takes a release build: `make image-root`"]
fn it_is_small_and_has_one_program_that_needs_no_other_file() {
    let mut found = Vec::new();
    files(&root(), &mut found);
    let unpacked: u64 = found.iter().map(|(_, size)| size).sum();
    let pulled: u64 = found.iter().map(|(path, _)| compressed(path)).sum();
    println!(
        "{} files, {:.1} MB, {:.1} MB compressed",
        found.len(),
        unpacked as f64 / 1e6,
        pulled as f64 / 1e6
    );
    assert!(pulled < LARGEST, "{pulled} bytes: {found:#?}");
    assert_eq!(found.len(), 4, "{found:#?}");
    let program = fs::read(root().join("usr/bin/compass")).unwrap();
    let contains = |text: &[u8]| program.windows(text.len()).any(|part| part == text);
    assert!(!contains(b"/lib64/ld-linux"), "it wants a dynamic linker");
    for folder in [env!("CARGO_MANIFEST_DIR"), "/.cargo/registry", "/.rustup/"] {
        assert!(!contains(folder.as_bytes()), "it names {folder}");
    }
}

#[test]
#[ignore = "takes a release build: `make image-root`"]
fn it_runs_in_an_empty_root_that_cannot_be_written() {
    let version = compass("--version").output().unwrap();
    assert_eq!(
        version.trim(),
        concat!("compass ", env!("CARGO_PKG_VERSION"))
    );

    let postgres = Postgres::start().unwrap();
    let authority = postgres.serve_tls().unwrap();
    // As a volume is mounted.
    let mounts = root().join("etc/compass");
    fs::create_dir_all(&mounts).unwrap();
    fs::write(mounts.join("ca.crt"), authority).unwrap();
    let kubeconfig = "{apiVersion: v1, kind: Config, current-context: none, \
                      contexts: [{name: none, context: {cluster: none, user: none}}], users: [{name: none, user: {}}], \
                      clusters: [{name: none, cluster: {server: 'https://127.0.0.1:1'}}]}";
    fs::write(mounts.join("kubeconfig"), kubeconfig).unwrap();
    let with_database = |arguments: &str| {
        compass(arguments)
            .env("DATABASE_URL", postgres.url())
            .env("PGSSLMODE", "verify-full")
            .env("PGSSLROOTCERT", "/etc/compass/ca.crt")
    };
    let migrated = with_database("migrate").output().unwrap();
    assert!(migrated.contains("applied 0001"), "{migrated}");
    with_database("load --replace /usr/share/compass/benchmarks.json.gz")
        .output()
        .unwrap();
    let answer = "recommend --use-case chatbot_conversational --rps 5";
    let answer = with_database(answer).output().unwrap();
    assert!(answer.contains("simulated"), "{answer}");

    let told = with_database("benchmarks sources")
        .env("PGSSLROOTCERT", "/etc/ssl/certs/ca-certificates.crt")
        .refusal()
        .unwrap();
    assert!(
        told.contains("UnknownIssuer"),
        "public authorities are read: {told}"
    );
    let told = compass("init /any.yaml --use-case translation --name any --rps 1")
        .refusal()
        .unwrap();
    assert!(told.contains("Read-only file system"), "{told}");

    let port = port::free().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut operator = with_database(&format!("controller --listen 127.0.0.1:{port}"))
        .env("KUBECONFIG", "/etc/compass/kubeconfig")
        .start(log.path())
        .unwrap();
    operator
        .wait_until_ready(Duration::from_secs(60), || Ok(answers(port, "/healthz")))
        .unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", operator.id())).unwrap();
    let user = status.lines().find(|line| line.starts_with("Uid:"));
    println!("as the kernel sees it: {user:?}");
    let start = Instant::now();
    operator.stop(Duration::from_secs(20));
    println!("ended within {:.1} s", start.elapsed().as_secs_f64());
    fs::remove_dir_all(mounts).unwrap();
}

fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        write!(connection, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(" 200 "))
}
