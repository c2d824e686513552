//! The facts of one request, and the values of variables that follow from them (V1 to V27).
//!
//! `Facts` borrows from the exchange or the connection and is built wherever a template is evaluated; nothing is
//! computed before a template asks for it. Choices where nginx leaves an application in the lurch:
//!
//! - `$server_name` is the configured name where that is a name a host can have, else (no `--server`, `_`, a star)
//!   the Host of the request, else the local address: RFC 3875 4.1.14 wants SERVER_NAME never empty.
//! - `$server_port` on a Unix listener is the port of the Host field, else 80, for SERVER_PORT is always a number.
//! - IPv4-mapped addresses are written as the IPv4 addresses they stand for.
//! - Times of day are in UTC.

mod fields;
mod map;
mod paths;
mod root;
mod upstream;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use super::calendar::{Civil, put_number, put_padded, put_seconds, since_epoch};
use crate::cache::CacheStatus;
use crate::config::{Config, Handler, Location, Server};
use crate::http::request::{Framing, Request};
use crate::template::{Values, Var};

/// The two ends of a client connection. Made once for each, and again for each request whose client is another than the peer.
#[derive(Debug, Clone)]
pub struct ConnInfo {
    /// A serial number of connections.
    pub id: u64,
    /// The client. `None`: a Unix socket. Port 0: not known, for the field that named the client had none.
    pub remote: Option<SocketAddr>,
    /// The client as the head of the PROXY protocol names it.
    /// Apart, for most connections have none, and an idle one shall be small.
    pub proxy: Option<Box<SocketAddr>>,
    pub local: Local,
}

impl ConnInfo {
    /// The client's address; `None` on a Unix socket.
    pub fn client(&self) -> Option<IpAddr> {
        self.remote.map(|remote| remote.ip())
    }
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
    /// `$request_id`, shown as 32 hex digits; see [`request_id`].
    pub request_id: u128,
    /// 0: none yet.
    pub status: u16,
    /// Bytes of the response given to the client, head included; and of its body alone.
    pub bytes_sent: u64,
    pub body_bytes_sent: u64,
    pub complete: bool,
    pub tries: &'a [Try],
    /// `$upstream_cache_status`; `None`: no cache had to do with it.
    pub cache: Option<CacheStatus>,
    /// The application is, or was, asked by GET although the client said HEAD.
    pub as_get: bool,
    /// Fields of the application's response by name (`content-type`), several joined with `, `, for
    /// `$upstream_http_NAME` (V19).
    pub upstream_fields: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    /// Fields of the response to the client by name, for `$sent_http_NAME`.
    pub sent_fields: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

impl<'a> Facts<'a> {
    /// Of a first request that nobody has answered yet, and that the gateway makes itself: to be changed where more is known.
    pub fn of_own(
        config: &'a Config,
        conn: &'a ConnInfo,
        request: Option<&'a Request>,
        place: Option<(&'a Server, &'a Location)>,
    ) -> Facts<'a> {
        let now = Instant::now();
        Facts {
            config,
            conn,
            requests: 1,
            request,
            server: place.map(|(server, _)| server),
            location: place.map(|(_, location)| location),
            body_length: None,
            started: now,
            now,
            wall: SystemTime::now(),
            request_id: 0,
            status: 0,
            bytes_sent: 0,
            body_bytes_sent: 0,
            complete: false,
            tries: &[],
            cache: None,
            as_get: false,
            upstream_fields: &|_| None,
            sent_fields: &|_| None,
        }
    }
}

/// The id of a request: unlike any other, and not to be guessed from those seen, since the hash is keyed with
/// randomness of the system when the process starts. `requests` counts on the connection, as in [`Facts`].
pub fn request_id(connection: u64, requests: u32) -> u128 {
    static KEYS: OnceLock<[RandomState; 2]> = OnceLock::new();
    let [high, low] = KEYS.get_or_init(Default::default);
    let serial = (connection, requests);
    u128::from(high.hash_one(serial)) << 64 | u128::from(low.hash_one(serial))
}

