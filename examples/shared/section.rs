//! The part of a page that a command writes.

use anyhow::Context;

/// The page with `text` in place of what `make <command>` wrote into it before.
pub fn replace(page: &str, command: &str, text: &str) -> anyhow::Result<String> {
    let begin = format!("<!-- written by make {command} -->");
    let end = format!("<!-- end of what make {command} writes -->");
    let (before, rest) = page.split_once(&begin).context("no place for the text")?;
    let (_, after) = rest.split_once(&end).context("no end of the text")?;
    Ok(format!("{before}{begin}\n\n{text}\n{end}{after}"))
}
