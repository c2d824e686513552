//! What a check of a name and a password means for the request.

use super::course::{Action, Course};
use super::head::is_named;
use super::local::{Around, Reason};
use crate::auth::{Asked, Credentials, Verdict, Verifier, challenge};
use crate::cache::zone::Waiter;
use crate::config::access::AuthBasic;
use crate::http::request::Request;

/// The field that asks a client for a password.
const ASKS: &[u8] = b"WWW-Authenticate";
/// What a client is told to wait when too many checks wait, in seconds.
const RETRY_AFTER: u32 = 1;
/// For the operator.
const CAUSE: &str = "AUTH";

impl Around<'_> {
    /// Asks whether the client may come in. `key`: whom to wake when that is not known at once; see [`Verifier::ask`].
    pub fn ask_verifier(
        &self,
        verifier: &Verifier,
        auth: &AuthBasic,
        request: &Request,
        key: Option<Waiter>,
    ) -> Asked {
        match credentials(request) {
            Some(who) => {
                let from = self.conn.remote.map(|remote| remote.ip());
                verifier.ask(auth.file, who, from, key, self.now)
            }
            None => Asked::Known(Verdict::Wrong),
        }
    }

    /// Lets the course go on to who answers, or to the status that does instead.
    pub fn admit(
        &self,
        verifier: &Verifier,
        auth: &AuthBasic,
        verdict: Verdict,
        request: &Request,
        course: &mut Course,
    ) -> Reason {
        let mut reason = Reason::default();
        let (status, why) = match verdict {
            Verdict::Right => {
                course.let_in(auth);
                return reason;
            }
            Verdict::Wrong => (401, "wrong name or password"),
            Verdict::Broken => (500, "passwords can not be checked"),
            Verdict::Busy => (503, "too many passwords wait to be checked"),
        };
        // The page for our own 401 may ask again, and one guess is one line in the log.
        let told = course.original == Some(401) && is_asked(course);
        match verdict {
            Verdict::Wrong => self.challenge(auth, request, course),
            Verdict::Busy => {
                reason.cause = Some(CAUSE);
                reason.retry_after = Some(RETRY_AFTER);
            }
            Verdict::Broken => reason.cause = Some(CAUSE),
            Verdict::Right => {}
        }
        if !told {
            self.tell(verifier, auth, (status, why), request);
        }
        course.action = Action::Refuse(status);
        reason
    }

    /// Sends WWW-Authenticate along with whatever response of status 401 there will be. Where an error page of another status
    /// is being made, or the 401 is somebody else's, it is not ours to ask.
    fn challenge(&self, auth: &AuthBasic, request: &Request, course: &mut Course) {
        if course.original.is_some_and(|status| status != 401) || is_asked(course) {
            return;
        }
        let mut realm = Vec::new();
        auth.realm
            .render(&self.facts(request, course, 401), &mut realm);
        course.carried.push(ASKS, &challenge(&realm));
    }

    /// A browser's first request names nobody, which is no news.
    fn tell(
        &self,
        verifier: &Verifier,
        auth: &AuthBasic,
        (status, why): (u16, &str),
        request: &Request,
    ) {
        let Some(who) = credentials(request) else {
            return;
        };
        let level = match status {
            401 => log::Level::Info,
            _ => log::Level::Error,
        };
        let client = match self.conn.remote {
            Some(remote) => remote.to_string(),
            None => "unix:".to_owned(),
        };
        log::log!(
            level,
            "connection {}, client {client}: --auth-basic {}: user \"{}\": {why}: {status}",
            self.conn.id,
            verifier.path(auth.file),
            who.user.escape_ascii()
        );
    }
}

/// A repeated field has been refused with the head.
fn credentials(request: &Request) -> Option<Credentials> {
    Credentials::parse(request.field("authorization")?)
}

/// The response will ask for a password already.
fn is_asked(course: &Course) -> bool {
    let mut lines = course.carried.lines.split_inclusive(|&byte| byte == b'\n');
    lines.any(|line| is_named(line, ASKS))
}
