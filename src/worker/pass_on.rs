//! Passing a response on: the head for the client, where the body is kept meanwhile, and what follows from how the delivery of it
//! went.

use std::cell::Cell;
use std::time::Instant;

use super::Desk;
use super::attempt::Heard;
use super::deliver::{Delivered, Delivery, Keeping, Storing, deliver};
use super::script::Script;
use super::tries::{Plan, told};
use crate::config::Scgi;
use crate::config::address::Address;
use crate::config::content;
use crate::error::Fault;
use crate::respond::cache_status::{Forwarded, push_forwarded};
use crate::respond::files::{self, Place};
use crate::respond::head::{self, Ask, Extras, translate};
use crate::respond::local::{added_lines, quantity};
use crate::respond::store::Store;
use crate::respond::window::Windowed;
use crate::scgi::response::{Head, Length};
use crate::sink::{Ending, Overflow, Then};
use crate::units;
use crate::upstream::groups::Picked;

/// What a delivery owes the server that it comes from: a word for its health, and what its counters get.
struct Dues<'a> {
    server: &'a Picked,
    begin: Instant,
    /// Bytes of the request that were sent.
    sent: u64,
    status: u16,
    /// The response is held against the server already, for its status.
    counted: bool,
    settled: Cell<bool>,
}

impl Dues<'_> {
    fn of<'a>(heard: &Heard, server: &'a Picked) -> Dues<'a> {
        Dues {
            server,
            begin: heard.begin,
            sent: heard.sent_bytes,
            status: heard.head.status(),
            counted: heard.counted,
            settled: Cell::new(false),
        }
    }

    /// The body is there. The server is free again before the client can have its next request here.
    fn settle(&self, received: u64) {
        if self.settled.replace(true) {
            return;
        }
        if !self.counted {
            self.server.succeeded(Instant::now());
        }
        self.account(received);
        self.server.release();
    }

    /// The delivery has broken off before that.
    fn break_off(&self, fault: &Fault, received: u64) {
        match fault {
            _ if self.counted => {}
            // Its head was good, and so was the body as far as anybody wanted it.
            Fault::Client(_) => self.server.succeeded(Instant::now()),
            _ if fault.is_server_fault() => {
                let why = told(fault, self.server);
                self.server.failed(&why, Instant::now());
            }
            _ => {}
        }
        self.account(received);
    }

    fn account(&self, received: u64) {
        let time = self.begin.elapsed();
        self.server.account(self.status, self.sent, received, time);
    }
}

/// How many bytes of a response may wait for the client, in memory and in a temp file.
fn limits(scgi: &Scgi, shape: &head::Plan, stored: bool) -> (usize, u64) {
    if stored {
        // What is stored does not wait for one of those who want it.
        (scgi.busy_buffers_size, u64::MAX)
    } else if shape.buffering {
        (scgi.busy_buffers_size, scgi.max_temp_file_size)
    } else {
        (scgi.buffer_size, 0)
    }
}

/// What becomes of the client's connection after a whole response.
fn after_all(shape: &head::Plan) -> Then {
    if shape.keep_alive {
        Then::Keep
    } else {
        Then::Close
    }
}

