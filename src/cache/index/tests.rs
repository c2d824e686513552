//! What the index promises, one promise at a time. `model` holds it to all of them at once.

pub mod model;

use std::fs::File;

use super::holding::weight;
use super::*;
use crate::cache::{Body, Meta, Variant};
use crate::scgi::response::{self, Parsed};

/// The smallest zone there can be, and one in which nothing lacks room.
const SMALL: usize = 64 << 10;
const LARGE: usize = 64 << 20;

/// The hash of a key that has this number.
pub fn hash(n: u32) -> Hash {
    crate::cache::key::hash(&n.to_le_bytes())
}

/// An entry of this key and stamp.
pub fn entry_of(key: &[u8], stamp: u64, body: Body) -> Arc<Entry> {
    let head = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    let Ok(Parsed::Done(head, _)) = response::parse(head, &mut 0) else {
        panic!("a head");
    };
    Arc::new(Entry {
        key: key.into(),
        meta: Meta::default(),
        variant: Variant::default(),
        stamp,
        head,
        len: 0,
        body,
    })
}

/// An entry with a body of so many bytes.
pub fn entry(len: usize) -> Arc<Entry> {
    entry_of(b"key", 1, Body::Memory(vec![b'x'; len].into()))
}

/// An entry that keeps a file open: always the same one here.
pub fn file_entry(file: &Arc<File>) -> Arc<Entry> {
    entry_of(b"key", 1, Body::File(Arc::clone(file), 0))
}

fn a_file() -> Arc<File> {
    Arc::new(File::open("/dev/null").unwrap())
}

/// Asks for keys in this order; nothing is evicted.
fn touch(index: &mut Index, keys: impl IntoIterator<Item = u32>) {
    let mut evicted = Vec::new();
    for n in keys {
        assert!(index.touch(&hash(n), n, &mut evicted).is_some());
    }
    assert_eq!(evicted, []);
}

fn evict(index: &mut Index, count: usize) -> Vec<Hash> {
    let gone = std::iter::from_fn(|| index.evict());
    gone.take(count).map(|gone| gone.hash).collect()
}

fn hashes(keys: &[u32]) -> Vec<Hash> {
    keys.iter().map(|n| hash(*n)).collect()
}

#[test]
fn a_key_is_found_from_its_first_use_until_it_is_removed() {
    let mut index = Index::new(LARGE);
    assert!(index.get(&hash(1)).is_none());
    touch(&mut index, 0..1000);
    for n in 0..1000 {
        assert_eq!(index.get(&hash(n)).map(|node| node.seen), Some(n));
    }
    let removed = index.remove(&hash(7)).unwrap();
    assert_eq!((removed.hash, removed.on_disk), (hash(7), false));
    assert!(index.get(&hash(7)).is_none() && index.get(&hash(8)).is_some());
    assert_eq!(index.remove(&hash(7)), None);
    model::check(&index);
}

#[test]
fn what_was_used_least_goes_first() {
    let mut index = Index::new(LARGE);
    touch(&mut index, [1, 2, 3, 4, 2]);
    assert!(index.add_last(&hash(5), 9).is_some());
    assert_eq!(evict(&mut index, 9), hashes(&[5, 1, 3, 4, 2]));
    assert_eq!(index.nodes, 0);
    model::check(&index);
}

#[test]
fn only_what_is_old_enough_goes_where_that_is_asked() {
    let mut index = Index::new(LARGE);
    touch(&mut index, [1, 2, 3]);
    assert_eq!(index.evict_unused(1), None);
    assert_eq!(index.evict_unused(2).unwrap().hash, hash(1));
    index.get_mut(&hash(2)).unwrap().pins = 1;
    // What is in use does not stand in for what comes after it.
    assert_eq!(index.evict_unused(3), None);
    assert!(index.get(&hash(3)).is_some());
}

