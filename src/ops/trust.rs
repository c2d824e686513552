//! Whether an account could have led a path elsewhere, by a link or by a directory of its own. What root opens or gives
//! away there would be what the account likes (as in CVE-2016-1247), so root must not.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// As the kernel has it: more of them are a circle.
const LINKS: usize = 40;
const STICKY: u32 = 0o1000;
const BY_GROUP: u32 = 0o020;
const BY_OTHERS: u32 = 0o002;

/// Whether every directory on the way to `path`, links followed, is root's and can not be altered by who is in these
/// `groups`, or at least the entry in it can not. What the last part is does not matter, nor whether it is there.
pub fn is_roots(path: &Path, groups: &[u32]) -> bool {
    let Ok(path) = std::path::absolute(path) else {
        return false;
    };
    let mut at = PathBuf::from("/");
    let mut left: Vec<OsString> = parts(&path);
    let mut links = 0;
    while let Some(part) = left.pop() {
        if part == ".." {
            // Links have been followed up to here.
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let entry = next.symlink_metadata();
        if !at
            .symlink_metadata()
            .is_ok_and(|dir| keeps(&dir, entry.as_ref().ok(), groups))
        {
            return false;
        }
        match entry {
            Ok(entry) if entry.is_symlink() => {
                links += 1;
                let Ok(target) = next.read_link() else {
                    return false;
                };
                if links > LINKS {
                    return false;
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                left.extend(parts(&target));
            }
            Ok(entry) if entry.is_dir() => at = next,
            Ok(_) => return left.is_empty(),
            Err(e) => return e.kind() == ErrorKind::NotFound && left.is_empty(),
        }
    }
    true
}

/// The last part first.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev();
    let kept = parts.filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    kept.map(|part| part.as_os_str().to_owned()).collect()
}

/// Whether what a directory has under one name stays that.
fn keeps(dir: &Metadata, entry: Option<&Metadata>, groups: &[u32]) -> bool {
    let mode = dir.mode();
    let altered = mode & BY_OTHERS != 0 || mode & BY_GROUP != 0 && groups.contains(&dir.gid());
    let is_fixed = || mode & STICKY != 0 && entry.is_some_and(|entry| entry.uid() == 0);
    dir.uid() == 0 && (!altered || is_fixed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn what_another_could_have_planted_is_not_roots() {
        if crate::sys::effective_uid() != 0 {
            return eprintln!("left out: needs root");
        }
        const THEM: u32 = 65_534;
        let dir = std::env::temp_dir().join(format!("scgate-test-trust-{}", std::process::id()));
        let at = |name: &str| dir.join(name);
        for name in ["ours", "theirs/below", "group", "shared"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        chown(at("theirs"), Some(THEM), None).unwrap();
        chown(at("group"), None, Some(THEM)).unwrap();
        fs::set_permissions(at("group"), Permissions::from_mode(0o775)).unwrap();
        fs::set_permissions(at("shared"), Permissions::from_mode(0o1777)).unwrap();
        fs::write(at("shared/ours"), "").unwrap();
        symlink("../ours/file", at("ours/link")).unwrap();
        symlink("/etc", at("theirs/etc")).unwrap();
        symlink("../theirs/file", at("ours/leads")).unwrap();
        symlink("circle", at("ours/circle")).unwrap();
        let is_ours = |name: &str| is_roots(&at(name), &[THEM]);
        for name in ["ours/none", "ours/link", "ours/../ours/x", "shared/ours"] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "theirs/file",
            "theirs/below/file",
            "theirs/etc/file",
            "ours/leads",
            "ours/circle",
            "group/file",
            "shared/none",
            "none/file",
            "shared/ours/file",
        ] {
            assert!(!is_ours(name), "{name}");
        }
        assert!(is_roots(&at("group/file"), &[]));
        assert!(is_roots(Path::new("/dev/fd/2"), &[THEM]));
        fs::remove_dir_all(&dir).unwrap();
    }
}
