//! What can go wrong with an exchange, and what follows from it: the status for the client, the phrase for the log.
//! Status and cause are computed here, in one function each; nothing else decides them.

use std::fmt;
use std::io;

/// Where in an exchange with an application something happened (for the log).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Bind,
    Connect,
    Send,
    Head,
    Body,
}

impl Phase {
    /// The word in a log line.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Bind => "bind",
            Phase::Connect => "connect",
            Phase::Send => "send",
            Phase::Head => "read the response head",
            Phase::Body => "read the response body",
        }
    }
}

/// The client's side ended before the response did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The client closed or reset the connection.
    Hangup,
    /// It took nothing for `--client-send-timeout`.
    SendTimeout,
    /// It sent nothing of its body for `--client-body-timeout`.
    BodyTimeout,
    /// The program is stopping.
    Stopping,
}

impl Gone {
    /// The phrase for the log.
    pub fn phrase(self) -> &'static str {
        match self {
            Gone::Hangup => "the client closed the connection",
            Gone::SendTimeout => "the client took nothing within --client-send-timeout",
            Gone::BodyTimeout => "the client sent nothing within --client-body-timeout",
            Gone::Stopping => "the program is stopping",
        }
    }

    /// The status in the access log, where no response had begun.
    pub fn status(self) -> u16 {
        match self {
            Gone::Hangup | Gone::SendTimeout => 499,
            Gone::BodyTimeout => 408,
            Gone::Stopping => 503,
        }
    }
}

