//! Settings from flags, environment and file, and secrets that are not shown.

use std::path::Path;
use std::process::Output;

use crate::support::{Scratch, program, texts};

/// The exit code and what is told, of an operator that finds no cluster.
fn controller(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let output: Output = program(env!("CARGO_BIN_EXE_compass"))
        .arg("controller")
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .output()
        .unwrap();
    (output.status.code().unwrap(), texts(&output).1)
}

fn with_config(yaml: &str) -> Scratch {
    let folder = Scratch::create().unwrap();
    std::fs::write(folder.join("compass.yaml"), yaml).unwrap();
    folder
}

const CONFIG: [&str; 2] = ["--config", "compass.yaml"];

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let folder =
        with_config("catalogModels: of-the-file.json\nlog-format: json\nresyncSeconds: 30\n");
    let models = [("COMPASS_CATALOG_MODELS", "of-the-environment.json")];
    let flag = [&CONFIG[..], &["--catalog-models", "of-the-flag.json"]].concat();
    for (arguments, environment, read) in [
        (&CONFIG[..], &[][..], "of-the-file.json"),
        (&CONFIG, &models, "of-the-environment.json"),
        (&flag, &models, "of-the-flag.json"),
    ] {
        let (code, told) = controller(folder.path(), arguments, environment);
        assert!(code == 1 && told.contains(read), "{read}: {code} {told}");
    }
    let named = [("COMPASS_CONFIG", "compass.yaml")];
    let (_, told) = controller(folder.path(), &[], &named);
    assert!(told.contains("of-the-file.json"), "{told}");
}

#[test]
fn a_setting_that_cannot_be_meant_is_told_with_its_file_and_its_key() {
    for (yaml, told) in [
        (
            "resyncSecond: 30",
            "no setting `resyncSecond`: did you mean `resyncSeconds`?",
        ),
        ("xyz: 1", "there is no setting `xyz`: there are "),
        (
            "resyncSeconds: 0",
            "`resyncSeconds`: 0: 0 is not in 1..=86400",
        ),
        (
            "logFormat: yaml",
            "`logFormat`: yaml: it is one of human, json",
        ),
        ("listen: [a, b]", "`listen`: takes one value"),
        ("listen:", "`listen`: has no value"),
        ("defaultVllmVersion: 0.10", "put it in quotes"),
        (
            "logFormat: json\nlog-format: json",
            "`logFormat` is given twice",
        ),
        ("databaseUrl: a\ndatabaseUrlFile: b", "exclude each other"),
        ("config: other.yaml", "no setting `config`"),
        ("- listen", "not a YAML file of settings"),
    ] {
        let folder = with_config(yaml);
        let (code, complaint) = controller(folder.path(), &CONFIG, &[]);
        assert_eq!(code, 1, "{complaint}");
        assert!(complaint.contains("compass.yaml"), "{complaint}");
        assert!(complaint.contains(told), "{told}: {complaint}");
    }
    let folder = Scratch::create().unwrap();
    let (_, complaint) = controller(folder.path(), &CONFIG, &[]);
    assert!(
        complaint.contains("compass.yaml: cannot be read"),
        "{complaint}"
    );
}

#[test]
fn a_file_may_hold_lists_numbers_and_switches() {
    let folder = with_config(
        "databaseUrl: postgres://ada@127.0.0.1/b\nnamespace: [team-a, team-b]\nleaderElect: true\nretryPeriodSeconds: 9\n",
    );
    let (code, told) = controller(folder.path(), &CONFIG, &[]);
    let complaint = "--renew-deadline-seconds is to be at least twice --retry-period-seconds";
    assert!(code == 1 && told.contains(complaint), "{told}");
    let flag = [
        &CONFIG[..],
        &["--retry-period-seconds", "2", "--leader-elect=false"],
    ]
    .concat();
    let (_, told) = controller(folder.path(), &flag, &[]);
    assert!(told.contains("no API server to talk to"), "{told}");
}

#[test]
fn a_file_without_settings_changes_nothing() {
    let folder = with_config("# nothing yet\n");
    let url = [("DATABASE_URL", "postgres://compass@127.0.0.1/compass")];
    let (_, told) = controller(folder.path(), &CONFIG, &url);
    assert!(told.contains("no API server to talk to"), "{told}");
}

#[test]
fn the_url_may_stand_in_a_file_and_is_not_shown() {
    let folder = with_config("databaseUrlFile: url\n");
    std::fs::write(folder.join("url"), "mysql://ada:s3cret@db/benchmarks\n").unwrap();
    let url = ("DATABASE_URL", "postgres://ada:s3cret@127.0.0.1/benchmarks");
    for (arguments, environment, told) in [
        (&["--database-url-file", "url"][..], &[][..], "database URL"),
        (&[], &[("DATABASE_URL_FILE", "url")], "database URL"),
        (&CONFIG, &[], "database URL"),
        (&CONFIG, &[url], "no API server to talk to"),
        (
            &["--database-url-file", "url"],
            &[url],
            "cannot be used with",
        ),
        (
            &["--database-url-file", "none"],
            &[],
            "--database-url-file none",
        ),
        (&[url.1], &[], "unexpected argument 'postgres://...'"),
        (
            &["--log-format", url.1],
            &[],
            "invalid value 'postgres://...'",
        ),
        (&["--help"], &[url], ""),
    ] {
        let (_, complaint) = controller(folder.path(), arguments, environment);
        assert!(complaint.contains(told), "{told}: {complaint}");
        assert!(!complaint.contains("s3cret"), "{arguments:?}: {complaint}");
    }
}

#[test]
fn help_names_the_variable_of_each_setting_and_shows_no_secret() {
    let output = program(env!("CARGO_BIN_EXE_compass"))
        .args(["controller", "--help"])
        .env("DATABASE_URL", "postgres://ada:s3cret@db/benchmarks")
        .output()
        .unwrap();
    let (help, _) = texts(&output);
    assert!(!help.contains("s3cret"), "{help}");
    let flags = help.lines().filter(|line| {
        let line = line.trim_start();
        line.starts_with("--") && !line.starts_with("--help")
    });
    let flags = flags.count();
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flags > 10, "{help}");
    assert_eq!(words.matches("[env: ").count(), flags, "{help}");
}
