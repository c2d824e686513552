//! What stands under a name at which moment.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::respond::files::{self, Found};
use crate::respond::scratch::Scratch;

const WAYS: [Way; 2] = [Way::Kernel, Way::Walk];
const LAST_MODIFIED: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

fn place(base: &Path, rest: &str) -> Place {
    Place {
        base: base.into(),
        rest: rest.into(),
        index: rest.ends_with('/'),
    }
}

fn store(way: Way, place: &Place, content: &str) -> io::Result<()> {
    let mut store = Store::begin_by(way, place, 0o640)?;
    store.write(content.as_bytes())?;
    store.commit(None)
}

#[test]
fn a_stored_response_is_found_with_its_time_and_mode() {
    for way in WAYS {
        let tree = Scratch::new();
        let place = place(tree.path(), "a/b/f.html");
        let mut store = Store::begin_by(way, &place, 0o644).unwrap();
        store.write(b"hello ").unwrap();
        store.write(b"world").unwrap();
        store.commit(Some(LAST_MODIFIED)).unwrap();
        assert_eq!(tree.list(), ["a", "a/b", "a/b/f.html"]);
        let meta = fs::metadata(tree.at("a/b/f.html")).unwrap();
        assert_eq!((meta.mtime(), meta.mode() & 0o7777), (784_111_777, 0o644));
        let Found::File(open) = files::find_by(way, &place) else {
            panic!("it is a file");
        };
        assert_eq!((open.size, open.mtime), (11, 784_111_777));
    }
}

#[test]
fn a_date_that_the_machine_does_not_have_is_no_reason_to_keep_nothing() {
    let tree = Scratch::new();
    let mut store = Store::begin_by(Way::Walk, &place(tree.path(), "f"), 0o644).unwrap();
    store.write(b"x").unwrap();
    store
        .commit(Some(b"Fri, 31 Dec 9999 23:59:59 GMT"))
        .unwrap();
    assert_eq!(tree.list(), ["f"]);
}

#[test]
fn directories_are_searched_by_whoever_reads() {
    let table = [
        (0o600, 0o700),
        (0o640, 0o750),
        (0o644, 0o755),
        (0o666, 0o777),
        (0o400, 0o700),
    ];
    for (mode, dir_mode) in table {
        let tree = Scratch::new();
        let place = place(tree.path(), "d/e/f");
        Store::begin(&place, mode).unwrap().commit(None).unwrap();
        let seen = |name: &str| fs::metadata(tree.at(name)).unwrap().mode() & 0o7777;
        assert_eq!(
            (seen("d"), seen("d/e"), seen("d/e/f")),
            (dir_mode, dir_mode, mode)
        );
    }
}

#[test]
fn a_time_that_is_none_leaves_the_present() {
    let tree = Scratch::new();
    for value in [None, Some(b"yesterday".as_slice()), Some(b"")] {
        let place = place(tree.path(), "f");
        Store::begin(&place, 0o600).unwrap().commit(value).unwrap();
        assert!(fs::metadata(tree.at("f")).unwrap().mtime() > 1_600_000_000);
    }
}

#[test]
fn what_is_not_committed_leaves_nothing_behind() {
    for way in WAYS {
        let tree = Scratch::new();
        tree.file("d/f", "old");
        let place = place(tree.path(), "d/f");
        let mut store = Store::begin_by(way, &place, 0o600).unwrap();
        store.write(b"new").unwrap();
        assert_eq!(fs::read_to_string(tree.at("d/f")).unwrap(), "old");
        drop(store);
        assert_eq!(tree.list(), ["d", "d/f"]);
        assert_eq!(fs::read_to_string(tree.at("d/f")).unwrap(), "old");
    }
}

/// A store as it is where the file system has no nameless files.
fn named_store(place: &Place) -> Store {
    let mut store = Store::begin(place, 0o600).unwrap();
    let (file, temp) = named(|name| sys::create_file_in(store.dir.as_fd(), name)).unwrap();
    store.file = file;
    store.temp = Some(temp);
    store
}

#[test]
fn a_store_with_a_name_of_its_own_is_hidden_until_it_is_whole() {
    let tree = Scratch::new();
    let place = place(tree.path(), "f");
    let mut store = named_store(&place);
    store.write(b"half").unwrap();
    let names = tree.list();
    assert_eq!(names.len(), 1);
    assert!(names[0].as_bytes().starts_with(TEMP_PREFIX));
    let hidden = self::place(tree.path(), &names[0]);
    assert!(matches!(files::find(&hidden), Found::Status(404, _)));
    assert!(Store::begin(&hidden, 0o600).is_err());
    drop(store);
    assert!(tree.list().is_empty());

    let mut store = named_store(&place);
    store.write(b"whole").unwrap();
    store.commit(Some(LAST_MODIFIED)).unwrap();
    assert_eq!(tree.list(), ["f"]);
    assert_eq!(fs::read_to_string(tree.at("f")).unwrap(), "whole");
    assert_eq!(fs::metadata(tree.at("f")).unwrap().mtime(), 784_111_777);
}

#[test]
fn a_reader_finds_the_old_file_or_the_new_one_and_never_a_part() {
    const ROUNDS: usize = 100;
    let tree = Scratch::new();
    let content = |letter: char| letter.to_string().repeat(50_000);
    tree.file("d/f", &content('a'));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let place = place(tree.path(), "d/f");
            for round in 0..ROUNDS {
                let letter = ['b', 'c'][round % 2];
                let mut store = match round % 3 {
                    0 => named_store(&place),
                    _ => Store::begin(&place, 0o600).unwrap(),
                };
                for piece in content(letter).as_bytes().chunks(7_000) {
                    store.write(piece).unwrap();
                }
                store.commit(None).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut reads = 0;
        while !done.load(Ordering::Relaxed) || reads == 0 {
            let text = fs::read_to_string(tree.at("d/f")).expect("it is always there");
            assert_eq!(text.len(), 50_000);
            let first = text.chars().next().expect("a letter");
            assert!(text.chars().all(|letter| letter == first));
            reads += 1;
        }
    });
    assert_eq!(tree.list(), ["d", "d/f"]);
}

