//! What is below a directory and what is not, by both ways.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::*;
use crate::respond::scratch::Scratch;

const WAYS: [Way; 2] = [Way::Kernel, Way::Walk];

fn read(way: Way, base: &Path, rest: &str) -> io::Result<String> {
    let mut text = String::new();
    open_beneath(way, base, rest.as_bytes())?.read_to_string(&mut text)?;
    Ok(text)
}

#[track_caller]
fn errno(result: io::Result<String>) -> i32 {
    let error = result.expect_err("it must not open");
    error.raw_os_error().unwrap_or(0)
}

/// `in/` with files and links, beside `out/` with a secret.
fn tree() -> (Scratch, PathBuf) {
    let tree = Scratch::new();
    tree.file("in/f", "inside");
    tree.file("in/a/b/f", "deep");
    tree.file("out/f", "secret");
    tree.link("a/b", "in/to-dir");
    tree.link("a/b/f", "in/to-file");
    tree.link("../f", "in/a/up");
    tree.link("../out", "in/out");
    tree.link("../out/f", "in/secret");
    tree.link("/etc", "in/absolute");
    tree.link(tree.at("in/f"), "in/absolute-inside");
    tree.link("loop", "in/loop");
    tree.link("/proc/self/root", "in/magic");
    let base = tree.at("in");
    (tree, base)
}

#[test]
fn files_below_the_directory_are_opened_both_ways() {
    let (tree, base) = tree();
    tree.link("in", "link-to-base");
    for way in WAYS {
        assert_eq!(read(way, &base, "f").unwrap(), "inside");
        assert_eq!(read(way, &base, "a/b/f").unwrap(), "deep");
        let linked = tree.at("link-to-base");
        assert_eq!(read(way, &linked, "a/b/f").unwrap(), "deep", "{way:?}");
        assert_eq!(errno(read(way, &base, "none")), libc::ENOENT);
        assert_eq!(errno(read(way, &base, "none/f")), libc::ENOENT);
        assert_eq!(errno(read(way, &base, "f/f")), libc::ENOTDIR);
        assert_eq!(
            errno(read(way, &base, &"n".repeat(300))),
            libc::ENAMETOOLONG
        );
    }
}

#[test]
fn links_that_stay_below_are_followed_by_the_kernel_alone() {
    let (_tree, base) = tree();
    for (rest, content) in [
        ("to-dir/f", "deep"),
        ("to-file", "deep"),
        ("a/up", "inside"),
    ] {
        if way() == Way::Kernel {
            assert_eq!(read(Way::Kernel, &base, rest).unwrap(), content);
        }
        let refused = errno(read(Way::Walk, &base, rest));
        assert!([libc::ELOOP, libc::ENOTDIR].contains(&refused), "{rest}");
    }
}

#[test]
fn links_that_lead_out_are_refused_both_ways() {
    let (_tree, base) = tree();
    let out = [
        "out/f",
        "secret",
        "absolute/passwd",
        "absolute",
        "absolute-inside",
        "loop",
        "magic/etc/passwd",
    ];
    for way in WAYS {
        for rest in out {
            let refused = errno(read(way, &base, rest));
            let expected = [libc::EXDEV, libc::ELOOP, libc::ENOTDIR];
            assert!(expected.contains(&refused), "{way:?} {rest}: {refused}");
        }
    }
}

#[test]
fn paths_that_are_not_normal_are_not_even_tried() {
    let (_tree, base) = tree();
    let bad = [
        "", "/", "/f", "f/", "a//b", ".", "..", "a/..", "../in/f", "a/../f", "./f", "a/.", "f\0",
        "a\0/f",
    ];
    for way in WAYS {
        for rest in bad {
            let error = read(way, &base, rest).expect_err(rest);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{rest:?}");
            assert_eq!(error.raw_os_error(), None, "{rest:?}");
        }
        // Names that only look like it.
        assert_eq!(errno(read(way, &base, "..f/.g/...")), libc::ENOENT);
    }
}

