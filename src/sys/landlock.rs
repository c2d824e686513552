//! Landlock: the process itself gives up what it will not open (Linux 5.19 and later, where it is switched on).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
/// Renames and links from one directory to another; without it none is possible, hence the second version.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;

/// Reading files and directories below a directory.
pub const MAY_READ: u64 = READ_FILE | READ_DIR;
/// Removing what is no directory.
pub const MAY_REMOVE: u64 = 1 << 5;
/// Making, writing and removing files and directories, without reading them.
pub const MAY_WRITE: u64 =
    WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | REFER | MAY_REMOVE | REMOVE_DIR;
/// Making files and writing them.
pub const MAY_ADD: u64 = WRITE_FILE | MAKE_REG;
/// Making Unix sockets.
pub const MAY_MAKE_SOCKETS: u64 = MAKE_SOCK;

/// What can be said about a single file.
const OF_FILES: u64 = WRITE_FILE | READ_FILE | TRUNCATE;

/// Everything the second version knows, and the bit of the third. Device commands are left alone: nothing here opens one.
const ALL: u64 = (1 << 14) - 1;
/// No signals to, and no abstract sockets of, processes outside (sixth version).
const SCOPES: u64 = 3;

// The three calls have the same distance to this one on every processor.
const CREATE: libc::c_long = libc::SYS_openat2 + 7;
const ADD: libc::c_long = CREATE + 1;
const RESTRICT: libc::c_long = CREATE + 2;

/// Rules in the making. What no rule allows can not be opened for that once they hold; what is open already stays so.
#[derive(Debug)]
pub struct Confinement {
    rules: OwnedFd,
    handled: u64,
}

impl Confinement {
    /// Begins with nothing allowed.
    ///
    /// # Errors
    /// ENOSYS, EOPNOTSUPP or Unsupported where the kernel has no Landlock, none that is switched on, or too old a one.
    pub fn new() -> io::Result<Confinement> {
        let none: *const u64 = std::ptr::null();
        // SAFETY: this form, with a flag of 1, takes no structure and answers with the version.
        let version = call(unsafe { libc::syscall(CREATE, none, 0usize, 1u32) })?;
        let handled = match version {
            ..2 => return Err(io::ErrorKind::Unsupported.into()),
            2 => ALL,
            _ => ALL | TRUNCATE,
        };
        let scopes = if version < 6 { 0 } else { SCOPES };
        let attributes = [handled, 0, scopes];
        let size = size_of_val(&attributes);
        // SAFETY: three numbers of 64 bits, as the sixth version has them; older ones take what they do not know if it is 0.
        let fd = call(unsafe { libc::syscall(CREATE, attributes.as_ptr(), size, 0u32) })?;
        // SAFETY: the kernel has just given us this descriptor.
        let rules = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Confinement { rules, handled })
    }

    /// Allows something at a path (links are followed, once) and below it.
    ///
    /// # Errors
    /// As open(2); nothing is allowed then.
    pub fn allow(&self, path: &Path, rights: u64) -> io::Result<()> {
        #[repr(C, packed)]
        struct Beneath {
            rights: u64,
            at: libc::c_int,
        }
        let at: File = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_CLOEXEC)
            .open(path)?;
        let mut rights = rights & self.handled;
        if !at.metadata()?.is_dir() {
            rights &= OF_FILES;
        }
        let rule = Beneath {
            rights,
            at: at.as_raw_fd(),
        };
        // SAFETY: the structure is that of rules about paths (kind 1), and both descriptors are open.
        call(unsafe { libc::syscall(ADD, self.rules.as_raw_fd(), 1u32, &raw const rule, 0u32) })
            .map(drop)
    }

    /// Holds the calling thread, and those it will start, to the rules, for ever. Needs no_new_privs.
    ///
    /// # Errors
    /// As the system says.
    pub fn begin(self) -> io::Result<()> {
        // SAFETY: takes a descriptor and a flag.
        call(unsafe { libc::syscall(RESTRICT, self.rules.as_raw_fd(), 0u32) }).map(drop)
    }
}

/// Answers of these calls fit an int.
#[allow(clippy::cast_possible_truncation)]
fn call(result: libc::c_long) -> io::Result<libc::c_int> {
    super::cvt(result as libc::c_int)
}
