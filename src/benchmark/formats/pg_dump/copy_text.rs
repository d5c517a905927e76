//! PostgreSQL's COPY text format, read.

use super::TextRow;

/// Splits a line into fields and undoes their escapes.
pub(super) fn split(line: &[u8], row: &mut TextRow) {
    row.clear();
    for field in line.split(|byte| *byte == b'\t') {
        if field == b"\\N" {
            row.fields.push(None);
            continue;
        }
        let start = row.text.len();
        unescape(field, &mut row.text);
        row.fields.push(Some(start..row.text.len()));
    }
}

fn unescape(field: &[u8], text: &mut Vec<u8>) {
    let mut rest = field;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        text.extend_from_slice(&rest[..at]);
        let escape = &rest[at + 1..];
        let (byte, length) = match escape {
            [] => (b'\\', 0),
            [b'b', ..] => (8, 1),
            [b'f', ..] => (12, 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b't', ..] => (b'\t', 1),
            [b'v', ..] => (11, 1),
            [b'x', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
                let (byte, length) = number(digits, 16, 2);
                (byte, length + 1)
            }
            [b'0'..=b'7', ..] => number(escape, 8, 3),
            [other, ..] => (*other, 1),
        };
        text.push(byte);
        rest = &escape[length..];
    }
    text.extend_from_slice(rest);
}

/// The number that up to `most` digits write, and how many there are.
fn number(digits: &[u8], base: u32, most: usize) -> (u8, usize) {
    let mut value = 0_u32;
    let mut length = 0;
    for byte in digits.iter().take(most) {
        let Some(digit) = char::from(*byte).to_digit(base) else {
            break;
        };
        value = value * base + digit;
        length += 1;
    }
    // Octal 777 is more than a byte; PostgreSQL keeps its low bits.
    (value.to_le_bytes()[0], length)
}
