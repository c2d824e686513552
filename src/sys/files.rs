//! Files below a directory, which no path leaves: neither by `..`, nor by a symbolic link, nor by a rename while it is
//! being opened.
//!
//! There are two ways. Linux 5.6 and later do it in one call (openat2 with RESOLVE_BENEATH): links that stay below the
//! directory are followed, absolute ones and those that lead out are refused. Where that call is missing (an older kernel, a
//! filter of system calls that does not know it) the path is walked segment by segment, and every symbolic link below the
//! directory is refused, since nothing else could be checked without a race. The directory itself is the operator's word:
//! links in its own path are followed.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cvt;

/// How a path below a directory is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// openat2(2), in one call.
    Kernel,
    /// Segment by segment, without symbolic links.
    Walk,
}

/// openat2 was found missing; it does not come back while we run.
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// How often openat2 is called again after EAGAIN: somebody renames or mounts all the time (openat2(2)).
const AGAIN_MAX: usize = 128;

/// For content: a FIFO must not block the thread, and no terminal becomes ours. O_LARGEFILE matters to 32-bit systems.
const READ: libc::c_int =
    libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_LARGEFILE | libc::O_CLOEXEC;

/// For a directory that is only walked through, which needs no right to list it.
const PASS: libc::c_int = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;

/// Opens the file at `path` for reading, as content: links are followed, and a FIFO does not block. What it is, the caller
/// must ask.
///
/// # Errors
/// As open(2).
pub fn open_content(path: &Path) -> io::Result<File> {
    // The standard library adds O_CLOEXEC and O_LARGEFILE.
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// Opens a file of our own for reading, or for reading and writing: no symbolic link is followed at the end of the path, a FIFO
/// does not block, and no time of access is written. What it is, the caller must ask.
///
/// # Errors
/// As open(2): ELOOP for a symbolic link.
pub fn open_own(path: &Path, write: bool) -> io::Result<File> {
    let open = |extra: libc::c_int| {
        OpenOptions::new()
            .read(true)
            .write(write)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | extra)
            .open(path)
    };
    match open(libc::O_NOATIME) {
        // The file is another user's, which only says that its time can not be spared.
        Err(e) if e.raw_os_error() == Some(libc::EPERM) => open(0),
        other => other,
    }
}

/// Whether an open failed because a symbolic link was at the end of the path.
pub fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

/// When the content of a file was changed, in seconds since 1970; 0 for what is older.
///
/// On machines of 32 bits musl's stat has 32 bits for a time, so that what is past 2038 looks older than 1970; there the kernel
/// is asked once more.
pub fn modified(file: &File, meta: &Metadata) -> u64 {
    let time = match meta.mtime() {
        ..0 if cfg!(all(target_env = "musl", target_pointer_width = "32")) => long_mtime(file),
        time => time,
    };
    u64::try_from(time).unwrap_or(0)
}

fn long_mtime(file: &File) -> i64 {
    // SAFETY: statx is plain data, for which zero is a value.
    let mut found: libc::statx = unsafe { mem::zeroed() };
    // SAFETY: the path is empty and NUL-terminated, `found` is where the result goes; both live through the call. Where it
    // fails, zeros remain.
    unsafe {
        libc::syscall(
            libc::SYS_statx,
            file.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            libc::STATX_MTIME,
            &raw mut found,
        )
    };
    found.stx_mtime.tv_sec
}

