//! The index of a zone: a node for each key, found by hash, in the order of use. Memory only; who locks it is the zone.
//!
//! Nodes live in blocks that never move and are never given back, so that the memory of an index is what it has once needed.
//! A node is 80 bytes, with its place in the table it takes at most 96; the literal key is not among them, for it is
//! compared where the entry itself is at hand. Entries held in memory are in a second list, and count against the same limit.

mod settling;

use std::sync::Arc;

use super::key::Hash;
use super::{Body, Entry};

/// No node.
const NONE: u32 = u32::MAX;
/// Nodes of one block.
const BLOCK: usize = 128;
/// Bytes in which sizes on the disk are counted (C85).
pub const UNIT: u64 = 4096;
/// What an entry held in memory takes besides its key, head and body, in bytes.
const HELD_OVERHEAD: usize = 320;
/// Files that are kept open for entries held.
pub const OPEN_FILES: usize = 512;
/// How many nodes in use are passed over in search of one that is not (C91).
const TRIES: usize = 20;
/// The two links of a node.
const NEWER: usize = 0;
const OLDER: usize = 1;

/// Which list of nodes.
#[derive(Clone, Copy)]
enum List {
    /// All of them, by last use.
    Used,
    /// Those whose entry is held in memory.
    Held,
}

/// What is known of one key.
#[derive(Debug)]
pub struct Node {
    hash: Hash,
    /// Neighbours in the two lists: the one used later and the one used earlier.
    links: [[u32; 2]; 2],
    /// The next node in the same place of the table.
    next: u32,
    /// When it was last used, in seconds since the zone began.
    pub seen: u32,
    /// Requests for it while it has been in the index.
    pub uses: u32,
    /// Changes when what is stored, or being stored, must not be used any more.
    pub version: u32,
    /// Units of its file; 0: none that is known.
    units: u32,
    /// Requests that may still store something here.
    pub pins: u32,
    held: Option<Arc<Entry>>,
    /// Until when an error is remembered in its place (C36), and which.
    pub error_until: u32,
    pub error: u16,
    /// What is held is not on the disk yet.
    dirty: bool,
    /// Until when its responses are known not to be storable (Z45).
    pub open_until: u32,
}

/// See the module's text.
#[derive(Debug)]
pub struct Index {
    blocks: Vec<Box<[Node]>>,
    /// Nodes that are free, chained by `next`.
    free: u32,
    table: Vec<u32>,
    /// Newest and oldest of the two lists.
    ends: [[u32; 2]; 2],
    nodes: usize,
    entries: usize,
    held: usize,
    open_files: usize,
    held_bytes: usize,
    limit: usize,
    units: u64,
}

/// What was taken out of the index.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed {
    pub hash: Hash,
    /// It has a file, which whoever removes it from the disk finds by the hash.
    pub on_disk: bool,
}

impl Index {
    /// An empty index that shall take at most `limit` bytes of memory.
    pub fn new(limit: usize) -> Index {
        Index {
            blocks: Vec::new(),
            free: NONE,
            table: vec![NONE; 64],
            ends: [[NONE; 2]; 2],
            nodes: 0,
            entries: 0,
            held: 0,
            open_files: 0,
            held_bytes: 0,
            limit,
            units: 0,
        }
    }

    /// Bytes of memory in use, entries held in memory among them.
    pub fn memory(&self) -> usize {
        self.blocks.len() * BLOCK * size_of::<Node>()
            + self.table.len() * size_of::<u32>()
            + self.held_bytes
    }

    /// Stored responses, on the disk or held.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Entries held in memory, and how many of them keep a file open.
    pub fn held(&self) -> (usize, usize) {
        (self.held, self.open_files)
    }

    /// Bytes of all files, rounded up to whole units.
    pub fn size(&self) -> u64 {
        self.units * UNIT
    }

    fn node(&self, at: u32) -> Option<&Node> {
        let at = at as usize;
        self.blocks.get(at / BLOCK)?.get(at % BLOCK)
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        let at = at as usize;
        self.blocks.get_mut(at / BLOCK)?.get_mut(at % BLOCK)
    }

    fn place(&self, hash: &Hash) -> usize {
        // An MD5 is as good as random wherever one looks.
        let [a, b, c, d, ..] = *hash;
        u32::from_le_bytes([a, b, c, d]) as usize & (self.table.len() - 1)
    }

    fn find(&self, hash: &Hash) -> u32 {
        let mut at = self.table.get(self.place(hash)).copied().unwrap_or(NONE);
        while let Some(node) = self.node(at) {
            if node.hash == *hash {
                return at;
            }
            at = node.next;
        }
        NONE
    }

