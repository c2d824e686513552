//! What becomes of a whole request head: its body is taken in, it is handed to a worker, or it is answered here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "auth")]
use super::checking::Held;
use super::conn::{Conn, Pending, Phase};
use super::hub::Hub;
use super::intake::BodyIntake;
use crate::buffer::chain::Spool;
use crate::cache::rules::{Book, Part};
use crate::config::Scgi;
use crate::http::request::{Reject, Request};
use crate::respond::course::{Action, Course};
use crate::respond::local::{Reason, Settled};
use crate::sink::Turn;
use crate::worker::exchange::{Caching, Exchange};
use crate::worker::send::Body;

/// How long a request waits while all buffers together are at their ceiling, and how often it looks.
const MEMORY_WAIT: Duration = Duration::from_secs(2);
const MEMORY_LOOK: Duration = Duration::from_millis(20);
/// What a client is told to wait when the queue is full, in seconds.
const RETRY_AFTER: u32 = 1;

/// Bytes of the input that are done with; the body is complete.
type Taken = (usize, bool);

impl Pending {
    /// Takes what there is of the body: all of `bytes`, unless it ends before. What many small chunks carry is put together
    /// first, so that they do not cost a write each.
    ///
    /// # Errors
    /// The framing is refused, or (inside) the body can not be kept.
    pub fn take(&mut self, bytes: &[u8], hub: &mut Hub) -> Result<io::Result<Taken>, Reject> {
        let (mut consumed, mut done) = (0, self.intake.is_none());
        let joined = &mut hub.desk.request;
        joined.clear();
        while let Some(intake) = self.intake.as_mut().filter(|_| !done) {
            let rest = bytes.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let step = intake.step(rest)?;
            if self.spool.is_some() {
                joined.extend_from_slice(rest.get(step.data.clone()).unwrap_or_default());
            }
            consumed += step.consumed;
            done = step.done;
        }
        let files = &hub.shared.memory.files;
        match &mut self.spool {
            None => Ok(Ok((consumed, done))),
            Some(spool) => Ok(spool
                .append(joined, || files.take(&self.temp.dir, &self.temp.levels))
                .map(|()| (consumed, done))),
        }
    }
}

impl Conn {
    /// A head is complete and sound. `following` is the number of bytes that came behind it.
    pub(super) fn on_request(&mut self, request: Box<Request>, following: usize, hub: &mut Hub) {
        self.requests = self.requests.saturating_add(1);
        self.strays = 0;
        hub.shared.stats.request();
        self.identify(&request, hub);
        let config = hub.shared.config;
        let listen = self.listen(config);
        let client = self.info.client();
        let Some(course) = Course::begin(config, listen, &request, client) else {
            return self.refuse(500, "no server for the listen address", hub);
        };
        if request.dropped_fields() > 0 {
            let count = request.dropped_fields();
            log::info!("{}: {count} fields with odd names dropped", self.name());
        }
        self.follow(request, course, Reason::default(), following, hub);
    }

    /// Follows the course of a request of which nothing but the head has been taken.
    pub(super) fn follow(
        &mut self,
        mut request: Box<Request>,
        mut course: Course,
        reason: Reason,
        following: usize,
        hub: &mut Hub,
    ) {
        let bodyless = matches!(BodyIntake::new(request.framing(), 0), Ok(None));
        self.set_client(&course);
        let keep_alive = bodyless && self.may_keep(&request, hub);
        let settled = self.answer_of(&mut request, &mut course, reason, keep_alive, hub);
        self.set_client(&course);
        match settled {
            Settled::Scgi(scgi) => self.take_in(request, course, scgi, following, hub),
            #[cfg(feature = "auth")]
            Settled::Auth(auth) => {
                self.check_password(auth, Held::Head(request, course), following, hub);
            }
            Settled::Reply(reply) => self.send_reply(&reply, request, course, hub),
            Settled::Silence => self.close_silently(request, course, hub),
            Settled::Status { writable } => self.take_inquiry(request, course, writable, hub),
        }
    }

