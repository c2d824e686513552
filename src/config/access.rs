//! Who may come in. `--allow` and `--deny`: rules in order, the first that matches decides; none matching allows.
//!
//! A listener on `[::]` reports IPv4 clients as IPv4-mapped IPv6 addresses; such a client is held against the IPv4
//! rules alone, so that one rule means the same on every listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::template::Template;

/// `--auth-basic`: names and passwords of a file let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthBasic {
    /// What the client shows to its user.
    pub realm: Template,
    /// Index into [`super::Config::password_files`].
    pub file: usize,
}

/// Who the rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    All,
    Unix,
    /// A network: its address and the bits of its prefix (at most 32 or 128).
    Net(IpAddr, u8),
}

/// The rules of one location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// (allow, who), in order.
    pub rules: Vec<(bool, Who)>,
}

impl AccessRules {
    /// Whether a client may come in. `None` is a client on a Unix socket.
    pub fn allows(&self, client: Option<IpAddr>) -> bool {
        self.verdict(client).unwrap_or(true)
    }

    /// Whether a rule lets this client in; that none keeps it out is not enough. For what may not be left to a default.
    pub fn allows_explicitly(&self, client: Option<IpAddr>) -> bool {
        self.verdict(client).unwrap_or(false)
    }

    /// What the first rule that matches says.
    fn verdict(&self, client: Option<IpAddr>) -> Option<bool> {
        let client = client.map(|ip| ip.to_canonical());
        let mut rules = self.rules.iter();
        rules
            .find(|(_, who)| who.is(client))
            .map(|(allow, _)| *allow)
    }
}

impl Who {
    /// Whether the rule is about this client. `None` is a client on a Unix socket; an address is in canonical form: never
    /// an IPv4-mapped one.
    pub fn is(&self, client: Option<IpAddr>) -> bool {
        match (self, client) {
            (Who::All, _) | (Who::Unix, None) => true,
            (Who::Unix, Some(_)) | (Who::Net(..), None) => false,
            (Who::Net(IpAddr::V4(net), bits), Some(IpAddr::V4(ip))) => {
                mask4(ip, *bits) == mask4(*net, *bits)
            }
            (Who::Net(IpAddr::V6(net), bits), Some(IpAddr::V6(ip))) => {
                mask6(ip, *bits) == mask6(*net, *bits)
            }
            (Who::Net(IpAddr::V4(_), _), Some(IpAddr::V6(_)))
            | (Who::Net(IpAddr::V6(_), _), Some(IpAddr::V4(_))) => false,
        }
    }
}

/// The first `bits` bits; a shift by the whole width (a prefix of 0) leaves nothing.
fn mask4(ip: Ipv4Addr, bits: u8) -> u32 {
    ip.to_bits()
        & u32::MAX
            .checked_shl(32u32.saturating_sub(bits.into()))
            .unwrap_or(0)
}

fn mask6(ip: Ipv6Addr, bits: u8) -> u128 {
    ip.to_bits()
        & u128::MAX
            .checked_shl(128u32.saturating_sub(bits.into()))
            .unwrap_or(0)
}

