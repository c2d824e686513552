//! Errors that are remembered in place of a response (C36).

use std::time::{Duration, Instant};

use super::script::Script;
use crate::cache::rules::Book;
use crate::cache::zone::Verdict;
use crate::config::Scgi;
use crate::respond::caching::says;
use crate::scgi::response::Head;

impl Script<'_> {
    /// Remembers an error of the application that has a page of ours, for as long as its response would be kept (C36). One that
    /// is not the same for all is not remembered: there are no variants of errors.
    pub(super) fn remember_page(&mut self, head: &Head, scgi: &'static Scgi) {
        let times = self.times();
        let request = &self.exchange.request;
        let storable = Book::of(scgi).map(|book| book.store(request, head, times));
        match storable {
            Some(Ok(storable)) if storable.vary_names.is_empty() => {
                let end = storable.meta.fresh_until;
                let time = Duration::from_secs(end.saturating_sub(times.received));
                self.remember(head.status(), time, scgi);
            }
            _ => self.end_asking(Verdict::Unstorable),
        }
    }

    /// Remembers an error of the gateway for a time; where it does, whoever waits finds it.
    pub(super) fn remember(&mut self, status: u16, time: Duration, scgi: &'static Scgi) {
        let Some(asking) = &self.asking else { return };
        if let Some(ticket) = asking.place_asked()
            && !time.is_zero()
            && !self.says_no_cache(scgi)
        {
            asking.zone.remember(ticket, status, time, Instant::now());
            self.end_asking(Verdict::Abandoned);
        }
    }

    pub(super) fn says_no_cache(&self, scgi: &Scgi) -> bool {
        let templates = scgi.cache.as_ref().map_or(&[][..], |c| &c.no_cache);
        !templates.is_empty() && self.with_facts(0, |facts| says(templates, facts))
    }
}
