//! Who was at one side of a call: a service name and a network address.
//!
//! Addresses are parsed from text, never resolved: a host name is not an address here.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

/// A network address as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// The IPv6 address; one that only wraps an IPv4 address is kept as that.
    pub ipv6: Option<Ipv6Addr>,
    /// The port.
    pub port: Option<NonZeroU16>,
}

impl Address {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sets the address of either family from text; returns false, and changes nothing, for a
    /// text that is no address.
    ///
    /// Lenient where senders are sloppy: `52.0.0.04` is 52.0.0.4, and an IPv6 address that only
    /// wraps an IPv4 one (`::ffff:a.b.c.d`, `::a.b.c.d`, but not `::1`) sets that
    /// (Zipkin's `Endpoint.parseIp`).
    pub fn set_ip(&mut self, text: &str) -> bool {
        if let Some(ipv4) = parse_ipv4(text) {
            self.ipv4 = Some(ipv4);
            return true;
        }
        let Ok(ipv6) = text.parse::<Ipv6Addr>() else { return false };
        self.set_ipv6(ipv6);
        true
    }

    /// Sets the IPv6 address, or the IPv4 address that it wraps; the unspecified address `::`
    /// sets nothing.
    pub fn set_ipv6(&mut self, ipv6: Ipv6Addr) {
        match ipv6.to_ipv4() {
            _ if ipv6.is_unspecified() => {}
            Some(ipv4) if !ipv6.is_loopback() => self.ipv4 = Some(ipv4),
            _ => self.ipv6 = Some(ipv6),
        }
    }
}

/// Parses four decimal numbers of one to three digits, leading zeros allowed.
fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// The far side of a call: Zipkin's remote endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// The service, as its own or its caller's configuration names it.
    pub service_name: Option<Cow<'a, str>>,
    /// Where it was reached.
    pub address: Address,
}

impl Endpoint<'_> {
    /// Whether neither name nor address is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.service_name.is_none() && self.address.is_empty()
    }

    /// Copies what is borrowed, so that the endpoint outlives its input.
    #[must_use]
    pub fn into_owned(self) -> Endpoint<'static> {
        Endpoint {
            service_name: self.service_name.map(|name| Cow::Owned(name.into_owned())),
            address: self.address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<Address> {
        let mut address = Address::default();
        address.set_ip(text).then_some(address)
    }

    fn v4(text: &str) -> Option<Address> {
        Some(Address { ipv4: Some(text.parse().unwrap()), ..Address::default() })
    }

    #[test]
    fn sloppy_and_wrapped_ipv4_addresses_are_ipv4() {
        for text in ["52.0.0.4", "52.0.0.04", "052.000.0.4", "::ffff:52.0.0.4", "::52.0.0.4"] {
            assert_eq!(parsed(text), v4("52.0.0.4"), "{text}");
        }
    }

    #[test]
    fn ipv6_addresses_stay_ipv6() {
        for text in ["::1", "2001:DB8::c001"] {
            let expected = Address { ipv6: Some(text.parse().unwrap()), ..Address::default() };
            assert_eq!(parsed(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_dropped_and_never_resolved() {
        for text in
            ["", "999.1.1.1", "1.2.3", "1.2.3.4.5", "evil.example", "0001.2.3.4", "1.2.3.+4"]
        {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