#[test]
fn a_fifo_does_not_block_and_a_descriptor_is_not_inherited() {
    let tree = Scratch::new();
    let path = CString::new(tree.at("fifo").as_os_str().as_encoded_bytes()).unwrap();
    // SAFETY: the path is NUL-terminated and lives through the call.
    cvt(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }).unwrap();
    tree.file("f", "x");
    for way in WAYS {
        assert_eq!(read(way, tree.path(), "fifo").unwrap(), "");
        let file = open_beneath(way, tree.path(), b"f").unwrap();
        // SAFETY: F_GETFD touches no memory.
        let flags = cvt(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) }).unwrap();
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }
    assert_eq!(
        open_content(&tree.at("fifo"))
            .unwrap()
            .metadata()
            .unwrap()
            .len(),
        0
    );
}

/// Somebody swaps a directory and a link to the outside for as long as paths through it are opened.
#[test]
fn a_race_of_renames_never_leads_out() {
    const ROUNDS: usize = 3000;
    for way in WAYS {
        let tree = Scratch::new();
        tree.file("in/a/b/f", "inside");
        tree.file("out/b/f", "secret");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    fs::rename(tree.at("in/a"), tree.at("kept")).unwrap();
                    symlink("../out", tree.at("in/a")).unwrap();
                    fs::rename(tree.at("in/a"), tree.at("link")).unwrap();
                    fs::rename(tree.at("kept"), tree.at("in/a")).unwrap();
                    fs::remove_file(tree.at("link")).unwrap();
                }
            });
            for _ in 0..ROUNDS {
                match read(way, &tree.at("in"), "a/b/f") {
                    Ok(text) => assert_eq!(text, "inside", "{way:?}"),
                    Err(e) => {
                        let code = e.raw_os_error().unwrap_or(0);
                        let expected = [
                            libc::ENOENT,
                            libc::EXDEV,
                            libc::ENOTDIR,
                            libc::ELOOP,
                            libc::EAGAIN,
                        ];
                        assert!(expected.contains(&code), "{way:?}: {e}");
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        // Both states are what the race was about.
        assert_eq!(read(way, &tree.at("in"), "a/b/f").unwrap(), "inside");
        fs::rename(tree.at("in/a"), tree.at("kept")).unwrap();
        tree.link("../out", "in/a");
        assert!(read(way, &tree.at("in"), "a/b/f").is_err());
        assert_eq!(fs::read_to_string(tree.at("in/a/b/f")).unwrap(), "secret");
    }
}

/// The race of somebody who makes directories: what is stored must not land outside either.
#[test]
fn a_race_of_renames_never_makes_a_directory_outside() {
    const ROUNDS: usize = 500;
    for way in WAYS {
        let tree = Scratch::new();
        tree.dir("in/a");
        tree.dir("out");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    fs::rename(tree.at("in/a"), tree.at("kept")).unwrap();
                    // The maker may be here at any moment, so that any of these may fail.
                    if symlink("../out", tree.at("in/a")).is_ok() {
                        let _ = fs::remove_file(tree.at("in/a"));
                    }
                    let _ = fs::remove_dir_all(tree.at("in/a"));
                    if fs::rename(tree.at("kept"), tree.at("in/a")).is_err() {
                        let _ = fs::remove_dir_all(tree.at("kept"));
                        let _ = fs::create_dir_all(tree.at("in/a"));
                    }
                }
            });
            for _ in 0..ROUNDS {
                // Success or not: what counts is where.
                let _ = make_directories_beneath(way, &tree.at("in"), b"a/x/y", 0o755);
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(fs::read_dir(tree.at("out")).unwrap().count(), 0, "{way:?}");
    }
}

