//! Requests to `--status` locations: taken in here, answered once in each turn of the loop, which alone can count the
//! connections.

use super::conn::{Conn, Fate, Pending, Phase};
use super::hub::Hub;
use super::intake::BodyIntake;
use crate::buffer::chain::Spool;
use crate::cache::view::ZoneView;
use crate::cache::zone::Zone;
use crate::http::request::Request;
use crate::ops::status::{self, Census, MAX_FORM, Snapshot, StatusAnswer};
use crate::respond::course::Course;
use crate::respond::head::{Ask, own};
use crate::respond::local::Reason;
use crate::respond::reply::Reply;
use crate::sink::{Key, Turn};
use crate::upstream::view::Order;
use crate::worker::exchange::Caching;

/// A request to a status location, complete.
pub struct Inquiry {
    key: Key,
    request: Box<Request>,
    course: Course,
    /// An order, as it came.
    form: Vec<u8>,
    writable: bool,
    keep_alive: bool,
}

impl Inquiry {
    /// The connection it came on.
    pub fn key(&self) -> Key {
        self.key
    }
}

impl Conn {
    /// A request to a status location: its body first, if it has one that could be an order.
    pub(super) fn take_inquiry(
        &mut self,
        request: Box<Request>,
        course: Course,
        writable: bool,
        hub: &mut Hub,
    ) {
        let intake = match BodyIntake::new(request.framing(), MAX_FORM as u64) {
            Ok(intake) => intake,
            Err(reject) => {
                return self.refuse_request(reject.status, Reason::default(), request, course, hub);
            }
        };
        let wanted = intake.is_some() && writable && request.method() == "POST";
        if !wanted {
            let keep_alive = intake.is_none() && self.may_keep(&request, hub);
            return self.inquire(request, course, Vec::new(), (writable, keep_alive), hub);
        }
        if request.expects_continue() {
            self.sink.respond(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.phase = Phase::Body(Box::new(Pending {
            request,
            course,
            streams: false,
            intake,
            spool: Some(Spool::new(hub.shared.memory, MAX_FORM)),
            temp: &self.client.temp,
            caching: Caching::Passed,
            waited: None,
        }));
        self.wake_in(self.client.body_timeout, hub);
    }

    /// An order has come as a whole.
    pub(super) fn take_order(&mut self, pending: Pending, hub: &mut Hub) {
        let keep_alive = self.may_keep(&pending.request, hub);
        let mut form = Vec::new();
        if let Some(spool) = pending.spool {
            // Where memory is short it has gone to a file.
            if let Err(error) = spool.into_chain().copy_to(&mut form) {
                log::error!("{}: can not read an order back: {error}", self.name());
                let (request, course) = (pending.request, pending.course);
                return self.refuse_request(500, Reason::default(), request, course, hub);
            }
        }
        self.inquire(
            pending.request,
            pending.course,
            form,
            (true, keep_alive),
            hub,
        );
    }

    fn inquire(
        &mut self,
        request: Box<Request>,
        course: Course,
        form: Vec<u8>,
        (writable, keep_alive): (bool, bool),
        hub: &mut Hub,
    ) {
        hub.inquiries.push(Inquiry {
            key: self.key,
            request,
            course,
            form,
            writable,
            keep_alive,
        });
        self.sink.begin(Turn::Worker, false, false, false);
        // Protected: no application is at work, so that the end of the client's side does not mean that it has left.
        self.busy(true, hub);
    }

    /// Answers with the state of the program.
    pub(super) fn answer_inquiry(
        &mut self,
        mut inquiry: Inquiry,
        census: Census,
        hub: &mut Hub,
    ) -> Fate {
        let answer = self.ask_status(&inquiry, census, hub);
        let date = hub.desk.date(hub.wall);
        let around = self.around(date.as_str(), inquiry.keep_alive, hub);
        let lines = around.lines(answer.status, &inquiry.request, &inquiry.course);
        let ask = Ask {
            is_head: inquiry.request.is_head(),
            minor_version: inquiry.request.minor_version(),
            keep_alive: inquiry.keep_alive,
            date: date.as_str(),
        };
        let reply = reply(answer, &lines, &ask);
        inquiry.form = Vec::new();
        self.send_reply(&reply, inquiry.request, inquiry.course, hub);
        self.drive(hub)
    }

    fn ask_status(&self, inquiry: &Inquiry, census: Census, hub: &Hub) -> StatusAnswer {
        let shared = hub.shared;
        let process = &shared.config.process;
        let load = hub.pool.load();
        let queued = u32::try_from(load.queued).unwrap_or(u32::MAX);
        let groups = shared.upstreams.view(hub.now);
        let zones: Vec<ZoneView> = shared.zones.iter().map(Zone::view).collect();
        let snapshot = Snapshot {
            version: env!("CARGO_PKG_VERSION"),
            hostname: &process.hostname,
            pid: std::process::id(),
            uptime: shared.stats.uptime(hub.now),
            census: Census {
                // The queue is part of what the workers have.
                waiting: census.waiting.saturating_add(queued),
                running: census.running.saturating_sub(queued),
                ..census
            },
            max_connections: process.connections,
            totals: shared.stats.totals(),
            queue_length: load.queued,
            max_queue: process.queue,
            workers_busy: load.busy,
            workers_started: load.started,
            max_workers: process.workers,
            memory_used: shared.memory.used(),
            max_memory: process.memory,
            spare_files: shared.memory.files.spare(),
            groups: &groups,
            zones: &zones,
        };
        let client = self.info.client();
        let allowed = inquiry
            .course
            .location
            .is_some_and(|location| location.access.allows_explicitly(client));
        status::answer(
            &inquiry.request,
            &inquiry.form,
            &snapshot,
            inquiry.writable,
            allowed,
            &|group, server, order| self.carry_out(group, server, order, hub),
        )
    }

    /// Gives a server an order, and says so in the log.
    fn carry_out(&self, group: &str, server: &str, order: Order, hub: &Hub) -> Result<(), String> {
        let result = hub.shared.upstreams.order(group, server, order);
        let failed = match result {
            Ok(()) => "",
            Err(_) => ": there is no such server",
        };
        log::info!(
            "{}: order for server {} of group {}: {order:?}{failed}",
            self.name(),
            server.escape_debug(),
            group.escape_debug(),
        );
        result
    }

    /// Counts this connection among those that do the same.
    pub fn count_state(&self, census: &mut Census) {
        let place = match &self.phase {
            Phase::Preface | Phase::Head => &mut census.reading_head,
            Phase::Body(_) => &mut census.reading_body,
            Phase::Wait(..) | Phase::Await(_) => &mut census.waiting,
            Phase::Idle => &mut census.idle,
            Phase::Linger(_) => &mut census.closing,
            Phase::Busy { .. } => {
                let look = self.sink.look();
                match look.turn {
                    Turn::Worker => &mut census.running,
                    Turn::Done { .. } if !look.empty => &mut census.writing,
                    Turn::Done { .. } | Turn::Front => &mut census.idle,
                }
            }
        };
        *place += 1;
    }
}

fn reply(answer: StatusAnswer, lines: &[u8], ask: &Ask<'_>) -> Reply {
    let fields: Vec<(&str, &[u8])> = answer
        .fields
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let content_type = Some(answer.content_type.as_bytes());
    let length = answer.body.len() as u64;
    let mut head = Vec::new();
    own(
        answer.status,
        content_type,
        length,
        (&fields, lines),
        ask,
        &mut head,
    );
    let body = if ask.is_head { Vec::new() } else { answer.body };
    Reply::bytes(answer.status, head, body, ask.keep_alive)
}
