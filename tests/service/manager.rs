//! A service manager, as far as the program sees one: a socket for datagrams.

use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{LIMIT, Temp};

static SERIAL: AtomicUsize = AtomicUsize::new(0);

pub struct Manager {
    socket: UnixDatagram,
    /// The value of NOTIFY_SOCKET.
    pub name: String,
    /// Where the socket is, unless it is abstract.
    pub dir: Option<Temp>,
}

impl Manager {
    /// Listens at a path.
    pub fn new() -> Manager {
        let dir = Temp::new();
        let name = dir.file("notify");
        let socket = UnixDatagram::bind(&name).expect("bind");
        Manager::with(socket, name, Some(dir))
    }

    /// Listens at a name that is no file.
    pub fn without_a_file() -> Manager {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("scgate-test.{}.{serial}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("an abstract name");
        let socket = UnixDatagram::bind_addr(&address).expect("bind");
        Manager::with(socket, format!("@{name}"), None)
    }

    fn with(socket: UnixDatagram, name: String, dir: Option<Temp>) -> Manager {
        socket.set_read_timeout(Some(LIMIT)).expect("a limit");
        Manager { socket, name, dir }
    }

    /// The next message.
    #[track_caller]
    pub fn hear(&self) -> String {
        let mut buf = [0; 4096];
        let count = self.socket.recv(&mut buf).expect("a message in time");
        String::from_utf8(buf[..count].to_vec()).expect("text")
    }

    /// Messages up to the first that fits; the last is that one.
    #[track_caller]
    pub fn hear_until(&self, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            all.push(self.hear());
            if all.last().is_some_and(|last| fits(last)) {
                return all;
            }
        }
    }

    /// What has come by now.
    pub fn heard(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("no waiting");
        let mut buf = [0; 4096];
        let mut all = Vec::new();
        while let Ok(count) = self.socket.recv(&mut buf) {
            all.push(String::from_utf8_lossy(&buf[..count]).into_owned());
        }
        self.socket.set_nonblocking(false).expect("waiting");
        all
    }

    /// The same without what comes when much time has passed.
    pub fn heard_but_status(&self) -> Vec<String> {
        let mut all = self.heard();
        all.retain(|m| !m.starts_with("STATUS="));
        all
    }

    /// Fills the queue, so that the manager takes nothing more. What must be kept open meanwhile.
    pub fn fill(&self) -> OwnedFd {
        let stranger = UnixDatagram::unbound().expect("a socket");
        stranger.set_nonblocking(true).expect("no waiting");
        stranger.connect(&self.name).expect("connect");
        while stranger.send(b"FILL").is_ok() {}
        stranger.into()
    }
}
