//! PostgreSQL's custom archive (`pg_dump --format custom`), versions 1.12 to 1.16 (PostgreSQL 9.0 to
//! 18): a header, a table of contents, and a block of data for each table. What comes out is the
//! script that `pg_restore --data-only --table exported_summaries` would print.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::TABLE;
use crate::benchmark::formats::error::FormatError;

/// How an archive begins.
pub(crate) const MAGIC: &[u8] = b"PGDMP";

const CUSTOM_FORMAT: u8 = 1;
const OLDEST: (u8, u8) = (1, 12);
const NEWEST: (u8, u8) = (1, 16);
/// Entries of a table of contents, and bytes of a text in it, at most.
const MOST_ENTRIES: i64 = 1_000_000;
const LONGEST_TEXT: i64 = 16 << 20;

const BLOCK_OF_TABLE: u8 = 1;
const BLOCK_OF_LARGE_OBJECTS: u8 = 3;

/// The table's data as a script.
pub(super) fn table_data<'a>(
    file: &'a str,
    bytes: &'a mut dyn BufRead,
) -> Result<BufReader<TableData<'a>>, FormatError> {
    let mut archive = Archive {
        bytes,
        int_size: 4,
        offset_size: 8,
        compression: Compression::None,
    };
    let statements = archive
        .contents()
        .map_err(|error| FormatError::unreadable(file, error))?;
    Ok(BufReader::with_capacity(
        256 * 1024,
        TableData {
            statements,
            state: State::Between(archive),
        },
    ))
}

#[derive(Clone, Copy)]
enum Compression {
    None,
    Gzip,
    Lz4,
    Zstd,
}

struct Archive<'a> {
    bytes: &'a mut dyn BufRead,
    int_size: usize,
    offset_size: usize,
    compression: Compression,
}

/// What an entry of the table of contents is to the table.
enum Entry {
    Definition(String),
    /// `copy` is empty where the block holds INSERTs.
    Data {
        number: i64,
        copy: String,
    },
    Other,
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

