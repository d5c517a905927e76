//! `compass benchmarks show`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use super::{Output, or_unknown, print_json};
use crate::benchmark::{DeclaredEvidence, ExportedSummary};
use crate::commands::table::table;
use crate::knowledge_base::KnowledgeBase;

/// Ids that are told where a prefix fits more than one.
const TOLD: i64 = 5;

/// Arguments of `compass benchmarks show`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Its id, or as much of the beginning as only it has
    id: String,
}

pub(super) async fn run(
    arguments: &Arguments,
    knowledge_base: &KnowledgeBase,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let prefix = &arguments.id;
    let ids = knowledge_base.ids(prefix, TOLD).await?;
    let [id] = &ids[..] else {
        if ids.is_empty() {
            bail!(
                "no benchmark has an id that begins with `{prefix}`: see `compass benchmarks list`"
            );
        }
        bail!("several ids begin with `{prefix}`: {}", ids.join(", "));
    };
    let row = knowledge_base.whole(id).await?;
    let row = row.with_context(|| format!("benchmark {id} has just been removed"))?;
    if output == Output::Json {
        print_json(&row)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut shown = table(["COLUMN", "VALUE"], 2);
    for name in ExportedSummary::COLUMNS {
        shown.add_row([(*name).to_owned(), text(row.summary.get(*name))]);
    }
    let beside = [
        "kind",
        "source",
        "date_known",
        "loaded_at",
        "content_digest",
    ];
    let declared = DeclaredEvidence::COLUMNS
        .iter()
        .filter(|name| **name != "kind");
    for name in beside.iter().chain(declared) {
        shown.add_row([format!("evidence.{name}"), text(row.evidence.get(*name))]);
    }
    outln!("{shown}");
    Ok(ExitCode::SUCCESS)
}

fn text(value: Option<&Value>) -> String {
    or_unknown(
        value
            .filter(|value| !value.is_null())
            .map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }),
    )
}
