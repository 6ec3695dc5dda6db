//! IP networks, to know whose `X-Forwarded-For` to believe.

use std::fmt;
use std::net::IpAddr;

use super::Value;

/// An address, or all addresses that share its first bits: `10.0.0.0/8`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in it. An IPv4 address that comes mapped into IPv6, as a dual-stack
    /// socket reports it, counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (ours, width) = bits(self.address.to_canonical());
        let (theirs, their_width) = bits(address.to_canonical());
        let shift = width - u32::from(self.prefix);
        width == their_width && (shift == 128 || ours >> shift == theirs >> shift)
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Value for Network {
    const KIND: &'static str = "network";
    const LIST_KIND: &'static str = "list of networks";

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || "must be an IP address or a network like 10.0.0.0/8 or fd00::/8".to_owned();
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address = address.parse::<IpAddr>().map_err(|_| wrong())?;
        if address != address.to_canonical() {
            return Err("write the IPv4 address itself, not mapped into IPv6".to_owned());
        }
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(width), |p| p.parse::<u8>().map_err(|_| wrong()))?;
        if prefix > width {
            return Err(format!("the prefix must be at most /{width}"));
        }
        Ok(Self { address, prefix })
    }

    fn to_toml(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("10.0.0.0/8", "10.255.255.255", true)]
    #[case("10.0.0.0/8", "11.0.0.0", false)]
    #[case("10.0.0.0/8", "::ffff:10.1.2.3", true)]
    #[case("192.168.1.7", "192.168.1.7", true)]
    #[case("192.168.1.7", "192.168.1.8", false)]
    #[case("0.0.0.0/0", "1.2.3.4", true)]
    #[case("0.0.0.0/0", "2001:db8::1", false)]
    #[case("::/0", "2001:db8::1", true)]
    #[case("fd00::/8", "fd12::1", true)]
    #[case("fd00::/8", "fe80::1", false)]
    fn a_network_knows_its_addresses(
        #[case] network: &str,
        #[case] address: IpAddr,
        #[case] inside: bool,
    ) {
        assert_eq!(
            Network::from_text(network).unwrap().contains(address),
            inside
        );
    }

    #[rstest]
    #[case("10.0.0.0/32", true)]
    #[case("10.0.0.0/33", false)]
    #[case("::1/128", true)]
    #[case("::1/129", false)]
    #[case("10.0.0/8", false)]
    #[case("proxy.internal", false)]
    #[case("::ffff:10.0.0.0/104", false)]
    fn a_prefix_is_at_most_as_long_as_the_address(#[case] text: &str, #[case] fits: bool) {
        assert_eq!(Network::from_text(text).is_ok(), fits);
    }

    proptest! {
        #[test]
        fn every_network_survives_being_written_and_read(address: Ipv4Addr, prefix in 0..=32u8) {
            let network = Network { address: IpAddr::V4(address), prefix };
            prop_assert_eq!(Network::from_text(&network.to_string()), Ok(network));
            prop_assert!(network.contains(IpAddr::V4(address)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*|[0-9.:/]{0,20}") {
            let _ = Network::from_text(&text);
        }
    }
}