    fn text(&mut self) -> io::Result<Option<String>> {
        let length = self.int()?;
        if length < 0 {
            return Ok(None);
        }
        if length > LONGEST_TEXT {
            return Err(invalid(
                "a text of the archive's contents is longer than 16 MiB",
            ));
        }
        let mut text = Vec::new();
        let read = (&mut *self.bytes)
            .take(length as u64)
            .read_to_end(&mut text)?;
        if (read as i64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Reads up to the first block. The statement that comes before each block of the table, by the
    /// block's number.
    fn contents(&mut self) -> io::Result<HashMap<i64, String>> {
        let mut magic = [0; MAGIC.len()];
        self.bytes.read_exact(&mut magic)?;
        let version = (self.byte()?, self.byte()?);
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
            self.text()?; // database, versions of server and pg_dump
        }
        let entries = self.int()?;
        if !(0..=MOST_ENTRIES).contains(&entries) {
            return Err(invalid("the archive's table of contents makes no sense"));
        }
        let mut statements = HashMap::new();
        let mut definition = String::new();
        for _ in 0..entries {
            match self.entry(version)? {
                Entry::Definition(create) => definition = create,
                Entry::Data { number, copy } => {
                    statements.insert(number, copy);
                }
                Entry::Other => {}
            }
        }
        // A block of INSERTs: the table's definition names their columns.
        for statement in statements.values_mut().filter(|copy| copy.is_empty()) {
            statement.clone_from(&definition);
        }
        Ok(statements)
    }

    fn entry(&mut self, version: (u8, u8)) -> io::Result<Entry> {
        let number = self.int()?;
        let _had_dumper = self.int()?;
        let (_table_oid, _oid) = (self.text()?, self.text()?);
        let (tag, kind) = (self.text()?, self.text()?);
        let _section = self.int()?;
        let (definition, _drop, copy) = (self.text()?, self.text()?, self.text()?);
        let (_schema, _tablespace) = (self.text()?, self.text()?);
        if version >= (1, 14) {
            self.text()?; // the table's access method
        }
        if version >= (1, 16) {
            self.int()?; // the relation's kind
        }
        let (_owner, _with_oids) = (self.text()?, self.text()?);
        while self.text()?.is_some() {} // dependencies
        let _has_offset = self.byte()?;
        for _ in 0..self.offset_size {
            self.byte()?;
        }
        if tag.as_deref() != Some(TABLE) {
            return Ok(Entry::Other);
        }
        Ok(match kind.as_deref() {
            Some("TABLE") => Entry::Definition(definition.unwrap_or_default()),
            Some("TABLE DATA") => Entry::Data {
                number,
                copy: copy.unwrap_or_default(),
            },
            _ => Entry::Other,
        })
    }

    /// The number of the next block with the table's data, past the others; `None` at the end.
    fn next_block(&mut self, wanted: &HashMap<i64, String>) -> io::Result<Option<i64>> {
        loop {
            if self.bytes.fill_buf()?.is_empty() {
                return Ok(None);
            }
            let kind = self.byte()?;
            let number = self.int()?;
            match kind {
                BLOCK_OF_TABLE if wanted.contains_key(&number) => return Ok(Some(number)),
                BLOCK_OF_TABLE => self.skip_pieces()?,
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

    fn piece(&mut self) -> io::Result<u64> {
        u64::try_from(self.int()?).map_err(|_| invalid("a piece of the archive has no length"))
    }

    fn skip_pieces(&mut self) -> io::Result<()> {
        loop {
            let length = self.piece()?;
            if length == 0 {
                return Ok(());
            }
            let skipped = io::copy(&mut (&mut *self.bytes).take(length), &mut io::sink())?;
            if skipped < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// The bytes of one block, still compressed.
struct Pieces<'a> {
    archive: Archive<'a>,
    left: u64,
    has_ended: bool,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.has_ended {
            self.left = self.archive.piece()?;
            self.has_ended = self.left == 0;
        }
        if self.has_ended {
            return Ok(0);
        }
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.archive.bytes.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

type Compressed<'a> = BufReader<Pieces<'a>>;

enum Decoder<'a> {
    None(Compressed<'a>),
    Gzip(flate2::bufread::ZlibDecoder<Compressed<'a>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Compressed<'a>>>),
    Zstd(zstd::stream::read::Decoder<'static, Compressed<'a>>),
}

impl<'a> Decoder<'a> {
    fn new(archive: Archive<'a>) -> io::Result<Self> {
        let compression = archive.compression;
        let pieces = BufReader::new(Pieces {
            archive,
            left: 0,
            has_ended: false,
        });
        Ok(match compression {
            Compression::None => Self::None(pieces),
            Compression::Gzip => Self::Gzip(flate2::bufread::ZlibDecoder::new(pieces)),
            Compression::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(pieces))),
            Compression::Zstd => Self::Zstd(zstd::stream::read::Decoder::with_buffer(pieces)?),
        })
    }

    /// The archive behind the block.
    fn into_archive(self) -> io::Result<Archive<'a>> {
        let mut pieces = match self {
            Self::None(pieces) => pieces,
            Self::Gzip(decoder) => decoder.into_inner(),
            Self::Lz4(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
        };
        io::copy(&mut pieces, &mut io::sink())?;
        Ok(pieces.into_inner().archive)
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(pieces) => pieces.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

enum State<'a> {
    Between(Archive<'a>),
    Block(Box<Chain<Cursor<Vec<u8>>, Decoder<'a>>>),
    Ended,
}

/// The script: for each block of the table, what copies it, then its data.
pub(super) struct TableData<'a> {
    statements: HashMap<i64, String>,
    state: State<'a>,
}

impl Read for TableData<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Between(mut archive) => match archive.next_block(&self.statements)? {
                    None => State::Ended,
                    Some(number) => {
                        let statement = self.statements.get(&number).cloned().unwrap_or_default();
                        let decoder = Decoder::new(archive)?;
                        State::Block(Box::new(Cursor::new(statement.into_bytes()).chain(decoder)))
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
