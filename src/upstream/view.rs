//! How groups and their servers stand, as plain values for whoever shows them.

use std::time::Duration;

/// One group.
#[derive(Clone, Debug)]
pub struct GroupView {
    pub name: String,
    /// Made by a `--pass` with an address.
    pub implicit: bool,
    /// `round_robin`, `least_conn`, …
    pub balance: &'static str,
    pub servers: Vec<ServerView>,
}

/// One address of a group.
#[derive(Clone, Debug)]
pub struct ServerView {
    pub address: String,
    /// As `--upstream` names it; several addresses may share it.
    pub text: String,
    pub state: State,
    pub backup: bool,
    pub weight: u32,
    pub max_conns: u32,
    /// Exchanges now.
    pub running: u32,
    /// Exchanges since the start.
    pub requests: u64,
    /// Failures since the start, and within `fail_timeout`.
    pub fails: u64,
    pub recent_fails: u32,
    /// What failed last, and how long ago.
    pub last_error: Option<(String, Duration)>,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    /// Responses by class: 1xx (none) to 5xx.
    pub responses: [u64; 5],
    /// Response times: how many took up to each of [`BUCKETS`], and longer ones in the last place. Not cumulative.
    pub times: [u64; BUCKETS.len() + 1],
    /// All response times together, in microseconds.
    pub time_sum: u64,
    /// Where the group has a `--health`.
    pub check: Option<CheckView>,
}

/// What the checks of a server have found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckView {
    /// Also before the first check.
    pub healthy: bool,
    /// Checks since the start, and how many of them failed.
    pub checks: u64,
    pub failures: u64,
    /// Whether the last one passed, what came of it, and how long ago.
    pub last: Option<(bool, String, Duration)>,
}

/// Upper bounds of the histogram of response times, in milliseconds.
pub const BUCKETS: [u64; 11] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000, 30000];

/// Whether a server gets requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    /// Failed: not tried until `fail_timeout` is over, except when no other is left.
    Failed,
    /// Its `fail_timeout` is over, and one request finds out how it is.
    Probing,
    /// Checks have failed (`--health`): not tried until they pass, except when no other is left.
    Unhealthy,
    /// Its weight grows back (`slow_start`).
    Starting,
    /// Drained by order: only clients that are bound to it.
    Draining,
    /// `down`, on the command line or by order.
    Down,
}

/// What the status page can order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Drain,
    Down,
    /// Up again, with its failures forgotten.
    Revive,
}
