//! From scopes to the [`Config`]: inheritance, defaults, names, and the checks that need the whole picture.

mod listens;
mod params;
mod process;
mod sizes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::access::AccessRules;
use crate::config::address::{Address, Destination};
use crate::config::content::{Content, InternalRedirect, NextUpstream, Root};
use crate::config::group::{Balance, Group, GroupServer};
use crate::config::{
    Client, Config, Handler, Location, Match, Pass, PathInfo, Scgi, Server, TempPath,
};
use crate::scgi::request::Params;

use super::listen;
use super::scopes::{LocationScope, ServerScope, Tree, complain};
use super::settings::{Chain, PassSpec};

pub use sizes::Sizes;

/// Bytes of a memory page, the unit of the default buffer sizes. A constant, so that a command line means the same on
/// every machine; the pages of some are larger.
pub const PAGE: usize = 4096;

const SIXTY: Duration = Duration::from_secs(60);

/// What could not be resolved, and what the operator should know.
#[derive(Default)]
pub struct Remarks {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

impl Remarks {
    /// Each error once: a mistake at an outer level shows in every location.
    pub fn error(&mut self, text: String) {
        if !self.errors.contains(&text) {
            self.errors.push(text);
        }
    }

    fn warn(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }
}

/// Resolves everything. `demo_socket` is where the built-in application listens.
pub fn resolve(tree: &Tree, demo_socket: &Path, remarks: &mut Remarks) -> Config {
    let mut resolver = Resolver {
        tree,
        demo_socket,
        remarks,
        groups: Vec::new(),
    };
    resolver.check_demo();
    let servers: Vec<Server> = tree
        .servers
        .iter()
        .map(|server| resolver.server(server))
        .collect();
    resolver.check_something_served(&servers);
    let groups = std::mem::take(&mut resolver.groups);
    Config {
        process: process::process(&tree.http.settings, remarks),
        listens: listens::listens(tree, remarks),
        servers,
        groups,
        maps: Vec::new(),
    }
}

struct Resolver<'a> {
    tree: &'a Tree,
    demo_socket: &'a Path,
    remarks: &'a mut Remarks,
    groups: Vec<Group>,
}

impl<'a> Resolver<'a> {
    fn check_demo(&mut self) {
        let tree = self.tree;
        let locations = tree
            .servers
            .iter()
            .flat_map(|server| &server.locations)
            .map(|location| &location.scope);
        let scopes = tree
            .servers
            .iter()
            .map(|server| &server.scope)
            .chain(locations)
            .chain([&tree.http]);
        let passed = scopes
            .into_iter()
            .any(|scope| scope.settings.pass.is_some());
        if tree.http.settings.demo && passed {
            self.remarks
                .error(complain("demo", None, "does not go together with --pass"));
        }
    }

    fn check_something_served(&mut self, servers: &[Server]) {
        let mut locations = servers.iter().flat_map(|server| &server.locations);
        let served = locations.any(|location| matches!(location.handler, Handler::Scgi(_)));
        if !served && self.remarks.errors.is_empty() {
            self.remarks.error(
                "nothing to serve: give --pass ADDRESS, or --demo to try the program".into(),
            );
        }
    }

    fn server(&mut self, server: &'a ServerScope) -> Server {
        let chain = Chain(vec![&server.scope.settings, &self.tree.http.settings]);
        Server {
            name: primary_name(server),
            client_header_timeout: chain.or(|s| &s.client_header_timeout, SIXTY),
            client_max_header_size: chain.or(|s| &s.client_max_header_size, 32 << 10),
            underscores: chain.or(|s| &s.underscores, false),
            client: client(&chain),
            content: content(&chain),
            answer: None,
            real_ip: None,
            locations: server
                .locations
                .iter()
                .map(|location| self.location(server, location))
                .collect(),
        }
    }

