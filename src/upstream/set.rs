//! A set: the members that a group has at one time. Never changed: an address that comes or goes makes another set, and a
//! request that has begun keeps the one that it has (Z36). What lasts longer is in the peers, which sets share.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::balance::{Means, Ring, Rng, Turn};
use super::leaving::Leaving;
use super::lock;
use super::peer::Peer;
use crate::config::group::{Balance, Group};

/// The members of a group.
///
/// `peers` and the list of `turns` have the same length and order: the primaries in the order of the command line, then the backups.
pub struct Set {
    /// For the log.
    pub name: Cow<'static, str>,
    pub method: &'static Balance,
    pub peers: Vec<Arc<Peer>>,
    /// How many of the peers are primaries.
    pub primaries: usize,
    /// Two peers have one address, and with it one health.
    pub doubles: bool,
    pub ring: Ring,
    pub leaving: Arc<Leaving>,
    pub turns: Mutex<Turns>,
}

/// What selection changes; the lock is held for one selection.
pub struct Turns {
    pub list: Vec<Turn>,
    pub rng: Rng,
}

impl Set {
    /// The set of these peers, which are in the order of the command line. `before` is the set whose peers keep their place in
    /// turn (N58); those that are not in it begin to grow, if they are to.
    pub fn of_group(
        group: &'static Group,
        mut peers: Vec<Arc<Peer>>,
        leaving: &Arc<Leaving>,
        before: Option<(&Set, Instant)>,
    ) -> Set {
        // Stable: primaries and backups keep their order.
        peers.sort_by_key(|peer| peer.setting.backup);
        let line = |peer: &Peer| {
            let own = group.servers.get(peer.server).map(|server| &server.text);
            let mut servers = group.servers.iter();
            servers.position(|server| Some(&server.text) == own)
        };
        let least = before.map_or(0, |(set, _)| set.least_traffic());
        let turns = peers.iter().map(|peer| {
            let new = Turn::new(peer.setting.weight, line(peer).unwrap_or(peer.server));
            match before {
                Some((set, now)) => set
                    .turn_of(peer)
                    .unwrap_or_else(|| growing(new, least, now)),
                None => new,
            }
        });
        let list: Vec<Turn> = turns.collect();
        let primaries = peers.iter().filter(|peer| !peer.setting.backup).count();
        let ring = match group.balance {
            Balance::Hash {
                consistent: true, ..
            } => ring(group, &peers, &list),
            _ => Ring::default(),
        };
        let name = Cow::Borrowed(group.name.as_str());
        Set::new(
            name,
            &group.balance,
            peers,
            list,
            (primaries, ring),
            leaving,
        )
    }

    /// The set of the addresses that a template gave, to be used in their order.
    pub fn of_template(text: &str, peers: Vec<Arc<Peer>>, leaving: &Arc<Leaving>) -> Set {
        let list = peers.iter().map(|_| Turn::new(1, 0)).collect();
        let name = Cow::Owned(text.to_owned());
        let primaries = peers.len();
        let rest = (primaries, Ring::default());
        Set::new(name, &Balance::RoundRobin, peers, list, rest, leaving)
    }

    fn new(
        name: Cow<'static, str>,
        method: &'static Balance,
        peers: Vec<Arc<Peer>>,
        list: Vec<Turn>,
        (primaries, ring): (usize, Ring),
        leaving: &Arc<Leaving>,
    ) -> Set {
        if peers.len() > 1 {
            for peer in &peers {
                peer.health.matters(peer.rule);
            }
        }
        let same = |a: &Arc<Peer>, b: &Arc<Peer>| Arc::ptr_eq(&a.health, &b.health);
        let rest = |i: usize| peers.get(i + 1..).unwrap_or_default();
        let mut each = peers.iter().enumerate();
        let doubles = each.any(|(i, peer)| rest(i).iter().any(|other| same(peer, other)));
        let rng = match method {
            Balance::Random { .. } => Rng::new(),
            _ => Rng::fixed(),
        };
        Set {
            name,
            method,
            peers,
            primaries,
            doubles,
            ring,
            leaving: Arc::clone(leaving),
            turns: Mutex::new(Turns { list, rng }),
        }
    }

    /// A copy of the turn of a peer that is in this set.
    fn turn_of(&self, peer: &Arc<Peer>) -> Option<Turn> {
        let at = self.peers.iter().position(|own| Arc::ptr_eq(own, peer))?;
        lock(&self.turns).list.get(at).cloned()
    }

    /// The fewest bytes that a peer has had for its weight (`bytraffic`).
    fn least_traffic(&self) -> u64 {
        let turns = lock(&self.turns);
        let for_weight = |turn: &Turn| turn.traffic / u64::from(turn.weight.max(1));
        turns.list.iter().map(for_weight).min().unwrap_or(0)
    }

    /// What the methods need besides the turns.
    pub fn means<'a>(&'a self, rng: &'a mut Rng) -> Means<'a> {
        Means {
            method: self.method,
            ring: &self.ring,
            rng,
        }
    }

    /// Brings a turn up to date: how busy the peer is, and how far it has grown.
    pub fn refresh(peer: &Peer, turn: &mut Turn, now: Instant) {
        turn.running = peer.running();
        let slow_start = peer.setting.slow_start;
        if !slow_start.is_zero() {
            turn.growth.recovered(peer.recovered_at());
            turn.share = turn.growth.share(slow_start, now);
        }
    }
}

/// The turn of an address that comes in. It has had no traffic, but is not to make up for what the others have had since the
/// start.
fn growing(mut turn: Turn, least_traffic: u64, now: Instant) -> Turn {
    turn.growth.begin(now);
    turn.traffic = least_traffic.saturating_mul(u64::from(turn.weight));
    turn
}

/// The ring of the primaries that have an address: each line of the command line once, by its text.
fn ring(group: &'static Group, peers: &[Arc<Peer>], turns: &[Turn]) -> Ring {
    let servers = group.servers.iter().enumerate();
    let present = servers.filter_map(|(index, server)| {
        let at = peers.iter().position(|peer| peer.server == index)?;
        let line = turns.get(at)?.line;
        (!server.backup).then_some((server.text.as_str(), line, server.weight))
    });
    Ring::new(present)
}
