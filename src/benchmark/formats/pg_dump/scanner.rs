//! Finds where a statement of SQL ends, byte by byte and by psql's own rules. What a text, a comment, a
//! function's body or a rule's action says is never taken for a statement, and psql's backslash
//! commands are passed over.

use memchr::{memchr, memchr2};

/// Bytes of a statement that are kept; a longer one is cut.
const LONGEST_STATEMENT: usize = 16 << 20;
/// Longest name: PostgreSQL's end there, and the tag of a dollar quote is one.
const LONGEST_NAME: usize = 64;
/// Bytes of a line comment that are kept, enough to know the two by which pg_dump begins and ends.
const LONGEST_NOTE: usize = 64;

/// What a byte stands in.
enum Within {
    Statement,
    /// Whether backslashes escape, and whether the last byte was one that does.
    Text {
        escapes: bool,
        escaped: bool,
    },
    Name,
    /// Behind a dollar: the name that makes it a quote, as far as it has come.
    DollarTag(Vec<u8>),
    /// `$tag$ ... $tag$`: the tag with its dollars, and how much of it has come again.
    Dollar {
        tag: Vec<u8>,
        come: usize,
    },
    LineComment,
    /// How deep, since they nest, and the last byte.
    Comment(usize, u8),
    Command,
}

/// How far the statement's first words have made it a routine's, whose body may hold statements.
#[derive(Clone, Copy, PartialEq)]
enum Opening {
    Start,
    Create,
    CreateOr,
    Routine,
    Other,
}