    fn location(&mut self, server: &'a ServerScope, location: &'a LocationScope) -> Location {
        let chain = chain(self.tree, server, location);
        let pass = self.pass(&chain, location);
        let sizes = sizes::sizes(&chain, self.remarks);
        params::warn_of_discarded(&chain, location, self.remarks);
        if pass.is_none() {
            self.warn_of_no_pass(server, location);
        }
        Location {
            matching: location.matching.clone(),
            internal: matches!(location.matching, Match::Named(_)),
            adds_slash: false,
            content: content(&chain),
            handler: pass.map_or(Handler::Files, |pass| {
                Handler::Scgi(Box::new(scgi(&chain, pass, sizes, self.remarks)))
            }),
            access: AccessRules {
                rules: chain.list(|s| &s.access).to_vec(),
            },
            client: client(&chain),
        }
    }

    fn warn_of_no_pass(&mut self, server: &ServerScope, location: &LocationScope) {
        let why = "has no --pass: requests are answered with 404";
        match (&location.opened, &server.names) {
            (Some(opened), _) => self
                .remarks
                .warn(complain("location", Some(&opened.raw), why)),
            (None, Some(names)) => self.remarks.warn(complain("server", Some(&names.raw), why)),
            // Then nothing at all is served, which is an error.
            (None, None) => {}
        }
    }

    /// `--pass` is not inherited by a location that was opened.
    fn pass(&mut self, chain: &Chain<'a>, location: &'a LocationScope) -> Option<Pass> {
        if self.tree.http.settings.demo {
            return Some(
                self.target(format!("unix:{}", self.demo_socket.display()), || {
                    Ok(vec![Address::Unix(self.demo_socket.to_owned())])
                }),
            );
        }
        let spec = match location.opened {
            Some(_) => location.scope.settings.pass.as_ref(),
            None => chain.get(|s| &s.pass),
        };
        match spec? {
            PassSpec::Template(template) => Some(Pass::Template(template.clone())),
            PassSpec::Fixed(text, destination) => Some(self.fixed(text, destination)),
        }
    }

    fn fixed(&mut self, text: &str, destination: &Destination) -> Pass {
        match destination {
            Destination::Fixed(address) => {
                self.target(text.to_owned(), || Ok(vec![address.clone()]))
            }
            Destination::Name(host, port) => self.target(text.to_owned(), || {
                let addresses = listen::resolve(host, *port)?;
                Ok(addresses.into_iter().map(Address::Inet).collect())
            }),
        }
    }

    /// The target of this text, resolved the first time it is met.
    fn target(
        &mut self,
        text: String,
        addresses: impl FnOnce() -> Result<Vec<Address>, String>,
    ) -> Pass {
        if let Some(index) = self.groups.iter().position(|group| group.name == text) {
            return Pass::Group(index);
        }
        let addresses = addresses().unwrap_or_else(|why| {
            self.remarks.error(complain("pass", Some(&text), &why));
            Vec::new()
        });
        let server = GroupServer {
            destination: Destination::Name(text.clone(), 0),
            text: text.clone(),
            addresses,
            weight: 1,
            max_conns: 0,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            slow_start: Duration::ZERO,
            backup: false,
            down: false,
            resolve: false,
            route: None,
        };
        self.groups.push(Group {
            name: text,
            implicit: true,
            servers: vec![server],
            balance: Balance::RoundRobin,
            sticky: None,
        });
        Pass::Group(self.groups.len() - 1)
    }
}

/// The levels that hold in a location.
pub fn chain<'a>(
    tree: &'a Tree,
    server: &'a ServerScope,
    location: &'a LocationScope,
) -> Chain<'a> {
    Chain(vec![
        &location.scope.settings,
        &server.scope.settings,
        &tree.http.settings,
    ])
}

/// The first name; what is no name that a client could ask for is none.
fn primary_name(server: &ServerScope) -> String {
    let first = server
        .names
        .as_ref()
        .and_then(|names| names.word(0))
        .unwrap_or("");
    match first {
        "_" => String::new(),
        name => name.strip_prefix('.').unwrap_or(name).to_ascii_lowercase(),
    }
}

