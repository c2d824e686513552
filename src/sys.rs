//! Every raw system call of the program, and with it every `unsafe` block. What leaves this file is `io::Result`,
//! owned descriptors and plain values.
#![allow(unsafe_code)]

mod accounts;
mod files;
mod landlock;
mod names;
mod rights;

pub use accounts::*;
pub use files::*;
pub use landlock::*;
pub use names::*;
pub use rights::*;

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Turns the -1 of a system call into its errno.
fn cvt(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The same for calls that return a length.
fn cvt_len(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// accept4(2): the next connection, non-blocking and closed on exec, and its peer's address.
///
/// # Errors
/// As accept4: WouldBlock when none is waiting, EMFILE and ENFILE when descriptors are short.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, socket2::SockAddr)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let fill = |storage: *mut socket2::SockAddrStorage, len: *mut libc::socklen_t| {
        // SAFETY: socket2 gives room for any address and its length; the descriptor is borrowed for the call.
        let fd = cvt(unsafe { libc::accept4(listener.as_raw_fd(), storage.cast(), len, flags) })?;
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    // SAFETY: `fill` returns success only when accept4 has written the address and its length.
    unsafe { socket2::SockAddr::try_init(fill) }
}

/// Whether a read or write is to be tried again: nothing is ready yet, or a signal came.
pub fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Whether an accept or open failed because descriptors or memory for them are short.
pub fn out_of_descriptors(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

/// Whether an error of accept is about the connection it would have given, not about the listener (accept(2), "Error
/// handling"; EPERM is a firewall's).
pub fn is_connections_own(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENETDOWN
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::EHOSTDOWN
                | libc::ENONET
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::ENETUNREACH
                | libc::EPERM
        )
    )
}

/// recv(2) with MSG_DONTWAIT where `wait` is false.
///
/// # Errors
/// As recv(2); WouldBlock also for a receive timeout (SO_RCVTIMEO).
pub fn recv(socket: BorrowedFd<'_>, buf: &mut [u8], wait: bool) -> io::Result<usize> {
    let flags = if wait { 0 } else { libc::MSG_DONTWAIT };
    // SAFETY: the pointer and length describe `buf`, which lives through the call.
    cvt_len(unsafe {
        libc::recv(
            socket.as_raw_fd(),
            buf.as_mut_ptr().cast(),
            buf.len(),
            flags,
        )
    })
}

