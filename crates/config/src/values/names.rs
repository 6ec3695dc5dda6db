//! Short texts with a grammar of their own.

use std::fmt;

use super::Value;

/// A text that `check` lets through.
macro_rules! name {
    ($(#[doc = $doc:literal])+ pub struct $name:ident: $kind:literal, $normalize:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Value for $name {
            const KIND: &'static str = $kind;

            fn from_text(text: &str) -> Result<Self, String> {
                let normalize: fn(&str) -> Result<String, String> = $normalize;
                normalize(text.trim()).map(Self)
            }

            fn to_toml(&self) -> Option<toml::Value> {
                Some(toml::Value::String(self.0.clone()))
            }
        }
    };
}

name! {
    /// What a node calls itself: 1 to 64 of `A-Za-z0-9_.-`.
    pub struct NodeId: "name", |text| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 64 of A-Z a-z 0-9 _ . -".to_owned())
        }
    }
}

name! {
    /// The name of a claim in a token: 1 to 128 printable ASCII characters without spaces, since
    /// many issuers use URLs.
    pub struct ClaimName: "claim name", |text| {
        if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 128 printable ASCII characters without spaces".to_owned())
        }
    }
}

name! {
    /// The id of an organization: 1 to 128 of `A-Za-z0-9_.@:-`, as in tokens.
    pub struct OrgId: "organization id", |text| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.@:-".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 128 of A-Z a-z 0-9 _ . @ : -".to_owned())
        }
    }
}

name! {
    /// The name of a cookie: 1 to 128 of the characters that RFC 6265 allows (an RFC 9110 token).
    pub struct CookieName: "cookie name", |text| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 128 letters, digits or !#$%&'*+-.^_`|~".to_owned())
        }
    }
}

name! {
    /// What the keys of a Redis begin with: 1 to 32 of `A-Za-z0-9_.:-`. No braces, because they
    /// say which slot of a Redis Cluster a key belongs to.
    pub struct KeyPrefix: "key prefix", |text| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
        if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be 1 to 32 of A-Z a-z 0-9 _ . : -".to_owned())
        }
    }
}

name! {
    /// What to log: `info`, or one level a module as in `info,switchboard_hub=debug`.
    pub struct LogLevel: "log level", |text| {
        let level = |text: &str| {
            ["off", "error", "warn", "info", "debug", "trace"].contains(&text)
        };
        let module = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b))
        };
        let fits = |part: &str| match part.split_once('=') {
            Some((name, wanted)) => module(name) && level(wanted),
            None => level(part),
        };
        if text.split(',').all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be off, error, warn, info, debug or trace, perhaps followed by single \
                 modules, as in info,switchboard_hub=debug"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_node_id_may_have_64_characters_and_no_more() {
        assert!(NodeId::from_text(&"n".repeat(64)).is_ok());
        assert!(NodeId::from_text(&"n".repeat(65)).is_err());
        assert!(NodeId::from_text("").is_err());
        assert!(NodeId::from_text("node 1").is_err());
    }

    #[test]
    fn a_claim_name_may_have_128_characters_and_no_more() {
        assert!(ClaimName::from_text("https://example.com/claims/org").is_ok());
        assert!(ClaimName::from_text(&"c".repeat(128)).is_ok());
        assert!(ClaimName::from_text(&"c".repeat(129)).is_err());
        assert!(ClaimName::from_text("").is_err());
    }

    #[test]
    fn an_organization_id_and_a_cookie_name_may_have_128_characters_and_no_more() {
        assert!(OrgId::from_text(&"o".repeat(128)).is_ok());
        assert!(OrgId::from_text(&"o".repeat(129)).is_err());
        assert!(OrgId::from_text("acme corp").is_err());
        assert!(CookieName::from_text(&"c".repeat(128)).is_ok());
        assert!(CookieName::from_text(&"c".repeat(129)).is_err());
        assert!(CookieName::from_text("a=b").is_err());
    }

    #[test]
    fn a_key_prefix_may_have_32_characters_and_no_more() {
        assert!(KeyPrefix::from_text(&"k".repeat(32)).is_ok());
        assert!(KeyPrefix::from_text(&"k".repeat(33)).is_err());
        assert!(KeyPrefix::from_text("{sb}").is_err());
    }

    #[rstest]
    #[case("info", true)]
    #[case("info,switchboard_hub=debug,sqlx::query=warn", true)]
    #[case("off", true)]
    #[case("verbose", false)]
    #[case("info,", false)]
    #[case("=info", false)]
    #[case("switchboard=loud", false)]
    fn a_log_level_is_one_of_the_usual_words(#[case] text: &str, #[case] fits: bool) {
        assert_eq!(LogLevel::from_text(text).is_ok(), fits);
    }

    proptest! {
        #[test]
        fn every_name_survives_being_written_and_read(text in "\\PC*|[a-z_=,]{0,20}") {
            if let Ok(level) = LogLevel::from_text(&text) {
                prop_assert_eq!(LogLevel::from_text(level.as_str()), Ok(level));
            }
            if let Ok(id) = NodeId::from_text(&text) {
                prop_assert_eq!(NodeId::from_text(id.as_str()), Ok(id));
            }
            if let Ok(claim) = ClaimName::from_text(&text) {
                prop_assert_eq!(ClaimName::from_text(claim.as_str()), Ok(claim));
            }
        }
    }
}
