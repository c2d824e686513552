//! What becomes of a response that no other server is asked instead of: it is delivered, or something else answers.

use super::Desk;
use super::attempt::Heard;
use super::script::{Passed, Script};
use super::tries::Plan;
use crate::cache::zone::Verdict;
use crate::config::Scgi;
use crate::config::group::Sticky;
use crate::error::Fault;
use crate::respond::cookie;
use crate::respond::course::Target;
use crate::respond::files::{self, Found};
use crate::respond::outcome::{Outcome, carry, decide};
use crate::respond::ranges;
use crate::respond::window::{Ours, Windowed, window};
use crate::scgi::response::Head;
use crate::sink::Then;
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
        let windowed = self.windowed(&outcome, &heard.head, scgi);
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

    /// What of the response the client gets. An error page is sent as a whole, and so is a refresh taken in: the conditions of the
    /// request that it was begun with are not its own.
    fn windowed(&self, outcome: &Outcome<'_>, head: &Head, scgi: &Scgi) -> Windowed {
        let course = &self.exchange.course;
        let whole = course.status.is_some_and(|status| status != 200) || self.exchange.detached;
        match outcome {
            Outcome::Deliver if !whole => window(&self.exchange.request, head, self.ours(scgi)),
            _ => Windowed::No,
        }
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
}
