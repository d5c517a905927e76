//! Tables for people: no lines, numbers to the right.

use comfy_table::{CellAlignment, Table, presets};

/// A table with these columns; the `text` first ones hold words, the others numbers.
pub(super) fn table<const N: usize>(header: [&str; N], text: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(text) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
