//! `compass init`: by flags, and on a terminal.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Stdio;

use compass::api::{DeliveryMode, parse_intent};

use crate::support::{Scratch, compass, program, texts};

fn init(folder: &Scratch, arguments: &str) -> (i32, String, String) {
    let arguments: Vec<_> = std::iter::once("init")
        .chain(arguments.split_whitespace())
        .collect();
    let output = compass(folder.path(), &arguments);
    let (out, told) = texts(&output);
    (output.status.code().unwrap(), out, told)
}

#[test]
fn every_answer_can_be_a_flag() {
    let folder = Scratch::create().unwrap();
    let (code, out, told) = init(
        &folder,
        "--use-case chatbot_conversational --users 800 --ttft-p95-ms 120 --allow-model Qwen/Qwen3-32B \
         --allow-hardware H1000 --max-gpus 16 --max-cost-per-hour 79.5 --mode apply --name support-chat -n ai",
    );
    assert_eq!((code, out.as_str()), (0, ""), "{told}");
    assert!(
        told.contains("hardware.allow: `H1000` is not known; did you mean H100?"),
        "{told}"
    );
    assert!(told.contains("support-chat.yaml is written"), "{told}");
    let text = fs::read_to_string(folder.join("support-chat.yaml")).unwrap();
    let intent = parse_intent(&text).unwrap();
    assert_eq!(intent.metadata.namespace.as_deref(), Some("ai"));
    assert_eq!(intent.spec.demand.unwrap().users, Some(800));
    assert_eq!(intent.spec.slo.unwrap().ttft_p95_ms, Some(120));
    assert_eq!(intent.spec.hardware.unwrap().max_gpus, Some(16));
    assert_eq!(intent.spec.delivery.mode, DeliveryMode::Apply);
    for comment in [
        "  # Chatbot / Q&A: 512/256 prompt/output tokens, p95 targets\n",
        "  # p95 targets in milliseconds, where they differ",
        "  # Apply: also the Deployment",
    ] {
        assert!(text.contains(comment), "`{comment}` is missing in\n{text}");
    }
    assert!(
        !text.contains("suspend") && !text.contains("objective"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_there_stays() {
    let folder = Scratch::create().unwrap();
    fs::write(folder.join("translation.yaml"), "mine").unwrap();
    for file in ["", "translation.yaml "] {
        let (code, _, told) = init(&folder, &format!("{file}--use-case translation --yes"));
        assert_eq!(code, 1);
        assert!(
            told.contains("translation.yaml is there already: --force"),
            "{told}"
        );
    }
    assert_eq!(
        fs::read_to_string(folder.join("translation.yaml")).unwrap(),
        "mine"
    );
    assert_eq!(init(&folder, "--use-case translation --force").0, 0);
    let text = fs::read_to_string(folder.join("translation.yaml")).unwrap();
    assert_eq!(
        parse_intent(&text).unwrap().metadata.name.unwrap(),
        "translation"
    );
    let (code, out, _) = init(&folder, "- --use-case translation");
    assert_eq!((code, out), (0, text));
}

#[test]
fn what_nobody_can_be_asked_is_told_by_its_flag() {
    let folder = Scratch::create().unwrap();
    for (arguments, expected) in [
        ("", "--use-case is missing"),
        ("--use-case custom", "--profile is missing"),
        (
            "--use-case custom --profile 512/256",
            "--experience-class is missing",
        ),
        (
            "--use-case translation --name A_b",
            "metadata.name must be at most 40 characters",
        ),
        (
            "--use-case translation --ttft-p95-ms 0",
            "spec.slo.ttftP95Ms: 0 is less than",
        ),
        (
            "--use-case translation --spare-replicas 1",
            "need --rps or --users",
        ),
    ] {
        let (code, out, told) = init(&folder, arguments);
        assert_eq!((code, out.as_str()), (1, ""), "{arguments}");
        assert!(told.contains(expected), "{told}");
    }
    let files = fs::read_dir(folder.path()).unwrap();
    let is_intent = |path: &PathBuf| path.extension().is_some_and(|it| it == "yaml");
    let written = files.map(|file| file.unwrap().path()).find(is_intent);
    assert_eq!(written, None);
    let custom =
        "--use-case custom --profile 512/256 --experience-class batch --rps 0.5 --name own";
    assert_eq!(init(&folder, custom).0, 0);
    let text = fs::read_to_string(folder.join("own.yaml")).unwrap();
    assert!(text.contains("  # A workload of one's own"), "{text}");
}

/// util-linux's `script` gives the program a terminal, and types for a person.
#[test]
fn a_person_is_asked() {
    let folder = Scratch::create().unwrap();
    let command = format!("{} init", env!("CARGO_BIN_EXE_compass"));
    let mut terminal = program("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = terminal.stdin.take().unwrap();
    let mut screen = terminal.stdout.take().unwrap();
    let (mut shown, mut seen) = (String::new(), 0);
    for (question, answer) in [
        ("What is the model for?", "\u{1b}[B\r"),
        ("How much is asked of it?", "\u{1b}[B\r"),
        ("People", "no\r"),
        ("invalid digit", "800\r"),
        ("Other ones?", "y"),
        ("TTFT p95, ms", "\r"),
        ("ITL p95, ms", "15\r"),
        ("E2E p95, ms", "\r"),
        ("Only these models", "Qwen/Qwen3-8B, Qwen/Qwen3-32B\r"),
        ("Only this hardware", "\r"),
        ("Most GPUs", "8\r"),
        ("Most US dollars", "\r"),
        ("What is to become of the answer?", "\r"),
        ("Name of the intent", "typing\r"),
        ("Its namespace", "\r"),
    ] {
        let mut some = [0; 4096];
        seen += loop {
            if let Some(at) = shown[seen..].find(question) {
                break at + question.len();
            }
            let read = screen.read(&mut some).unwrap();
            assert!(read > 0, "`{question}` is not asked in\n{shown}");
            shown += &String::from_utf8_lossy(&some[..read]);
        };
        input.write_all(answer.as_bytes()).unwrap();
    }
    let output = terminal.wait_with_output().unwrap();
    assert!(output.status.success(), "{shown}");
    let text = fs::read_to_string(folder.join("typing.yaml")).unwrap();
    let spec = parse_intent(&text).unwrap().spec;
    assert_eq!(spec.use_case.as_str(), "code_completion");
    assert_eq!(spec.demand.unwrap().users, Some(800));
    let slo = spec.slo.unwrap();
    assert_eq!(
        (slo.ttft_p95_ms, slo.itl_p95_ms, slo.e2e_p95_ms),
        (None, Some(15), None)
    );
    let models = spec.models.unwrap().allow.unwrap();
    assert_eq!(models, ["Qwen/Qwen3-8B", "Qwen/Qwen3-32B"]);
    assert_eq!(spec.hardware.unwrap().max_gpus, Some(8));
    assert_eq!(spec.delivery.mode, DeliveryMode::Render);
}
