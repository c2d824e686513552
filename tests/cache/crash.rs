//! Killed under load, again and again: what is found afterwards is right or not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Cached, Origin, entries};
use crate::common::gate::Front;
use crate::common::http::Client;
use crate::common::{Pattern, Rng, Stream, Temp};

const KEYS: usize = 60;
const ROUNDS: usize = 6;
const CLIENTS: usize = 4;
const FLAGS: [&str; 4] = ["--cache-valid", "200 10m", "--cache-lock", "on"];

/// The body of a key, its number first: no two are alike, and sizes go from nothing to what never stays in memory.
fn body(n: usize) -> Vec<u8> {
    let len = [0, 13, 4000, 70_000, 300_000][n % 5] + n;
    let mut body = format!("{n}:").into_bytes();
    body.extend(Pattern::new().bytes(len + 1000)[n..].iter().take(len));
    body
}

/// Asks for keys until the connection breaks or the end is called. What comes complete has to be right.
fn load(seed: u64, front: &Front, bodies: &[Vec<u8>], end: &AtomicBool, served: &AtomicUsize) {
    let mut rng = Rng::new(seed);
    let Front::Tcp(addr) = front else { return };
    let Ok(stream) = std::net::TcpStream::connect(addr) else {
        return;
    };
    let mut client = Client::new(Stream::Tcp(stream));
    while !end.load(Ordering::Relaxed) {
        let n = rng.below(KEYS);
        let request = format!("GET /{n} HTTP/1.1\r\nHost: test\r\n\r\n");
        if client.try_send(request).is_err() {
            return;
        }
        match client.try_response("GET") {
            Ok(response) => {
                assert_eq!(response.status, 200, "key {n}");
                assert!(response.body == bodies[n], "a wrong body for key {n}");
                served.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => return,
        }
    }
}

/// C96, Z51.
#[test]
fn what_a_killed_gateway_leaves_is_right_or_not_there() {
    for zone in ["levels=1:2", "use_temp_path=off levels=1 max_size=2m"] {
        let origin = Origin::new();
        let bodies: Arc<Vec<Vec<u8>>> = Arc::new((0..KEYS).map(body).collect());
        for (n, body) in bodies.iter().enumerate() {
            origin.says(&format!("/{n}"), "ETag: \"v1\"\r\n", body);
        }
        let mut dir = Temp::new();
        for round in 0..ROUNDS {
            let cached = Cached::within(dir, &origin, zone, &FLAGS);
            dir = kill_under_load(cached, round, &bodies);
        }
        let found = entries(&dir.path().join("cache")).len();
        let cached = Cached::within(dir, &origin, zone, &FLAGS);
        let mut hits = 0;
        for (n, right) in bodies.iter().enumerate() {
            let response = cached.client().get(&format!("/{n}")).is(200);
            assert!(response.body == *right, "a wrong body for key {n}");
            hits += usize::from(response.field("x-cache") == Some("HIT"));
        }
        // Where not all have room at once, asking for one after the other may find each removed for the one before.
        let has_room = !zone.contains("max_size");
        assert!(
            hits > 0 || found == 0 || !has_room,
            "{found} files and no hit"
        );
        cached.stop();
    }
}

/// Kills the gateway when it has served some requests, at a moment that depends on the round.
fn kill_under_load(cached: Cached, round: usize, bodies: &Arc<Vec<Vec<u8>>>) -> Temp {
    let end = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let front = cached.gate().front().clone();
    let threads: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let (end, served, bodies, front) = (
                Arc::clone(&end),
                Arc::clone(&served),
                Arc::clone(bodies),
                front.clone(),
            );
            let seed = (round * CLIENTS + n) as u64 + 1;
            std::thread::spawn(move || load(seed, &front, &bodies, &end, &served))
        })
        .collect();
    crate::common::until("some responses", || {
        served.load(Ordering::Relaxed) > 30 + 40 * round
    });
    let dir = cached.end_by(libc::SIGKILL);
    end.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("only right bodies");
    }
    dir
}
