//! The index and a naive one do the same, at random, and are compared after each step.

use std::collections::HashMap;

use super::*;
use crate::cache::index::lists::{NEWER, OLDER};

/// Marsaglia's xorshift: the same steps in every run.
pub struct Random(pub u32);

impl Random {
    pub fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % n
    }
}

/// What the naive index knows of a key.
#[derive(Default)]
struct Known {
    seen: u32,
    units: u64,
    pins: u32,
    held: Option<Arc<Entry>>,
    dirty: bool,
}

/// Keys in vectors, the oldest first.
#[derive(Default)]
struct Model {
    known: HashMap<Hash, Known>,
    used: Vec<Hash>,
    bodies: Vec<Hash>,
    files: Vec<Hash>,
    /// Of nodes and their table, as the index has it.
    nodes_memory: usize,
}

impl Model {
    fn memory(&self) -> usize {
        let held = self.known.values().filter_map(|known| known.held.as_ref());
        self.nodes_memory + held.map(|entry| weight(entry)).sum::<usize>()
    }

    fn list(&mut self, entry: &Entry) -> &mut Vec<Hash> {
        match entry.body {
            Body::Memory(..) => &mut self.bodies,
            Body::File(..) => &mut self.files,
        }
    }

    fn release(&mut self, hash: &Hash) {
        let known = self.known.get_mut(hash).unwrap();
        known.dirty = false;
        if let Some(entry) = known.held.take() {
            self.list(&entry).retain(|other| other != hash);
        }
    }

    /// The oldest that may go of a list.
    fn oldest_clean(&self, list: &[Hash]) -> Option<Hash> {
        let mut near = list.iter().take(TRIES);
        near.find(|hash| !self.known[*hash].dirty).copied()
    }

    fn drop_held(&mut self) -> bool {
        let body = self.oldest_clean(&self.bodies);
        let file = self.oldest_clean(&self.files);
        // The first of two that are equally old is the one with a body.
        let oldest = [body, file].into_iter().flatten();
        let Some(oldest) = oldest.min_by_key(|hash| self.known[hash].seen) else {
            return false;
        };
        self.release(&oldest);
        true
    }

    fn remove(&mut self, hash: &Hash) -> Option<Removed> {
        let removed = self.empty(hash)?;
        if self.known[hash].pins == 0 {
            self.known.remove(hash);
            self.used.retain(|other| other != hash);
        }
        Some(removed)
    }

    fn empty(&mut self, hash: &Hash) -> Option<Removed> {
        let units = std::mem::take(&mut self.known.get_mut(hash)?.units);
        self.release(hash);
        Some(Removed {
            hash: *hash,
            on_disk: units > 0,
        })
    }

    fn evict(&mut self, before: u32) -> Option<Removed> {
        for _ in 0..TRIES {
            let hash = *self.used.first()?;
            let known = &self.known[&hash];
            if known.seen >= before {
                return None;
            }
            if known.pins == 0 && !known.dirty {
                return self.remove(&hash);
            }
            let newest = self.used.last().unwrap();
            let seen = self.known[newest].seen;
            self.known.get_mut(&hash).unwrap().seen = seen;
            self.used.rotate_left(1);
        }
        None
    }

    fn make_room(&mut self, more: usize) -> bool {
        while self.memory() + more > SMALL {
            if !self.drop_held() {
                return false;
            }
        }
        true
    }

    /// As [`Index::touch`]. How many nodes there is memory for is taken from the index as it is before.
    fn touch(&mut self, hash: Hash, seen: u32, index: &Index) -> (bool, Option<Removed>) {
        let mut evicted = None;
        if !self.known.contains_key(&hash) {
            if self.known.len() == index.blocks.len() * BLOCK && !self.grow(index) {
                evicted = self.evict(u32::MAX);
                if evicted.is_none() {
                    return (false, None);
                }
            }
            self.known.insert(hash, Known::default());
        }
        self.known.get_mut(&hash).unwrap().seen = seen;
        self.used.retain(|other| *other != hash);
        self.used.push(hash);
        if let Some(entry) = self.known[&hash].held.clone() {
            let list = self.list(&entry);
            list.retain(|other| *other != hash);
            list.push(hash);
        }
        (true, evicted)
    }

    fn grow(&mut self, index: &Index) -> bool {
        let mut more = BLOCK * size_of::<Node>();
        if (index.blocks.len() + 1) * BLOCK > index.table.capacity() {
            more += index.table.capacity() * 4;
        }
        let first = index.blocks.is_empty();
        if !first && (self.nodes_memory + more > SMALL / 4 * 3 || !self.make_room(more)) {
            return false;
        }
        self.nodes_memory += more;
        true
    }

    fn hold(&mut self, hash: &Hash, entry: &Arc<Entry>, dirty: bool) -> bool {
        if !self.known.contains_key(hash) {
            return false;
        }
        self.release(hash);
        let weight = weight(entry);
        if self.nodes_memory + weight > SMALL || !self.make_room(weight) {
            return false;
        }
        let known = self.known.get_mut(hash).unwrap();
        known.held = Some(Arc::clone(entry));
        known.dirty = dirty;
        self.list(entry).push(*hash);
        true
    }

