//! `compass benchmarks list`.

use std::process::ExitCode;

use clap::Args;

use super::{Output, or_unknown, print_json, profile};
use crate::benchmark::{EvidenceKind, TrafficProfile, shown_ms};
use crate::catalog::Catalog;
use crate::commands::table::table;
use crate::knowledge_base::{Filter, KnowledgeBase};

/// Arguments of `compass benchmarks list`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Only of this model
    #[arg(long, value_name = "REPOSITORY")]
    model: Option<String>,
    /// Only on this GPU
    #[arg(long, value_name = "NAME")]
    hardware: Option<String>,
    /// Only on this many GPUs
    #[arg(long, value_name = "N")]
    hardware_count: Option<i32>,
    /// Only under this traffic profile, e.g. 512/256
    #[arg(long, value_name = "PROMPT/OUTPUT")]
    profile: Option<TrafficProfile>,
    /// Only of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only measured, simulated or estimated ones
    #[arg(long, value_name = "KIND")]
    kind: Option<EvidenceKind>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
}

pub(super) async fn run(
    arguments: Arguments,
    knowledge_base: &KnowledgeBase,
    catalog: &Catalog,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let filter = Filter {
        model: arguments.model,
        hardware: arguments
            .hardware
            .map_or_else(Vec::new, |name| names(&name, catalog)),
        hardware_count: arguments.hardware_count,
        profile: arguments.profile,
        source: arguments.source,
        kind: arguments.kind.map(|kind| kind.to_string()),
    };
    let (listed, all) = knowledge_base.list(&filter, arguments.limit).await?;
    if output == Output::Json {
        print_json(&listed)?;
    } else if listed.is_empty() {
        outln!("No benchmark passes. What there is: `compass benchmarks models`.");
    } else {
        let header = [
            "ID",
            "MODEL",
            "ACCELERATORS",
            "PROFILE",
            "KIND",
            "SOURCE",
            "RAN",
            "RATE",
            "TTFT P95",
            "ITL P95",
            "E2E P95",
        ];
        let mut shown = table(header, 7);
        for row in &listed {
            shown.add_row([
                row.id.split('-').next().unwrap_or_default().to_owned(),
                row.model.clone(),
                format!(
                    "{}x{}",
                    or_unknown(row.hardware_count),
                    or_unknown(row.hardware.as_ref())
                ),
                profile(row.prompt_tokens, row.output_tokens),
                row.kind.clone(),
                row.source.clone(),
                or_unknown(row.measured_at.as_ref()),
                row.requests_per_second.to_string(),
                shown_ms(row.ttft_p95_ms),
                or_unknown(row.itl_p95_ms.map(shown_ms)),
                shown_ms(row.e2e_p95_ms),
            ]);
        }
        outln!("{shown}");
    }
    let left = all - listed.len() as i64;
    if left > 0 {
        eprintln!("{left} more of {all}: narrow the filters, or raise --limit.");
    }
    Ok(ExitCode::SUCCESS)
}

/// All names of a GPU, in lower case: rows that nobody loaded may have an alias.
fn names(name: &str, catalog: &Catalog) -> Vec<String> {
    let canonical = catalog.canonical_hardware(name);
    let aliases = catalog
        .hardware(&canonical)
        .map(|hardware| &hardware.aliases);
    aliases
        .into_iter()
        .flatten()
        .map(String::as_str)
        .chain([canonical.as_str()])
        .map(str::to_lowercase)
        .collect()
}
