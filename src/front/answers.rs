//! Responses that the front makes itself: refusals, and what needs no application.

use std::sync::Arc;
use std::time::SystemTime;

use super::conn::{Conn, Hub, Pending, Phase};
use crate::config::{Location, Server};
use crate::http::request::Request;
use crate::respond::head::{Ask, own};
use crate::respond::page::{Page, wants_json};
use crate::sink::{After, Ended, Ending, Then, Turn};
use crate::worker::report::Record;

/// The methods we name when asked about the server as a whole.
const ALLOW: &[u8] = b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/// A response of our own.
pub(super) struct Answer {
    pub status: u16,
    pub keep_alive: bool,
    pub retry_after: Option<u32>,
    pub cause: Option<&'static str>,
}

impl Answer {
    /// A refusal after which the connection is closed.
    pub fn last(status: u16) -> Answer {
        Answer {
            status,
            keep_alive: false,
            retry_after: None,
            cause: None,
        }
    }
}

/// What a request was about, for the page and the log; all `None` for a head that was refused.
#[derive(Default)]
pub(super) struct About {
    pub request: Option<Box<Request>>,
    pub server: Option<&'static Server>,
    pub location: Option<&'static Location>,
}

impl Conn {
    /// Refuses what is not a request, or came too slowly.
    pub(super) fn refuse(&mut self, status: u16, why: &str, hub: &mut Hub) {
        log::info!("{}: {why}: {status}", self.name());
        let about = self.about_pending();
        self.answer(&Answer::last(status), about, hub);
    }

    /// The client left before its request was complete: only the log is told.
    pub(super) fn abandoned(&mut self, why: &str, hub: &mut Hub) {
        log::info!("{}: {why}", self.name());
        if hub.shared.logs.is_empty() {
            return;
        }
        let about = self.about_pending();
        let record = self.record(about, 400, 0, hub);
        record.write(Ended {
            sent: 0,
            complete: false,
        });
    }

    pub(super) fn about_pending(&mut self) -> About {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Body(pending) | Phase::Wait(pending, _) => about(*pending),
            other => {
                self.phase = other;
                About::default()
            }
        }
    }

    pub(super) fn answer_options(
        &mut self,
        request: Box<Request>,
        server: &'static Server,
        keep_alive: bool,
        hub: &mut Hub,
    ) {
        let date = hub.desk.date(SystemTime::now());
        let ask = Ask {
            is_head: false,
            minor_version: request.minor_version(),
            keep_alive,
            date: date.as_str(),
        };
        hub.desk.clear();
        own(204, None, 0, &[("Allow", ALLOW)], &ask, &mut hub.desk.head);
        let about = About {
            request: Some(request),
            server: Some(server),
            location: None,
        };
        self.send(about, 204, hub.desk.head.len(), keep_alive, hub);
    }

    pub(super) fn answer(&mut self, answer: &Answer, about: About, hub: &mut Hub) {
        let date = hub.desk.date(SystemTime::now());
        let request = about.request.as_deref();
        let fields: &[(&str, &[u8])] = match answer.status {
            405 => &[("Allow", ALLOW)],
            _ => &[],
        };
        let page = Page {
            status: answer.status,
            cause: answer.cause,
            retry_after: answer.retry_after,
            fields,
            keep_alive: answer.keep_alive,
            minor_version: request.map_or(1, Request::minor_version),
            is_head: request.is_some_and(Request::is_head),
            date: date.as_str(),
            json: wants_json(request.and_then(|r| r.field("accept"))),
        };
        hub.desk.clear();
        let body = page.write(&mut hub.desk.head);
        let head_len = hub.desk.head.len().saturating_sub(body);
        self.send(about, answer.status, head_len, answer.keep_alive, hub);
    }

    /// Sends what is on the desk, as an exchange of its own.
    fn send(
        &mut self,
        about: About,
        status: u16,
        head_len: usize,
        keep_alive: bool,
        hub: &mut Hub,
    ) {
        let then = if keep_alive { Then::Keep } else { Then::Close };
        self.sink.begin(Turn::Worker, false, false, false);
        self.sink.respond(&hub.desk.head);
        let after: Option<After> = if hub.shared.logs.is_empty() {
            None
        } else {
            let record = self.record(about, status, head_len, hub);
            Some(Box::new(move |ended| record.write(ended)))
        };
        self.sink.finish(Ending { then, after });
        self.busy(false, hub);
    }

    pub(super) fn record(&self, about: About, status: u16, head_len: usize, hub: &Hub) -> Record {
        Record {
            shared: hub.shared,
            conn: Arc::clone(&self.info),
            requests: self.requests,
            request: about.request.map(|request| *request),
            server: Some(about.server.unwrap_or_else(|| self.server(hub))),
            location: about.location,
            body_length: None,
            started: self.started,
            status,
            head_len,
            tries: Vec::new(),
            head: None,
            sent_head: hub.desk.head.get(..head_len).unwrap_or_default().to_vec(),
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

pub(super) fn about(pending: Pending) -> About {
    About {
        request: Some(pending.request),
        server: Some(pending.server),
        location: Some(pending.location),
    }
}