    fn compare(&self, index: &Index) {
        let stored = |known: &&Known| known.units > 0 || known.held.is_some();
        assert_eq!(index.nodes, self.known.len());
        assert_eq!(index.entries(), self.known.values().filter(stored).count());
        let units: u64 = self.known.values().map(|known| known.units).sum();
        assert_eq!(index.size(), units * UNIT);
        let held = self.bodies.len() + self.files.len();
        assert_eq!(index.held(), (held, self.files.len()));
        assert_eq!(index.memory(), self.memory());
        assert!(index.memory() <= SMALL);
        let lists = [&self.used, &self.bodies, &self.files];
        for (list, expected) in [List::Used, List::Bodies, List::Files].iter().zip(lists) {
            assert_eq!(&keys(index, *list), expected, "{list:?}");
        }
        for (hash, known) in &self.known {
            let node = index.get(hash).unwrap();
            assert_eq!((node.seen, node.pins), (known.seen, known.pins));
            assert_eq!(u64::from(node.units), known.units);
            assert_eq!(node.is_dirty(), known.dirty);
            match (node.held(), &known.held) {
                (Some(a), Some(b)) => assert!(Arc::ptr_eq(a, b)),
                (a, b) => assert!(a.is_none() && b.is_none()),
            }
        }
    }
}

/// The keys of a list, the oldest first. Both directions must agree.
fn keys(index: &Index, list: List) -> Vec<Hash> {
    let [newest, oldest] = index.ends[list as usize];
    let (mut found, mut at, mut before) = (Vec::new(), oldest, NONE);
    while let Some(node) = index.node(at) {
        let links = node.links[list.links()];
        assert_eq!(links[OLDER], before);
        found.push(node.hash);
        (before, at) = (at, links[NEWER]);
        assert!(found.len() <= index.nodes, "a ring");
    }
    assert_eq!(newest, before);
    found
}

fn chain(index: &Index, mut at: u32) -> usize {
    let mut len = 0;
    while let Some(node) = index.node(at) {
        (at, len) = (node.next, len + 1);
    }
    len
}

/// The most nodes in one place.
pub fn longest_chain(index: &Index) -> usize {
    let places = index.table.iter();
    places.map(|first| chain(index, *first)).max().unwrap_or(0)
}

/// No node is lost, and none is in two places.
pub fn check(index: &Index) {
    let chained: usize = index.table.iter().map(|at| chain(index, *at)).sum();
    assert_eq!(chained, index.nodes);
    assert_eq!(
        index.nodes + chain(index, index.free),
        index.blocks.len() * BLOCK
    );
    let used = keys(index, List::Used);
    assert_eq!(used.len(), index.nodes);
    assert!(used.iter().all(|hash| index.get(hash).is_some()));
    let held: usize = [List::Bodies, List::Files]
        .iter()
        .map(|list| keys(index, *list).len())
        .sum();
    assert_eq!(held, index.held);
    let blocks = 0..index.blocks.len();
    let held_in: usize = blocks.map(|at| index.held_in(at).unwrap().count()).sum();
    assert_eq!(held_in, index.held);
}

/// One step in both. `now` never goes back, as in a zone.
fn step(index: &mut Index, model: &mut Model, random: &mut Random, now: u32, file: &Arc<File>) {
    let hash = hash(random.below(1500));
    match random.below(100) {
        0..40 => {
            let mut evicted = Vec::new();
            let (is_there, gone) = model.touch(hash, now, index);
            let node = index.touch(&hash, now, &mut evicted);
            assert_eq!(node.is_some(), is_there);
            assert_eq!(evicted, Vec::from_iter(gone));
        }
        40..65 => {
            let entry = match random.below(4) {
                0 => file_entry(file),
                1 => entry(random.below(16 << 10) as usize),
                2 => entry(random.below(80 << 10) as usize),
                _ => entry(random.below(300) as usize),
            };
            let dirty = random.below(3) == 0;
            let expected = model.hold(&hash, &entry, dirty);
            assert_eq!(index.hold(&hash, &entry, dirty), expected);
        }
        65..75 => {
            let bytes = u64::from(random.below(3) * random.below(20_000));
            index.set_size(&hash, bytes);
            if let Some(known) = model.known.get_mut(&hash) {
                known.units = bytes.div_ceil(UNIT);
            }
        }
        75..82 => {
            // What is not on the disk yet is written some time, however random this is.
            let waiting = model.bodies.iter().filter(|hash| model.known[*hash].dirty);
            let waiting: Vec<Hash> = waiting.take(3).copied().collect();
            for hash in waiting.into_iter().chain([hash]) {
                index.clean(&hash);
                if let Some(known) = model.known.get_mut(&hash) {
                    known.dirty = false;
                }
            }
        }
        82..86 => assert_eq!(index.remove(&hash), model.remove(&hash)),
        86..90 => assert_eq!(index.purge(&hash), model.empty(&hash)),
        90..92 => assert_eq!(index.evict(), model.evict(u32::MAX)),
        92..94 => {
            let before = now.saturating_sub(random.below(300));
            assert_eq!(index.evict_unused(before), model.evict(before));
        }
        94..99 => {
            let pins = random.below(3) / 2;
            if let Some(known) = model.known.get_mut(&hash) {
                known.pins = pins;
                index.get_mut(&hash).unwrap().pins = pins;
            }
        }
        _ => {
            let count = (model.bodies.len() + model.files.len()).div_ceil(2);
            let _ = (0..count).all(|_| model.drop_held());
            index.trim();
        }
    }
}

#[test]
fn the_index_does_what_a_naive_one_does() {
    let file = a_file();
    for seed in 1..6 {
        let mut random = Random(seed);
        let mut index = Index::new(SMALL);
        let mut model = Model {
            nodes_memory: index.memory(),
            ..Model::default()
        };
        for now in 0..4000 {
            step(&mut index, &mut model, &mut random, now / 4, &file);
            index.take_released();
            model.compare(&index);
            check(&index);
        }
        assert!(model.known.len() > 300 && model.used.len() > 300);
    }
    assert_eq!(Arc::strong_count(&file), 1, "nothing is leaked");
}
