//! Compressed bodies of polls (engine.io's `httpCompression`).

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, header};

/// How a body may be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    /// In HTTP that is the zlib format (RFC 9110 §8.4.1.2).
    Deflate,
}

impl Encoding {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// What the client accepts: gzip if it may be (RFC 9110 §12.5.3).
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let accepted = |encoding: Self| {
            headers
                .get_all(header::ACCEPT_ENCODING)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|item| is_accepted(item, encoding.as_str()))
        };
        [Self::Gzip, Self::Deflate]
            .into_iter()
            .find(|encoding| accepted(*encoding))
    }
}

fn is_accepted(item: &str, encoding: &str) -> bool {
    let mut parts = item.split(';').map(str::trim);
    let named = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case(encoding) || name == "*");
    let refused = parts
        .filter_map(|parameter| parameter.strip_prefix("q="))
        .any(|quality| quality.parse() == Ok(0.0));
    named && !refused
}

/// The compressed body; `None` when that makes it no smaller.
pub(crate) fn compress(encoding: Encoding, body: &[u8]) -> Option<Vec<u8>> {
    let level = Compression::fast();
    let smaller = match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).ok()?;
            encoder.finish().ok()?
        }
    };
    (smaller.len() < body.len()).then_some(smaller)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn accepting(value: &str) -> Option<Encoding> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
        Encoding::accepted(&headers)
    }

    #[test]
    fn prefers_gzip_and_takes_what_is_accepted() {
        assert_eq!(accepting("deflate, gzip;q=0.5"), Some(Encoding::Gzip));
        assert_eq!(accepting("deflate"), Some(Encoding::Deflate));
        assert_eq!(accepting("*"), Some(Encoding::Gzip));
        assert_eq!(accepting("gzip;q=0, br"), None);
        assert_eq!(accepting("identity"), None);
        assert_eq!(Encoding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn gives_the_content_back() {
        let body = b"abc".repeat(1000);
        let mut content = Vec::new();
        let gzip = compress(Encoding::Gzip, &body).unwrap();
        flate2::read::GzDecoder::new(&gzip[..])
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, body);
        content.clear();
        let deflate = compress(Encoding::Deflate, &body).unwrap();
        flate2::read::ZlibDecoder::new(&deflate[..])
            .read_to_end(&mut content)
            .unwrap();
        assert_eq!(content, body);
        assert_eq!(compress(Encoding::Gzip, b"abc"), None);
    }
}
