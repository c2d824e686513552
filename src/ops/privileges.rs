//! `--user`, `--pid`, and what the process may use.
//!
//! Order at start: sockets and logs are opened as whoever started the program, then privileges are dropped, then
//! threads start (a kept capability belongs to the calling thread and those it starts). No system call is made here
//! that `sys` does not wrap.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sys::{self, Capabilities};

/// An account as the system knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    name: CString,
    pub uid: u32,
    pub gid: u32,
    /// The command line names the group.
    group_named: bool,
}

/// Looks up the account of `--user`; without a group it is the user's own.
///
/// # Errors
/// No such user or group, or the databases can not be read; the message names it.
pub fn account(user: &str, group: Option<&str>) -> io::Result<Account> {
    let name = c_string("user", user)?;
    let found = sys::user_ids(&name).map_err(|e| named("user", user, &e))?;
    let (uid, own) = found.ok_or_else(|| unknown("user", user))?;
    let gid = group.map_or(Ok(own), group_id)?;
    Ok(Account {
        name,
        uid,
        gid,
        group_named: group.is_some(),
    })
}

/// Looks up a group by name, for `--user` and for Unix listeners.
///
/// # Errors
/// No such group, or the database can not be read; the message names it.
pub fn group_id(group: &str) -> io::Result<u32> {
    let name = c_string("group", group)?;
    let found = sys::group_id(&name).map_err(|e| named("group", group, &e))?;
    found.ok_or_else(|| unknown("group", group))
}

fn c_string(what: &str, name: &str) -> io::Result<CString> {
    CString::new(name).map_err(|_| unknown(what, name))
}

fn unknown(what: &str, name: &str) -> io::Error {
    io::Error::new(
        ErrorKind::NotFound,
        format!("there is no {what} \"{name}\""),
    )
}

fn named(what: &str, name: &str, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{what} \"{name}\" not looked up: {e}"))
}

impl Account {
    /// Does something with the account's rights to files; see [`sys::with_files_of`].
    ///
    /// # Errors
    /// The process must not go on.
    pub fn with_files<T>(&self, act: impl FnOnce(&[u32]) -> T) -> io::Result<T> {
        sys::with_files_of(&self.name, (self.uid, self.gid), act)
    }

    /// Whether the process is root's and will be this account's.
    pub fn is_to_come(&self) -> bool {
        sys::effective_uid() == 0 && self.uid != 0
    }
}

/// Gives up for good what the process does not need any more: with an account, root for that user, with its groups and no
/// way back, which is verified; and of every process that is not root's all capabilities but those of `needed` that it
/// has, however they came (by `--user`, from the file, or ambient ones of a service manager). One that stays root's
/// keeps the rights of root. A process that is not root's can only stay what it is: then the account must be its own.
///
/// # Errors
/// A system call that failed, or privileges that are still there. The process must not go on.
pub fn give_up(account: Option<&Account>, needed: u64) -> io::Result<()> {
    match account {
        Some(account) if sys::effective_uid() == 0 => become_user(account, needed)?,
        Some(account) => stay(account)?,
        None => {}
    }
    sys::no_new_privileges().map_err(|e| step("no_new_privs", &e))?;
    if sys::effective_uid() == 0 {
        return Ok(());
    }
    let had_any = shed(needed).map_err(|e| step("capabilities", &e))?;
    if account.is_some() || had_any {
        sys::hide_memory().map_err(|e| step("dumpable", &e))?;
    }
    match sys::can_become_root() {
        true => Err(io::Error::other("the process could still become root")),
        false => Ok(()),
    }
}

fn stay(account: &Account) -> io::Result<()> {
    let what = match account {
        _ if sys::effective_uid() != account.uid => "user",
        _ if account.group_named && sys::effective_gid() != account.gid => "group",
        _ => return Ok(()),
    };
    let why = format!("only root can change its {what}");
    Err(io::Error::new(ErrorKind::PermissionDenied, why))
}

