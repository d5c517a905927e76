//! The report of a load, for people.

use crate::commands::table::table;
use crate::knowledge_base::{LoadMode, LoadReport};

pub(super) fn report(report: &LoadReport, mode: LoadMode) -> String {
    let mut out = String::new();
    let mut files = table(["FILE", "FORMAT", "SOURCE", "READ", "REJECTED"], 3);
    for file in &report.files {
        files.add_row([
            file.file.clone(),
            file.format.clone().unwrap_or_else(|| "unknown".to_owned()),
            file.sources.join(", "),
            file.read.to_string(),
            match file.refused {
                Some(_) => "refused".to_owned(),
                None => file.rejected.to_string(),
            },
        ]);
    }
    out.push_str(&format!("{files}\n"));
    if !report.sources.is_empty() {
        let mut sources = table(
            ["SOURCE", "INSERTED", "REPLACED", "UNCHANGED", "REMOVED"],
            1,
        );
        let mut profiles = table(["SOURCE", "PROFILE", "ROWS"], 2);
        for source in &report.sources {
            let counts = [
                source.inserted,
                source.replaced,
                source.unchanged,
                source.removed,
            ];
            sources.add_row(
                std::iter::once(source.source.clone()).chain(counts.map(|count| count.to_string())),
            );
            for count in &source.profiles {
                profiles.add_row([
                    source.source.clone(),
                    count.profile.to_string(),
                    count.rows.to_string(),
                ]);
            }
            if source.without_profile > 0 {
                profiles.add_row([
                    source.source.clone(),
                    "unknown".to_owned(),
                    source.without_profile.to_string(),
                ]);
            }
        }
        out.push_str(&format!("\n{sources}\n\n{profiles}\n"));
        for source in &report.sources {
            for (rows, what) in [
                (source.without_profile, "traffic profile"),
                (source.without_hardware, "GPU or its count"),
            ] {
                if rows > 0 {
                    out.push_str(&format!(
                        "{rows} rows of {} name no {what}, so they are evidence for nothing.\n",
                        source.source
                    ));
                }
            }
        }
    }
    for file in report
        .files
        .iter()
        .filter(|file| file.refused.is_none() && file.rejected > 0)
    {
        out.push_str(&format!(
            "\n{}: left out {} rows: {}\n",
            file.file, file.rejected, file.faults
        ));
    }
    if mode == LoadMode::DryRun {
        out.push_str("Dry run: nothing was changed.\n");
    }
    out
}
