//! A connection in place of a request: inetd(8) with `nowait`, and systemd with `Accept=yes`, start a program for each
//! connection, and give it that as standard input, standard output and often standard error.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{SockRef, Socket, Type};

use crate::http::date::HttpDate;
use crate::sys;

/// Takes the connection that standard input is, where it is one and no web server has left a request. What else it is
/// leads to /dev/null from now on: what the program says of itself is not for the client. Call before anything is said.
///
/// # Errors
/// Nothing can be put in its place; the program must end without a word.
pub fn take<S: AsRef<OsStr>>(args: &[S]) -> io::Result<Option<OwnedFd>> {
    let stdin = io::stdin();
    if !super::is_meant(args) || super::is_called(args) || !is_connection(stdin.as_fd()) {
        return Ok(None);
    }
    let connection = stdin.as_fd().try_clone_to_owned()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    let (stdout, stderr) = (io::stdout(), io::stderr());
    for (number, fd) in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]
        .into_iter()
        .enumerate()
    {
        if number == 0 || is_same(fd, connection.as_fd()) {
            sys::replace(fd, &null)?;
        }
    }
    Ok(Some(connection))
}

/// How long a client that has come in vain may take to see it.
const PATIENCE: Duration = Duration::from_secs(1);
/// And how much it may have sent: what is left unread at a close takes the answer away again.
const REQUEST: u64 = 64 * 1024;

/// Tells the client that it has come in vain: the program can not even begin. It may have gone, which is as well.
pub fn fail(connection: &OwnedFd) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let date = HttpDate::new(since.map_or(0, |since| since.as_secs()));
    let head = format!(
        "HTTP/1.1 500 Internal Server Error\r\nDate: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        date.as_str()
    );
    let _ = tell(connection, head.as_bytes());
}

fn tell(connection: &OwnedFd, head: &[u8]) -> io::Result<()> {
    let socket = Socket::from(connection.try_clone()?);
    socket.set_nonblocking(false)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    (&socket).write_all(head)?;
    socket.shutdown(Shutdown::Write)?;
    io::copy(&mut (&socket).take(REQUEST), &mut io::sink()).map(drop)
}

/// Whether it was accepted from a listener. Shells and other programs have pairs of sockets between them, without names.
fn is_connection(fd: BorrowedFd<'_>) -> bool {
    let socket = SockRef::from(&fd);
    let named = socket.local_addr().is_ok_and(|own| {
        own.as_socket().is_some()
            || own.as_pathname().is_some()
            || own.as_abstract_namespace().is_some()
    });
    named && matches!(socket.r#type(), Ok(Type::STREAM)) && socket.peer_addr().is_ok()
}

fn is_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let node = |fd: BorrowedFd<'_>| {
        let file = fd.try_clone_to_owned().map(File::from);
        let meta = file.and_then(|file| file.metadata()).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    node(one).is_some_and(|one| node(other) == Some(one))
}