    /// What is known of a key.
    pub fn get(&self, hash: &Hash) -> Option<&Node> {
        self.node(self.find(hash))
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, hash: &Hash) -> Option<&mut Node> {
        self.node_mut(self.find(hash))
    }

    /// The node of a key, made where there is none, and moved to the front of the order of use. `None`: there is no memory for it,
    /// even after `evicted` has got what was least used.
    pub fn touch(
        &mut self,
        hash: &Hash,
        seen: u32,
        evicted: &mut Vec<Removed>,
    ) -> Option<&mut Node> {
        let mut at = self.find(hash);
        if at == NONE {
            at = self.add(hash, evicted)?;
        } else {
            self.unlink(List::Used, at);
        }
        self.link(List::Used, at);
        if self.node(at)?.held.is_some() {
            self.unlink(List::Held, at);
            self.link(List::Held, at);
        }
        let node = self.node_mut(at)?;
        node.seen = seen;
        Some(node)
    }

    fn add(&mut self, hash: &Hash, evicted: &mut Vec<Removed>) -> Option<u32> {
        if self.nodes >= self.table.len() {
            self.widen();
        }
        if self.free == NONE {
            let block = BLOCK * size_of::<Node>();
            while self.memory() + block > self.limit && self.drop_held() {}
            if self.memory() + block <= self.limit || self.blocks.is_empty() {
                self.grow();
            } else {
                evicted.push(self.evict()?);
            }
        }
        let at = self.free;
        let place = self.place(hash);
        let first = self.table.get(place).copied()?;
        let node = self.node_mut(at)?;
        let free = std::mem::replace(node, Node::new(*hash, first)).next;
        self.free = free;
        *self.table.get_mut(place)? = at;
        self.nodes += 1;
        Some(at)
    }

    /// One more block of free nodes.
    fn grow(&mut self) {
        let first = self.blocks.len() * BLOCK;
        let block = (first..first + BLOCK).map(|at| {
            let is_last = at + 1 == first + BLOCK;
            let next = u32::try_from(at + 1).ok().filter(|_| !is_last);
            Node::new([0; 16], next.unwrap_or(NONE))
        });
        self.blocks.push(block.collect());
        self.free = u32::try_from(first).unwrap_or(NONE);
    }

    /// Doubles the table. Its memory may be over the limit for a moment: what is least used goes then.
    fn widen(&mut self) {
        self.table = vec![NONE; self.table.len() * 2];
        let [mut at, _] = self.ends[List::Used as usize];
        while let Some(node) = self.node(at) {
            let older = node.links[List::Used as usize][OLDER];
            let place = self.place(&node.hash);
            let first = self.table.get(place).copied().unwrap_or(NONE);
            if let Some(node) = self.node_mut(at) {
                node.next = first;
            }
            if let Some(slot) = self.table.get_mut(place) {
                *slot = at;
            }
            at = older;
        }
    }

    /// Takes out the node that was least used and that nobody is about to store something in. Nodes in use are moved to the
    /// front meanwhile (C91), but not for ever.
    pub fn evict(&mut self) -> Option<Removed> {
        for _ in 0..TRIES {
            let [_, at] = self.ends[List::Used as usize];
            let node = self.node(at)?;
            if node.pins == 0 {
                let hash = node.hash;
                return self.remove(&hash);
            }
            self.unlink(List::Used, at);
            self.link(List::Used, at);
        }
        None
    }

    /// When the node that was least used was last used.
    pub fn oldest(&self) -> Option<u32> {
        let [_, at] = self.ends[List::Used as usize];
        self.node(at).map(|node| node.seen)
    }

    /// Takes a node out of the index, whatever it holds. One that is pinned stays, but empty.
    pub fn remove(&mut self, hash: &Hash) -> Option<Removed> {
        let at = self.find(hash);
        let removed = self.empty(hash)?;
        if self.node(at)?.pins > 0 {
            return Some(removed);
        }
        self.unlink(List::Used, at);
        let next = self.node(at)?.next;
        let place = self.place(hash);
        if self.table.get(place) == Some(&at) {
            *self.table.get_mut(place)? = next;
        } else {
            let mut before = self.table.get(place).copied()?;
            while self.node(before)?.next != at {
                before = self.node(before)?.next;
            }
            self.node_mut(before)?.next = next;
        }
        let free = self.free;
        *self.node_mut(at)? = Node::new([0; 16], free);
        self.free = at;
        self.nodes -= 1;
        Some(removed)
    }

    /// Forgets what is stored under a key: what is held, its file, a remembered error.
    pub fn empty(&mut self, hash: &Hash) -> Option<Removed> {
        let at = self.find(hash);
        self.release(at);
        let node = self.node_mut(at)?;
        let on_disk = node.units > 0;
        self.units -= u64::from(node.units);
        let node = self.node_mut(at)?;
        node.units = 0;
        node.error = 0;
        if on_disk {
            self.entries -= 1;
        }
        Some(Removed {
            hash: *hash,
            on_disk,
        })
    }

