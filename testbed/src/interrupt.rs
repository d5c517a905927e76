//! Ctrl-C and SIGTERM as an error that unwinds the caller, so that every server is stopped by its
//! own `Drop`.
//!
//! Only the binary installs the handler; in tests the signals keep their usual meaning.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on Ctrl-C, SIGTERM and SIGHUP make every wait of this crate return an error.
pub fn install() -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))
            .context("cannot install a signal handler")?;
    }
    Ok(())
}

/// Whether a signal has arrived since [`install`].
pub fn happened() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Fails when a signal has arrived since [`install`].
pub fn check() -> Result<()> {
    if happened() {
        bail!("interrupted");
    }
    Ok(())
}
