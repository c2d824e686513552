//! Four servers behind one group, ended and started again at random while clients ask for bodies that they can check.
//!
//! What must hold whatever happens: no wrong byte in what looks complete, and no POST seen by two servers. As long as some server
//! lives through the whole of a GET, the GET is answered, unless the server that was answering it died with the
//! response half sent, which then shows. The one who ends servers always leaves one alive, waits for traffic instead of time, and
//! draws from a seed.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::common::http::{Broken, Client};
use crate::common::{App, Gate, Pattern, Rng, Scgi, Stream, Temp, until};

const SERVERS: usize = 4;
const CLIENTS: usize = 6;
/// Ends and starts.
const ROUNDS: usize = 120;
/// Requests that are answered between two of them.
const BETWEEN: usize = 15;

/// How servers are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// No new requests; those that are accepted are answered.
    Graceful,
    /// Everything stops where it is.
    Hard,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all servers share.
struct World {
    pattern: Pattern,
    /// The servers that saw each POST, by its id.
    posts: Mutex<BTreeMap<u64, Vec<usize>>>,
    /// Of each server: how often it was started or ended. Odd while it lives.
    epochs: [AtomicUsize; SERVERS],
}

/// One life of a server.
struct Life {
    app: App,
    /// Its connections, while they are in work.
    open: Arc<Mutex<BTreeMap<usize, Stream>>>,
    dead: Arc<AtomicBool>,
}

impl World {
    /// The epochs of those that live.
    fn living(&self) -> Vec<(usize, usize)> {
        let epochs = self.epochs.iter().map(|e| e.load(Ordering::SeqCst));
        epochs.enumerate().filter(|(_, e)| e % 2 == 1).collect()
    }
}

/// Starts a server at its place.
fn start(world: &Arc<World>, server: usize, path: &str) -> Life {
    let open = Arc::new(Mutex::new(BTreeMap::new()));
    let dead = Arc::new(AtomicBool::new(false));
    let (world, theirs, stop) = (Arc::clone(world), Arc::clone(&open), Arc::clone(&dead));
    let epochs = Arc::clone(&world);
    let _ = std::fs::remove_file(path);
    let app = App::script_at(path, move |scgi| {
        let number = scgi.number;
        if let Ok(stream) = scgi.stream().try_clone() {
            lock(&theirs).insert(number, stream);
        }
        // A connection that came with the end is not in time to be found by it.
        if !stop.load(Ordering::SeqCst) {
            let _ = serve(scgi, &world, server, &stop);
        }
        lock(&theirs).remove(&number);
    });
    epochs.epochs[server].fetch_add(1, Ordering::SeqCst);
    Life { app, open, dead }
}

impl Life {
    fn end(self, world: &World, server: usize, manner: Manner) {
        world.epochs[server].fetch_add(1, Ordering::SeqCst);
        let Life { app, open, dead } = self;
        if manner == Manner::Hard {
            dead.store(true, Ordering::SeqCst);
            for stream in lock(&open).values() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // The listener goes; what waits in its queue is reset. Scripts that run are not waited for.
        drop(app);
    }
}

/// Answers one request, `/get/OFFSET/LENGTH` or `/post/ID`. A body goes out in pieces, so that an end can come between them.
fn serve(scgi: &mut Scgi, world: &World, server: usize, dead: &AtomicBool) -> std::io::Result<()> {
    let request = scgi.try_request()?;
    let uri = request.uri();
    let mut words = uri.split('/').skip(1);
    let kind = words.next().expect("a word").to_owned();
    let mut number = || -> u64 { words.next().and_then(|w| w.parse().ok()).expect("a number") };
    if kind == "post" {
        let id = number();
        lock(&world.posts).entry(id).or_default().push(server);
        let mut body = Vec::new();
        scgi.try_body(request.content_length, &mut |piece| {
            body.extend_from_slice(piece)
        })?;
        assert_eq!(body, post_body(id).as_bytes(), "the body of POST {id}");
        // It has its effect now. Whoever dies before the answer has had it all the same.
        std::thread::sleep(Duration::from_millis(id % 4));
        if dead.load(Ordering::SeqCst) {
            return Ok(());
        }
        return scgi.try_send(format!(
            "Status: 200\r\nContent-Length: {}\r\n\r\n{id}",
            id.to_string().len()
        ));
    }
    let (offset, length) = (number(), number());
    scgi.try_send(format!("Status: 200\r\nContent-Length: {length}\r\n\r\n"))?;
    let mut at = 0;
    while at < length && !dead.load(Ordering::SeqCst) {
        let piece = world.pattern.at(offset + at);
        let piece = &piece[..piece.len().min((length - at).min(20_000) as usize)];
        scgi.try_send(piece)?;
        at += piece.len() as u64;
    }
    Ok(())
}

fn post_body(id: u64) -> String {
    format!("the body of {id}")
}

/// What a client has met with.
#[derive(Debug, Default)]
struct Tally {
    good: usize,
    /// Responses that broke off, and looked like it.
    cut: usize,
    /// GETs that failed while no server lived from their beginning to their end.
    hopeless: usize,
    posts: usize,
}

struct Visitor<'a> {
    gate: &'a Gate,
    world: &'a World,
    manner: Manner,
    answered: &'a AtomicUsize,
    client: Option<Client>,
    rng: Rng,
    tally: Tally,
    wrong: Vec<String>,
}

