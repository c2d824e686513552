//! Responses that the front makes itself: refusals, and what needs no application.

use std::sync::Arc;

use super::conn::{Conn, Phase};
use super::hub::Hub;
use crate::http::request::Request;
use crate::respond::course::Course;
use crate::respond::local::{ALLOW, Around, Reason};
use crate::respond::page::Page;
use crate::respond::reply::Reply;
use crate::sink::{After, Ended, Ending, Pace, Then, Turn};
use crate::worker::report::Record;

/// A request and where it is, for the page and the log; `None` for a head that was refused.
pub(super) type About = Option<(Box<Request>, Course)>;

impl Conn {
    /// Refuses what is not a request, or came too slowly.
    pub(super) fn refuse(&mut self, status: u16, why: &str, hub: &mut Hub) {
        log::info!("{}: {why}: {status}", self.name());
        self.refuse_pending(status, None, hub);
    }

    /// Refuses what was coming: a request whose body is not complete, or what is none yet.
    pub(super) fn refuse_pending(
        &mut self,
        status: u16,
        cause: Option<&'static str>,
        hub: &mut Hub,
    ) {
        let reason = Reason {
            cause,
            ..Reason::default()
        };
        match self.about_pending() {
            Some((request, course)) => self.refuse_request(status, reason, request, course, hub),
            None => self.refuse_plainly(status, hub),
        }
    }

    /// The connection ends, whoever ended it: a request that has not come as a whole, or was not handed over yet, gets no
    /// answer. Only the log and the counters are told.
    pub(super) fn abandon(&mut self, hub: &mut Hub) {
        let mut status = 400;
        let what = match &self.phase {
            Phase::Head => {
                // Only a complete head has been counted as a request.
                hub.shared.stats.request();
                "it ended within a request head"
            }
            Phase::Body(_) => "it ended within a request body",
            Phase::Wait(..) => "it ended while its request waited for buffers",
            Phase::Await(awaiting) => {
                // As where a worker has its request.
                status = 499;
                self.stop_waiting(awaiting)
            }
            _ => return,
        };
        log::info!("{}: {what}", self.name());
        hub.shared.stats.unanswered();
        if hub.shared.logs.is_empty() {
            return;
        }
        let about = self.about_pending();
        let record = self.record(about, status, &[], hub);
        record.write(Ended {
            sent: 0,
            complete: false,
        });
    }

    pub(super) fn about_pending(&mut self) -> About {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Body(pending) => Some((pending.request, pending.course)),
            Phase::Wait(waiting) => Some((waiting.0.request, waiting.0.course)),
            Phase::Await(awaiting) => Some(awaiting.into_parts()),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// Sends a whole response, as an exchange of its own.
    pub(super) fn send_reply(
        &mut self,
        reply: &Reply,
        request: Box<Request>,
        course: Course,
        hub: &mut Hub,
    ) {
        let pace = self.pace_of(reply.limit_rate, &request, &course, hub);
        self.sink.begin(Turn::Worker, false, false, false);
        self.sink.set_pace(pace);
        self.sink.reply(reply);
        let about = Some((request, course));
        self.end(about, reply.status, &reply.head, reply.keep_alive, hub);
    }

    fn pace_of(
        &self,
        asked: Option<u64>,
        request: &Request,
        course: &Course,
        hub: &Hub,
    ) -> Option<Pace> {
        if asked.is_none() && self.client.limit_rate.is_none() {
            return None;
        }
        let around = self.around("", false, hub);
        let (rate, after) = around.pace(asked, self.client, request, course);
        (rate > 0).then_some(Pace {
            rate,
            after,
            start: hub.now,
        })
    }

    /// What is known of the request besides itself.
    pub(super) fn around<'a>(&'a self, date: &'a str, keep_alive: bool, hub: &Hub) -> Around<'a> {
        Around {
            config: hub.shared.config,
            conn: &self.info,
            requests: self.requests,
            body_length: None,
            started: self.started,
            now: hub.now,
            wall: hub.wall,
            tries: &[],
            upstream: &|_| None,
            keep_alive,
            date,
        }
    }

    /// Refuses what never became a request: a plain page, and the connection ends.
    fn refuse_plainly(&mut self, status: u16, hub: &mut Hub) {
        hub.shared.stats.request();
        let date = hub.desk.date(hub.wall);
        let page = Page {
            status,
            cause: None,
            retry_after: None,
            fields: if status == 405 {
                &[("Allow", ALLOW)]
            } else {
                &[]
            },
            lines: &[],
            keep_alive: false,
            minor_version: 1,
            is_head: false,
            date: date.as_str(),
            json: false,
        };
        let mut bytes = Vec::new();
        let body = page.write(&mut bytes);
        let head = bytes.len().saturating_sub(body);
        self.sink.begin(Turn::Worker, false, false, false);
        self.sink.respond(&bytes);
        let head = bytes.get(..head).unwrap_or_default();
        self.end(None, status, head, false, hub);
    }

    /// Closes the connection without an answer (`--return 444`).
    pub(super) fn close_silently(&mut self, request: Box<Request>, course: Course, hub: &mut Hub) {
        self.sink.begin(Turn::Worker, false, false, false);
        self.end(Some((request, course)), 444, &[], false, hub);
    }

    /// The response has been given to the sink, its head among it: the exchange is over.
    fn end(&mut self, about: About, status: u16, head: &[u8], keep_alive: bool, hub: &mut Hub) {
        let then = if keep_alive { Then::Keep } else { Then::Close };
        let after: Option<After> = if hub.shared.logs.is_empty() {
            None
        } else {
            let record = self.record(about, status, head, hub);
            Some(Box::new(move |ended| record.write(ended)))
        };
        self.sink.finish(Ending {
            then,
            status: if status == 444 { 0 } else { status },
            after,
        });
        self.busy(false, hub);
    }

    pub(super) fn record(&self, about: About, status: u16, head: &[u8], hub: &Hub) -> Record {
        let (request, course) = about.unzip();
        let server = course.as_ref().map(|course| course.server);
        let cache = course.as_ref().and_then(|course| course.cache);
        Record {
            shared: hub.shared,
            conn: Arc::clone(&self.info),
            requests: self.requests,
            request: request.map(|request| *request),
            server: Some(server.unwrap_or_else(|| self.server(hub))),
            location: course.and_then(|course| course.location),
            body_length: None,
            started: self.started,
            status,
            head_len: head.len(),
            tries: Vec::new(),
            cache,
            as_get: false,
            head: None,
            sent_head: head.to_vec(),
            whole: true,
        }
    }

    /// Which connection a log line is about.
    pub(super) fn name(&self) -> String {
        match self.info.remote {
            Some(remote) => format!("connection {}, client {remote}", self.info.id),
            None => format!("connection {}, client unix:", self.info.id),
        }
    }
}
