//! What one level of the command line sets: each field is one flag (or a family that shares a list), empty where the
//! level does not speak of it. `resolve` looks through the levels from the inside out.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::access::Who;
use crate::config::address::{BindAddress, Destination};
use crate::config::cache::{RuleBook, UseStale, Valid, Zone};
use crate::config::content::{
    AddHeader, ErrorPage, InternalRedirect, Map, NextUpstream, RealIpHeader, Return, Root, Store,
};
use crate::config::group::{Balance, GroupServer, Health, Sticky};
use crate::config::{Bind, Ignore, LogFormat, PathInfo, TempPath};
use crate::scgi::request::{Param, ParamsMax};
use crate::template::Template;

use super::listen::ListenSpec;
use super::presets::Preset;

/// `--access-log`: `None` is `off`; else the file and the name of its format.
pub type AccessLogSpec = Option<(PathBuf, String)>;

/// The settings of one level.
#[derive(Default)]
pub struct Settings {
    // The process.
    pub workers: Option<usize>,
    pub queue: Option<usize>,
    pub connections: Option<usize>,
    pub memory: Option<usize>,
    pub user: Option<(String, Option<String>)>,
    pub pid: Option<PathBuf>,
    pub confine: Option<bool>,
    pub access_logs: Vec<AccessLogSpec>,
    pub log_formats: Vec<(String, LogFormat)>,
    pub log_level: Option<log::LevelFilter>,
    pub shutdown_timeout: Option<Duration>,
    pub demo: bool,
    pub cgi: bool,

    // Upstream groups, and variables.
    pub upstreams: Vec<UpstreamSpec>,
    /// `--balance`, `--sticky` and `--health`.
    pub group_rules: Vec<GroupSpec>,
    pub resolve_interval: Option<Duration>,
    pub maps: Vec<Map>,

    // A server.
    pub listens: Vec<ListenSpec>,
    pub client_header_timeout: Option<Duration>,
    pub client_max_header_size: Option<usize>,
    pub underscores: Option<bool>,
    pub real_ip_from: Vec<Who>,
    pub real_ip_header: Option<RealIpHeader>,

    // The client's side.
    pub client_max_body_size: Option<u64>,
    pub client_body_buffer_size: Option<usize>,
    pub client_body_timeout: Option<Duration>,
    pub client_send_timeout: Option<Duration>,
    pub client_limit_rate: Option<Option<Template>>,
    pub client_limit_rate_after: Option<Option<Template>>,
    pub keepalive_timeout: Option<Duration>,
    pub keepalive_requests: Option<u32>,
    /// `--allow` and `--deny` share one list, for their order matters.
    pub access: Vec<(bool, Who)>,
    /// The realm and the file; `None` is `off`.
    pub auth_basic: Option<Option<(Template, PathBuf)>>,
    pub temp_path: Option<TempPath>,

    // Content.
    /// `--root` and `--alias` share a place: an inner one of either kind goes before an outer one.
    pub root: Option<Root>,
    /// Each with its value as given.
    pub error_pages: Vec<(ErrorPage, String)>,
    pub add_headers: Vec<AddHeader>,
    pub default_type: Option<String>,
    pub answer: Option<Return>,
    pub status: Option<StatusSpec>,
    pub internal: bool,
    pub auto_redirect: Option<AutoRedirect>,

    // The application and the connection to it.
    pub preset: Option<&'static Preset>,
    pub pass: Option<PassSpec>,
    pub bind: Option<Option<Bind>>,
    pub socket_keepalive: Option<bool>,
    pub socket_rcvbuf: Option<usize>,
    pub socket_sndbuf: Option<usize>,
    pub connect_timeout: Option<Duration>,
    pub send_timeout: Option<Duration>,
    pub read_timeout: Option<Duration>,
    pub ignore_client_abort: Option<bool>,

    // What the application is told.
    pub request_buffering: Option<bool>,
    pub pass_request_headers: Option<bool>,
    pub pass_request_body: Option<bool>,
    pub params: Vec<Param>,
    pub default_params: Option<bool>,
    pub path_info: Option<PathInfo>,
    pub params_max: Option<Option<ParamsMax>>,

    // Its response.
    pub hide: Vec<String>,
    pub show: Vec<String>,
    pub ignore: Option<Ignore>,
    pub intercept_errors: Option<bool>,
    pub force_ranges: Option<bool>,
    pub internal_redirect: Option<InternalRedirect>,
    /// The name of the field.
    pub sendfile: Option<Option<String>>,
    pub sendfile_roots: Vec<PathBuf>,
    pub store: Option<Option<Store>>,
    pub store_access: Option<u32>,
    pub next_upstream: Option<NextUpstream>,
    pub next_upstream_tries: Option<usize>,
    pub next_upstream_timeout: Option<Duration>,
    pub connection_drop: Option<Option<Duration>>,
    pub buffering: Option<bool>,
    pub buffer_size: Option<usize>,
    /// Number and size.
    pub buffers: Option<(usize, usize)>,
    pub busy_buffers_size: Option<usize>,
    pub max_temp_file_size: Option<u64>,
    pub temp_file_write_size: Option<usize>,
    pub limit_rate: Option<Option<Template>>,

