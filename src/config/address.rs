//! Addresses as they stand on the command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Where an application listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Unix(PathBuf),
    Inet(SocketAddr),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Inet(addr) => write!(f, "{addr}"),
        }
    }
}

/// Where the program listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    Inet(SocketAddr),
    Unix(PathBuf),
    /// An inherited descriptor: `fd:N`.
    Fd(i32),
    /// Sockets by systemd's name: `systemd:NAME`.
    Systemd(String),
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ListenAddress::Inet(addr) => write!(f, "{addr}"),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            ListenAddress::Fd(fd) => write!(f, "fd:{fd}"),
            ListenAddress::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

/// The source of an upstream connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindAddress {
    pub ip: IpAddr,
    /// 0: the system chooses.
    pub port: u16,
}

/// What a target of `--pass` names, before any name is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Fixed(Address),
    /// A host name to resolve, and its port.
    Name(String, u16),
}

/// Bytes a Unix socket path may have: `sun_path` of Linux less its final NUL.
const UNIX_PATH_MAX: usize = 107;

/// Parses `host:port`, `ip:port`, `[ipv6]:port` or `unix:/path`; a port is required (K1, K3).
///
/// # Errors
/// A phrase that says what was expected.
pub fn destination(text: &str) -> Result<Destination, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return unix_path(path).map(|path| Destination::Fixed(Address::Unix(path)));
    }
    if text.contains("://") {
        return Err(format!(
            "\"{text}\" has a scheme; expected host:port or unix:/path"
        ));
    }
    if text.contains(['/', '?']) {
        return Err(format!(
            "\"{text}\" has a path; expected host:port, or unix:/path for a Unix socket"
        ));
    }
    let (host, port) = split_port(text)?;
    let port = parse_port(port.ok_or_else(|| no_port(text))?)?;
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return format!("[{inner}]:{port}")
            .parse()
            .map(|addr| Destination::Fixed(Address::Inet(addr)))
            .map_err(|_| format!("\"{inner}\" is not an IPv6 address"));
    }
    match host.parse() {
        Ok(ip) => Ok(Destination::Fixed(Address::Inet(SocketAddr::new(
            IpAddr::V4(ip),
            port,
        )))),
        Err(_) => host_name(host).map(|name| Destination::Name(name, port)),
    }
}

/// Parses the source of a connection: `IP` or `IP:port`, `[v6]:port` (K13).
///
/// # Errors
/// A phrase that says what was expected.
pub fn bind_address(text: &str) -> Result<BindAddress, String> {
    if let Ok(ip) = text.parse() {
        return Ok(BindAddress { ip, port: 0 });
    }
    let wrong = || {
        format!(
            "\"{text}\" is not an IP address, alone or with a port (examples: 192.0.2.7, [2001:db8::7]:4001)"
        )
    };
    let (host, port) = split_port(text).map_err(|_| wrong())?;
    let ip = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inner) => inner.parse().map(IpAddr::V6),
        None => host.parse().map(IpAddr::V4),
    };
    let ip = ip.map_err(|_| wrong())?;
    Ok(BindAddress {
        ip,
        port: port.map_or(Ok(0), parse_port)?,
    })
}

fn unix_path(path: &str) -> Result<PathBuf, String> {
    match path.len() {
        0 => Err("\"unix:\" lacks the path of the socket".into()),
        _ if path.contains('\0') => Err("a NUL stands in the path of the socket".into()),
        1..=UNIX_PATH_MAX => Ok(PathBuf::from(path)),
        long => Err(format!(
            "the path of a Unix socket has at most {UNIX_PATH_MAX} bytes, \"{path}\" has {long}"
        )),
    }
}

