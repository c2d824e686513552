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

/// Parses `host:port`, `ip:port`, `[ipv6]:port` or `unix:/path`; a port is required (K1, K3).
///
/// # Errors
/// A phrase that says what was expected.
pub fn destination(_text: &str) -> Result<Destination, String> {
    todo!()
}

/// Parses the source of a connection: `IP` or `IP:port`, `[v6]:port` (K13).
///
/// # Errors
/// A phrase that says what was expected.
pub fn bind_address(_text: &str) -> Result<BindAddress, String> {
    todo!()
}
