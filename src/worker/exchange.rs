//! The script of one exchange, from the parsed request to the last byte of its response.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::deliver::{Delivered, Delivery, deliver};
use super::receive::Incoming;
use super::report::{self, Record};
use super::send::{self, Body, Sent, Source};
use super::{Desk, Shared};
use crate::config::address::{Address, BindAddress, bind_address};
use crate::config::{BindTo, Location, Pass, Scgi, Server};
use crate::error::{Fault, Phase};
use crate::http::request::Request;
use crate::ops::vars::{ConnInfo, Facts, Try, request_id};
use crate::respond::head::{Ask, Framing, Plan, translate};
use crate::respond::page::{Page, wants_json};
use crate::scgi::request::EncodeError;
use crate::scgi::response::{Head, Length};
use crate::sink::{After, Ending, Overflow, Pace, Sink, Then};
use crate::template::Template;
use crate::units;
use crate::upstream::{self, Connection, rotation};

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
struct Script<'a> {
    exchange: &'a mut Exchange,
    shared: &'static Shared,
    wall: SystemTime,
    tries: Vec<Try>,
    /// The status the client got, or will get.
    status: u16,
    /// Bytes of the response head for the client.
    head_len: usize,
    /// Something of a response has been given to the sink.
    begun: bool,
    /// The response ended early.
    cut: bool,
    /// How the response that has begun is framed.
    framing: Option<Framing>,
    /// The head of the application's response, kept for the access log.
    head: Option<Head>,
    /// The client's head, kept for the access log.
    sent_head: Vec<u8>,
}

/// A connection that the sink knows, so that a client's leaving ends it. Its drop takes it back before it is closed.
struct Line<'a> {
    sink: &'a Sink,
    connection: Connection,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.sink.detach(self.connection.fd());
    }
}

