//! What a message may say: trimmed, without control characters, and harmless even to a front end
//! that assigns it to `innerHTML`, while plain text comes back unchanged.
//!
//! The rule is the one of the HTML tokenizer (WHATWG HTML §13.2.5.6, "tag open state"): a `<`
//! begins markup exactly when an ASCII letter, `/`, `!` or `?` follows. Whatever looks like a real
//! tag or comment is removed; any other such `<` (as in `a<b && c>d`) gets a space after it, which
//! makes it text. So the result never has a `<` before one of those characters, and `1 < 2` or
//! `R&D` were never touched.

/// `raw` without control characters (but `\n` and `\t`) and outer white space. Its length is the
/// one that limits are about.
pub fn visible(raw: &str) -> String {
    let kept: String = raw
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    kept.trim().to_owned()
}

/// `visible` text with nothing in it that an HTML parser would take for markup; may be empty.
pub fn harmless(visible: &str) -> String {
    without_markup(visible).trim().to_owned()
}

/// `raw` as it may be shown to others: [`visible`] and [`harmless`]; may be empty.
pub fn plain(raw: &str) -> String {
    harmless(&visible(raw))
}

/// `text` with no `<` that an HTML parser would take for the start of markup.
fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        push(&mut out, &rest[..at]);
        rest = &rest[at..];
        if let Some(length) = markup_length(rest) {
            rest = &rest[length..];
        } else {
            push(&mut out, "<");
            rest = &rest[1..];
        }
    }
    push(&mut out, rest);
    out
}

/// Appends `part`, keeping apart a `<` and a character that would make markup of it: also those
/// that only became neighbours because something between them was removed.
fn push(out: &mut String, part: &str) {
    if out.ends_with('<') && part.starts_with(opens_markup) {
        out.push(' ');
    }
    out.push_str(part);
}

fn opens_markup(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')
}

/// Length in bytes of the tag, comment or declaration at the start of `text`, if it is one.
fn markup_length(text: &str) -> Option<usize> {
    if let Some(comment) = text.strip_prefix("<!--") {
        return comment.find("-->").map(|end| end + "<!---->".len());
    }
    // A tag within a tag is not one: `a<b <i>c</i>` keeps its `a<b`.
    let end = text[1..].find(['<', '>']).map(|end| end + 1)?;
    if text.as_bytes()[end] == b'<' {
        return None;
    }
    let inner = &text[1..end];
    if inner.starts_with(['!', '?']) {
        return Some(end + 1);
    }
    let inner = inner.strip_prefix('/').unwrap_or(inner);
    let name_end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':');
    let (name, attributes) = inner.split_at(name_end.unwrap_or(inner.len()));
    let bare = attributes.trim().trim_end_matches('/').is_empty();
    let is_tag = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && is_element(name)
        && (bare || attributes.contains('='));
    is_tag.then_some(end + 1)
}

/// Whether HTML, SVG or MathML has an element of this name: `<b>` is markup, `<String>` is not.
fn is_element(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.contains('-') || ELEMENTS.split(' ').any(|element| element == lower)
}

const ELEMENTS: &str = "a abbr acronym address animate applet area article aside audio b base \
    bdi bdo bgsound big blink blockquote body br button canvas caption center circle cite code \
    col colgroup data datalist dd del details dfn dialog dir div dl dt ellipse em embed fieldset \
    figcaption figure font footer foreignobject form frame frameset g h1 h2 h3 h4 h5 h6 head \
    header hgroup hr html i iframe image img input ins isindex kbd keygen label legend li line \
    link main map mark marquee math menu menuitem meta meter nav nobr noembed noframes noscript \
    object ol optgroup option output p param path picture plaintext polygon polyline portal pre \
    progress q rb rect rp rt rtc ruby s samp script search section select set slot small source \
    span strike strong style sub summary sup svg table tbody td template textarea tfoot th thead \
    time title tr track tt u ul use var video wbr xmp";

#[cfg(test)]
mod tests {
    use super::*;
    use html5ever::tendril::TendrilSink;
    use html5ever::{LocalName, ParseOpts, QualName, ns, parse_fragment};
    use markup5ever_rcdom::{NodeData, RcDom};
    use proptest::prelude::*;

    use super::plain as clean;

