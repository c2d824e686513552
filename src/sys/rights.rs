//! Capabilities, and what else Linux lets a process give up.

use std::io;

use super::accounts::check;

/// Binding to ports below 1024 (the numbers are those of linux/capability.h, as bits).
pub const NET_BIND_SERVICE: u64 = 1 << 10;
/// Network administration, which among much else permits transparent proxying.
pub const NET_ADMIN: u64 = 1 << 12;
/// Raw sockets and transparent proxying.
pub const NET_RAW: u64 = 1 << 13;

/// The sets of a thread that `capset` knows. The ambient set is always within `permitted` and `inheritable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
}

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// The calling thread, and sets of 64 bits in two halves.
const HEADER: Header = Header {
    version: 0x2008_0522,
    pid: 0,
};

/// The capabilities of the calling thread.
///
/// # Errors
/// As the system says.
pub fn capabilities() -> io::Result<Capabilities> {
    let mut header = HEADER;
    let mut sets = [0u32; 6];
    // SAFETY: header and sets have the layout of this version, and outlive the call.
    let rc = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    if rc == -1 {
        return Err(io::Error::last_os_error());
    }
    let [e, p, i, high_e, high_p, high_i] = sets.map(u64::from);
    Ok(Capabilities {
        effective: high_e << 32 | e,
        permitted: high_p << 32 | p,
        inheritable: high_i << 32 | i,
    })
}

/// Gives up every capability of the calling thread, and of those it will start, but these; none stays inheritable or
/// ambient. Those kept must be permitted, and become effective.
///
/// # Errors
/// As the system says.
pub fn keep_only_capabilities(kept: u64) -> io::Result<()> {
    let mut header = HEADER;
    #[allow(clippy::cast_possible_truncation)] // the two halves
    let (low, high) = (kept as u32, (kept >> 32) as u32);
    let sets = [low, low, 0, high, high, 0];
    // SAFETY: as above.
    let rc = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    if rc == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Empties the bounding set: no file's capabilities could ever be gained. Left as it is without the right to do so.
pub fn empty_bounding_set() {
    let mut capability = 0;
    // The first number that the kernel does not know ends it.
    while set(libc::PR_CAPBSET_DROP, capability).is_ok() {
        capability += 1;
    }
}

/// Lets capabilities survive the change of user, or no longer so.
///
/// # Errors
/// As the system says.
pub fn keep_capabilities(keep: bool) -> io::Result<()> {
    set(libc::PR_SET_KEEPCAPS, keep.into())
}

/// No program that this process may ever start gains privileges, whatever its file's bits say.
///
/// # Errors
/// As the system says.
pub fn no_new_privileges() -> io::Result<()> {
    set(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// No other process of the same user reads this one's memory, and no core file has it.
///
/// # Errors
/// As the system says.
pub fn hide_memory() -> io::Result<()> {
    set(libc::PR_SET_DUMPABLE, 0)
}

/// An operation of prctl that takes one number.
fn set(operation: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let none: libc::c_ulong = 0;
    // SAFETY: those above take one number; the rest are zeros as the kernel asks.
    check(unsafe { libc::prctl(operation, value, none, none, none) })
}
