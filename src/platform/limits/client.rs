//! Who is asking: the address behind proxies that are trusted.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::{IpNet, Ipv4Net};

use crate::platform::site::Site;

/// An address, or a network (CIDR), of proxies whose word is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl TrustedProxy {
    /// Takes a canonical address: IPv4 as such, not as IPv6 writes it.
    pub fn covers(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for TrustedProxy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| ())?;
        // As addresses are compared in their canonical form, so is a network of IPv4 written as IPv6.
        if let IpNet::V6(network) = network
            && let (Some(address), Some(prefix)) =
                (network.network().to_ipv4_mapped(), network.prefix_len().checked_sub(96))
        {
            return Ipv4Net::new(address, prefix).map(|network| Self(network.into())).map_err(|_| ());
        }
        Ok(Self(network.trunc()))
    }
}

/// Where a request came from: the peer, or what a trusted proxy says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// Whom limits count: an IPv4 address, or a /64 of IPv6, which is what one customer gets at the least.
    #[must_use]
    pub fn customer(&self) -> String {
        self.within(64)
    }

    /// As [`Self::customer`], but a /48 of IPv6: the most that one customer is commonly given, so what is scarce counts by it.
    #[must_use]
    pub fn site(&self) -> String {
        self.within(48)
    }

    fn within(&self, prefix: u8) -> String {
        match self.0 {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let kept = address.to_bits() & u128::MAX.checked_shl(u32::from(128 - prefix)).unwrap_or(0);
                format!("{}/{prefix}", Ipv6Addr::from_bits(kept))
            }
        }
    }
}

impl<S> FromRequestParts<S> for ClientAddress
where
    S: Send + Sync,
    Site: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Self(peer.map(|peer| client_of(peer, &parts.headers, &Site::from_ref(state).trusted_proxies))))
    }
}

/// Goes back from the peer through proxies that are trusted, by `X-Forwarded-For` or `Forwarded`. A proxy keeps one of them
/// and passes on what it got as the other: where they disagree, one of them may be forged, and the peer counts.
fn client_of(peer: IpAddr, headers: &HeaderMap, trusted: &[TrustedProxy]) -> IpAddr {
    let peer = peer.to_canonical();
    let by = |name: &str, read: fn(&[u8]) -> Option<IpAddr>| {
        headers.contains_key(name).then(|| walk(peer, headers, name, read, trusted))
    };
    match (by("x-forwarded-for", read_hop), by("forwarded", read_forwarded)) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => peer,
    }
}

/// The first address from the end of the list that is not trusted. Where a proxy names nobody, what stands before its entry
/// is anybody's word: then that proxy is the client.
fn walk(
    peer: IpAddr,
    headers: &HeaderMap,
    name: &str,
    read: fn(&[u8]) -> Option<IpAddr>,
    trusted: &[TrustedProxy],
) -> IpAddr {
    let mut client = peer;
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    while trusted.iter().any(|proxy| proxy.covers(client)) {
        let Some(hop) = hops.next().and_then(read) else { break };
        client = hop;
    }
    client
}

