//! `compass migrate`.

use std::process::ExitCode;

use clap::Args;

use crate::knowledge_base::{MigrationReport, migrate};

/// Arguments of `compass migrate`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: super::DatabaseArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let report = migrate(&arguments.database.writer_url()?).await?;
    out!("{}", text(&report));
    Ok(ExitCode::SUCCESS)
}

fn text(report: &MigrationReport) -> String {
    if report.is_current() {
        return "The schema is current.\n".to_owned();
    }
    let applied = report
        .applied
        .iter()
        .map(|migration| format!("applied {migration}\n"));
    let created = report
        .created
        .iter()
        .map(|relation| format!("created {relation}\n"));
    applied.chain(created).collect()
}
