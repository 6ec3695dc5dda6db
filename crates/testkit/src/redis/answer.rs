//! One command and its answer, as Redis speaks without TLS.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream,
};
use tokio::net::TcpStream;

/// What the server at `port` answers: an answer that is a list has an element on each line, as
/// `redis-cli` writes it.
pub(super) async fn ask(port: u16, password: Option<&str>, command: &[&str]) -> Result<String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let mut stream = BufStream::new(stream);
    if let Some(password) = password {
        stream.write_all(&written(&["AUTH", password])).await?;
    }
    stream.write_all(&written(command)).await?;
    stream.flush().await?;
    if password.is_some() {
        read(&mut stream).await?;
    }
    Ok(read(&mut stream).await?.trim().to_owned())
}

fn written(command: &[&str]) -> Vec<u8> {
    let words = command.iter();
    let words = words.map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let words: String = words.collect();
    format!("*{}\r\n{words}", command.len()).into_bytes()
}

async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<String> {
    let (mut lines, mut expected) = (Vec::new(), 1_u64);
    while expected > 0 {
        expected -= 1;
        let mut line = String::new();
        from.read_line(&mut line).await?;
        let line = line.strip_suffix("\r\n").context("it hung up")?;
        let (kind, rest) = line.split_at_checked(1).context("an empty line")?;
        match kind {
            "+" | ":" => lines.push(rest.to_owned()),
            "-" => bail!("{rest}"),
            "$" => lines.push(text(from, rest.parse()?).await?),
            // -1 is "none".
            "*" => {
                let more: i64 = rest.parse()?;
                expected = expected.saturating_add(more.max(0).cast_unsigned());
            }
            _ => bail!("not an answer of Redis: {line}"),
        }
    }
    Ok(lines.join("\n"))
}

/// A text of so many bytes; -1 is "none".
async fn text(from: &mut (impl AsyncBufRead + Unpin), length: i64) -> Result<String> {
    let Ok(length) = u64::try_from(length) else {
        return Ok(String::new());
    };
    let (mut bytes, mut end) = (Vec::new(), [0; 2]);
    from.take(length).read_to_end(&mut bytes).await?;
    from.read_exact(&mut end).await?;
    ensure!(&end == b"\r\n", "a text is longer than it says");
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Redis may answer.
    #[derive(Clone, Debug)]
    enum Answer {
        Nothing,
        Number(i64),
        Status(String),
        Text(String),
        List(Vec<Answer>),
    }

    impl Answer {
        fn on_the_wire(&self) -> String {
            match self {
                Self::Nothing => "$-1\r\n".to_owned(),
                Self::Number(number) => format!(":{number}\r\n"),
                Self::Status(word) => format!("+{word}\r\n"),
                Self::Text(text) => format!("${}\r\n{text}\r\n", text.len()),
                Self::List(all) => {
                    let elements: String = all.iter().map(Self::on_the_wire).collect();
                    format!("*{}\r\n{elements}", all.len())
                }
            }
        }

        fn lines(&self) -> Vec<String> {
            match self {
                Self::Nothing => vec![String::new()],
                Self::Number(number) => vec![number.to_string()],
                Self::Status(text) | Self::Text(text) => vec![text.clone()],
                Self::List(all) => all.iter().flat_map(Self::lines).collect(),
            }
        }
    }

    fn answers() -> impl Strategy<Value = Answer> {
        let leaf = prop_oneof![
            Just(Answer::Nothing),
            any::<i64>().prop_map(Answer::Number),
            "[A-Za-z ]{0,8}".prop_map(Answer::Status),
            "(?s).{0,20}".prop_map(Answer::Text),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            proptest::collection::vec(inner, 0..5).prop_map(Answer::List)
        })
    }

    fn read_from(mut bytes: &[u8]) -> Result<(String, usize)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let answer = runtime.block_on(read(&mut bytes))?;
        Ok((answer, bytes.len()))
    }

    proptest! {
        #[test]
        fn every_element_of_an_answer_is_on_lines_of_its_own(answer in answers(), next in "[a-z]{0,3}") {
            let bytes = answer.on_the_wire() + &next;
            let read = read_from(bytes.as_bytes()).unwrap();
            prop_assert_eq!(read, (answer.lines().join("\n"), next.len()));
        }

        #[test]
        fn an_answer_that_is_cut_off_is_none(answer in answers(), cut in any::<prop::sample::Index>()) {
            let bytes = answer.on_the_wire();
            prop_assert!(read_from(&bytes.as_bytes()[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop_oneof![any::<Vec<u8>>(), "([*$:+-][0-9-]{0,19}\r\n){0,4}".prop_map(String::into_bytes)]) {
            let _ = read_from(&bytes);
        }
    }

    #[test]
    fn a_complaint_is_an_error_and_says_why() {
        let error = read_from(b"*2\r\n:1\r\n-ERR no such thing\r\n").unwrap_err();
        assert_eq!(error.to_string(), "ERR no such thing");
    }

    #[test]
    fn a_text_may_have_line_ends_and_has_as_many_bytes_as_it_says() {
        let (text, rest) = read_from(b"$4\r\na\r\nb\r\n").unwrap();
        assert_eq!((text.as_str(), rest), ("a\r\nb", 0));
        assert!(read_from(b"$3\r\na\r\nb\r\n").is_err());
    }
}
