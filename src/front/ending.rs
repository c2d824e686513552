//! Signals, how the program ends, and what the service manager hears of both.

use std::time::{Duration, Instant};

use super::conn::{Conn, Fate, Phase};
use super::event_loop::Front;
use super::hub::Only;
use crate::error::Gone;
use crate::sink::Turn;
use crate::sys::Signal;

/// After cancelling what outlives `--shutdown-timeout`, this long is left for it to end.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How the program is ending.
#[derive(Clone, Copy)]
pub(super) enum Stopping {
    No,
    /// Running requests may go on until then.
    Gently(Instant),
    /// They have been cancelled, and may only come to their end.
    Cancelled(Instant),
    Now,
}

impl Front {
    pub(super) fn on_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                // Who waits for the one request has given it up.
                Signal::Term | Signal::Quit if self.hub.only == Some(Only::Ours) => {
                    self.stopping = Stopping::Now;
                }
                Signal::Term | Signal::Quit => self.stop_gently(),
                Signal::Int => {
                    self.stopping = Stopping::Now;
                    self.say_stopping();
                }
                Signal::Usr1 => self.hub.shared.logs.reopen(),
                Signal::Hup => self.reload(),
            }
        }
    }

    /// HUP. Names are looked up in the background: that they were asked for is all there is to wait for.
    fn reload(&mut self) {
        if let Some(manager) = &mut self.manager {
            manager.reloading();
        }
        self.hub.shared.logs.reopen();
        self.hub.shared.upstreams.refresh();
        #[cfg(feature = "auth")]
        if let Some(verifier) = self.hub.shared.verifier {
            verifier.forget();
        }
        if let Some(manager) = &mut self.manager {
            manager.reloaded();
        }
    }

    /// The service manager is told that clients are served from now on.
    pub(super) fn say_ready(&mut self) {
        let status = self.status_line();
        if let Some(manager) = &mut self.manager {
            manager.ready(status, self.hub.now);
        }
    }

    fn say_stopping(&mut self) {
        let status = self.status_line();
        if let Some(manager) = &mut self.manager {
            manager.stopping(status, self.hub.now);
        }
    }

    /// Once in each turn: signs of life and the status, when they are due.
    pub(super) fn tell_manager(&mut self) {
        let (stopping, now) = (self.hub.stopping, self.hub.now);
        if !matches!(&self.manager, Some(manager) if manager.is_due(stopping, now)) {
            return;
        }
        let status = self.status_line();
        if let Some(manager) = &mut self.manager {
            manager.tell(status, now);
        }
    }

    /// What `systemctl status` shows.
    fn status_line(&self) -> String {
        let census = self.census();
        if self.hub.stopping {
            // A request that is whole or half here, and one whose response is on its way, is waited for.
            let left = census.reading_body + census.waiting + census.running + census.writing;
            return format!("stopping: {left} still running");
        }
        let clients = self.connections();
        format!("serving: {clients} clients, {} running", census.running)
    }

    /// Takes no new connections, closes idle ones, lets running requests end. A second time: ends at once.
    fn stop_gently(&mut self) {
        if self.hub.stopping {
            self.stopping = Stopping::Now;
            return;
        }
        log::info!("stopping: {} connections", self.connections());
        self.listeners.clear();
        self.hub.stopping = true;
        let limit = self.hub.shared.config.process.shutdown_timeout;
        self.stopping = Stopping::Gently(self.hub.now + limit);
        for slot in 0..self.slots.len() {
            self.with(slot, None, Conn::drive);
        }
        self.say_stopping();
    }

    pub(super) fn is_over(&mut self) -> bool {
        match self.stopping {
            Stopping::No => self.hub.only.is_some() && self.is_idle(),
            Stopping::Now => true,
            _ if self.connections() == 0 => true,
            Stopping::Gently(until) => {
                if self.hub.now >= until {
                    self.cancel_all();
                    self.stopping = Stopping::Cancelled(self.hub.now + LAST_CALL);
                }
                self.connections() == 0
            }
            Stopping::Cancelled(until) => self.hub.now >= until,
        }
    }

    fn cancel_all(&mut self) {
        log::warn!(
            "--shutdown-timeout is over: ending {} connections",
            self.connections()
        );
        for slot in 0..self.slots.len() {
            self.with(slot, None, |conn, _| {
                conn.sink.cancel(Gone::Stopping);
                match conn.phase {
                    Phase::Busy { .. } if conn.sink.look().turn == Turn::Worker => Fate::Stay,
                    _ => Fate::Close,
                }
            });
        }
    }
}