impl Values for Facts<'_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        if let Some(outer) = &self.config.outer
            && !(self.asks_password() && matches!(var, Var::RemoteUser | Var::AuthType))
            && let Some(text) = outer.value(var)
        {
            return put_bytes(out, text);
        }
        match var {
            Var::Args => self.put_query(out),
            Var::Arg(name) => put_some(
                out,
                self.query().and_then(|query| fields::argument(query, name)),
            ),
            Var::BinaryRemoteAddr => self.put_binary_remote(out),
            Var::BodyBytesSent => put_count(out, self.body_bytes_sent),
            Var::BytesSent => put_count(out, self.bytes_sent),
            Var::Connection => put_count(out, self.conn.id),
            Var::ConnectionRequests => put_count(out, self.requests.into()),
            Var::ContentLength => self.put_content_length(out),
            Var::ContentType => {
                let request = self.request.filter(|request| !request.is_bodyless());
                put_some(out, request.and_then(|r| r.field("content-type")))
            }
            Var::Cookie(name) => self.put_cookie(name, out),
            Var::Date => put_with(out, |out| Civil::utc(self.wall).put_http(out)),
            Var::DocumentRoot => self.put_document_root(out),
            Var::Host => self.put_host(out),
            Var::Hostname => put_bytes(out, self.config.process.hostname.as_bytes()),
            Var::Http(name) => self.request.is_some_and(|r| r.put_field(name, out)),
            // There is no TLS here; empty rather than unset, as in nginx.
            Var::Https => true,
            Var::IsArgs => put_bytes(
                out,
                if self.query().is_some_and(|q| !q.is_empty()) {
                    b"?"
                } else {
                    b""
                },
            ),
            Var::Msec => put_with(out, |out| put_seconds(out, since_epoch(self.wall))),
            Var::DocumentUri | Var::Uri => put_some(out, self.request.map(Request::path)),
            Var::OriginalUri => put_some(out, self.request.map(Request::original_path)),
            Var::Pid => put_count(out, std::process::id().into()),
            Var::RealpathRoot => self.put_realpath_root(out),
            Var::RemoteAddr => self.put_remote_addr(out),
            // As in nginx: empty where the port of the client is not known.
            Var::RemotePort => self
                .conn
                .remote
                .is_some_and(|addr| addr.port() == 0 || put_count(out, addr.port().into())),
            Var::RemoteUser => self.put_basic_user(out),
            Var::Request => put_some(out, self.request.map(Request::line)),
            Var::RequestCompletion => put_bytes(out, if self.complete { b"OK" } else { b"" }),
            Var::RequestFilename => self.put_request_filename(out),
            Var::RequestId => put_with(out, |out| put_hex(out, self.request_id)),
            Var::RequestLength => self.put_request_length(out),
            Var::UpstreamRequestMethod if self.as_get => put_bytes(out, b"GET"),
            Var::RequestMethod | Var::UpstreamRequestMethod => {
                put_some(out, self.request.map(|r| r.method().as_bytes()))
            }
            Var::RequestTime => put_with(out, |out| put_seconds(out, self.elapsed())),
            Var::RequestUri => put_some(out, self.request.map(Request::target)),
            Var::Scheme => put_bytes(out, b"http"),
            Var::SentHttp(name) => put_looked_up(out, self.sent_fields, name),
            Var::ServerAddr => self.put_server_addr(out),
            Var::ServerName => self.put_server_name(out),
            Var::ServerPort => self.put_server_port(out),
            Var::ServerProtocol => put_some(out, self.request.map(|r| r.protocol().as_bytes())),
            Var::Status => {
                self.status != 0 && put_with(out, |out| put_padded(out, self.status.into(), 3))
            }
            Var::TimeIso8601 => put_with(out, |out| {
                Civil::utc(self.wall).put_iso(out);
                out.extend_from_slice(b"+00:00");
            }),
            Var::TimeLocal => put_with(out, |out| Civil::utc(self.wall).put_log(out)),
            Var::UpstreamAddr
            | Var::UpstreamBytesReceived
            | Var::UpstreamBytesSent
            | Var::UpstreamConnectTime
            | Var::UpstreamHeaderTime
            | Var::UpstreamResponseLength
            | Var::UpstreamResponseTime
            | Var::UpstreamStatus => upstream::put(self.tries, var, out),
            Var::UpstreamHttp(name) => put_looked_up(out, self.upstream_fields, name),
            Var::ScriptName => self.split_path().is_some_and(|(script, _)| {
                let outer = self.config.outer.as_ref();
                put_bytes(out, outer.map_or(b"", |outer| &outer.script_name))
                    && put_bytes(out, script)
            }),
            Var::PathInfo => put_some(out, self.split_path().map(|(_, info)| info)),
            Var::Map(index) => self.put_map(*index, self, self, out),
            Var::ProxyProtocolAddr => {
                let proxy = self.conn.proxy.as_ref();
                proxy.is_some_and(|addr| put_ip(out, addr.ip()))
            }
            Var::UpstreamCacheStatus => put_some(out, self.cache.map(|c| c.name().as_bytes())),
            // What a client merely claims is no user: applications let in whom they are told.
            Var::AuthUser if self.asks_password() => self.put_basic_user(out),
            Var::AuthUser => {
                let outer = self.config.outer.as_ref();
                put_some(out, outer.and_then(|outer| outer.value(&Var::RemoteUser)))
            }
            Var::AuthType => self.asks_password() && put_bytes(out, b"Basic"),
            // Spool files have no name.
            Var::RequestBodyFile => false,
        }
    }
}

