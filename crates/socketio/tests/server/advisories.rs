//! What brought other servers down: this one goes on and serves a second client. The decoders have
//! tests of their own for these.

use std::time::Duration;

use switchboard_socketio::Options;
use tokio::time::Instant;

use crate::support::{Lab, encode, options, raw_frame, soon};

/// A client that came before and one that comes now are served, and nobody else is there.
async fn serves(lab: &Lab) {
    let mut client = lab.joined().await;
    client.send("21[\"echo\",1]").await;
    assert_eq!(client.recv().await, "31[1]");
    let session = lab.polling_session().await;
    lab.leave(&session).await;
    client.vanish();
    soon(async {
        while lab.io.sessions() + lab.io.tasks() > 0 {
            lab.rest().await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(lab.io.handler_panics(), 0);
}

/// Sends Engine.IO packets in connections of their own that joined `/`.
async fn survives(packets: &[&str]) {
    let lab = Lab::start().await;
    for packet in packets {
        for query in ["EIO=4", "EIO=3"] {
            let mut raw = lab.raw(query, &[]).await;
            if query == "EIO=4" {
                raw.join().await;
            }
            raw.send_text(packet).await;
            raw.send_text("421[\"echo\",1]").await;
        }
        let session = lab.polling_session().await;
        lab.http("POST", &session, packet).await;
        lab.leave(&session).await;
    }
    serves(&lab).await;
}

fn crafted(method: &str, target: &str, headers: &str) -> Vec<u8> {
    format!(
        "{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// Sends bytes on connections of their own and reads whatever comes, if anything does.
/// Gives how long that took.
async fn survives_requests(requests: &[Vec<u8>]) -> Duration {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    // Some are strange but open a session, for which nobody asks any more.
    let lab = Lab::with(Options {
        connect_timeout: Duration::from_millis(500),
        ..options()
    })
    .await;
    let start = Instant::now();
    for request in requests {
        let mut stream = tokio::net::TcpStream::connect(lab.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        let _ = stream.shutdown().await;
        // The server may have reset the connection.
        let _ = soon(stream.read_to_end(&mut Vec::new())).await;
    }
    let elapsed = start.elapsed();
    serves(&lab).await;
    elapsed
}

/// Memory and time that grew with the number of pieces in which a large packet came.
#[tokio::test]
async fn socket_io_parser_cve_2020_36049_a_large_packet_in_many_pieces() {
    let lab = Lab::start().await;
    let mut raw = lab.raw("EIO=4", &[]).await;
    raw.join().await;
    let event = format!("421[\"echo\",\"{}\"]", "x".repeat(50_000));
    let (first, rest) = event.as_bytes().split_first().unwrap();
    let (last, middle) = rest.split_last().unwrap();
    let mut bytes = raw_frame(0x01, &[*first]);
    for byte in middle {
        bytes.extend(raw_frame(0x00, &[*byte]));
    }
    bytes.extend(raw_frame(0x80, &[*last]));
    let start = Instant::now();
    raw.send(&bytes).await;
    assert_eq!(raw.text().await.len(), 50_000 + 7);
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(raw);
    let digits = format!("2{}[\"a\"]", "9".repeat(90_000));
    survives(&[
        &format!("4{digits}"),
        &format!("45{digits}"),
        &format!("42/{digits}"),
    ])
    .await;
}

/// Numbers of attachments that were not looked at.
#[tokio::test]
async fn socket_io_parser_cve_2022_2421_placeholders_that_point_anywhere() {
    let lab = Lab::start().await;
    for num in [
        "\"splice\"",
        "1",
        "-1",
        "0.5",
        "1e99",
        "null",
        "{}",
        "[0]",
        "\"0\"",
    ] {
        let mut raw = lab.raw("EIO=4", &[]).await;
        raw.join().await;
        let event = format!(r#"451-1["mirror",{{"_placeholder":true,"num":{num}}}]"#);
        raw.send_text(&event).await;
        raw.send_binary(b"x").await;
        assert_eq!(raw.close_code().await, Some(1005), "{num}");
    }
    serves(&lab).await;
}

/// Names of events that are no strings, or names of the parser's own.
#[tokio::test]
async fn socket_io_parser_cve_2023_32695_events_without_a_proper_name() {
    survives(&[
        "42[{\"toString\":\"foo\"}]",
        "42[[\"a\"]]",
        "42[null]",
        "42[]",
        "42{}",
        "42\"a\"",
        "42[\"connect\"]",
        "42[\"disconnect\"]",
        "42[\"__proto__\",{\"__proto__\":1}]",
    ])
    .await;
}

/// A name that is an error's.
#[tokio::test]
async fn socket_io_cve_2024_38355_an_event_named_error() {
    let lab = Lab::start().await;
    let mut client = lab.joined().await;
    client.send("2[\"error\"]").await;
    lab.until_event("error").await;
    client.vanish();
    serves(&lab).await;
}

/// Attachments without bound.
#[tokio::test]
async fn socket_io_parser_cve_2026_69185_and_socketioxide_ghsa_55mf_67qm_4wpg_many_attachments() {
    survives(&[
        "4511-[\"a\"]",
        "45999999999-[\"a\"]",
        "4518446744073709551616-[\"a\"]",
        "45-[\"a\"]",
    ])
    .await;
    let lab = Lab::start().await;
    let mut raw = lab.raw("EIO=4", &[]).await;
    raw.join().await;
    raw.send_text(r#"4510-1["mirror",{"_placeholder":true,"num":0}]"#)
        .await;
    // Ten of the largest would be a megabyte; together they may be no more than one packet.
    let frame = raw_frame(0x82, &vec![0; options().max_packet]);
    for _ in 0..9 {
        if tokio::io::AsyncWriteExt::write_all(&mut raw.stream, &frame)
            .await
            .is_err()
        {
            break;
        }
    }
    drop(raw);
    serves(&lab).await;
}

/// A body that took memory and time without bound.
#[tokio::test]
async fn engine_io_cve_2020_36048_a_huge_post() {
    let lab = Lab::start().await;
    for (revision, record) in [
        (4, "3\u{1e}"),
        (4, "6\u{1e}"),
        (3, "1:2"),
        (3, "0:"),
        (3, "1:6"),
    ] {
        let session = lab.opened(revision).await;
        let body = record.repeat(options().max_packet / record.len());
        let start = Instant::now();
        lab.http("POST", &session, &body).await;
        assert!(start.elapsed() < Duration::from_secs(2), "{record}");
        lab.leave(&session).await;
    }
    let session = lab.opened(4).await;
    let headers = [("content-length", "99999999999")];
    let mut endless = lab.begin("POST", &session, &headers, b"4").await;
    endless.send(&vec![b'x'; options().max_packet]).await;
    assert_eq!(endless.answer().await.status, 413);
    lab.leave(&session).await;
    serves(&lab).await;
}

/// Requests for a WebSocket, and frames, that nobody caught the error of.
#[tokio::test]
async fn engine_io_cve_2022_21676_crafted_websocket_requests_and_frames() {
    let target = "/socket.io/?EIO=4&transport=websocket";
    let frames = [
        &[0xff; 64][..],
        &[0x81, 0x05, 0, 0],
        &[0xf1, 0x80, 0, 0, 0, 0],
        &[0x88, 0xfe],
    ];
    let mut requests = vec![
        crafted("GET", target, "sec-websocket-extensions: ,;=\"\r\n"),
        crafted("GET", target, "sec-websocket-key: second\r\n"),
        crafted("POST", target, "content-length: 5\r\n"),
        crafted("GET", target, "transfer-encoding: chunked\r\n"),
    ];
    requests.extend(frames.map(|frame| [crafted("GET", target, "").as_slice(), frame].concat()));
    survives_requests(&requests).await;
}

/// Connections that were reset in the middle of something.
#[tokio::test]
async fn engine_io_cve_2022_41940_resets_at_any_point() {
    let lab = Lab::start().await;
    let session = lab.polling_session().await;
    for bytes in [
        &b""[..],
        b"\x81",
        &raw_frame(0x81, b"2probe"),
        &raw_frame(0x81, b"5"),
    ] {
        let mut raw = lab.second(&session).await;
        raw.send(bytes).await;
        raw.reset();
        let mut raw = lab.raw("EIO=4", &[]).await;
        raw.send(bytes).await;
        raw.reset();
    }
    lab.leave(&session).await;
    serves(&lab).await;
}

/// Transports that objects of JavaScript have by nature, and other strange queries.
#[tokio::test]
async fn engine_io_cve_2023_31125_transports_that_do_not_exist() {
    let mut requests = Vec::new();
    for query in [
        "EIO=4&transport=__proto__",
        "EIO=4&transport=constructor&sid=toString",
        "EIO=4&transport=websocket&sid=__proto__",
        "EIO[]=4&transport[]=websocket",
        "EIO=4&EIO=3&transport=polling&transport=websocket",
        "EIO=%zz&transport=%ff&sid=%00",
        "&&&===&&&",
    ] {
        for method in ["GET", "POST", "OPTIONS", "TRACE"] {
            requests.push(crafted(method, &format!("/socket.io/?{query}"), ""));
            requests.push(
                format!("{method} /socket.io/?{query} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
            );
        }
    }
    survives_requests(&requests).await;
}

/// A POST of bytes that was refused, and left open for ever.
#[tokio::test]
async fn engine_io_cve_2026_59725_binary_posts_that_are_refused() {
    let lab = Lab::start().await;
    let headers = [
        ("content-type", "application/octet-stream"),
        ("content-length", "1000"),
    ];
    for _ in 0..20 {
        let session = lab.polling_session().await;
        let post = lab.begin("POST", &session, &headers, b"4").await;
        assert_eq!(post.answer().await.status, 400);
        assert_eq!(lab.get(&session).await.status, 400);
    }
    serves(&lab).await;
}

/// More headers than the server takes.
#[tokio::test]
async fn ws_cve_2024_37890_an_upgrade_with_too_many_headers() {
    let target = "/socket.io/?EIO=4&transport=websocket";
    let requests = [90, 200, 2_000].map(|count| {
        let headers: Vec<_> = (0..count).map(|n| format!("x-{n}: 1\r\n")).collect();
        crafted("GET", target, &headers.concat())
    });
    survives_requests(&requests).await;
}

/// Headers that took quadratic time.
#[tokio::test]
async fn ws_cve_2021_32640_headers_full_of_blanks() {
    let target = "/socket.io/?EIO=4&transport=websocket";
    let mut requests = ["protocol", "extensions", "key", "version"]
        .map(|name| {
            let blanks = format!("sec-websocket-{name}: a{}b\r\n", " ".repeat(50_000));
            crafted("GET", target, &blanks)
        })
        .to_vec();
    let quotes = format!("sec-websocket-extensions: {}\r\n", "a;\"\\".repeat(10_000));
    requests.push(crafted("GET", target, &quotes));
    let elapsed = survives_requests(&requests).await;
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

/// MessagePack that made the parser panic, and nesting that overflowed the stack.
#[tokio::test]
async fn socketioxide_ghsa_7xpx_rcqc_8qjh_and_c6g7_r2mf_pf5g_hostile_msgpack_and_nesting() {
    let lab = Lab::start().await;
    let connect = encode(&serde_json::json!({"type": 0, "nsp": "/"}));
    let nested = [&b"\x81\xa4data"[..], &b"\x91".repeat(90_000)].concat();
    let packets: [&[u8]; 6] = [
        b"",
        b"\xc1",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff",
        &nested,
        b"\x81",
    ];
    for packet in packets {
        let mut raw = lab.raw("EIO=4", &[]).await;
        raw.send_binary(&connect).await;
        raw.binary().await;
        raw.binary().await;
        raw.send_binary(packet).await;
        assert_eq!(raw.close_code().await, Some(1005), "{packet:?}");
    }
    let deep = format!("42[\"a\",{}", "[".repeat(90_000));
    survives(&[&deep, &deep.replace('[', "{\"a\":")[..90_000]]).await;
    serves(&lab).await;
}

/// socketioxide #794: the first character was taken for one byte.
#[tokio::test]
async fn socketioxide_794_packets_that_begin_with_a_long_character() {
    survives(&[
        "\u{e9}",
        "\u{20ac}1",
        "\u{1f600}[\"a\"]",
        "4\u{e9}",
        "4\u{1f600}",
        "42\u{e9}[\"a\"]",
        "45\u{20ac}-[]",
        "42/\u{e9},[\"a\"]",
        "b\u{e9}",
    ])
    .await;
}

/// socketioxide #627: a socket that was put in after its connection had been closed stayed for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn socketioxide_627_sockets_of_connections_that_close_while_they_join() {
    let lab = Lab::start().await;
    let join = raw_frame(0x81, b"40");
    for ending in [
        &b""[..],
        &raw_frame(0x81, b"1"),
        &raw_frame(0x88, b""),
        b"\xff\xff",
    ] {
        for _ in 0..25 {
            let mut raw = lab.raw("EIO=4", &[]).await;
            raw.send(&[&join, ending].concat()).await;
        }
    }
    serves(&lab).await;
    assert!(lab.io.sockets().is_empty() && lab.io.connections().is_empty());
    assert_eq!(lab.io.rooms("/"), 0);
}
