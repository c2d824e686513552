//! Names while the program runs: servers marked `resolve` are looked up again every `--resolve-interval`, and all names on HUP.
//!
//! A thread named `names` does it, off the way of any request. It runs for good where a server is marked `resolve`; else HUP
//! starts it, and it ends when it has been round. A lookup that fails leaves the addresses as they are (N57); only "no such name" empties a
//! server, and only one that is marked `resolve`.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::groups::Upstreams;
use super::lock;
use crate::config::address::Destination;
use crate::sys::LookupError;

/// How names are looked up. May take its time.
pub type Lookup = dyn Fn(&str, u16) -> Result<Vec<SocketAddr>, LookupError> + Send + Sync;

/// Stack of the thread, in bytes: the C library's resolver wants some, and so do the modules that it loads. Only what is
/// touched costs memory.
const STACK: usize = 256 * 1024;

/// The shortest time between two rounds, whatever `--resolve-interval` says.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// What the thread is told.
#[derive(Debug, Default)]
pub struct Names {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// All names are to be looked up now.
    all: bool,
    /// Servers whose last lookup failed: group and server. Said once, not every time.
    failing: Vec<(usize, usize)>,
}

impl Names {
    /// Starts the thread for good, if there is a server that needs it.
    pub fn start(&self, upstreams: &'static Upstreams) {
        let mut groups = upstreams.groups().iter();
        let mut state = lock(&self.state);
        if !state.running && groups.any(|group| group.config.servers.iter().any(|s| s.resolve)) {
            state.running = spawn(upstreams, true);
        }
    }

    /// Has all names looked up now. Returns at once.
    pub fn refresh(&self, upstreams: &'static Upstreams) {
        let mut state = lock(&self.state);
        state.all = true;
        if !state.running {
            state.running = spawn(upstreams, false);
        }
        self.told.notify_all();
    }

    /// The thread. `steady`: it goes round every interval, and does not end.
    fn run(&self, upstreams: &Upstreams, steady: bool) {
        let pause = upstreams.resolve_interval().max(PAUSE_MIN);
        // A server whose name was not known at the start is not to wait for its first round.
        let mut servers = upstreams.groups().iter().flat_map(|g| &g.config.servers);
        let empty = servers.any(|server| server.resolve && server.addresses.is_empty());
        let mut due = Instant::now() + if empty { Duration::ZERO } else { pause };
        loop {
            let mut state = lock(&self.state);
            while steady && !state.all && Instant::now() < due {
                let left = due.saturating_duration_since(Instant::now());
                let waited = self.told.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let all = std::mem::take(&mut state.all);
            if !steady && !all {
                state.running = false;
                return;
            }
            drop(state);
            self.round(upstreams, all);
            due = Instant::now() + pause;
        }
    }

    /// Looks up the names marked `resolve`, or all, and takes over what has changed. A name that several servers have is
    /// looked up once.
    pub fn round(&self, upstreams: &Upstreams, all: bool) {
        let mut known: Vec<(&Destination, Answer)> = Vec::new();
        for (g, group) in upstreams.groups().iter().enumerate() {
            for (s, server) in group.config.servers.iter().enumerate() {
                let Destination::Name(name, port) = &server.destination else {
                    continue;
                };
                if !all && !server.resolve {
                    continue;
                }
                let same = |(to, _): &&(&Destination, Answer)| *to == &server.destination;
                let before = known.iter().find(same).map(|(_, answer)| answer.clone());
                let answer = before.unwrap_or_else(|| {
                    let answer = upstreams.look_up(name, *port);
                    known.push((&server.destination, answer.clone()));
                    answer
                });
                let what = || format!("group {}: {}", group.config.name, server.text);
                if let Some(addresses) = self.judge((g, s), server.resolve, answer, &what) {
                    upstreams.take_over(group, s, &addresses, Instant::now());
                }
            }
        }
    }

    /// What an answer means for a server (N57): its addresses, or `None` where they stay.
    fn judge(
        &self,
        server: (usize, usize),
        resolve: bool,
        answer: Answer,
        what: &dyn Fn() -> String,
    ) -> Option<Vec<SocketAddr>> {
        let (why, addresses) = match answer {
            Ok(addresses) => {
                lock(&self.state).failing.retain(|known| *known != server);
                return Some(addresses);
            }
            Err(LookupError::NoSuchName) if resolve => (
                "no such name; the server has no address now".into(),
                Some(Vec::new()),
            ),
            Err(LookupError::NoSuchName) => ("no such name; its addresses stay".into(), None),
            Err(LookupError::Other(why)) => (format!("{why}; its addresses stay"), None),
        };
        self.say(server, &format!("{}: {why}", what()));
        addresses
    }

    /// Warns of a lookup that failed, unless the one before did as well.
    fn say(&self, server: (usize, usize), text: &str) {
        let mut state = lock(&self.state);
        if state.failing.contains(&server) {
            return log::debug!("{text}");
        }
        state.failing.push(server);
        log::warn!("{text}");
    }
}

type Answer = Result<Vec<SocketAddr>, LookupError>;

fn spawn(upstreams: &'static Upstreams, steady: bool) -> bool {
    let builder = thread::Builder::new()
        .name("names".into())
        .stack_size(STACK);
    match builder.spawn(move || upstreams.names().run(upstreams, steady)) {
        Ok(_) => true,
        Err(error) => {
            log::error!("can not start the thread that looks names up: {error}");
            false
        }
    }
}