/// The bytes that wait in a socket and can be read (FIONREAD).
///
/// # Errors
/// As ioctl(2).
pub fn unread(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes an int, and `count` lives through the call.
    cvt(unsafe { libc::ioctl(socket.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// send(2) without waiting and without SIGPIPE. `more` announces that further bytes follow at once (MSG_MORE).
///
/// # Errors
/// As send(2).
pub fn send(socket: BorrowedFd<'_>, buf: &[u8], more: bool) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 };
    // SAFETY: the pointer and length describe `buf`, which lives through the call.
    cvt_len(unsafe { libc::send(socket.as_raw_fd(), buf.as_ptr().cast(), buf.len(), flags) })
}

/// Sends two slices with one call (sendmsg), without waiting and without SIGPIPE.
///
/// # Errors
/// As sendmsg(2).
pub fn send_two(socket: BorrowedFd<'_>, first: &[u8], second: &[u8]) -> io::Result<usize> {
    let mut parts = [
        libc::iovec {
            iov_base: first.as_ptr().cast_mut().cast(),
            iov_len: first.len(),
        },
        libc::iovec {
            iov_base: second.as_ptr().cast_mut().cast(),
            iov_len: second.len(),
        },
    ];
    // SAFETY: an all-zero msghdr is a valid one; its private padding (musl) has no other constructor.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len() as _;
    // SAFETY: `message` points to `parts`, which points to slices that live through the call; sendmsg only reads them.
    cvt_len(unsafe {
        libc::sendmsg(
            socket.as_raw_fd(),
            &message,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    })
}

/// sendfile(2): `len` bytes of `file` from `offset` to a socket. Returns how many went.
///
/// # Errors
/// As sendfile(2); UnexpectedEof when the file is shorter than it was said to be.
pub fn sendfile(socket: BorrowedFd<'_>, file: &File, offset: u64, len: usize) -> io::Result<usize> {
    let mut at = libc::off64_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: both descriptors are borrowed for the call and `at` is a live out-parameter.
    let sent =
        cvt_len(unsafe { libc::sendfile64(socket.as_raw_fd(), file.as_raw_fd(), &mut at, len) })?;
    if sent == 0 && len > 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(sent)
}

/// What a wait found of one descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Something to read, an end of file or an error.
    pub read: bool,
    /// Room to write, or an error.
    pub write: bool,
}

/// A descriptor to wait for, and whether it is to be readable, and writable.
pub type Wanted<'fd> = (BorrowedFd<'fd>, bool, bool);

/// poll(2) on up to two descriptors. `timeout` is rounded up to milliseconds. All false: the time has passed, or a signal
/// came.
///
/// # Errors
/// As poll(2), but never Interrupted.
pub fn poll(
    first: Wanted<'_>,
    second: Option<Wanted<'_>>,
    timeout: Duration,
) -> io::Result<(Ready, Ready)> {
    let [first, second] = poll_all([Some(first), second], timeout)?;
    Ok((first, second))
}

/// The same for any number of them. One that asks for nothing shows its errors still.
///
/// # Errors
/// As [`poll`].
pub fn poll_all<const N: usize>(
    wanted: [Option<Wanted<'_>>; N],
    timeout: Duration,
) -> io::Result<[Ready; N]> {
    let none = libc::pollfd {
        fd: -1,
        events: 0,
        revents: 0,
    };
    let mut set = wanted.map(|wanted| {
        wanted.map_or(none, |(fd, read, write)| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 },
            revents: 0,
        })
    });
    let millis =
        timeout.as_millis() + u128::from(!timeout.subsec_nanos().is_multiple_of(1_000_000));
    let millis = libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX);
    // SAFETY: `set` has N entries and lives through the call; a negative descriptor is ignored by poll.
    match cvt(unsafe { libc::poll(set.as_mut_ptr(), N as libc::nfds_t, millis) }) {
        Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
        _ => {}
    }
    Ok(set.map(|entry| {
        let bad = entry.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0;
        Ready {
            read: bad || entry.revents & libc::POLLIN != 0,
            write: bad || entry.revents & libc::POLLOUT != 0,
        }
    }))
}

/// shutdown(2) in both directions on a descriptor that the caller knows to be open (the sink holds its lock for that).
/// Errors mean that the connection is gone already, which is what was wanted.
pub fn shutdown_both(fd: RawFd) {
    // SAFETY: shutdown touches no memory of ours; a stale number is ruled out by the caller's lock.
    unsafe { libc::shutdown(fd, libc::SHUT_RDWR) };
}

/// shutdown(2) of the sending side.
pub fn shutdown_write(fd: BorrowedFd<'_>) {
    // SAFETY: as above, with a borrowed descriptor.
    unsafe { libc::shutdown(fd.as_raw_fd(), libc::SHUT_WR) };
}

/// Signals that the program handles, blocked for every thread and delivered through a descriptor (signalfd).
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

/// TERM and QUIT end gently, INT at once, USR1 reopens logs, HUP reloads what is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Term,
    Quit,
    Int,
    Usr1,
    Hup,
}

impl Signals {
    /// Blocks the signals and opens the descriptor. Call before any other thread is started: they inherit the mask.
    /// SIGXFSZ is ignored so that a file size limit is an error of write(2), as a full disk is.
    ///
    /// # Errors
    /// As sigprocmask(2) and signalfd(2).
    pub fn open() -> io::Result<Signals> {
        // SAFETY: `set` is initialised by sigemptyset before use and lives through the calls.
        let fd = unsafe {
            let mut set: libc::sigset_t = mem::zeroed();
            libc::sigemptyset(&mut set);
            for signal in [
                libc::SIGTERM,
                libc::SIGQUIT,
                libc::SIGINT,
                libc::SIGUSR1,
                libc::SIGHUP,
            ] {
                libc::sigaddset(&mut set, signal);
            }
            cvt(libc::sigprocmask(
                libc::SIG_BLOCK,
                &set,
                std::ptr::null_mut(),
            ))?;
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            cvt(libc::signalfd(
                -1,
                &set,
                libc::SFD_NONBLOCK | libc::SFD_CLOEXEC,
            ))?
        };
        // SAFETY: the kernel has just given us this descriptor.
        Ok(Signals {
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
        })
    }

