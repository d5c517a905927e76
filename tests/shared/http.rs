//! HTTP to a server of a test, on this machine.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// An answer.
pub struct Answer {
    pub status: u16,
    /// The status line, and the headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A GET of something that is answered at once, or by nobody.
pub fn get(port: u16, path: &str) -> Result<Answer> {
    ask_within(
        Duration::from_secs(5),
        port,
        &format!("GET {path}"),
        "",
        b"",
    )
}

/// `request` is method and path, `headers` are further ones, each with its line break.
pub fn ask(port: u16, request: &str, headers: &str, body: &[u8]) -> Result<Answer> {
    ask_within(Duration::from_secs(120), port, request, headers, body)
}

fn ask_within(
    patience: Duration,
    port: u16,
    request: &str,
    headers: &str,
    body: &[u8],
) -> Result<Answer> {
    let connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_read_timeout(Some(patience))?;
    let host = if headers.contains("Host:") {
        ""
    } else {
        "Host: localhost\r\n"
    };
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\n{host}Content-Length: {length}\r\n{headers}\r\n");
    (&connection).write_all(&[head.as_bytes(), body].concat())?;
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let mut answer = Answer {
        status: status.unwrap_or_default(),
        head,
        body: Vec::new(),
    };
    // Connections are kept open, so that an answer says how long it is.
    let length = answer.header("content-length").map(str::parse);
    if let Some(Ok(length)) = length {
        answer.body.resize(length, 0);
        reader.read_exact(&mut answer.body)?;
    } else if answer.header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = chunk(&mut reader)? {
            answer.body.extend(chunk);
        }
    }
    Ok(answer)
}

/// The next piece of a body; `None` is its end.
fn chunk(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut length = String::new();
    reader.read_line(&mut length)?;
    let length = usize::from_str_radix(length.trim(), 16);
    let length = length.map_err(|_| ErrorKind::InvalidData)?;
    let mut chunk = vec![0; length + 2];
    reader.read_exact(&mut chunk)?;
    chunk.truncate(length);
    Ok((length > 0).then_some(chunk))
}

/// A form with a file in it: a header for its type, and its body.
pub fn multipart(fields: &[(&str, &str)], file: Option<(&str, &[u8])>) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "-----------------7e13971310878";
    let mut body = Vec::new();
    let mut part = |disposition: String, content: &[u8]| {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    for (name, value) in fields {
        part(format!("name=\"{name}\""), value.as_bytes());
    }
    if let Some((name, content)) = file {
        part(format!("name=\"file\"; filename=\"{name}\""), content);
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let header = format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n");
    (header, body)
}
