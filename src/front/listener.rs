//! Listening sockets: opened as `--listen` says, or taken over from the service manager.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::client::plain;
use super::passed::Passed;
use crate::config::address::ListenAddress;
use crate::config::{Config, Listen};
use crate::ops::privileges;
use crate::ops::vars::Local;
use crate::sys;

/// One listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Index into [`Config::listens`].
    pub listen: usize,
    /// The address connections come in on; `None`: each must be asked (a wildcard address).
    pub local: Option<Local>,
    /// Connections may be waiting: the edge has been seen, and accepting has not come to its end since.
    pub ready: bool,
    /// Accepting rests until then, or until what was short is there.
    pub rests_until: Option<(Instant, Rest)>,
    /// The file of a Unix socket that we made, with its inode.
    file: Option<(PathBuf, u64)>,
}

/// What accepting rests for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// A connection that ends makes the place that is missing (`--connections`).
    Place,
    /// Descriptors are short, or something else is wrong. It is no better after each connection that ends, and each attempt
    /// that fails has its line in the log.
    Time,
}

/// A listener that can not be opened: what was asked for, and why not.
#[derive(Debug)]
pub struct ListenError {
    pub address: String,
    pub error: io::Error,
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "--listen {}: {}", self.address, self.error)
    }
}

/// Opens all listening sockets, and closes those that were passed and that nobody wants.
///
/// # Errors
/// The first that can not be opened.
pub fn open_all(config: &Config) -> Result<Vec<Listener>, ListenError> {
    let mut all: Vec<Listener> = Vec::new();
    let mut taken = Vec::new();
    for (index, listen) in config.listens.iter().enumerate() {
        let sockets = open(listen, &mut taken).map_err(|error| ListenError {
            address: listen.address.to_string(),
            error,
        })?;
        for (socket, file) in sockets {
            all.push(ready(socket, file, index).map_err(|error| ListenError {
                address: listen.address.to_string(),
                error,
            })?);
        }
    }
    if let Ok(passed) = Passed::from_env() {
        passed.close_all_but(&taken);
    }
    Ok(all)
}

type Opened = (Socket, Option<(PathBuf, u64)>);

fn open(listen: &Listen, taken: &mut Vec<i32>) -> io::Result<Vec<Opened>> {
    match &listen.address {
        ListenAddress::Inet(addr) => Ok(vec![(open_inet(listen, *addr)?, None)]),
        ListenAddress::Unix(path) => {
            let socket = open_unix(listen, path)?;
            let inode = std::fs::symlink_metadata(path)?.ino();
            Ok(vec![(socket, Some((path.clone(), inode)))])
        }
        ListenAddress::Fd(fd) => Ok(vec![(take_over(*fd, taken)?, None)]),
        ListenAddress::Systemd(name) => {
            let passed = Passed::from_env()?.named(name)?;
            let sockets = passed
                .into_iter()
                .map(|fd| Ok((take_over(fd, taken)?, None)));
            sockets.collect()
        }
    }
}

/// What is the same for every listener, however it was opened.
fn ready(socket: Socket, file: Option<(PathBuf, u64)>, listen: usize) -> io::Result<Listener> {
    socket.set_nonblocking(true)?;
    // Connections inherit what is set.
    let local = match prompt(&socket)? {
        Local::Inet(addr) if addr.ip().is_unspecified() => None,
        local => Some(local),
    };
    Ok(Listener {
        socket,
        listen,
        local,
        ready: true,
        rests_until: None,
        file,
    })
}

/// The address of a socket's own end, whose heads and bodies go out whole from now on: nothing is to wait for an acknowledgement.
fn prompt(socket: &Socket) -> io::Result<Local> {
    let local = local(socket)?;
    if matches!(local, Local::Inet(_)) {
        socket.set_tcp_nodelay(true)?;
    }
    Ok(local)
}

fn local(socket: &Socket) -> io::Result<Local> {
    let own = socket.local_addr()?;
    Ok(match own.as_socket() {
        Some(addr) => Local::Inet(addr),
        None => Local::Unix(own.as_pathname().map(Path::to_path_buf).unwrap_or_default()),
    })
}

fn open_inet(listen: &Listen, addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if listen.reuseport {
        socket.set_reuse_port(true)?;
    }
    if addr.is_ipv6() {
        socket.set_only_v6(listen.ipv6only)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    socket.listen(listen.backlog)?;
    Ok(socket)
}

fn open_unix(listen: &Listen, path: &Path) -> io::Result<Socket> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Whose directory it is can put a link in its place at once: nothing that follows links comes after bind.
    let before = sys::set_umask(!listen.mode);
    let bound = socket.bind(&SockAddr::unix(path)?);
    sys::set_umask(before);
    bound?;
    // Nobody can connect before listen: the rights are in place by then.
    if let Some(group) = &listen.group {
        let gid = privileges::group_id(group)?;
        std::os::unix::fs::lchown(path, None, Some(gid))?;
    }
    socket.listen(listen.backlog)?;
    Ok(socket)
}

