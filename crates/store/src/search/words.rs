//! The words of a text: the same for what is stored, what is searched for and what is shown of it, and
//! for both databases, whatever their locales and tokenizers think of umlauts and emoji.
//!
//! A word is a run of letters and digits (with the marks that belong to them) in lower case and
//! Unicode's normal form. What is written without spaces between words (Chinese, Japanese) counts
//! letter by letter, and so do emoji; their skin tones and joiners do not count.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word, in characters: of longer ones the beginning counts.
const MAX_WORD: usize = 64;

/// A word, and where it is in the text (in bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Range<usize>,
}

/// How a character takes part in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// With its neighbours.
    Letter,
    /// Alone.
    Alone,
    /// Continues a word, begins none.
    Mark,
    None,
}

fn part(c: char) -> Part {
    match c {
        c if c.is_ascii_alphanumeric() => Part::Letter,
        // Skin tones only colour what is before.
        '\0'..='\x7F' | '\u{1F3FB}'..='\u{1F3FF}' => Part::None,
        // Ideographs, kana and the like; symbols and emoji.
        '\u{3040}'..='\u{30FF}'
        | '\u{3400}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}'
        | '\u{203C}'
        | '\u{2049}'
        | '\u{2190}'..='\u{21FF}'
        | '\u{2300}'..='\u{23FF}'
        | '\u{2600}'..='\u{27BF}'
        | '\u{2B00}'..='\u{2BFF}'
        | '\u{1F000}'..='\u{1FAFF}' => Part::Alone,
        c if is_combining_mark(c) => Part::Mark,
        c if c.is_alphanumeric() => Part::Letter,
        _ => Part::None,
    }
}

/// The words of `text`, in their order.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut run: Option<usize> = None;
    for (at, c) in text.char_indices() {
        match part(c) {
            Part::Letter => {
                run.get_or_insert(at);
            }
            Part::Mark => {}
            part => {
                if let Some(begin) = run.take() {
                    words.extend(word(text, begin..at));
                }
                if part == Part::Alone {
                    words.extend(word(text, at..at + c.len_utf8()));
                }
            }
        }
    }
    if let Some(begin) = run {
        words.extend(word(text, begin..text.len()));
    }
    words
}

fn word(text: &str, at: Range<usize>) -> Option<Word> {
    let written = &text[at.clone()];
    if written.is_ascii() {
        // What most are written in is its own normal form.
        let text = written[..written.len().min(MAX_WORD)].to_ascii_lowercase();
        return Some(Word { text, at });
    }
    let text = folded(written);
    (!text.is_empty()).then_some(Word { text, at })
}

fn folded(written: &str) -> String {
    let folded = written.nfkc().flat_map(char::to_lowercase).nfkc();
    // Composing may bring what is no part of a word, such as the stroke of "½".
    let folded = folded.filter(|c| part(*c) != Part::None);
    folded.take(MAX_WORD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        assert_eq!(of("Hello, WORLD 42!"), ["hello", "world", "42"]);
        assert_eq!(of("R&D"), ["r", "d"]);
        assert_eq!(
            of("ann@example.com/a-b_c"),
            ["ann", "example", "com", "a", "b", "c"]
        );
        assert_eq!(of("  \n…—“”"), [""; 0]);
    }

    #[test]
    fn one_letter_is_the_same_however_it_is_composed() {
        assert_eq!(of("GRÖSSE"), of("gro\u{308}sse"));
        assert_ne!(of("größe"), of("grosse"));
        assert_ne!(of("schon"), of("schön"));
    }

    #[test]
    fn emoji_and_ideographs_count_one_by_one() {
        assert_eq!(of("ok👍🏽👍"), ["ok", "👍", "👍"]);
        assert_eq!(of("日本語"), ["日", "本", "語"]);
    }

    #[test]
    fn of_a_word_64_characters_count() {
        assert_eq!(of(&"a".repeat(65)), of(&"a".repeat(64)));
        assert_ne!(of(&"a".repeat(64)), of(&"a".repeat(63)));
    }

    proptest! {
        #[test]
        fn ascii_is_folded_as_all_else_is(text in "[ -~]{0,80}|[a-zA-Z0-9]{60,70}") {
            for word in words(&text) {
                prop_assert_eq!(&word.text, &folded(&text[word.at]));
            }
        }

        #[test]
        fn words_are_where_they_say_and_have_nothing_that_a_database_could_misread(text in ".{0,80}") {
            let mut end = 0;
            for word in words(&text) {
                prop_assert!(word.at.start >= end && text.get(word.at.clone()).is_some());
                end = word.at.end;
                prop_assert!(word.text.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()));
                prop_assert!(!word.text.chars().any(char::is_whitespace), "{:?}", word.text);
            }
        }
    }
}
