//! Numbers, truth values, text, paths, addresses, and values that need not be there.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Value, expected};
use crate::key::Secrecy;

impl Value for u32 {
    const KIND: &'static str = "whole number";

    fn from_text(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map_err(|_| format!("must be a whole number from 0 to {}", u32::MAX))
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(number) => Self::from_text(&number.to_string()),
            other => Err(expected::<Self>(other)),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::Integer(i64::from(*self)))
    }

    fn magnitude(&self) -> Option<u128> {
        Some(u128::from(*self))
    }
}

impl Value for bool {
    const KIND: &'static str = "truth value";
    const CHOICES: &'static [&'static str] = &["true", "false"];

    fn from_text(text: &str) -> Result<Self, String> {
        text.trim()
            .parse()
            .map_err(|_| "must be true or false".to_owned())
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| expected::<Self>(value))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::Boolean(*self))
    }
}

impl Value for String {
    const KIND: &'static str = "text";
    const LIST_KIND: &'static str = "list of texts";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("must not be empty".to_owned()),
            text => Ok(text.to_owned()),
        }
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.clone()))
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "path";
    const LIST_KIND: &'static str = "list of paths";

    fn from_text(text: &str) -> Result<Self, String> {
        String::from_text(text).map(Self::from)
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.display().to_string()))
    }
}

impl Value for SocketAddr {
    const KIND: &'static str = "socket address";

    fn from_text(text: &str) -> Result<Self, String> {
        text.trim().parse().map_err(|_| {
            "must be an IP address with a port, like 0.0.0.0:8080 or [::1]:9090".to_owned()
        })
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const SECRECY: Secrecy = T::SECRECY;

    fn from_text(text: &str) -> Result<Self, String> {
        T::from_text(text).map(Some)
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        T::from_toml(value).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn to_toml(&self) -> Option<toml::Value> {
        self.as_ref().and_then(T::to_toml)
    }

    fn shown(&self) -> Option<toml::Value> {
        self.as_ref().and_then(T::shown)
    }

    fn magnitude(&self) -> Option<u128> {
        self.as_ref().and_then(T::magnitude)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_may_be_the_greatest_there_is_and_no_more() {
        assert_eq!(u32::from_text("4294967295"), Ok(u32::MAX));
        assert!(u32::from_text("4294967296").is_err());
        assert_eq!(u32::from_toml(&toml::Value::Integer(0)), Ok(0));
        assert!(u32::from_toml(&toml::Value::Integer(-1)).is_err());
    }

    #[test]
    fn a_port_may_be_the_greatest_there_is_and_no_more() {
        assert!(SocketAddr::from_text("127.0.0.1:65535").is_ok());
        assert!(SocketAddr::from_text("127.0.0.1:65536").is_err());
        assert!(SocketAddr::from_text("localhost:8080").is_err());
    }

    proptest! {
        #[test]
        fn every_socket_address_survives_being_written_and_read(ip: IpAddr, port: u16) {
            let address = SocketAddr::new(ip, port);
            let written = address.to_toml().unwrap();
            prop_assert_eq!(SocketAddr::from_toml(&written), Ok(address));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text: String) {
            let _ = (SocketAddr::from_text(&text), u32::from_text(&text), bool::from_text(&text));
        }
    }
}
