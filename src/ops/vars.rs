//! The facts of one request, and the values of variables that follow from them (V1 to V27).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::config::{Config, Location, Server};
use crate::http::request::Request;
use crate::template::{Values, Var};

/// The two ends of a client connection. Made once for each.
#[derive(Debug, Clone)]
pub struct ConnInfo {
    /// A serial number of connections.
    pub id: u64,
    /// `None`: a Unix socket.
    pub remote: Option<SocketAddr>,
    pub local: Local,
}

/// The address a connection came in on.
#[derive(Debug, Clone)]
pub enum Local {
    Inet(SocketAddr),
    Unix(PathBuf),
}

/// One attempt at an upstream server (V15 to V18).
#[derive(Debug, Clone, Default)]
pub struct Try {
    pub address: String,
    /// 0: none yet.
    pub status: u16,
    pub connect_time: Option<Duration>,
    pub header_time: Option<Duration>,
    pub response_time: Option<Duration>,
    /// Body bytes.
    pub response_length: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// This attempt began a new pass (after an internal redirect): ` : ` goes before it instead of `, `.
    pub new_pass: bool,
}

/// What is known of a request and its response at the moment a template is evaluated.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub config: &'a Config,
    pub conn: &'a ConnInfo,
    /// How many requests this connection has brought, this one included.
    pub requests: u32,
    /// `None`: the head was refused before it became a request.
    pub request: Option<&'a Request>,
    pub server: Option<&'a Server>,
    pub location: Option<&'a Location>,
    /// Bytes of the body as received (decoded), once known.
    pub body_length: Option<u64>,
    /// When the first byte of the request was read.
    pub started: Instant,
    /// Wall clock and monotonic clock at evaluation.
    pub now: Instant,
    pub wall: SystemTime,
    /// 32 hex digits; see [`request_id`].
    pub request_id: u128,
    /// 0: none yet.
    pub status: u16,
    /// Bytes of the response given to the client, head included; and of its body alone.
    pub bytes_sent: u64,
    pub body_bytes_sent: u64,
    pub complete: bool,
    pub tries: &'a [Try],
    /// Fields of the application's response (name, value), for `$upstream_http_NAME`.
    pub upstream_fields: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    /// Fields of the response to the client, for `$sent_http_NAME`.
    pub sent_fields: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl Values for Facts<'_> {
    fn put(&self, _var: &Var, _out: &mut Vec<u8>) -> bool {
        todo!()
    }
}