fn become_user(account: &Account, needed: u64) -> io::Result<()> {
    sys::set_groups(&account.name, account.gid).map_err(|e| step("groups", &e))?;
    if account.uid == 0 {
        return Ok(());
    }
    // While there is the right to do so.
    sys::empty_bounding_set();
    sys::keep_capabilities(needed != 0).map_err(|e| step("keepcaps", &e))?;
    sys::set_user(account.uid).map_err(|e| step("user", &e))?;
    sys::keep_capabilities(false).map_err(|e| step("keepcaps", &e))
}

/// Gives up the capabilities that are not needed; says whether there were any at all.
fn shed(needed: u64) -> io::Result<bool> {
    let held = sys::capabilities()?;
    let mut kept = needed & held.permitted;
    if needed & !kept & sys::NET_RAW != 0 {
        kept |= held.permitted & sys::NET_ADMIN; // does as well
    }
    let wanted = Capabilities {
        effective: kept,
        permitted: kept,
        inheritable: 0,
    };
    // Not asked for without need: filters of system calls often forbid it.
    if held != wanted {
        sys::empty_bounding_set();
        sys::keep_only_capabilities(kept)?;
    }
    Ok(held.permitted | held.inheritable != 0)
}

fn step(what: &str, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("privileges not dropped ({what}): {e}"))
}

/// Raises the limit of open descriptors to `wanted`, or as near as allowed, and says what holds.
///
/// # Errors
/// The limit can not be read.
pub fn raise_nofile(wanted: u64) -> io::Result<u64> {
    let (now, most) = sys::nofile_limit()?;
    if now >= wanted {
        return Ok(now);
    }
    // Only root may lift the upper limit; everybody may go up to it.
    if most < wanted && sys::set_nofile_limit(wanted, wanted).is_ok() {
        return Ok(wanted);
    }
    let near = wanted.min(most);
    match sys::set_nofile_limit(near, most) {
        Ok(()) => Ok(near),
        Err(_) => Ok(now),
    }
}

/// Makes the allocator of glibc use two heaps: a worker takes few pieces of memory from it, and more heaps would only
/// each keep their own.
pub fn bound_heaps() {
    sys::limit_heaps(2);
}

/// `--pid`: a file with the number of this process, removed when this value is dropped if it still holds it.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file under another name and renames it, so that nobody reads half a number.
    ///
    /// # Errors
    /// The file can not be written; the message has its path.
    pub fn create(path: &Path) -> io::Result<PidFile> {
        // A device or a directory is never replaced by a rename, nor removed at the end: `--pid /dev/null`.
        // Nor is a file that some other thing is in.
        if std::fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_file() || !holds_pid(path)) {
            let what = format!("pid file {}: exists and is no pid file", path.display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, what));
        }
        let mut temp = path.as_os_str().to_owned();
        temp.push(format!(".{}", std::process::id()));
        let temp = PathBuf::from(temp);
        let written = write_pid(&temp).and_then(|()| std::fs::rename(&temp, path));
        written
            .map(|()| PidFile {
                path: path.to_owned(),
            })
            .map_err(|e| {
                let _ = std::fs::remove_file(&temp); // may not exist
                io::Error::new(e.kind(), format!("pid file {}: {e}", path.display()))
            })
    }
}

/// Whether a file is empty or holds a number, as pid files do.
fn holds_pid(path: &Path) -> bool {
    let mut text = [0; 32];
    let read = File::open(path).and_then(|mut file| file.read(&mut text));
    let digits = |bytes: &[u8]| bytes.trim_ascii().iter().all(u8::is_ascii_digit);
    read.is_ok_and(|count| count < text.len() && text.get(..count).is_some_and(digits))
}

