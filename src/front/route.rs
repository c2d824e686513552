//! Who answers a request: a pure function of the listen address, the request and the client's address.

use std::net::IpAddr;

use crate::config::{Config, Handler, Listen, Location, Scgi, Server};
use crate::http::request::Request;

/// The place a request belongs to, and what is to be done there.
#[derive(Debug)]
pub struct Route {
    pub server: &'static Server,
    /// `None`: the path belongs to no location.
    pub location: Option<&'static Location>,
    pub action: Action,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Ask the application.
    Scgi(&'static Scgi),
    /// Answer with this status.
    Refuse(u16),
    /// Answer `OPTIONS *`, which is about the server as a whole (RFC 9110 9.3.7).
    Options,
}

/// Finds server and location, and applies the access rules. `client` is `None` on a Unix socket.
pub fn route(
    config: &'static Config,
    listen: &Listen,
    request: &Request,
    client: Option<IpAddr>,
) -> Option<Route> {
    let server = config.servers.get(listen.names.find(request.host()))?;
    if request.is_options_asterisk() {
        return Some(Route {
            server,
            location: None,
            action: Action::Options,
        });
    }
    let location = server.find(request.path());
    let action = match location {
        None => Action::Refuse(404),
        Some(location) if !location.access.allows(client) => Action::Refuse(403),
        Some(location) => match &location.handler {
            Handler::Scgi(scgi) => Action::Scgi(scgi),
            Handler::Files | Handler::Return(_) | Handler::Status { .. } => Action::Refuse(404),
        },
    };
    Some(Route {
        server,
        location,
        action,
    })
}
