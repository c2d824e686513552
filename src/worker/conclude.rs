//! What becomes of a response that no other server is asked instead of: it is delivered, or something else answers.

use std::cell::Cell;
use std::time::Instant;

use super::Desk;
use super::attempt::Heard;
use super::deliver::{Delivered, Delivery, Keeping, Storing, deliver};
use super::script::{Passed, Script};
use super::tries::{Plan, told};
use crate::cache::zone::Verdict;
use crate::config::Scgi;
use crate::config::address::Address;
use crate::config::content;
use crate::config::group::Sticky;
use crate::error::Fault;
use crate::respond::cache_status::{Forwarded, push_forwarded};
use crate::respond::cookie;
use crate::respond::course::Target;
use crate::respond::files::{self, Found, Place};
use crate::respond::head::{self, Ask, Extras, translate};
use crate::respond::local::{added_lines, quantity};
use crate::respond::outcome::{Outcome, carry, decide};
use crate::respond::ranges;
use crate::respond::store::Store;
use crate::respond::window::{Ours, Windowed, window};
use crate::scgi::response::{Head, Length};
use crate::sink::{Ending, Overflow, Then};
use crate::units;
use crate::upstream::groups::Picked;

impl Script<'_> {
    /// Does with a response what it, the settings and the course ask for.
    pub(super) fn conclude(
        &mut self,
        heard: Heard,
        plan: &Plan,
        server: Picked,
        desk: &mut Desk,
    ) -> Result<Passed, Fault> {
        let scgi = plan.scgi;
        if let Some(passed) = self.instead_of(&heard, scgi, desk) {
            if self.shared.keeps_tries {
                self.head = Some(heard.head.clone());
            }
            heard.done(&server);
            return Ok(passed);
        }
        let outcome = decide(&heard.head, scgi, &self.exchange.course);
        if !matches!(outcome, Outcome::Deliver) {
            let carried = &mut self.exchange.course.carried;
            carry(&heard.head, scgi, &outcome, carried);
        }
        self.add_sticky(&server);
        let windowed = match outcome {
            // An error page is sent as a whole.
            // Nor is a refresh for whose conditions it was begun with.
            Outcome::Deliver
                if self.exchange.course.status.is_none_or(|s| s == 200)
                    && !self.exchange.detached =>
            {
                window(&self.exchange.request, &heard.head, self.ours(scgi))
            }
            _ => Windowed::No,
        };
        let mut done = Passed::Elsewhere;
        let refused = matches!(windowed, Windowed::Unsatisfiable(_) | Windowed::Failed);
        let delivers = matches!(outcome, Outcome::Deliver) && !refused;
        if refused {
            // It is this client that does not get it. What others want may well be stored.
            self.end_asking(Verdict::Abandoned);
        }
        if self.shared.keeps_tries && !delivers {
            self.head = Some(heard.head.clone());
        }
        match outcome {
            Outcome::Deliver => match windowed {
                Windowed::Unsatisfiable(size) => self.refuse_range(size),
                Windowed::Failed => self.refuse(412),
                windowed => {
                    let then = self.deliver(heard, plan, server, windowed, desk)?;
                    return Ok(Passed::Done(then));
                }
            },
            Outcome::ErrorPage => {
                self.remember_page(&heard.head, scgi);
                self.refuse(heard.head.status());
            }
            Outcome::Accel(target) => self.redirect(Target::of(target), &server),
            Outcome::Local(target) => self.redirect(Target::Uri(target), &server),
            Outcome::File(path) => {
                let status = heard.head.status();
                match self.send_file(path, status, scgi, &server, desk) {
                    Some(then) => done = Passed::Done(then),
                    None => self.exchange.course.carried.keep_cookies(),
                }
            }
        }
        heard.done(&server);
        Ok(done)
    }

    /// What the client may want less of than the application gives.
    fn ours(&self, scgi: &Scgi) -> Ours {
        match &self.asking {
            Some(asking) if asking.is_candidate() => Ours::All,
            _ if scgi.force_ranges => Ours::Ranges,
            _ => Ours::Nothing,
        }
    }

    /// Sends the course elsewhere. The rest of the application's body is not read: its connection is closed (S17).
    fn redirect(&mut self, target: Target<'_>, server: &Picked) {
        let exchange = &mut *self.exchange;
        let client = exchange.conn.client();
        let again =
            matches!(target, Target::Named(_)) && self.body_gone && !exchange.request.is_bodyless();
        let result = if again {
            Err((
                500,
                "the body was sent as it came, and can not be sent again",
            ))
        } else {
            exchange
                .course
                .redirect(target, &mut exchange.request, client)
        };
        if let Err((status, why)) = result {
            let text = match target {
                Target::Uri(text) | Target::Named(text) => text.escape_ascii(),
            };
            let prefix = self.prefix(Some(server.address()));
            log::error!("{prefix}: redirect to \"{text}\": {why}");
            self.refuse(status);
        }
    }

    fn refuse_range(&mut self, size: u64) {
        self.refuse(416);
        self.refusal = Some(("Content-Range", ranges::content_range(None, size)));
    }

    /// Serves the file that X-Sendfile names, in place of the response. `None`: the course goes on with an error.
    fn send_file(
        &mut self,
        path: &[u8],
        status: u16,
        scgi: &Scgi,
        server: &Picked,
        desk: &mut Desk,
    ) -> Option<Then> {
        let roots = scgi.sendfile.as_ref().map_or(&[][..], |s| &s.roots);
        let prefix = self.prefix(Some(server.address()));
        let shown = path.escape_ascii();
        let Some(place) = files::below(roots, path) else {
            log::error!("{prefix}: X-Sendfile \"{shown}\": not below a --sendfile-root");
            self.refuse(502);
            return None;
        };
        let file = match files::find(&place) {
            Found::File(file) => file,
            Found::Directory => {
                log::error!("{prefix}: X-Sendfile \"{shown}\": a directory");
                self.refuse(403);
                return None;
            }
            Found::Status(status, why) => {
                log::error!("{prefix}: X-Sendfile \"{shown}\": {why}");
                self.refuse(status);
                return None;
            }
        };
        // Parts of the file are ours to serve, or not.
        let status = if status == 206 { 200 } else { status };
        let status = self.exchange.course.status.or(Some(status));
        let date = desk.date(self.wall);
        let result = self.around(&date, |around, request, course| {
            around.file_reply(file, status, request, course)
        });
        match result {
            Ok(reply) => Some(self.reply(&reply)),
            Err((status, reason)) => {
                self.refuse(status);
                self.refusal = reason.field;
                None
            }
        }
    }

    /// The cookie that binds the client to the server it was served by (N51).
    fn add_sticky(&mut self, server: &Picked) {
        let Some(Sticky::Cookie(cookie)) = self.group.and_then(|group| group.sticky.as_ref())
        else {
            return;
        };
        let value = cookie::sticky(cookie, server.id(), self.wall);
        let carried = &mut self.exchange.course.carried;
        // One for each name: the server that answers in the end is the client's.
        let before = [b"Set-Cookie: ", cookie.name.as_bytes(), b"="].concat();
        carried.retain(|line| !line.starts_with(&before));
        carried.push(b"Set-Cookie", &value);
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

    fn deliver(
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
        let client = self.exchange.client();
        let (in_memory, in_file) = if store.is_some() {
            // What is stored does not wait for one of those who want it.
            (scgi.busy_buffers_size, u64::MAX)
        } else if shape.buffering {
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
        let unix = matches!(server.address(), Address::Unix(_));
        let body = !self.exchange.request.is_bodyless() && self.exchange.body.len() > 0;
        let reset_is_end = heard.sent.cut || (unix && shape.length == Length::UntilClose && body);
        let then = if shape.keep_alive {
            Then::Keep
        } else {
            Then::Close
        };
        let template = scgi.limit_rate.as_ref();
        let rate = match template {
            None => 0,
            Some(_) => self.with_facts(0, |facts| {
                quantity(template, "--limit-rate", facts, units::rate)
            }),
        };
        // The server is free again before the client can have its next request here.
        let released = Cell::new(false);
        let this = &*self;
        let (begin, sent, status, counted) = (
            heard.begin,
            heard.sent_bytes,
            heard.head.status(),
            heard.counted,
        );
        let release = |delivered: &Delivered| {
            if !released.replace(true) {
                let now = Instant::now();
                if !counted {
                    server.succeeded(now);
                }
                server.account(status, sent, delivered.received, now - begin);
                server.release();
            }
        };
        let ending = |delivered: &Delivered| {
            release(delivered);
            Ending {
                then,
                status: this.status,
                after: this.after(|tries| {
                    if let Some(attempt) = tries.last_mut() {
                        attempt.response_time = Some(begin.elapsed());
                        attempt.response_length = delivered.body;
                        attempt.bytes_received = delivered.received;
                    }
                }),
            }
        };
        let sink = std::sync::Arc::clone(&self.exchange.sink);
        let mut job = Delivery {
            sink: &sink,
            plan: &shape,
            overflow: &mut overflow,
            head: &mut desk.head,
            rate,
            unit: scgi.buffer_size,
            protected: self.protected,
            ending: &ending,
            reset_is_end,
            severed: &|| heard.line.is_severed(),
            store,
        };
        let (delivered, result) = deliver(&mut job, &heard.line.connection, &mut heard.incoming);
        desk.large = heard.incoming.is_large();
        self.exchange.finished = delivered.finished;
        let spilled = overflow.spilled();
        self.after_delivery(&delivered, &shape, server.address(), (begin, spilled));
        let Err(fault) = result else {
            // A client that has left is told of no end.
            release(&delivered);
            return Ok(then);
        };
        let fault = if released.get() {
            self.settle_fault(fault)
        } else {
            let fault = self.fault_of(fault, &heard.line);
            match fault {
                _ if counted => {}
                // Its head was good, and so was the body as far as anybody wanted it.
                Fault::Client(_) => server.succeeded(Instant::now()),
                _ if fault.is_server_fault() => {
                    server.failed(&told(&fault, &server), Instant::now());
                }
                _ => {}
            }
            server.account(status, sent, delivered.received, begin.elapsed());
            fault
        };
        // N6: nobody else is asked once there is a head.
        let next = if self.begun {
            "; the client's response ends there"
        } else {
            ""
        };
        self.blame(&fault, Some(server.address()), next);
        Err(fault)
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
}
