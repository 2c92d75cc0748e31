//! HTTP/1.1 messages, as far as tests and the demo need them.

use std::io::{self, BufRead, Read as _, Write};

/// The most bytes of a line, of a head and of a body.
const LINE: u64 = 16 * 1024;
const HEADERS: usize = 200;
const BODY: u64 = 256 * 1024 * 1024;

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// After removal of any chunked coding.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether the client wants to send more on this connection.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        self.header("connection")
            .is_none_or(|value| !value.eq_ignore_ascii_case("close"))
    }
}

/// An answer as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 200, 404, …
    pub status: u16,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// After removal of any chunked coding.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads a request; nothing when the peer closed the connection before one.
///
/// # Errors
///
/// Fails when the connection breaks or what comes is no request.
pub fn request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(reader)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(malformed("request line"));
    };
    let mut headers = headers(reader)?;
    if version == "HTTP/1.0" && header(&headers, "connection").is_none() {
        headers.push(("connection".to_owned(), "close".to_owned()));
    }
    let body = body(reader, &headers, Unmarked::Empty)?;
    Ok(Some(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body,
    }))
}

/// Reads an answer to a request other than HEAD.
///
/// # Errors
///
/// Fails when the connection breaks or what comes is no answer.
pub fn response(reader: &mut impl BufRead) -> io::Result<Response> {
    let first = line(reader)?;
    let status = first
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| malformed("status line"))?;
    let headers = headers(reader)?;
    let unmarked = match status {
        204 | 304 => Unmarked::Empty,
        _ => Unmarked::ToEnd,
    };
    let body = body(reader, &headers, unmarked)?;
    Ok(Response {
        status,
        headers,
        body,
    })
}

/// Writes the first line and the headers, then the empty line.
///
/// # Errors
///
/// Fails when the connection breaks.
pub fn head<'a>(
    writer: &mut impl Write,
    first: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> io::Result<()> {
    let mut text = format!("{first}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    writer.write_all(text.as_bytes())
}

/// What a message without a length has.
#[derive(Clone, Copy)]
enum Unmarked {
    Empty,
    ToEnd,
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// One line without its end; empty at the end of the connection too.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(LINE).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while headers.len() < HEADERS {
        let line = line(reader)?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Err(malformed("head: too many headers"))
}

fn body(
    reader: &mut impl BufRead,
    headers: &[(String, String)],
    unmarked: Unmarked,
) -> io::Result<Vec<u8>> {
    if header(headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return chunks(reader);
    }
    match (header(headers, "content-length"), unmarked) {
        (Some(length), _) => exactly(reader, length.parse().map_err(io::Error::other)?),
        (None, Unmarked::Empty) => Ok(Vec::new()),
        (None, Unmarked::ToEnd) => {
            let mut body = Vec::new();
            reader.take(BODY).read_to_end(&mut body)?;
            Ok(body)
        }
    }
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
        if size == 0 {
            headers(reader)?;
            return Ok(body);
        }
        body.extend(exactly(reader, size)?);
        line(reader)?;
    }
}

fn exactly(reader: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let length = length.min(BODY);
    let mut body = Vec::new();
    let read = reader.take(length).read_to_end(&mut body)?;
    if u64::try_from(read) == Ok(length) {
        Ok(body)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_follow_one_another_on_a_connection() {
        let mut bytes: &[u8] = b"PUT /a?b=c HTTP/1.1\r\nX-One:  1 \r\nContent-Length: 3\r\n\r\nabc\
            POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n1;e\r\n!\r\n0\r\n\r\n";
        let first = request(&mut bytes).unwrap().unwrap();
        assert_eq!((first.method.as_str(), first.path()), ("PUT", "/a"));
        assert_eq!(
            (first.header("x-one"), first.body.as_slice()),
            (Some("1"), &b"abc"[..])
        );
        assert_eq!(request(&mut bytes).unwrap().unwrap().body, b"xyz!");
        assert_eq!(request(&mut bytes).unwrap(), None);
    }

    #[test]
    fn an_answer_without_a_length_ends_with_the_connection() {
        let mut bytes: &[u8] = b"HTTP/1.0 404 Not Found\r\n\r\ngone";
        let answer = response(&mut bytes).unwrap();
        assert_eq!((answer.status, answer.text()), (404, "gone".to_owned()));
    }

    #[test]
    fn a_body_that_breaks_off_is_an_error() {
        let mut bytes: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ngone";
        let error = response(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
