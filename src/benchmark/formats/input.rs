//! The bytes of a file: decompressed, looked ahead into, and bounded, so that no content makes a
//! reader hold more than a little of it.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use super::error::FormatError;

/// Bytes by which a format is recognised.
pub(super) const BEGINNING: usize = 1 << 20;
/// Longest row, bytes.
pub(super) const LONGEST_ROW: usize = 1 << 20;
const BUFFER: usize = 256 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file that is being read.
pub(super) struct Input<'a> {
    name: String,
    bytes: Box<dyn BufRead + 'a>,
}

impl<'a> Input<'a> {
    /// Decompresses gzip and zstd, told by their first bytes, and skips a byte order mark.
    pub(super) fn open(name: &str, content: impl Read + 'a) -> Result<Self, FormatError> {
        let failed = |error| FormatError::unreadable(name, error);
        let mut bytes = BufReader::with_capacity(BUFFER, content);
        let start = look(&mut bytes, 4).map_err(failed)?;
        let mut bytes: Box<dyn BufRead + 'a> = match start.get_ref()[..] {
            [0x1f, 0x8b, ..] => decompressed(start, bytes, |all| {
                Ok(flate2::read::MultiGzDecoder::new(all))
            })?,
            [0x28, 0xb5, 0x2f, 0xfd] => decompressed(start, bytes, |all| {
                zstd::stream::read::Decoder::new(all).map_err(failed)
            })?,
            _ => Box::new(start.chain(bytes)),
        };
        let start = look(&mut bytes, BYTE_ORDER_MARK.len()).map_err(failed)?;
        let bytes: Box<dyn BufRead + 'a> = if start.get_ref() == BYTE_ORDER_MARK {
            bytes
        } else {
            Box::new(start.chain(bytes))
        };
        Ok(Self {
            name: name.to_owned(),
            bytes,
        })
    }

    /// The first bytes, which stay to be read.
    pub(super) fn beginning(&mut self) -> Result<&[u8], FormatError> {
        let rest = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        let mut rest = BufReader::with_capacity(BUFFER, rest);
        let start = look(&mut rest, BEGINNING).map_err(|error| self.unreadable(error))?;
        self.bytes = Box::new(start.chain(rest));
        // The first part of a chain is one buffer.
        self.bytes
            .fill_buf()
            .map_err(|error| FormatError::unreadable(&self.name, error))
    }

    /// The file, as errors name it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The bytes.
    pub(super) fn bytes(&mut self) -> &mut (dyn BufRead + 'a) {
        &mut *self.bytes
    }

    pub(super) fn unreadable(&self, error: io::Error) -> FormatError {
        FormatError::unreadable(&self.name, error)
    }
}

/// Reads up to `length` bytes.
fn look(bytes: &mut impl Read, length: usize) -> io::Result<Cursor<Vec<u8>>> {
    let mut start = Vec::new();
    bytes.take(length as u64).read_to_end(&mut start)?;
    Ok(Cursor::new(start))
}

fn decompressed<'a, R: Read + 'a, D: Read + 'a>(
    start: Cursor<Vec<u8>>,
    rest: R,
    decoder: impl FnOnce(BufReader<io::Chain<Cursor<Vec<u8>>, R>>) -> Result<D, FormatError>,
) -> Result<Box<dyn BufRead + 'a>, FormatError> {
    let all = BufReader::new(start.chain(rest));
    Ok(Box::new(BufReader::with_capacity(BUFFER, decoder(all)?)))
}

/// How much may still be read; shared with the reader that it bounds.
#[derive(Clone)]
pub(super) struct Allowance {
    left: Rc<Cell<usize>>,
    each: usize,
}

impl Allowance {
    /// `each` bytes at a time.
    pub(super) fn new(each: usize) -> Self {
        Self {
            left: Rc::new(Cell::new(each)),
            each,
        }
    }

    /// A row has ended: the next one may be as long again.
    pub(super) fn renew(&self) {
        self.left.set(self.each);
    }

    /// Reads through this allowance.
    pub(super) fn bound<R: Read>(&self, bytes: R) -> Bounded<R> {
        Bounded {
            bytes,
            allowance: self.clone(),
        }
    }
}

/// Fails once its allowance is used up.
pub(super) struct Bounded<R> {
    bytes: R,
    allowance: Allowance,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.left.get();
        if left == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("a row is longer than {} KiB", LONGEST_ROW / 1024),
            ));
        }
        let most = buffer.len().min(left);
        let read = self.bytes.read(&mut buffer[..most])?;
        self.allowance.left.set(left - read);
        Ok(read)
    }
}