    /// The next signal that has arrived, if any.
    pub fn next(&self) -> Option<Signal> {
        // SAFETY: signalfd_siginfo is plain data, for which zero is a value.
        let mut info: libc::signalfd_siginfo = unsafe { mem::zeroed() };
        let size = mem::size_of::<libc::signalfd_siginfo>();
        // SAFETY: the pointer and size describe `info`.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut info).cast(), size) };
        if read != size as libc::ssize_t {
            return None;
        }
        match info.ssi_signo as libc::c_int {
            libc::SIGTERM => Some(Signal::Term),
            libc::SIGQUIT => Some(Signal::Quit),
            libc::SIGINT => Some(Signal::Int),
            libc::SIGUSR1 => Some(Signal::Usr1),
            libc::SIGHUP => Some(Signal::Hup),
            _ => None,
        }
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Sets which rights new files do not get, for the whole process, and says what that was. Call while there is one thread.
pub fn set_umask(mask: u32) -> u32 {
    // SAFETY: takes a number and can not fail.
    #[allow(clippy::useless_conversion)] // mode_t has 16 bits on some systems
    unsafe {
        libc::umask((mask & 0o777) as libc::mode_t).into()
    }
}

/// Puts `file` in the place of an open descriptor, whose number stays: for standard input, output and error.
///
/// # Errors
/// As dup2(2).
pub fn replace(fd: BorrowedFd<'_>, file: &File) -> io::Result<()> {
    // SAFETY: dup2 touches no memory, and both descriptors are open. The number stays open for whoever holds it.
    cvt(unsafe { libc::dup2(file.as_raw_fd(), fd.as_raw_fd()) }).map(drop)
}

/// Takes over a descriptor that was inherited (socket activation).
///
/// # Errors
/// EBADF where it is not open, or is one that this program opened: none of those would be inherited.
pub fn inherit(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD and F_SETFD touch no memory; a number that is not open gives EBADF.
    unsafe {
        let flags = cvt(libc::fcntl(fd, libc::F_GETFD))?;
        if flags & libc::FD_CLOEXEC != 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        cvt(libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC))?;
        // Nobody else owns it: what the program opens is closed on exec from the start, and so is what was taken over.
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// IPV6_TRANSPARENT: bind to an IPv6 address that is not of this machine.
///
/// # Errors
/// EPERM without CAP_NET_ADMIN or CAP_NET_RAW.
pub fn set_ipv6_transparent(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_flag(socket, libc::SOL_IPV6, libc::IPV6_TRANSPARENT)
}

/// IP_BIND_ADDRESS_NO_PORT: leave the choice of the source port to connect(2). Holds for IPv6 sockets too.
///
/// # Errors
/// ENOPROTOOPT before Linux 4.2.
pub fn set_bind_address_no_port(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_flag(socket, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT)
}

fn set_flag(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = mem::size_of_val(&on) as libc::socklen_t;
    // SAFETY: the pointer and size describe `on`, which lives through the call.
    cvt(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size,
        )
    })?;
    Ok(())
}

/// The time of CLOCK_MONOTONIC in microseconds, which service managers compare with their own.
pub fn monotonic_micros() -> u64 {
    // SAFETY: a timespec of zeros is valid, and lives through the call, which can not fail for this clock.
    let time = unsafe {
        let mut time: libc::timespec = mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
        time
    };
    // Neither is negative, nor too large for thousands of centuries.
    (time.tv_sec as u64) * 1_000_000 + (time.tv_nsec as u64) / 1000
}

/// Processors that are online, at least 1. (The standard library's own count reads control group files, which costs 14 KiB
/// of code and finds nothing on a router.)
pub fn processors() -> usize {
    // SAFETY: sysconf touches no memory of ours.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).map_or(1, |n| n.max(1))
}

/// Gives back the pages of code and constant data that are mapped now: most served the start alone. Those that are used come back from the
/// page cache, a few at a time. Nothing is lost: the segments are read-only copies of files.
pub fn forget_code() {
    // SAFETY: the callback gets a valid entry for each loaded object, and touches no state but its own locals.
    unsafe { libc::dl_iterate_phdr(Some(forget_segments), std::ptr::null_mut()) };
}

/// Drops the pages of one object's segments that can not be written: code, and tables beside it.
///
/// # Safety
/// `info` points to an entry that dl_iterate_phdr made.
unsafe extern "C" fn forget_segments(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: promised by the caller.
    let info = unsafe { &*info };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the object has this many program headers there, for as long as it is loaded.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    for header in headers {
        if header.p_type != libc::PT_LOAD || header.p_flags & libc::PF_W != 0 {
            continue;
        }
        // SAFETY: sysconf touches no memory of ours.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
        let first = start.next_multiple_of(page);
        let end = start.wrapping_add(header.p_memsz as usize) & !(page - 1);
        if end > first {
            // SAFETY: whole pages of a private, never written mapping of a file: dropping them is invisible but for time.
            // A failure (a kernel that refuses) leaves them as they are. The vDSO is refused and stays.
            unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_DONTNEED) };
        }
    }
    0
}
