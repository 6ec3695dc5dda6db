//! The address at which other nodes reach this one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::Value;

/// `http://host:port`, and nothing after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUrl(String);

impl NodeUrl {
    /// The URL, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for NodeUrl {
    const KIND: &'static str = "URL";

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || "must be like http://10.0.0.7:9090, without a path".to_owned();
        let text = text.trim();
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        if !is_host(host) || !is_port(port) {
            return Err(wrong());
        }
        if host
            .trim_matches(['[', ']'])
            .parse()
            .is_ok_and(|ip: IpAddr| ip.is_unspecified())
        {
            return Err(format!(
                "{host} is every address of a machine, and none that another can reach"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.0.clone()))
    }
}

fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[') {
        let v6 = v6.strip_suffix(']').map(str::parse::<Ipv6Addr>);
        return matches!(v6, Some(Ok(_)));
    }
    !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Digits alone: `parse` takes a `+` too.
fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://10.0.0.7:9090")]
    #[case("http://[fd00::7]:9090")]
    #[case("http://gateway-0.gateway.default.svc:9090")]
    #[case("http://127.0.0.1:1")]
    #[case("http://127.0.0.1:65535")]
    fn a_node_is_reached_at_a_host_and_a_port(#[case] text: &str) {
        assert_eq!(NodeUrl::from_text(text).unwrap().as_str(), text);
    }

    #[rstest]
    #[case("")]
    #[case("10.0.0.7:9090")]
    #[case("https://10.0.0.7:9090")]
    #[case("http://10.0.0.7")]
    #[case("http://10.0.0.7:0")]
    #[case("http://10.0.0.7:65536")]
    #[case("http://10.0.0.7:+90")]
    #[case("http://10.0.0.7:9090/")]
    #[case("http://user@10.0.0.7:9090")]
    #[case("http://:9090")]
    #[case("http://[fd00::7:9090")]
    #[case("http://fd00::7:9090")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(NodeUrl::from_text(text).is_err());
    }

    #[rstest]
    #[case("http://0.0.0.0:9090")]
    #[case("http://[::]:9090")]
    fn what_nobody_else_can_reach_is_refused(#[case] text: &str) {
        let reason = NodeUrl::from_text(text).unwrap_err();
        assert!(reason.contains("every address"), "{reason}");
    }

    proptest! {
        #[test]
        fn every_url_survives_being_written_and_read(text in "\\PC*|http://[a-z.:\\[\\]]{1,9}:[0-9]{1,5}") {
            if let Ok(url) = NodeUrl::from_text(&text) {
                prop_assert_eq!(NodeUrl::from_text(url.as_str()), Ok(url));
            }
        }
    }
}
