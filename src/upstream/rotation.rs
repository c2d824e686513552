//! The addresses of each fixed target, used in turn (K4), and the resolution of addresses that a template gives (K5).

use std::net::ToSocketAddrs;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Config;
use crate::config::address::{Address, Destination, destination};
use crate::error::Fault;

/// Where the turn of each target stands. Shared by all workers.
#[derive(Debug)]
pub struct Rotation {
    next: Vec<AtomicUsize>,
    /// The turn of names that templates give.
    resolved: AtomicUsize,
}

impl Rotation {
    /// One turn for each of the configuration's targets.
    pub fn new(config: &Config) -> Rotation {
        Rotation {
            next: config.targets.iter().map(|_| AtomicUsize::new(0)).collect(),
            resolved: AtomicUsize::new(0),
        }
    }

    /// All addresses of a target, the one whose turn it is first. `target` is an index into [`Config::targets`].
    pub fn candidates<'a>(
        &self,
        config: &'a Config,
        target: usize,
    ) -> impl Iterator<Item = &'a Address> + use<'a> {
        let list = config
            .targets
            .get(target)
            .map_or(&[][..], |t| &t.addresses[..]);
        let start = match (list.len(), self.next.get(target)) {
            (2.., Some(next)) => next.fetch_add(1, Ordering::Relaxed) % list.len(),
            _ => 0,
        };
        let (late, early) = list.split_at(start);
        early.iter().chain(late)
    }

    /// The addresses of a text that a template gave. Names are looked up by the system, which may take a
    /// while; several addresses are used in turn.
    ///
    /// # Errors
    /// The text is no address, or the name has none.
    pub fn resolve(&self, text: &str) -> Result<Vec<Address>, Fault> {
        let wrong = |why: String| Fault::Resolve(format!("\"{text}\" {why}"));
        match destination(text).map_err(wrong)? {
            Destination::Fixed(address) => Ok(vec![address]),
            Destination::Name(name, port) => {
                let found = (name.as_str(), port)
                    .to_socket_addrs()
                    .map_err(|e| wrong(format!("does not resolve: {e}")))?;
                let mut list: Vec<Address> = Vec::new();
                for address in found.map(Address::Inet) {
                    if !list.contains(&address) {
                        list.push(address);
                    }
                }
                let turn = self.resolved.fetch_add(1, Ordering::Relaxed);
                let start = turn % list.len().max(1);
                list.rotate_left(start);
                Ok(list)
            }
        }
    }
}

/// Whether an address can be reached from a bind address: of IP addresses only those of the same family (Z30). A Unix
/// socket has no source address; `--bind` does not concern it.
pub fn fits(address: &Address, bind: Option<std::net::IpAddr>) -> bool {
    match (address, bind) {
        (Address::Inet(to), Some(from)) => to.is_ipv4() == from.is_ipv4(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_bind_family_fit() {
        let v4 = Address::Inet("127.0.0.1:1".parse().unwrap());
        let v6 = Address::Inet("[::1]:1".parse().unwrap());
        let unix = Address::Unix("/x".into());
        let from = Some("10.0.0.1".parse().unwrap());
        assert!(fits(&v4, from) && !fits(&v6, from) && fits(&unix, from));
        assert!(fits(&v6, None));
    }
}