    pub(super) fn answer_of(
        &self,
        request: &mut Request,
        course: &mut Course,
        reason: Reason,
        keep_alive: bool,
        hub: &mut Hub,
    ) -> Settled {
        // The usual case needs nothing of what follows.
        match course.action {
            Action::Scgi(scgi) => return Settled::Scgi(scgi),
            #[cfg(feature = "auth")]
            Action::Auth(auth) => return Settled::Auth(auth),
            _ => {}
        }
        let date = hub.desk.date(hub.wall);
        let around = self.around(date.as_str(), keep_alive, hub);
        around.settle(request, course, reason)
    }

    /// Settings about the client are those of the location that the request is in.
    pub(super) fn set_client(&mut self, course: &Course) {
        self.client = course
            .location
            .map_or(&course.server.client, |location| &location.client);
    }

    /// Refuses a request whose body will not be read any more: the connection ends after the answer. An error page may come
    /// from an application, but without the body.
    pub(super) fn refuse_request(
        &mut self,
        status: u16,
        reason: Reason,
        mut request: Box<Request>,
        mut course: Course,
        hub: &mut Hub,
    ) {
        let named = course.error_page(status).is_some_and(|p| p.keeps_body());
        course.in_error |= named;
        course.action = Action::Refuse(status);
        let settled = self.answer_of(&mut request, &mut course, reason, false, hub);
        self.set_client(&course);
        match settled {
            Settled::Reply(reply) => self.send_reply(&reply, request, course, hub),
            // There is no time for that now: no error page.
            #[cfg(feature = "auth")]
            Settled::Auth(_) => {
                self.refuse_simply(status, Reason::default(), false, request, course, hub);
            }
            Settled::Scgi(_) => {
                let pending = Pending {
                    request,
                    course,
                    streams: false,
                    intake: None,
                    spool: None,
                    temp: &self.client.temp,
                    caching: Caching::Unasked,
                    waited: None,
                };
                self.submit(pending, false, hub);
            }
            Settled::Silence | Settled::Status { .. } => self.close_silently(request, course, hub),
        }
    }

    /// Answers 503 to a request that was taken in, while there is no worker, or no memory, for it. An error page can not come
    /// from an application now.
    fn turn_away(
        &mut self,
        cause: &'static str,
        keep_alive: bool,
        mut request: Box<Request>,
        mut course: Course,
        hub: &mut Hub,
    ) {
        let reason = || Reason {
            retry_after: Some(RETRY_AFTER),
            cause: Some(cause),
            field: None,
        };
        course.action = Action::Refuse(503);
        match self.answer_of(&mut request, &mut course, reason(), keep_alive, hub) {
            Settled::Reply(reply) => self.send_reply(&reply, request, course, hub),
            _ => self.refuse_simply(503, reason(), keep_alive, request, course, hub),
        }
    }

    /// Refuses without an error page: the one that is asked for can not be had now.
    fn refuse_simply(
        &mut self,
        status: u16,
        reason: Reason,
        keep_alive: bool,
        mut request: Box<Request>,
        mut course: Course,
        hub: &mut Hub,
    ) {
        course.in_error = true;
        course.action = Action::Refuse(status);
        match self.answer_of(&mut request, &mut course, reason, keep_alive, hub) {
            Settled::Reply(reply) => self.send_reply(&reply, request, course, hub),
            _ => self.close_silently(request, course, hub),
        }
    }

    /// Whether the connection may be kept after this request.
    pub(super) fn may_keep(&self, request: &Request, hub: &Hub) -> bool {
        request.keep_alive()
            && !hub.stopping
            && hub.only.is_none()
            && !self.client.keepalive_timeout.is_zero()
            && self.requests < self.client.keepalive_requests
    }

