//! The listen sockets: servers that share an address share its socket, and each address has its table of names.

use crate::cli::listen::{
    DEFAULT_BACKLOG, DEFAULT_MODE, ListenOptions, ListenSpec, listen, overlap,
};
use crate::cli::scopes::{self, ServerScope, Tree, complain};
use crate::cli::words::Value;
use crate::config::address::ListenAddress;
use crate::config::content::PageTarget;
use crate::config::names::NameTable;
use crate::config::{Handler, Listen, Location, Match, Server};
use crate::template::{Part, Template, Var};

use super::{Remarks, place};

/// Where the program listens when nothing is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// One address while servers are added to it.
struct Place {
    address: ListenAddress,
    options: ListenOptions,
    /// The server that said `default_server`.
    default: Option<usize>,
    first: usize,
    names: NameTable,
    servers: Vec<usize>,
}

/// Collects the addresses of all servers.
pub fn listens(tree: &Tree, remarks: &mut Remarks) -> Vec<Listen> {
    let mut places: Vec<Place> = Vec::new();
    for (index, server) in tree.servers.iter().enumerate() {
        for spec in specs(tree, server) {
            for address in &spec.addresses {
                join(&mut places, index, server, &spec, address, remarks);
            }
        }
    }
    check_overlap(&places, remarks);
    places.into_iter().map(Place::finish).collect()
}

/// Applications that whoever reaches the machine may use: rTorrent's, for one, runs any command that it is told. Where sockets
/// are inherited, who reaches them is not known here.
pub fn warn_of_open(tree: &Tree, servers: &[Server], remarks: &mut Remarks) {
    for (server, resolved) in tree.servers.iter().zip(servers) {
        let specs = specs(tree, server);
        let mut addresses = specs.iter().flat_map(|spec| &spec.addresses);
        let is_open = |address: &&ListenAddress| match address {
            ListenAddress::Inet(addr) => !addr.ip().to_canonical().is_loopback(),
            ListenAddress::Unix(_) | ListenAddress::Fd(_) | ListenAddress::Systemd(_) => false,
        };
        let Some(address) = addresses
            .find(is_open)
            .filter(|_| resolved.answer.is_none())
        else {
            continue;
        };
        let all = &resolved.locations;
        for (location, resolved) in server.locations.iter().zip(all) {
            let reached = !resolved.internal
                || all
                    .iter()
                    .any(|from| !from.internal && is_unguarded(from) && page_leads(from, resolved));
            let open = matches!(resolved.handler, Handler::Scgi(_)) && is_unguarded(resolved);
            if !open || !reached || tree.http.settings.demo {
                continue;
            }
            let ask = if cfg!(feature = "auth") {
                "--auth-basic, "
            } else {
                ""
            };
            let why = format!(
                "anybody who reaches {} may use the application{}; add {ask}--allow or --deny ('--allow all' if that is meant), \
                 or listen on 127.0.0.1",
                address,
                place(server, location),
            );
            remarks.warn(complain("pass", None, &why));
        }
    }
}

fn is_unguarded(location: &Location) -> bool {
    location.access.rules.is_empty() && location.auth.is_none()
}

/// Whether `to` has an error page of `from`: `--error-page '404 = @app'` opens the application to whoever asks for what is missing.
fn page_leads(from: &Location, to: &Location) -> bool {
    let begin = |path: &Template| match path.parts() {
        [Part::Text(text), Part::Var(Var::Uri), ..] => [text, &b"/"[..]].concat(),
        [Part::Text(text), ..] => text.to_vec(),
        _ => Vec::new(),
    };
    let mut pages = from.content.error_pages.iter();
    pages.any(|page| match (&page.target, &to.matching) {
        (PageTarget::Named(name), Match::Named(known)) => name == known,
        (PageTarget::Uri(path), Match::Prefix(prefix)) => {
            begin(path).starts_with(prefix.as_bytes())
        }
        (PageTarget::Uri(path), Match::Exact(exact)) => begin(path) == exact.as_bytes(),
        _ => false,
    })
}

