//! What the status page shows, to whom, and which orders it takes.

mod asking;
mod render;

use std::cell::RefCell;
use std::sync::LazyLock;

use super::*;
use crate::cache::view::ZoneCounts;
use crate::http::request::Limits;
use crate::upstream::view::{BUCKETS, ServerView};

const NASTY: &str = "<b>\"'&\\\n";

fn server(address: &str) -> ServerView {
    ServerView {
        address: address.into(),
        text: address.into(),
        state: State::Up,
        backup: false,
        weight: 1,
        max_conns: 0,
        running: 0,
        requests: 0,
        fails: 0,
        recent_fails: 0,
        last_error: None,
        bytes_sent: 0,
        bytes_received: 0,
        responses: [0; 5],
        times: [0; BUCKETS.len() + 1],
        time_sum: 0,
        check: None,
    }
}

/// Groups in which everything occurs.
fn groups() -> Vec<GroupView> {
    let busy = ServerView {
        text: "app.example:9000".into(),
        weight: 5,
        max_conns: 10,
        running: 3,
        requests: 12_345,
        fails: 2,
        bytes_sent: 3_456_789,
        bytes_received: 987_654_321,
        responses: [0, 12_000, 300, 40, 3],
        times: [100, 2000, 5000, 3000, 1500, 500, 200, 30, 10, 2, 1, 2],
        time_sum: 123_456_000,
        ..server("10.0.0.1:9000")
    };
    let failed = ServerView {
        state: State::Failed,
        backup: true,
        fails: 17,
        recent_fails: 3,
        last_error: Some((
            "connect: Connection refused".into(),
            Duration::from_secs(95),
        )),
        ..server("unix:/run/a/rather/long/path/to/an/application/that/is/down.sock")
    };
    let nasty = ServerView {
        text: NASTY.into(),
        state: State::Draining,
        last_error: Some((NASTY.into(), Duration::ZERO)),
        ..server("[2001:db8::1]:9000")
    };
    let group = |name: &str, implicit, servers| GroupView {
        name: name.into(),
        implicit,
        balance: "round_robin",
        servers,
    };
    vec![
        group("backend", false, vec![busy, failed]),
        group(NASTY, true, vec![nasty]),
        group("empty", false, Vec::new()),
    ]
}

/// Zones in which everything occurs.
static ZONES: LazyLock<Vec<ZoneView>> = LazyLock::new(|| {
    let busy = ZoneView {
        name: "app".into(),
        path: "/var/cache/app".into(),
        entries: 12_345,
        size: 5_000_000_000,
        max_size: Some(10 << 30),
        memory_used: 1_300_000,
        memory_limit: 10 << 20,
        held: 678,
        open_files: 90,
        loading: false,
        waiters: 3,
        filling: 2,
        counts: ZoneCounts {
            miss: 1000,
            bypass: 40,
            expired: 60,
            stale: 5,
            updating: 6,
            revalidated: 7,
            hit: 8_882,
            fills: 1010,
            fills_failed: 8,
            evictions: 9,
            purges: 10,
        },
    };
    let nasty = ZoneView {
        name: NASTY.into(),
        path: NASTY.into(),
        loading: true,
        ..ZoneView::default()
    };
    vec![busy, nasty]
});

fn snapshot(groups: &[GroupView]) -> Snapshot<'_> {
    Snapshot {
        version: "0.1.0",
        hostname: "router",
        pid: 4711,
        uptime: Duration::from_secs(3 * 86400 + 4 * 3600 + 59),
        census: Census {
            reading_head: 1,
            reading_body: 2,
            waiting: 3,
            running: 4,
            writing: 5,
            idle: 6,
            closing: 7,
        },
        max_connections: 512,
        totals: Totals {
            connections: 1234,
            requests: 1_234_567,
            responses: [0, 1_200_000, 30_000, 4567, 89],
            unanswered: 11,
            received: 5_000_000_000,
            sent: 1536,
            waits: [10, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            wait_sum: 31_234_567,
            spills: 9,
            spilled: 70_000_000,
        },
        queue_length: 2,
        max_queue: 1000,
        workers_busy: 4,
        workers_started: 8,
        max_workers: 64,
        memory_used: 1_300_000,
        max_memory: 64 << 20,
        spare_files: 1,
        groups,
        zones: &ZONES,
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("all renderings are UTF-8")
}

fn request(head: &str) -> Request {
    let limits = Limits {
        max_size: 16 * 1024,
        underscores: false,
    };
    let head = head.replace('\n', "\r\n") + "\r\n\r\n";
    Request::parse(head.as_bytes(), &limits).expect("a test request")
}

/// A POST of a form, with these further fields.
fn post(fields: &str) -> Request {
    request(&format!(
        "POST /status HTTP/1.1\nHost: router:8080\nContent-Length: 3\n\
         Content-Type: application/x-www-form-urlencoded{fields}"
    ))
}

const DRAIN: &[u8] = b"group=backend&server=10.0.0.1%3A9000&action=drain";

/// The answer of a writable page to a client that a rule allows, and the orders that were carried out.
fn give(request: &Request, body: &[u8]) -> (StatusAnswer, Vec<String>) {
    let orders = RefCell::new(Vec::new());
    let act = |group: &str, server: &str, order: Order| {
        if group != "backend" {
            return Err(format!("there is no group {group}"));
        }
        orders
            .borrow_mut()
            .push(format!("{group} {server} {order:?}"));
        Ok(())
    };
    let answer = answer(request, body, &snapshot(&groups()), true, true, &act);
    (answer, orders.into_inner())
}

fn field<'a>(answer: &'a StatusAnswer, name: &str) -> Option<&'a str> {
    let found = answer.fields.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

/// Whatever follows one JSON value (RFC 8259), or where it goes wrong.
fn after_json(text: &str) -> Result<&str, &str> {
    let text = text.trim_start();
    let (close, member) = match text.as_bytes().first().ok_or(text)? {
        b'{' => ("}", true),
        b'[' => ("]", false),
        b'"' => return after_string(text),
        _ => {
            let word = text
                .split([',', '}', ']', ' ', '\n'])
                .next()
                .unwrap_or_default();
            let plain = ["true", "false", "null"].contains(&word);
            let number = word.parse::<f64>().is_ok() && !word.contains(['n', 'N', '+']);
            return if plain || number {
                Ok(&text[word.len()..])
            } else {
                Err(text)
            };
        }
    };
    let mut rest = text[1..].trim_start();
    if let Some(rest) = rest.strip_prefix(close) {
        return Ok(rest);
    }
    loop {
        if member {
            rest = after_string(rest.trim_start())?
                .strip_prefix(':')
                .ok_or(rest)?;
        }
        rest = after_json(rest)?.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return rest.strip_prefix(close).ok_or(rest),
        }
    }
}

fn after_string(text: &str) -> Result<&str, &str> {
    let inside = text.strip_prefix('"').ok_or(text)?;
    let mut escaped = false;
    for (at, letter) in inside.char_indices() {
        match letter {
            '"' if !escaped => return Ok(&inside[at + 1..]),
            '\0'..='\x1f' => return Err(inside),
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    Err(text)
}