#[test]
fn missing_directories_are_made_with_their_mode_and_others_are_left_alone() {
    for way in WAYS {
        let tree = Scratch::new();
        let there = tree.dir("in/there");
        fs::set_permissions(&there, fs::Permissions::from_mode(0o711)).unwrap();
        let mode = |name: &str| fs::metadata(tree.at(name)).unwrap().permissions().mode() & 0o777;
        for _ in 0..2 {
            let made = make_directories_beneath(way, &tree.at("in"), b"there/x/y", 0o775).unwrap();
            create_file_in(made.as_fd(), c"f").map(drop).unwrap();
            remove_in(made.as_fd(), c"f").unwrap();
        }
        assert_eq!(mode("in/there"), 0o711);
        assert_eq!((mode("in/there/x"), mode("in/there/x/y")), (0o775, 0o775));
        let base = make_directories_beneath(way, &tree.at("in"), b"", 0o775).unwrap();
        assert!(
            unnamed_file_in(base.as_fd()).is_ok() || create_file_in(base.as_fd(), c"g").is_ok()
        );

        // No way out, no way through a file, no base made.
        tree.dir("out");
        tree.link("../out", "in/out");
        tree.file("in/file", "");
        for rest in ["out/x", "file/x", "there/../../out/x"] {
            let made = make_directories_beneath(way, &tree.at("in"), rest.as_bytes(), 0o755);
            assert!(made.is_err(), "{way:?} {rest}");
        }
        assert!(make_directories_beneath(way, &tree.at("none"), b"x", 0o755).is_err());
        assert!(!tree.at("none").exists());
        assert_eq!(fs::read_dir(tree.at("out")).unwrap().count(), 0);
    }
}

/// Refuses openat2 in this thread, for good.
fn forbid_openat2(errno: i32) -> bool {
    let op = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let mut program = [
        // The number of the call is the first word of what a filter sees.
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_openat2 as u32,
        ),
        op(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | errno as u32,
        ),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: both calls concern this thread alone; the program lives through the call, which copies it.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(
                libc::PR_SET_SECCOMP,
                libc::SECCOMP_MODE_FILTER,
                &raw const filter,
            ) == 0
    }
}

#[test]
fn a_kernel_or_a_filter_without_openat2_makes_us_walk() {
    let (_tree, base) = tree();
    for errno_of_filter in [libc::ENOSYS, libc::EPERM] {
        let base = base.clone();
        let test = move || {
            if !forbid_openat2(errno_of_filter) {
                eprintln!("NOT POSSIBLE HERE: filters of system calls");
                return;
            }
            NO_OPENAT2.store(false, Ordering::Relaxed);
            assert_eq!(read(Way::Kernel, &base, "a/b/f").unwrap(), "deep");
            assert_eq!(way(), Way::Walk);
            // Not by openat2, which would follow it.
            assert!(read(Way::Kernel, &base, "to-dir/f").is_err());
            assert!(read(Way::Kernel, &base, "secret").is_err());
            NO_OPENAT2.store(false, Ordering::Relaxed);
        };
        std::thread::spawn(test)
            .join()
            .expect("the thread with the filter");
    }
}

#[test]
fn an_eperm_of_one_file_is_not_taken_for_a_missing_call() {
    let eperm = io::Error::from_raw_os_error(libc::EPERM);
    let root = open_directory(Path::new("/")).unwrap();
    // Unless this very process runs under such a filter.
    let works = openat2(root.as_fd(), c".", PASS).is_ok();
    assert_eq!(is_missing(&eperm), !works);
    assert!(is_missing(&io::Error::from_raw_os_error(libc::ENOSYS)));
    assert!(!is_missing(&io::Error::from_raw_os_error(libc::ENOENT)));
}

#[test]
fn our_own_files_are_opened_without_links() {
    let scratch = Scratch::new();
    let file = scratch.file("file", "text");
    scratch.link(&file, "link");
    for write in [false, true] {
        assert!(open_own(&file, write).is_ok());
        assert!(is_link(&open_own(&scratch.at("link"), write).unwrap_err()));
        let error = open_own(&scratch.at("gone"), write).unwrap_err();
        assert!(!is_link(&error));
    }
}

#[test]
fn a_file_system_says_what_is_free() {
    let scratch = Scratch::new();
    assert!(free_space(scratch.path()).unwrap() > 0);
    assert!(free_space(&scratch.at("gone")).is_err());
}

#[test]
fn a_time_is_read_beyond_2038_and_before_1970() {
    let tree = Scratch::new();
    for (stamp, expected) in [
        ("@4102444800", 4_102_444_800),
        ("@784111777", 784_111_777),
        ("@-86400", 0),
    ] {
        let path = tree.file("f", "x");
        let touch = std::process::Command::new("touch")
            .args(["-d", stamp])
            .arg(&path)
            .status();
        assert!(touch.unwrap().success());
        let file = File::open(&path).unwrap();
        assert_eq!(
            modified(&file, &file.metadata().unwrap()),
            expected,
            "{stamp}"
        );
    }
}
