//! What a command prints. Who reads it may stop early, as `head` does: that is no fault.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};
use std::process::exit;

use super::style::{BAD, styled};

/// Exit code where standard output cannot be written to.
const FAILURE: i32 = 1;

/// Prints as it is, and ends the process quietly where nobody reads on.
pub(super) fn write(text: Arguments<'_>) {
    write_to(&mut stdout(), text);
}

fn write_to(output: &mut impl Write, text: Arguments<'_>) {
    if let Err(error) = output.write_fmt(text) {
        if error.kind() == ErrorKind::BrokenPipe {
            exit(0);
        }
        eprintln!("error: cannot write to standard output: {error}");
        exit(FAILURE);
    }
}

/// Prints a page for people: in colours on a terminal, plain elsewhere.
pub(super) fn show(page: &str) {
    write_to(&mut anstream::stdout(), format_args!("{page}"));
}

/// Tells people something beside the output.
pub(super) fn tell(page: &str) {
    // Where standard error cannot be written to, nobody can be told.
    let _ = write!(anstream::stderr(), "{page}");
}

/// Tells why a command failed.
pub fn tell_error(error: &anyhow::Error) {
    tell(&format!("{}: {error:#}\n", styled(BAD, "error")));
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
