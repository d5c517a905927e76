//! PostgreSQL's custom archive (`pg_dump --format custom`), versions 1.12 to 1.16 (PostgreSQL 9.0 to
//! 18): a header, a table of contents, and a block of data for each table. What comes out is the
//! script that `pg_restore --data-only --table exported_summaries` would print.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::TABLE;
use super::block::Decoder;
use crate::benchmark::formats::error::FormatError;

/// How an archive begins.
pub(crate) const MAGIC: &[u8] = b"PGDMP";

const CUSTOM_FORMAT: u8 = 1;
const OLDEST: (u8, u8) = (1, 12);
const NEWEST: (u8, u8) = (1, 16);
/// Bytes of the table of contents that are kept, at most: a statement or two are.
const MOST_KEPT: u64 = 16 << 20;
/// Longest name that is looked at; the ones looked for are shorter.
const LONGEST_NAME: u64 = 64;

/// What an entry without a block says instead of where the block is.
const NO_DATA: u8 = 3;
const BLOCK_OF_TABLE: u8 = 1;
const BLOCK_OF_LARGE_OBJECTS: u8 = 3;

/// The table's data as a script.
pub(super) fn table_data<'a>(
    file: &'a str,
    bytes: &'a mut dyn BufRead,
) -> Result<BufReader<TableData<'a>>, FormatError> {
    let mut archive = Archive {
        bytes,
        version: NEWEST,
        int_size: 4,
        offset_size: 8,
        compression: Compression::None,
    };
    let contents = archive
        .contents()
        .map_err(|error| FormatError::unreadable(file, error))?;
    Ok(BufReader::with_capacity(
        256 * 1024,
        TableData {
            head: Cursor::new(contents.head),
            copies: contents.copies,
            state: State::Between(archive),
        },
    ))
}

#[derive(Clone, Copy)]
pub(super) enum Compression {
    None,
    Gzip,
    Lz4,
    Zstd,
}

pub(super) struct Archive<'a> {
    pub(super) bytes: &'a mut dyn BufRead,
    version: (u8, u8),
    int_size: usize,
    offset_size: usize,
    pub(super) compression: Compression,
}

/// What the table of contents says of the table.
#[derive(Default)]
struct Contents {
    /// The statements by which the texts are read, and that create the table.
    head: Vec<u8>,
    /// The statement that comes before each block of the table, by the block's number: COPY, or none
    /// where the block holds INSERTs.
    copies: HashMap<i64, Vec<u8>>,
    kept: u64,
}

fn invalid(problem: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.into())
}