#[test]
fn what_is_in_use_stays() {
    let mut index = Index::new(LARGE);
    touch(&mut index, 0..30);
    for n in 0..5 {
        index.get_mut(&hash(n)).unwrap().pins = 1;
    }
    index.set_size(&hash(0), 1);
    assert_eq!(evict(&mut index, 2), hashes(&[5, 6]));
    // Asked by name it loses what it has, and stays all the same.
    let removed = index.remove(&hash(0)).unwrap();
    assert!(removed.on_disk);
    assert!(!index.get(&hash(0)).unwrap().is_stored());
    for n in 7..30 {
        index.get_mut(&hash(n)).unwrap().pins = 1;
    }
    assert_eq!(index.evict(), None);
    model::check(&index);
}

#[test]
fn a_full_index_gives_up_what_is_used_least_for_what_is_new() {
    let mut index = Index::new(SMALL);
    let mut evicted = Vec::new();
    for n in 0..5000 {
        assert!(index.touch(&hash(n), n, &mut evicted).is_some());
        assert!(index.memory() <= SMALL);
        assert_eq!(index.nodes + evicted.len(), n as usize + 1);
    }
    // As many keys as the rule of thumb says, 8000 in a MiB.
    assert!(index.nodes >= 500);
    let gone: Vec<Hash> = evicted.iter().map(|gone| gone.hash).collect();
    let expected: Vec<Hash> = (0..gone.len() as u32).map(hash).collect();
    assert_eq!(gone, expected);
    assert!(index.add_last(&hash(5000), 1).is_none());
    // All in use: there is none for one more, but there is after enough of them ended.
    for n in 0..5000 {
        if let Some(node) = index.get_mut(&hash(n)) {
            node.pins = 1;
        }
    }
    assert!(index.touch(&hash(5000), 1, &mut evicted).is_none());
    model::check(&index);
}

#[test]
fn nodes_leave_room_for_what_is_held() {
    let mut index = Index::new(SMALL);
    let mut evicted = Vec::new();
    for n in 0..5000 {
        index.touch(&hash(n), n, &mut evicted);
    }
    assert!(index.hold(&hash(4999), &entry(15 << 10), false));
    // What can never fit does not push out what is held.
    assert!(!index.hold(&hash(4998), &entry(40 << 10), false));
    assert_eq!(index.held(), (1, 0));
}

#[test]
fn many_keys_take_at_most_128_bytes_each() {
    assert!(size_of::<Node>() <= 80);
    let mut index = Index::new(LARGE);
    let count = 100_000;
    touch(&mut index, 0..count);
    let bytes = index.memory() / count as usize;
    assert!(bytes <= 96, "{bytes}");
    assert!((0..count).all(|n| index.get(&hash(n)).is_some()));
}

#[test]
fn the_table_grows_with_the_nodes_and_keeps_its_chains_short() {
    let mut index = Index::new(LARGE);
    let mut next = 0;
    for blocks in [1, 2, 3, 5, 8, 9, 64, 100] {
        touch(&mut index, next..blocks * BLOCK as u32);
        next = blocks * BLOCK as u32;
        assert_eq!(index.table.len(), next as usize);
        model::check(&index);
    }
    assert!(model::longest_chain(&index) < 20);
}

#[test]
fn where_a_key_belongs_is_not_known_outside() {
    let places = || {
        let mut index = Index::new(LARGE);
        touch(&mut index, 0..1000);
        let places: Vec<usize> = (0..1000).map(|n| index.place(&hash(n))).collect();
        places
    };
    assert_ne!(places(), places());
}

#[test]
fn files_are_counted_in_units() {
    let mut index = Index::new(LARGE);
    touch(&mut index, [1, 2]);
    index.set_size(&hash(1), 1);
    index.set_size(&hash(2), 4097);
    index.set_size(&hash(3), 1);
    assert_eq!((index.size(), index.entries()), (3 * UNIT, 2));
    index.set_size(&hash(2), 4096);
    assert_eq!((index.size(), index.entries()), (2 * UNIT, 2));
    index.set_size(&hash(2), 0);
    assert_eq!((index.size(), index.entries()), (UNIT, 1));
    index.set_size(&hash(2), u64::MAX);
    index.remove(&hash(2));
    index.remove(&hash(1));
    assert_eq!((index.size(), index.entries()), (0, 0));
}

