//! Whether the mail server can be reached. The key has no effect yet, and is looked at all the same.

use reqwest::Url;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;

use super::finding::Finding;
use super::patient::Patient;

const CHECK: &str = "notifications.smtp_url";
const NO_EFFECT: &str = "the key has no effect in this version";

pub(super) async fn look(patient: &Patient<'_>) -> Option<Finding> {
    let text = match patient.reserved(CHECK) {
        Some(text) => text.to_owned(),
        None => match from_file(patient.reserved("notifications.smtp_url_file")?) {
            Ok(text) => text,
            Err(finding) => return Some(finding),
        },
    };
    let Some((tls, host, port)) = server(&text) else {
        let mend = "write it like smtp://user:password@mail.example.com:587";
        return Some(Finding::fail(CHECK, "is no smtp:// or smtps:// URL", mend));
    };
    let greeted = match patient.bounded(greeting(tls, &host, port)).await {
        Ok(greeted) => greeted,
        Err(late) => Err(late),
    };
    Some(match greeted {
        Ok(greeting) => Finding::ok(CHECK, format!("{host}:{port} {greeting}; {NO_EFFECT}")),
        Err(why) => Finding::fail(
            CHECK,
            format!("{host}:{port}: {why}; {NO_EFFECT}"),
            format!("let this host reach port {port} of {host}, or correct notifications.smtp_url"),
        ),
    })
}

fn from_file(path: &str) -> Result<String, Finding> {
    let read = std::fs::read_to_string(path);
    read.map(|text| text.trim().to_owned()).map_err(|error| {
        let mend = format!("let the user of `switchboard serve` read {path}");
        Finding::fail(CHECK, format!("{path}: {error}"), mend)
    })
}

/// Whether TLS comes first, host and port.
fn server(text: &str) -> Option<(bool, String, u16)> {
    let url = Url::parse(text).ok()?;
    let (tls, usual) = match url.scheme() {
        "smtp" => (false, 587),
        "smtps" => (true, 465),
        _ => return None,
    };
    Some((tls, url.host_str()?.to_owned(), url.port().unwrap_or(usual)))
}

/// A server speaks first (RFC 5321, 3.1), where TLS does not come before that.
async fn greeting(tls: bool, host: &str, port: u16) -> Result<&'static str, String> {
    let bare = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, port)).await;
    let stream = stream.map_err(|error| error.to_string())?;
    if tls {
        return Ok("takes connections");
    }
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream);
    let read = tokio::io::AsyncReadExt::take(&mut reader, 512);
    let read = BufReader::new(read).read_until(b'\n', &mut line).await;
    read.map_err(|error| error.to_string())?;
    if line.starts_with(b"220") {
        Ok("greets as a mail server")
    } else {
        Err("what answers is no mail server".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_port_is_the_usual_one_unless_it_says_so() {
        let host = || "mail.example.com".to_owned();
        assert_eq!(
            server("smtp://u:p@mail.example.com"),
            Some((false, host(), 587))
        );
        assert_eq!(
            server("smtps://mail.example.com"),
            Some((true, host(), 465))
        );
        assert_eq!(
            server("smtp://mail.example.com:25"),
            Some((false, host(), 25))
        );
        assert_eq!(server("mail.example.com:25"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|smtps?://\\PC*") {
            server(&text);
        }
    }
}
