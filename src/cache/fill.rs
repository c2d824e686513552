//! stub
use super::{
    Body, Entry, Meta, Variant,
    zone::{Ticket, Zone},
};
use crate::scgi::response::{self, Parsed};
use std::sync::Arc;
use std::time::Instant;
pub struct Draft {
    pub key: Box<[u8]>,
    pub meta: Meta,
    pub variant: Variant,
    pub stamp: u64,
    pub head: Vec<u8>,
}
pub struct Fill {
    d: Draft,
    zone: &'static Zone,
    hash: [u8; 16],
    version: u32,
    body: Vec<u8>,
}
impl Fill {
    pub fn begin(t: &Ticket, d: Draft, _l: Option<u64>) -> Fill {
        Fill {
            d,
            zone: t.zone(),
            hash: t.hash,
            version: t.version,
            body: Vec::new(),
        }
    }
    pub fn write(&mut self, b: &[u8]) -> std::io::Result<()> {
        self.body.extend_from_slice(b);
        Ok(())
    }
    pub fn commit(self, now: Instant) -> std::io::Result<bool> {
        let Ok(Parsed::Done(head, _)) = response::parse(&self.d.head, &mut 0) else {
            return Ok(false);
        };
        let t = self.zone.ticket(&self.hash, self.version);
        let e = Entry {
            key: self.d.key,
            meta: self.d.meta,
            variant: self.d.variant,
            stamp: self.d.stamp,
            head,
            len: self.body.len() as u64,
            body: Body::Memory(self.body.into()),
        };
        Ok(self.zone.hold_new(&t, &Arc::new(e), now))
    }
}