#[test]
fn an_entry_counts_once_whether_held_or_on_the_disk() {
    let mut index = Index::new(LARGE);
    touch(&mut index, [1]);
    let (before, entry) = (index.memory(), entry(100));
    assert!(index.hold(&hash(1), &entry, true));
    assert_eq!((index.entries(), index.held()), (1, (1, 0)));
    assert_eq!(index.memory(), before + weight(&entry));
    index.set_size(&hash(1), 500);
    index.clean(&hash(1));
    assert_eq!(index.entries(), 1);
    assert!(index.drop_held());
    assert_eq!((index.entries(), index.held()), (1, (0, 0)));
    assert_eq!(index.memory(), before);
    assert!(index.hold(&hash(1), &entry, false));
    assert_eq!(
        index.empty(&hash(1)),
        Some(Removed {
            hash: hash(1),
            on_disk: true
        })
    );
    assert_eq!((index.entries(), index.memory()), (0, before));
    assert!(!index.hold(&hash(2), &entry, false));
}

#[test]
fn what_is_held_only_there_is_not_let_go_of() {
    let mut index = Index::new(SMALL);
    touch(&mut index, 0..9);
    for n in 0..9 {
        assert!(index.hold(&hash(n), &entry(5500), n < 3));
    }
    touch(&mut index, [3]);
    let big = entry(15 << 10);
    assert!(index.hold(&hash(8), &big, false));
    let held = |index: &Index, n: u32| index.get(&hash(n)).unwrap().held().is_some();
    assert!((0..3).all(|n| held(&index, n)), "not on the disk yet");
    assert!(held(&index, 3) && !held(&index, 4), "by last use");
    index.trim();
    assert_eq!(index.held().0, 3);
    // Nor for new keys, or for room on the disk.
    while index.evict().is_some() {}
    for n in 100..1000 {
        index.touch(&hash(n), n, &mut Vec::new());
    }
    assert!((0..3).all(|n| held(&index, n)), "not on the disk yet");
    assert!(index.memory() <= SMALL);
    model::check(&index);
}

#[test]
fn so_many_files_are_kept_open_and_what_is_held_with_its_body_stays() {
    let mut index = Index::new(LARGE);
    let (file, body) = (a_file(), entry(10));
    touch(&mut index, 0..2000);
    for n in 0..100 {
        assert!(index.hold(&hash(n), &body, false));
    }
    for n in 100..2000 {
        assert!(index.hold(&hash(n), &file_entry(&file), false));
    }
    assert_eq!(index.held(), (100 + OPEN_FILES, OPEN_FILES));
    assert_eq!(index.take_released().len(), 1900 - OPEN_FILES);
    assert_eq!(Arc::strong_count(&file), 1 + OPEN_FILES);
    assert!(index.get(&hash(1999)).unwrap().held().is_some());
    model::check(&index);
    while index.drop_held() {}
    assert_eq!(index.take_released().len(), 100 + OPEN_FILES);
    assert_eq!((index.held(), Arc::strong_count(&file)), ((0, 0), 1));
}

#[test]
fn a_purge_changes_the_version_of_nodes_to_come_too() {
    let mut index = Index::new(LARGE);
    touch(&mut index, [1]);
    let first = index.get(&hash(1)).unwrap().version();
    index.purge(&hash(1));
    let second = index.get(&hash(1)).unwrap().version();
    index.remove(&hash(1));
    index.purge(&hash(1));
    touch(&mut index, [1]);
    let third = index.get(&hash(1)).unwrap().version();
    assert!(first != second && second != third && first != third);
}
