//! What a load did.

use serde::Serialize;

use crate::benchmark::ProfileCount;
use crate::benchmark::formats::FaultList;

/// What a load did, or would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadReport {
    /// Each file, in the order in which they were read.
    pub files: Vec<FileReport>,
    /// Each source, by name.
    pub sources: Vec<SourceReport>,
}

impl LoadReport {
    /// The files of which nothing was taken.
    pub fn refused(&self) -> impl Iterator<Item = &FileReport> {
        self.files.iter().filter(|file| file.refused.is_some())
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name.
    pub file: String,
    /// Its format, where it was recognised.
    pub format: Option<String>,
    /// Whose rows it holds.
    pub sources: Vec<String>,
    /// Rows in it, good or not.
    pub read: i64,
    /// Rows that were not taken because of a fault.
    pub rejected: i64,
    /// Their faults.
    pub faults: FaultList,
    /// Why nothing of it was taken.
    pub refused: Option<String>,
    /// It is no file of benchmarks.
    pub is_foreign: bool,
}

/// What became of the rows of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceReport {
    /// The source.
    pub source: String,
    /// Rows that are new.
    pub inserted: i64,
    /// Rows whose content changed.
    pub replaced: i64,
    /// Rows that were there already.
    pub unchanged: i64,
    /// Rows that were brought before and are brought no more.
    pub removed: i64,
    /// Rows of each traffic profile.
    pub profiles: Vec<ProfileCount>,
    /// Rows without a traffic profile, which are evidence for none.
    pub without_profile: i64,
    /// Rows without a GPU or its count, which are evidence for no configuration.
    pub without_hardware: i64,
}