impl<'a> Facts<'a> {
    /// The name in the Authorization field, whether or not the password is right.
    fn put_basic_user(&self, out: &mut Vec<u8>) -> bool {
        let field = self.request.and_then(|r| r.field("authorization"));
        field.is_some_and(|field| fields::put_basic_user(field, out))
    }

    /// Whether the user is one of ours (`--auth-basic`), whatever a server in front says of its own.
    fn asks_password(&self) -> bool {
        self.location
            .is_some_and(|location| location.auth.is_some())
    }

    /// From the first byte of the request to the moment of evaluation.
    pub fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.started)
    }

    fn query(&self) -> Option<&'a [u8]> {
        self.request.and_then(Request::query)
    }

    fn put_query(&self, out: &mut Vec<u8>) -> bool {
        put_some(out, self.query())
    }

    fn split_path(&self) -> Option<(&'a [u8], &'a [u8])> {
        let location = self.location?;
        match &location.handler {
            Handler::Scgi(scgi) => {
                let path = self.request?.path();
                let split = paths::split(&scgi.path_info, &location.matching, path)?;
                // There was none, and to an application the two are not the same.
                let none = self
                    .config
                    .outer
                    .as_ref()
                    .is_some_and(|outer| outer.no_path);
                Some(if none && path == b"/" {
                    (b"", b"")
                } else {
                    split
                })
            }
            Handler::Files | Handler::Return(_) | Handler::Status { .. } => None,
        }
    }

    fn put_content_length(&self, out: &mut Vec<u8>) -> bool {
        if self.request.is_some_and(Request::is_bodyless) {
            return false;
        }
        let length = match self.request.map(Request::framing) {
            Some(Framing::Length(length)) => Some(length),
            Some(Framing::Chunked) => self.body_length,
            Some(Framing::None) | None => None,
        };
        length.is_some_and(|length| put_count(out, length))
    }

    fn put_request_length(&self, out: &mut Vec<u8>) -> bool {
        let head = self
            .request
            .map_or(0, |r| u64::try_from(r.head_len()).unwrap_or(u64::MAX));
        put_count(out, head.saturating_add(self.body_length.unwrap_or(0)))
    }

    /// V3: the first cookie of the name over all Cookie fields.
    fn put_cookie(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let Some(request) = self.request else {
            return false;
        };
        put_some(out, cookie(request, name))
    }

    /// The configured name of the server, where a host can have it.
    fn configured_name(&self) -> Option<&'a str> {
        let name = self.server?.name.as_str();
        (!name.is_empty() && name != "_" && !name.starts_with('.') && !name.contains('*'))
            .then_some(name)
    }

    fn requested_host(&self) -> Option<&'a str> {
        self.request
            .map(Request::host)
            .filter(|host| !host.is_empty())
    }

    fn put_host(&self, out: &mut Vec<u8>) -> bool {
        match self.requested_host().or_else(|| self.configured_name()) {
            Some(name) => put_bytes(out, name.as_bytes()),
            None => self.put_local_host(out),
        }
    }

    fn put_server_name(&self, out: &mut Vec<u8>) -> bool {
        match self.configured_name().or_else(|| self.requested_host()) {
            Some(name) => put_bytes(out, name.as_bytes()),
            None => self.put_local_host(out),
        }
    }

    /// The local address as the host of a URL: IPv6 in brackets; the machine's name for a Unix listener.
    fn put_local_host(&self, out: &mut Vec<u8>) -> bool {
        match &self.conn.local {
            Local::Unix(_) => put_bytes(out, self.config.process.hostname.as_bytes()),
            Local::Inet(addr) => match addr.ip().to_canonical() {
                ip @ IpAddr::V4(_) => put_ip(out, ip),
                ip @ IpAddr::V6(_) => {
                    out.push(b'[');
                    put_ip(out, ip);
                    out.push(b']');
                    true
                }
            },
        }
    }

    fn put_server_addr(&self, out: &mut Vec<u8>) -> bool {
        match &self.conn.local {
            Local::Inet(addr) => put_ip(out, addr.ip()),
            Local::Unix(path) => {
                put_bytes(out, b"unix:") && put_bytes(out, path.as_os_str().as_bytes())
            }
        }
    }

    fn put_server_port(&self, out: &mut Vec<u8>) -> bool {
        match &self.conn.local {
            Local::Inet(addr) => put_count(out, addr.port().into()),
            Local::Unix(_) => {
                let asked = self
                    .request
                    .and_then(Request::host_port)
                    .filter(|port| !port.is_empty());
                put_bytes(out, asked.unwrap_or("80").as_bytes())
            }
        }
    }

    fn put_remote_addr(&self, out: &mut Vec<u8>) -> bool {
        match self.conn.remote {
            Some(addr) => put_ip(out, addr.ip()),
            None => put_bytes(out, b"unix:"),
        }
    }

    fn put_binary_remote(&self, out: &mut Vec<u8>) -> bool {
        match self.conn.remote.map(|addr| addr.ip().to_canonical()) {
            Some(IpAddr::V4(ip)) => put_bytes(out, &ip.octets()),
            Some(IpAddr::V6(ip)) => put_bytes(out, &ip.octets()),
            None => put_bytes(out, b"unix:"),
        }
    }
}