impl Script<'_> {
    /// Gives the response to the client, and to the cache or a file what is to be kept of it.
    ///
    /// # Errors
    /// What broke it off, when it has been logged and counted.
    pub(super) fn deliver(
        &mut self,
        mut heard: Heard,
        plan: &Plan,
        server: Picked,
        windowed: Windowed,
        desk: &mut Desk,
    ) -> Result<Then, Fault> {
        let scgi = plan.scgi;
        if self.shared.keeps_tries {
            self.head = Some(heard.head.clone());
        }
        let filling = self.begin_fill(&heard.head, scgi);
        let shape = self.head(&heard.head, scgi, windowed, desk);
        let store = match filling {
            Some(filling) => Some(Keeping::Cache(Box::new(filling))),
            None => {
                let storing = self.begin_store(&heard.head, &shape, scgi);
                storing.map(Keeping::Store)
            }
        };
        if self.exchange.detached && store.is_none() {
            // Nobody wants it.
            heard.done(&server);
            return Ok(Then::Close);
        }
        // What may be stored has been protected since its pass began; what is not is the client's alone again.
        self.protect(scgi.ignore_client_abort || store.is_some());
        let dues = Dues::of(&heard, &server);
        let (delivered, result) = self.run_delivery(&mut heard, (scgi, &shape), store, &dues, desk);
        match result {
            Ok(()) => {
                // A client that has left is told of no end.
                dues.settle(delivered.received);
                Ok(after_all(&shape))
            }
            Err(fault) => Err(self.broken_off(fault, &heard, &dues, delivered.received)),
        }
    }

    fn run_delivery(
        &mut self,
        heard: &mut Heard,
        (scgi, shape): (&Scgi, &head::Plan),
        store: Option<Keeping>,
        dues: &Dues<'_>,
        desk: &mut Desk,
    ) -> (Delivered, Result<(), Fault>) {
        let (in_memory, in_file) = limits(scgi, shape, store.is_some());
        let mut overflow = Overflow::new(
            self.shared.memory,
            in_memory,
            in_file,
            scgi.temp_file_write_size,
            &self.exchange.client().temp,
        );
        let reset_is_end = self.is_reset_an_end(heard, shape, dues.server);
        let rate = self.read_rate(scgi);
        let this = &*self;
        let ending = |delivered: &Delivered| {
            dues.settle(delivered.received);
            this.ending(shape, delivered, dues.begin)
        };
        let mut job = Delivery {
            sink: &this.exchange.sink,
            plan: shape,
            overflow: &mut overflow,
            head: &mut desk.head,
            rate,
            unit: scgi.buffer_size,
            protected: this.protected,
            ending: &ending,
            reset_is_end,
            severed: &|| heard.line.is_severed(),
            store,
        };
        let (delivered, result) = deliver(&mut job, &heard.line.connection, &mut heard.incoming);
        desk.large = heard.incoming.is_large();
        self.exchange.finished = delivered.finished;
        let spilled = overflow.spilled();
        let address = dues.server.address();
        self.after_delivery(&delivered, shape, address, (dues.begin, spilled));
        (delivered, result)
    }

    /// A Unix socket is reset exactly when its owner closes it with bytes unread; elsewhere a reset says less.
    fn is_reset_an_end(&self, heard: &Heard, shape: &head::Plan, server: &Picked) -> bool {
        let unix = matches!(server.address(), Address::Unix(_));
        let body = !self.exchange.request.is_bodyless() && self.exchange.body.len() > 0;
        heard.sent.cut || (unix && shape.length == Length::UntilClose && body)
    }

    /// `--limit-rate`, in bytes a second; 0: none.
    fn read_rate(&self, scgi: &Scgi) -> u64 {
        let template = scgi.limit_rate.as_ref();
        match template {
            None => 0,
            Some(_) => self.with_facts(0, |facts| {
                quantity(template, "--limit-rate", facts, units::rate)
            }),
        }
    }

    /// The end of the exchange, for whoever sends the last byte.
    fn ending(&self, shape: &head::Plan, delivered: &Delivered, begin: Instant) -> Ending {
        Ending {
            then: after_all(shape),
            status: self.status,
            after: self.after(|tries| {
                if let Some(attempt) = tries.last_mut() {
                    attempt.response_time = Some(begin.elapsed());
                    attempt.response_length = delivered.body;
                    attempt.bytes_received = delivered.received;
                }
            }),
        }
    }

    /// Whose fault it is that a delivery has broken off, said and counted.
    fn broken_off(&self, fault: Fault, heard: &Heard, dues: &Dues<'_>, received: u64) -> Fault {
        let fault = if dues.settled.get() {
            self.settle_fault(fault)
        } else {
            let fault = self.fault_of(fault, &heard.line);
            dues.break_off(&fault, received);
            fault
        };
        // N6: nobody else is asked once there is a head.
        let next = if self.begun {
            "; the client's response ends there"
        } else {
            ""
        };
        self.blame(&fault, Some(dues.server.address()), next);
        fault
    }

    fn after_delivery(
        &mut self,
        delivered: &Delivered,
        shape: &head::Plan,
        address: &Address,
        (begin, spilled): (Instant, u64),
    ) {
        self.begun |= delivered.begun;
        if spilled > 0 {
            self.shared.stats.spilled(spilled);
        }
        if let Some(attempt) = self.tries.last_mut() {
            attempt.response_length = delivered.body;
            attempt.bytes_received = delivered.received;
            attempt.response_time = Some(begin.elapsed());
        }
        if delivered.extra > 0 && !shape.bodyless {
            log::warn!(
                "{}: {} bytes beyond the announced end of the response were cut off",
                self.prefix(Some(address)),
                delivered.extra
            );
        }
        if let Some(why) = delivered.unkept {
            log::debug!("{}: not stored: {why}", self.prefix(Some(address)));
        }
        if let Some((what, error)) = &delivered.store_error {
            log::error!("{}: {what}: {error}", self.prefix(Some(address)));
        }
    }

    /// Begins to store a response, if it is one to be stored: of a GET, with status 200, buffered (S2, Z58).
    fn begin_store(&self, head: &Head, shape: &head::Plan, scgi: &Scgi) -> Option<Storing> {
        let settings = scgi.store.as_ref()?;
        let request = &self.exchange.request;
        if head.status() != 200 || request.method() != "GET" || !shape.buffering {
            return None;
        }
        // A file has no Content-Encoding: nobody could read it.
        let coded = head.field("content-encoding");
        if coded.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
            log::info!("{}: --store: not kept, it is encoded", self.prefix(None));
            return None;
        }
        let location = self.exchange.course.location?;
        let root = location.content.root.as_ref();
        let place: Option<Place> = self.with_facts(200, |facts| match &settings.place {
            content::Store::On => files::place(root?, &location.matching, request.path(), facts),
            content::Store::At(template) => Place::rendered(template, root, facts),
        });
        let place = place?;
        match Store::begin(&place, settings.mode) {
            Ok(store) => Some(Storing {
                store,
                modified: head.field("last-modified").map(<[u8]>::to_vec),
            }),
            Err(error) => {
                log::error!("{}: --store: {error}", self.prefix(None));
                None
            }
        }
    }

    /// Fields that go with the response: those of earlier ones that it does not have itself, and `--add-header`.
    fn lines(&self, head: &Head, status: u16) -> Vec<u8> {
        let course = &self.exchange.course;
        let mut lines = Vec::new();
        course.carried.put_beside(head, status, &mut lines);
        let added = &course.content().add_headers;
        if !added.is_empty() {
            self.with_facts(status, |facts| {
                added_lines(added, status, facts, &mut lines)
            });
        }
        if let Some((name, forwarded)) = &self.forwarded {
            let status = (status != head.status()).then_some(head.status());
            let what = Forwarded {
                status,
                ..*forwarded
            };
            push_forwarded(name, &what, &mut lines);
        }
        lines
    }

    /// Makes the client's head in `desk.head`, and sets the pace of the response.
    fn head(
        &mut self,
        head: &Head,
        scgi: &Scgi,
        windowed: Windowed,
        desk: &mut Desk,
    ) -> head::Plan {
        let date = desk.date(self.wall);
        let ask = Ask {
            is_head: self.exchange.request.is_head(),
            minor_version: self.exchange.request.minor_version(),
            keep_alive: self.keep_alive(),
            date: date.as_str(),
        };
        let status = match windowed {
            Windowed::NotModified => Some(304),
            _ => self.exchange.course.status,
        };
        let lines = self.lines(head, status.unwrap_or(head.status()));
        let extras = Extras {
            status,
            lines: &lines,
            window: match windowed {
                Windowed::Part(window) => Some(window),
                _ => None,
            },
            ranges: matches!(windowed, Windowed::Whole | Windowed::Part(_)),
            ..Extras::default()
        };
        desk.head.clear();
        let plan = translate(head, scgi, &ask, &extras, &mut desk.head);
        self.status = plan.status;
        self.framing = Some(plan.framing);
        self.head_len = desk.head.len();
        if self.shared.keeps_tries {
            self.sent_head.clone_from(&desk.head);
        }
        self.set_pace(plan.limit_rate);
        plan
    }
}
