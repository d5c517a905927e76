//! `compass benchmarks traffic`, `models` and `sources`: counts.

use std::process::ExitCode;

use super::{EMPTY, Output, kinds, or_unknown, print_json, profile};
use crate::commands::table::table;
use crate::knowledge_base::KnowledgeBase;

pub(super) async fn traffic(
    knowledge_base: &KnowledgeBase,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let profiles = knowledge_base.inventory_of_profiles().await?;
    if output == Output::Json {
        print_json(&profiles)?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "PROFILE",
        "NEWEST",
        "MEASURED",
        "SIMULATED",
        "ESTIMATED",
        "CONFIGURATIONS",
    ];
    let mut shown = table(header, 2);
    for found in &profiles {
        let [measured, simulated, estimated] = kinds(found.rows);
        shown.add_row([
            profile(found.prompt_tokens, found.output_tokens),
            or_unknown(found.newest.as_ref()),
            measured,
            simulated,
            estimated,
            found.configurations.to_string(),
        ]);
    }
    print(&shown, profiles.is_empty());
    if profiles
        .iter()
        .any(|found| found.prompt_tokens.is_none() || found.output_tokens.is_none())
    {
        outln!("\nRows without a profile are evidence for none.");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn models(
    knowledge_base: &KnowledgeBase,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let places = knowledge_base.inventory_of_places().await?;
    if output == Output::Json {
        print_json(&places)?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "MODEL",
        "HARDWARE",
        "PROFILES",
        "GPUS",
        "MEASURED",
        "SIMULATED",
        "ESTIMATED",
    ];
    let mut shown = table(header, 3);
    for found in &places {
        let [measured, simulated, estimated] = kinds(found.rows);
        shown.add_row([
            found.model.clone(),
            or_unknown(found.hardware.as_ref()),
            found.profiles.join(" "),
            or_unknown(found.hardware_count),
            measured,
            simulated,
            estimated,
        ]);
    }
    print(&shown, places.is_empty());
    if places
        .iter()
        .any(|found| found.hardware.is_none() || found.hardware_count.is_none())
    {
        outln!("\nRows without a GPU or its count are evidence for no configuration.");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn sources(
    knowledge_base: &KnowledgeBase,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let sources = knowledge_base.inventory_of_sources().await?;
    if output == Output::Json {
        print_json(&sources)?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = [
        "SOURCE",
        "LOADED",
        "VALIDATION",
        "MEASURED",
        "SIMULATED",
        "ESTIMATED",
        "PROFILES",
    ];
    let mut shown = table(header, 3);
    for found in &sources {
        let [measured, simulated, estimated] = kinds(found.rows);
        let validation = found.validation_classes.join(" ");
        shown.add_row([
            found.source.clone(),
            found
                .loaded_at
                .clone()
                .unwrap_or_else(|| "by nobody".to_owned()),
            or_unknown(Some(validation).filter(|classes| !classes.is_empty())),
            measured,
            simulated,
            estimated,
            found.profiles.to_string(),
        ]);
    }
    print(&shown, sources.is_empty());
    Ok(ExitCode::SUCCESS)
}

fn print(shown: &comfy_table::Table, is_empty: bool) {
    if is_empty {
        outln!("{EMPTY}");
    } else {
        outln!("{shown}");
    }
}
