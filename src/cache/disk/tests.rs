//! Files that are whole, and all the ways in which they are not.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;
use crate::cache::fill::{Draft, Fill};
use crate::cache::zone::{Known, Ticket};
use crate::cache::{Meta, Variant};
use crate::config::cache::Pace;
pub use crate::respond::scratch::Scratch;

/// A zone at `path`, with the defaults; its temp path is a directory beside it that is not there.
pub fn settings(path: &Path) -> Settings {
    let pace = Pace {
        files: 100,
        threshold: Duration::from_millis(200),
        sleep: Duration::from_millis(1),
    };
    Settings {
        name: "one".into(),
        path: path.to_path_buf(),
        levels: vec![],
        use_temp_path: true,
        temp: path.with_file_name("spool"),
        size: 1 << 20,
        inactive: Duration::from_secs(600),
        max_size: None,
        min_free: 0,
        manager: pace,
        loader: pace,
        purger: None,
    }
}

/// The same in a directory that is there.
pub fn place(scratch: &Scratch) -> Settings {
    settings(&scratch.dir("cache"))
}

pub fn zone(settings: Settings) -> &'static Zone {
    Box::leak(Box::new(Zone::new(
        Box::leak(Box::new(settings)),
        Instant::now(),
    )))
}

/// All that are no directories below one, in order.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() && !path.is_symlink() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

pub const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n";

pub fn draft(zone: &Zone, key: &[u8]) -> Draft {
    Draft {
        key: key.into(),
        meta: Meta {
            received: 1000,
            fresh_until: 2000,
            ..Meta::default()
        },
        variant: Variant::default(),
        stamp: zone.stamp(std::time::SystemTime::now()),
        head: HEAD.to_vec(),
    }
}

/// As a request asks for it.
pub fn ticket(zone: &'static Zone, key: &[u8]) -> Ticket {
    let hash = key::hash(key);
    let visit = zone.visit(&hash, Instant::now()).unwrap();
    zone.ticket(&hash, visit.version)
}

/// A response that is too long to be held in memory.
pub fn long_body() -> Vec<u8> {
    (0..HELD_MAX + 5000).map(|n| (n % 251) as u8).collect()
}

/// Stores a response, which ends up in a file at once if it is long.
pub fn store(zone: &'static Zone, key: &[u8], body: &[u8]) -> Ticket {
    let ticket = ticket(zone, key);
    let mut fill = Fill::begin(&ticket, draft(zone, key), None);
    fill.write(body).unwrap();
    assert!(fill.commit(Instant::now()).unwrap());
    ticket
}

/// A short response in a file, as the keeper writes it.
pub fn store_short(zone: &'static Zone, key: &[u8], body: &[u8]) {
    store(zone, key, body);
    let mut saver = crate::cache::keeper::tests::saver(zone);
    assert!(saver.step(Instant::now()));
}

pub fn body_of(entry: &Entry) -> Vec<u8> {
    match &entry.body {
        Body::Memory(bytes) => bytes.to_vec(),
        Body::File(file, at) => {
            let mut bytes = vec![0; entry.len as usize];
            file.read_exact_at(&mut bytes, *at).unwrap();
            bytes
        }
    }
}

/// The entry of a key, as another process would find it.
pub fn found(zone: &Zone, key: &[u8]) -> Result<Entry, OpenError> {
    open(zone, &key::hash(key), key).map(|(entry, _)| entry)
}

fn damage(zone: &Zone, key: &[u8]) -> &'static str {
    match found(zone, key) {
        Err(OpenError::Damaged(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_stored_is_found_again() {
    let scratch = Scratch::new();
    let mut settings = place(&scratch);
    settings.levels = vec![1, 2];
    let zone = zone(settings);
    for body in [b"".to_vec(), b"short".to_vec(), vec![7; HELD_MAX]] {
        store_short(zone, b"short", &body);
        let entry = found(zone, b"short").unwrap();
        assert!(matches!(entry.body, Body::Memory(_)));
        assert_eq!(
            (body_of(&entry), entry.len),
            (body.clone(), body.len() as u64)
        );
    }
    store(zone, b"long", &long_body());
    let entry = found(zone, b"long").unwrap();
    assert!(matches!(entry.body, Body::File(..)));
    assert_eq!(body_of(&entry), long_body());
    assert_eq!((entry.meta.received, entry.meta.fresh_until), (1000, 2000));
    assert_eq!((&*entry.key, entry.head.bytes()), (&b"long"[..], HEAD));
    assert_eq!(files(scratch.path()).len(), 2);
    let path = key::file_path(zone.settings, &key::hash(b"long"));
    let mode = fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_head_longer_than_one_read_is_found() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    for (key, body) in [(&b"a"[..], b"short".to_vec()), (b"b", long_body())] {
        let ticket = ticket(zone, key);
        let mut draft = draft(zone, key);
        let field = [b"X: ".to_vec(), vec![b'x'; 10_000], b"\r\n\r\n".to_vec()].concat();
        draft.head = [&HEAD[..HEAD.len() - 2], &field].concat();
        let head = draft.head.clone();
        let mut fill = Fill::begin(&ticket, draft, None);
        fill.write(&body).unwrap();
        assert!(fill.commit(Instant::now()).unwrap());
        while crate::cache::keeper::tests::saver(zone).step(Instant::now()) {}
        let entry = found(zone, key).unwrap();
        assert_eq!((entry.head.bytes(), body_of(&entry)), (&*head, body));
    }
}

#[test]
fn a_file_cut_anywhere_is_no_entry() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store_short(zone, b"a", b"body");
    let path = key::file_path(zone.settings, &key::hash(b"a"));
    let whole = fs::read(&path).unwrap();
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        damage(zone, b"a");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    damage(zone, b"a");
    fs::write(&path, &whole).unwrap();
    assert_eq!(body_of(&found(zone, b"a").unwrap()), b"body");
}

#[test]
fn a_file_changed_anywhere_before_its_spare_room_is_no_entry() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store_short(zone, b"a", b"body");
    let path = key::file_path(zone.settings, &key::hash(b"a"));
    let whole = fs::read(&path).unwrap();
    let end = Prefix::read(&whole).unwrap().end();
    for at in 0..end {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        fs::write(&path, &changed).unwrap();
        damage(zone, b"a");
    }
}

#[test]
fn another_keys_file_is_a_collision_and_stays() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store_short(zone, b"a", b"body");
    let path = key::file_path(zone.settings, &key::hash(b"a"));
    let other = key::file_path(zone.settings, &key::hash(b"b"));
    fs::rename(path, &other).unwrap();
    assert!(matches!(found(zone, b"b"), Err(OpenError::Collision)));
    assert!(other.exists());
    store_short(zone, b"b", b"other");
    assert_eq!(body_of(&found(zone, b"b").unwrap()), b"other");
}