    /// A request for an application: its body first, unless that goes on as it comes.
    fn take_in(
        &mut self,
        request: Box<Request>,
        course: Course,
        scgi: &'static Scgi,
        following: usize,
        hub: &mut Hub,
    ) {
        let intake = match BodyIntake::new(request.framing(), self.client.max_body_size) {
            Ok(intake) => intake,
            Err(reject) => {
                log::info!("{}: {}", self.name(), reject.why);
                return self.refuse_request(reject.status, Reason::default(), request, course, hub);
            }
        };
        if intake.is_some() && following == 0 && request.expects_continue() {
            // Should the socket be full, it waits in the chain before the response.
            self.sink.respond(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let wanted = scgi.pass_request_body && !request.is_bodyless();
        // What the cache may answer is taken in first: it need not go to an application at all.
        let cached = |book: Book<'_>| {
            let around = self.around("", false, hub);
            book.part(&request) == Part::Takes || around.says(&book.cache.purge, &request, &course)
        };
        let streams = !scgi.request_buffering && wanted && !Book::of(scgi).is_some_and(cached);
        // What has come of a body that goes on as it comes is no more than one read.
        let in_memory = if streams {
            usize::MAX
        } else {
            self.client.body_buffer_size
        };
        let spool = (intake.is_some() && wanted).then(|| Spool::new(hub.shared.memory, in_memory));
        let pending = Box::new(Pending {
            request,
            course,
            streams,
            intake,
            spool,
            temp: &self.client.temp,
            caching: Caching::Unasked,
            waited: None,
        });
        match pending.intake.as_ref().map(BodyIntake::left) {
            None => self.hand_over(pending, hub),
            // What came with the head is taken by `process` first; then it may turn out to be all.
            Some(Some(_)) if streams && following == 0 => {
                self.hand_over(pending, hub);
            }
            Some(_) => {
                self.phase = Phase::Body(pending);
                self.wake_in(self.client.body_timeout, hub);
            }
        }
    }

    /// A step over the body has been made. Says how many bytes it used; `None` when the rest is worthless.
    pub(super) fn after_body_step(
        &mut self,
        taken: Result<io::Result<Taken>, Reject>,
        hub: &mut Hub,
    ) -> Option<usize> {
        match taken {
            Ok(Ok((consumed, done))) => {
                self.wake_in(self.client.body_timeout, hub);
                self.after_body_bytes(done, hub);
                Some(consumed)
            }
            Ok(Err(error)) => {
                log::error!(
                    "{}: can not keep the request body below {}: {error}",
                    self.name(),
                    self.client.temp.dir.display()
                );
                self.refuse_pending(500, Some("SPOOL"), hub);
                None
            }
            Err(reject) => {
                log::info!("{}: {}", self.name(), reject.why);
                self.refuse_pending(reject.status, None, hub);
                None
            }
        }
    }

    /// The body is complete, or is to go on as it comes from here.
    fn after_body_bytes(&mut self, done: bool, hub: &mut Hub) {
        let Phase::Body(pending) = &self.phase else {
            return;
        };
        let streams = pending.streams
            && pending.spool.is_some()
            && pending.intake.as_ref().is_some_and(|i| i.left().is_some());
        if !done && !streams {
            return;
        }
        if let Phase::Body(mut pending) = std::mem::replace(&mut self.phase, Phase::Idle) {
            if done {
                pending.intake = None;
            }
            self.hand_over(pending, hub);
        }
    }

    /// Answers a request from the cache, or hands it to the workers, unless buffers are at their ceiling.
    pub(super) fn hand_over(&mut self, pending: Box<Pending>, hub: &mut Hub) {
        let Some(pending) = self.ask_cache(pending, hub) else {
            return;
        };
        if hub.shared.memory.is_full() {
            self.phase = Phase::Wait(Box::new((pending, hub.now + MEMORY_WAIT)));
            self.wake_in(MEMORY_LOOK, hub);
            return;
        }
        let keep_alive = self.may_keep(&pending.request, hub);
        self.submit(*pending, keep_alive, hub);
    }

    /// A request has waited for buffers: hand it over, wait on, or give up.
    pub(super) fn wait_over(&mut self, hub: &mut Hub) {
        let Phase::Wait(waiting) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return;
        };
        let (pending, until) = *waiting;
        if !hub.shared.memory.is_full() {
            let keep_alive = self.may_keep(&pending.request, hub);
            return self.submit(*pending, keep_alive, hub);
        }
        if hub.now < until {
            self.phase = Phase::Wait(Box::new((pending, until)));
            return self.wake_in(MEMORY_LOOK, hub);
        }
        log::error!(
            "{}: buffers are at the ceiling of --memory: 503",
            self.name()
        );
        let keep_alive = pending.intake.is_none() && self.may_keep(&pending.request, hub);
        let Pending {
            request, course, ..
        } = *pending;
        self.turn_away("MEMORY", keep_alive, request, course, hub);
    }

