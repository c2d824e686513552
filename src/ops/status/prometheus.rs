//! The status in Prometheus's text exposition format, version 0.0.4: names begin with `scgate_`, times are in seconds, sizes
//! in bytes; `_total` grows only. A limit of 0 means that there is none.
#![forbid(unsafe_code)]

mod caches;

use super::super::escape::Out;
use super::amounts::{put_bound, put_micros};
use super::{Snapshot, state_name};
use crate::upstream::view::{BUCKETS, CheckView, ServerView, State};

/// The states of a server, each a sample of `scgate_server_state`.
const STATES: [State; 7] = [
    State::Up,
    State::Failed,
    State::Unhealthy,
    State::Probing,
    State::Starting,
    State::Draining,
    State::Down,
];

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Renders the whole of it.
pub fn render(snapshot: &Snapshot<'_>) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(16 * 1024));
    put_process(&mut out, snapshot);
    put_traffic(&mut out, snapshot);
    put_work(&mut out, snapshot);
    let servers = servers(snapshot);
    put_servers(&mut out, &servers);
    put_checks(&mut out, &servers);
    caches::put_caches(&mut out, snapshot.zones);
    out.0
}

fn put_process(out: &mut Out, s: &Snapshot<'_>) {
    family(out, "build_info", "gauge", "The program's version.");
    let labels = Labels::default().with("version", s.version);
    sample(out, "build_info", &labels, 1);
    let uptime = "How long the program has been running.";
    single(out, "uptime_seconds", "gauge", uptime, s.uptime.as_secs());
    family(
        out,
        "connections",
        "gauge",
        "Client connections by what they do.",
    );
    for (state, count) in s.census.states() {
        let labels = Labels::default().with("state", state);
        sample(out, "connections", &labels, count.into());
    }
    let help = "The limit of client connections.";
    single(
        out,
        "connections_max",
        "gauge",
        help,
        wide(s.max_connections),
    );
}

fn put_traffic(out: &mut Out, s: &Snapshot<'_>) {
    let totals = &s.totals;
    for (name, help, value) in [
        (
            "connections_accepted_total",
            "Client connections accepted.",
            totals.connections,
        ),
        ("requests_total", "Requests received.", totals.requests),
        (
            "received_bytes_total",
            "Bytes received from clients.",
            totals.received,
        ),
        ("sent_bytes_total", "Bytes sent to clients.", totals.sent),
        (
            "spills_total",
            "Bodies and responses that went to a temp file.",
            totals.spills,
        ),
        (
            "spilled_bytes_total",
            "Bytes written to temp files.",
            totals.spilled,
        ),
    ] {
        single(out, name, "counter", help, value);
    }
    let help = "Responses by status class; none: a request that ended without one.";
    family(out, "responses_total", "counter", help);
    let classes = CLASSES.iter().zip(totals.responses);
    for (class, count) in classes.chain([(&"none", totals.unanswered)]) {
        let labels = Labels::default().with("class", class);
        sample(out, "responses_total", &labels, count);
    }
}

fn put_work(out: &mut Out, s: &Snapshot<'_>) {
    for (name, help, value) in [
        (
            "queue_length",
            "Requests that wait for a worker.",
            s.queue_length,
        ),
        ("queue_max", "Requests that may wait.", s.max_queue),
        (
            "workers_busy",
            "Workers that have a request.",
            s.workers_busy,
        ),
        (
            "workers_started",
            "Workers that have been started.",
            s.workers_started,
        ),
        ("workers_max", "Workers that may be started.", s.max_workers),
        ("memory_bytes", "Bytes that buffers hold.", s.memory_used),
        (
            "memory_max_bytes",
            "The ceiling of all buffers together.",
            s.max_memory,
        ),
        (
            "spare_temp_files",
            "Temp files that wait for their next use.",
            s.spare_files,
        ),
    ] {
        single(out, name, "gauge", help, wide(value));
    }
    let help = "How long requests waited for a worker.";
    family(out, "queue_wait_seconds", "histogram", help);
    let none = Labels::default();
    histogram(
        out,
        "queue_wait_seconds",
        &none,
        &s.totals.waits,
        s.totals.wait_sum,
    );
}

/// A server and the labels that name it.
type Named<'a> = (&'a ServerView, Labels);

/// All servers with labels that differ: an address that stands twice in a group has a `copy` number from the second on.
fn servers<'a>(snapshot: &'a Snapshot<'_>) -> Vec<Named<'a>> {
    let mut all: Vec<Named<'a>> = Vec::new();
    for group in snapshot.groups {
        for server in &group.servers {
            let mut labels = Labels::default()
                .with("group", &group.name)
                .with("server", &server.address);
            if server.text != server.address {
                labels = labels.with("name", &server.text);
            }
            let alike = |(_, known): &&Named<'a>| known.0.starts_with(&labels.0);
            match all.iter().filter(alike).count() {
                0 => {}
                n => labels = labels.with("copy", &(n + 1).to_string()),
            }
            all.push((server, labels));
        }
    }
    all
}