impl Archive<'_> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.bytes.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// A sign, then bytes from the lowest to the highest.
    fn int(&mut self) -> io::Result<i64> {
        let is_negative = self.byte()? != 0;
        let mut bytes = [0; 8];
        self.bytes.read_exact(&mut bytes[..self.int_size])?;
        let value = i64::try_from(u64::from_le_bytes(bytes))
            .map_err(|_| invalid("a number of the archive is out of range"))?;
        Ok(if is_negative { -value } else { value })
    }

    /// Reads a text of at most `most` bytes; a longer one is passed over, and none as a null is.
    fn text_up_to(&mut self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let Ok(length) = u64::try_from(self.int()?) else {
            return Ok(None);
        };
        if length > most {
            self.skip(length)?;
            return Ok(None);
        }
        let mut text = Vec::new();
        (&mut *self.bytes).take(length).read_to_end(&mut text)?;
        if (text.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(text))
    }

    fn name(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.text_up_to(LONGEST_NAME)?.unwrap_or_default())
    }

    /// Passes over a text; false where it is null.
    fn skip_text(&mut self) -> io::Result<bool> {
        match u64::try_from(self.int()?) {
            Ok(length) => self.skip(length).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut *self.bytes).take(length), &mut io::sink())?;
        if skipped < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Reads up to the first block.
    fn contents(&mut self) -> io::Result<Contents> {
        let mut magic = [0; MAGIC.len()];
        self.bytes.read_exact(&mut magic)?;
        let version = (self.byte()?, self.byte()?);
        self.version = version;
        let _revision = self.byte()?;
        if !(OLDEST..=NEWEST).contains(&version) {
            return Err(invalid(format!(
                "the archive has version {}.{}, and {}.{} to {}.{} are read: dump it in plain format",
                version.0, version.1, OLDEST.0, OLDEST.1, NEWEST.0, NEWEST.1
            )));
        }
        self.int_size = usize::from(self.byte()?);
        self.offset_size = usize::from(self.byte()?);
        if !(1..=8).contains(&self.int_size) || !(1..=8).contains(&self.offset_size) {
            return Err(invalid("the archive's header makes no sense"));
        }
        if self.byte()? != CUSTOM_FORMAT {
            return Err(invalid(
                "an archive in another format than custom: dump with --format custom",
            ));
        }
        self.compression = if version >= (1, 15) {
            match self.byte()? {
                0 => Compression::None,
                1 => Compression::Gzip,
                2 => Compression::Lz4,
                3 => Compression::Zstd,
                _ => return Err(invalid("the archive is compressed in an unknown way")),
            }
        } else if self.int()? == 0 {
            Compression::None
        } else {
            Compression::Gzip
        };
        for _ in 0..7 {
            self.int()?; // the time of the dump
        }
        for _ in 0..3 {
            self.skip_text()?; // database, versions of server and pg_dump
        }
        let mut contents = Contents::default();
        for _ in 0..self.int()? {
            self.entry(&mut contents)?;
        }
        Ok(contents)
    }

    fn entry(&mut self, contents: &mut Contents) -> io::Result<()> {
        let number = self.int()?;
        let _had_dumper = self.int()?;
        self.skip_text()?; // the catalog that the object is of
        self.skip_text()?; // its number in there
        let (tag, kind) = (self.name()?, self.name()?);
        let is_of_table = tag == TABLE.as_bytes();
        let _section = self.int()?;
        let is_of_head = match &kind[..] {
            b"ENCODING" | b"STDSTRINGS" => true,
            b"TABLE" => is_of_table,
            _ => false,
        };
        if is_of_head {
            let definition = self.statement(contents)?;
            contents.head.extend(definition);
        } else {
            self.skip_text()?;
        }
        self.skip_text()?; // the statement that drops it
        let is_data = is_of_table && kind == b"TABLE DATA";
        let copy = if is_data {
            self.statement(contents)?
        } else {
            self.skip_text()?;
            Vec::new()
        };
        self.skip_text()?; // schema
        self.skip_text()?; // tablespace
        if self.version >= (1, 14) {
            self.skip_text()?; // the table's access method
        }
        if self.version >= (1, 16) {
            self.int()?; // the relation's kind
        }
        self.skip_text()?; // owner
        self.skip_text()?; // whether it has object identifiers
        while self.skip_text()? {} // dependencies
        let has_block = self.byte()? != NO_DATA;
        self.skip(self.offset_size as u64)?;
        if is_data && has_block {
            contents.copies.insert(number, copy);
        }
        Ok(())
    }

    /// Reads a statement that is kept.
    fn statement(&mut self, contents: &mut Contents) -> io::Result<Vec<u8>> {
        let statement = self.text_up_to(MOST_KEPT)?.unwrap_or_default();
        // Something for the entry itself, of which there may be many.
        contents.kept += statement.len() as u64 + 64;
        if contents.kept > MOST_KEPT {
            return Err(invalid(
                "the archive's table of contents says too much of the table",
            ));
        }
        Ok(statement)
    }

    /// Goes to the next block with the table's data, past the others, and returns what of `copies`
    /// comes before it; `None` at the end.
    fn next_block(&mut self, copies: &mut HashMap<i64, Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.bytes.fill_buf()?.is_empty() {
                if copies.is_empty() {
                    return Ok(None);
                }
                return Err(invalid(
                    "the archive ends before the table's data: is the file whole?",
                ));
            }
            let kind = self.byte()?;
            let number = self.int()?;
            match kind {
                BLOCK_OF_TABLE => match copies.remove(&number) {
                    Some(copy) => return Ok(Some(copy)),
                    None => self.skip_pieces()?,
                },
                // Each with its number; 0 ends them.
                BLOCK_OF_LARGE_OBJECTS => {
                    while self.int()? != 0 {
                        self.skip_pieces()?;
                    }
                }
                _ => {
                    return Err(invalid(
                        "the archive has a block of unknown kind: is the file whole?",
                    ));
                }
            }
        }
    }

    /// The length of the next piece of a block's data; 0 ends them.
    pub(super) fn piece(&mut self) -> io::Result<u64> {
        u64::try_from(self.int()?).map_err(|_| invalid("a piece of the archive has no length"))
    }

    fn skip_pieces(&mut self) -> io::Result<()> {
        loop {
            let length = self.piece()?;
            if length == 0 {
                return Ok(());
            }
            self.skip(length)?;
        }
    }
}

enum State<'a> {
    Between(Archive<'a>),
    Block(Box<Chain<Cursor<Vec<u8>>, Decoder<'a>>>),
    Ended,
}

/// The script: its head, then for each block of the table what copies it, and its data.
pub(super) struct TableData<'a> {
    head: Cursor<Vec<u8>>,
    copies: HashMap<i64, Vec<u8>>,
    state: State<'a>,
}

impl Read for TableData<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 {
            return Ok(read);
        }
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(mut archive) => match archive.next_block(&mut self.copies)? {
                    None => State::Ended,
                    Some(copy) => {
                        let decoder = Decoder::new(archive)?;
                        State::Block(Box::new(Cursor::new(copy).chain(decoder)))
                    }
                },
                State::Block(mut block) => {
                    let read = block.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        self.state = State::Block(block);
                        return Ok(read);
                    }
                    let (_, decoder) = block.into_inner();
                    State::Between(decoder.into_archive()?)
                }
            };
        }
    }
}