/// The statement that is being read.
pub(super) struct Scanner {
    text: Vec<u8>,
    is_cut: bool,
    line: usize,
    begins: Option<usize>,
    within: Within,
    /// The byte before, if it may be the first of two that belong together.
    last: u8,
    /// The unquoted word that the last byte belongs to.
    word: Vec<u8>,
    /// The text that the last byte ended had escapes: another quote continues it.
    ended_text: Option<bool>,
    opening: Opening,
    parentheses: usize,
    /// BEGIN ATOMIC and CASE that wait for their END.
    blocks: usize,
    note: Vec<u8>,
    begun_dumps: usize,
    ended_dumps: usize,
    /// Whether backslashes escape in every text.
    pub(super) escapes_everywhere: bool,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self {
            text: Vec::new(),
            is_cut: false,
            line: 1,
            begins: None,
            within: Within::Statement,
            last: 0,
            word: Vec::new(),
            ended_text: None,
            opening: Opening::Start,
            parentheses: 0,
            blocks: 0,
            note: Vec::new(),
            begun_dumps: 0,
            ended_dumps: 0,
            escapes_everywhere: false,
        }
    }

    /// Forgets the statement.
    pub(super) fn begin(&mut self) {
        self.text.clear();
        self.is_cut = false;
        self.begins = None;
        self.last = 0;
        self.word.clear();
        self.ended_text = None;
        self.opening = Opening::Start;
        self.parentheses = 0;
        self.blocks = 0;
    }

    /// The statement without comments and its semicolon.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it was too long to be kept whole.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The line of the next byte.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Lines that were read by somebody else.
    pub(super) fn count_lines(&mut self, lines: usize) {
        self.line += lines;
    }

    /// At the end of the input: what is missing of it, if anything is.
    pub(super) fn end(&mut self) -> Result<(), &'static str> {
        if matches!(self.within, Within::LineComment) {
            self.take_note();
        }
        let is_between = matches!(
            self.within,
            Within::Statement | Within::LineComment | Within::Command
        );
        if self.begins.is_some() || !is_between {
            Err("the dump ends within a statement: is the file whole?")
        } else if self.begun_dumps > self.ended_dumps {
            Err("the dump ends before it says that it is complete: is the file whole?")
        } else {
            Ok(())
        }
    }

    /// Reads on until a statement ends: how many bytes that took, and the line on which it began.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Option<usize>) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let passed = self.pass(&bytes[at..]);
            if passed > 0 {
                at += passed;
                continue;
            }
            at += 1;
            if *byte == b'\n' {
                self.line += 1;
            }
            if self.step(*byte) {
                return (at, self.begins);
            }
        }
        (at, None)
    }

    /// Passes over the bytes that end nothing, where that can be told without looking at each.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let end = match self.within {
            Within::Text {
                escapes: true,
                escaped: false,
            } => memchr2(b'\'', b'\\', bytes),
            Within::Text { escaped: false, .. } => memchr(b'\'', bytes),
            Within::Dollar { come: 0, .. } => memchr(b'$', bytes),
            _ => return 0,
        };
        let passed = &bytes[..end.unwrap_or(bytes.len())];
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.keep(passed);
        passed.len()
    }

    /// Takes a byte; true where it ends the statement.
    fn step(&mut self, byte: u8) -> bool {
        match &mut self.within {
            Within::Statement => return self.step_in_statement(byte),
            Within::Text { escapes, escaped } => {
                if *escaped {
                    *escaped = false;
                } else if byte == b'\'' {
                    self.ended_text = Some(*escapes);
                    self.within = Within::Statement;
                } else if byte == b'\\' && *escapes {
                    *escaped = true;
                }
                self.keep(&[byte]);
            }
            Within::Name => {
                if byte == b'"' {
                    self.within = Within::Statement;
                }
                self.keep(&[byte]);
            }
            Within::DollarTag(tag) => {
                let continues = is_of_name(byte) && !(tag.len() == 1 && byte.is_ascii_digit());
                if byte == b'$' {
                    let mut tag = std::mem::take(tag);
                    tag.push(byte);
                    self.within = Within::Dollar { tag, come: 0 };
                } else if continues && tag.len() < LONGEST_NAME {
                    tag.push(byte);
                } else {
                    // A parameter, as `$1`.
                    self.within = Within::Statement;
                    return self.step_in_statement(byte);
                }
                self.keep(&[byte]);
            }
            Within::Dollar { tag, come } => {
                // Only a tag's ends are dollars, so what breaks it off can only begin it anew.
                if byte == tag[*come] {
                    *come += 1;
                } else {
                    *come = usize::from(byte == b'$');
                }
                if *come == tag.len() {
                    self.within = Within::Statement;
                }
                self.keep(&[byte]);
            }
            Within::LineComment | Within::Command => {
                if byte == b'\n' {
                    if matches!(self.within, Within::LineComment) {
                        self.take_note();
                    }
                    self.end_comment();
                } else if self.note.len() < LONGEST_NOTE {
                    self.note.push(byte);
                }
            }
            Within::Comment(depth, last) => {
                let two = [std::mem::replace(last, byte), byte];
                match &two {
                    b"*/" if *depth == 1 => self.end_comment(),
                    b"*/" => (*depth, *last) = (*depth - 1, 0),
                    b"/*" => (*depth, *last) = (*depth + 1, 0),
                    _ => {}
                }
            }
        }
        false
    }

    fn step_in_statement(&mut self, byte: u8) -> bool {
        let last = std::mem::replace(&mut self.last, byte);
        let ended_text = self.ended_text.take();
        if is_of_name(byte) || byte == b'$' && !self.word.is_empty() {
            if self.word.len() < LONGEST_NAME {
                self.word.push(byte);
            }
            self.keep(&[byte]);
            return false;
        }
        let is_escaping = self.word.eq_ignore_ascii_case(b"e");
        self.end_word();
        match byte {
            b';' if self.begins.is_none() => return false,
            b';' if self.parentheses == 0 && self.blocks == 0 => return true,
            b'\\' if self.begins.is_none() => {
                self.within = Within::Command;
                return false;
            }
            b'-' if last == b'-' => {
                self.begin_comment(Within::LineComment);
                return false;
            }
            b'*' if last == b'/' => {
                self.begin_comment(Within::Comment(1, 0));
                return false;
            }
            b'\'' => {
                let escapes = ended_text.unwrap_or(is_escaping || self.escapes_everywhere);
                self.within = Within::Text {
                    escapes,
                    escaped: false,
                };
            }
            b'"' => self.within = Within::Name,
            b'$' => self.within = Within::DollarTag(vec![b'$']),
            b'(' => self.parentheses += 1,
            b')' => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        self.keep(&[byte]);
        false
    }

    fn end_word(&mut self) {
        if self.word.is_empty() || self.opening == Opening::Other {
            self.word.clear();
            return;
        }
        self.word.make_ascii_lowercase();
        self.opening = match (self.opening, &self.word[..]) {
            (Opening::Start, b"create") => Opening::Create,
            (Opening::Create, b"or") => Opening::CreateOr,
            (Opening::CreateOr, b"replace") => Opening::Create,
            (Opening::Create, b"function" | b"procedure") => Opening::Routine,
            (Opening::Routine, word) => {
                match word {
                    b"begin" => self.blocks += 1,
                    b"case" if self.blocks > 0 => self.blocks += 1,
                    b"end" => self.blocks = self.blocks.saturating_sub(1),
                    _ => {}
                }
                Opening::Routine
            }
            _ => Opening::Other,
        };
        self.word.clear();
    }

    /// The first byte of a comment was kept before it was known as one.
    fn begin_comment(&mut self, comment: Within) {
        if !self.is_cut {
            self.text.pop();
        }
        if self.text.is_empty() {
            self.begins = None;
        }
        self.note.clear();
        self.within = comment;
    }

    fn end_comment(&mut self) {
        self.within = Within::Statement;
        self.last = 0;
        self.keep(b" ");
    }

    fn take_note(&mut self) {
        match self.note.trim_ascii() {
            b"PostgreSQL database dump" => self.begun_dumps += 1,
            b"PostgreSQL database dump complete" => self.ended_dumps += 1,
            _ => {}
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.begins.is_none() {
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return;
            }
            self.begins = Some(self.line);
        }
        let free = LONGEST_STATEMENT.saturating_sub(self.text.len());
        self.is_cut |= bytes.len() > free;
        self.text.extend_from_slice(&bytes[..bytes.len().min(free)]);
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
