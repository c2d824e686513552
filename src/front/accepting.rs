//! Accepting: while there is room, and while there is none.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Token};

use super::conn::Conn;
use super::event_loop::{Front, Slot};
use super::listener::{Accepted, Rest};
use crate::config::Client;
use crate::ops::vars::ConnInfo;
use crate::sink::{Key, Sink};
use crate::sys;

/// How long accepting rests when descriptors are short, or places for connections: one that has nothing to do any more may
/// have told nobody so.
const ACCEPT_REST: Duration = Duration::from_millis(200);
/// Connections accepted from one listener before others get their turn.
const ACCEPT_SHARE: usize = 64;

impl Front {
    pub(super) fn accept_all(&mut self) {
        for index in 0..self.listeners.len() {
            self.accept_some(index);
        }
    }

    /// Accepts from one listener until none is waiting, its share is used up, or there is no room.
    fn accept_some(&mut self, index: usize) {
        for _ in 0..ACCEPT_SHARE {
            let now = self.hub.now;
            let full = self.connections() >= self.hub.shared.config.process.connections;
            let Some(listener) = self.listeners.get_mut(index) else {
                return;
            };
            if !listener.may_accept(now) {
                return;
            }
            let listen = listener.listen;
            if full {
                // Nobody is closed to make room for nobody.
                if !listener.is_somebody_there() {
                    return;
                }
                if !self.make_room() {
                    return self.rest(index, Rest::Place);
                }
            }
            let Some(listener) = self.listeners.get_mut(index) else {
                return;
            };
            match listener.accept() {
                Ok(accepted) => {
                    if let Err(error) = self.admit(accepted, listen) {
                        log::error!("can not register a connection: {error}");
                    }
                }
                Err(e) => match e.kind() {
                    io::ErrorKind::WouldBlock => {
                        listener.ready = false;
                        return;
                    }
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    // The system takes the descriptor before it looks for a connection.
                    _ if sys::out_of_descriptors(&e) && !listener.is_somebody_there() => return,
                    _ if sys::out_of_descriptors(&e) => {
                        log::error!("accept: {e}; waiting for a descriptor");
                        self.make_room();
                        return self.rest(index, Rest::Time);
                    }
                    // It is gone, others wait.
                    _ if sys::is_connections_own(&e) => log::info!("accept: {e}"),
                    _ => {
                        log::error!("accept: {e}");
                        return self.rest(index, Rest::Time);
                    }
                },
            }
        }
    }

    fn rest(&mut self, index: usize, what: Rest) {
        if let Some(listener) = self.listeners.get_mut(index) {
            listener.rests_until = Some((self.hub.now + ACCEPT_REST, what));
        }
    }

    /// Closes the kept connection that would be closed soonest anyway.
    fn make_room(&mut self) -> bool {
        let spare = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, place)| Some((place.conn.as_ref()?.spare_until()?, slot)));
        match spare.min() {
            Some((_, slot)) => {
                self.close(slot);
                true
            }
            None => false,
        }
    }

    pub(super) fn admit(&mut self, accepted: Accepted, listen: usize) -> io::Result<()> {
        self.serial = self.serial.wrapping_add(1);
        self.accepted += 1;
        self.hub.shared.stats.connection();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                serial: 0,
                conn: None,
            });
            self.slots.len() - 1
        });
        let key = Key {
            slot,
            serial: self.serial,
        };
        let fd = accepted.socket.as_fd().as_raw_fd();
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = Token(self.first_conn + slot);
        if let Err(error) = self
            .poll
            .registry()
            .register(&mut SourceFd(&fd), token, interest)
        {
            self.freed.push(slot);
            return Err(error);
        }
        let notes = Arc::clone(&self.notes);
        let sink = Arc::new(Sink::new(
            accepted.socket,
            key,
            notes,
            self.hub.shared.memory,
            &self.hub.shared.stats,
        ));
        let info = ConnInfo {
            id: self.accepted,
            remote: accepted.remote,
            proxy: None,
            local: accepted.local,
        };
        let client = self.client_of(listen);
        let conn = Conn::new(sink, key, info, listen, client, &mut self.hub);
        if let Some(place) = self.slots.get_mut(slot) {
            place.serial = key.serial;
            place.conn = Some(Box::new(conn));
        }
        Ok(())
    }

    /// The client settings that hold before a request has named a location.
    fn client_of(&self, listen: usize) -> &'static Client {
        let config = self.hub.shared.config;
        &config.servers[config.listens[listen].names.default].client
    }
}
