//! stub
use super::{Meta, Variant, zone::Ticket};
use std::time::Instant;
pub struct Draft {
    pub key: Box<[u8]>,
    pub meta: Meta,
    pub variant: Variant,
    pub stamp: u64,
    pub head: Vec<u8>,
}
pub struct Fill;
impl Fill {
    pub fn begin(_t: &Ticket, _d: Draft, _l: Option<u64>) -> Fill {
        Fill
    }
    pub fn write(&mut self, _b: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
    pub fn commit(self, _now: Instant) -> std::io::Result<bool> {
        Ok(false)
    }
}