fn client(chain: &Chain) -> Client {
    Client {
        max_body_size: chain.or(|s| &s.client_max_body_size, 1 << 20),
        body_buffer_size: chain.or(|s| &s.client_body_buffer_size, 16 << 10),
        body_timeout: chain.or(|s| &s.client_body_timeout, SIXTY),
        send_timeout: chain.or(|s| &s.client_send_timeout, SIXTY),
        keepalive_timeout: chain.or(|s| &s.keepalive_timeout, Duration::from_secs(75)),
        keepalive_requests: chain.or(|s| &s.keepalive_requests, 1000),
        limit_rate: chain.or(|s| &s.client_limit_rate, None),
        limit_rate_after: chain.or(|s| &s.client_limit_rate_after, None),
        temp: chain
            .get(|s| &s.temp_path)
            .cloned()
            .unwrap_or_else(default_temp),
    }
}

fn content(chain: &Chain) -> Content {
    Content {
        root: chain.get(|s| &s.root).map(|dir| Root {
            dir: dir.clone(),
            alias: false,
        }),
        error_pages: Vec::new(),
        add_headers: Vec::new(),
        default_type: "text/plain".into(),
    }
}

fn default_temp() -> TempPath {
    let dir = std::env::var_os("TMPDIR")
        .filter(|dir| !dir.is_empty())
        .map_or_else(|| "/tmp".into(), PathBuf::from);
    TempPath {
        dir,
        levels: Vec::new(),
    }
}

fn scgi(chain: &Chain, pass: Pass, sizes: Sizes, remarks: &mut Remarks) -> Scgi {
    let path_info = chain.or(|s| &s.path_info, PathInfo::On);
    let list = params::list(chain, &path_info, remarks);
    let pass_headers = chain.or(|s| &s.pass_request_headers, true);
    let max = chain.or(|s| &s.params_max, None);
    Scgi {
        pass,
        bind: chain.or(|s| &s.bind, None),
        socket_keepalive: chain.or(|s| &s.socket_keepalive, false),
        socket_rcvbuf: chain.or(|s| &s.socket_rcvbuf, 0),
        socket_sndbuf: chain.or(|s| &s.socket_sndbuf, 0),
        connect_timeout: chain.or(|s| &s.connect_timeout, SIXTY),
        send_timeout: chain.or(|s| &s.send_timeout, SIXTY),
        read_timeout: chain.or(|s| &s.read_timeout, SIXTY),
        buffering: chain.or(|s| &s.buffering, true),
        buffer_size: sizes.buffer_size,
        buffers: sizes.buffers,
        buffers_size: sizes.buffers_size,
        busy_buffers_size: sizes.busy,
        max_temp_file_size: sizes.max_temp,
        temp_file_write_size: sizes.temp_write,
        limit_rate: chain.or(|s| &s.limit_rate, None),
        request_buffering: chain.or(|s| &s.request_buffering, true),
        pass_request_body: chain.or(|s| &s.pass_request_body, true),
        params: Params::new(list, pass_headers, max),
        path_info,
        hidden: hidden(chain),
        ignore: chain.or(|s| &s.ignore, Default::default()),
        ignore_client_abort: chain.or(|s| &s.ignore_client_abort, false),
        next_upstream: NextUpstream::default(),
        next_upstream_tries: 0,
        next_upstream_timeout: Duration::ZERO,
        connection_drop: None,
        intercept_errors: false,
        force_ranges: false,
        internal_redirect: InternalRedirect::Off,
        sendfile: None,
        store: None,
    }
}

/// The six of R23 and `--hide-header`, less `--pass-header`; the two lists are inherited each by itself (R25).
fn hidden(chain: &Chain) -> Vec<String> {
    const ALWAYS: [&str; 6] = [
        "status",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-expires",
        "x-accel-limit-rate",
        "x-accel-redirect",
    ];
    let show = chain.list(|s| &s.show);
    let hide = chain.list(|s| &s.hide).iter().cloned();
    let always = ALWAYS.iter().map(|name| name.to_string());
    let mut names: Vec<String> = Vec::new();
    for name in always.chain(hide).filter(|name| !show.contains(name)) {
        if let Err(at) = names.binary_search(&name) {
            names.insert(at, name);
        }
    }
    names
}
