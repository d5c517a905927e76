//! The wall clock of one operator, by libfaketime (Debian's package of that name).

use std::path::PathBuf;

use super::supervisor::Run;

pub struct Clock {
    offset: PathBuf,
}

impl Clock {
    /// Puts an operator that is to be started on a clock of its own.
    pub fn of(run: &mut Run) -> Self {
        let library = glob::glob("/usr/lib/*/faketime/libfaketimeMT.so.1").unwrap();
        let library = library.flatten().next();
        let library = library.expect("apt-get install libfaketime");
        let clock = Self {
            offset: run.directory.join(format!("{}.clock", run.name)),
        };
        clock.set("+0");
        let settings = [
            ("LD_PRELOAD", library.display().to_string()),
            (
                "FAKETIME_TIMESTAMP_FILE",
                clock.offset.display().to_string(),
            ),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        run.environment.extend(settings);
        clock
    }

    /// `+3d`, `-2d`, `+0`: so far from the true time.
    pub fn set(&self, offset: &str) {
        std::fs::write(&self.offset, offset).unwrap();
    }
}