/// The `for` of an element of `Forwarded` (RFC 7239). The list was split at its commas from the end, whatever quotes say: a
/// quote that was opened before, by whoever comes first, hides nothing. So an element with half a quoted string is none.
fn read_forwarded(element: &[u8]) -> Option<IpAddr> {
    let element = std::str::from_utf8(element).ok()?;
    let mut named = None;
    for pair in element.split(';') {
        let (name, value) = pair.split_once('=')?;
        let inside = value.trim().strip_prefix('"').map_or(Some(value.trim()), |value| value.strip_suffix('"'))?;
        if inside.contains(['"', '\\']) {
            return None;
        }
        // Each parameter occurs once.
        if name.trim().eq_ignore_ascii_case("for") && named.replace(inside).is_some() {
            return None;
        }
    }
    read_hop(named?.as_bytes())
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn read_hop(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let alone = || hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).and_then(|hop| hop.parse().ok());
    let address = hop.parse().ok().or_else(|| alone().map(IpAddr::V6));
    let address = address.or_else(|| hop.parse().ok().map(|hop: SocketAddr| hop.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, lines: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let trusted: Vec<_> = trusted.iter().map(|proxy| proxy.parse().unwrap()).collect();
        client_of(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let hops = ["203.0.113.9, 198.51.100.7"];
        assert_eq!(client("192.0.2.1", &hops, &[]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &hops, &["10.0.0.1"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &hops, &["10.0.0.1", "198.51.100.7"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &[], &["10.0.0.1"]), "10.0.0.1");
        // All of them trusted: the first of them asked by itself.
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &["10.0.0.0/8"]), "10.0.0.3");
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines = ["6.6.6.6", "203.0.113.9,10.0.0.3", "10.0.0.2"];
        assert_eq!(client("10.0.0.1", &lines, &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn ports_and_brackets_are_read() {
        for (hop, is) in [
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("\t[::ffff:203.0.113.9]:80 ", "203.0.113.9"),
        ] {
            assert_eq!(client("10.0.0.1", &[&format!("6.6.6.6, {hop}")], &["10.0.0.1"]), is);
        }
    }

    #[test]
    fn an_entry_that_is_no_address_ends_the_walk() {
        for hop in [
            "unknown",
            "",
            " ",
            "_hidden",
            "203.0.113.9:",
            "203.0.113.9:99999",
            "203.0.113",
            "[2001:db8::7",
            "2001:db8::7]:80",
            "203.0.113.9 6.6.6.6",
            "[203.0.113.9]",
            "caf\u{e9}",
        ] {
            assert_eq!(client("10.0.0.1", &[&format!("6.6.6.6,{hop}")], &["10.0.0.1"]), "10.0.0.1", "{hop}");
            // The last hop that is trusted counts.
            assert_eq!(client("10.0.0.1", &[&format!("6.6.6.6,{hop},10.0.0.2")], &["10.0.0.0/8"]), "10.0.0.2", "{hop}");
        }
        assert_eq!(read_hop(b"caf\xe9"), None);
    }

    fn client_by(lines: &[(&'static str, &str)], trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, HeaderValue::from_str(line).unwrap());
        }
        client_of("10.0.0.1".parse().unwrap(), &headers, &[trusted.parse().unwrap()]).to_string()
    }

    #[test]
    fn forwarded_is_read_like_the_other() {
        for (line, is) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"203.0.113.9:4711\";proto=https;by=10.0.0.1", "203.0.113.9"),
            ("proto=https; FOR=\"[2001:db8::7]:4711\" ;host=\"chat.example.org\"", "2001:db8::7"),
            ("for=\"[2001:db8::7]\"", "2001:db8::7"),
            ("for=6.6.6.6, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
            ("for=10.0.0.3, for=10.0.0.2", "10.0.0.3"),
            // A quote that a client leaves open hides nothing of what the proxy adds.
            ("for=\"6.6.6.6, for=\"203.0.113.9\"", "203.0.113.9"),
            ("host=\"x, for=203.0.113.9;proto=https", "203.0.113.9"),
        ] {
            assert_eq!(client_by(&[("forwarded", line)], "10.0.0.0/8"), is, "{line}");
        }
        assert_eq!(client_by(&[("forwarded", "for=203.0.113.9")], "10.0.0.2"), "10.0.0.1");
        let lines = [("forwarded", "for=6.6.6.6"), ("forwarded", "for=203.0.113.9,for=10.0.0.3")];
        assert_eq!(client_by(&lines, "10.0.0.0/8"), "203.0.113.9");
    }

    #[test]
    fn an_element_of_forwarded_that_names_no_address_ends_the_walk() {
        for element in [
            "for=unknown",
            "for=_hidden",
            "for=\"_SEVKISEK\"",
            "for=",
            "",
            "proto=https",
            "203.0.113.9",
            "for=203.0.113.9;for=203.0.113.9",
            "for=\"203.0.113.9",
            "for=203.0.113.9\"",
            "for=\"203\\.0.113.9\"",
            "for=203.0.113.9;host=x\"",
            // What is in the quotes of another parameter.
            "for=10.0.0.2;host=\"a,for=6.6.6.6\"",
            "for=10.0.0.2;host=\"a,for=6.6.6.6;b=\"",
        ] {
            let line = format!("for=6.6.6.6,{element}");
            assert_eq!(client_by(&[("forwarded", &line)], "10.0.0.0/8"), "10.0.0.1", "{element}");
        }
    }

    #[test]
    fn who_writes_the_header_that_the_proxy_does_not_keep_gains_nothing() {
        let kept = ("x-forwarded-for", "203.0.113.9");
        assert_eq!(client_by(&[kept, ("forwarded", "for=6.6.6.6")], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(
            client_by(&[("x-forwarded-for", "6.6.6.6"), ("forwarded", "for=203.0.113.9")], "10.0.0.0/8"),
            "10.0.0.1"
        );
        assert_eq!(client_by(&[kept, ("forwarded", "for=unknown")], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(client_by(&[kept, ("forwarded", "for=\"203.0.113.9:4711\"")], "10.0.0.0/8"), "203.0.113.9");
    }

    #[test]
    fn networks_are_trusted_in_either_writing() {
        for trusted in ["10.0.0.0/8", "10.1.2.3/8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1"] {
            assert_eq!(client("::ffff:10.0.0.1", &["203.0.113.9"], &[trusted]), "203.0.113.9", "{trusted}");
        }
        assert_eq!(client("11.0.0.1", &["203.0.113.9"], &["10.0.0.0/8"]), "11.0.0.1");
        assert_eq!(client("fd00:1::2", &["203.0.113.9"], &["fd00:1::/32"]), "203.0.113.9");
        assert_eq!(client("fd00:2::2", &["203.0.113.9"], &["fd00:1::/32"]), "fd00:2::2");
        for wrong in ["proxy", "10.0.0.0/33", "10.0.0.0/", "/8", "10.0.0/8", "10.0.0.1:80", ""] {
            assert!(wrong.parse::<TrustedProxy>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn neighbours_in_a_network_count_as_one() {
        let of = |text: &str| ClientAddress(Some(text.parse().unwrap()));
        assert_eq!(of("203.0.113.9").customer(), "203.0.113.9");
        assert_eq!(of("203.0.113.9").site(), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3::4").customer(), "2001:db8:1:2::/64");
        assert_eq!(of("2001:db8:1:2:3::4").site(), "2001:db8:1::/48");
        assert_eq!(ClientAddress(None).customer(), "unknown");
    }
}
