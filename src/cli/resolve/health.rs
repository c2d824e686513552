//! The requests of `--health`: what a client would make the first location that passes to the group send, so that an application
//! that asks for a host or for parameters of its own gets them.

use crate::cli::scopes::complain;
use crate::config::address::ListenAddress;
use crate::config::group::Health;
use crate::config::{BindTo, Config, Handler, Location, Pass, PathInfo, Scgi, Server};
use crate::http::request::{Limits, Request};
use crate::ops::vars::{ConnInfo, Facts, Local};
use crate::scgi::request::{EncodeError, Params};
use crate::template::{Values, Var};

use super::{Remarks, params};

/// The port of the client that a check would have: applications expect one.
const REMOTE_PORT: u16 = 50_000;

/// Encodes the request of each group that is checked.
pub fn make_requests(config: &mut Config, remarks: &mut Remarks) {
    for index in 0..config.groups.len() {
        let Some(mut health) = config.groups.get_mut(index).and_then(|g| g.health.take()) else {
            continue;
        };
        let place = place(config, index);
        if let Some((_, _, scgi)) = place {
            health.head_max = scgi.buffer_size;
            if let Some(bind) = &scgi.bind
                && let BindTo::Fixed(address) = bind.address
            {
                health.bind = Some((address, bind.transparent));
            }
        }
        let encoded = encode(config, &mut health, place);
        let Some(group) = config.groups.get_mut(index) else {
            continue;
        };
        if let Err(error) = encoded {
            let why = match error {
                EncodeError::TooLarge { size, max } => {
                    format!("its parameters have {size} bytes, over --params-max {max}")
                }
                EncodeError::Nul(name) => format!("the value of {name} holds a NUL"),
            };
            remarks.error(complain("health", Some(&group.name), &why));
        }
        group.health = Some(health);
    }
}

/// A location that passes to a group, and its server with its number.
type Place<'a> = ((usize, &'a Server), &'a Location, &'a Scgi);

/// The first location that passes to a group by name.
fn place(config: &Config, group: usize) -> Option<Place<'_>> {
    for server in config.servers.iter().enumerate() {
        for location in &server.1.locations {
            if let Handler::Scgi(scgi) = &location.handler
                && matches!(scgi.pass, Pass::Group(index) if index == group)
            {
                return Some((server, location, scgi));
            }
        }
    }
    None
}

/// The port at which clients reach a server, where it has one; else that of any other.
fn port(config: &Config, server: Option<usize>) -> u16 {
    let of = |server: Option<usize>| {
        let listens = config.listens.iter();
        let mut its = listens.filter(|listen| server.is_none_or(|server| listen.names.has(server)));
        its.find_map(|listen| match listen.address {
            ListenAddress::Inet(address) => Some(address.port()),
            _ => None,
        })
    };
    of(server).or_else(|| of(None)).unwrap_or(80)
}

fn encode(
    config: &Config,
    health: &mut Health,
    place: Option<Place<'_>>,
) -> Result<(), EncodeError> {
    let name = place.map_or("", |((_, server), ..)| server.name.as_str());
    let host = match name.contains('*') || name.is_empty() {
        true => "localhost",
        false => name,
    };
    let head = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", health.uri);
    let limits = Limits {
        max_size: usize::MAX,
        underscores: false,
    };
    // The URI has been judged when it was read.
    let request = Request::parse(head.as_bytes(), &limits).ok();
    let own = |port| ([127, 0, 0, 1], port).into();
    let conn = ConnInfo {
        id: 0,
        remote: Some(own(REMOTE_PORT)),
        proxy: None,
        local: Local::Inet(own(port(config, place.map(|((index, _), ..)| index)))),
    };
    let on_way = place.map(|((_, server), location, _)| (server, location));
    let facts = Facts::of_own(config, &conn, request.as_ref(), on_way);
    let standard;
    let params = match place {
        Some((_, _, scgi)) => &scgi.params,
        None => {
            standard = Params::new(params::standard(&PathInfo::On, false), false, None);
            &standard
        }
    };
    let encoded = params.encode_own(host, &Asked(&facts), &mut health.request)?;
    health.request.drain(..encoded.start);
    health.block = encoded.block;
    Ok(())
}

/// The values of a check: those of a client's request. Where no location passes to the group all of the path is PATH_INFO.
struct Asked<'a>(&'a Facts<'a>);

impl Values for Asked<'_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        match (var, self.0.location) {
            (Var::ScriptName, None) => true,
            (Var::PathInfo, None) => self.0.put(&Var::Uri, out),
            _ => self.0.put(var, out),
        }
    }
}