/// The fault of an exchange. Which server it was is known to whoever logs it.
#[derive(Debug)]
pub enum Fault {
    /// A name has no address, or a template gave no address.
    Resolve(String),
    /// A system call failed in a phase.
    Io(Phase, io::Error),
    /// A timeout ran out in a phase.
    Timeout(Phase),
    /// The listen queue of a Unix socket stayed full for `--connect-timeout`.
    QueueFull,
    /// The application closed the connection before its head was complete.
    NoHead {
        /// Bytes of the head that had come.
        received: usize,
        /// Bytes of the parameter block that it had been sent.
        block: usize,
        /// What ended the sending before, if anything did.
        sending: Option<io::Error>,
    },
    /// The head is malformed or too large.
    BadHead(&'static str),
    HeadTooLarge {
        limit: usize,
    },
    /// The body ended early: this many bytes are missing, if that is known.
    CutShort {
        missing: Option<u64>,
    },
    /// The application's chunked body is malformed.
    BadChunk(&'static str),
    /// The parameter block is over `--params-max`.
    ParamsTooLarge {
        size: usize,
        max: usize,
    },
    /// A parameter holds a NUL, which SCGI can not carry.
    ParamNul {
        name: String,
        /// It is the operator's parameter (500), not a field of the client's (400).
        ours: bool,
    },
    /// A temp file could not be read: the body of the request is in it, or what the application said early.
    Spool(io::Error),
    /// The system has no memory for a buffer.
    Memory,
    /// The client's side ended.
    Client(Gone),
    /// The client's body ended early, or was malformed.
    ClientBody(&'static str),
    /// No candidate address fits the family of the bind address.
    NoCandidate,
    /// No server of the group can be selected: all are down, at their limit, or have been tried.
    NoServer,
    /// The server has left its group meanwhile (`--connection-drop`).
    Dropped,
    /// The system refused a socket (T22): nothing that another server could mend.
    System(io::Error),
}

impl Fault {
    /// The status that answers the client where nothing of the response has been sent.
    pub fn status(&self) -> u16 {
        match self {
            Fault::Timeout(_) | Fault::QueueFull => 504,
            Fault::Resolve(_)
            | Fault::Io(..)
            | Fault::NoHead { .. }
            | Fault::BadHead(_)
            | Fault::HeadTooLarge { .. }
            | Fault::CutShort { .. }
            | Fault::BadChunk(_)
            | Fault::NoCandidate
            | Fault::NoServer
            | Fault::Dropped => 502,
            Fault::ParamsTooLarge { .. } => 431,
            Fault::Memory => 503,
            Fault::ParamNul { ours: false, .. } | Fault::ClientBody(_) => 400,
            Fault::ParamNul { ours: true, .. } | Fault::Spool(_) | Fault::System(_) => 500,
            Fault::Client(gone) => gone.status(),
        }
    }

    /// Whether the fault is held against the server it came from.
    pub fn is_server_fault(&self) -> bool {
        match self {
            Fault::Io(..)
            | Fault::Timeout(_)
            | Fault::QueueFull
            | Fault::NoHead { .. }
            | Fault::BadHead(_)
            | Fault::HeadTooLarge { .. }
            | Fault::CutShort { .. }
            | Fault::BadChunk(_) => true,
            Fault::Resolve(_)
            | Fault::NoCandidate
            | Fault::NoServer
            | Fault::Dropped
            | Fault::System(_)
            | Fault::ParamsTooLarge { .. }
            | Fault::ParamNul { .. }
            | Fault::Spool(_)
            | Fault::Memory
            | Fault::Client(_)
            | Fault::ClientBody(_) => false,
        }
    }

    /// A short code for the page: enough to find the paragraph in the manual, nothing about the machine.
    pub fn cause(&self) -> &'static str {
        match self {
            Fault::Resolve(_) => "RESOLVE",
            Fault::Io(_, error) | Fault::Spool(error) | Fault::System(error) => errno_name(error),
            Fault::QueueFull => "EAGAIN",
            Fault::Timeout(Phase::Connect) => "CONNECT_TIMEOUT",
            Fault::Timeout(Phase::Send) => "SEND_TIMEOUT",
            Fault::Timeout(_) => "READ_TIMEOUT",
            Fault::NoHead { .. } => "CLOSED",
            Fault::BadHead(_) => "BAD_HEAD",
            Fault::HeadTooLarge { .. } => "HEAD_TOO_LARGE",
            Fault::CutShort { .. } => "CUT_SHORT",
            Fault::BadChunk(_) => "BAD_CHUNK",
            Fault::ParamsTooLarge { .. } => "PARAMS_MAX",
            Fault::ParamNul { .. } => "PARAM_NUL",
            Fault::Memory => "MEMORY",
            Fault::Client(_) => "CLIENT",
            Fault::ClientBody(_) => "BODY",
            Fault::NoCandidate => "BIND_FAMILY",
            Fault::NoServer => "NO_SERVER",
            Fault::Dropped => "DROPPED",
        }
    }
}

/// The symbol of the errors that operators meet.
fn errno_name(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT) => "ENOENT",
        Some(libc::ECONNREFUSED) => "ECONNREFUSED",
        Some(libc::EACCES) => "EACCES",
        Some(libc::EPERM) => "EPERM",
        Some(libc::EAGAIN) => "EAGAIN",
        Some(libc::ECONNRESET) => "ECONNRESET",
        Some(libc::EPIPE) => "EPIPE",
        Some(libc::EADDRNOTAVAIL) => "EADDRNOTAVAIL",
        Some(libc::EADDRINUSE) => "EADDRINUSE",
        Some(libc::EHOSTUNREACH) => "EHOSTUNREACH",
        Some(libc::ENETUNREACH) => "ENETUNREACH",
        Some(libc::ENOSPC) => "ENOSPC",
        Some(libc::EFBIG) => "EFBIG",
        Some(libc::EMFILE) => "EMFILE",
        Some(libc::ENOTSOCK) => "ENOTSOCK",
        Some(libc::EPROTOTYPE) => "EPROTOTYPE",
        Some(libc::ENOTDIR) => "ENOTDIR",
        Some(libc::ELOOP) => "ELOOP",
        _ => "IO",
    }
}