/// Bytes that are free for us on the file system of `path` (statvfs).
///
/// # Errors
/// As statvfs(3).
pub fn free_space(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: statvfs64 is plain data, for which zero is a value.
    let mut found: libc::statvfs64 = unsafe { mem::zeroed() };
    // SAFETY: `path` is NUL-terminated, `found` is where the result goes; both live through the call.
    cvt(unsafe { libc::statvfs64(path.as_ptr(), &raw mut found) })?;
    // The types differ between systems.
    let bytes = u128::from(found.f_bavail) * u128::from(found.f_frsize);
    Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// Opens `rest` below the directory `base` for reading, as content; never anything outside of it. `rest` is relative: segments
/// with one slash between them. What kind of file it is, the caller must ask. [`Way::Kernel`] becomes a walk where the kernel
/// can not do it.
///
/// # Errors
/// As openat2(2): EXDEV or ELOOP for a path that leads out, or, without openat2, ELOOP or ENOTDIR for any symbolic link.
/// InvalidInput for an empty path, a NUL and an empty, `.` or `..` segment. EAGAIN when renames kept it from being followed.
pub fn open_beneath(way: Way, base: &Path, rest: &[u8]) -> io::Result<File> {
    check(rest)?;
    let base = open_directory(base)?;
    open_at(way, base.as_fd(), rest, READ).map(File::from)
}

/// Opens the directory `rest` below `base` as a place: not for listing. An empty `rest` is `base` itself.
///
/// # Errors
/// As [`open_beneath`]; ENOTDIR for what is no directory.
pub fn open_directory_beneath(way: Way, base: &Path, rest: &[u8]) -> io::Result<OwnedFd> {
    let base = open_directory(base)?;
    if rest.is_empty() {
        return Ok(base);
    }
    check(rest)?;
    open_at(way, base.as_fd(), rest, PASS)
}

/// The same, and makes the directories that are missing below `base`, which must be there. New ones get `mode`, whatever the
/// umask.
///
/// # Errors
/// As [`open_directory_beneath`] and mkdir(2).
pub fn make_directories_beneath(
    way: Way,
    base: &Path,
    rest: &[u8],
    mode: u32,
) -> io::Result<OwnedFd> {
    let base = open_directory(base)?;
    if rest.is_empty() {
        return Ok(base);
    }
    check(rest)?;
    // From the end towards the base: usually all is there.
    let mut end = rest.len();
    let mut dir = loop {
        let there = rest.get(..end).unwrap_or_default();
        if there.is_empty() {
            break base;
        }
        match open_at(way, base.as_fd(), there, PASS) {
            Ok(dir) => break dir,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                end = there.iter().rposition(|&b| b == b'/').unwrap_or(0)
            }
            Err(e) => return Err(e),
        }
    };
    for name in rest.get(end..).unwrap_or_default().split(|&b| b == b'/') {
        if !name.is_empty() {
            dir = make_directory_in(dir.as_fd(), &CString::new(name)?, mode)?;
        }
    }
    Ok(dir)
}

/// Makes the directory `name`, which another thread or process may just have made too, and opens it. One that was there
/// keeps its mode.
fn make_directory_in(dir: BorrowedFd<'_>, name: &CStr, mode: u32) -> io::Result<OwnedFd> {
    // SAFETY: `name` is NUL-terminated and lives through the call; the descriptor is borrowed for it.
    match cvt(unsafe { libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode as libc::mode_t) }) {
        Ok(_) => {
            // Open for reading: a descriptor of a mere place can not change the mode.
            let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
            let made = File::from(open_one(dir, name, flags, 0)?);
            // The umask had its say in mkdirat.
            made.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
            Ok(made.into())
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            open_one(dir, name, PASS | libc::O_NOFOLLOW, 0)
        }
        Err(e) => Err(e),
    }
}

/// A file without a name in `dir`: mode 0600, closed on exec (O_TMPFILE).
///
/// # Errors
/// As open(2); EOPNOTSUPP, EISDIR or EINVAL where the file system or the kernel has no O_TMPFILE.
pub fn unnamed_file_in(dir: BorrowedFd<'_>) -> io::Result<File> {
    let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_LARGEFILE | libc::O_CLOEXEC;
    open_one(dir, c".", flags, 0o600).map(File::from)
}

/// A new file in `dir`: mode 0600, closed on exec.
///
/// # Errors
/// As open(2); AlreadyExists where the name is taken, if only by a link that leads nowhere.
pub fn create_file_in(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<File> {
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_RDWR;
    let flags = flags | libc::O_LARGEFILE | libc::O_CLOEXEC;
    open_one(dir, name, flags, 0o600).map(File::from)
}

/// Whether [`link_in`] can work: it needs the `proc` file system.
pub fn can_link() -> bool {
    Path::new("/proc/self/fd").exists()
}

/// Gives a file without a name the name `name` in `dir`, which must be of the same file system.
///
/// # Errors
/// As linkat(2); AlreadyExists where the name is taken.
pub fn link_in(file: &File, dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // The other way, AT_EMPTY_PATH, needs CAP_DAC_READ_SEARCH before Linux 6.10.
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    // SAFETY: both paths are NUL-terminated and live through the call; the descriptors are borrowed for it.
    cvt(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            dir.as_raw_fd(),
            name.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })?;
    Ok(())
}

/// Renames `from` to `to` within `dir`; a file or link of that name is replaced in one step.
///
/// # Errors
/// As renameat(2): EISDIR where `to` is a directory.
pub fn rename_in(dir: BorrowedFd<'_>, from: &CStr, to: &CStr) -> io::Result<()> {
    let fd = dir.as_raw_fd();
    // SAFETY: both names are NUL-terminated and live through the call; the descriptor is borrowed for it.
    cvt(unsafe { libc::renameat(fd, from.as_ptr(), fd, to.as_ptr()) })?;
    Ok(())
}

