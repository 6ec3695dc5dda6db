//! The client library, for pages that load it from the server: `<script src="/socket.io/socket.io.js">`.

use std::collections::HashMap;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::{
    compression::{self, Encoding},
    registry::Registry,
};

/// Files to be served below the path, which the application supplies: those of `client-dist` in the
/// npm package `socket.io`.
#[derive(Debug, Clone, Default)]
pub struct ClientBundle {
    etag: String,
    files: HashMap<String, File>,
}

#[derive(Debug, Clone)]
struct File {
    content_type: &'static str,
    plain: Bytes,
    gzip: Option<Bytes>,
}

impl ClientBundle {
    /// An empty bundle of the given version, which is the files' `ETag`.
    pub fn new(version: &str) -> Self {
        Self {
            etag: format!("\"{version}\""),
            files: HashMap::new(),
        }
    }

    /// Adds a file, such as `socket.io.min.js`. It is compressed here, once.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Bytes>) -> Self {
        let plain = content.into();
        let file = File {
            content_type: if name.rsplit('.').next() == Some("map") {
                "application/json; charset=utf-8"
            } else {
                "application/javascript; charset=utf-8"
            },
            gzip: compression::compress(Encoding::Gzip, &plain).map(Bytes::from),
            plain,
        };
        self.files.insert(name.to_owned(), file);
        self
    }
}

/// The answer to a request for one of the files; `None` when it is for something else.
pub(crate) fn serve(registry: &Registry, request: &Request<Body>) -> Option<Response<Body>> {
    let bundle = registry.options.client_bundle.as_ref()?;
    let name = request.uri().path().rsplit('/').next()?;
    let file = bundle.files.get(name)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    let etag = HeaderValue::from_str(&bundle.etag).ok()?;
    headers.insert(header::ETAG, etag);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=0"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let known = request.headers().get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| is_same(known, &bundle.etag)) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Some(answer);
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(file.content_type),
    );
    let gzip = file
        .gzip
        .clone()
        .filter(|_| Encoding::accepted(request.headers()) == Some(Encoding::Gzip));
    if gzip.is_some() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *answer.body_mut() = gzip.unwrap_or_else(|| file.plain.clone()).into();
    Some(answer)
}

/// A cache may send its tag in the weak form, and several (RFC 9110 §13.1.2).
fn is_same(known: &HeaderValue, etag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known == "*"
        || known
            .split(',')
            .any(|tag| tag.trim().trim_start_matches("W/") == etag)
}
