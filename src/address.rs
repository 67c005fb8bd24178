//! Whose address it is: a client's own, or the network that one subscriber has.

use core::net::{IpAddr, SocketAddr};

/// How many leading bits of an address count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefixes {
    /// 1 to 32.
    pub(crate) ipv4: u8,
    /// 1 to 128.
    pub(crate) ipv6: u8,
}

impl Prefixes {
    /// An IPv4 address, or the network of 64 bits that one IPv6 subscriber has at least.
    pub(crate) const SUBSCRIBER: Self = Self { ipv4: 32, ipv6: 64 };

    /// What stands for a client's address, as the host gives it, with or without a port: the kind of address and its
    /// leading bits. An IPv4 address inside an IPv6 one is an IPv4 address. `None` for what is no address, such as a Unix
    /// socket.
    pub(crate) fn client(self, address: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(address).ok()?;
        let address = match text.parse::<SocketAddr>() {
            Ok(address) => address.ip(),
            Err(_) => text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse().ok()?,
        };
        Some(match address.to_canonical() {
            IpAddr::V4(address) => masked(b'4', &address.octets(), self.ipv4),
            IpAddr::V6(address) => masked(b'6', &address.octets(), self.ipv6),
        })
    }
}

fn masked(kind: u8, octets: &[u8], bits: u8) -> Vec<u8> {
    let mut left = u32::from(bits);
    let mut client = vec![kind];
    client.extend(octets.iter().map(|&octet| {
        let here = left.min(8);
        left = left.saturating_sub(8);
        octet & u8::try_from(0xff00_u32 >> here & 0xff).unwrap_or(0)
    }));
    client
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let wide = Prefixes { ipv4: 24, ipv6: 60 };
        for (one, two, same, same_wide) in [
            ("192.0.2.1:1", "192.0.2.1:65535", true, true),
            ("192.0.2.1:1", "192.0.2.1", true, true),
            ("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true, true),
            ("192.0.2.1:1", "::ffff:c000:201", true, true),
            ("[2001:db8::1]:1", "[2001:db8::ffff:2]:9", true, true),
            ("[2001:db8::1]:1", "2001:db8::2", true, true),
            ("[2001:db8::1]:1", "[2001:db8::1]", true, true),
            ("192.0.2.1:1", "192.0.2.255:1", false, true),
            ("192.0.2.1:1", "192.0.3.1:1", false, false),
            ("[2001:db8::1]:1", "[2001:db8:0:f::1]:1", false, true),
            ("[2001:db8::1]:1", "[2001:db8:0:10::1]:1", false, false),
            ("0.0.0.0", "::", false, false),
        ] {
            let client = |prefixes: Prefixes, text: &str| prefixes.client(text.as_bytes()).expect(text);
            assert_eq!(client(Prefixes::SUBSCRIBER, one) == client(Prefixes::SUBSCRIBER, two), same, "{one} {two}");
            assert_eq!(client(wide, one) == client(wide, two), same_wide, "{one} {two}, wide");
        }
    }

    #[test]
    fn all_of_an_address_can_count_and_one_bit_can() {
        let client = |ipv4, ipv6, text: &str| Prefixes { ipv4, ipv6 }.client(text.as_bytes());
        assert_eq!(client(32, 1, "1.2.3.255"), Some(vec![b'4', 1, 2, 3, 255]));
        assert_eq!(client(1, 1, "255.2.3.4"), Some(vec![b'4', 128, 0, 0, 0]));
        assert_eq!(client(13, 1, "255.255.3.4"), Some(vec![b'4', 255, 248, 0, 0]));
        assert_ne!(client(32, 128, "2001:db8::1"), client(32, 128, "2001:db8::2"));
        assert_eq!(client(32, 127, "2001:db8::2"), client(32, 127, "2001:db8::3"));
    }

    #[test]
    fn what_is_no_address_is_nobodys() {
        for text in ["", "@socket", "999.0.2.1:1", "[::1", "1.2.3", "a.example:80", "é"] {
            assert_eq!(Prefixes::SUBSCRIBER.client(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Prefixes::SUBSCRIBER.client(b"\xff"), None);
    }
}