/// Removes a socket file that nobody listens on: only what refuses a connection is stale.
fn remove_stale(path: &Path) -> io::Result<()> {
    let meta = match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let in_the_way = |what| Err(io::Error::new(io::ErrorKind::AddrInUse, what));
    if !meta.file_type().is_socket() {
        return in_the_way("the file exists and is not a socket");
    }
    // Without waiting: a listener whose queue is full (EAGAIN) is alive.
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(e),
        _ => in_the_way("another program listens on it"),
    }
}

/// A descriptor that was passed to us must be a listening stream socket.
fn take_over(fd: i32, taken: &mut Vec<i32>) -> io::Result<Socket> {
    let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    if taken.contains(&fd) {
        return wrong("the descriptor is named twice");
    }
    taken.push(fd);
    let socket = Socket::from(sys::inherit(fd)?);
    match (socket.r#type(), socket.is_listener()) {
        (Ok(Type::STREAM), Ok(true)) => Ok(socket),
        (Ok(Type::STREAM), _) => {
            wrong("the socket does not listen (a connection? Accept=no is needed)")
        }
        (Ok(_), _) => wrong("the socket is not of the type stream (ListenStream= is needed)"),
        (Err(_), _) => wrong("the descriptor is not a socket"),
    }
}

/// A connection as it was accepted.
pub struct Accepted {
    pub socket: OwnedFd,
    pub remote: Option<SocketAddr>,
    pub local: Local,
}

impl Accepted {
    /// A connection that somebody else has accepted (`--cgi` under inetd).
    ///
    /// # Errors
    /// It is none, or can not be set up.
    pub fn by_another(socket: OwnedFd) -> io::Result<Accepted> {
        let options = socket2::SockRef::from(&socket);
        options.set_nonblocking(true)?;
        let remote = options.peer_addr()?.as_socket().map(plain);
        let local = prompt(&options)?;
        Ok(Accepted {
            socket,
            remote,
            local,
        })
    }
}

impl Listener {
    /// Where clients find it: the port is the one that the system chose, where it was to choose.
    pub fn bound(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Whose options hold for it, as an index into [`Config::listens`].
    pub fn listen(&self) -> usize {
        self.listen
    }

    /// For registration with the poll.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether accepting may be tried.
    pub fn may_accept(&mut self, now: Instant) -> bool {
        if self.rests_until.is_some_and(|(until, _)| now >= until) {
            self.rests_until = None;
        }
        self.is_waiting()
    }

    /// A connection has ended: nothing is left to rest for, if it was a place for one.
    pub fn place_is_free(&mut self) {
        if matches!(self.rests_until, Some((_, Rest::Place))) {
            self.rests_until = None;
        }
    }

    /// Connections may be waiting, and accepting does not rest.
    pub fn is_waiting(&self) -> bool {
        self.ready && self.rests_until.is_none()
    }

    /// Looks whether a connection is waiting. If none is, there will be an edge when one comes. Where that can not be found out,
    /// accepting will tell.
    pub fn is_somebody_there(&mut self) -> bool {
        let ready = sys::poll((self.fd(), true, false), None, Duration::ZERO);
        self.ready = ready.map_or(true, |(ready, _)| ready.read);
        self.ready
    }

    /// The next waiting connection.
    ///
    /// # Errors
    /// As accept4(2).
    pub fn accept(&self) -> io::Result<Accepted> {
        let (socket, remote) = sys::accept(self.socket.as_fd())?;
        let local = match &self.local {
            Some(local) => local.clone(),
            None => local(&socket2::SockRef::from(&socket))?,
        };
        Ok(Accepted {
            socket,
            remote: remote.as_socket().map(plain),
            local,
        })
    }
}

impl Drop for Listener {
    /// Removes the socket file, if it is still the one we made.
    fn drop(&mut self) {
        if let Some((path, inode)) = &self.file
            && std::fs::symlink_metadata(path).is_ok_and(|meta| meta.ino() == *inode)
        {
            // Without the right to (after dropping privileges) the file stays and is found stale at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_refuses_is_stale() {
        let dir = std::env::temp_dir().join(format!("scgate-listener-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (file, live, dead) = (dir.join("file"), dir.join("live"), dir.join("dead"));
        std::fs::write(&file, "x").unwrap();
        let _live = std::os::unix::net::UnixListener::bind(&live).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
        assert!(remove_stale(&file).is_err() && file.exists());
        assert!(remove_stale(&live).is_err() && live.exists());
        assert!(remove_stale(&dead).is_ok() && !dead.exists());
        assert!(remove_stale(&dir.join("none")).is_ok());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
