//! The few statements of a dump that say where the table's rows are.

/// The name of a table.
pub(super) struct Table {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

/// A statement, as far as it matters.
pub(super) enum Statement<'a> {
    /// Rows follow it, in the text format unless it has options.
    Copy {
        table: Table,
        columns: Option<Vec<String>>,
        has_options: bool,
    },
    /// Rows stand in it; `values` is what follows the word VALUES.
    Insert {
        table: Table,
        columns: Option<Vec<String>>,
        values: &'a [u8],
    },
    /// It brings rows that do not stand in it.
    InsertOther {
        table: Table,
    },
    CreateTable {
        table: Table,
        columns: Vec<String>,
    },
    ClientEncoding(String),
    /// Whether backslashes are themselves in a text without an E.
    StandardStrings(bool),
    Other,
}

/// Reads a statement.
pub(super) fn statement(text: &[u8]) -> Statement<'_> {
    let mut tokens = Tokens { rest: text };
    let read = match tokens.word().as_deref() {
        Some("copy") => copy(&mut tokens),
        Some("insert") => insert(&mut tokens),
        Some("create") => create(&mut tokens),
        Some("set") => setting(&mut tokens),
        _ => None,
    };
    read.unwrap_or(Statement::Other)
}

fn copy<'a>(tokens: &mut Tokens<'a>) -> Option<Statement<'a>> {
    let table = tokens.table()?;
    let columns = tokens.optional_names()?;
    let is_data = tokens.word()? == "from" && tokens.word()? == "stdin";
    is_data.then(|| Statement::Copy {
        table,
        columns,
        has_options: tokens.peek().is_some(),
    })
}

fn insert<'a>(tokens: &mut Tokens<'a>) -> Option<Statement<'a>> {
    if tokens.word()? != "into" {
        return None;
    }
    let table = tokens.table()?;
    let columns = tokens.optional_names()?;
    // OVERRIDING SYSTEM VALUE may stand between.
    while let Some(word) = tokens.word() {
        match word.as_str() {
            "overriding" | "system" | "user" | "value" => {}
            "values" => {
                return Some(Statement::Insert {
                    table,
                    columns,
                    values: tokens.rest,
                });
            }
            _ => break,
        }
    }
    Some(Statement::InsertOther { table })
}

fn create<'a>(tokens: &mut Tokens<'a>) -> Option<Statement<'a>> {
    loop {
        match tokens.word()?.as_str() {
            "table" => break,
            "unlogged" | "foreign" | "temp" | "temporary" => {}
            _ => return None,
        }
    }
    let table = tokens.table()?;
    if !tokens.takes(b'(') {
        return None;
    }
    let mut columns = Vec::new();
    loop {
        let is_quoted = tokens.peek() == Some(b'"');
        let name = tokens.word()?;
        let is_constraint = [
            "constraint",
            "primary",
            "unique",
            "check",
            "foreign",
            "exclude",
            "like",
        ]
        .contains(&name.as_str());
        if is_quoted || !is_constraint {
            columns.push(name);
        }
        if !tokens.skip_to_next_element()? {
            return Some(Statement::CreateTable { table, columns });
        }
    }
}

fn setting<'a>(tokens: &mut Tokens<'a>) -> Option<Statement<'a>> {
    let name = tokens.word()?;
    if !(tokens.takes(b'=') || tokens.word()? == "to") {
        return None;
    }
    let value = String::from_utf8_lossy(tokens.rest);
    let value = value.trim().trim_matches('\'');
    match name.as_str() {
        "client_encoding" => Some(Statement::ClientEncoding(value.to_owned())),
        "standard_conforming_strings" => Some(Statement::StandardStrings(
            !value.eq_ignore_ascii_case("off"),
        )),
        _ => None,
    }
}

struct Tokens<'a> {
    rest: &'a [u8],
}

impl Tokens<'_> {
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn takes(&mut self, wanted: u8) -> bool {
        let comes = self.peek() == Some(wanted);
        if comes {
            self.rest = &self.rest[1..];
        }
        comes
    }

    /// A name or a word; without quotes in lower case.
    fn word(&mut self) -> Option<String> {
        if self.takes(b'"') {
            let mut name = Vec::new();
            loop {
                let end = self.rest.iter().position(|byte| *byte == b'"')?;
                name.extend_from_slice(&self.rest[..end]);
                self.rest = &self.rest[end + 1..];
                // A doubled quote is one of the name.
                if self.rest.first() != Some(&b'"') {
                    return Some(String::from_utf8_lossy(&name).into_owned());
                }
                name.push(b'"');
                self.rest = &self.rest[1..];
            }
        }
        let is_of_word = |byte: &u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || *byte >= 0x80
        };
        let end = self
            .rest
            .iter()
            .position(|byte| !is_of_word(byte))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return None;
        }
        self.rest = rest;
        Some(String::from_utf8_lossy(word).to_lowercase())
    }

    fn table(&mut self) -> Option<Table> {
        let (mut schema, mut name) = (None, self.word()?);
        if name == "only" && self.peek() != Some(b'.') {
            name = self.word()?;
        }
        while self.takes(b'.') {
            schema = Some(name);
            name = self.word()?;
        }
        Some(Table { schema, name })
    }

    /// Names in parentheses, if any stand here.
    fn optional_names(&mut self) -> Option<Option<Vec<String>>> {
        if self.takes(b'(') {
            self.names().map(Some)
        } else {
            Some(None)
        }
    }

    /// Names up to a closing parenthesis.
    fn names(&mut self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        loop {
            names.push(self.word()?);
            if self.takes(b')') {
                return Some(names);
            }
            if !self.takes(b',') {
                return None;
            }
        }
    }

    /// Passes over the rest of an element of a list; false at the list's end.
    fn skip_to_next_element(&mut self) -> Option<bool> {
        let mut depth = 0_usize;
        let mut quoted: Option<u8> = None;
        for (index, byte) in self.rest.iter().enumerate() {
            match (quoted, *byte) {
                (Some(quote), byte) if byte == quote => quoted = None,
                (Some(_), _) => {}
                (None, quote @ (b'\'' | b'"')) => quoted = Some(quote),
                (None, b'(') => depth += 1,
                (None, b')') if depth == 0 => {
                    self.rest = &self.rest[index + 1..];
                    return Some(false);
                }
                (None, b')') => depth -= 1,
                (None, b',') if depth == 0 => {
                    self.rest = &self.rest[index + 1..];
                    return Some(true);
                }
                _ => {}
            }
        }
        None
    }
}
