//! What people type into a search box: words, `"phrases"`, `-without`, `this or that`, `begin*`.
//! Whatever else is typed is no error, but ignored.

use std::fmt::Write as _;
use std::ops::Range;

use super::words::{Word, words};

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Of each of these, one.
    all: Vec<Vec<Term>>,
    /// None of these.
    none: Vec<Term>,
}

/// Words that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    words: Vec<String>,
    /// Whether the last one need only begin so.
    is_prefix: bool,
}

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        let mut or = false;
        for piece in pieces(text) {
            if !piece.is_quoted && !piece.is_negated && is_or(piece.text) {
                or = !query.all.is_empty();
                continue;
            }
            let Some(term) = term(&piece) else { continue };
            match query.all.last_mut() {
                _ if piece.is_negated => query.none.push(term),
                Some(last) if or => last.push(term),
                _ => query.all.push(vec![term]),
            }
            or = false;
        }
        query
    }

    /// Whether nothing can be found by it: it only says what is not to be there, or nothing.
    pub(super) fn is_void(&self) -> bool {
        self.all.is_empty()
    }

    /// As PostgreSQL reads a `tsquery`. Words have nothing in them that needs quoting.
    pub(super) fn for_postgres(&self) -> String {
        let term = |term: &Term| {
            let mut words: Vec<String> = term.words.iter().map(|w| format!("'{w}'")).collect();
            if let Some(last) = words.last_mut().filter(|_| term.is_prefix) {
                last.push_str(":*");
            }
            format!("({})", words.join(" <-> "))
        };
        self.write(" & ", " | ", " & !", term)
    }

    /// As FTS5 reads it.
    pub(super) fn for_sqlite(&self) -> String {
        let term = |term: &Term| {
            let star = if term.is_prefix { "*" } else { "" };
            format!("\"{}\"{star}", term.words.join(" "))
        };
        self.write(" AND ", " OR ", " NOT ", term)
    }

    fn write(&self, and: &str, or: &str, not: &str, term: impl Fn(&Term) -> String) -> String {
        let groups = self.all.iter().map(|any| {
            let any: Vec<String> = any.iter().map(&term).collect();
            format!("({})", any.join(or))
        });
        let mut text = format!("({})", groups.collect::<Vec<_>>().join(and));
        for none in &self.none {
            // In memory there is no error.
            let _ = write!(text, "{not}{}", term(none));
        }
        text
    }

    /// Where it is met in a text; `None` when the text is not what is looked for.
    pub(super) fn hits(&self, text: &[Word]) -> Option<Vec<Vec<Range<usize>>>> {
        if self.none.iter().any(|term| !term.hits(text).is_empty()) {
            return None;
        }
        let group = |any: &Vec<Term>| any.iter().flat_map(|term| term.hits(text)).collect();
        let hits: Vec<Vec<Range<usize>>> = self.all.iter().map(group).collect();
        (!self.is_void() && hits.iter().all(|group| !group.is_empty())).then_some(hits)
    }
}

impl Term {
    /// The runs of words, by their indices, that it is met by.
    fn hits(&self, text: &[Word]) -> Vec<Range<usize>> {
        let length = self.words.len();
        let is_met = |window: &[Word]| {
            let mut pairs = window.iter().zip(&self.words).enumerate();
            pairs.all(|(index, (word, wanted))| {
                word.text == *wanted
                    || (self.is_prefix && index + 1 == length && word.text.starts_with(wanted))
            })
        };
        let windows = text.windows(length).enumerate();
        let met = windows.filter(|(_, window)| is_met(window));
        met.map(|(at, _)| at..at + length).collect()
    }
}

struct Piece<'a> {
    text: &'a str,
    is_quoted: bool,
    is_negated: bool,
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let negated = rest.strip_prefix('-');
        let (is_negated, body) = (negated.is_some(), negated.unwrap_or(rest));
        let quoted = body.strip_prefix('"');
        let (text, after) = if let Some(quoted) = quoted {
            // One that is not closed goes to the end.
            quoted.split_once('"').unwrap_or((quoted, ""))
        } else {
            let end = body.find(|c: char| c.is_whitespace() || c == '"');
            body.split_at(end.unwrap_or(body.len()))
        };
        pieces.push(Piece {
            text,
            is_quoted: quoted.is_some(),
            is_negated,
        });
        rest = after.trim_start();
    }
    pieces
}

fn is_or(text: &str) -> bool {
    text.eq_ignore_ascii_case("or") || text == "|" || text == "||"
}

fn term(piece: &Piece<'_>) -> Option<Term> {
    let words: Vec<String> = words(piece.text).into_iter().map(|w| w.text).collect();
    let is_prefix = !piece.is_quoted && piece.text.ends_with('*');
    (!words.is_empty()).then_some(Term { words, is_prefix })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finds(query: &str, text: &str) -> bool {
        Query::parse(query).hits(&words(text)).is_some()
    }

    #[test]
    fn all_words_are_wanted_in_any_order() {
        assert!(finds("lazy dog", "The dog is LAZY."));
        assert!(!finds("lazy dog", "The dog is quick."));
    }

    #[test]
    fn phrases_stand_together() {
        assert!(finds("\"quick fox\"", "a quick fox"));
        assert!(!finds("\"quick fox\"", "a fox, quick"));
        assert!(finds("R&D", "our r&d team") && !finds("R&D", "d or r"));
        assert!(finds("\"never closed", "never closed"));
    }

    #[test]
    fn what_is_without_or_either_or_begins_so() {
        assert!(finds("fox -lazy", "quick fox") && !finds("fox -lazy", "lazy fox"));
        assert!(finds("cat or dog", "dog") && finds("cat OR dog", "cat"));
        assert!(finds("invo*", "the invoices") && !finds("invo", "the invoices"));
    }

    #[test]
    fn what_names_nothing_finds_nothing() {
        for query in ["", "!!!", "-fox", "or", "\"\"", "*", "-", "-\"", "& | ( )"] {
            assert!(Query::parse(query).is_void(), "{query}");
            assert!(!finds(query, "fox"), "{query}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_found_by_each_of_its_words(text in "[a-zäöü 👍&<>\"'-]{0,40}") {
            for word in words(&text) {
                prop_assert!(finds(&word.text, &text) || word.text == "or", "{:?}", word.text);
            }
        }

        #[test]
        fn whatever_is_typed_is_read(query in ".{0,60}|[a \"*or|&!()<>:'-]{0,40}") {
            let parsed = Query::parse(&query);
            let written = parsed.for_postgres() + &parsed.for_sqlite();
            prop_assert!(parsed.is_void() || !written.is_empty());
        }
    }
}
