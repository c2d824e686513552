//! The index of a zone: a node for each key, found by hash, in the order of use. Memory only; who locks it is the zone.
//!
//! Nodes live in blocks that never move and are never given back, so that the memory of an index is what it has once needed.
//! A node is 80 bytes, with its place in the table it takes at most 96; the literal key is not among them, for it is
//! compared where the entry itself is at hand. Entries held in memory are in lists of their own ([`holding`]), and count against
//! the same limit.
//!
//! Strangers choose the keys. So the table grows by one place for one node, not all at once, and where a hash belongs depends
//! on a secret: nobody can choose keys that meet in one place.

mod holding;
mod lists;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use super::Entry;
use super::key::Hash;
pub use holding::OPEN_FILES;
use lists::List;

/// No node.
const NONE: u32 = u32::MAX;
/// Nodes of one block.
const BLOCK: usize = 128;
/// Bytes in which sizes on the disk are counted (C85).
pub const UNIT: u64 = 4096;
/// Nodes take at most so many parts of the memory in so many: whoever asks for many keys does not end all holding.
const NODES_SHARE: (usize, usize) = (3, 4);
/// How many nodes in use are passed over in search of one that is not (C91).
const TRIES: usize = 20;

/// What is known of one key.
#[derive(Debug)]
pub struct Node {
    hash: Hash,
    /// Neighbours in the two lists that it can be in: the one used later and the one used earlier.
    links: [[u32; 2]; 2],
    /// The next node in the same place of the table.
    next: u32,
    /// When it was last used, in seconds since the zone began.
    pub seen: u32,
    /// Requests for it while it has been in the index.
    pub uses: u32,
    /// Changes when what is stored, or being stored, must not be used any more.
    version: u32,
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
    /// It is among those that wait to be written; whoever keeps them sets this.
    pub queued: bool,
    /// Until when its responses are known not to be storable (Z45).
    pub open_until: u32,
}