#[test]
fn a_directory_in_its_place_is_an_error_and_stays() {
    for way in WAYS {
        let tree = Scratch::new();
        tree.file("d/inner", "x");
        tree.dir("empty");
        for rest in ["d", "empty"] {
            let error = store(way, &place(tree.path(), rest), "new").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
            let path = tree.at(rest).display().to_string();
            assert!(error.to_string().starts_with(&path), "{error}");
        }
        for rest in ["d/", "", "new/"] {
            let mut place = place(tree.path(), rest.trim_end_matches('/'));
            place.index = true;
            assert!(store(way, &place, "new").is_err(), "{rest}");
        }
        assert_eq!(tree.list(), ["d", "d/inner", "empty"]);
    }
}

#[test]
fn nothing_is_stored_outside_of_the_base() {
    for way in WAYS {
        let tree = Scratch::new();
        let base = tree.dir("in");
        tree.dir("out");
        tree.file("out/kept", "old");
        tree.link("../out", "in/out");
        tree.link(tree.at("out"), "in/absolute");
        tree.file("in/file", "x");
        let bad = [
            "../out/f",
            "a/../../out/f",
            "out/f",
            "out/new/f",
            "absolute/f",
            "file/f",
            "a/..",
            ".",
            "..",
            "a//b",
            "f\0",
        ];
        for rest in bad {
            let result = store(way, &place(&base, rest), "new");
            assert!(result.is_err(), "{way:?} {rest:?}");
        }
        // The base itself is the operator's word, and made where it is missing.
        let missing = tree.at("in").join("missing");
        assert!(store(way, &place(&missing, "f"), "new").is_ok());
        assert!(store(way, &place(&tree.at("in/file"), "f"), "new").is_err());
        let outside: Vec<_> = tree
            .list()
            .into_iter()
            .filter(|name| !name.starts_with("in/"))
            .collect();
        assert_eq!(outside, ["in", "out", "out/kept"]);
    }
}

#[test]
fn a_base_that_is_missing_is_made() {
    for way in WAYS {
        let tree = Scratch::new();
        store(way, &place(&tree.at("a/b"), "c/f"), "new").expect("stored");
        assert_eq!(tree.list(), ["a", "a/b", "a/b/c", "a/b/c/f"]);
    }
}

#[test]
fn a_link_in_its_place_is_replaced_and_not_followed() {
    for way in WAYS {
        let tree = Scratch::new();
        tree.dir("in");
        tree.file("out", "old");
        tree.link("../out", "in/f");
        store(way, &place(&tree.at("in"), "f"), "new").unwrap();
        assert_eq!(fs::read_to_string(tree.at("out")).unwrap(), "old");
        assert!(!tree.at("in/f").is_symlink());
        assert_eq!(fs::read_to_string(tree.at("in/f")).unwrap(), "new");
    }
}

#[test]
fn a_place_may_be_one_file_by_itself() {
    let tree = Scratch::new();
    let place = Place {
        base: tree.at("f"),
        rest: Vec::new(),
        index: false,
    };
    store(Way::Kernel, &place, "one").unwrap();
    assert_eq!(fs::read_to_string(tree.at("f")).unwrap(), "one");
    let root = Place {
        base: "/".into(),
        ..place
    };
    assert!(store(Way::Kernel, &root, "x").is_err());
}

/// Two file systems below one base: the file is made where it will stand, so that its name comes by one rename.
#[test]
fn a_mount_below_the_base_is_no_obstacle() {
    // A memory file system is nearly everywhere; the base is the root of all.
    if !Path::new("/dev/shm").is_dir() {
        eprintln!("NOT POSSIBLE HERE: /dev/shm is missing");
        return;
    }
    let dir = format!("dev/shm/scgate-store-{}", std::process::id());
    for way in WAYS {
        let result = store(way, &place(Path::new("/"), &format!("{dir}/a/f")), "x");
        let found = fs::read_to_string(format!("/{dir}/a/f"));
        let entries = fs::read_dir(format!("/{dir}/a")).map(Iterator::count);
        let _ = fs::remove_dir_all(format!("/{dir}"));
        result.unwrap();
        assert_eq!(found.unwrap(), "x");
        assert_eq!(entries.unwrap(), 1);
    }
}

/// The umask belongs to the process, so this happens in one of its own: the test program runs this test again.
#[test]
fn the_umask_has_no_say() {
    const NAME: &str = "respond::store::tests::the_umask_has_no_say";
    if let Some(dir) = std::env::var_os("SCGATE_STORE_UNDER_UMASK") {
        let place = place(Path::new(&dir), "d/e/f");
        Store::begin(&place, 0o664).unwrap().commit(None).unwrap();
        return;
    }
    let tree = Scratch::new();
    let program = std::env::current_exe().expect("this program");
    let mut shell = std::process::Command::new("/bin/sh");
    shell
        .args(["-c", "umask 077 && exec \"$0\" --exact \"$1\""])
        .arg(program)
        .arg(NAME)
        .env("SCGATE_STORE_UNDER_UMASK", tree.path());
    let output = shell.output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    let mode = |name: &str| fs::metadata(tree.at(name)).unwrap().mode() & 0o7777;
    assert_eq!(
        (mode("d"), mode("d/e"), mode("d/e/f")),
        (0o775, 0o775, 0o664)
    );
}