#[test]
fn what_is_no_file_of_ours_is_no_entry() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    assert!(matches!(found(zone, b"a"), Err(OpenError::Missing)));
    store_short(zone, b"a", b"body");
    let target = key::file_path(zone.settings, &key::hash(b"a"));
    let path = key::file_path(zone.settings, &key::hash(b"b"));
    symlink(&target, &path).unwrap();
    assert_eq!(damage(zone, b"b"), "a symbolic link");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(damage(zone, b"b"), "not a regular file");
    fs::remove_dir(&path).unwrap();
    fs::write(&path, [b'x'; 5000]).unwrap();
    assert_eq!(damage(zone, b"b"), "not of this format and version");
    fs::write(&path, "").unwrap();
    damage(zone, b"b");
}

#[test]
fn a_head_that_is_none_is_damage() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    let path = key::file_path(zone.settings, &key::hash(b"a"));
    for head in [
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"",
        b"Status: 99\n\n",
        b"Status: 200\n\nx",
    ] {
        let label = Label {
            meta: &Meta::default(),
            variant: &Variant::default(),
            stamp: 1,
            key: b"a",
            head,
        };
        let mut bytes = label.encode(0, 512).unwrap();
        bytes.resize(512, 0);
        fs::write(&path, bytes).unwrap();
        assert_eq!(damage(zone, b"a"), "a head that is none");
    }
}

#[test]
fn a_purge_takes_what_is_held_and_what_is_on_the_disk() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    zone.loaded();
    store(zone, b"long", &long_body());
    store(zone, b"held", b"body");
    for key in [&b"long"[..], b"held"] {
        let hash = key::hash(key);
        assert!(purge(zone, &hash).unwrap());
        let visit = zone.visit(&hash, Instant::now()).unwrap();
        assert!(matches!(visit.known, Known::Nothing));
        assert!(!purge(zone, &hash).unwrap());
    }
    assert_eq!(files(scratch.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_file_is_removed_unless_something_new_is_there() {
    let scratch = Scratch::new();
    let zone = zone(place(&scratch));
    store(zone, b"a", &long_body());
    let hash = key::hash(b"a");
    remove(zone, &hash);
    assert_eq!(files(scratch.path()).len(), 1);
    zone.forget_file(&hash);
    remove(zone, &hash);
    assert_eq!(files(scratch.path()).len(), 0);
    // It is gone, which is what was wanted.
    remove(zone, &hash);
}

#[test]
fn directories_are_made_and_checked() {
    let scratch = Scratch::new();
    let zone = settings(&scratch.at("a/b/cache"));
    assert_eq!(check(&zone).unwrap_err().kind(), ErrorKind::NotFound);
    prepare(&zone, None).unwrap();
    prepare(&zone, None).unwrap();
    check(&zone).unwrap();
    for dir in [&zone.path, &zone.temp] {
        let mode = fs::metadata(dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
    }
    assert_eq!(files(scratch.path()), [] as [PathBuf; 0]);
    let file = scratch.file("file", "");
    let error = prepare(&settings(&file), None).unwrap_err().to_string();
    assert!(error.starts_with(file.to_str().unwrap()), "{error}");
    assert!(prepare(&settings(&file.join("below")), None).is_err());
}

#[test]
fn new_directories_are_given_to_the_account() {
    use std::os::unix::fs::MetadataExt;
    if sys::effective_uid() != 0 {
        return;
    }
    let scratch = Scratch::new();
    let zone = settings(&scratch.at("a/cache"));
    prepare(&zone, Some((65534, 65533))).unwrap();
    for dir in [&scratch.at("a"), &zone.path, &zone.temp] {
        let meta = fs::metadata(dir).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (65534, 65533));
    }
    // What was there stays as it is.
    prepare(&zone, Some((1, 1))).unwrap();
    assert_eq!(fs::metadata(&zone.path).unwrap().uid(), 65534);
}
