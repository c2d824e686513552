//! `--listen`: one value, before servers are put together.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use crate::config::address::{Address, Destination, ListenAddress, destination};

use super::values::groups::once;
use super::words::Value;

/// Pending connections the system keeps for us.
pub const DEFAULT_BACKLOG: i32 = 511;
/// Of a Unix socket file: owner and group.
pub const DEFAULT_MODE: u32 = 0o660;

/// One value of `--listen`. Options that were not given are `None`, so that two servers of one address can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSpec {
    /// Several when a name stands for several addresses.
    pub addresses: Vec<ListenAddress>,
    pub default_server: bool,
    pub options: ListenOptions,
    /// The value as given, for messages.
    pub raw: String,
}

/// Options of the socket itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenOptions {
    pub backlog: Option<i32>,
    pub reuseport: bool,
    pub proxy_protocol: bool,
    pub ipv6only: Option<bool>,
    pub mode: Option<u32>,
    pub group: Option<String>,
}

/// Parses a value of `--listen`.
pub fn listen(value: &Value) -> Result<Vec<ListenSpec>, String> {
    let address = value.word(0).ok_or("needs an address")?;
    let mut spec = ListenSpec {
        addresses: addresses(address)?,
        default_server: false,
        options: ListenOptions::default(),
        raw: value.raw.clone(),
    };
    once(value, 1)?;
    for word in value.texts().skip(1) {
        option(word, &mut spec)?;
    }
    check(&spec)?;
    Ok(vec![spec])
}

fn option(word: &str, spec: &mut ListenSpec) -> Result<(), String> {
    let (name, text) = word
        .split_once('=')
        .map_or((word, None), |(name, text)| (name, Some(text)));
    let options = &mut spec.options;
    match (name, text) {
        ("default_server", None) => spec.default_server = true,
        ("reuseport", None) => options.reuseport = true,
        ("proxy_protocol", None) => options.proxy_protocol = true,
        ("backlog", Some(text)) => {
            let number = text.parse().ok().filter(|n| (1..=65_535).contains(n));
            options.backlog =
                Some(number.ok_or_else(|| format!("\"{text}\" is not a backlog (1 to 65535)"))?);
        }
        ("ipv6only", Some("on")) => options.ipv6only = Some(true),
        ("ipv6only", Some("off")) => options.ipv6only = Some(false),
        ("mode", Some(text)) => options.mode = Some(mode(text)?),
        ("group", Some(text)) if !text.is_empty() => options.group = Some(text.to_owned()),
        _ => {
            return Err(format!(
                "\"{word}\" is not one of backlog=N, reuseport, ipv6only=on|off, default_server, proxy_protocol, \
                 mode=0660, group=NAME"
            ));
        }
    }
    Ok(())
}

fn mode(text: &str) -> Result<u32, String> {
    let octal = !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && mode <= 0o777 => Ok(mode),
        _ => Err(format!("\"{text}\" is not a file mode (example: 0660)")),
    }
}

/// An option that the kind of address knows nothing of is a mistake.
fn check(spec: &ListenSpec) -> Result<(), String> {
    let ListenOptions {
        backlog,
        reuseport,
        proxy_protocol: _,
        ipv6only,
        mode,
        group,
    } = &spec.options;
    for address in &spec.addresses {
        let (inherited, unix) = match address {
            ListenAddress::Fd(_) | ListenAddress::Systemd(_) => (true, false),
            ListenAddress::Unix(_) => (false, true),
            ListenAddress::Inet(_) => (false, false),
        };
        if inherited && (backlog.is_some() || *reuseport) {
            return Err("backlog and reuseport are for whoever makes the socket to say".into());
        }
        if unix && *reuseport {
            return Err("reuseport does not go with a Unix socket".into());
        }
        if !unix && (mode.is_some() || group.is_some()) {
            return Err("mode and group are of Unix sockets only".into());
        }
    }
    let is_inet6 =
        |address: &ListenAddress| matches!(address, ListenAddress::Inet(addr) if addr.is_ipv6());
    // A name may have addresses of both kinds.
    if ipv6only.is_some() && !spec.addresses.iter().any(is_inet6) {
        return Err(
            "ipv6only is of IPv6 addresses only (example: '[::]:8080 ipv6only=off')".into(),
        );
    }
    Ok(())
}

fn addresses(text: &str) -> Result<Vec<ListenAddress>, String> {
    if let Some(number) = text.strip_prefix("fd:") {
        return match number.parse::<i32>() {
            Ok(fd) if (fd == 0 || fd >= 3) && number.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(vec![ListenAddress::Fd(fd)])
            }
            _ => Err(format!(
                "\"{number}\" is not the number of an inherited descriptor (0, or 3 and more)"
            )),
        };
    }
    if let Some(name) = text.strip_prefix("systemd:") {
        let fits = !name.is_empty()
            && name.len() <= 255
            && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        return match fits {
            true => Ok(vec![ListenAddress::Systemd(name.to_owned())]),
            false => Err(format!("\"{name}\" is not the name of a socket unit")),
        };
    }
    if text.starts_with("unix:") {
        return named(text);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(vec![inet((Ipv4Addr::UNSPECIFIED, port(text)?))]);
    }
    if let Some(text) = text.strip_prefix("*:") {
        return Ok(vec![inet((Ipv4Addr::UNSPECIFIED, port(text)?))]);
    }
    // Port 0 (the system chooses) is for tests; a destination never has it.
    match text.parse::<SocketAddr>() {
        Ok(addr) => Ok(vec![ListenAddress::Inet(addr)]),
        Err(_) => match text.rsplit_once(':') {
            Some((_, port)) if !text.ends_with(']') => self::port(port).and_then(|_| named(text)),
            _ => Err(format!("\"{text}\" has no port (example: {text}:8080)")),
        },
    }
}