    /// Notes that a key has a file of this many bytes; 0: it has none.
    pub fn set_size(&mut self, hash: &Hash, bytes: u64) {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let Some(node) = self.get_mut(hash) else {
            return;
        };
        let had = node.is_stored();
        let before = std::mem::replace(&mut node.units, units);
        let has = node.is_stored();
        self.units = self.units + u64::from(units) - u64::from(before);
        self.entries = self.entries + usize::from(has) - usize::from(had);
    }

    /// Holds an entry in memory, in place of the one held for its key before, if there is room for it or can be made. `dirty`: it
    /// is not on the disk. False: there is none; what was held before is not held any more.
    pub fn hold(&mut self, hash: &Hash, entry: &Arc<Entry>, dirty: bool) -> bool {
        let at = self.find(hash);
        if self.node(at).is_none() {
            return false;
        }
        self.release(at);
        let weight = weight(entry);
        while self.memory() + weight > self.limit {
            if !self.drop_held() {
                return false;
            }
        }
        let keeps_file = matches!(entry.body, Body::File(..));
        while keeps_file && self.open_files >= OPEN_FILES && self.drop_held() {}
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
        self.link(List::Held, at);
        true
    }

    /// What is held has been written to the disk.
    pub fn clean(&mut self, hash: &Hash) {
        if let Some(node) = self.get_mut(hash) {
            node.dirty = false;
        }
    }

    /// Lets go of what is held of a node.
    fn release(&mut self, at: u32) {
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
        self.unlink(List::Held, at);
    }

    /// Lets go of the entry held that was least used and is on the disk. False: there is none, or none near the end.
    fn drop_held(&mut self) -> bool {
        let [_, mut at] = self.ends[List::Held as usize];
        for _ in 0..TRIES {
            let Some(node) = self.node(at) else {
                return false;
            };
            if !node.dirty {
                self.release(at);
                return true;
            }
            at = node.links[List::Held as usize][NEWER];
        }
        false
    }

    /// Lets go of half of what is held and is on the disk: nobody has asked for anything for a while, or descriptors are short.
    pub fn trim(&mut self) {
        for _ in 0..self.held.div_ceil(2) {
            if !self.drop_held() {
                return;
            }
        }
    }

    fn link(&mut self, list: List, at: u32) {
        let which = list as usize;
        let [newest, oldest] = self.ends[which];
        if let Some(node) = self.node_mut(at) {
            node.links[which] = [NONE, newest];
        }
        match self.node_mut(newest) {
            Some(node) => node.links[which][NEWER] = at,
            None => self.ends[which] = [at, at],
        }
        let oldest = if oldest == NONE { at } else { oldest };
        self.ends[which] = [at, oldest];
    }

    fn unlink(&mut self, list: List, at: u32) {
        let which = list as usize;
        let Some(node) = self.node(at) else { return };
        let [newer, older] = node.links[which];
        match self.node_mut(newer) {
            Some(node) => node.links[which][OLDER] = older,
            None => self.ends[which][0] = older,
        }
        match self.node_mut(older) {
            Some(node) => node.links[which][NEWER] = newer,
            None => self.ends[which][1] = newer,
        }
        if let Some(node) = self.node_mut(at) {
            node.links[which] = [NONE; 2];
        }
    }
}

impl Node {
    fn new(hash: Hash, next: u32) -> Node {
        Node {
            hash,
            links: [[NONE; 2]; 2],
            next,
            seen: 0,
            uses: 0,
            version: 0,
            units: 0,
            pins: 0,
            held: None,
            error_until: 0,
            error: 0,
            dirty: false,
            open_until: 0,
        }
    }

    /// There is a response, on the disk or held.
    pub fn is_stored(&self) -> bool {
        self.units > 0 || self.held.is_some()
    }

    /// There is a file.
    pub fn is_on_disk(&self) -> bool {
        self.units > 0
    }

    /// What is held is not on the disk yet.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// What is held in memory.
    pub fn held(&self) -> Option<&Arc<Entry>> {
        self.held.as_ref()
    }
}

/// What an entry takes of the memory, in bytes.
fn weight(entry: &Entry) -> usize {
    let body = match &entry.body {
        Body::Memory(bytes) => bytes.len(),
        Body::File(..) => 0,
    };
    // The head is there as bytes and as a table of its fields.
    HELD_OVERHEAD + entry.key.len() + entry.variant.names.len() + 2 * entry.head.size() + body
}

#[cfg(test)]
mod tests;
