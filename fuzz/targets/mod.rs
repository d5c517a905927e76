//! What is done with any bytes at all: nothing may panic, and what comes out holds what is promised.
//! The fuzzer tries bytes of its own, `tests/fuzz.rs` those that were kept.

#![allow(dead_code, unused_imports, reason = "a fuzzer runs one of them")]

mod benchmark_file;
mod manifests;

pub use benchmark_file::{benchmark_file, snapshot};
pub use manifests::intent;

use std::sync::{Arc, LazyLock};

use compass::catalog::{Catalog, CatalogFiles};
use compass::knowledge_base::{ConnectionSettings, KnowledgeBase};

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::built_in()));

/// An error is for people to read.
const LONGEST_ERROR: usize = 20_000;

fn is_short(error: &str) {
    assert!(error.len() < LONGEST_ERROR, "{} bytes", error.len());
}

/// Any of the three files of a catalog.
pub fn catalog(data: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, data).unwrap();
    let path = Some(file.path());
    for files in [
        CatalogFiles {
            use_cases: path,
            ..CatalogFiles::default()
        },
        CatalogFiles {
            hardware: path,
            ..CatalogFiles::default()
        },
        CatalogFiles {
            models: path,
            ..CatalogFiles::default()
        },
    ] {
        if let Err(error) = Catalog::load(&files) {
            is_short(&error.to_string());
        }
    }
}

/// A URL, whose password is not shown.
pub fn database_url(data: &[u8]) {
    const PASSWORD: &str = "hunter2-hunter2";
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let url = text.replacen(":PASSWORD@", &format!(":{PASSWORD}@"), 1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let settings = ConnectionSettings::default();
    let shown = match KnowledgeBase::connect_lazy(&url, &settings, Arc::clone(&CATALOG)) {
        Ok(base) => base.target().to_string(),
        Err(error) => error.to_string(),
    };
    let is_elsewhere = text.contains(PASSWORD);
    assert!(
        is_elsewhere || !shown.contains(PASSWORD),
        "{url} is shown as {shown}"
    );
}
