//! Room on the disk, and the want of it (C85 to C90, Z47, Z53).

use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::{Cached, Origin, all_files};
use crate::common::{Pattern, Temp, cannot_here, until};

const VALID: [&str; 2] = ["--cache-valid", "200 10m"];

/// A small file system below a directory, taken away at the end.
struct Mount(CString);

impl Mount {
    /// `None` where we may not mount.
    fn new(test: &str, dir: &Temp, size: &str) -> Option<Mount> {
        let path = dir.path().join("cache");
        std::fs::create_dir(&path).expect("make a directory");
        let path = CString::new(path.to_str().expect("a path")).expect("a path");
        match mount(&path, 0, size) {
            Ok(()) => Some(Mount(path)),
            Err(e) => {
                cannot_here(test, &format!("mount: {e}"));
                None
            }
        }
    }

    /// Lays a file system over it that cannot be written to. A remount would be refused while a file is open for writing.
    fn cover(&self) -> Mount {
        mount(&self.0, libc::MS_RDONLY, "16k").expect("mount once more");
        Mount(self.0.clone())
    }
}

fn mount(path: &CString, flags: libc::c_ulong, size: &str) -> io::Result<()> {
    let data = CString::new(format!("size={size}")).expect("an option");
    // SAFETY: all pointers are to strings that live through the call.
    let rc = unsafe {
        let kind = c"tmpfs".as_ptr();
        libc::mount(kind, path.as_ptr(), kind, flags, data.as_ptr().cast())
    };
    match rc {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a string that lives through the call.
        unsafe { libc::umount2(self.0.as_ptr(), libc::MNT_DETACH) };
    }
}

/// A full file system costs the entry, not the response.
#[test]
fn a_full_disk_does_not_disturb_the_client() {
    for temp in ["use_temp_path=off", "use_temp_path=on"] {
        let dir = Temp::new();
        let Some(mount) = Mount::new("a_full_disk", &dir, "256k") else {
            return;
        };
        let body = Pattern::new().bytes(3_000_000);
        let origin = Origin::new();
        origin.says("/large", "", &body);
        let cached = Cached::within(dir, &origin, temp, &VALID);
        for _ in 0..3 {
            assert!(cached.client().get("/large").is(200).body == body, "{temp}");
        }
        cached.gate().logs("No space left on device");
        cached.get("/small").with(200, "MISS", "/small 1");
        let left = all_files(&cached.cache_dir());
        assert!(left.len() <= 1, "half a file is left: {left:?}");
        cached.get("/small").is("HIT", "/small 1");
        drop(mount);
    }
}

/// So does one that cannot be written to.
#[test]
fn a_read_only_disk_does_not_disturb_the_client() {
    let dir = Temp::new();
    let Some(mount) = Mount::new("a_read_only_disk", &dir, "16m") else {
        return;
    };
    let body = Pattern::new().bytes(1_000_000);
    let origin = Origin::new();
    origin.says("/large", "", &body);
    origin.says("/kept", "", &body);
    let cached = Cached::within(dir, &origin, "use_temp_path=off", &VALID);
    assert!(cached.client().get("/kept").body == body);
    cached.wait_files(1);
    let cover = mount.cover();
    for _ in 0..3 {
        assert!(cached.client().get("/large").is(200).body == body);
    }
    cached.gate().logs("Read-only file system");
    drop(cover);
    assert!(cached.client().get("/kept").is(200).body == body);
    assert!(cached.client().get("/large").is(200).body == body);
    assert_eq!(cached.client().get("/large").field("x-cache"), Some("HIT"));
    // A directory that something is mounted on cannot be removed.
    let dir = cached.stop();
    drop(mount);
    drop(dir);
}

/// Bytes that the stored files take, in blocks (C85).
fn taken(cached: &Cached) -> u64 {
    let files = cached.files().into_iter();
    let sizes = files.filter_map(|f| std::fs::metadata(cached.cache_dir().join(f)).ok());
    sizes.map(|m| m.blocks() * 512).sum()
}

/// C88, Z53: there is never more than allowed, and what was used last stays.
#[test]
fn there_is_never_more_than_max_size() {
    const MAX: u64 = 400 << 10;
    let body = Pattern::new().bytes(40_000);
    let origin = Origin::new();
    let cached = Cached::zoned(&origin, "levels=1:2 max_size=400k", &VALID);
    for n in 0..40 {
        let path = format!("/{n}");
        origin.says(&path, "", &body);
        assert!(cached.client().get(&path).body == body);
        let taken = taken(&cached);
        assert!(taken <= MAX, "{taken} bytes after {n} entries");
    }
    until("the last entry to be stored", || taken(&cached) > MAX / 2);
    assert_eq!(cached.client().get("/39").field("x-cache"), Some("HIT"));
    assert_eq!(cached.client().get("/0").field("x-cache"), Some("MISS"));
}

/// What would never fit is not stored at all, and drives nobody out.
#[test]
fn what_is_too_large_drives_nobody_out() {
    let body = Pattern::new().bytes(2_000_000);
    let origin = Origin::new();
    origin.says("/large", "", &body);
    let cached = Cached::zoned(&origin, "max_size=400k", &VALID);
    cached.get("/a").is("MISS", "/a 1");
    cached.wait_files(1);
    assert!(cached.client().get("/large").body == body);
    assert_eq!(cached.client().get("/large").field("x-cache"), Some("MISS"));
    cached.get("/a").is("HIT", "/a 1");
}

/// C88: what an earlier run stored is cut down to a smaller limit.
#[test]
fn a_smaller_limit_holds_after_a_restart() {
    let body = Pattern::new().bytes(40_000);
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    for n in 0..20 {
        origin.says(&format!("/{n}"), "", &body);
        assert!(cached.client().get(&format!("/{n}")).body == body);
    }
    cached.wait_files(20);
    let cached = cached.again(&origin, "max_size=200k", &VALID);
    until("the files to become fewer", || taken(&cached) <= 200 << 10);
}

/// C87: what nobody asks for is removed, however fresh.
#[test]
fn what_is_inactive_is_removed() {
    let origin = Origin::new();
    let cached = Cached::zoned(&origin, "inactive=2s manager_sleep=10ms", &VALID);
    cached.get("/a").is("MISS", "/a 1");
    cached.wait_files(1);
    cached.wait_files(0);
    cached.get("/a").is("MISS", "/a 2");
}

/// Z47: an index that is full costs entries, not responses.
#[test]
fn a_full_index_does_not_disturb_the_client() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    let padding = "x".repeat(1500);
    let mut client = cached.client();
    for n in 0..2000 {
        if n % 500 == 0 {
            client = cached.client();
        }
        super::ask(&mut client, "GET", &format!("/{n}?{padding}"), "");
        let got = super::take(&mut client, "GET");
        assert_eq!((got.status, got.cache.as_str()), (200, "MISS"), "{n}");
    }
    cached.get(&format!("/1999?{padding}")).is("HIT", "/1999 1");
}