fn inet(address: impl Into<SocketAddr>) -> ListenAddress {
    ListenAddress::Inet(address.into())
}

fn port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("\"{text}\" is not a port (0 to 65535)"))
}

/// A Unix socket, or a host name and its port.
fn named(text: &str) -> Result<Vec<ListenAddress>, String> {
    match destination(text)? {
        Destination::Fixed(Address::Unix(path)) => Ok(vec![ListenAddress::Unix(path)]),
        Destination::Fixed(Address::Inet(addr)) => Ok(vec![ListenAddress::Inet(addr)]),
        Destination::Name(host, port) => Ok(resolve(&host, port)?
            .into_iter()
            .map(ListenAddress::Inet)
            .collect()),
    }
}

/// All addresses of a name, in the system's order, each once.
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = (host, port)
        .to_socket_addrs()
        .map_err(|error| format!("\"{host}\" does not resolve: {error}"))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.is_empty() {
        true => Err(format!("\"{host}\" has no address")),
        false => Ok(addresses),
    }
}

/// Whether two different addresses cannot both be bound: one of them takes all addresses of the port.
pub fn overlap(a: (&ListenAddress, bool), b: (&ListenAddress, bool)) -> bool {
    let ((ListenAddress::Inet(x), only_x), (ListenAddress::Inet(y), only_y)) = (a, b) else {
        return false;
    };
    let takes_all = |wide: &SocketAddr, only6: bool, other: &SocketAddr| match wide {
        SocketAddr::V4(wide) => *wide.ip() == Ipv4Addr::UNSPECIFIED && other.is_ipv4(),
        SocketAddr::V6(wide) => *wide.ip() == Ipv6Addr::UNSPECIFIED && (other.is_ipv6() || !only6),
    };
    x != y
        && x.port() == y.port()
        && x.port() != 0
        && (takes_all(x, only_x, y) || takes_all(y, only_y, x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<ListenSpec, String> {
        let mut specs = listen(&Value::parse(raw)?)?;
        specs.pop().ok_or("none".into())
    }

    fn first(raw: &str) -> Option<String> {
        parse(raw)
            .ok()
            .and_then(|spec| spec.addresses.first().map(ToString::to_string))
    }

    #[test]
    fn every_form_of_address_is_read() {
        for (raw, shown) in [
            ("8080", "0.0.0.0:8080"),
            ("*:8080", "0.0.0.0:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
            ("[::]:80 ipv6only=off", "[::]:80"),
            ("unix:/run/x.sock mode=0600 group=www", "unix:/run/x.sock"),
            ("fd:3", "fd:3"),
            ("systemd:web default_server", "systemd:web"),
        ] {
            assert_eq!(first(raw).as_deref(), Some(shown), "{raw}");
        }
        let local = parse("localhost:81").map(|spec| spec.addresses);
        assert!(local.is_ok_and(|list| list.iter().all(|a| a.to_string().ends_with(":81"))));
    }

    #[test]
    fn odd_addresses_and_options_are_refused() {
        for raw in [
            "",
            "70000",
            "*:",
            "*:x",
            "::1:80",
            "127.0.0.1",
            "fd:1",
            "fd:-1",
            "fd:x",
            "systemd:",
            "unix:",
            "example",
            "80 backlog=0",
            "80 backlog=x",
            "80 ipv6only=on",
            "80 mode=0600",
            "80 group=x",
            "80 frob",
            "80 reuseport=1",
            "80 proxy_protocol=on",
            "unix:/a mode=9",
            "unix:/a mode=1777",
            "unix:/a reuseport",
            "fd:3 backlog=5",
            "[::]:80 ipv6only=x",
        ] {
            assert!(parse(raw).is_err(), "{raw}");
        }
        for raw in [
            "80 proxy_protocol",
            "unix:/a proxy_protocol",
            "fd:3 proxy_protocol",
        ] {
            assert!(
                parse(raw).is_ok_and(|spec| spec.options.proxy_protocol),
                "{raw}"
            );
        }
    }

    #[test]
    fn an_address_for_all_overlaps_the_single_ones() {
        let inet = |text: &str| ListenAddress::Inet(text.parse().expect("a test address"));
        let hit = |a: &str, b: &str, only| overlap((&inet(a), only), (&inet(b), only));
        assert!(hit("0.0.0.0:80", "127.0.0.1:80", true));
        assert!(hit("[::1]:80", "[::]:80", true));
        assert!(hit("[::]:80", "127.0.0.1:80", false));
        assert!(!hit("[::]:80", "127.0.0.1:80", true));
        assert!(!hit("0.0.0.0:80", "127.0.0.1:81", true));
        assert!(!hit("0.0.0.0:80", "0.0.0.0:80", true));
        assert!(!hit("0.0.0.0:0", "127.0.0.1:0", true));
    }
}
