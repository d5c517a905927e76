//! The data of one block of an archive, decompressed as it is read.

use std::io::{self, BufReader, Read};

use super::custom::{Archive, Compression};

/// The bytes of one block, still compressed.
pub(super) struct Pieces<'a> {
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

pub(super) type Compressed<'a> = BufReader<Pieces<'a>>;

pub(super) enum Decoder<'a> {
    None(Compressed<'a>),
    Gzip(flate2::bufread::ZlibDecoder<Compressed<'a>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Compressed<'a>>>),
    Zstd(zstd::stream::read::Decoder<'static, Compressed<'a>>),
}

impl<'a> Decoder<'a> {
    pub(super) fn new(archive: Archive<'a>) -> io::Result<Self> {
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
    pub(super) fn into_archive(self) -> io::Result<Archive<'a>> {
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