/// See the module's text.
#[derive(Debug)]
pub struct Index {
    blocks: Vec<Box<[Node]>>,
    /// Nodes that are free, chained by `next`.
    free: u32,
    /// The first node of each place. It grows by linear hashing: as if it had the next power of two of places, where those that
    /// there are not yet are those of half as many.
    table: Vec<u32>,
    /// Odd. Says where hashes belong.
    secret: u64,
    /// The version that new nodes begin with: none that an earlier node of the same key had before a purge.
    version: u32,
    /// Newest and oldest of the lists.
    ends: [[u32; 2]; 3],
    nodes: usize,
    entries: usize,
    held: usize,
    open_files: usize,
    held_bytes: usize,
    limit: usize,
    units: u64,
    /// What was let go of, for whoever has the lock to drop after it.
    released: Vec<Arc<Entry>>,
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
            secret: RandomState::new().build_hasher().finish() | 1,
            version: 0,
            ends: [[NONE; 2]; 3],
            nodes: 0,
            entries: 0,
            held: 0,
            open_files: 0,
            held_bytes: 0,
            limit,
            units: 0,
            released: Vec::new(),
        }
    }

    /// Bytes of memory in use, entries held in memory among them.
    pub fn memory(&self) -> usize {
        self.nodes_memory() + self.held_bytes
    }

    fn nodes_memory(&self) -> usize {
        self.blocks.len() * BLOCK * size_of::<Node>() + self.table.capacity() * size_of::<u32>()
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
        let [a, b, c, d, e, f, g, h, ..] = *hash;
        let number = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let number = (number.wrapping_mul(self.secret) >> 32) as usize;
        let whole = self.table.len().next_power_of_two();
        let at = number & (whole - 1);
        if at < self.table.len() {
            at
        } else {
            at & (whole / 2 - 1)
        }
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
            if self.free == NONE && !self.grow() {
                evicted.push(self.evict()?);
            }
            at = self.add(hash)?;
        } else {
            self.unlink(List::Used, at);
        }
        self.link(List::Used, at);
        if let Some(list) = self.node(at)?.list() {
            self.unlink(list, at);
            self.link(list, at);
        }
        let node = self.node_mut(at)?;
        node.seen = seen;
        Some(node)
    }

    /// A node for a key that has none, as if it had been used before all others. `None`: there is no memory for one more.
    pub fn add_last(&mut self, hash: &Hash, seen: u32) -> Option<&mut Node> {
        if self.free == NONE && !self.grow() {
            return None;
        }
        let at = self.add(hash)?;
        self.link_last(List::Used, at);
        let node = self.node_mut(at)?;
        node.seen = seen;
        Some(node)
    }

    /// Takes a free node, and puts it into the table but into no list.
    fn add(&mut self, hash: &Hash) -> Option<u32> {
        let at = self.free;
        let place = self.place(hash);
        let first = self.table.get(place).copied()?;
        let mut fresh = Node::new(*hash, first);
        fresh.version = self.version;
        let node = self.node_mut(at)?;
        self.free = std::mem::replace(node, fresh).next;
        *self.table.get_mut(place)? = at;
        self.nodes += 1;
        Some(at)
    }

    /// One more block of free nodes, and places for them. False: there is no memory for that.
    fn grow(&mut self) -> bool {
        let mut more = BLOCK * size_of::<Node>();
        let first = self.blocks.len() * BLOCK;
        if first + BLOCK > self.table.capacity() {
            more += self.table.capacity() * size_of::<u32>();
        }
        let (part, of) = NODES_SHARE;
        if !self.blocks.is_empty() {
            if self.nodes_memory() + more > self.limit / of * part {
                return false;
            }
            while self.memory() + more > self.limit {
                if !self.drop_held() {
                    return false;
                }
            }
        }
        let block = (first..first + BLOCK).map(|at| {
            let is_last = at + 1 == first + BLOCK;
            let next = u32::try_from(at + 1).ok().filter(|_| !is_last);
            Node::new([0; 16], next.unwrap_or(NONE))
        });
        self.blocks.push(block.collect());
        self.free = u32::try_from(first).unwrap_or(NONE);
        while self.table.len() < first + BLOCK {
            self.split();
        }
        true
    }

    /// One more place in the table: what belongs there was in one other place.
    fn split(&mut self) {
        let new = self.table.len();
        let old = new - (new + 1).next_power_of_two() / 2;
        self.table.push(NONE);
        let Some(slot) = self.table.get_mut(old) else {
            return;
        };
        let mut at = std::mem::replace(slot, NONE);
        while let Some(node) = self.node(at) {
            let (place, next) = (self.place(&node.hash), node.next);
            let first = self.table.get(place).copied().unwrap_or(NONE);
            if let Some(node) = self.node_mut(at) {
                node.next = first;
            }
            if let Some(slot) = self.table.get_mut(place) {
                *slot = at;
            }
            at = next;
        }
    }

    /// Takes out the node that was least used and is not in use: nobody is about to store something in it, and what it holds is on
    /// the disk. Nodes in use are moved to the front meanwhile (C91), but not for ever.
    pub fn evict(&mut self) -> Option<Removed> {
        self.evict_unused(u32::MAX)
    }

    /// The same, of those that were last used before `before`.
    pub fn evict_unused(&mut self, before: u32) -> Option<Removed> {
        for _ in 0..TRIES {
            let [newest, at] = self.ends[List::Used as usize];
            let node = self.node(at)?;
            if node.seen >= before {
                return None;
            }
            if node.pins == 0 && !node.dirty {
                let hash = node.hash;
                return self.remove(&hash);
            }
            // From now on it is as if it had been used as late as the newest: what is behind a node was used before it.
            let seen = self.node(newest)?.seen;
            self.unlink(List::Used, at);
            self.link(List::Used, at);
            self.node_mut(at)?.seen = seen;
        }
        None
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
        let units = std::mem::take(&mut node.units);
        node.error = 0;
        let on_disk = units > 0;
        self.units -= u64::from(units);
        self.entries -= usize::from(on_disk);
        Some(Removed {
            hash: *hash,
            on_disk,
        })
    }

    /// Lets nothing be stored under a key, or found there, that somebody began at an earlier version, and forgets what is.
    pub fn purge(&mut self, hash: &Hash) -> Option<Removed> {
        // Keys without a node, too, for one that has been taken out may be asked for again.
        self.version = self.version.wrapping_add(1);
        let version = self.version;
        self.get_mut(hash)?.version = version;
        self.empty(hash)
    }

    /// The nodes of a block whose entry is held. `None`: there is no such block.
    pub fn held_in(&self, block: usize) -> Option<impl Iterator<Item = &Node>> {
        let nodes = self.blocks.get(block)?.iter();
        Some(nodes.filter(|node| node.held.is_some()))
    }

    /// Forgets the errors that are remembered in the nodes of a block. False: there is no such block.
    pub fn forget_errors(&mut self, block: usize) -> bool {
        let nodes = self.blocks.get_mut(block);
        nodes.is_some_and(|nodes| {
            nodes.iter_mut().for_each(|node| node.error = 0);
            true
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
            queued: false,
            open_until: 0,
        }
    }

    /// Whose it is.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Changes when what is stored, or being stored, must not be used any more.
    pub fn version(&self) -> u32 {
        self.version
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

#[cfg(test)]
pub mod tests;
