//! `compass benchmarks show`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::{Output, or_unknown, print_json};
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
        let object = |columns: &[(String, Option<String>)]| {
            columns
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect::<serde_json::Map<_, _>>()
        };
        let mut whole = object(&row.summary);
        whole.insert("evidence".to_owned(), object(&row.evidence).into());
        print_json(&whole)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut shown = table(["COLUMN", "VALUE"], 2);
    let evidence = row
        .evidence
        .iter()
        .map(|(name, value)| (format!("evidence.{name}"), value));
    let summary = row
        .summary
        .iter()
        .map(|(name, value)| (name.clone(), value));
    for (name, value) in summary.chain(evidence) {
        shown.add_row([name, or_unknown(value.as_ref())]);
    }
    println!("{shown}");
    Ok(ExitCode::SUCCESS)
}
