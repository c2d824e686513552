//! The listen sockets: servers that share an address share its socket, and each address has its table of names.

use crate::cli::listen::{
    DEFAULT_BACKLOG, DEFAULT_MODE, ListenOptions, ListenSpec, listen, overlap, show,
};
use crate::cli::scopes::{self, ServerScope, Tree, complain};
use crate::cli::words::Value;
use crate::config::Listen;
use crate::config::address::ListenAddress;
use crate::config::names::NameTable;

use super::Remarks;

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
        errors.push(format!("{} has a default_server already", show(address)));
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
                let (one, two) = (show(&place.address), show(&other.address));
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