/// Removes the file `name` from `dir`.
///
/// # Errors
/// As unlinkat(2).
pub fn remove_in(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the name is NUL-terminated and lives through the call; the descriptor is borrowed for it.
    cvt(unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), 0) })?;
    Ok(())
}

/// The way that works here, as far as is known.
pub fn way() -> Way {
    match NO_OPENAT2.load(Ordering::Relaxed) {
        true => Way::Walk,
        false => Way::Kernel,
    }
}

/// What a relative path must be before it is opened. Callers have normalised it; this is the second lock on the door.
fn check(rest: &[u8]) -> io::Result<()> {
    let is_bad = |segment: &[u8]| matches!(segment, b"" | b"." | b"..") || segment.contains(&0);
    match rest.split(|&b| b == b'/').any(is_bad) {
        true => Err(io::ErrorKind::InvalidInput.into()),
        false => Ok(()),
    }
}

/// The directory at `path`, as a place: not for listing. Links are followed.
///
/// # Errors
/// As open(2); ENOTDIR for what is no directory.
pub fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let options = OpenOptions::new()
        .read(true)
        .custom_flags(PASS)
        .open(path)?;
    Ok(options.into())
}

/// Opens `rest`, which has been checked, below `base`.
fn open_at(way: Way, base: BorrowedFd<'_>, rest: &[u8], flags: libc::c_int) -> io::Result<OwnedFd> {
    if way == Way::Walk {
        return walk(base, rest, flags);
    }
    match openat2(base, &CString::new(rest)?, flags) {
        Err(e) if is_missing(&e) => {
            NO_OPENAT2.store(true, Ordering::Relaxed);
            walk(base, rest, flags)
        }
        other => other,
    }
}

/// Whether openat2 itself is missing. A filter of system calls may say EPERM, which a file system may mean: then a call that
/// nobody but a filter would refuse tells them apart.
fn is_missing(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => true,
        Some(libc::EPERM) => match open_directory(Path::new("/")) {
            Ok(root) => openat2(root.as_fd(), c".", PASS)
                .is_err_and(|e| e.raw_os_error() == Some(libc::EPERM)),
            Err(_) => false,
        },
        _ => false,
    }
}

/// Follows `rest` segment by segment. Every descriptor is of a directory that was below its parent when it was opened, so
/// that a rename can move what is found, but never lead elsewhere.
fn walk(base: BorrowedFd<'_>, rest: &[u8], flags: libc::c_int) -> io::Result<OwnedFd> {
    let mut segments = rest.split(|&b| b == b'/').peekable();
    let mut held: Option<OwnedFd> = None;
    while let Some(segment) = segments.next() {
        let name = CString::new(segment)?;
        let flags = match segments.peek() {
            Some(_) => PASS,
            None => flags,
        };
        let dir = held.as_ref().map_or(base, |fd| fd.as_fd());
        held = Some(open_one(dir, &name, flags | libc::O_NOFOLLOW, 0)?);
    }
    held.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// openat(2), again when a signal interrupts it.
fn open_one(
    dir: BorrowedFd<'_>,
    name: &CStr,
    flags: libc::c_int,
    mode: libc::c_uint,
) -> io::Result<OwnedFd> {
    loop {
        // SAFETY: `name` is NUL-terminated and lives through the call; the descriptor is borrowed for it.
        match cvt(unsafe { libc::openat(dir.as_raw_fd(), name.as_ptr(), flags, mode) }) {
            // SAFETY: the kernel has just given us this descriptor.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
    }
}

/// openat2(2) with RESOLVE_BENEATH, again while the kernel says that it could not be sure.
fn openat2(base: BorrowedFd<'_>, path: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: an open_how of zeros is valid; it has no other constructor.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = flags as u64;
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    let mut again = 0;
    loop {
        // SAFETY: `path` is NUL-terminated, `how` has the size that is given; both live through the call.
        let result = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                base.as_raw_fd(),
                path.as_ptr(),
                &raw const how,
                size_of::<libc::open_how>(),
            )
        };
        // Descriptors fit an int.
        match cvt(result as libc::c_int) {
            // SAFETY: the kernel has just given us this descriptor.
            Ok(fd) => return Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) && again < AGAIN_MAX => again += 1,
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod tests;
