//! A place in a trace, as W3C Trace Context writes it: <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of a trace, here or elsewhere, and whether its trace is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    pub trace: NonZeroU128,
    pub span: NonZeroU64,
    /// What whoever began the trace decided.
    pub sampled: bool,
}

/// Length of a `traceparent` of version 00.
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;

impl TraceContext {
    /// Reads a `traceparent`; `None` for what is none. Versions that are yet to come are read as far as
    /// this one goes (section 4.3 of the specification).
    pub fn parse(text: &str) -> Option<Self> {
        let (known, rest) = text.as_bytes().split_at_checked(LENGTH)?;
        let mut fields = known.split(|byte| *byte == b'-');
        let mut next = |length| fields.next().filter(|field| field.len() == length);
        let version = hex(next(2)?)?;
        let trace = NonZeroU128::new(hex(next(32)?)?)?;
        let span = NonZeroU64::new(hex(next(16)?)? as u64)?;
        let flags = hex(next(2)?)? as u8;
        let fits = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        fits.then_some(Self {
            trace,
            span,
            sampled: flags & SAMPLED != 0,
        })
    }
}

/// Digits in lower case only, as the specification wants them; at most 32.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

impl fmt::Display for TraceContext {
    /// The `traceparent`, in version 00.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span, sampled) = (self.trace, self.span, u8::from(self.sampled));
        write!(f, "00-{trace:032x}-{span:016x}-{sampled:02x}")
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a place from what another node wrote, which may be of another version: what cannot be read is
/// no place, and never in the way of what it came with.
pub fn lenient<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<TraceContext>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.as_deref().and_then(TraceContext::parse))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[rstest]
    #[case(format!("00-{TRACE}-{SPAN}-01"), Some(true))]
    #[case(format!("00-{TRACE}-{SPAN}-00"), Some(false))]
    #[case::only_the_lowest_flag_is_known(format!("00-{TRACE}-{SPAN}-fe"), Some(false))]
    #[case(format!("00-{TRACE}-{SPAN}-ff"), Some(true))]
    #[case::a_version_to_come(format!("cc-{TRACE}-{SPAN}-01"), Some(true))]
    #[case::a_version_to_come_with_more(format!("cc-{TRACE}-{SPAN}-01-what-the-future"), Some(true))]
    #[case(format!("cc-{TRACE}-{SPAN}-01what-the-future"), None)]
    #[case::version_00_has_no_more(format!("00-{TRACE}-{SPAN}-01-more"), None)]
    #[case(format!("00-{TRACE}-{SPAN}-01-"), None)]
    #[case::version_ff(format!("ff-{TRACE}-{SPAN}-01"), None)]
    #[case::version_ff_with_more(format!("ff-{TRACE}-{SPAN}-01-more"), None)]
    #[case::zero_trace(format!("00-{}-{SPAN}-01", "0".repeat(32)), None)]
    #[case::zero_span(format!("00-{TRACE}-{}-01", "0".repeat(16)), None)]
    #[case::upper_case(format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None)]
    #[case::upper_case_span(format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), None)]
    #[case::upper_case_flags(format!("00-{TRACE}-{SPAN}-0A"), None)]
    #[case::one_too_short(format!("00-{TRACE}-{SPAN}-0"), None)]
    #[case::other_separators(format!("00_{TRACE}_{SPAN}_01"), None)]
    #[case::a_short_trace(format!("00-{}-{SPAN}-010", &TRACE[1..]), None)]
    #[case::white_space(format!(" 00-{TRACE}-{SPAN}-01"), None)]
    #[case(String::new(), None)]
    fn a_traceparent_is_what_the_specification_says(
        #[case] text: String,
        #[case] sampled: Option<bool>,
    ) {
        let read = TraceContext::parse(&text);
        assert_eq!(read.map(|context| context.sampled), sampled, "{text}");
        if let Some(context) = read {
            assert_eq!(format!("{:032x}", context.trace), TRACE);
            assert_eq!(format!("{:016x}", context.span), SPAN);
        }
    }

    proptest! {
        #[test]
        fn a_context_is_read_as_it_was_written(trace: NonZeroU128, span: NonZeroU64, sampled: bool) {
            let context = TraceContext { trace, span, sampled };
            prop_assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }

        #[test]
        fn what_is_read_is_a_traceparent_and_nothing_makes_the_parser_panic(
            text in "\\PC{0,70}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-\\PC{0,9})?",
        ) {
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert!(!text.starts_with("ff"));
                prop_assert_eq!(&context.to_string()[3..52], &text[3..52]);
            }
        }

        #[test]
        fn one_character_that_is_no_hexadecimal_digit_spoils_it(at in 0..52_usize, bad in "[^0-9a-f-]") {
            let mut text = format!("00-{TRACE}-{SPAN}-01");
            text.replace_range(at..=at, &bad);
            prop_assert_eq!(TraceContext::parse(&text), None);
        }
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Carrier {
        n: u8,
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "lenient"
        )]
        trace: Option<TraceContext>,
    }

    #[test]
    fn an_event_without_a_trace_carries_nothing_and_one_that_cannot_be_read_is_none() {
        let read = |text: &str| serde_json::from_str::<Carrier>(text).unwrap();
        let nothing = read(r#"{"n":1}"#);
        assert_eq!(serde_json::to_string(&nothing).unwrap(), r#"{"n":1}"#);
        let text = format!(r#"{{"n":1,"trace":"00-{TRACE}-{SPAN}-01"}}"#);
        assert_eq!(serde_json::to_string(&read(&text)).unwrap(), text);
        assert!(
            read(r#"{"n":1,"trace":"of another version"}"#)
                .trace
                .is_none()
        );
        assert!(read(r#"{"n":1,"trace":null}"#).trace.is_none());
    }
}
