//! One attempt at one address: connect, send, read the head, deliver. The script in `exchange` decides what follows.

use std::sync::Arc;
use std::time::Instant;

use super::Desk;
use super::deliver::{Delivered, Delivery, deliver};
use super::exchange::Script;
use super::receive::Incoming;
use super::send::{self, Body, Sent, Source, Space};
use crate::config::address::{Address, BindAddress};
use crate::error::Fault;
use crate::ops::vars::Try;
use crate::respond::head::{Ask, Plan, translate};
use crate::scgi::response::{Head, Length};
use crate::sink::{Ending, Overflow, Pace, Sink, Then};
use crate::units;
use crate::upstream::{self, Connection};

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

impl Script<'_> {
    pub(super) fn connect(
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
    pub(super) fn converse(
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
        let mut incoming = Incoming::new(self.shared.memory, self.exchange.scgi, desk.large)?;
        let result = self.send_and_deliver(&line, address, (start, block), &mut incoming, desk);
        desk.large = incoming.is_large();
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
            Err(Fault::NoHead {
                received, block, ..
            }) => {
                return Err(Fault::NoHead {
                    received,
                    block,
                    sending: sent.error,
                });
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
        let space = Space {
            memory: self.shared.memory,
            temp: &self.exchange.location.client.temp,
        };
        match &mut self.exchange.body {
            Body::Stream { prefix, rest } => {
                let mut source = Source {
                    client: self.exchange.sink.socket(),
                    prefix,
                    rest,
                    timeout: self.exchange.location.client.body_timeout,
                    space,
                };
                let result = send::stream(to, scgi, params, &mut source, incoming);
                self.exchange.sink.body_taken();
                result
            }
            Body::Held(chain) if scgi.pass_request_body => {
                send::held(to, scgi, params, Some(chain), incoming, space)
            }
            Body::Held(_) | Body::None => send::held(to, scgi, params, None, incoming, space),
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
}