fn specs(tree: &Tree, server: &ServerScope) -> Vec<ListenSpec> {
    let chain = scopes::chain([&server.scope, &tree.http]);
    match chain.list(|s| &s.listens) {
        // The constant is an address; should it ever not be one, a test says so.
        [] => Value::parse(DEFAULT_LISTEN)
            .and_then(|value| listen(&value))
            .unwrap_or_default(),
        list => list.to_vec(),
    }
}

fn join(
    places: &mut Vec<Place>,
    index: usize,
    server: &ServerScope,
    spec: &ListenSpec,
    address: &ListenAddress,
    remarks: &mut Remarks,
) {
    let mut errors = Vec::new();
    let place = match places.iter().position(|place| place.address == *address) {
        Some(at) => places.get_mut(at),
        None => {
            places.push(Place::new(address.clone(), index));
            places.last_mut()
        }
    };
    let Some(place) = place else { return };
    if place.servers.contains(&index) {
        errors.push("its server listens there already".to_owned());
    }
    place.servers.push(index);
    if let Err(why) = merge(&mut place.options, &spec.options) {
        errors.push(why);
    }
    if spec.default_server
        && place
            .default
            .replace(index)
            .is_some_and(|other| other != index)
    {
        errors.push(match server.scope.settings.listens.is_empty() {
            true => {
                "stands outside of --server, so every server would be the default_server".to_owned()
            }
            false => format!("{address} has a default_server already"),
        });
    }
    for error in errors {
        remarks.error(complain("listen", Some(&spec.raw), &error));
    }
    let Some(names) = &server.names else { return };
    for name in names.texts() {
        if let Err(why) = place.names.add(name, index) {
            remarks.error(complain("server", Some(&names.raw), &why));
        }
    }
}

/// What one server says of a socket holds for all; two may not say different things.
fn merge(options: &mut ListenOptions, more: &ListenOptions) -> Result<(), String> {
    fn one<T: PartialEq + Clone>(
        slot: &mut Option<T>,
        more: &Option<T>,
        name: &str,
    ) -> Result<(), String> {
        match (&slot, more) {
            (Some(a), Some(b)) if a != b => Err(format!(
                "another server gives this address a different {name}"
            )),
            (None, Some(b)) => {
                *slot = Some(b.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }
    options.reuseport |= more.reuseport;
    options.proxy_protocol |= more.proxy_protocol;
    one(&mut options.backlog, &more.backlog, "backlog")?;
    one(&mut options.ipv6only, &more.ipv6only, "ipv6only")?;
    one(&mut options.mode, &more.mode, "mode")?;
    one(&mut options.group, &more.group, "group")
}

fn check_overlap(places: &[Place], remarks: &mut Remarks) {
    let only6 = |place: &Place| place.options.ipv6only.unwrap_or(true);
    for (at, place) in places.iter().enumerate() {
        for other in places.iter().skip(at + 1) {
            if overlap(
                (&place.address, only6(place)),
                (&other.address, only6(other)),
            ) {
                let (one, two) = (&place.address, &other.address);
                remarks.error(format!(
                    "--listen: {one} and {two} overlap; only one of them can be opened"
                ));
            }
        }
    }
}

impl Place {
    fn new(address: ListenAddress, first: usize) -> Place {
        Place {
            address,
            options: ListenOptions::default(),
            default: None,
            first,
            names: NameTable::default(),
            servers: Vec::new(),
        }
    }

    fn finish(self) -> Listen {
        let ListenOptions {
            backlog,
            reuseport,
            proxy_protocol,
            ipv6only,
            mode,
            group,
        } = self.options;
        Listen {
            address: self.address,
            backlog: backlog.unwrap_or(DEFAULT_BACKLOG),
            reuseport,
            ipv6only: ipv6only.unwrap_or(true),
            mode: mode.unwrap_or(DEFAULT_MODE),
            group,
            proxy_protocol,
            names: NameTable {
                default: self.default.unwrap_or(self.first),
                ..self.names
            },
        }
    }
}
