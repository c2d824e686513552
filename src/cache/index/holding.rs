//! Entries held in memory: those with their bodies and those that keep a file open, each in the order of use.

use std::sync::Arc;

use super::lists::{List, NEWER};
use super::{Index, Node, TRIES};
use crate::cache::key::Hash;
use crate::cache::{Body, Entry};

/// What an entry held in memory takes besides its key, head and body, in bytes.
const HELD_OVERHEAD: usize = 320;
/// What a field of its head takes besides its text, in bytes.
const FIELD: usize = 40;
/// Files that are kept open for entries held.
pub const OPEN_FILES: usize = 512;

impl Index {
    /// Holds an entry in memory, in place of the one held for its key before, if there is room for it or can be made. `dirty`: it
    /// is not on the disk. False: there is none; what was held before is not held any more.
    pub fn hold(&mut self, hash: &Hash, entry: &Arc<Entry>, dirty: bool) -> bool {
        let at = self.find(hash);
        if self.node(at).is_none() {
            return false;
        }
        self.release(at);
        let weight = weight(entry);
        if !self.make_room(weight) {
            return false;
        }
        let list = list(entry);
        let keeps_file = matches!(list, List::Files);
        if keeps_file && self.open_files >= OPEN_FILES {
            let Some(oldest) = self.oldest_clean(list) else {
                return false;
            };
            self.release(oldest);
        }
        let Some(node) = self.node_mut(at) else {
            return false;
        };
        let was_stored = node.is_stored();
        node.held = Some(Arc::clone(entry));
        node.dirty = dirty;
        self.entries += usize::from(!was_stored);
        self.held += 1;
        self.open_files += usize::from(keeps_file);
        self.held_bytes += weight;
        self.link(list, at);
        true
    }

    /// Lets go of what is used least, until there are so many bytes for one more entry.
    fn make_room(&mut self, weight: usize) -> bool {
        // What can never fit shall not empty the memory first.
        if self.nodes_memory() + weight > self.limit {
            return false;
        }
        while self.memory() + weight > self.limit {
            if !self.drop_held() {
                return false;
            }
        }
        true
    }

    /// What is held has been written to the disk.
    pub fn clean(&mut self, hash: &Hash) {
        if let Some(node) = self.get_mut(hash) {
            node.dirty = false;
        }
    }

    /// Lets go of what is held of a node.
    pub(super) fn release(&mut self, at: u32) {
        let Some(node) = self.node_mut(at) else {
            return;
        };
        let Some(entry) = node.held.take() else {
            return;
        };
        node.dirty = false;
        let is_gone = !node.is_stored();
        self.entries -= usize::from(is_gone);
        self.held -= 1;
        self.open_files -= usize::from(matches!(entry.body, Body::File(..)));
        self.held_bytes -= weight(&entry);
        self.unlink(list(&entry), at);
        self.released.push(entry);
    }

    /// What has been let go of since this was asked last. To be dropped without a lock: with its last descriptor a file that has no
    /// name any more goes from the disk, which takes the longer the more of it there is.
    pub fn take_released(&mut self) -> Vec<Arc<Entry>> {
        std::mem::take(&mut self.released)
    }

    /// Lets go of the entry held that was least used and is on the disk. False: there is none, or none near the end.
    pub(super) fn drop_held(&mut self) -> bool {
        let body = self.oldest_clean(List::Bodies);
        let file = self.oldest_clean(List::Files);
        let seen = |at: Option<u32>| at.and_then(|at| self.node(at)).map(|node| node.seen);
        let oldest = match (seen(body), seen(file)) {
            (Some(a), Some(b)) if b < a => file,
            (Some(_), _) => body,
            (None, _) => file,
        };
        let Some(oldest) = oldest else { return false };
        self.release(oldest);
        true
    }

    /// The node of a list that was least used and whose entry is on the disk, if it is near the end.
    fn oldest_clean(&self, list: List) -> Option<u32> {
        let [_, mut at] = self.ends[list as usize];
        for _ in 0..TRIES {
            let node = self.node(at)?;
            if !node.dirty {
                return Some(at);
            }
            at = node.links[list.links()][NEWER];
        }
        None
    }

    /// Lets go of half of what is held and is on the disk: nobody has asked for anything for a while, or descriptors are short.
    pub fn trim(&mut self) {
        for _ in 0..self.held.div_ceil(2) {
            if !self.drop_held() {
                return;
            }
        }
    }
}

impl Node {
    /// The list of held entries that it is in.
    pub(super) fn list(&self) -> Option<List> {
        self.held.as_deref().map(list)
    }
}

fn list(entry: &Entry) -> List {
    match entry.body {
        Body::Memory(..) => List::Bodies,
        Body::File(..) => List::Files,
    }
}

/// What an entry takes of the memory, in bytes.
pub(super) fn weight(entry: &Entry) -> usize {
    let body = match &entry.body {
        Body::Memory(bytes) => bytes.len(),
        Body::File(..) => 0,
    };
    let head = entry.head.size() + entry.head.fields().count() * FIELD;
    HELD_OVERHEAD + entry.key.len() + entry.variant.names.len() + head + body
}
