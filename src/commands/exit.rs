//! Exit codes, for all commands the same (`docs/cli.md`): 0 it is so, 1 an error, 2 a wrong call.

/// Nothing complies, or an intent is stalled: an answer, and not the one that was hoped for.
pub(super) const NOTHING_COMPLIES: u8 = 3;
/// A stored row cannot be true.
pub(super) const IMPOSSIBLE: u8 = 4;
/// What is delivered differs from what would be rendered (`diff`, as `kubectl diff`).
pub(super) const DIFFERS: u8 = 1;
/// `diff` could not tell.
pub(super) const DIFF_FAILED: u8 = 2;
