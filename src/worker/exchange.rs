//! One exchange, from the hand-over to a worker to its end, whatever happens in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::script::Script;
use super::send::Body;
use super::{Desk, Shared};
use crate::buffer::spill::REUSE_MAX;
use crate::cache::lookup::Asking;
use crate::config::{Client, TempPath};
use crate::http::request::Request;
use crate::ops::vars::ConnInfo;
use crate::respond::caching::Subject;
use crate::respond::course::Course;
use crate::respond::page::Page;
use crate::sink::{Ending, Sink, Then};

/// What the front hands to a worker.
pub struct Exchange {
    /// Counts exchanges; names this one in the log.
    pub number: u64,
    pub sink: Arc<Sink>,
    pub conn: Arc<ConnInfo>,
    pub request: Request,
    /// Where the request is, and who answers there: an application, when the front hands it over.
    pub course: Course,
    pub body: Body,
    /// Where the body's temp file is, if it has one.
    pub temp: &'static TempPath,
    /// Requests on this connection, this one included.
    pub requests: u32,
    /// When the request's first byte came, and when it was ready for a worker.
    pub started: Instant,
    pub queued: Instant,
    /// Request and settings allow the connection to be kept.
    pub keep_alive: bool,
    /// The sink has been told of the end; from then on it belongs to the next exchange.
    pub finished: bool,
    pub caching: Caching,
    /// There is no client: an entry of the cache is refreshed.
    pub detached: bool,
}

/// What a cache has to do with a request.
pub enum Caching {
    /// It has not been asked, where the location has one.
    Unasked,
    /// Nothing.
    Passed,
    /// It wants the application asked, and perhaps the response.
    Asked(Box<Asking>),
    /// The request is to purge it.
    Purge(Box<Subject>),
}

impl Exchange {
    /// Settings about the client that hold where the request is.
    pub fn client(&self) -> &'static Client {
        let location = self.course.location;
        location.map_or(&self.course.server.client, |location| &location.client)
    }
}

/// Runs one exchange to its end, whatever happens in it: a panic costs this response, not the program.
pub fn run(mut exchange: Box<Exchange>, desk: &mut Desk, shared: &'static Shared) {
    let sink = Arc::clone(&exchange.sink);
    let number = exchange.number;
    shared.stats.waited(exchange.queued.elapsed());
    let panicked = is_panic(desk, |desk| Script::new(&mut exchange, shared).run(desk));
    if panicked {
        log::error!("exchange {number}: panic; the exchange is given up");
        if !exchange.finished && sink.is_running() {
            rescue(&sink, desk);
        }
    }
    keep_file(*exchange, shared);
}

/// Runs a script; whether it panicked.
fn is_panic(desk: &mut Desk, script: impl FnOnce(&mut Desk)) -> bool {
    catch_unwind(AssertUnwindSafe(|| script(desk))).is_err()
}

/// The temp file of a body that was read and sent can serve the next.
fn keep_file(exchange: Exchange, shared: &Shared) {
    if let Body::Held(chain) = exchange.body
        && chain.in_file() <= REUSE_MAX
        && let Some(file) = chain.into_file()
    {
        shared.memory.files.give_back(&exchange.temp.dir, file);
    }
}

/// After a panic: a 500 where nothing of a response has gone out, else a connection that is visibly cut.
fn rescue(sink: &Sink, desk: &mut Desk) {
    let ending = |then| Ending {
        then,
        status: 500,
        after: None,
    };
    if !sink.is_untouched() {
        return sink.finish(ending(Then::Reset));
    }
    let date = desk.date(SystemTime::now());
    let page = Page {
        status: 500,
        cause: None,
        retry_after: None,
        fields: &[],
        lines: &[],
        keep_alive: false,
        minor_version: 1,
        is_head: false,
        date: date.as_str(),
        json: false,
    };
    desk.head.clear();
    page.write(&mut desk.head);
    sink.respond(&desk.head);
    sink.finish(ending(Then::Close));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::memory::Memory;
    use crate::config::TempPath;
    use crate::ops::stats::Stats;
    use crate::sink::{Key, Notes, Overflow, Turn};
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// A sink in a worker's turn, and the client's end of its socket.
    fn sink() -> (Sink, UnixStream, &'static Memory) {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let memory: &'static Memory = Box::leak(Box::new(Memory::new(0)));
        let stats: &'static Stats = Box::leak(Box::new(Stats::new(Instant::now())));
        let key = Key { slot: 0, serial: 1 };
        let notes = Arc::new(Notes::new(Box::new(|| {})));
        let sink = Sink::new(ours.into(), key, notes, memory, stats);
        sink.begin(Turn::Worker, false, false, false);
        (sink, client, memory)
    }

    fn received(mut client: UnixStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_panic_before_the_response_is_a_500_and_a_closed_connection() {
        let (sink, client, _) = sink();
        let mut desk = Desk::new();
        assert!(is_panic(&mut desk, |_| panic!("for the test")));
        rescue(&sink, &mut desk);
        let text = received(client);
        assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
        assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
        assert!(!sink.is_running());
    }

    #[test]
    fn a_panic_within_the_response_cuts_it_visibly() {
        let (sink, client, memory) = sink();
        let temp = TempPath {
            dir: std::env::temp_dir(),
            levels: Vec::new(),
        };
        let mut overflow = Overflow::new(memory, 100, 0, 100, &temp);
        let mut desk = Desk::new();
        assert!(is_panic(&mut desk, |_| {
            sink.push(b"HTTP/1.1 200 OK\r\n\r\nha", b"", &mut overflow)
                .unwrap();
            panic!("for the test");
        }));
        rescue(&sink, &mut desk);
        let Turn::Done { then, .. } = sink.look().turn else {
            panic!("the exchange is over");
        };
        assert_eq!(then, Then::Reset);
        drop(sink);
        assert!(received(client).ends_with("ha"), "no second response");
    }

    #[test]
    fn a_script_that_ends_well_is_no_panic() {
        assert!(!is_panic(&mut Desk::new(), |desk| desk.clear()));
    }
}
