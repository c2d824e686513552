//! What the program runs by: immutable, typed, fully resolved. Nothing here means "inherit"; whoever reads a setting
//! reads the one that holds. Made by `cli` from the command line, then leaked once and shared by every thread.
#![forbid(unsafe_code)]

pub mod access;
pub mod address;
pub mod cache;
pub mod content;
pub mod group;
pub mod names;
pub mod outer;

use std::path::PathBuf;
use std::time::Duration;

use crate::scgi::request::Params;
use crate::template::Template;
use access::{AccessRules, AuthBasic};
use address::{BindAddress, ListenAddress};
pub use content::Content;
use content::{InternalRedirect, Map, NextUpstream, RealIp, Return, SendFile, StoreSettings};
use group::Group;
use names::NameTable;
use outer::Outer;

/// The whole of it.
#[derive(Debug)]
pub struct Config {
    pub process: Process,
    /// One per distinct listen address.
    pub listens: Vec<Listen>,
    pub servers: Vec<Server>,
    /// Upstream groups, named and implicit; [`Pass::Group`] is an index into it.
    pub groups: Vec<Group>,
    /// `--cache-path`; [`cache::ZoneName::Fixed`] is an index into it.
    pub zones: Vec<cache::Zone>,
    /// `--map`; `Var::Map` is an index into it. A map's templates use only maps before it.
    pub maps: Vec<Map>,
    /// The files of `--auth-basic`, each once. Read by who can check passwords, which not every build does.
    #[allow(dead_code)]
    pub password_files: Vec<PathBuf>,
    /// A variable of the family `$upstream_…` is used, by whatever flag.
    pub asks_upstream: bool,
    /// `--cgi`: what is known of the request from the server in front.
    pub outer: Option<Outer>,
}

/// Settings of the process.
#[derive(Debug)]
pub struct Process {
    pub workers: usize,
    /// Requests that may wait for a worker.
    pub queue: usize,
    /// Client connections.
    pub connections: usize,
    /// Ceiling for all buffers together in bytes; 0: none.
    pub memory: usize,
    /// User name and, where given, group name (`--user 'USER [GROUP]'`).
    pub user: Option<(String, Option<String>)>,
    pub pid: Option<PathBuf>,
    /// Hold the process to the files that the command line names.
    pub confine: bool,
    pub access_logs: Vec<AccessLog>,
    pub log_level: log::LevelFilter,
    pub shutdown_timeout: Duration,
    /// Serve the built-in application.
    pub demo: bool,
    /// Serve the one request that the environment tells of.
    pub cgi: bool,
    /// The name of this machine, for `$hostname`.
    pub hostname: String,
    /// How often names marked `resolve` are looked up again.
    pub resolve_interval: Duration,
}

/// `--access-log`.
#[derive(Debug)]
pub struct AccessLog {
    /// `-` and `/dev/stdout` are standard output.
    pub path: PathBuf,
    pub format: LogFormat,
}

/// `--log-format`: the template, and how values are escaped in it.
#[derive(Debug, Clone)]
pub struct LogFormat {
    pub template: Template,
    pub escape: LogEscape,
}

/// How values (not the text between them) are written to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEscape {
    /// `"`, `\` and control or non-ASCII bytes as `\xHH`; unset is `-`.
    Default,
    /// Inside a JSON string; unset is empty.
    Json,
}

/// `--listen`: one socket.
#[derive(Debug)]
pub struct Listen {
    pub address: ListenAddress,
    pub backlog: i32,
    pub reuseport: bool,
    pub ipv6only: bool,
    /// Mode of a Unix socket file.
    pub mode: u32,
    /// Group of a Unix socket file.
    pub group: Option<String>,
    /// Every connection begins with a head of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Which server answers to which name here.
    pub names: NameTable,
}

/// `--server`.
#[derive(Debug)]
pub struct Server {
    /// The first name, for SERVER_NAME; empty for the implicit server.
    pub name: String,
    pub client_header_timeout: Duration,
    pub client_max_header_size: usize,
    pub underscores: bool,
    /// Settings that hold before a request has named a location.
    pub client: Client,
    pub content: Content,
    /// `--return` of the server: answers every request, whatever its location.
    pub answer: Option<Return>,
    pub real_ip: Option<RealIp>,
    /// In order of the command line; `config::names` finds the one for a path.
    pub locations: Vec<Location>,
}

/// `--location` MATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// `/prefix` or `^~ /prefix`.
    Prefix(String),
    /// `= /exact`.
    Exact(String),
    /// `@name`.
    Named(String),
}

/// A location with every setting that holds in it.
#[derive(Debug)]
pub struct Location {
    pub matching: Match,
    pub handler: Handler,
    pub access: AccessRules,
    /// `--auth-basic`; `None`: nobody is asked for a password.
    pub auth: Option<Box<AuthBasic>>,
    pub client: Client,
    pub content: Content,
    /// `--internal`: reached by redirects inside the gateway only; 404 from outside.
    pub internal: bool,
    /// `--auto-redirect`, resolved: a request for the prefix without its last slash is redirected to the prefix (K20). Only
    /// where the prefix ends in a slash.
    pub adds_slash: bool,
}

