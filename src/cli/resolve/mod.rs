//! From scopes to the [`Config`]: inheritance, defaults, names, and the checks that need the whole picture.

mod cache;
mod content;
mod groups;
mod health;
mod listens;
mod params;
mod process;
mod scgi;
mod sizes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::access::{AccessRules, AuthBasic};
use crate::config::address::{Address, Destination};
use crate::config::cache::Zone;
use crate::config::content::{RealIpHeader, Return};
use crate::config::group::Group;
use crate::config::{Client, Config, Handler, Listen, Location, Match, Pass, Server, TempPath};

use super::scopes::{self, LocationScope, Said, Scope, ServerScope, Tree, complain};
use super::settings::{Chain, PassSpec};
use super::words::{Word, printable};

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
    #[cold]
    #[inline(never)]
    pub fn error(&mut self, text: String) {
        if !self.errors.contains(&text) {
            self.errors.push(text);
        }
    }

    /// Each warning once.
    #[cold]
    #[inline(never)]
    pub fn warn(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }
}

/// Resolves everything. `demo_socket` is where the built-in application listens.
pub fn resolve(tree: &Tree, demo_socket: &Path, remarks: &mut Remarks) -> Config {
    let http = &tree.http.settings;
    let mut resolver = Resolver {
        tree,
        demo_socket,
        groups: groups::explicit(http, remarks),
        password_files: Vec::new(),
        zones: cache::zones(http, &temp_path(&scopes::chain([&tree.http])).dir, remarks),
        remarks,
    };
    resolver.check_demo();
    resolver.check_cgi();
    cache::check_names(&resolver.scopes(), &resolver.zones, resolver.remarks);
    resolver.warn_of_repeated_conditions();
    let asks_upstream = resolver.asks_upstream();
    let servers: Vec<Server> = tree
        .servers
        .iter()
        .map(|server| resolver.server(server))
        .collect();
    resolver.check_something_served(&servers);
    let groups = std::mem::take(&mut resolver.groups);
    let zones = std::mem::take(&mut resolver.zones);
    let password_files = std::mem::take(&mut resolver.password_files);
    cache::warn_of_unused(&http.cache_paths, &servers, &zones, remarks);
    let listens = listens::listens(tree, remarks);
    warn_of_no_proxy(&servers, &listens, remarks);
    listens::warn_of_open(tree, &servers, remarks);
    let mut config = Config {
        process: process::process(http, remarks),
        listens,
        servers,
        groups,
        zones,
        maps: http.maps.clone(),
        password_files,
        asks_upstream,
        outer: None,
    };
    health::make_requests(&mut config, remarks);
    config
}

struct Resolver<'a> {
    tree: &'a Tree,
    demo_socket: &'a Path,
    remarks: &'a mut Remarks,
    groups: Vec<Group>,
    zones: Vec<Zone>,
    /// See [`Config::password_files`].
    password_files: Vec<PathBuf>,
}