    // The cache.
    pub cache: Option<Option<CacheSpec>>,
    pub cache_paths: Vec<ZoneSpec>,
    pub cache_key: Option<Template>,
    pub cache_valid: Vec<Valid>,
    /// `--cache-methods` names POST.
    pub cache_post: Option<bool>,
    pub cache_min_uses: Option<u32>,
    pub cache_bypass: Vec<Template>,
    pub no_cache: Vec<Template>,
    pub cache_lock: Option<bool>,
    pub cache_lock_age: Option<Duration>,
    pub cache_lock_timeout: Option<Duration>,
    pub cache_use_stale: Option<UseStale>,
    pub cache_background_update: Option<bool>,
    pub cache_revalidate: Option<bool>,
    pub cache_max_range_offset: Option<Option<u64>>,
    pub cache_purge: Vec<Template>,
    pub cache_status: Option<Option<String>>,
    pub cache_targeted: Option<Vec<String>>,
    pub cache_rules: Option<RuleBook>,
}

impl Settings {
    /// Responses are cached by what stands at this level.
    pub fn caches(&self) -> bool {
        matches!(self.cache, Some(Some(_)))
    }

    /// Responses are stored by what stands at this level.
    pub fn stores(&self) -> bool {
        matches!(self.store, Some(Some(_)))
    }
}

/// `--cache` before zones are known.
#[derive(Clone, Debug)]
pub enum CacheSpec {
    Named(String),
    Template(Template),
}

/// `--cache-path` before the places of the process are known: its `path` may be relative, its `temp` is empty.
pub struct ZoneSpec {
    pub zone: Zone,
    /// As given.
    pub raw: String,
}

/// `--pass` before groups are known and names are resolved.
#[derive(Clone, Debug)]
pub enum PassSpec {
    /// The text, and what it names.
    Fixed(String, Destination),
    /// A text that only the name of a group can be, and why it is no address.
    Group(String, String),
    Template(Template),
}

/// `--upstream`: a server without its addresses.
pub struct UpstreamSpec {
    pub group: String,
    pub server: GroupServer,
    /// As given.
    pub raw: String,
}

/// `--balance`, `--sticky` or `--health` of a group.
pub struct GroupSpec {
    pub group: String,
    pub rule: GroupRule,
    /// As given.
    pub raw: String,
}

pub enum GroupRule {
    Balance(Balance),
    Sticky(Sticky),
    /// Without its request.
    Health(Health),
}

impl GroupRule {
    /// The flag that says it.
    pub fn flag(&self) -> &'static str {
        match self {
            GroupRule::Balance(_) => "balance",
            GroupRule::Sticky(_) => "sticky",
            GroupRule::Health(_) => "health",
        }
    }
}

/// `--status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusSpec {
    Off,
    On,
    Writable,
}

/// `--auto-redirect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoRedirect {
    Off,
    On,
    Default,
}

/// `--bind` of a fixed address, for the setter.
pub fn fixed_bind(address: BindAddress, transparent: bool) -> Bind {
    Bind {
        address: crate::config::BindTo::Fixed(address),
        transparent,
    }
}

/// The levels that hold at one place, innermost first.
pub struct Chain<'a>(pub Vec<&'a Settings>);

impl<'a> Chain<'a> {
    /// `--cgi`.
    pub fn cgi(&self) -> bool {
        self.0.iter().any(|level| level.cgi)
    }

    /// The innermost value.
    pub fn get<T>(&self, field: impl Fn(&'a Settings) -> &'a Option<T>) -> Option<&'a T> {
        self.0.iter().find_map(|level| field(level).as_ref())
    }

    /// The innermost value, or `default`.
    pub fn or<T: Clone + 'a>(
        &self,
        field: impl Fn(&'a Settings) -> &'a Option<T>,
        default: T,
    ) -> T {
        self.get(field).cloned().unwrap_or(default)
    }

    /// The innermost value of a switch that another one excludes: where the other is on further in, this one is off (C11).
    pub fn switch<T>(
        &self,
        field: impl Fn(&'a Settings) -> &'a Option<Option<T>>,
        other_is_on: impl Fn(&Settings) -> bool,
    ) -> Option<&'a T> {
        for level in &self.0 {
            if let Some(value) = field(level) {
                return value.as_ref();
            }
            if other_is_on(level) {
                return None;
            }
        }
        None
    }

    /// The list of the innermost level that has one; levels further out add nothing to it.
    pub fn list<T>(&self, field: impl Fn(&'a Settings) -> &'a Vec<T>) -> &'a [T] {
        self.0
            .iter()
            .map(|level| field(level).as_slice())
            .find(|list| !list.is_empty())
            .unwrap_or(&[])
    }
}