    fn submit(&mut self, pending: Pending, keep_alive: bool, hub: &mut Hub) {
        let Action::Scgi(scgi) = pending.course.action else {
            return self.take_order(pending, hub);
        };
        let body = body_of(pending.intake, pending.spool);
        self.owed = match body {
            Body::Stream { rest, .. } => rest.try_into().unwrap_or(u32::MAX),
            _ => 0,
        };
        let streams = self.owed > 0;
        if let Body::Held(chain) = &body
            && chain.in_file() > 0
        {
            hub.shared.stats.spilled(chain.in_file());
        }
        hub.exchanges += 1;
        let protected = scgi.ignore_client_abort;
        let exchange = Box::new(Exchange {
            number: hub.exchanges,
            sink: Arc::clone(&self.sink),
            conn: Arc::clone(&self.info),
            request: *pending.request,
            course: pending.course,
            body,
            temp: pending.temp,
            requests: self.requests,
            started: self.started,
            queued: hub.now,
            keep_alive,
            finished: false,
            caching: pending.caching,
            detached: false,
        });
        self.half_closed = self.read_closed;
        self.sink
            .begin(Turn::Worker, protected, streams, hub.stopping);
        let Err(back) = hub.pool.submit(exchange, hub.now) else {
            return self.busy(protected, hub);
        };
        log::error!(
            "{}: the queue is full (--queue, --workers): 503",
            self.name()
        );
        let keep_alive = keep_alive && !streams;
        self.turn_away(
            "QUEUE",
            keep_alive,
            Box::new(back.request),
            back.course,
            hub,
        );
    }

    /// Takes a request back that still waits for a worker: its client has left, and others want its place.
    pub(super) fn withdraw(&mut self, hub: &mut Hub) -> bool {
        let sink = Arc::clone(&self.sink);
        let Some(back) = hub.pool.withdraw(|job| Arc::ptr_eq(&job.sink, &sink)) else {
            return false;
        };
        log::info!(
            "{}: the client closed the connection while its request waited",
            self.name()
        );
        hub.shared.stats.unanswered();
        if !hub.shared.logs.is_empty() {
            let about = Some((Box::new(back.request), back.course));
            self.record(about, 499, &[], hub).write(crate::sink::Ended {
                sent: 0,
                complete: false,
            });
        }
        true
    }

    /// From now on the sink says how things stand; look at it no later than anything could be overdue.
    pub(super) fn busy(&mut self, protected: bool, hub: &mut Hub) {
        let keep = Some(self.client.keepalive_timeout).filter(|t| !t.is_zero());
        let look = self.client.send_timeout.min(keep.unwrap_or(Duration::MAX));
        self.phase = Phase::Busy { protected, look };
        self.wake_in(look, hub);
    }
}

/// The body as the worker gets it: taken in, or still to be read from the client.
fn body_of(intake: Option<BodyIntake>, spool: Option<Spool>) -> Body {
    let rest = intake.and_then(|intake| intake.left()).unwrap_or(0);
    match (spool, rest) {
        (None, _) => Body::None,
        (Some(spool), 0) => Body::Held(spool.into_chain()),
        (Some(spool), rest) => {
            let prefix = spool.into_chain();
            let total = prefix.len() + rest;
            Body::Stream {
                prefix,
                rest,
                total,
            }
        }
    }
}
