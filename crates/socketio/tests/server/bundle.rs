//! The client library under the server's path (engine.io has none; socket.io `test/server-attachment.ts`).

use std::{io::Read, sync::Arc};

use flate2::read::GzDecoder;
use switchboard_socketio::{ClientBundle, Options};

use crate::support::{Lab, options};

const FILE: &str = "/socket.io/socket.io.js";

/// What is served, long enough to be worth compressing.
fn source() -> String {
    "console.log('socket');\n".repeat(200)
}

async fn lab() -> Lab {
    let bundle = ClientBundle::new("4.8.3")
        .file("socket.io.js", source())
        .file("socket.io.js.map", "{}");
    Lab::with(Options {
        client_bundle: Some(Arc::new(bundle)),
        ..options()
    })
    .await
}

#[tokio::test]
async fn serves_its_files_with_type_and_tag() {
    let lab = lab().await;
    let answer = lab.get(FILE).await;
    assert_eq!((answer.status, answer.text()), (200, source().as_str()));
    let kind = Some("application/javascript; charset=utf-8");
    assert_eq!(answer.header("content-type"), kind);
    assert_eq!(answer.header("etag"), Some("\"4.8.3\""));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=0"));
    assert_eq!(answer.header("vary"), Some("accept-encoding"));
    assert_eq!(answer.header("content-encoding"), None);
    let map = lab.get("/socket.io/socket.io.js.map?v=1").await;
    let kind = Some("application/json; charset=utf-8");
    assert_eq!((map.header("content-type"), map.text()), (kind, "{}"));
}

#[tokio::test]
async fn compresses_for_whom_it_may() {
    let lab = lab().await;
    let headers = [("accept-encoding", "gzip, deflate, br")];
    let answer = lab.ask("GET", FILE, &headers, b"").await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut content = String::new();
    GzDecoder::new(&answer.body[..])
        .read_to_string(&mut content)
        .unwrap();
    assert_eq!(content, source());
    let headers = [("accept-encoding", "gzip;q=0")];
    let answer = lab.ask("GET", FILE, &headers, b"").await;
    assert_eq!(answer.header("content-encoding"), None);
}

#[tokio::test]
async fn answers_304_to_who_has_this_version() {
    let lab = lab().await;
    for tag in ["\"4.8.3\"", "W/\"4.8.3\"", "\"1\", W/\"4.8.3\"", "*"] {
        let answer = lab.ask("GET", FILE, &[("if-none-match", tag)], b"").await;
        assert_eq!((answer.status, answer.text()), (304, ""), "{tag}");
        assert_eq!(answer.header("etag"), Some("\"4.8.3\""));
    }
    let old = [("if-none-match", "\"4.8.2\"")];
    assert_eq!(lab.ask("GET", FILE, &old, b"").await.status, 200);
}

#[tokio::test]
async fn answers_head_without_the_content() {
    let lab = lab().await;
    let answer = lab.ask("HEAD", FILE, &[], b"").await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    let length = source().len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
}

#[tokio::test]
async fn serves_no_other_file_and_none_when_there_is_no_bundle() {
    let lab = lab().await;
    for path in [
        "/socket.io/other.js",
        "/socket.io/../socket.io.jsx",
        "/socket.io/",
    ] {
        assert_eq!(lab.get(path).await.status, 400, "{path}");
    }
    assert_eq!(lab.ask("POST", FILE, &[], b"").await.status, 400);
    assert_eq!(Lab::start().await.get(FILE).await.status, 400);
}
