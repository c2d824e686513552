//! Accounts, and what the process may use.

use std::ffi::{CStr, CString};
use std::io;

use super::cvt;

/// Largest buffer that an account's record may need; a directory service with longer ones is broken.
const ACCOUNT_MAX: usize = 1 << 20;

/// User and primary group of the account of that name; `None` when there is none.
///
/// # Errors
/// The user database can not be read.
pub fn user_ids(name: &CStr) -> io::Result<Option<(u32, u32)>> {
    with_account_buffer(|buffer| {
        // SAFETY: a passwd of zeros is valid (null pointers, zero ids), and is read only when the call fills it in.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the call, and the length is that of the buffer.
        let rc = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                &raw mut entry,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            )
        };
        (
            rc,
            (!found.is_null()).then_some((entry.pw_uid, entry.pw_gid)),
        )
    })
}

/// The id of the group of that name; `None` when there is none.
///
/// # Errors
/// The group database can not be read.
pub fn group_id(name: &CStr) -> io::Result<Option<u32>> {
    with_account_buffer(|buffer| {
        // SAFETY: a group of zeros is valid (null pointers, a zero id), and is read only when the call fills it in.
        let mut entry: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the call, and the length is that of the buffer.
        let rc = unsafe {
            libc::getgrnam_r(
                name.as_ptr(),
                &raw mut entry,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            )
        };
        (rc, (!found.is_null()).then_some(entry.gr_gid))
    })
}

/// Calls a `get…nam_r` function with a buffer that grows until the record fits.
fn with_account_buffer<T>(
    mut ask: impl FnMut(&mut [u8]) -> (libc::c_int, Option<T>),
) -> io::Result<Option<T>> {
    let mut buffer = vec![0u8; 1024];
    loop {
        match ask(&mut buffer) {
            (0, found) => return Ok(found),
            (libc::ERANGE, _) if buffer.len() < ACCOUNT_MAX => buffer.resize(buffer.len() * 4, 0),
            (libc::EINTR, _) => {}
            // What the C libraries say of a name that is not there, next to the 0 that the standard wants.
            (libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM, _) => return Ok(None),
            (code, _) => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// The effective user of the process.
pub fn effective_uid() -> u32 {
    // SAFETY: takes nothing and can not fail.
    unsafe { libc::geteuid() }
}

/// The effective group of the process.
pub fn effective_gid() -> u32 {
    // SAFETY: takes nothing and can not fail.
    unsafe { libc::getegid() }
}

/// For calls of which only success matters.
pub(super) fn check(result: libc::c_int) -> io::Result<()> {
    cvt(result).map(drop)
}

/// Takes on the supplementary groups of an account, and its group, real, effective and saved.
///
/// # Errors
/// As the system says; usually that the process is not root's.
pub fn set_groups(user: &CString, gid: u32) -> io::Result<()> {
    // initgroups takes an int on some systems, and the C library casts it back.
    #[allow(clippy::useless_conversion)]
    let base = gid
        .try_into()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the name is a C string that outlives the call.
    check(unsafe { libc::initgroups(user.as_ptr(), base) })?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::setresgid(gid, gid, gid) })
}

/// Does something with the rights that an account has to files, and no others; gives it the account's groups too. For this
/// thread alone, which is as before afterwards.
///
/// # Errors
/// As the system says; usually that the process is not root's. After an error the process must not go on.
pub fn with_files_of<T>(
    user: &CString,
    (uid, gid): (u32, u32),
    act: impl FnOnce(&[u32]) -> T,
) -> io::Result<T> {
    let (own, own_gid, own_groups) = (effective_uid(), effective_gid(), groups()?);
    // initgroups takes an int on some systems, and the C library casts it back.
    #[allow(clippy::useless_conversion)]
    let base = gid
        .try_into()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the name is a C string that outlives the call.
    check(unsafe { libc::initgroups(user.as_ptr(), base) })?;
    set_file_owner(uid, gid)?;
    let done = groups().map(|groups| act(&groups));
    set_file_owner(own, own_gid)?;
    // SAFETY: the list outlives the call, which gets its length.
    check(unsafe { libc::setgroups(own_groups.len() as _, own_groups.as_ptr()) })?;
    done
}

/// setfsuid and setfsgid answer with what was before, whether or not they did it.
fn set_file_owner(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: they take numbers only; the second calls change nothing.
    let now = unsafe {
        libc::setfsgid(gid);
        libc::setfsuid(uid);
        (libc::setfsuid(u32::MAX), libc::setfsgid(u32::MAX))
    };
    match now == (uid as libc::c_int, gid as libc::c_int) {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

/// The supplementary groups of the process.
fn groups() -> io::Result<Vec<u32>> {
    // SAFETY: with no room it only counts.
    let count = cvt(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut groups = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: there is room for as many as there are.
    let count = cvt(unsafe { libc::getgroups(count, groups.as_mut_ptr()) })?;
    groups.truncate(usize::try_from(count).unwrap_or(0));
    Ok(groups)
}

/// Takes on a user: real, effective and saved. The C library does so for every thread there is.
///
/// # Errors
/// As the system says; usually that the process is not root's.
pub fn set_user(uid: u32) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::setresuid(uid, uid, uid) })
}

/// Whether the process could become root again; tried, since that is the only proof.
pub fn can_become_root() -> bool {
    // SAFETY: takes a number only; that it fails is what the caller hopes for.
    unsafe { libc::setresuid(libc::uid_t::MAX, 0, libc::uid_t::MAX) == 0 }
}

/// How many descriptors the process may have open: now, and what it may raise that to.
///
/// # Errors
/// As the system says.
#[allow(clippy::useless_conversion)] // rlim_t has 32 bits on some systems
pub fn nofile_limit() -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    Ok((limit.rlim_cur.into(), limit.rlim_max.into()))
}

/// Sets both limits of open descriptors.
///
/// # Errors
/// As the system says: only root may raise the second.
#[allow(clippy::useless_conversion)]
pub fn set_nofile_limit(now: u64, most: u64) -> io::Result<()> {
    let narrow = |n: u64| libc::rlim_t::try_from(n).unwrap_or(libc::rlim_t::MAX);
    let limit = libc::rlimit {
        rlim_cur: narrow(now),
        rlim_max: narrow(most),
    };
    // SAFETY: the structure outlives the call.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
}

/// Bounds the heaps of glibc to `n`: it makes one for every few threads, each with memory of its own that is rarely
/// given back. Other C libraries have one heap anyway.
pub fn limit_heaps(n: i32) {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes numbers only; a refusal changes nothing.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, n);
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = n;
}
