//! `compass load`.

mod files;
mod progress;
mod text;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::benchmark::formats::Told;
use crate::benchmark::{EngineArgs, EvidenceKind, TrafficProfile, UtcDateTime};
use crate::knowledge_base::{LoadMode, LoadOptions, load};

/// Arguments of `compass load`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Files of benchmarks, folders, globs, or - for standard input; compressed by gzip or zstd or not.
    ///
    /// Formats are recognised by content: Compass JSON; rows of exported_summaries as JSON, CSV or a
    /// pg_dump, plain or custom, of which only the rows are read; results of GuideLLM 0.2 to 0.8 and of
    /// vllm bench serve; reports of llm-d-benchmark.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Whose rows these are [default: what the file says, else its base name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Remove what the sources brought before and these files do not bring
    #[arg(long)]
    replace: bool,
    /// Take the good rows of a file that also has faulty ones, and report each faulty one
    #[arg(long)]
    keep_going: bool,
    /// Report what a load would do, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// A run of which a greater percentage of the requests failed is faulty: its latencies are of
    /// those that got through
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = percent)]
    max_error_percent: f64,
    /// How to print the report
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    told: ToldArguments,
    #[command(flatten)]
    catalog: super::CatalogArguments,
    #[command(flatten)]
    database: super::DatabaseArguments,
}

/// What a file may leave out.
#[derive(Args, Debug)]
#[command(next_help_heading = "What the files do not say")]
struct ToldArguments {
    /// Hugging Face repository of the model
    #[arg(long, value_name = "REPOSITORY")]
    model: Option<String>,
    /// GPU, e.g. H100
    #[arg(long, value_name = "NAME")]
    hardware: Option<String>,
    /// GPUs of one replica
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1024))]
    hardware_count: Option<i32>,
    /// Form factor of the GPU, e.g. SXM
    #[arg(long, value_name = "NAME")]
    gpu_form_factor: Option<String>,
    /// Serving framework, e.g. vllm
    #[arg(long, value_name = "NAME")]
    framework: Option<String>,
    /// Version of the framework
    #[arg(long, value_name = "VERSION")]
    framework_version: Option<String>,
    /// Digest of the engine's container image
    #[arg(long, value_name = "DIGEST")]
    image_digest: Option<String>,
    /// Configured tokens of prompt and output, e.g. 512/256
    #[arg(long, value_name = "PROMPT/OUTPUT")]
    profile: Option<TrafficProfile>,
    /// When the benchmarks ran, UTC, e.g. 2026-11-23T14:05:00
    #[arg(long, value_name = "TIME")]
    measured_at: Option<UtcDateTime>,
    /// How the figures came about, whatever the files say: measured, simulated or estimated
    #[arg(long, value_name = "KIND")]
    evidence: Option<EvidenceKind>,
    /// Data type of the weights, e.g. bf16
    #[arg(long, value_name = "TYPE")]
    weight_dtype: Option<String>,
    /// Data type of the KV cache
    #[arg(long, value_name = "TYPE")]
    kv_cache_dtype: Option<String>,
    /// Share of the prompt that requests have in common, 0 to 1
    #[arg(long, value_name = "SHARE")]
    prefix_sharing: Option<f64>,
    /// vLLM's --max-num-seqs
    #[arg(long, value_name = "N")]
    max_num_seqs: Option<i32>,
    /// vLLM's --max-num-batched-tokens
    #[arg(long, value_name = "N")]
    max_num_batched_tokens: Option<i32>,
    /// The engine's further arguments, of which a digest is kept, e.g. "--enforce-eager"
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true, value_parser = EngineArgs::parse)]
    engine_args: Option<EngineArgs>,
}

impl ToldArguments {
    fn told(self) -> Told {
        Told {
            model: self.model,
            hardware: self.hardware,
            hardware_count: self.hardware_count,
            framework: self.framework,
            framework_version: self.framework_version,
            profile: self.profile,
            measured_at: self.measured_at,
            kind: self.evidence,
            weight_dtype: self.weight_dtype,
            kv_cache_dtype: self.kv_cache_dtype,
            prefix_sharing: self.prefix_sharing,
            max_num_seqs: self.max_num_seqs,
            max_num_batched_tokens: self.max_num_batched_tokens,
            args_digest: self.engine_args.map(EngineArgs::digest),
            gpu_form_factor: self.gpu_form_factor,
            image_digest: self.image_digest,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn percent(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "expected a percentage, 0 to 100".to_owned())
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let catalog = Arc::new(arguments.catalog.load()?);
    let url = arguments.database.writer_url()?;
    let found = files::find(&arguments.files)?;
    let progress = progress::Progress::new(&found);
    let mode = if arguments.dry_run {
        LoadMode::DryRun
    } else {
        LoadMode::Commit
    };
    let options = LoadOptions {
        source: arguments.source,
        told: arguments.told.told(),
        max_error_percent: arguments.max_error_percent,
        keep_going: arguments.keep_going,
        on_rejected: progress.on_rejected(),
        replace: arguments.replace,
        mode,
    };
    let searched: Vec<_> = found.iter().map(|file| file.was_searched_for).collect();
    let inputs = found
        .into_iter()
        .map(|file| progress.follow(file))
        .collect();
    let report = load(&url, inputs, &options, &catalog).await;
    progress.end();
    let report = report?;
    match arguments.output {
        Output::Json => outln!("{}", serde_json::to_string_pretty(&report)?),
        Output::Table => out!("{}", text::report(&report, mode)),
    }
    // What a folder holds besides benchmarks is passed over, and said.
    let mut failed = false;
    for (file, was_searched_for) in report.files.iter().zip(searched) {
        let Some(problem) = &file.refused else {
            continue;
        };
        if file.is_foreign && was_searched_for {
            eprintln!("passed over: {problem}");
        } else {
            failed = true;
            eprintln!("error: {problem}");
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
