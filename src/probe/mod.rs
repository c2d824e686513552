//! `--probe`: asks an application what it needs and bears, and says it in words and in flags.
//!
//! One thread, straight on: each question is a whole request on a connection of its own, as the gateway would send it,
//! with one thing changed. All of it ends by [`Plan::limit`] and [`QUESTIONS_MAX`], and of each answer [`talk::KEPT`] bytes
//! are read at most. The bytes of an application never reach the output but escaped.
//!
//! Pure are `answer` (what came, and what it means) and `search` (bisection, what can be left out); `talk` has the
//! connections, `trouble` looks at why there is none, `asking` makes requests, `questions` has the questions in their order.
#![forbid(unsafe_code)]

mod answer;
mod asking;
mod questions;
mod search;
mod talk;
mod trouble;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::address::{Address, Destination};
use crate::config::{Config, Handler, Location, Scgi, Server};
use crate::http::request::{Limits, Request};
use crate::sys::{self, LookupError};
use asking::Probe;

/// Requests of one probe, whatever they find.
const QUESTIONS_MAX: usize = 99;

/// How long the answers may take on top of one connection and one answer.
const LIMIT: Duration = Duration::from_secs(7);

/// What `--probe` asks for.
#[derive(Debug)]
pub struct Plan {
    /// One server with one location, which has an application; that holds the timeouts and the parameters.
    pub config: Box<Config>,
    pub to: Destination,
    /// The address as given.
    pub address: String,
    pub uri: String,
    /// `--read-timeout` was given: so long may each answer take, and not only the first.
    pub patient: bool,
    /// Flags as they stand on the command line that is suggested: `--pass`, and what was given besides.
    pub pass: String,
    pub others: Vec<String>,
}

/// Where in a configuration the application is.
type Place<'a> = (&'a Server, &'a Location, &'a Scgi);

impl Plan {
    /// `None`: there is no application, which the command line rules out.
    fn place(&self) -> Option<Place<'_>> {
        let server = self.config.servers.first()?;
        let location = server.locations.first()?;
        match &location.handler {
            Handler::Scgi(scgi) => Some((server, location, scgi)),
            _ => None,
        }
    }
}

/// A request for `uri`; with a cookie of this many bytes, and then also with as many fields as browsers send, since some
/// applications count more than bytes.
/// `None`: `uri` is not what a client may ask for.
pub fn request(method: &str, uri: &str, body: bool, cookie: usize) -> Option<Request> {
    let mut head = format!(
        "{method} {uri} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: scgate/{}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    if body {
        head += "Content-Type: text/xml\r\nContent-Length: 1\r\n";
    }
    if cookie > 0 {
        for letter in 'a'..='p' {
            head.extend(["X-", letter.encode_utf8(&mut [0; 4]), ": 1\r\n"]);
        }
        head += "Cookie: ";
        head.extend(std::iter::repeat_n('x', cookie));
        head += "\r\n";
    }
    head += "\r\n";
    let limits = Limits {
        max_size: 1 << 20,
        underscores: false,
    };
    let request = Request::parse(head.as_bytes(), &limits).ok()?;
    // One with a line end in it is more than a URI.
    (request.target() == uri.as_bytes()).then_some(request)
}

/// Takes a line with its end; says whether there is still somebody to read it.
pub type Out = dyn FnMut(&str) -> bool;

/// Asks, and gives `out` what it finds, line by line. Says whether an SCGI application has answered.
pub fn run(plan: &Plan, out: &mut Out) -> bool {
    let Some(place) = plan.place() else {
        return false;
    };
    let limit = LIMIT + place.2.connect_timeout + place.2.read_timeout;
    let mut probe = Probe::new(plan, place, limit, out);
    let limit = limit.as_secs();
    probe.line(format_args!(
        "Asking {} for {}, with small requests and for {limit} s at most.",
        plan.address, plan.uri
    ));
    match addresses(&plan.to) {
        Ok(addresses) => questions::ask(&mut probe, addresses),
        Err(why) => {
            probe.say("no answer", format_args!("{why}"));
            false
        }
    }
}

/// Where the application is, by name or as given.
fn addresses(to: &Destination) -> Result<Vec<Address>, String> {
    match to {
        Destination::Fixed(address) => Ok(vec![address.clone()]),
        Destination::Name(name, port) => match sys::lookup(name, *port) {
            Ok(found) => Ok(found.into_iter().take(8).map(Address::Inet).collect()),
            Err(LookupError::NoSuchName) => Err(format!(
                "the name {name} has no address: it is misspelt, or neither /etc/hosts nor the name server knows it"
            )),
            Err(LookupError::Other(why)) => Err(format!(
                "the name {name} could not be looked up ({why}): is the name server reachable (/etc/resolv.conf)?"
            )),
        },
    }
}
