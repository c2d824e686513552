//! A herd of clients and one key: the application is asked once (C24, Z45).

use super::{Cached, Origin, ask, take};
use crate::common::process;

const HERD: usize = 500;
const LOCK: [&str; 6] = [
    "--cache-lock",
    "on",
    "--cache-lock-age",
    "600s",
    "--cache-lock-timeout",
    "600s",
];

/// The herd asks for `/a` while the application is held, then all take their responses. Gives the bodies.
fn herd(cached: &Cached, origin: &Origin, asked: usize) -> Vec<String> {
    process::raise_descriptor_limit();
    let latch = origin.holds("/a");
    let mut clients: Vec<_> = (0..HERD).map(|_| cached.client()).collect();
    for client in &mut clients {
        ask(client, "GET", "/a", "");
    }
    origin.wait_asked("/a", asked);
    cached.gate().has_read_everything();
    latch.open();
    let bodies = clients.iter_mut().map(|client| take(client, "GET").body);
    bodies.collect()
}

#[test]
fn a_cold_key_is_asked_for_once() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: 100\r\n", "{n}");
    let cached = Cached::start(&origin, &LOCK);
    let bodies = herd(&cached, &origin, 1);
    assert!(bodies.iter().all(|body| body == "1"));
    assert_eq!(origin.asked("/a"), 1);
}

#[test]
fn an_expired_key_is_asked_for_once() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\n", "{n}");
    let cached = Cached::start(&origin, &LOCK);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", "X-Accel-Expires: 100\r\n", "{n}");
    let bodies = herd(&cached, &origin, 2);
    assert!(bodies.iter().all(|body| body == "2"));
    assert_eq!(origin.asked("/a"), 2);
}

#[test]
fn an_expired_key_is_asked_for_once_while_it_is_served_stale() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\n", "{n}");
    let flags = [&LOCK[..], &["--cache-use-stale", "updating"]].concat();
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", "X-Accel-Expires: 100\r\n", "{n}");
    let bodies = herd(&cached, &origin, 2);
    let new = bodies.iter().filter(|body| *body == "2").count();
    let old = bodies.iter().filter(|body| *body == "1").count();
    assert_eq!((new, old), (1, HERD - 1));
    assert_eq!(origin.asked("/a"), 2);
}

#[test]
fn an_expired_key_is_asked_for_once_beside_all_clients() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\n", "{n}");
    let more = [
        "--cache-use-stale",
        "updating",
        "--cache-background-update",
        "on",
    ];
    let flags = [&LOCK[..], &more[..]].concat();
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("MISS", "1");
    origin.says("/a", "X-Accel-Expires: 100\r\n", "{n}");
    let bodies = herd(&cached, &origin, 2);
    assert!(bodies.iter().all(|body| body == "1"));
    assert_eq!(origin.asked("/a"), 2);
}
