//! Colours: on a terminal only, and not where NO_COLOR is set. What prints strips them elsewhere.

use anstyle::{AnsiColor, Style};

/// What was hoped for.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What was not.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// What to look at.
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default();
/// What matters most of a page.
pub(super) const HEADLINE: Style = Style::new().bold();

/// Text in a style.
pub(super) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
