//! Requests whose name and password are being checked wait here, without a worker, and with their body unread.

use std::sync::Arc;
use std::time::Instant;

use super::caching::Awaiting;
use super::conn::{Conn, Pending, Phase};
use super::hub::Hub;
use crate::auth::verifier::PATIENCE;
use crate::auth::{Asked, Ticket, Verdict, Verifier};
use crate::config::access::AuthBasic;
use crate::http::request::Request;
use crate::respond::course::Course;
use crate::sink::{Key, Notes};

/// What waits.
pub enum Held {
    /// Of the request nothing but its head has been taken.
    Head(Box<Request>, Course),
    /// All of it.
    Whole(Box<Pending>),
}

/// A request whose name and password are being checked.
pub struct Checking {
    pub held: Held,
    auth: &'static AuthBasic,
    verifier: &'static Verifier,
    ticket: Ticket,
    /// It waits no longer.
    until: Instant,
}

impl Held {
    pub fn into_parts(self) -> (Box<Request>, Course) {
        match self {
            Held::Head(request, course) => (request, course),
            Held::Whole(pending) => (pending.request, pending.course),
        }
    }

    fn parts(&mut self) -> (&mut Request, &mut Course) {
        match self {
            Held::Head(request, course) => (request, course),
            Held::Whole(pending) => (&mut pending.request, &mut pending.course),
        }
    }
}

impl Checking {
    /// The client has left.
    pub fn stop(&self) {
        self.verifier.leave(self.ticket);
    }
}

impl Conn {
    /// Goes on where the client may come in, answers where it may not, or waits until that is known. `following`: as of
    /// [`Conn::on_request`].
    pub(super) fn check_password(
        &mut self,
        auth: &'static AuthBasic,
        mut held: Held,
        following: usize,
        hub: &mut Hub,
    ) {
        // A location asks for passwords, so there is one.
        let Some(verifier) = hub.shared.verifier else {
            let (request, course) = held.into_parts();
            return self.close_silently(request, course, hub);
        };
        let (request, _) = held.parts();
        let around = self.around("", false, hub);
        match around.ask_verifier(verifier, auth, request, Some(self.waiter())) {
            Asked::Known(verdict) => {
                self.checked((verifier, auth), verdict, held, following, hub);
            }
            Asked::Wait(ticket) => {
                self.phase = Phase::Await(Box::new(Awaiting::Check(Checking {
                    held,
                    auth,
                    verifier,
                    ticket,
                    until: hub.now + PATIENCE,
                })));
                self.wake_in(PATIENCE, hub);
            }
        }
    }

    /// The connection has been woken, by an answer or for something else, or the request has waited for long.
    pub(super) fn check_again(&mut self, checking: Checking, hub: &mut Hub) {
        let late = checking.until <= hub.now;
        let verdict = checking.verifier.take(checking.ticket);
        let verdict = verdict.or_else(|| {
            late.then(|| {
                checking.stop();
                Verdict::Busy
            })
        });
        let Some(verdict) = verdict else {
            self.phase = Phase::Await(Box::new(Awaiting::Check(checking)));
            return;
        };
        let whom = (checking.verifier, checking.auth);
        self.checked(whom, verdict, checking.held, self.buf.len(), hub);
    }

    fn checked(
        &mut self,
        (verifier, auth): (&'static Verifier, &'static AuthBasic),
        verdict: Verdict,
        mut held: Held,
        following: usize,
        hub: &mut Hub,
    ) {
        let (request, course) = held.parts();
        let around = self.around("", false, hub);
        let reason = around.admit(verifier, auth, verdict, request, course);
        match held {
            Held::Head(request, course) => self.follow(request, course, reason, following, hub),
            Held::Whole(pending) => self.answer(pending, reason, hub),
        }
    }
}

/// Lets requests that wait be woken by an answer.
pub(super) fn listen(verifier: Option<&Verifier>, notes: &Arc<Notes>) {
    if let Some(verifier) = verifier {
        let notes = Arc::clone(notes);
        verifier.set_wake(Box::new(move |waiter| {
            notes.leave(Key {
                slot: waiter.slot,
                serial: waiter.serial,
            });
        }));
    }
}
