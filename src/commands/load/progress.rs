//! How far a load has come, for who watches a terminal; nothing is drawn into a pipe.

use std::io::Read;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use super::files::Found;
use crate::knowledge_base::{LoadFile, OnRejected};

/// A bar over the bytes of all files.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(files: &[Found]) -> Self {
        // Draws on standard error, and only if that is a terminal.
        let bar = match files.iter().map(Found::bytes).sum() {
            Some(bytes) => ProgressBar::new(bytes),
            None => ProgressBar::no_length(),
        };
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
        ) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// The file, read under this bar.
    pub(super) fn follow(&self, file: Found) -> LoadFile {
        let (name, default_source) = (file.name.clone(), file.default_source());
        let (bar, open, message) = (self.bar.clone(), file.open(), file_name(&name));
        LoadFile {
            name,
            default_source,
            open: Box::new(move || {
                bar.set_message(message);
                let content = open()?;
                Ok(Box::new(bar.wrap_read(content)) as Box<dyn Read + Send>)
            }),
        }
    }

    /// Tells a row that is left out at once: there may be more of them than can be kept.
    pub(super) fn on_rejected(&self) -> OnRejected {
        let bar = self.bar.clone();
        Arc::new(move |file, fault| bar.suspend(|| eprintln!("left out: {file}, {fault}")))
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