/// Runs one exchange to its end, whatever happens in it: a panic costs this response, not the program.
pub fn run(mut exchange: Box<Exchange>, desk: &mut Desk, shared: &'static Shared) {
    let sink = Arc::clone(&exchange.sink);
    let number = exchange.number;
    let script = AssertUnwindSafe(|| Script::new(&mut exchange, shared).run(desk));
    if catch_unwind(script).is_err() {
        log::error!("exchange {number}: panic; the exchange is given up");
        if !exchange.finished && sink.is_running() {
            rescue(&sink, desk);
        }
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
        let bind = self.bind_address();
        let (start, block) = self.encode(desk)?;
        let addresses: Vec<&Address>;
        let resolved;
        match &self.exchange.scgi.pass {
            Pass::Target(index) => {
                let all = self.shared.rotation.candidates(self.shared.config, *index);
                addresses = all.collect();
            }
            Pass::Template(template) => {
                let text = self.render(template);
                resolved = rotation::resolve(&String::from_utf8_lossy(&text))
                    .inspect_err(|fault| self.blame(fault, None, ""))?;
                addresses = resolved.iter().collect();
            }
        }
        let fits = |a: &&&Address| rotation::fits(a, bind.map(|(from, _)| from.ip));
        let mut candidates = addresses.iter().filter(fits).peekable();
        while let Some(address) = candidates.next() {
            let fault = match self.connect(address, bind) {
                Ok(connection) => {
                    let params = (start, block);
                    let result = self.converse(connection, address, params, desk);
                    return result.inspect_err(|fault| self.blame(fault, Some(address), ""));
                }
                Err(fault) => self.settle(fault),
            };
            let again = fault.is_server_fault() && candidates.peek().is_some();
            let next = if again {
                "; trying the next address"
            } else {
                ""
            };
            self.blame(&fault, Some(address), next);
            if !again {
                return Err(fault);
            }
        }
        let fault = Fault::NoCandidate;
        self.blame(&fault, addresses.first().copied(), "");
        Err(fault)
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
                    EncodeError::Nul(name) => Fault::ParamNul(name.into()),
                };
                self.blame(&fault, None, "");
                Err(fault)
            }
        }
    }

    fn connect(
        &mut self,
        address: &Address,
        bind: Option<(BindAddress, bool)>,
    ) -> Result<Connection, Fault> {
        let watched = !self.shared.logs.is_empty();
        let start = Instant::now();
        if watched {
            self.tries.push(Try {
                address: address.to_string(),
                ..Try::default()
            });
        }
        let sink = &self.exchange.sink;
        let protected = self.exchange.scgi.ignore_client_abort;
        let gone = || sink.gone().filter(|_| !protected);
        let result = upstream::connect(address, bind, self.exchange.scgi, &gone);
        if let Some(attempt) = self.tries.last_mut() {
            match &result {
                Ok(_) => attempt.connect_time = Some(start.elapsed()),
                Err(fault) => {
                    attempt.status = fault.status();
                    attempt.response_time = Some(start.elapsed());
                }
            }
        }
        result
    }

    /// Sends the request over a fresh connection and delivers what comes back.
    fn converse(
        &mut self,
        connection: Connection,
        address: &Address,
        (start, block): (usize, usize),
        desk: &mut Desk,
    ) -> Result<Then, Fault> {
        let sink = Arc::clone(&self.exchange.sink);
        sink.attach(connection.fd()).map_err(Fault::Client)?;
        let line = Line {
            sink: &sink,
            connection,
        };
        let begin = Instant::now();
        let mut incoming = Incoming::new(self.shared.memory, self.exchange.scgi);
        let result = self.send_and_deliver(&line, address, (start, block), &mut incoming, desk);
        if let Some(attempt) = self.tries.last_mut() {
            attempt.response_time = Some(begin.elapsed());
            attempt.bytes_received = incoming.received;
            if let (0, Err(fault)) = (attempt.status, &result) {
                attempt.status = fault.status();
            }
        }
        result.map_err(|fault| self.settle(fault))
    }

    fn send_and_deliver(
        &mut self,
        line: &Line<'_>,
        address: &Address,
        (start, block): (usize, usize),
        incoming: &mut Incoming,
        desk: &mut Desk,
    ) -> Result<Then, Fault> {
        let begin = Instant::now();
        let scgi = self.exchange.scgi;
        let params = desk.request.get(start..).unwrap_or_default();
        let sent = self.send(&line.connection, params, incoming)?;
        let head = match incoming.head(&line.connection, scgi, block) {
            Err(Fault::NoHead { received: 0, .. }) if sent.error.is_some() => {
                return Err(sent
                    .error
                    .map_or(Fault::Timeout(Phase::Send), |e| Fault::Io(Phase::Send, e)));
            }
            other => other?,
        };
        for name in head.dropped() {
            log::warn!(
                "{}: a second {name} field was dropped",
                self.prefix(Some(address))
            );
        }
        if let Some(attempt) = self.tries.last_mut() {
            attempt.header_time = Some(begin.elapsed());
            attempt.status = head.status();
            attempt.bytes_sent = sent.bytes;
        }
        let unread = matches!(self.exchange.body, Body::Stream { rest, .. } if rest > 0);
        let keep_alive = self.exchange.keep_alive && !unread;
        let plan = self.head(&head, keep_alive, desk);
        self.deliver(line, (address, begin), &plan, &sent, incoming, desk)?;
        Ok(if plan.keep_alive {
            Then::Keep
        } else {
            Then::Close
        })
    }

    fn send(
        &mut self,
        to: &Connection,
        params: &[u8],
        incoming: &mut Incoming,
    ) -> Result<Sent, Fault> {
        let scgi = self.exchange.scgi;
        match &mut self.exchange.body {
            Body::Stream { prefix, rest } => {
                let mut source = Source {
                    client: self.exchange.sink.socket(),
                    prefix,
                    rest,
                    timeout: self.exchange.location.client.body_timeout,
                    memory: self.shared.memory,
                };
                send::stream(to, scgi, params, &mut source, incoming)
            }
            Body::Held(chain) if scgi.pass_request_body => {
                send::held(to, scgi, params, Some(chain), incoming)
            }
            Body::Held(_) | Body::None => send::held(to, scgi, params, None, incoming),
        }
    }

    /// Makes the client's head in `desk.head`, and sets the pace of the response.
    fn head(&mut self, head: &Head, keep_alive: bool, desk: &mut Desk) -> Plan {
        let date = desk.date(self.wall);
        let ask = Ask {
            is_head: self.exchange.request.is_head(),
            minor_version: self.exchange.request.minor_version(),
            keep_alive,
            date: date.as_str(),
        };
        desk.head.clear();
        let plan = translate(head, self.exchange.scgi, &ask, &mut desk.head);
        self.status = plan.status;
        self.framing = Some(plan.framing);
        self.head_len = desk.head.len();
        if !self.shared.logs.is_empty() {
            self.head = Some(head.clone());
            self.sent_head.clone_from(&desk.head);
        }
        let rate = plan.limit_rate.unwrap_or_else(|| {
            let template = self.exchange.location.client.limit_rate.as_ref();
            self.rate(template, "--client-limit-rate", units::rate)
        });
        if rate > 0 {
            let template = self.exchange.location.client.limit_rate_after.as_ref();
            self.exchange.sink.set_pace(Some(Pace {
                rate,
                after: self.rate(template, "--client-limit-rate-after", units::size),
                start: Instant::now(),
            }));
        }
        plan
    }

    fn deliver(
        &mut self,
        line: &Line<'_>,
        (address, begin): (&Address, Instant),
        plan: &Plan,
        sent: &Sent,
        incoming: &mut Incoming,
        desk: &mut Desk,
    ) -> Result<(), Fault> {
        let scgi = self.exchange.scgi;
        let client = &self.exchange.location.client;
        let (in_memory, in_file) = if plan.buffering {
            (scgi.busy_buffers_size, scgi.max_temp_file_size)
        } else {
            (scgi.buffer_size, 0)
        };
        let mut overflow = Overflow::new(
            self.shared.memory,
            in_memory,
            in_file,
            scgi.temp_file_write_size,
            &client.temp,
        );
        // A Unix socket is reset exactly when its owner closes it with bytes unread; elsewhere a reset says less.
        let unix = matches!(address, Address::Unix(_));
        let reset_is_end =
            sent.cut || (unix && plan.length == Length::UntilClose && self.exchange.body.len() > 0);
        let sink = Arc::clone(&self.exchange.sink);
        let then = if plan.keep_alive {
            Then::Keep
        } else {
            Then::Close
        };
        let rate = self.rate(scgi.limit_rate.as_ref(), "--limit-rate", units::rate);
        let this = &*self;
        let ending = |delivered: &Delivered| Ending {
            then,
            after: this.after(|tries| {
                if let Some(attempt) = tries.last_mut() {
                    attempt.response_time = Some(begin.elapsed());
                    attempt.response_length = delivered.body;
                    attempt.bytes_received = delivered.received;
                }
            }),
        };
        let mut job = Delivery {
            sink: &sink,
            plan,
            overflow: &mut overflow,
            head: &mut desk.head,
            rate,
            unit: scgi.buffer_size,
            protected: scgi.ignore_client_abort,
            ending: &ending,
            reset_is_end,
        };
        let (delivered, result) = deliver(&mut job, &line.connection, incoming);
        self.exchange.finished = delivered.finished;
        self.after_delivery(&delivered, plan, address);
        result
    }

    fn after_delivery(&mut self, delivered: &Delivered, plan: &Plan, address: &Address) {
        self.begun |= delivered.begun;
        if let Some(attempt) = self.tries.last_mut() {
            attempt.response_length = delivered.body;
        }
        if delivered.extra > 0 && !plan.bodyless {
            log::warn!(
                "{}: {} bytes beyond the announced end of the response were cut off",
                self.prefix(Some(address)),
                delivered.extra
            );
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
        if matches!(fault, Fault::Client(gone) if *gone != crate::error::Gone::BodyTimeout) {
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
    fn after(&self, complete: impl FnOnce(&mut [Try])) -> Option<After> {
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
    fn settle(&self, fault: Fault) -> Fault {
        match self.exchange.sink.gone() {
            Some(gone) if !self.exchange.scgi.ignore_client_abort => Fault::Client(gone),
            _ => fault,
        }
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
    fn rate(
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

    fn blame(&self, fault: &Fault, address: Option<&Address>, next: &str) {
        report::fault(&self.prefix(address), fault, address, next);
    }

    /// Who and what a log line is about.
    fn prefix(&self, address: Option<&Address>) -> String {
        report::prefix(self.exchange, address)
    }
}
