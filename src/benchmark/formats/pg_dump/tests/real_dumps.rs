//! What pg_dump of PostgreSQL 15, 16 and 18 wrote of the same five rows (`tests/fixtures/dumps`).

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use crate::benchmark::formats::tests::{Taken, take};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dumps")
}

fn dump(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// Every form of a dump, of each version.
fn dumps() -> Vec<(String, Vec<u8>)> {
    let mut dumps: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("pg"))
        .map(|name| (name.clone(), dump(&name)))
        .collect();
    dumps.sort();
    dumps
}

fn assert_whole(name: &str, taken: &Taken) {
    let providers: Vec<_> = taken
        .rows
        .iter()
        .map(|row| row.summary.provider.as_deref())
        .collect();
    let expected = [
        None,
        Some("tab\there, line\nthere, return\rthere, back\\slash, \\N"),
        Some("it's; $$ -- \"quoted\" /* COPY public.exported_summaries (id) FROM stdin;"),
        Some("größer 日本 🚀 \u{1}"),
    ];
    assert_eq!(providers, expected, "{name}");
    for (number, row) in (1_u32..).zip(&taken.rows) {
        let ttft = 39.1 + f64::from(number) / 3.0;
        assert!((row.summary.ttft_mean - ttft).abs() < 1e-9, "{name}");
        assert_eq!(row.summary.responses_per_second, None);
    }
    assert_eq!(taken.rows[1].summary.tps_mean, Some(1e-7));
    assert_eq!(taken.rows[2].summary.tps_mean, Some(1e300));
    // The fifth row says NaN.
    let faults = taken.faults.to_string();
    assert!(faults.starts_with("1 fault"), "{name}: {faults}");
    assert!(faults.contains("field `tps_mean`: NaN"), "{name}: {faults}");
}

