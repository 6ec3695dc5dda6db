//! Networks: `10.0.0.0/8`, `2001:db8::/32`, or a single address.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::Value;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is within it. An IPv4 address that is written as IPv6 is the IPv4 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Value for Network {
    const KIND: &'static str = "network";
    const LIST_KIND: &'static str = "list of networks";

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse::<IpNet>().map_err(|_| {
                "must be an address or a network like 10.0.0.0/8 or 2001:db8::/32".to_owned()
            })?,
        };
        if network.addr() != network.network() {
            return Err(format!(
                "has bits beyond its prefix; did you mean {}?",
                network.trunc()
            ));
        }
        Ok(Self(network))
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10.0.0.0/8", "10.255.255.255", "11.0.0.0")]
    #[case("192.0.2.7", "192.0.2.7", "192.0.2.8")]
    #[case("192.0.2.7/32", "::ffff:192.0.2.7", "192.0.2.6")]
    #[case("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8")]
    #[case("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::")]
    #[case("0.0.0.0/0", "203.0.113.9", "::1")]
    fn a_network_has_the_addresses_of_its_prefix(
        #[case] network: &str,
        #[case] within: IpAddr,
        #[case] beyond: IpAddr,
    ) {
        let network = Network::from_text(network).unwrap();
        assert!(network.contains(within));
        assert!(!network.contains(beyond));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::a_name("proxy.internal")]
    #[case::too_long_a_prefix("10.0.0.0/33")]
    #[case::no_prefix("10.0.0.0/")]
    #[case::a_port("10.0.0.1:80")]
    #[case::bits_beyond_the_prefix("10.1.0.0/8")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(Network::from_text(text).is_err());
    }

    proptest! {
        #[test]
        fn every_network_survives_being_written_and_read(bits: u32, prefix in 0_u8..=32) {
            let network = IpNet::new(IpAddr::from(bits.to_be_bytes()), prefix).unwrap().trunc();
            let text = Network(network).to_string();
            prop_assert_eq!(Network::from_text(&text), Ok(Network(network)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|[0-9a-f.:]{0,20}/?[0-9]{0,4}") {
            let _ = Network::from_text(&text);
        }
    }
}
