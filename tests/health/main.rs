//! `--health`: servers that fail their checks in every way there is, and come back; who is checked, and who no longer.
//!
//! The order of events is read from the log and from the status: no test depends on how long something took.

#[path = "../common/mod.rs"]
mod common;

mod told;
mod ways;
mod who;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use common::scgi::Request;
use common::status::{self, Json, STATUS};
use common::{App, Gate, until};

/// How an application answers a check.
const WELL: u8 = 0;
const ILL: u8 = 1;

/// The path of checks; requests of the tests have others.
const URI: &str = "/healthy";

/// A server with a switch for its checks. It answers other requests with its name, and those below `/fail` with a cut connection.
struct Server {
    app: App,
    state: Arc<AtomicU8>,
    checks: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `ill` is what it answers to a check while it is ill.
    fn new(name: &'static str, ill: &'static str) -> Server {
        let state = Arc::new(AtomicU8::new(WELL));
        let checks: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (switch, list) = (Arc::clone(&state), Arc::clone(&checks));
        let app = App::script(move |scgi| {
            // The gateway may end while it asks.
            let Ok(request) = scgi.try_request() else {
                return;
            };
            let uri = request.uri();
            let is_check = uri == URI;
            if is_check {
                let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
                list.push(request);
            }
            let head = format!("Status: 200\r\nContent-Length: {}\r\n\r\n", name.len());
            let _ = match switch.load(Ordering::SeqCst) {
                ILL if is_check => scgi.try_send(ill),
                _ if uri.starts_with("/fail") => Ok(()),
                _ => scgi.try_send(head + name),
            };
        });
        Server { app, state, checks }
    }

    fn addr(&self) -> String {
        self.app.addr()
    }

    fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }

    /// The checks so far.
    fn checks(&self) -> Vec<Request> {
        let list = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        list.clone()
    }

    /// Waits for so many more checks.
    #[track_caller]
    fn wait_checks(&self, n: usize) {
        let before = self.checks().len();
        let what = format!("{n} more checks after {before}");
        until(&what, || self.checks().len() >= before + n);
    }
}

const ERROR: &str = "Status: 500\r\nContent-Length: 0\r\n\r\n";

/// A group `g` of these servers with their parameters, and how it is checked.
fn flags(servers: &[(String, &str)], health: &str) -> Vec<String> {
    let mut flags: Vec<String> = Vec::new();
    for (address, parameters) in servers {
        let value = format!("g {address} {parameters}");
        flags.extend(["--upstream".into(), value.trim_end().to_owned()]);
    }
    // One check that comes too late on a busy machine is to decide nothing, except where the number matters.
    let fails = if health.contains("fails=") {
        ""
    } else {
        "fails=3"
    };
    let health = format!("g uri={URI} interval=50ms {fails} {health}");
    flags.extend(["--health".into(), health]);
    flags.extend(["--log-level", "info", "--location", "/", "--pass", "g"].map(str::to_owned));
    flags.extend(STATUS.map(str::to_owned));
    flags
}

#[track_caller]
fn gate(servers: &[(&Server, &str)], health: &str) -> Gate {
    let list: Vec<(String, &str)> = servers.iter().map(|(s, p)| (s.addr(), *p)).collect();
    Gate::start(flags(&list, health))
}

/// The names of those who answer `n` requests, one after the other.
#[track_caller]
fn names(gate: &Gate, n: usize) -> String {
    let mut client = gate.client();
    (0..n).map(|_| client.get("/").is(200).text()).collect()
}

fn state(gate: &Gate, address: &str) -> String {
    status::server(gate, "g", address).state
}

#[track_caller]
fn wait_state(gate: &Gate, address: &str, wanted: &str) {
    let what = format!("{address} to be {wanted}");
    until(&what, || state(gate, address) == wanted);
}

/// What the status says of the checks of a server.
#[track_caller]
fn check(gate: &Gate, address: &str) -> Json {
    let document = status::json(gate);
    let groups = document.get("groups").list();
    let mut servers = groups.iter().flat_map(|g| g.get("servers").list());
    let found = servers.find(|s| s.get("address").text() == address);
    found.expect("the server").get("check").clone()
}

/// How many log lines contain all of this.
fn lines(gate: &Gate, parts: &[&str]) -> usize {
    let text = gate.stderr();
    let has = |line: &&str| parts.iter().all(|part| line.contains(part));
    text.lines().filter(has).count()
}