#[test]
fn every_form_gives_the_same_rows() {
    let dumps = dumps();
    assert!(dumps.len() >= 15, "{} dumps", dumps.len());
    for (name, content) in dumps {
        match take(content) {
            Ok(taken) => assert_whole(&name, &taken),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

/// How a piece of an archive's data is written: a sign, the length from its lowest byte, the data.
fn piece(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    [&[0], &length[..], data].concat()
}

/// Where the data of `pg18-custom-none.archive` begins and ends, pieces and all.
fn data_of_table(archive: &[u8]) -> std::ops::Range<usize> {
    let find = |wanted: &[u8], from: usize| {
        from + archive[from..]
            .windows(wanted.len())
            .position(|window| window == wanted)
            .unwrap()
    };
    // The first of COPY's rows, behind the length of its piece.
    let begins = find(b"00000000-0000-4000-8000-000000000001\tinvented-1", 0) - 5;
    let ends = find(b"\\.\n\n\n\0\0\0\0\0", begins) + 10;
    begins..ends
}

/// The archive with its data compressed in another way, in small pieces.
fn packed(algorithm: u8, compress: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut archive = dump("pg18-custom-none.archive");
    let range = data_of_table(&archive);
    let mut data = Vec::new();
    let mut rest = &archive[range.clone()];
    while let [_sign, a, b, c, d, after @ ..] = rest {
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        data.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
    let mut pieces: Vec<u8> = compress(&data).chunks(100).flat_map(piece).collect();
    pieces.extend(piece(b""));
    archive.splice(range, pieces);
    // Behind magic, version, sizes and format.
    archive[11] = algorithm;
    archive
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn lz4(data: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::encode_all(data, 0).unwrap()
}

#[test]
fn every_compression_is_undone() {
    for (algorithm, compress) in [
        (0, <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>),
        (1, zlib),
        (2, lz4),
        (3, zstd),
    ] {
        let taken = take(packed(algorithm, compress)).unwrap();
        assert_whole(&format!("algorithm {algorithm}"), &taken);
    }
    let error = take(packed(4, zlib)).unwrap_err().to_string();
    assert!(error.contains("unknown way"), "{error}");
    let error = take(packed(1, zstd)).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[test]
fn what_a_block_unfolds_to_is_not_held() {
    for (algorithm, compress) in [(1, zlib as fn(&[u8]) -> Vec<u8>), (2, lz4), (3, zstd)] {
        let bomb = packed(algorithm, |_| compress(&vec![b'x'; 24 << 20]));
        let error = take(bomb).unwrap_err().to_string();
        assert!(error.contains("longer than 1024 KiB"), "{error}");
    }
}

#[test]
fn an_archive_in_another_encoding_or_version_or_format_is_refused() {
    let archive = dump("pg15-custom-z0.archive");
    let change = |from: &[u8], to: &[u8]| {
        let at = archive
            .windows(from.len())
            .position(|window| window == from)
            .unwrap();
        let mut changed = archive.clone();
        changed[at..at + to.len()].copy_from_slice(to);
        take(changed).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (
            &b"client_encoding = 'UTF8'"[..],
            &b"client_encoding = 'BIG5'"[..],
            "BIG5: dump with --encoding UTF8",
        ),
        (b"PGDMP\x01\x0e", b"PGDMP\x01\x11", "version 1.17"),
        (b"PGDMP\x01\x0e", b"PGDMP\x01\x0b", "version 1.11"),
        // As in toc.dat of a folder.
        (
            b"PGDMP\x01\x0e\x00\x04\x08\x01",
            b"PGDMP\x01\x0e\x00\x04\x08\x05",
            "--format custom",
        ),
    ] {
        let error = change(from, to);
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}

#[test]
fn a_table_of_contents_without_end_is_not_held() {
    let archive = dump("pg18-custom-none.archive");
    let text = |text: &[u8]| piece(text);
    let null = [1, 1, 0, 0, 0];
    let copy = [b'x'; 1 << 20];
    let entry = |number: u32| {
        let int = |value: u32| [&[0], &value.to_le_bytes()[..]].concat();
        [
            int(number),
            int(1),
            text(b"0"),
            text(b"0"),
            text(b"exported_summaries"),
            text(b"TABLE DATA"),
            int(3),
            text(b""),
            text(b""),
            text(&copy),
            text(b"public"),
            text(b""),
            text(b""),
            int(114),
            text(b"o"),
            text(b"false"),
            null.to_vec(),
            vec![1; 9],
        ]
        .concat()
    };
    // The header ends with pg_dump's version, then comes the number of entries.
    let header = archive
        .windows(4)
        .position(|window| window == b"18.6")
        .unwrap();
    let header = header
        + archive[header + 4..]
            .windows(4)
            .position(|window| window == b"18.6")
            .unwrap()
        + 8;
    let mut hostile = archive[..header].to_vec();
    hostile.extend([0, 255, 255, 255, 127]);
    hostile.extend((0..40).flat_map(entry));
    let error = take(hostile).unwrap_err().to_string();
    assert!(error.contains("says too much"), "{error}");
}

/// What is cut off is an error, never fewer rows. Behind the table's own block nothing tells where an
/// archive ends, nor behind the comment that a plain dump ends with.
#[test]
fn a_dump_that_is_cut_off_is_an_error() {
    const COMPLETE: &[u8] = b"database dump complete";
    for (name, content) in dumps() {
        for at in (20..content.len() - 1).step_by(97) {
            if let Ok(taken) = take(&content[..at]) {
                let says_complete = content[..at]
                    .windows(COMPLETE.len())
                    .any(|window| window == COMPLETE);
                assert!(
                    says_complete || name.ends_with(".archive"),
                    "{name} cut at {at}"
                );
                assert_whole(&name, &taken);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_dump_ends_without_a_panic(
        which in any::<prop::sample::Index>(),
        damages in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0usize..9, proptest::collection::vec(any::<u8>(), 0..9)), 1..5),
    ) {
        let mut dumps = dumps();
        let (_, mut content) = dumps.swap_remove(which.index(dumps.len()));
        for (at, removed, inserted) in damages {
            let at = at.index(content.len());
            let end = (at + removed).min(content.len());
            content.splice(at..end, inserted);
        }
        let said = match take(content) {
            Ok(taken) => taken.faults.to_string(),
            Err(error) => error.to_string(),
        };
        prop_assert!(said.len() < 20_000);
    }

    #[test]
    fn any_bytes_end_without_a_panic(
        start in prop::sample::select(vec!["--\n", "PGDMP\u{1}\u{e}\0\u{4}\u{8}\u{1}", "COPY exported_summaries (id) FROM stdin;\n", "INSERT INTO exported_summaries (id) VALUES ("]),
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let _ = take([start.as_bytes(), &bytes].concat());
    }
}
