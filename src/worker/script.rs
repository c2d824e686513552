//! The script of one exchange: asks the application, follows where its response or its failure leads, and ends.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::caching::Consulted;
use super::exchange::{Caching, Exchange};
use super::report::{self, Record};
use super::send::Body;
use super::{Desk, Shared};
#[cfg(feature = "auth")]
use crate::auth::Asked;
use crate::cache::lookup::Asking;
use crate::cache::zone::Zone;
use crate::config::Scgi;
#[cfg(feature = "auth")]
use crate::config::access::AuthBasic;
use crate::config::address::Address;
use crate::config::group::Group;
use crate::error::{Fault, Gone};
use crate::http::date::HttpDate;
use crate::http::request::Request;
use crate::ops::vars::{Facts, Try};
use crate::respond::cache_status::Forwarded;
use crate::respond::course::{Action, Course};
use crate::respond::head::Framing;
use crate::respond::local::{Around, Reason, Settled};
use crate::respond::reply::Reply;
use crate::scgi::response::Head;
use crate::sink::{After, Ending, Pace, Then};
use crate::template::Template;

/// An exchange as it goes on.
pub(super) struct Script<'a> {
    pub(super) exchange: &'a mut Exchange,
    pub(super) shared: &'static Shared,
    pub(super) wall: SystemTime,
    pub(super) tries: Vec<Try>,
    /// The next try begins a new pass: the request has been sent elsewhere inside the gateway (V25).
    pub(super) new_pass: bool,
    /// A connection stood in the current try: bytes of the request may have reached the server (N4).
    pub(super) begun_sending: bool,
    /// Bytes of the request that the current try has sent.
    pub(super) sent_bytes: u64,
    /// The group of the current pass, where it has one.
    pub(super) group: Option<&'static Group>,
    /// A field that belongs to the status that the course is refused with.
    pub(super) refusal: Option<(&'static str, Vec<u8>)>,
    /// The body has begun to go to a server as it came: it can not be sent again.
    pub(super) body_gone: bool,
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
    /// The head of the application's last response, kept for variables.
    pub(super) head: Option<Head>,
    /// The client's head, kept for the access log.
    pub(super) sent_head: Vec<u8>,
    /// The exchange goes on without its client: `--ignore-client-abort`, or its response is being stored.
    pub(super) protected: bool,
    /// What the cache wants of the application's response.
    pub(super) asking: Option<Box<Asking>>,
    /// The cache that had to do with the response.
    pub(super) zone: Option<&'static Zone>,
    /// The application was asked whether a stored response is still good.
    pub(super) validating: bool,
    /// What the Cache-Status field says, under the cache's name.
    pub(super) forwarded: Option<(&'static str, Forwarded)>,
}

/// What one pass through an application came to.
pub(super) enum Passed {
    /// The response has been given to the sink.
    Done(Then),
    /// The course leads elsewhere.
    Elsewhere,
}

impl<'a> Script<'a> {
    pub(super) fn new(exchange: &'a mut Exchange, shared: &'static Shared) -> Script<'a> {
        let protected = exchange.detached;
        Script {
            exchange,
            shared,
            wall: SystemTime::now(),
            tries: Vec::new(),
            new_pass: false,
            begun_sending: false,
            sent_bytes: 0,
            group: None,
            refusal: None,
            body_gone: false,
            status: 0,
            head_len: 0,
            begun: false,
            cut: false,
            framing: None,
            head: None,
            sent_head: Vec::new(),
            protected,
            asking: None,
            zone: None,
            validating: false,
            forwarded: None,
        }
    }

    pub(super) fn run(mut self, desk: &mut Desk) {
        let mut reason = Reason::default();
        let then = loop {
            let date = desk.date(self.wall);
            match self.settle(std::mem::take(&mut reason), &date) {
                Settled::Scgi(scgi) => {
                    match self.visit(scgi, desk) {
                        Ok(Passed::Done(then)) => break then,
                        // Whatever page there is for that, nobody wants it.
                        _ if self.exchange.detached => break Then::Close,
                        Ok(Passed::Elsewhere) => {}
                        Err(fault) => match self.fail(&fault) {
                            Some(then) => break then,
                            None => reason.cause = Some(fault.cause()),
                        },
                    }
                    self.exchange.caching = Caching::Unasked;
                    self.new_pass = !self.tries.is_empty();
                }
                #[cfg(feature = "auth")]
                Settled::Auth(auth) => reason = self.check_password(auth, &date),
                Settled::Reply(reply) => break self.reply(&reply),
                Settled::Silence => {
                    self.status = 444;
                    break Then::Close;
                }
                Settled::Status { .. } => {
                    log::error!(
                        "{}: the status page is not reached by redirects",
                        self.prefix(None)
                    );
                    self.exchange.course.action = Action::Refuse(404);
                }
            }
        };
        self.end(then);
    }

    /// What becomes of the request in a location with an application: the cache answers, or the application does, or the cache in
    /// its place.
    fn visit(&mut self, scgi: &'static Scgi, desk: &mut Desk) -> Result<Passed, Fault> {
        if let Consulted::Passed(passed) = self.consult(scgi, desk) {
            return Ok(passed);
        }
        let result = self.pass(scgi, desk);
        let instead = match &result {
            Err(fault) if !self.begun => self.stale_for_fault(fault, scgi, desk),
            _ => None,
        };
        self.end_unfilled(result.is_err());
        self.exchange.course.as_get = false;
        instead.map_or(result, Ok)
    }

    fn settle(&mut self, mut reason: Reason, date: &HttpDate) -> Settled {
        // The usual case needs nothing of what follows.
        if let Action::Scgi(scgi) = self.exchange.course.action {
            return Settled::Scgi(scgi);
        }
        reason.field = self.refusal.take();
        self.around(date, |around, request, course| {
            around.settle(request, course, reason)
        })
    }

    /// A redirect has led to where a password is asked for: nobody else waits for this thread.
    #[cfg(feature = "auth")]
    fn check_password(&mut self, auth: &AuthBasic, date: &HttpDate) -> Reason {
        let Some(verifier) = self.shared.verifier else {
            self.refuse(500);
            return Reason::default();
        };
        self.around(date, |around, request, course| {
            let verdict = match around.ask_verifier(verifier, auth, request, None) {
                Asked::Known(verdict) => verdict,
                Asked::Wait(ticket) => verifier.wait(ticket),
            };
            around.admit(verifier, auth, verdict, request, course)
        })
    }

    /// Lets something happen to the course, with all that is known of the request.
    pub(super) fn around<T>(
        &mut self,
        date: &HttpDate,
        happen: impl FnOnce(&Around<'_>, &mut Request, &mut Course) -> T,
    ) -> T {
        let keep_alive = self.keep_alive()
            // What went wrong may have gone wrong with the framing (T39).
            && !matches!(self.exchange.course.action, Action::Refuse(400 | 500));
        let head = self.head.as_ref();
        let upstream = |name: &str| report::joined(head?.fields(), name);
        let exchange = &mut *self.exchange;
        let around = Around {
            config: self.shared.config,
            conn: &exchange.conn,
            requests: exchange.requests,
            body_length: Some(exchange.body.len()),
            started: exchange.started,
            now: Instant::now(),
            wall: self.wall,
            tries: &self.tries,
            upstream: &upstream,
            keep_alive,
            date: date.as_str(),
        };
        happen(&around, &mut exchange.request, &mut exchange.course)
    }

    /// Whether the connection can be kept: request and settings allow it, and nothing of the request is unread.
    pub(super) fn keep_alive(&self) -> bool {
        let unread = matches!(self.exchange.body, Body::Stream { rest, .. } if rest > 0);
        self.exchange.keep_alive && !unread
    }

    /// What becomes of the client after a fault: where a response has begun, a visible cut; where the client has left, nothing;
    /// else the course goes on with the status of the fault.
    fn fail(&mut self, fault: &Fault) -> Option<Then> {
        if self.begun {
            // Whatever still waits is sent; then the missing end shows. Without framing only a reset does.
            self.cut = true;
            return Some(match self.framing {
                Some(Framing::UntilClose) => Then::Reset,
                _ => Then::Close,
            });
        }
        self.status = fault.status();
        self.sent_head = Vec::new();
        self.exchange.sink.set_pace(None);
        if matches!(fault, Fault::Client(gone) if *gone != Gone::BodyTimeout) {
            return Some(Then::Close);
        }
        self.refuse(self.status);
        None
    }

    /// The course goes on with an error of this status. An error page that would need the body again is not to be had once
    /// the body has gone by.
    pub(super) fn refuse(&mut self, status: u16) {
        let course = &mut self.exchange.course;
        let named = course
            .error_page(status)
            .is_some_and(|page| page.keeps_body());
        course.in_error |= named && self.body_gone && !self.exchange.request.is_bodyless();
        course.action = Action::Refuse(status);
    }

    /// Gives a whole response of our own to the sink.
    pub(super) fn reply(&mut self, reply: &Reply) -> Then {
        self.status = reply.status;
        self.head_len = reply.head.len();
        if self.shared.keeps_tries {
            self.sent_head.clone_from(&reply.head);
        }
        self.set_pace(reply.limit_rate);
        self.begun = true;
        self.exchange.sink.reply(reply);
        if reply.keep_alive {
            Then::Keep
        } else {
            Then::Close
        }
    }

    /// Sets the pace of the response that is about to begin. `asked`: X-Accel-Limit-Rate of it.
    pub(super) fn set_pace(&mut self, asked: Option<u64>) {
        let client = self.exchange.client();
        let carried = self.exchange.course.carried.limit_rate;
        if asked.or(carried).is_none() && client.limit_rate.is_none() {
            return;
        }
        let (rate, after) = self.around(&HttpDate::new(0), |around, request, course| {
            around.pace(asked, client, request, course)
        });
        if rate > 0 {
            self.exchange.sink.set_pace(Some(Pace {
                rate,
                after,
                start: Instant::now(),
            }));
        }
    }

    /// Leaves the connection to the front, and the access log's line to whoever sends the last byte.
    fn end(self, then: Then) {
        if let (Some(zone), Some(how)) = (self.zone, self.exchange.course.cache)
            && !self.exchange.detached
        {
            zone.count(how);
        }
        if self.exchange.finished {
            return;
        }
        let after = self.after(|_| {});
        // Whoever has left got no answer.
        let answered = self.begun && self.status != 444;
        self.exchange.sink.finish(Ending {
            then,
            status: if answered { self.status } else { 0 },
            after,
        });
        self.exchange.finished = true;
    }

    /// Counts the response and writes the access log's line, when the last byte is out. `complete` adds what the tries do not
    /// say yet.
    pub(super) fn after(&self, complete: impl FnOnce(&mut [Try])) -> Option<After> {
        if self.shared.logs.is_empty() || self.exchange.detached {
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
            server: Some(exchange.course.server),
            location: exchange.course.location,
            body_length: Some(exchange.body.len()),
            started: exchange.started,
            status: self.status,
            head_len: self.head_len,
            tries,
            cache: exchange.course.cache,
            as_get: exchange.course.as_get,
            head: self.head.clone(),
            sent_head: self.sent_head.clone(),
            whole: !self.cut,
        };
        Some(Box::new(move |ended| record.write(ended)))
    }

    /// A fault that follows from the client's leaving is the client's.
    pub(super) fn settle_fault(&self, fault: Fault) -> Fault {
        self.left().map_or(fault, Fault::Client)
    }

    /// Why the exchange is to end, unless it goes on without its client.
    pub(super) fn left(&self) -> Option<Gone> {
        self.exchange.sink.gone().filter(|_| !self.protected)
    }

    /// From now on the exchange goes on without its client, or does not.
    pub(super) fn protect(&mut self, protected: bool) {
        let protected = protected || self.exchange.detached;
        if self.protected != protected {
            self.protected = protected;
            self.exchange.sink.set_protected(protected);
        }
    }

    pub(super) fn render(&self, template: &Template) -> Vec<u8> {
        let mut text = Vec::new();
        self.with_facts(0, |facts| template.render(facts, &mut text));
        text
    }

    /// What is known now, for templates, the fields of the last response of an application among it.
    pub(super) fn with_facts<T>(&self, status: u16, use_them: impl FnOnce(&Facts<'_>) -> T) -> T {
        let exchange = &*self.exchange;
        let head = self.head.as_ref();
        let upstream = |name: &str| report::joined(head?.fields(), name);
        let around = Around {
            config: self.shared.config,
            conn: &exchange.conn,
            requests: exchange.requests,
            body_length: Some(exchange.body.len()),
            started: exchange.started,
            now: exchange.started,
            wall: self.wall,
            tries: &self.tries,
            upstream: &upstream,
            keep_alive: false,
            date: "",
        };
        use_them(&around.facts(&exchange.request, &exchange.course, status))
    }

    pub(super) fn blame(&self, fault: &Fault, address: Option<&Address>, next: &str) {
        report::fault(&self.prefix(address), fault, address, next);
    }

    /// Who and what a log line is about.
    pub(super) fn prefix(&self, address: Option<&Address>) -> String {
        report::prefix(self.exchange, address)
    }
}