fn write_pid(path: &Path) -> io::Result<()> {
    // What a crashed process of the same number left is in the way of create_new, which does not follow links.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let ours = std::fs::read_to_string(&self.path)
            .is_ok_and(|text| text.trim() == std::process::id().to_string());
        if !ours {
            return;
        }
        if let Err(e) = std::fs::remove_file(&self.path) {
            // Usual after --user: the directory is root's.
            log::debug!("pid file {}: not removed: {e}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn accounts_are_looked_up_by_name() {
        assert_eq!(
            account("root", None).map(|a| (a.uid, a.gid)).ok(),
            Some((0, 0))
        );
        assert_eq!(group_id("root").ok(), Some(0));
        assert!(
            account("no such user", None)
                .is_err_and(|e| e.to_string() == "there is no user \"no such user\"")
        );
        assert!(
            account("root", Some("no such group"))
                .is_err_and(|e| e.to_string().contains("no such group"))
        );
        assert!(account("ro\0ot", None).is_err());
    }

    #[test]
    fn a_pid_file_is_removed_by_its_owner_only() {
        let path = std::env::temp_dir().join(format!("scgate-pid-{}", std::process::id()));
        let ours = PidFile::create(&path).expect("created");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(ours);
        assert!(!path.exists());
        let ours = PidFile::create(&path).expect("created");
        std::fs::write(&path, "1\n").expect("written");
        drop(ours);
        assert!(path.exists());
        std::fs::remove_file(&path).expect("removed");
        assert!(
            PidFile::create(Path::new("/nonexistent/p"))
                .is_err_and(|e| e.to_string().contains("/nonexistent/p"))
        );
    }

    #[test]
    fn the_limit_of_descriptors_is_never_lowered() {
        let (now, most) = sys::nofile_limit().expect("readable");
        assert_eq!(raise_nofile(1).ok(), Some(now));
        let wanted = most.min(now + 1);
        assert!(raise_nofile(wanted).is_ok_and(|n| n >= wanted));
    }

    /// Runs one of the tests below in a process of its own, as the change can not be undone.
    fn alone(test: &str) {
        let me = std::env::current_exe().expect("the test binary");
        let name = format!("ops::privileges::tests::{test}");
        let status = Command::new(me)
            .args(["--exact", &name, "--ignored"])
            .env("SCGATE_ALONE", "1")
            .output();
        let output = status.expect("started");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }

    fn root_and_nobody() -> bool {
        let ready = sys::effective_uid() == 0 && account("nobody", None).is_ok();
        if !ready {
            eprintln!("left out: needs root and a user nobody");
        }
        ready
    }

    #[test]
    fn root_becomes_another_user_for_good() {
        if root_and_nobody() {
            alone("child_becomes_nobody");
            alone("child_keeps_one_capability");
        }
    }

    fn status_line(key: &str) -> String {
        let text = std::fs::read_to_string("/proc/thread-self/status").expect("readable");
        text.lines()
            .find_map(|l| l.strip_prefix(key))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    #[test]
    #[ignore = "run by root_becomes_another_user_for_good"]
    fn child_becomes_nobody() {
        if std::env::var_os("SCGATE_ALONE").is_none() {
            return;
        }
        let nobody = account("nobody", None).expect("looked up");
        let root = account("root", None).expect("looked up");
        give_up(Some(&nobody), 0).expect("given up");
        let uid = nobody.uid;
        assert_eq!(status_line("Uid:"), format!("{uid}\t{uid}\t{uid}\t{uid}"));
        assert_eq!(status_line("CapPrm:"), "0000000000000000");
        assert_eq!(status_line("NoNewPrivs:"), "1");
        assert!(give_up(Some(&nobody), 0).is_ok(), "nobody may stay nobody");
        let refused = |account: &Account, word: &str| {
            let result = give_up(Some(account), 0);
            result.is_err_and(|e| {
                e.kind() == ErrorKind::PermissionDenied && e.to_string().contains(word)
            })
        };
        assert!(refused(&root, "user"));
        let other = account("nobody", Some("root")).expect("looked up");
        assert!(refused(&other, "group"));
    }

    #[test]
    #[ignore = "run by root_becomes_another_user_for_good"]
    fn child_keeps_one_capability() {
        if std::env::var_os("SCGATE_ALONE").is_none() {
            return;
        }
        let nobody = account("nobody", None).expect("looked up");
        give_up(Some(&nobody), sys::NET_RAW).expect("given up");
        assert_eq!(status_line("CapPrm:"), "0000000000002000");
        assert_eq!(status_line("CapEff:"), "0000000000002000");
        let thread = std::thread::spawn(|| status_line("CapEff:"))
            .join()
            .expect("ended");
        assert_eq!(thread, "0000000000002000");
        assert!(!sys::can_become_root());
    }
}
