//! The script of one exchange, from the parsed request to the last byte of its response.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::report::{self, Record};
use super::send::Body;
use super::{Desk, Shared};
use crate::buffer::spill::REUSE_MAX;
use crate::config::address::{Address, BindAddress, bind_address};
use crate::config::{BindTo, Location, Pass, Scgi, Server};
use crate::error::{Fault, Gone};
use crate::http::request::Request;
use crate::ops::vars::{ConnInfo, Facts, Try, request_id};
use crate::respond::head::Framing;
use crate::respond::page::{Page, wants_json};
use crate::scgi::request::EncodeError;
use crate::scgi::response::Head;
use crate::sink::{After, Ending, Sink, Then};
use crate::template::Template;
use crate::upstream::groups::Run;

/// What the front hands to a worker.
pub struct Exchange {
    /// Counts exchanges; names this one in the log.
    pub number: u64,
    pub sink: Arc<Sink>,
    pub conn: Arc<ConnInfo>,
    pub request: Request,
    pub server: &'static Server,
    pub location: &'static Location,
    /// The location's handler.
    pub scgi: &'static Scgi,
    pub body: Body,
    /// Requests on this connection, this one included.
    pub requests: u32,
    /// When the request's first byte came.
    pub started: Instant,
    /// Request and settings allow the connection to be kept.
    pub keep_alive: bool,
    /// The sink has been told of the end; from then on it belongs to the next exchange.
    pub finished: bool,
}

/// An exchange as it goes on.
pub(super) struct Script<'a> {
    pub(super) exchange: &'a mut Exchange,
    pub(super) shared: &'static Shared,
    pub(super) wall: SystemTime,
    pub(super) tries: Vec<Try>,
    /// The status the client got, or will get.
    pub(super) status: u16,
    /// Bytes of the response head for the client.
    pub(super) head_len: usize,
    /// Something of a response has been given to the sink.
    pub(super) begun: bool,
    /// The response ended early.
    pub(super) cut: bool,
    /// How the response that has begun is framed.
    pub(super) framing: Option<Framing>,
    /// The head of the application's response, kept for the access log.
    pub(super) head: Option<Head>,
    /// The client's head, kept for the access log.
    pub(super) sent_head: Vec<u8>,
}

/// Runs one exchange to its end, whatever happens in it: a panic costs this response, not the program.
pub fn run(mut exchange: Box<Exchange>, desk: &mut Desk, shared: &'static Shared) {
    let sink = Arc::clone(&exchange.sink);
    let number = exchange.number;
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
        let dir = &exchange.location.client.temp.dir;
        shared.memory.files.give_back(dir, file);
    }
}