impl<'a> Resolver<'a> {
    fn scopes(&self) -> Vec<&'a Scope> {
        let mut scopes = vec![&self.tree.http];
        for server in &self.tree.servers {
            scopes.push(&server.scope);
            scopes.extend(server.locations.iter().map(|location| &location.scope));
        }
        scopes
    }

    fn check_demo(&mut self) {
        let passed = |scope: &&Scope| scope.settings.pass.is_some();
        if self.tree.http.settings.demo && self.scopes().iter().any(passed) {
            self.remarks
                .error(complain("demo", None, "does not go together with --pass"));
        }
    }

    /// A process that lives for one request can not do what these flags say.
    fn check_cgi(&mut self) {
        if !self.tree.http.settings.cgi {
            return;
        }
        for said in self.scopes().into_iter().flat_map(|scope| &scope.said) {
            if !said.flag.goes_with_cgi() {
                let raw = said.flag.takes_value().then_some(&*said.value.raw);
                let why = "does not go with --cgi";
                self.remarks.error(complain(said.flag.long, raw, why));
            }
        }
    }

    /// Whether a variable tells of what servers have answered. Some text may look like one and be none, which does no harm.
    fn asks_upstream(&self) -> bool {
        let asks = |said: &Said| {
            let text = said.value.raw.to_ascii_lowercase();
            text.contains("$upstream_") || text.contains("${upstream_")
        };
        let mut scopes = self.scopes().into_iter();
        scopes.any(|scope| scope.said.iter().any(asks))
    }

    /// N1: a word that stands twice changes nothing, but someone may have meant another.
    fn warn_of_repeated_conditions(&mut self) {
        for scope in self.scopes() {
            let flag = |said: &&Said| said.flag.long == "next-upstream";
            let Some(said) = scope.said.iter().find(flag) else {
                continue;
            };
            let mut words = said.value.words.iter();
            while let Some(word) = words.next() {
                let same = |other: &Word| other.text.eq_ignore_ascii_case(&word.text);
                if words.as_slice().iter().any(same) {
                    let why = format!("has \"{}\" twice", word.text);
                    self.remarks
                        .warn(complain("next-upstream", Some(&said.value.raw), &why));
                }
            }
        }
    }

    fn check_something_served(&mut self, servers: &[Server]) {
        let serves = |location: &Location| {
            !matches!(location.handler, Handler::Files) || location.content.root.is_some()
        };
        let served = servers
            .iter()
            .any(|server| server.answer.is_some() || server.locations.iter().any(serves));
        if !served && self.remarks.errors.is_empty() {
            self.remarks.error(
                "nothing to serve: give --pass ADDRESS, --root DIRECTORY or --return, or --demo to try the program"
                    .into(),
            );
        }
    }

    fn server(&mut self, server: &'a ServerScope) -> Server {
        let chain = scopes::chain([&server.scope, &self.tree.http]);
        content::check_pages(&chain, server, self.remarks);
        let mut content = content::content(&chain);
        // An alias at this level is that of the implicit location.
        content.root = content.root.filter(|root| !root.alias);
        Server {
            name: primary_name(server),
            client_header_timeout: chain.or(|s| &s.client_header_timeout, SIXTY),
            client_max_header_size: chain.or(|s| &s.client_max_header_size, 32 << 10),
            underscores: chain.or(|s| &s.underscores, false),
            client: client(&chain),
            content,
            answer: self.answer(server).cloned(),
            real_ip: content::real_ip(&chain, self.remarks),
            locations: server
                .locations
                .iter()
                .map(|location| self.location(server, location))
                .collect(),
        }
    }

    /// `--return` of a server; of the implicit one it may stand at the http level.
    fn answer(&self, server: &'a ServerScope) -> Option<&'a Return> {
        let outer = &self.tree.http.settings;
        let outer = server.names.is_none().then_some(outer.answer.as_ref());
        server.scope.settings.answer.as_ref().or(outer.flatten())
    }

    fn location(&mut self, server: &'a ServerScope, location: &'a LocationScope) -> Location {
        let chain = chain(self.tree, server, location);
        let place = place(server, location);
        let auth = self.auth(&chain);
        let handler = self.handler(&chain, server, location, &place);
        let content = content::content(&chain);
        let access = AccessRules {
            rules: chain.list(|s| &s.access).to_vec(),
        };
        params::warn_of_discarded(&chain, location, self.remarks);
        content::warn_of_unmet(location, self.remarks);
        content::check_pages(&chain, server, self.remarks);
        content::check_alias(location, self.remarks);
        content::warn_of_writable(&handler, &access, &place, self.remarks);
        let answers = !matches!(handler, Handler::Files) || self.answer(server).is_some();
        if content.root.is_none() && !answers {
            self.warn_of_no_answer(server, location);
        }
        let resolved = Location {
            matching: location.matching.clone(),
            internal: matches!(location.matching, Match::Named(_))
                || chain.0.iter().any(|level| level.internal),
            adds_slash: content::adds_slash(&chain, location, &handler, self.remarks),
            content,
            handler,
            access,
            auth,
            client: client(&chain),
        };
        cache::warn(
            &resolved,
            &self.tree.http.settings.maps,
            &place,
            self.remarks,
        );
        resolved
    }

    /// `--auth-basic`, its file by number.
    fn auth(&mut self, chain: &Chain<'a>) -> Option<Box<AuthBasic>> {
        let (realm, path) = chain.get(|s| &s.auth_basic)?.as_ref()?;
        let files = &mut self.password_files;
        let file = files.iter().position(|known| known == path);
        let file = file.unwrap_or_else(|| {
            files.push(path.clone());
            files.len() - 1
        });
        Some(Box::new(AuthBasic {
            realm: realm.clone(),
            file,
        }))
    }

    /// Who answers: at most one of `--pass`, `--return` and `--status` can.
    fn handler(
        &mut self,
        chain: &Chain<'a>,
        server: &'a ServerScope,
        location: &'a LocationScope,
        place: &str,
    ) -> Handler {
        let explicit = location.opened.is_some();
        // Neither of the two is inherited by a location that was opened.
        let (pass, answer) = match explicit {
            true => {
                let own = &location.scope.settings;
                (own.pass.as_ref(), own.answer.as_ref())
            }
            false => (chain.get(|s| &s.pass), self.answer(server)),
        };
        let status = content::status(chain);
        let given = [
            ("--pass", pass.is_some()),
            ("--return", answer.is_some()),
            ("--status", status.is_some()),
        ];
        let given: Vec<&str> = given.iter().filter(|g| g.1).map(|g| g.0).collect();
        if given.len() > 1 {
            self.remarks.error(format!(
                "{}{place}: only one of them can answer",
                given.join(" and ")
            ));
        }
        let pass = match given.first() {
            None | Some(&"--pass") => self.pass(pass),
            Some(_) => None,
        };
        let sizes = sizes::sizes(chain, self.remarks);
        if let Some(pass) = pass {
            let mut scgi = scgi::scgi(chain, pass, sizes, place, self.remarks);
            scgi.cache = cache::cache(chain, &self.zones, place, self.remarks);
            return Handler::Scgi(Box::new(scgi));
        }
        match (answer, status) {
            (Some(answer), _) if explicit => Handler::Return(answer.clone()),
            (None, Some(status)) => status,
            // A return of the server goes before its locations.
            _ => Handler::Files,
        }
    }

    fn pass(&mut self, spec: Option<&PassSpec>) -> Option<Pass> {
        if self.tree.http.settings.demo {
            let text = format!("unix:{}", self.demo_socket.display());
            let socket = Destination::Fixed(Address::Unix(self.demo_socket.to_owned()));
            return Some(groups::implicit(
                &mut self.groups,
                &text,
                &socket,
                self.remarks,
            ));
        }
        groups::target(&mut self.groups, spec?, self.remarks)
    }

    fn warn_of_no_answer(&mut self, server: &ServerScope, location: &LocationScope) {
        let why =
            "has no --pass, --return, --status, --root or --alias: requests are answered with 404";
        match (&location.opened, &server.names) {
            (Some(opened), _) => self
                .remarks
                .warn(complain("location", Some(&opened.raw), why)),
            (None, Some(names)) => self.remarks.warn(complain("server", Some(&names.raw), why)),
            // Then nothing at all is served, which is an error.
            (None, None) => {}
        }
    }
}

