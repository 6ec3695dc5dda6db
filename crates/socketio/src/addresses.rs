//! How many sessions each client address has.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
};

use crate::lock;

/// The addresses that have sessions. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One session's place among those of its address; given back when dropped.
#[derive(Debug)]
pub(crate) struct AddressPlace {
    addresses: Addresses,
    network: IpAddr,
}

impl Addresses {
    /// A place, unless the address has `most` already.
    pub(crate) fn take(&self, address: IpAddr, most: usize) -> Option<AddressPlace> {
        let network = network_of(address);
        let mut counts = lock(&self.0);
        let count = counts.entry(network).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(AddressPlace {
            addresses: self.clone(),
            network,
        })
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut counts = lock(&self.addresses.0);
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

/// What counts as one address: with IPv6 the network of 64 bits, which is what one subscriber gets
/// and can choose addresses in at will (RFC 6177).
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_one_back_when_a_session_ends() {
        let addresses = Addresses::default();
        let first = addresses.take(ip("192.0.2.1"), 2).unwrap();
        let _second = addresses.take(ip("192.0.2.1"), 2).unwrap();
        assert!(addresses.take(ip("192.0.2.1"), 2).is_none());
        let _neighbour = addresses.take(ip("192.0.2.2"), 2).unwrap();
        drop(first);
        let _third = addresses.take(ip("192.0.2.1"), 2).unwrap();
        assert!(addresses.take(ip("192.0.2.1"), 2).is_none());
    }

    #[test]
    fn nothing_is_kept_of_an_address_without_sessions() {
        let addresses = Addresses::default();
        drop(addresses.take(ip("192.0.2.1"), 1));
        assert!(lock(&addresses.0).is_empty());
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address_and_a_mapped_one_is_the_ipv4() {
        let addresses = Addresses::default();
        let _one = addresses.take(ip("2001:db8:1:2::3"), 1).unwrap();
        assert!(addresses.take(ip("2001:db8:1:2:ffff::4"), 1).is_none());
        let _other = addresses.take(ip("2001:db8:1:3::3"), 1).unwrap();
        let _mapped = addresses.take(ip("::ffff:192.0.2.1"), 1).unwrap();
        assert!(addresses.take(ip("192.0.2.1"), 1).is_none());
    }
}