impl Visitor<'_> {
    fn visit(mut self, first_id: u64, stop: &AtomicBool) -> (Tally, Vec<String>) {
        let mut id = first_id;
        while !stop.load(Ordering::SeqCst) {
            if self.rng.below(5) == 0 {
                self.post(id);
                id += 1;
            } else {
                self.get();
            }
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
        (self.tally, self.wrong)
    }

    fn get(&mut self) {
        let offset = self.rng.below(1_000_000) as u64;
        // Most are small; some are larger than what buffers hold on the way.
        let length = match self.rng.below(10) {
            0 => 500_000 + self.rng.below(500_000),
            1..=3 => self.rng.below(100_000),
            _ => self.rng.below(3000),
        };
        let before = self.world.living();
        let mut client = self.client.take().unwrap_or_else(|| self.gate.client());
        client.send(format!(
            "GET /get/{offset}/{length} HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        let result = client.try_response("GET");
        let after = self.world.living();
        let survivor = before.iter().any(|life| after.contains(life));
        let what = format!("GET /get/{offset}/{length}");
        match result {
            Ok(response) if response.status == 200 => {
                self.check(&what, offset, length, &response.body, true);
                self.tally.good += 1;
                if !response.head.closes() {
                    self.client = Some(client);
                }
            }
            // Nobody to be asked.
            Ok(response) if response.status == 502 && !survivor => self.tally.hopeless += 1,
            Err(Broken::InBody(head, body))
                if head.status == 200 && self.manner == Manner::Hard =>
            {
                self.check(&what, offset, length, &body, false);
                self.tally.cut += 1;
            }
            Ok(response) => self.wrong.push(format!(
                "{what}: status {}; lived before {before:?}, after {after:?}",
                response.status
            )),
            Err(other) => self.wrong.push(format!("{what}: {other:?}")),
        }
    }

    /// Every byte is right, and a complete body has them all.
    fn check(&mut self, what: &str, offset: u64, length: usize, body: &[u8], complete: bool) {
        if body.len() > length || complete && body.len() != length {
            self.wrong.push(format!("{what}: {} bytes", body.len()));
        }
        let mut at = 0;
        while at < body.len() {
            let want = self.world.pattern.at(offset + at as u64);
            let n = want.len().min(body.len() - at);
            if want[..n] != body[at..at + n] {
                self.wrong.push(format!("{what}: a wrong byte"));
                return;
            }
            at += n;
        }
    }

    /// Whether it is answered is not promised: only that no second server sees it. What says that it was done, was.
    fn post(&mut self, id: u64) {
        let body = post_body(id);
        let mut client = self.client.take().unwrap_or_else(|| self.gate.client());
        client.send(format!(
            "POST /post/{id} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        self.tally.posts += 1;
        match client.try_response("POST") {
            Ok(response) if response.status == 200 => {
                if response.text() != id.to_string() {
                    self.wrong.push(format!("POST {id}: {}", response.text()));
                }
                if !lock(&self.world.posts).contains_key(&id) {
                    self.wrong.push(format!("POST {id}: answered by nobody"));
                }
                if !response.head.closes() {
                    self.client = Some(client);
                }
            }
            Ok(response) if response.status == 502 => {}
            Err(Broken::InBody(head, _)) if head.status == 200 && self.manner == Manner::Hard => {}
            Ok(response) => self
                .wrong
                .push(format!("POST {id}: status {}", response.status)),
            Err(other) => self.wrong.push(format!("POST {id}: {other:?}")),
        }
    }
}

/// Ends and starts servers; at least one lives at any time, and all do at the end.
fn rage(
    world: &Arc<World>,
    paths: &[String],
    lives: &mut [Option<Life>],
    (manner, seed): (Manner, u64),
    answered: &AtomicUsize,
) {
    let mut rng = Rng::new(seed);
    let wait = |count: usize| {
        let goal = answered.load(Ordering::SeqCst) + count;
        until("the clients to go on", || {
            answered.load(Ordering::SeqCst) >= goal
        });
    };
    for _ in 0..ROUNDS {
        wait(rng.below(2 * BETWEEN));
        let i = rng.below(SERVERS);
        let living = lives.iter().flatten().count();
        lives[i] = match lives[i].take() {
            None => Some(start(world, i, &paths[i])),
            Some(life) if living == 1 => Some(life),
            Some(life) => {
                life.end(world, i, manner);
                None
            }
        };
    }
    for (i, life) in lives.iter_mut().enumerate() {
        life.get_or_insert_with(|| start(world, i, &paths[i]));
    }
    wait(100);
}

/// However the rage ends, the clients do too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn chaos(manner: Manner, seed: u64, parameters: &str, args: &[&str]) {
    let dir = Temp::new();
    let world = Arc::new(World {
        pattern: Pattern::new(),
        posts: Mutex::default(),
        epochs: Default::default(),
    });
    let paths: Vec<String> = (0..SERVERS).map(|i| dir.file(&format!("s{i}"))).collect();
    let places = paths.iter().enumerate();
    let mut lives: Vec<Option<Life>> = places
        .map(|(i, path)| Some(start(&world, i, path)))
        .collect();
    let mut flags: Vec<String> = Vec::new();
    for path in &paths {
        flags.push("--upstream".into());
        flags.push(format!("g unix:{path} {parameters}"));
    }
    flags.extend(args.iter().map(|&a| a.to_owned()));
    flags.extend(["--pass", "g", "--log-level", "off"].map(str::to_owned));
    let gate = Gate::start(flags);

    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let visitor = |n: usize| Visitor {
        gate: &gate,
        world: &world,
        manner,
        answered: &answered,
        client: None,
        rng: Rng::new(seed * 1000 + n as u64),
        tally: Tally::default(),
        wrong: Vec::new(),
    };
    let results = std::thread::scope(|scope| {
        let _stop_at_end = Stop(&stop);
        let visits: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let visitor = visitor(n);
                let stop = &stop;
                scope.spawn(move || visitor.visit(n as u64 * 1_000_000, stop))
            })
            .collect();
        rage(&world, &paths, &mut lives, (manner, seed), &answered);
        stop.store(true, Ordering::SeqCst);
        let joined = visits.into_iter().map(|v| v.join().expect("a client"));
        joined.collect::<Vec<_>>()
    });
    let wrong: Vec<&String> = results.iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{manner:?}, seed {seed}: {wrong:#?}");
    let twice: Vec<_> = lock(&world.posts)
        .iter()
        .filter(|(_, servers)| servers.len() > 1)
        .map(|(id, servers)| (*id, servers.clone()))
        .collect();
    assert!(twice.is_empty(), "POSTs that were seen twice: {twice:?}");
    let sum = |of: fn(&Tally) -> usize| results.iter().map(|(tally, _)| of(tally)).sum::<usize>();
    let (good, cut) = (sum(|t| t.good), sum(|t| t.cut));
    assert!(good > ROUNDS && sum(|t| t.posts) > 20, "{results:?}");
    assert!(
        sum(|t| t.hopeless) * 20 < good,
        "a server always lives, and nearly all GETs are short: {results:?}"
    );
    assert!(manner == Manner::Hard || cut == 0);
    gate.stop();
}

#[test]
fn servers_that_finish_what_they_began_lose_no_get() {
    chaos(Manner::Graceful, 1, "", &[]);
    chaos(
        Manner::Graceful,
        2,
        "max_fails=3 fail_timeout=1s",
        &["--balance", "g least_conn"],
    );
}

#[test]
fn servers_that_die_at_once_cut_what_they_began_and_no_more() {
    chaos(Manner::Hard, 3, "", &[]);
    chaos(
        Manner::Hard,
        4,
        "max_fails=2 fail_timeout=1s",
        &["--balance", "g random two"],
    );
}

/// Nothing is put aside for health's sake: each request finds the living by itself.
#[test]
fn a_group_that_keeps_no_record_of_failures_serves_as_well() {
    chaos(
        Manner::Graceful,
        5,
        "max_fails=0",
        &["--balance", "g hash $request_uri consistent"],
    );
    chaos(Manner::Hard, 6, "max_fails=0", &["--buffering", "off"]);
}
