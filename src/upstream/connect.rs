//! One connection to an application: opened as the settings say, read and written with timeouts.
//!
//! The socket is blocking. A connect waits in slices of at most [`SLICE`], so that an exchange whose client has left can
//! end; a read waits as long as it may, since the front can end it with a shutdown. A non-blocking connect would not do: to
//! a Unix socket with a full listen queue it fails at once with EAGAIN and no event ever follows, while a blocking one
//! with SO_SNDTIMEO waits for room.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::config::Scgi;
use crate::config::address::{Address, BindAddress};
use crate::error::{Fault, Gone, Phase};
use crate::sys;

/// The longest uninterrupted wait of a connect or of a sendfile.
pub const SLICE: Duration = Duration::from_millis(250);

/// How sockets are set up.
#[derive(Clone, Copy, Debug)]
pub struct Dial {
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    /// Bytes; 0: the system's.
    pub rcvbuf: usize,
    pub sndbuf: usize,
    pub keepalive: bool,
    /// The request is sent piece by piece.
    pub nodelay: bool,
}

impl Dial {
    /// As a location says.
    pub fn of(settings: &Scgi) -> Dial {
        Dial {
            connect_timeout: settings.connect_timeout,
            read_timeout: settings.read_timeout,
            rcvbuf: settings.socket_rcvbuf,
            sndbuf: settings.socket_sndbuf,
            keepalive: settings.socket_keepalive,
            nodelay: !settings.request_buffering,
        }
    }

    /// For one small request, over within this time.
    pub fn within(time: Duration) -> Dial {
        Dial {
            connect_timeout: time,
            read_timeout: time,
            rcvbuf: 0,
            sndbuf: 0,
            keepalive: false,
            nodelay: false,
        }
    }
}

/// A connection to an application. Closed when dropped.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
}

/// Opens a connection to `address`. `gone` says whether the exchange is to end.
///
/// # Errors
/// [`Fault::System`], [`Fault::Io`] in phase Bind or Connect, [`Fault::Timeout`], [`Fault::QueueFull`], or [`Fault::Client`].
pub fn connect(
    address: &Address,
    bind: Option<(BindAddress, bool)>,
    settings: &Dial,
    gone: &dyn Fn() -> Option<Gone>,
) -> Result<Connection, Fault> {
    let failed = |e| Fault::Io(Phase::Connect, e);
    let (domain, to) = match address {
        Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path).map_err(failed)?),
        Address::Inet(addr) => (Domain::for_address(*addr), SockAddr::from(*addr)),
    };
    let socket = Socket::new(domain, Type::STREAM, None).map_err(Fault::System)?;
    set_options(&socket, domain, settings);
    if let (Some((from, transparent)), Address::Inet(_)) = (bind, address) {
        bind_to(&socket, from, transparent).map_err(|e| Fault::Io(Phase::Bind, e))?;
    }
    // A timeout of zero would mean to wait for ever.
    let slice = settings
        .connect_timeout
        .clamp(Duration::from_millis(1), SLICE);
    socket.set_write_timeout(Some(slice)).map_err(failed)?;
    let shortened = wait_connected(&socket, &to, domain == Domain::UNIX, settings, gone)?;
    if shortened {
        socket.set_write_timeout(Some(SLICE)).map_err(failed)?;
    }
    socket
        .set_read_timeout(Some(settings.read_timeout.max(Duration::from_millis(1))))
        .map_err(failed)?;
    Ok(Connection { socket })
}

/// Connects; says whether the slices were made shorter on the way.
fn wait_connected(
    socket: &Socket,
    to: &SockAddr,
    unix: bool,
    settings: &Dial,
    gone: &dyn Fn() -> Option<Gone>,
) -> Result<bool, Fault> {
    let start = Instant::now();
    let mut shortened = settings.connect_timeout < SLICE;
    loop {
        let Err(error) = socket.connect(to) else {
            return Ok(shortened);
        };
        match error.raw_os_error() {
            Some(libc::EISCONN) => return Ok(shortened),
            Some(libc::EINTR | libc::EINPROGRESS | libc::EALREADY) => {}
            // The slice is over: a Unix listener's queue is still full.
            Some(libc::EAGAIN) if unix => {}
            _ => return Err(Fault::Io(Phase::Connect, error)),
        }
        if let Some(gone) = gone() {
            return Err(Fault::Client(gone));
        }
        let left = settings.connect_timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(if unix {
                Fault::QueueFull
            } else {
                Fault::Timeout(Phase::Connect)
            });
        }
        if left < SLICE {
            shortened = true;
            let last = left.max(Duration::from_millis(1));
            let set = socket.set_write_timeout(Some(last));
            set.map_err(|e| Fault::Io(Phase::Connect, e))?;
        }
    }
}

/// Buffer sizes, SO_KEEPALIVE: failures are logged and ignored (K11).
fn set_options(socket: &Socket, domain: Domain, settings: &Dial) {
    let report = |what: &str, result: io::Result<()>| {
        if let Err(error) = result {
            log::warn!("upstream socket: can not set {what}: {error}");
        }
    };
    if settings.rcvbuf > 0 {
        report("SO_RCVBUF", socket.set_recv_buffer_size(settings.rcvbuf));
    }
    if settings.sndbuf > 0 {
        report("SO_SNDBUF", socket.set_send_buffer_size(settings.sndbuf));
    }
    if settings.keepalive {
        report("SO_KEEPALIVE", socket.set_keepalive(true));
    }
    // A body that is sent as it arrives is not to wait for acknowledgements (K12).
    if domain != Domain::UNIX && settings.nodelay {
        report("TCP_NODELAY", socket.set_tcp_nodelay(true));
    }
}

/// Binds to a source address; `transparent` allows one that is not of this machine (K15). Without a port the system
/// chooses it at connect time, so that one source port can serve connections to several servers (K16).
fn bind_to(socket: &Socket, from: BindAddress, transparent: bool) -> io::Result<()> {
    if transparent {
        if from.ip.is_ipv4() {
            socket.set_ip_transparent_v4(true)?;
        } else {
            sys::set_ipv6_transparent(socket.as_fd())?;
        }
    }
    if from.port == 0 {
        // Older kernels do not have it; the port is then chosen at bind time.
        let _ = sys::set_bind_address_no_port(socket.as_fd());
    }
    socket.bind(&SockAddr::from(SocketAddr::new(from.ip, from.port)))
}

impl Connection {
    /// For the sink, which shuts the connection down when the client goes away.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The descriptor as a number that names this connection while it is open.
    pub fn number(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Waits for bytes and reads them; 0 is the end.
    ///
    /// # Errors
    /// [`Fault::Timeout`] after `--read-timeout`, [`Fault::Io`] otherwise, both with `phase`.
    pub fn read(&self, buf: &mut [u8], phase: Phase) -> Result<usize, Fault> {
        loop {
            match sys::recv(self.fd(), buf, true) {
                Ok(count) => return Ok(count),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Fault::Timeout(phase));
                }
                Err(e) => return Err(Fault::Io(phase, e)),
            }
        }
    }

    /// Reads what is there now: `None` when nothing is, `Some(0)` at the end.
    ///
    /// # Errors
    /// [`Fault::Io`] with `phase`.
    pub fn read_now(&self, buf: &mut [u8], phase: Phase) -> Result<Option<usize>, Fault> {
        loop {
            match sys::recv(self.fd(), buf, false) {
                Ok(count) => return Ok(Some(count)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(Fault::Io(phase, e)),
            }
        }
    }
}
