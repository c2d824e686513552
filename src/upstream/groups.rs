//! Groups of servers while the program runs: who gets the next request.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::view::{GroupView, Order};
use crate::config::Config;
use crate::config::address::{Address, Destination, destination};
use crate::config::group;
use crate::error::Fault;

/// All groups. Shared by every thread.
pub struct Upstreams {
    groups: Vec<Group>,
    turn: AtomicUsize,
}

/// One group and its state.
pub struct Group {
    pub config: &'static group::Group,
    peers: Vec<Arc<Peer>>,
    turn: AtomicUsize,
}

/// One address of a server.
pub struct Peer {
    pub address: Address,
    /// What `--sticky cookie` calls the server.
    pub id: String,
}

/// The servers that one request may be sent to: fixed when it begins, whatever becomes of the group meanwhile (Z36).
pub struct Run {
    peers: Vec<Arc<Peer>>,
    start: usize,
    tried: BTreeSet<usize>,
}

/// A server that was chosen for one try. Its drop ends the try, as neither a success nor a failure.
pub struct Picked {
    peer: Arc<Peer>,
}

impl Upstreams {
    /// The groups of the configuration.
    pub fn new(config: &'static Config) -> Upstreams {
        let groups = config.groups.iter().map(|config| Group {
            config,
            peers: config
                .servers
                .iter()
                .flat_map(|server| &server.addresses)
                .map(|address| {
                    Arc::new(Peer {
                        address: address.clone(),
                        id: address.to_string(),
                    })
                })
                .collect(),
            turn: AtomicUsize::new(0),
        });
        Upstreams {
            groups: groups.collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// The group of an index of [`Config::groups`].
    pub fn group(&self, index: usize) -> Option<&Group> {
        self.groups.get(index)
    }

    /// The group of a name that a template gave (K5): compared case-insensitively.
    pub fn named(&self, name: &str) -> Option<&Group> {
        self.groups
            .iter()
            .find(|group| group.config.name.eq_ignore_ascii_case(name))
    }

    /// The servers of an address that a template gave and that is no group. Names are looked up by the system, which may take a while.
    ///
    /// # Errors
    /// The text is no address, or the name has none.
    pub fn resolve(&self, text: &str) -> Result<Run, Fault> {
        let wrong = |why: String| Fault::Resolve(format!("\"{text}\" {why}"));
        let mut list: Vec<Address> = Vec::new();
        match destination(text).map_err(wrong)? {
            Destination::Fixed(address) => list.push(address),
            Destination::Name(name, port) => {
                let found = (name.as_str(), port)
                    .to_socket_addrs()
                    .map_err(|e| wrong(format!("does not resolve: {e}")))?;
                for address in found.map(Address::Inet) {
                    if !list.contains(&address) {
                        list.push(address);
                    }
                }
            }
        }
        let peer = |address: Address| {
            Arc::new(Peer {
                id: address.to_string(),
                address,
            })
        };
        let peers: Vec<Arc<Peer>> = list.into_iter().map(peer).collect();
        Ok(Run {
            start: self.turn.fetch_add(1, Ordering::Relaxed),
            peers,
            tried: BTreeSet::new(),
        })
    }

    /// HUP: looks all names up again, in a thread of its own.
    pub fn refresh(&'static self) {}

    /// How everything stands, for the status page.
    pub fn view(&self, _now: Instant) -> Vec<GroupView> {
        Vec::new()
    }

    /// Drains or revives a server. `server` is an address as the view shows it, or the server's text for all its addresses.
    ///
    /// # Errors
    /// A phrase: there is no such group or server.
    pub fn order(&self, group: &str, server: &str, _order: Order) -> Result<(), String> {
        Err(format!("there is no server {server} in group {group}"))
    }
}

impl Group {
    /// Begins a request. `key` is what the balancing method asks for: the rendered key of `hash`, the client's address in
    /// binary for `ip_hash`, else empty. `sticky` is the id that the client brought.
    pub fn begin(&self, _key: &[u8], _sticky: Option<&str>) -> Run {
        Run {
            peers: self.peers.clone(),
            start: self.turn.fetch_add(1, Ordering::Relaxed),
            tried: BTreeSet::new(),
        }
    }
}

impl Run {
    /// Chooses the server of the next try; `None`: there is none (left). `bind` is the source address: only servers of its
    /// family can be reached from it (Z30).
    pub fn next(&mut self, bind: Option<IpAddr>, _now: Instant) -> Option<Picked> {
        let count = self.peers.len();
        for step in 0..count {
            let at = (self.start + step) % count;
            let peer = self.peers.get(at)?;
            if fits(&peer.address, bind) && self.tried.insert(at) {
                return Some(Picked {
                    peer: Arc::clone(peer),
                });
            }
        }
        None
    }

    /// Whether the group has an address at all that can be reached from `bind`.
    pub fn fits_any(&self, bind: Option<IpAddr>) -> bool {
        self.peers.iter().any(|peer| fits(&peer.address, bind))
    }
}

impl Picked {
    pub fn address(&self) -> &Address {
        &self.peer.address
    }

    /// What `--sticky cookie` calls this server.
    pub fn id(&self) -> &str {
        &self.peer.id
    }

    /// The try has ended well (its response was delivered, or the client left).
    pub fn succeeded(&self, _now: Instant) {}

    /// The try has failed; `why` is for the status page.
    pub fn failed(&self, _why: &str, _now: Instant) {}

    /// What the try came to, for `bytraffic` and the status page. `time`: to the last byte of the response.
    pub fn account(&self, _status: u16, _sent: u64, _received: u64, _time: Duration) {}

    /// `sever` shall be called when the address has left its group and `after` has passed (`--connection-drop`). What is
    /// returned ends that when dropped.
    pub fn watch(&self, _after: Duration, _sever: Arc<dyn Fn() + Send + Sync>) -> Watch {
        Watch {}
    }

    /// The address has left its group since.
    pub fn has_left(&self) -> bool {
        false
    }
}

/// See [`Picked::watch`].
pub struct Watch {}

/// Whether an address can be reached from a bind address: of IP addresses only those of the same family (Z30). A Unix
/// socket has no source address; `--bind` does not concern it.
pub fn fits(address: &Address, bind: Option<IpAddr>) -> bool {
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