fn put_servers(out: &mut Out, servers: &[Named<'_>]) {
    let help = "1 for the state that the server is in.";
    each(
        out,
        servers,
        "server_state",
        "gauge",
        help,
        |out, (server, labels)| {
            for state in STATES {
                let labels = labels.clone().with("state", state_name(state));
                sample(out, "server_state", &labels, (server.state == state).into());
            }
        },
    );
    type Value = fn(&ServerView) -> u64;
    let gauges: [(&str, &str, Value); 4] = [
        ("server_running", "Requests that the server has now.", |s| {
            s.running.into()
        }),
        (
            "server_max_running",
            "Requests that the server may have at a time.",
            |s| s.max_conns.into(),
        ),
        ("server_weight", "The server's weight.", |s| s.weight.into()),
        (
            "server_recent_failures",
            "Failures within fail_timeout.",
            |s| s.recent_fails.into(),
        ),
    ];
    let counters: [(&str, &str, Value); 4] = [
        (
            "server_requests_total",
            "Requests sent to the server.",
            |s| s.requests,
        ),
        (
            "server_failures_total",
            "Requests that failed at the server.",
            |s| s.fails,
        ),
        (
            "server_sent_bytes_total",
            "Bytes sent to the server.",
            |s| s.bytes_sent,
        ),
        (
            "server_received_bytes_total",
            "Bytes received from the server.",
            |s| s.bytes_received,
        ),
    ];
    let gauges = gauges.into_iter().map(|row| ("gauge", row));
    let counters = counters.into_iter().map(|row| ("counter", row));
    for (kind, (name, help, value)) in gauges.chain(counters) {
        each(out, servers, name, kind, help, |out, (server, labels)| {
            sample(out, name, labels, value(server));
        });
    }
    let name = "server_responses_total";
    let help = "The server's responses by status class.";
    each(
        out,
        servers,
        name,
        "counter",
        help,
        |out, (server, labels)| {
            for (class, count) in CLASSES.iter().zip(server.responses) {
                sample(out, name, &labels.clone().with("class", class), count);
            }
        },
    );
    let name = "server_response_seconds";
    let help = "From the choice of the server to the last byte of its response.";
    each(
        out,
        servers,
        name,
        "histogram",
        help,
        |out, (server, labels)| {
            let sum = server.time_sum;
            histogram(out, name, labels, &server.times, sum);
        },
    );
}

/// The checks of servers whose groups have a `--health`.
fn put_checks(out: &mut Out, servers: &[Named<'_>]) {
    let checked = servers.iter();
    let checked = checked.filter_map(|(server, labels)| Some((server.check.as_ref()?, labels)));
    let checked: Vec<(&CheckView, &Labels)> = checked.collect();
    type Value = fn(&CheckView) -> Option<u64>;
    let rows: [(&str, &str, &str, Value); 4] = [
        (
            "server_healthy",
            "gauge",
            "1 unless checks have made the server unhealthy.",
            |c| Some(c.healthy.into()),
        ),
        (
            "server_check_passed",
            "gauge",
            "1 if the last check of the server passed.",
            |c| c.last.as_ref().map(|last| last.0.into()),
        ),
        (
            "server_checks_total",
            "counter",
            "Checks of the server.",
            |c| Some(c.checks),
        ),
        (
            "server_check_failures_total",
            "counter",
            "Checks of the server that failed.",
            |c| Some(c.failures),
        ),
    ];
    for (name, kind, help, value) in rows {
        each(out, &checked, name, kind, help, |out, (check, labels)| {
            if let Some(value) = value(check) {
                sample(out, name, labels, value);
            }
        });
    }
}

/// A family with samples of each server or zone; nothing where there is none.
fn each<T>(
    out: &mut Out,
    named: &[T],
    name: &str,
    kind: &str,
    help: &str,
    put: impl Fn(&mut Out, &T),
) {
    if !named.is_empty() {
        family(out, name, kind, help);
        named.iter().for_each(|one| put(out, one));
    }
}

/// `a="b",c="d"`, escaped.
#[derive(Clone, Default)]
struct Labels(String);

impl Labels {
    fn with(mut self, name: &str, value: &str) -> Labels {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                _ => self.0.push(letter),
            }
        }
        self.0.push('"');
        self
    }
}

/// What stands before the samples of one name. `help` has no backslash and no line end.
fn family(out: &mut Out, name: &str, kind: &str, help: &str) {
    out.raw("# HELP scgate_").raw(name).raw(" ").raw(help);
    out.raw("\n# TYPE scgate_")
        .raw(name)
        .raw(" ")
        .raw(kind)
        .raw("\n");
}

fn single(out: &mut Out, name: &str, kind: &str, help: &str, value: u64) {
    family(out, name, kind, help);
    sample(out, name, &Labels::default(), value);
}

fn sample(out: &mut Out, name: &str, labels: &Labels, value: u64) {
    start(out, name, "", labels);
    out.number(value).raw("\n");
}

/// A name with its labels, up to the value.
fn start(out: &mut Out, name: &str, suffix: &str, labels: &Labels) {
    out.raw("scgate_").raw(name).raw(suffix);
    if !labels.0.is_empty() {
        out.raw("{").raw(&labels.0).raw("}");
    }
    out.raw(" ");
}

/// Cumulative buckets, sum and count. `sum` is in microseconds.
fn histogram(
    out: &mut Out,
    name: &str,
    labels: &Labels,
    counts: &[u64; BUCKETS.len() + 1],
    sum: u64,
) {
    let mut total: u64 = 0;
    for (at, count) in counts.iter().enumerate() {
        total = total.saturating_add(*count);
        let mut bound = Out::default();
        match BUCKETS.get(at) {
            Some(ms) => put_bound(&mut bound, *ms),
            None => drop(bound.raw("+Inf")),
        }
        let labels = labels
            .clone()
            .with("le", &String::from_utf8_lossy(&bound.0));
        start(out, name, "_bucket", &labels);
        out.number(total).raw("\n");
    }
    start(out, name, "_sum", labels);
    put_micros(out, sum);
    out.raw("\n");
    start(out, name, "_count", labels);
    out.number(total).raw("\n");
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