    #[test]
    fn plain_text_comes_back_unchanged() {
        for text in [
            "1 < 2 && a > b",
            "R&D",
            "👍🏽 ok",
            "a\n\tb",
            "<3",
            "x <= y",
            "&lt;b&gt;",
            "a >b< c",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn tags_are_removed_and_their_text_stays() {
        assert_eq!(clean("<b>bold</b> and <i class=x>it</i>"), "bold and it");
        assert_eq!(clean("<script>alert(1)</script>hi"), "alert(1)hi");
        assert_eq!(clean("<img src=x onerror=alert(1)>hi"), "hi");
        assert_eq!(clean("<!-- c -->x<!doctype html>y<?php z ?>"), "xy");
    }

    #[test]
    fn comparisons_without_spaces_are_kept_readable() {
        assert_eq!(clean("a<b && c>d"), "a< b && c>d");
        assert_eq!(clean("List<String>"), "List< String>");
        assert_eq!(clean("a<n and c=d then e>f"), "a< n and c=d then e>f");
    }

    #[test]
    fn what_is_left_after_a_removal_cannot_become_a_tag() {
        assert_eq!(
            clean("<<b>script>alert(1)<<b>/script>"),
            "< script>alert(1)< /script>"
        );
        assert_eq!(
            clean("<img src=x onerror=alert(1) "),
            "< img src=x onerror=alert(1)"
        );
    }

    #[test]
    fn control_characters_and_outer_space_go() {
        assert_eq!(clean(" \u{0}a\u{7}b\r\nc\u{200B} \n"), "ab\nc\u{200B}");
        assert_eq!(clean(" \t\n "), "");
    }

    /// What a front end gets that assigns `text` to the `innerHTML` of an element: everything in it
    /// that is not text, and the text.
    fn parsed(text: &str, element: &str) -> (Vec<String>, String) {
        let name = QualName::new(None, ns!(html), LocalName::from(element));
        let sink = RcDom::default();
        let parser = parse_fragment(sink, ParseOpts::default(), name, Vec::new(), false);
        let dom = parser.one(text);
        // The parser puts the fragment into an `html` element of its own.
        let root = dom.document.children.borrow()[0].clone();
        let (mut markup, mut said) = (Vec::new(), String::new());
        let mut waiting: Vec<_> = root.children.borrow().iter().rev().cloned().collect();
        while let Some(node) = waiting.pop() {
            match &node.data {
                NodeData::Text { contents } => said.push_str(&contents.borrow()),
                other => markup.push(format!("{other:?}")),
            }
            waiting.extend(node.children.borrow().iter().rev().cloned());
        }
        (markup, said)
    }

    /// Elements that a front end may well show text in.
    const SHOWN_IN: [&str; 6] = ["div", "p", "span", "td", "textarea", "title"];

    #[test]
    fn a_parser_finds_markup_in_what_was_not_cleaned() {
        // The tests below would not notice anything otherwise.
        for raw in [
            "<b>x",
            "<img src=x onerror=alert(1)>",
            "<!-- x -->",
            "</b",
            "<?x>",
            "<a\n",
        ] {
            let (markup, said) = parsed(raw, "div");
            assert!(!markup.is_empty() || said != raw, "{raw}");
        }
    }

    #[test]
    fn what_attackers_send_is_text_in_the_end() {
        let attacks = [
            "<script>alert(1)</script>",
            "<ScRiPt >alert(1)</ScRiPt >",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "<svg><script>alert(1)</script></svg>",
            "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<iframe srcdoc=\"<script>alert(1)</script>\">",
            "<<script>alert(1)//<</script>",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            "<!--><img src=x onerror=alert(1)>-->",
            "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
            "<template><img src=x onerror=alert(1)></template>",
            "<\u{0}script>alert(1)</script>",
            "<\u{8}img src=x onerror=alert(1)>",
            "<img\u{c}src=x\u{c}onerror=alert(1)>",
            "<x-y onclick=alert(1)>",
            "</textarea><img src=x onerror=alert(1)>",
            "</title><img src=x onerror=alert(1)>",
            "<img src=x onerror=alert(1)",
            "<plaintext>",
            "<?xml-stylesheet href=javascript:alert(1)?>",
            "<![CDATA[<img src=x onerror=alert(1)>]]>",
        ];
        for raw in attacks {
            for element in SHOWN_IN {
                let (markup, _) = parsed(&clean(raw), element);
                assert!(markup.is_empty(), "{raw} in {element}: {markup:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_parser_finds_no_element_whatever_comes_in(
            parts in prop::collection::vec(prop_oneof![
                "[<>/!?a-z =\"'\\-&;\\[\\]\u{0}\u{8}\t\n\u{c}]{0,12}",
                "</?(b|img|script|svg|a|style|textarea|title|template|x-y)( [a-z]{1,3}=[a-z\"'<>]{0,4}){0,2}/?>?",
                Just("<!--".to_owned()), Just("-->".to_owned()), Just("<![CDATA[".to_owned()),
                ".{0,12}",
            ], 0..8),
            element in prop::sample::select(&SHOWN_IN[..]),
        ) {
            let raw = parts.concat();
            let (markup, _) = parsed(&clean(&raw), element);
            prop_assert!(markup.is_empty(), "{:?} in {}: {:?}", raw, element, markup);
        }

        #[test]
        fn text_without_markup_comes_back_unchanged(text in "[^<\\p{Cc}]{0,40}|([a-z&>0-9]{0,4} < ?[0-9 =&>]{1,4}){0,6}") {
            prop_assert_eq!(clean(&text), text.trim());
        }

        #[test]
        fn no_markup_is_left_whatever_comes_in(text in "[<>/!?a-b =\"'\\-&;x]{0,60}|.{0,60}") {
            let stored = clean(&text);
            let opens = stored.as_bytes().windows(2).any(|pair| {
                pair[0] == b'<' && opens_markup(pair[1] as char)
            });
            prop_assert!(!opens, "{text:?} became {stored:?}");
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in "[<>/!?a-b =\"\\-&;]{0,60}|.{0,60}") {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