/// After a panic: a 500 where nothing of a response has gone out, else a connection that is visibly cut.
fn rescue(sink: &Sink, desk: &mut Desk) {
    let ending = |then| Ending { then, after: None };
    if !sink.is_untouched() {
        return sink.finish(ending(Then::Reset));
    }
    let date = desk.date(SystemTime::now());
    let page = Page {
        status: 500,
        cause: None,
        retry_after: None,
        fields: &[],
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

impl<'a> Script<'a> {
    fn new(exchange: &'a mut Exchange, shared: &'static Shared) -> Script<'a> {
        Script {
            exchange,
            shared,
            wall: SystemTime::now(),
            tries: Vec::new(),
            status: 0,
            head_len: 0,
            begun: false,
            cut: false,
            framing: None,
            head: None,
            sent_head: Vec::new(),
        }
    }

    fn run(mut self, desk: &mut Desk) {
        let then = match self.answer(desk) {
            Ok(then) => then,
            Err(fault) => self.fail(&fault, desk),
        };
        self.end(then);
    }

    /// Encodes the request and tries the addresses.
    fn answer(&mut self, desk: &mut Desk) -> Result<Then, Fault> {
        if let Some(gone) = self.left() {
            // It left while the request was queued: an application that forks for each connection is spared one.
            let fault = Fault::Client(gone);
            self.blame(&fault, None, "");
            return Err(fault);
        }
        let bind = self.bind_address();
        let (start, block) = self.encode(desk)?;
        let mut run = self.begin_run()?;
        let from = bind.map(|(from, _)| from.ip);
        let mut picked = run.next(from, Instant::now());
        while let Some(server) = picked {
            let fault = match self.connect(server.address(), bind) {
                Ok(connection) => {
                    let params = (start, block);
                    let result = self.converse(connection, server.address(), params, desk);
                    return result
                        .inspect_err(|fault| self.blame(fault, Some(server.address()), ""));
                }
                Err(fault) => self.settle(fault),
            };
            picked = if fault.is_server_fault() {
                run.next(from, Instant::now())
            } else {
                None
            };
            let next = if picked.is_some() {
                "; trying the next address"
            } else {
                ""
            };
            self.blame(&fault, Some(server.address()), next);
            if picked.is_none() {
                return Err(fault);
            }
        }
        let fault = Fault::NoCandidate;
        self.blame(&fault, None, "");
        Err(fault)
    }

    /// The servers that this exchange may be sent to.
    fn begin_run(&mut self) -> Result<Run, Fault> {
        let upstreams = &self.shared.upstreams;
        let text;
        let group = match &self.exchange.scgi.pass {
            Pass::Group(index) => upstreams.group(*index),
            Pass::Template(template) => {
                text = String::from_utf8_lossy(&self.render(template)).into_owned();
                match upstreams.named(&text) {
                    Some(group) => Some(group),
                    None => {
                        let run = upstreams.resolve(&text);
                        return run.inspect_err(|fault| self.blame(fault, None, ""));
                    }
                }
            }
        };
        group
            .map(|group| group.begin(b"", None))
            .ok_or(Fault::NoCandidate)
    }

    fn encode(&mut self, desk: &mut Desk) -> Result<(usize, usize), Fault> {
        let scgi = self.exchange.scgi;
        let length = if scgi.pass_request_body {
            self.exchange.body.len()
        } else {
            0
        };
        let facts = self.facts();
        let request = &self.exchange.request;
        let result = scgi
            .params
            .encode(request, &facts, length, &mut desk.request);
        match result {
            Ok(encoded) => Ok((encoded.start, encoded.block)),
            Err(error) => {
                let fault = match error {
                    EncodeError::TooLarge { size, max } => Fault::ParamsTooLarge { size, max },
                    EncodeError::Nul(name) => Fault::ParamNul {
                        ours: scgi.params.list().iter().any(|param| param.name == name),
                        name: name.into(),
                    },
                };
                self.blame(&fault, None, "");
                Err(fault)
            }
        }
    }

    /// What becomes of the client after a fault: an error page, or, where a response has begun, a visible cut.
    fn fail(&mut self, fault: &Fault, desk: &mut Desk) -> Then {
        if self.begun {
            // Whatever still waits is sent; then the missing end shows. Without framing only a reset does.
            self.cut = true;
            return match self.framing {
                Some(Framing::UntilClose) => Then::Reset,
                _ => Then::Close,
            };
        }
        self.status = fault.status();
        self.sent_head = Vec::new();
        self.exchange.sink.set_pace(None);
        if matches!(fault, Fault::Client(gone) if *gone != Gone::BodyTimeout) {
            return Then::Close;
        }
        let unread = matches!(self.exchange.body, Body::Stream { rest, .. } if rest > 0);
        let keep_alive = self.exchange.keep_alive && !unread && !matches!(self.status, 400 | 500);
        let date = desk.date(self.wall);
        let page = Page {
            status: self.status,
            cause: Some(fault.cause()),
            retry_after: None,
            fields: &[],
            keep_alive,
            minor_version: self.exchange.request.minor_version(),
            is_head: self.exchange.request.is_head(),
            date: date.as_str(),
            json: wants_json(self.exchange.request.field("accept")),
        };
        desk.head.clear();
        let body = page.write(&mut desk.head);
        self.head_len = desk.head.len().saturating_sub(body);
        if !self.shared.logs.is_empty() {
            let head = desk.head.get(..self.head_len).unwrap_or_default();
            self.sent_head = head.to_vec();
        }
        self.exchange.sink.respond(&desk.head);
        if keep_alive { Then::Keep } else { Then::Close }
    }

    /// Leaves the connection to the front, and the access log's line to whoever sends the last byte.
    fn end(self, then: Then) {
        if self.exchange.finished {
            return;
        }
        let after = self.after(|_| {});
        self.exchange.sink.finish(Ending { then, after });
        self.exchange.finished = true;
    }

    /// The access log's line, to be written when the last byte is out. `complete` adds what the tries do not say yet.
    pub(super) fn after(&self, complete: impl FnOnce(&mut [Try])) -> Option<After> {
        if self.shared.logs.is_empty() {
            return None;
        }
        let exchange = &*self.exchange;
        let mut tries = self.tries.clone();
        complete(&mut tries);
        let record = Record {
            shared: self.shared,
            conn: Arc::clone(&exchange.conn),
            requests: exchange.requests,
            request: Some(exchange.request.clone()),
            server: Some(exchange.server),
            location: Some(exchange.location),
            body_length: Some(exchange.body.len()),
            started: exchange.started,
            status: self.status,
            head_len: self.head_len,
            tries,
            head: self.head.clone(),
            sent_head: self.sent_head.clone(),
            whole: !self.cut,
        };
        Some(Box::new(move |ended| record.write(ended)))
    }

    /// A fault that follows from the client's leaving is the client's.
    pub(super) fn settle(&self, fault: Fault) -> Fault {
        self.left().map_or(fault, Fault::Client)
    }

    /// Why the exchange is to end, unless it goes on without its client.
    fn left(&self) -> Option<Gone> {
        let protected = self.exchange.scgi.ignore_client_abort;
        self.exchange.sink.gone().filter(|_| !protected)
    }

    /// The source address of upstream connections, as far as settings and the request give one (K13, K14).
    fn bind_address(&self) -> Option<(BindAddress, bool)> {
        let bind = self.exchange.scgi.bind.as_ref()?;
        let address = match &bind.address {
            BindTo::Fixed(address) => *address,
            BindTo::Template(template) => {
                let text = self.render(template);
                if text.is_empty() {
                    return None;
                }
                match bind_address(&String::from_utf8_lossy(&text)) {
                    Ok(address) => address,
                    Err(why) => {
                        log::warn!("{}: --bind: {why}; not bound", self.prefix(None));
                        return None;
                    }
                }
            }
        };
        Some((address, bind.transparent))
    }

    /// A rate or size that a template gives; what can not be read means no limit, and is logged.
    pub(super) fn rate(
        &self,
        template: Option<&Template>,
        flag: &str,
        parse: impl Fn(&str) -> Result<u64, &'static str>,
    ) -> u64 {
        let Some(template) = template else { return 0 };
        let text = self.render(template);
        if text.is_empty() {
            return 0;
        }
        let text = String::from_utf8_lossy(&text);
        parse(&text).unwrap_or_else(|why| {
            log::warn!("{}: {flag} \"{text}\": {why}; no limit", self.prefix(None));
            0
        })
    }

    fn render(&self, template: &Template) -> Vec<u8> {
        let mut text = Vec::new();
        template.render(&self.facts(), &mut text);
        text
    }

    /// What is known now, for templates that are evaluated before the response.
    fn facts(&self) -> Facts<'_> {
        let exchange = &*self.exchange;
        Facts {
            config: self.shared.config,
            conn: &exchange.conn,
            requests: exchange.requests,
            request: Some(&exchange.request),
            server: Some(exchange.server),
            location: Some(exchange.location),
            body_length: Some(exchange.body.len()),
            started: exchange.started,
            now: exchange.started,
            wall: self.wall,
            status: self.status,
            bytes_sent: 0,
            body_bytes_sent: 0,
            complete: false,
            request_id: request_id(exchange.conn.id, exchange.requests),
            tries: &self.tries,
            upstream_fields: &|_| None,
            sent_fields: &|_| None,
        }
    }

    pub(super) fn blame(&self, fault: &Fault, address: Option<&Address>, next: &str) {
        report::fault(&self.prefix(address), fault, address, next);
    }

    /// Who and what a log line is about.
    pub(super) fn prefix(&self, address: Option<&Address>) -> String {
        report::prefix(self.exchange, address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::memory::Memory;
    use crate::config::TempPath;
    use crate::sink::{Key, Notes, Overflow, Turn};
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// A sink in a worker's turn, and the client's end of its socket.
    fn sink() -> (Sink, UnixStream, &'static Memory) {
        let (ours, client) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let memory: &'static Memory = Box::leak(Box::new(Memory::new(0)));
        let key = Key { slot: 0, serial: 1 };
        let notes = Arc::new(Notes::new(Box::new(|| {})));
        let sink = Sink::new(ours.into(), key, notes, memory);
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