/// Splits `host:port`; brackets stay with the host. Several colons without brackets are a bare IPv6 address.
fn split_port(text: &str) -> Result<(&str, Option<&str>), String> {
    if text.starts_with('[') {
        let Some(end) = text.find(']') else {
            return Err(format!("\"{text}\" has no closing bracket"));
        };
        let (host, rest) = text.split_at(end + 1);
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            (_, None) => Err(format!(
                "\"{rest}\" follows the bracket; expected \":\" and a port"
            )),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Err(format!(
            "\"{text}\" has several colons; an IPv6 address stands in brackets, as in [::1]:4000"
        )),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn no_port(text: &str) -> String {
    match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        true => format!("\"{text}\" names no host; did you mean 127.0.0.1:{text}?"),
        false => format!(
            "\"{text}\" has no port (SCGI has no usual one); expected host:port or unix:/path"
        ),
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(format!("\"{text}\" is not a port (1 to 65535)")),
    }
}

/// A host name: labels of letters, digits, `-` and `_`. The last label is not a number, for such a name is a mistyped
/// IPv4 address, which some resolvers would read in surprising ways.
fn host_name(text: &str) -> Result<String, String> {
    let bare = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if bare.is_empty() || bare.len() > 253 || !bare.split('.').all(fits) {
        return Err(format!("\"{text}\" is not a host name"));
    }
    if bare
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(format!(
            "\"{text}\" is neither an IPv4 address nor a host name"
        ));
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet(text: &str) -> Destination {
        Destination::Fixed(Address::Inet(text.parse().expect("a test address")))
    }

    #[test]
    fn destinations_are_addresses_names_and_paths() {
        assert_eq!(destination("127.0.0.1:4000"), Ok(inet("127.0.0.1:4000")));
        assert_eq!(destination("[::1]:4000"), Ok(inet("[::1]:4000")));
        assert_eq!(
            destination("app.Example:4000"),
            Ok(Destination::Name("app.example".into(), 4000))
        );
        assert_eq!(
            destination("localhost:65535"),
            Ok(Destination::Name("localhost".into(), 65535))
        );
        assert_eq!(
            destination("unix:/run/app.sock"),
            Ok(Destination::Fixed(Address::Unix("/run/app.sock".into())))
        );
    }

    #[test]
    fn a_destination_needs_a_port() {
        assert!(destination("localhost").is_err_and(|e| e.contains("no port")));
        assert!(destination("[::1]").is_err_and(|e| e.contains("no port")));
        assert!(destination("4000").is_err_and(|e| e.contains("127.0.0.1:4000")));
        for bad in ["a:", "a:0", "a:65536", "a:+1", "a: 1", "a:b", ":4000", ""] {
            assert!(destination(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "scgi://a:1",
            "a:1/x",
            "a:1?x",
            "::1:4000",
            "[::1:4000",
            "[::1]4000",
            "[127.0.0.1]:1",
            "[]:1",
            "256.1.1.1:80",
            "1.2.3:80",
            "a..b:80",
            "a b:80",
            "ä:80",
            "unix:",
            "[:1",
            "a:1:2",
        ] {
            assert!(destination(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_socket_path_fits_the_socket_address() {
        assert!(destination(&format!("unix:/{}", "a".repeat(106))).is_ok());
        assert!(destination(&format!("unix:/{}", "a".repeat(107))).is_err());
        assert!(destination("unix:/a\0b").is_err());
    }

    #[test]
    fn a_bind_address_is_literal() {
        let bind = |ip: &str, port| {
            Ok(BindAddress {
                ip: ip.parse().expect("a test address"),
                port,
            })
        };
        assert_eq!(bind_address("192.0.2.1"), bind("192.0.2.1", 0));
        assert_eq!(bind_address("192.0.2.1:99"), bind("192.0.2.1", 99));
        assert_eq!(bind_address("2001:db8::1"), bind("2001:db8::1", 0));
        assert_eq!(bind_address("[2001:db8::1]"), bind("2001:db8::1", 0));
        assert_eq!(bind_address("[2001:db8::1]:99"), bind("2001:db8::1", 99));
        for bad in [
            "",
            "localhost",
            "192.0.2.1:0",
            "192.0.2.1:",
            "[192.0.2.1]:1",
            "[::1]:x",
            "unix:/a",
            "[::1",
        ] {
            assert!(bind_address(bad).is_err(), "{bad}");
        }
    }
}
