//! The requests of `--health`: what a client would make the first location that passes to the group send, so that an application
//! that asks for a host or for parameters of its own gets them.

use crate::cli::scopes::complain;
use crate::config::address::ListenAddress;
use crate::config::group::{Group, Health};
use crate::config::{BindTo, Handler, Listen, Location, Match, Pass, PathInfo, Scgi, Server};
use crate::http::uri;
use crate::ops::vars;
use crate::scgi::request::{EncodeError, Params};
use crate::template::{Values, Var};

use super::{Remarks, params};

/// Encodes the request of each group that is checked.
pub fn make_requests(
    groups: &mut [Group],
    servers: &[Server],
    listens: &[Listen],
    remarks: &mut Remarks,
) {
    let port = listens.iter().find_map(|listen| match listen.address {
        ListenAddress::Inet(address) => Some(address.port()),
        _ => None,
    });
    for (index, group) in groups.iter_mut().enumerate() {
        let Some(health) = &mut group.health else {
            continue;
        };
        let place = place(servers, index);
        if let Some((_, _, scgi)) = place {
            health.head_max = scgi.buffer_size;
            if let Some(bind) = &scgi.bind
                && let BindTo::Fixed(address) = bind.address
            {
                health.bind = Some((address, bind.transparent));
            }
        }
        if let Err(error) = encode(health, place, port.unwrap_or(80)) {
            let why = match error {
                EncodeError::TooLarge { size, max } => {
                    format!("its parameters have {size} bytes, over --params-max {max}")
                }
                EncodeError::Nul(name) => format!("the value of {name} holds a NUL"),
            };
            remarks.error(complain("health", Some(&group.name), &why));
        }
    }
}

/// A location that passes to a group, and its server.
type Place<'a> = (&'a Server, &'a Location, &'a Scgi);

/// The first location that passes to a group by name.
fn place(servers: &[Server], group: usize) -> Option<Place<'_>> {
    for server in servers {
        for location in &server.locations {
            if let Handler::Scgi(scgi) = &location.handler
                && matches!(scgi.pass, Pass::Group(index) if index == group)
            {
                return Some((server, location, scgi));
            }
        }
    }
    None
}

fn encode(health: &mut Health, place: Option<Place<'_>>, port: u16) -> Result<(), EncodeError> {
    let uri = health.uri.clone();
    let (raw, args) = uri.split_once('?').unwrap_or((&uri, ""));
    // The value has been judged when it was read.
    let path = uri::normalise(raw.as_bytes()).ok().flatten();
    let path = path.as_deref().unwrap_or(raw.as_bytes());
    let name = place.map_or("", |(server, ..)| server.name.as_str());
    let host = match name.contains('*') || name.is_empty() {
        true => "localhost",
        false => name,
    };
    let (mode, matching) = match place {
        Some((_, location, scgi)) => (&scgi.path_info, &location.matching),
        None => (&PathInfo::On, &Match::Prefix("/".into())),
    };
    let (script, info) = vars::split(mode, matching, path).unwrap_or_default();
    let port = port.to_string();
    let asked = Asked {
        list: [
            (Var::RequestMethod, b"GET"),
            (Var::UpstreamRequestMethod, b"GET"),
            (Var::RequestUri, uri.as_bytes()),
            (Var::OriginalUri, uri.as_bytes()),
            (Var::Args, args.as_bytes()),
            (Var::DocumentUri, path),
            (Var::Uri, path),
            (Var::ScriptName, script),
            (Var::PathInfo, info),
            (Var::ServerProtocol, b"HTTP/1.1"),
            (Var::Scheme, b"http"),
            (Var::RemoteAddr, b"127.0.0.1"),
            (Var::RemotePort, b"0"),
            (Var::ServerAddr, b"127.0.0.1"),
            (Var::ServerPort, port.as_bytes()),
            (Var::ServerName, host.as_bytes()),
            (Var::Host, host.as_bytes()),
        ],
    };
    let standard;
    let params = match place {
        Some((_, _, scgi)) => &scgi.params,
        None => {
            standard = Params::new(params::standard(&PathInfo::On, false), false, None);
            &standard
        }
    };
    let encoded = params.encode_own(host, &asked, &mut health.request)?;
    health.request.drain(..encoded.start);
    health.block = encoded.block;
    Ok(())
}

/// The values of a check; other variables are not set.
struct Asked<'a> {
    list: [(Var, &'a [u8]); 17],
}

impl Values for Asked<'_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        let found = self.list.iter().find(|(known, _)| known == var);
        if let Some((_, value)) = found {
            out.extend_from_slice(value);
        }
        found.is_some()
    }
}