/// Parses what `--allow` and `--deny` name: `all`, `unix:`, an address or a network such as `192.0.2.0/24`. Bits
/// below the prefix are cleared, as in nginx; an IPv4-mapped network becomes the IPv4 network it stands for.
///
/// # Errors
/// A phrase that says what was expected.
pub fn parse_who(text: &str) -> Result<Who, String> {
    match text {
        "all" => return Ok(Who::All),
        "unix:" => return Ok(Who::Unix),
        _ => {}
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let ip: IpAddr = address.parse().map_err(|_| {
        format!("\"{text}\" is not an address (examples: 192.0.2.7, 2001:db8::/32, unix:, all)")
    })?;
    let width = if ip.is_ipv4() { 32 } else { 128 };
    let bits = match prefix {
        None => width,
        Some(prefix) => prefix_length(prefix, width)?,
    };
    Ok(match (ip, ip.to_canonical()) {
        (IpAddr::V6(_), IpAddr::V4(ip)) if bits >= 96 => Who::Net(
            IpAddr::V4(Ipv4Addr::from_bits(mask4(ip, bits - 96))),
            bits - 96,
        ),
        (IpAddr::V4(ip), _) => Who::Net(IpAddr::V4(Ipv4Addr::from_bits(mask4(ip, bits))), bits),
        (IpAddr::V6(ip), _) => Who::Net(IpAddr::V6(Ipv6Addr::from_bits(mask6(ip, bits))), bits),
    })
}

fn prefix_length(text: &str, width: u8) -> Result<u8, String> {
    match text.parse() {
        Ok(bits) if bits <= width && text.bytes().all(|b| b.is_ascii_digit()) => Ok(bits),
        _ => Err(format!(
            "\"{text}\" is not the length of a prefix (0 to {width})"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(bool, &str)]) -> AccessRules {
        let rules = rules
            .iter()
            .map(|(allow, who)| (*allow, parse_who(who).expect("a test rule")))
            .collect();
        AccessRules { rules }
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("a test address"))
    }

    #[test]
    fn without_a_rule_everybody_is_let_in() {
        assert!(AccessRules::default().allows(ip("192.0.2.1")));
        assert!(AccessRules::default().allows(None));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let r = rules(&[
            (false, "192.0.2.1"),
            (true, "192.0.2.0/24"),
            (true, "2001:db8::/32"),
            (false, "all"),
        ]);
        assert!(!r.allows(ip("192.0.2.1")));
        assert!(r.allows(ip("192.0.2.2")));
        assert!(!r.allows(ip("192.0.3.1")));
        assert!(r.allows(ip("2001:db8:1::1")));
        assert!(!r.allows(ip("2001:db9::1")));
        assert!(!r.allows(None));
    }

    #[test]
    fn only_a_rule_lets_a_client_in_explicitly() {
        let client = ip("192.0.2.1");
        assert!(!AccessRules::default().allows_explicitly(client));
        assert!(!rules(&[(false, "10.0.0.0/8")]).allows_explicitly(client));
        assert!(!rules(&[(false, "all"), (true, "all")]).allows_explicitly(client));
        let some = rules(&[(true, "192.0.2.0/24"), (false, "10.0.0.0/8")]);
        assert!(some.allows_explicitly(client));
        assert!(some.allows(ip("8.8.8.8")) && !some.allows_explicitly(ip("8.8.8.8")));
        assert!(!some.allows_explicitly(None));
        assert!(rules(&[(true, "unix:")]).allows_explicitly(None));
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_client() {
        let r = rules(&[(true, "10.0.0.0/8"), (false, "all")]);
        assert!(r.allows(ip("::ffff:10.1.2.3")));
        assert!(!r.allows(ip("::ffff:11.1.2.3")));
        assert!(rules(&[(false, "::/0")]).allows(ip("::ffff:10.1.2.3")));
        assert!(!rules(&[(false, "::ffff:10.0.0.0/104")]).allows(ip("10.1.2.3")));
    }

    #[test]
    fn a_unix_client_matches_unix_and_all_only() {
        assert!(!rules(&[(true, "0.0.0.0/0"), (false, "unix:")]).allows(None));
        assert!(rules(&[(false, "unix:")]).allows(ip("127.0.0.1")));
    }

    #[test]
    fn a_prefix_of_zero_takes_the_whole_family() {
        let r = rules(&[(true, "0.0.0.0/0"), (false, "all")]);
        assert!(r.allows(ip("255.1.2.3")));
        assert!(!r.allows(ip("::1")));
    }

    #[test]
    fn bits_below_the_prefix_are_cleared() {
        assert_eq!(parse_who("10.1.2.3/8"), parse_who("10.0.0.0/8"));
        assert_eq!(parse_who("2001:db8::1/32"), parse_who("2001:db8::/32"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            "ALL",
            "unix",
            "10.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert!(parse_who(bad).is_err(), "{bad}");
        }
    }
}