/// What the operator should look at first.
fn hint(phase: Phase, error: &io::Error, unix: bool) -> &'static str {
    if phase != Phase::Connect {
        return "";
    }
    match error.raw_os_error() {
        Some(libc::ENOENT) => "; there is no such socket: is the application started?",
        Some(libc::ECONNREFUSED) if unix => {
            "; a stale socket: the file is there, but nobody listens on it"
        }
        Some(libc::ECONNREFUSED) => "; nobody listens there: is the application started?",
        Some(libc::EAGAIN) => "; the application's listen queue is full: it is too slow or hangs",
        Some(libc::ENOTSOCK) => "; the path is not a socket",
        Some(libc::EPROTOTYPE) => "; the socket is not a stream socket",
        _ => "",
    }
}

/// The likely cause when an application closed without a byte: known limits of known applications.
fn closed_hint(block: usize) -> &'static str {
    match block {
        0..=2000 => {
            "; it does not speak SCGI, or refuses the request (rTorrent: one without a body)"
        }
        2001..=4096 => {
            "; rTorrent drops parameter blocks over 2000 bytes: see --params-max 2000 trim"
        }
        _ => {
            "; uWSGI drops parameter blocks over 4096 bytes (its --buffer-size), rTorrent over 2000: see --params-max"
        }
    }
}

/// A fault together with the kind of its server, as a phrase for the log.
#[derive(Debug)]
pub struct Described<'a> {
    pub fault: &'a Fault,
    /// The server is a Unix socket.
    pub unix: bool,
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Resolve(why) => write!(f, "resolve: {why}"),
            Fault::Io(phase, error) => {
                let (name, hint) = (errno_name(error), hint(*phase, error, self.unix));
                write!(f, "{}: {error} [{name}]{hint}", phase.word())
            }
            Fault::Timeout(phase) => write!(f, "{}: timed out", phase.word()),
            Fault::QueueFull => write!(
                f,
                "connect: timed out; the application's listen queue is full: it is too slow or hangs"
            ),
            Fault::NoHead {
                received: 0,
                block,
                sending,
            } => {
                let hint = closed_hint(*block);
                write!(
                    f,
                    "closed without a byte after {block} bytes of parameters{}{hint}",
                    Cut(sending)
                )
            }
            Fault::NoHead {
                received, sending, ..
            } => {
                let cut = Cut(sending);
                write!(
                    f,
                    "closed after {received} bytes, before the response head was complete{cut}"
                )
            }
            Fault::BadHead(error) => write!(f, "malformed response head: {error}"),
            Fault::HeadTooLarge { limit } => {
                write!(f, "response head over {limit} bytes (--buffer-size)")
            }
            Fault::CutShort {
                missing: Some(missing),
            } => {
                write!(f, "response body cut short: {missing} bytes are missing")
            }
            Fault::CutShort { missing: None } => write!(f, "response body cut short by a reset"),
            Fault::BadChunk(why) => write!(f, "malformed chunked response body: {why}"),
            Fault::ParamsTooLarge { size, max } => {
                write!(
                    f,
                    "parameter block of {size} bytes is over --params-max {max}"
                )
            }
            Fault::ParamNul { name, .. } => write!(f, "the value of {name} holds a NUL"),
            Fault::Spool(error) => write!(f, "can not read a temp file: {error}"),
            Fault::Memory => write!(f, "the system has no memory for a buffer"),
            Fault::Client(gone) => write!(f, "{}", gone.phrase()),
            Fault::ClientBody(why) => write!(f, "request body: {why}"),
            Fault::NoServer => write!(f, "no server of the group can be selected"),
            Fault::Dropped => write!(f, "the server has left its group (--connection-drop)"),
            Fault::System(error) => write!(f, "socket: {error} [{}]", errno_name(error)),
            Fault::NoCandidate => {
                write!(
                    f,
                    "bind: no address of the server is of the family of --bind"
                )
            }
        }
    }
}

/// What ended a sending, in brackets.
struct Cut<'a>(&'a Option<io::Error>);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(error) => write!(f, " (send: {error} [{}])", errno_name(error)),
            None => Ok(()),
        }
    }
}