/// Who answers.
#[derive(Debug)]
pub enum Handler {
    Scgi(Box<Scgi>),
    /// Files below the location's root or alias; 404 where it has neither.
    Files,
    Return(Return),
    Status {
        /// POST may drain and revive servers.
        writable: bool,
    },
}

/// Settings about the client's side.
#[derive(Debug, Clone)]
pub struct Client {
    /// Bytes; 0: no limit.
    pub max_body_size: u64,
    pub body_buffer_size: usize,
    pub body_timeout: Duration,
    pub send_timeout: Duration,
    /// 0: connections are not kept.
    pub keepalive_timeout: Duration,
    pub keepalive_requests: u32,
    /// Bytes a second; a template, whose empty or `0` value means no limit. `None`: no limit.
    pub limit_rate: Option<Template>,
    pub limit_rate_after: Option<Template>,
    pub temp: TempPath,
}

/// `--temp-path`: a directory and the digits of up to three levels below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TempPath {
    pub dir: PathBuf,
    pub levels: Vec<u8>,
}

/// Settings of an SCGI location.
#[derive(Debug)]
pub struct Scgi {
    pub pass: Pass,
    pub bind: Option<Bind>,
    pub socket_keepalive: bool,
    /// Bytes; 0: the system's.
    pub socket_rcvbuf: usize,
    pub socket_sndbuf: usize,
    pub connect_timeout: Duration,
    pub send_timeout: Duration,
    pub read_timeout: Duration,
    pub buffering: bool,
    /// Bytes that must hold the response head; the unit of unbuffered reading.
    pub buffer_size: usize,
    pub buffers: usize,
    pub buffers_size: usize,
    pub busy_buffers_size: usize,
    /// Bytes; 0: never spill.
    pub max_temp_file_size: u64,
    pub temp_file_write_size: usize,
    pub limit_rate: Option<Template>,
    pub request_buffering: bool,
    pub pass_request_body: bool,
    pub params: Params,
    pub path_info: PathInfo,
    /// Names that are not forwarded, lowercased and sorted: the six of R23 and `--hide-header`, less `--pass-header`.
    pub hidden: Vec<String>,
    pub ignore: Ignore,
    pub ignore_client_abort: bool,
    pub next_upstream: NextUpstream,
    /// Servers tried at most; 0: no limit.
    pub next_upstream_tries: usize,
    /// Zero: no limit.
    pub next_upstream_timeout: Duration,
    /// End exchanges with an address this long after it has left its group; `None`: never.
    pub connection_drop: Option<Duration>,
    pub intercept_errors: bool,
    pub force_ranges: bool,
    pub internal_redirect: InternalRedirect,
    /// `None`: off.
    pub sendfile: Option<SendFile>,
    pub store: Option<StoreSettings>,
    /// `None`: responses are not cached.
    pub cache: Option<Box<cache::Cache>>,
}

/// `--pass`.
#[derive(Debug)]
pub enum Pass {
    /// Index into [`Config::groups`].
    Group(usize),
    Template(Template),
}

/// `--bind`.
#[derive(Debug, Clone)]
pub struct Bind {
    pub address: BindTo,
    pub transparent: bool,
}

/// A bind address, fixed or evaluated for each request.
#[derive(Debug, Clone)]
pub enum BindTo {
    Fixed(BindAddress),
    Template(Template),
}

/// `--path-info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathInfo {
    /// SCRIPT_NAME is the location's prefix without its trailing slash, PATH_INFO the rest.
    On,
    /// Neither is sent.
    Off,
    /// Split after the first path segment that ends in one of these (compared case-insensitively).
    Extensions(Vec<String>),
}

/// `--ignore-headers`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignore {
    pub redirect: bool,
    pub accel_expires: bool,
    pub limit_rate: bool,
    pub buffering: bool,
    pub charset: bool,
    pub expires: bool,
    pub cache_control: bool,
    pub set_cookie: bool,
    pub vary: bool,
}

impl Config {
    /// Every location that an application answers for, and how it is asked.
    pub fn applications(&self) -> impl Iterator<Item = (&Location, &Scgi)> {
        let locations = self.servers.iter().flat_map(|server| &server.locations);
        locations.filter_map(|location| match &location.handler {
            Handler::Scgi(scgi) => Some((location, &**scgi)),
            Handler::Files | Handler::Return(_) | Handler::Status { .. } => None,
        })
    }

    /// `--bind` of every location that has one.
    pub fn binds(&self) -> impl Iterator<Item = &Bind> {
        self.applications()
            .filter_map(|(_, scgi)| scgi.bind.as_ref())
    }
}
