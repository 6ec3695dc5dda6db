//! As much of HTTP/1.1 as long-polling and the WebSocket handshake need.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use anyhow::{Result, bail, ensure};

/// An answer, and where it ended in what was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) end: usize,
}

/// The answer at the start of `bytes`; `None` as long as it is not whole.
pub(crate) fn parse(bytes: &[u8]) -> Option<Response> {
    let head_end = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| {
        let mut lines = head.split("\r\n").skip(1);
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    };
    let rest = &bytes[head_end..];
    let (body, length) = if header("transfer-encoding") == Some("chunked") {
        chunks(rest)?
    } else if status == 101 {
        (Vec::new(), 0)
    } else {
        let length = header("content-length").map_or(Some(0), |it| it.parse().ok())?;
        (rest.get(..length)?.to_vec(), length)
    };
    let end = head_end + length;
    Some(Response { status, body, end })
}

/// The chunks joined, and the length of all of it.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|it| it == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size;
        (bytes.get(at..at + 2)? == b"\r\n").then_some(())?;
        at += 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

/// The text of a GET request on `path`.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// The text of a POST request after which the connection is closed.
pub(crate) fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Sends `request` and waits for its answer. What was read beyond it is returned too.
pub(crate) fn exchange(stream: &mut TcpStream, request: &str) -> Result<(Response, Vec<u8>)> {
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(response) = parse(&bytes) {
            let rest = bytes.split_off(response.end);
            return Ok((response, rest));
        }
        ensure!(bytes.len() < 1 << 20, "endless answer");
        match stream.read(&mut buffer)? {
            0 => bail!(
                "connection closed instead of an answer to {}",
                request.lines().next().unwrap_or_default()
            ),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_body_of_known_length_and_waits_for_its_last_byte() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP";
        let response = parse(text).unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (200, &b"abc"[..])
        );
        assert_eq!(&text[response.end..], b"HTTP");
        assert_eq!(parse(&text[..response.end - 1]), None);
    }

    #[test]
    fn joins_chunks_and_waits_for_the_last() {
        let text =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        let response = parse(text).unwrap();
        assert_eq!(response.body, b"abcd");
        assert_eq!(response.end, text.len());
        assert_eq!(parse(&text[..text.len() - 1]), None);
    }
}
