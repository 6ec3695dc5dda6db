//! The part of a text that shows why it was found, as HTML.

use std::ops::Range;

use super::words::Word;

/// Words before the first hit that are shown.
const BEFORE: usize = 6;
/// Words that are shown in all.
const WORDS: usize = 30;
/// Longest snippet in bytes of text, for texts that are hardly words.
const LONGEST: usize = 600;

/// Part of `text` around the first of its hits (indices of `words`, ascending), which are between
/// `<mark>` and `</mark>`. Everything else is escaped: a browser shows it as it is in the text.
pub(super) fn snippet(text: &str, words: &[Word], hits: &[Range<usize>]) -> String {
    let first = hits.first().map_or(0, |hit| hit.start);
    let begin = first.saturating_sub(BEFORE);
    let end = (begin + WORDS).min(words.len());
    let from = if begin == 0 { 0 } else { words[begin].at.start };
    let to = if end == words.len() {
        text.len()
    } else {
        words[end - 1].at.end
    };
    let earliest = words.get(first).map_or(0, |word| word.at.start);
    // Where a text is hardly words, the hit is what has to be there.
    let from = floor(text, from.max(earliest.saturating_sub(LONGEST / 4)));
    let to = floor(text, to.min(from + LONGEST));
    let mut html = String::with_capacity(to - from + 32);
    html.push_str(if from > 0 { "…" } else { "" });
    let mut at = from;
    for hit in hits {
        let marked = words[hit.start].at.start..words[hit.end - 1].at.end;
        if marked.start < at || marked.end > to {
            continue;
        }
        escape(&mut html, &text[at..marked.start]);
        html.push_str("<mark>");
        escape(&mut html, &text[marked.clone()]);
        html.push_str("</mark>");
        at = marked.end;
    }
    escape(&mut html, &text[at..to]);
    html.push_str(if to < text.len() { "…" } else { "" });
    html
}

/// The boundary of a character at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

fn escape(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::query::Query;
    use super::super::words::words;
    use super::*;
    use proptest::prelude::*;

    fn of(query: &str, text: &str) -> String {
        let words = words(text);
        let hits = Query::parse(query).hits(&words).unwrap_or_default();
        let mut hits: Vec<_> = hits.into_iter().flatten().collect();
        hits.sort_by_key(|hit| (hit.start, hit.end));
        snippet(text, &words, &hits)
    }

    #[test]
    fn hits_are_marked_and_the_rest_is_text() {
        assert_eq!(
            of("fox", "a Fox & a <3"),
            "a <mark>Fox</mark> &amp; a &lt;3"
        );
        assert_eq!(of("r&d", "our R&D"), "our <mark>R&amp;D</mark>");
        assert_eq!(of("👍", "ok 👍🏽"), "ok <mark>👍</mark>🏽");
    }

    #[test]
    fn of_a_long_text_a_part_is_shown() {
        let text = format!("{}needle {}", "hay ".repeat(100), "hay ".repeat(100));
        let shown = of("needle", &text);
        assert!(
            shown.starts_with("…hay") && shown.ends_with("hay…"),
            "{shown}"
        );
        assert!(shown.contains("<mark>needle</mark>") && shown.len() < 250);
        let shown = of("needle", &format!("{} needle", "é".repeat(4_000)));
        assert!(
            shown.contains("<mark>needle</mark>") && shown.len() < 700,
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn nothing_but_marks_is_markup(
            query in "[a-c<>&\"'/ =!-]{0,20}|mark|lt|amp|script",
            text in "([a-c<>&\"'/ =;!-]|<script>|</mark>|<mark>|&lt;|<img src=a onerror=b>|🦊|ä){0,40}",
        ) {
            let shown = of(&query, &text);
            let parts: Vec<&str> = shown.split("<mark>").collect();
            let closed = parts[1..].iter().all(|part| part.matches("</mark>").count() == 1);
            prop_assert!(closed && !parts[0].contains("</mark>"), "{shown}");
            let bare = shown.replace("<mark>", "").replace("</mark>", "");
            prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{shown}");
            let plain = bare.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            let plain = plain.replace("&#39;", "'").replace("&amp;", "&");
            let plain = plain.trim_matches('…');
            prop_assert!(text.contains(plain), "{shown} is not of {text}");
        }
    }
}
