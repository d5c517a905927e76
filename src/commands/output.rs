//! What a command prints. Who reads it may stop early, as `head` does: that is no fault.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};
use std::process::exit;

/// Exit code where standard output cannot be written to.
const FAILURE: i32 = 1;

/// Prints, and ends the process quietly where nobody reads on.
pub(super) fn write(text: Arguments<'_>) {
    if let Err(error) = stdout().write_fmt(text) {
        if error.kind() == ErrorKind::BrokenPipe {
            exit(0);
        }
        eprintln!("error: cannot write to standard output: {error}");
        exit(FAILURE);
    }
}

/// As `print!`.
macro_rules! out {
    ($($text:tt)*) => { $crate::commands::output::write(format_args!($($text)*)) };
}

/// As `println!`.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::commands::output::write(format_args!("{}\n", format_args!($($text)*)))
    };
}
