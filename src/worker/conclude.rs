//! What becomes of a response that no other server is asked instead of: it is delivered, or something else answers.

use std::time::Instant;

use super::Desk;
use super::attempt::Heard;
use super::deliver::{Delivered, Delivery, deliver};
use super::report;
use super::script::{Passed, Script};
use super::tries::Plan;
use crate::config::Scgi;
use crate::config::address::Address;
use crate::config::content::Store as StorePlace;
use crate::config::group::Sticky;
use crate::error::Fault;
use crate::ops::calendar::Civil;
use crate::respond::course::Target;
use crate::respond::head::{self, Ask, Extras, translate};
use crate::respond::local::added_lines;
use crate::respond::outcome::{Outcome, carry, decide};
use crate::respond::store::Store;
use crate::respond::{files, window};
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
        server: &Picked,
        desk: &mut Desk,
    ) -> Result<Passed, Fault> {
        let scgi = plan.scgi;
        let outcome = decide(&heard.head, scgi, &self.exchange.course);
        if matches!(outcome, Outcome::Deliver) {
            return self.deliver(heard, plan, server, desk).map(Passed::Done);
        }
        if let Some(attempt) = self.tries.last_mut() {
            attempt.response_length = 0;
        }
        carry(&heard.head, scgi, &outcome, &mut self.exchange.course.carried);
        self.add_sticky(server);
        match outcome {
            Outcome::Deliver => {}
            Outcome::ErrorPage(_) => self.refuse(heard.head.status()),
            Outcome::Accel(target) => self.redirect(Target::of(target), server),
            Outcome::Local(target) => self.redirect(Target::Uri(target), server),
            Outcome::File(path) => self.send_file(path, heard.head.status(), scgi, server),
        }
        if !heard.counted {
            server.succeeded(Instant::now());
        }
        self.account(&heard, server);
        if self.shared.keeps_tries {
            self.head = Some(heard.head);
        }
        Ok(Passed::Elsewhere)
    }

    /// Sends the course elsewhere. The rest of the application's body is not read: its connection is closed (S17).
    fn redirect(&mut self, target: Target<'_>, server: &Picked) {
        let exchange = &mut *self.exchange;
        let client = exchange.conn.remote.map(|remote| remote.ip());
        let again = matches!(target, Target::Named(_)) && self.body_gone;
        let result = if again {
            Err((500, "the body was sent as it came, and can not be sent again"))
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
}
