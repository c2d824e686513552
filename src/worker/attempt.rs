//! One try at one server: connect, send, read the head. What follows from it is decided in `tries` and `conclude`.

use std::sync::Arc;
use std::time::Instant;

use super::Desk;
use super::receive::Incoming;
use super::script::Script;
use super::send::{self, Body, Sent, Source, Space};
use super::tries::Plan;
use crate::error::Fault;
use crate::ops::vars::Try;
use crate::scgi::response::Head;
use crate::sink::Sink;
use crate::upstream::groups::{Picked, Watch};
use crate::upstream::{self, Connection, Dial};

/// A connection that the sink knows, so that a client's leaving ends it. Its drop takes it back before it is closed.
pub(super) struct Line {
    sink: Arc<Sink>,
    /// Ends the connection when its server leaves the group (`--connection-drop`). Dropped before the connection is closed:
    /// its descriptor may be another's afterwards.
    watch: Option<Watch>,
    pub(super) connection: Connection,
}

impl Line {
    /// `--connection-drop` has ended the connection.
    pub(super) fn is_severed(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::has_severed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.sink.detach(self.connection.fd());
    }
}

/// A response whose head is there, and whose body may follow.
pub(super) struct Heard {
    pub(super) line: Line,
    pub(super) incoming: Incoming,
    pub(super) sent: Sent,
    /// Bytes of the request that were sent.
    pub(super) sent_bytes: u64,
    pub(super) head: Head,
    /// When the try began.
    pub(super) begin: Instant,
    /// The response is held against the server already, for its status.
    pub(super) counted: bool,
}

impl Heard {
    /// The try is over without a delivery, and its server has done well, unless the response says otherwise.
    pub(super) fn done(&self, server: &Picked) {
        if !self.counted {
            server.succeeded(Instant::now());
        }
        self.account(server);
    }

    /// The try is over without a delivery: its server's counters get what it came to.
    pub(super) fn account(&self, server: &Picked) {
        server.account(
            self.head.status(),
            self.sent_bytes,
            self.incoming.received,
            self.begin.elapsed(),
        );
    }
}

