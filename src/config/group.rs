//! Upstream groups as the command line gives them: `--upstream`, `--balance`, `--sticky`, `--health`. What changes while the program runs
//! (addresses, health, turns) belongs to `upstream`.

use std::time::Duration;

use super::address::{Address, BindAddress, Destination};
use crate::template::Template;

/// A group of servers that `--pass` names, or the implicit group of one `--pass` address.
#[derive(Debug)]
pub struct Group {
    /// As written; compared case-insensitively (K2). For an implicit group the text of `--pass`.
    pub name: String,
    /// Made by a `--pass` with an address, not by `--upstream`.
    pub implicit: bool,
    /// In the order of the command line.
    pub servers: Vec<GroupServer>,
    pub balance: Balance,
    pub sticky: Option<Sticky>,
    /// `None`: what its servers do with requests is all that is known of them.
    pub health: Option<Health>,
}

/// `--health`: how the servers of a group are checked.
#[derive(Debug, Clone)]
pub struct Health {
    /// From the begin of a check to that of the next; not zero.
    pub interval: Duration,
    /// A path, and maybe a query.
    pub uri: String,
    /// Failures in a row that make a server unhealthy, and passes in a row that make it healthy; at least 1.
    pub fails: u32,
    pub passes: u32,
    /// The netstring that is sent.
    pub request: Vec<u8>,
    /// Bytes of its parameters.
    pub block: usize,
    /// Bytes that must hold the head of the response: `--buffer-size`.
    pub head_max: usize,
    /// The fixed source address of the location whose requests the checks resemble, and whether it is transparent.
    pub bind: Option<(BindAddress, bool)>,
}

/// One `--upstream`: a server, which stands for all addresses of its name.
#[derive(Debug, Clone)]
pub struct GroupServer {
    /// The address as written: it places keys on the ring of `hash … consistent` (N43).
    pub text: String,
    pub destination: Destination,
    /// What the name stood for at the start, or the one fixed address. May be empty with `resolve`.
    pub addresses: Vec<Address>,
    /// At least 1.
    pub weight: u32,
    /// Exchanges at one time for each address; 0: no limit.
    pub max_conns: u32,
    /// Failures within `fail_timeout` that make an address count as failed; 0: never.
    pub max_fails: u32,
    pub fail_timeout: Duration,
    /// Over how long the weight grows back after a recovery; zero: at once.
    pub slow_start: Duration,
    pub backup: bool,
    pub down: bool,
    /// Look the name up again while the program runs.
    pub resolve: bool,
    /// The id for `--sticky`, where one is given.
    pub route: Option<String>,
}

/// `--balance`.
#[derive(Debug, Clone)]
pub enum Balance {
    RoundRobin,
    LeastConn,
    IpHash,
    Hash {
        key: Template,
        consistent: bool,
    },
    Random {
        two: bool,
    },
    /// Apache's, which is smooth weighted round robin without effective weights (N63).
    ByRequests,
    ByTraffic,
    ByBusyness,
}

impl Balance {
    /// As `--balance` has it, without the key of `hash`.
    pub fn name(&self) -> &'static str {
        match self {
            Balance::RoundRobin => "round_robin",
            Balance::LeastConn => "least_conn",
            Balance::IpHash => "ip_hash",
            Balance::Hash {
                consistent: false, ..
            } => "hash",
            Balance::Hash {
                consistent: true, ..
            } => "hash consistent",
            Balance::Random { two: false } => "random",
            Balance::Random { two: true } => "random two",
            Balance::ByRequests => "byrequests",
            Balance::ByTraffic => "bytraffic",
            Balance::ByBusyness => "bybusyness",
        }
    }
}

/// `--sticky`.
#[derive(Debug, Clone)]
pub enum Sticky {
    Cookie(StickyCookie),
    /// The first that is not empty is the id.
    Route(Vec<Template>),
}

/// `--sticky 'GROUP cookie NAME …'`.
#[derive(Debug, Clone)]
pub struct StickyCookie {
    pub name: String,
    /// How long a browser keeps it; `None`: until it is closed.
    pub expires: Option<Duration>,
    pub path: Option<String>,
    pub domain: Option<String>,
    pub httponly: bool,
    pub secure: bool,
}
