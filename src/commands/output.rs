//! What a command prints. Who reads it may stop early, as `head` does: that is no fault.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::process::exit;

use super::style::{BAD, styled};

/// Exit code where standard output cannot be written to.
const FAILURE: i32 = 1;

/// Prints, byte for byte where it is no terminal, and ends the process quietly where nobody reads on.
pub(super) fn write(text: Arguments<'_>) {
    if stdout().is_terminal() {
        write_to(
            &mut stdout(),
            format_args!("{}", harmless(&text.to_string())),
        );
    } else {
        write_to(&mut stdout(), text);
    }
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
    let page = on_terminal(page, stdout().is_terminal());
    write_to(&mut anstream::stdout(), format_args!("{page}"));
}

/// Tells people something beside the output.
pub(super) fn tell(page: &str) {
    // Where standard error cannot be written to, nobody can be told.
    let page = on_terminal(page, stderr().is_terminal());
    let _ = write!(anstream::stderr(), "{page}");
}

fn on_terminal(page: &str, is_terminal: bool) -> Cow<'_, str> {
    if is_terminal {
        harmless(page).into()
    } else {
        page.into()
    }
}

/// What others wrote, such as a model's name in a benchmark, must not move a terminal's cursor or
/// title: of control characters line breaks, tabs and colours are left, the others are spelled out.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let taken = match colour(rest) {
            Some(length) => {
                shown.push_str(&rest[..length]);
                length
            }
            None if character.is_control() && !['\n', '\t'].contains(&character) => {
                shown.extend(character.escape_default());
                character.len_utf8()
            }
            None => {
                shown.push(character);
                character.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    shown
}

/// Length of the escape sequence that a text begins with, if it is a colour.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_drive_the_terminal() {
        let name = "Qwen\x1b]0;owned\x07\x1b[2J\x1b[31\r\u{9b}2K";
        assert_eq!(
            harmless(name),
            "Qwen\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{1b}[31\\r\\u{9b}2K"
        );
        let page = format!("{}\n\ta é\n", styled(BAD, "error"));
        assert_eq!(harmless(&page), page);
        assert_eq!(harmless("\x1b["), "\\u{1b}[");
    }
}