/// Where a location is, as the end of a phrase; nothing for the only one.
fn place(server: &ServerScope, location: &LocationScope) -> String {
    match (&location.opened, &server.names) {
        (Some(opened), _) => format!(" in --location '{}'", printable(&opened.raw)),
        (None, Some(names)) => format!(" in --server '{}'", printable(&names.raw)),
        (None, None) => String::new(),
    }
}

/// An address that only a PROXY head could bring, on listeners that expect none.
fn warn_of_no_proxy(servers: &[Server], listens: &[Listen], remarks: &mut Remarks) {
    let wanted = |server: &Server| {
        let header = server.real_ip.as_ref().map(|real_ip| &real_ip.header);
        header == Some(&RealIpHeader::ProxyProtocol)
    };
    for (index, server) in servers.iter().enumerate() {
        let mut own = listens.iter().filter(|listen| listen.names.has(index));
        if wanted(server) && !own.any(|listen| listen.proxy_protocol) {
            let why = match server.name.as_str() {
                "" => "no --listen says proxy_protocol".to_owned(),
                name => format!("no --listen of --server {name} says proxy_protocol"),
            };
            remarks.warn(complain("real-ip-header", Some("proxy_protocol"), &why));
        }
    }
}

/// The levels that hold in a location.
pub fn chain<'a>(
    tree: &'a Tree,
    server: &'a ServerScope,
    location: &'a LocationScope,
) -> Chain<'a> {
    scopes::chain([&location.scope, &server.scope, &tree.http])
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
        temp: temp_path(chain),
    }
}

fn temp_path(chain: &Chain) -> TempPath {
    let given = chain.get(|s| &s.temp_path);
    given.cloned().unwrap_or_else(default_temp)
}

pub(super) fn default_temp() -> TempPath {
    let dir = std::env::var_os("TMPDIR")
        .filter(|dir| !dir.is_empty())
        .map_or_else(|| "/tmp".into(), PathBuf::from);
    TempPath {
        dir,
        levels: Vec::new(),
    }
}