impl Script<'_> {
    /// A new entry of the lists of tries, where anything may ask for them.
    pub(super) fn begin_try(&mut self, address: &str) {
        if self.shared.keeps_tries {
            self.tries.push(Try {
                address: address.to_owned(),
                new_pass: std::mem::take(&mut self.new_pass),
                ..Try::default()
            });
        }
    }

    /// Connects to a server, sends it the request, and reads the head of its response.
    pub(super) fn attempt(
        &mut self,
        plan: &Plan,
        server: &Picked,
        desk: &mut Desk,
    ) -> Result<Heard, Fault> {
        self.begun_sending = false;
        self.sent_bytes = 0;
        // Times are those of the try (V17), as the client has to wait for all of it.
        let begin = Instant::now();
        let connection = self.connect(plan, server, begin)?;
        let line = self.attach(connection, plan, server)?;
        self.begun_sending = true;
        let mut incoming = Incoming::new(self.shared.memory, plan.scgi, desk.large)?;
        let result = self.ask(&line.connection, plan, &mut incoming, desk);
        desk.large = incoming.is_large();
        if let Some(attempt) = self.tries.last_mut() {
            attempt.response_time = Some(begin.elapsed());
            attempt.bytes_received = incoming.received;
            attempt.bytes_sent = self.sent_bytes;
        }
        match result {
            Ok((sent, head)) => {
                if let Some(attempt) = self.tries.last_mut() {
                    attempt.header_time = Some(begin.elapsed());
                    attempt.status = head.status();
                }
                for name in head.dropped() {
                    let prefix = self.prefix(Some(server.address()));
                    log::warn!("{prefix}: a second {name} field was dropped");
                }
                Ok(Heard {
                    line,
                    incoming,
                    sent,
                    sent_bytes: self.sent_bytes,
                    head,
                    begin,
                    counted: false,
                })
            }
            Err(fault) => {
                let fault = self.fault_of(fault, &line);
                if let Some(attempt) = self.tries.last_mut() {
                    attempt.status = fault.status();
                }
                server.account(0, self.sent_bytes, incoming.received, begin.elapsed());
                Err(fault)
            }
        }
    }

    /// Whose fault a fault is: what follows from the client's leaving is the client's, what follows from the server's leaving
    /// its group is the operator's. Before `--connection-drop` has ended the connection it is still the server's.
    pub(super) fn fault_of(&self, fault: Fault, line: &Line) -> Fault {
        match self.settle_fault(fault) {
            fault @ Fault::Client(_) => fault,
            _ if line.is_severed() => Fault::Dropped,
            fault => fault,
        }
    }

    fn connect(
        &mut self,
        plan: &Plan,
        server: &Picked,
        begin: Instant,
    ) -> Result<Connection, Fault> {
        if self.shared.keeps_tries {
            self.begin_try(&server.address().to_string());
        }
        let sink = &self.exchange.sink;
        let protected = self.protected;
        let gone = || sink.gone().filter(|_| !protected);
        let result = upstream::connect(server.address(), plan.bind, &Dial::of(plan.scgi), &gone);
        let result = result.map_err(|fault| self.settle_fault(fault));
        if let Some(attempt) = self.tries.last_mut() {
            match &result {
                Ok(_) => attempt.connect_time = Some(begin.elapsed()),
                Err(fault) => {
                    attempt.status = fault.status();
                    attempt.response_time = Some(begin.elapsed());
                }
            }
        }
        result
    }

    fn attach(&self, connection: Connection, plan: &Plan, server: &Picked) -> Result<Line, Fault> {
        let sink = Arc::clone(&self.exchange.sink);
        sink.attach(connection.fd()).map_err(Fault::Client)?;
        let watch = plan.scgi.connection_drop.map(|after| {
            let sink = Arc::clone(&sink);
            let number = connection.number();
            server.watch(after, Arc::new(move || sink.sever(number)))
        });
        Ok(Line {
            sink,
            watch,
            connection,
        })
    }

    fn ask(
        &mut self,
        to: &Connection,
        plan: &Plan,
        incoming: &mut Incoming,
        desk: &Desk,
    ) -> Result<(Sent, Head), Fault> {
        let (start, block) = plan.params;
        let params = desk.request.get(start..).unwrap_or_default();
        let sent = self.send(to, plan, params, incoming)?;
        match incoming.head(to, plan.scgi, block) {
            Err(Fault::NoHead {
                received, block, ..
            }) => Err(Fault::NoHead {
                received,
                block,
                sending: sent.error,
            }),
            other => Ok((sent, other?)),
        }
    }

    fn send(
        &mut self,
        to: &Connection,
        plan: &Plan,
        params: &[u8],
        incoming: &mut Incoming,
    ) -> Result<Sent, Fault> {
        let scgi = plan.scgi;
        let space = Space {
            memory: self.shared.memory,
            temp: &self.exchange.client().temp,
        };
        let timeout = self.exchange.client().body_timeout;
        let wanted = scgi.pass_request_body && !self.exchange.request.is_bodyless();
        let count = &mut self.sent_bytes;
        match &mut self.exchange.body {
            Body::Stream { prefix, rest, .. } if wanted => {
                self.body_gone = true;
                let before = *rest;
                let mut source = Source {
                    client: self.exchange.sink.socket(),
                    prefix,
                    rest,
                    timeout,
                    space,
                };
                let result = send::stream(to, scgi, params, &mut source, (incoming, count));
                self.shared.stats.received(before - *source.rest);
                self.exchange.sink.body_taken();
                result
            }
            Body::Held(chain) if wanted => {
                send::held(to, scgi, params, Some(chain), (incoming, count), space)
            }
            _ => send::held(to, scgi, params, None, (incoming, count), space),
        }
    }
}
