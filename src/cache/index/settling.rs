//! What the end of a purge by wildcard means for the index.

use super::{BLOCK, Index, NONE};
use crate::cache::Entry;

impl Index {
    /// Lets go of what is held and gone, and lets nothing be stored that was asked for until now.
    pub fn settle(&mut self, is_gone: impl Fn(&Entry) -> bool) {
        for at in 0..u32::try_from(self.blocks.len() * BLOCK).unwrap_or(NONE) {
            let Some(node) = self.node_mut(at) else {
                return;
            };
            if node.pins > 0 {
                node.version = node.version.wrapping_add(1);
            }
            if node.held.as_ref().is_some_and(|entry| is_gone(entry)) {
                self.release(at);
            }
        }
    }
}