/// The first cookie of a name over all Cookie fields (V3).
pub fn cookie<'r>(request: &'r Request, name: &str) -> Option<&'r [u8]> {
    request
        .fields_named("cookie")
        .find_map(|value| fields::cookie(value, name))
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    out.extend_from_slice(bytes);
    true
}

fn put_some(out: &mut Vec<u8>, bytes: Option<&[u8]>) -> bool {
    bytes.is_some_and(|bytes| put_bytes(out, bytes))
}

fn put_with(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) -> bool {
    put(out);
    true
}

fn put_count(out: &mut Vec<u8>, n: u64) -> bool {
    put_number(out, n);
    true
}

/// An address in its shortest form, IPv4-mapped ones as IPv4.
fn put_ip(out: &mut Vec<u8>, ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            put_number(out, a.into());
            for octet in [b, c, d] {
                out.push(b'.');
                put_number(out, octet.into());
            }
            true
        }
        IpAddr::V6(ip) => write!(out, "{ip}").is_ok(),
    }
}

fn put_hex(out: &mut Vec<u8>, n: u128) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for byte in n.to_be_bytes() {
        for nibble in [byte >> 4, byte & 15] {
            out.push(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
        }
    }
}

/// A response field by the name of a variable: with `-` for every `_`, else as it stands.
fn put_looked_up(
    out: &mut Vec<u8>,
    find: &dyn Fn(&str) -> Option<Vec<u8>>,
    variable: &str,
) -> bool {
    if !variable.contains('_') {
        return put_some(out, find(variable).as_deref());
    }
    put_some(
        out,
        find(&variable.replace('_', "-"))
            .or_else(|| find(variable))
            .as_deref(),
    )
}
