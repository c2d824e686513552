//! The course of one request through the locations: where it is, who answers there, and where redirects inside the gateway
//! send it. Pure; the front begins it, a worker may go on with it.

use std::net::IpAddr;

use super::head::{is_bodyless, is_named, push_field};
use crate::cache::CacheStatus;
#[cfg(feature = "auth")]
use crate::config::access::AuthBasic;
use crate::config::content::{ErrorPage, PageStatus, Return};
use crate::config::{Config, Content, Handler, Listen, Location, Match, Scgi, Server};
use crate::http::request::Request;
use crate::http::uri;
use crate::scgi::response::{Head, Known};

/// Redirects inside the gateway that one request may go through (S18).
const REDIRECTS: u8 = 10;

/// Who answers.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// The application.
    Scgi(&'static Scgi),
    /// A file of the location.
    Files,
    /// Whoever the location has, once the client has shown a name and its password.
    #[cfg(feature = "auth")]
    Auth(&'static AuthBasic),
    Return(&'static Return),
    Status {
        writable: bool,
    },
    /// A redirect to the path with a slash at its end (K20).
    Slash,
    /// `OPTIONS *`, which is about the server as a whole (RFC 9110 9.3.7).
    Options,
    /// We, with this status.
    Refuse(u16),
}

/// Where a request is. Owned by whoever has the request.
#[derive(Debug)]
pub struct Course {
    pub server: &'static Server,
    /// `None`: the path belongs to no location.
    pub location: Option<&'static Location>,
    pub action: Action,
    left: u8,
    /// The file of passwords that has let the client in.
    let_in_by: Option<usize>,
    /// The status that the client gets, whatever the target of an error page says.
    pub status: Option<u16>,
    /// That status where it is the original error's: if its page can not be had, a plain page of it is sent.
    pub original: Option<u16>,
    /// An error page is being made: an error of it is answered plainly (S30).
    pub in_error: bool,
    /// What the response that sent the request here said for the final one.
    pub carried: Carried,
    /// What a cache had to do with the response (`$upstream_cache_status`); `None`: nothing.
    pub cache: Option<CacheStatus>,
    /// The application is asked by GET although the client said HEAD (`$upstream_request_method`).
    pub as_get: bool,
}

/// Fields of an earlier response that go along with the final one (S14, S26). Empty in nearly every course.
#[derive(Debug, Default)]
pub struct Carried {
    pub content_type: Option<Vec<u8>>,
    /// Other fields, as whole lines.
    pub lines: Vec<u8>,
    /// X-Accel-Limit-Rate, in bytes a second.
    pub limit_rate: Option<u64>,
}

impl Carried {
    /// Forgets all but cookies: the rest was about content that is not sent.
    pub fn keep_cookies(&mut self) {
        self.content_type = None;
        self.retain(|line| is_named(line, b"set-cookie"));
    }

    /// Keeps only these lines.
    pub fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) {
        let lines = self.lines.split_inclusive(|&b| b == b'\n');
        self.lines = lines.filter(|line| keep(line)).flatten().copied().collect();
    }

    /// Adds a line. Name and value are clean.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        push_field(name, value, &mut self.lines);
    }

    /// Appends what goes along with a response of this head, which is sent with `status`: what it does not have itself, and
    /// all cookies. One that says no type has that of the one that led to it (S14).
    pub fn put_beside(&self, head: &Head, status: u16, lines: &mut Vec<u8>) {
        for line in self.lines.split_inclusive(|&b| b == b'\n') {
            let has = |(name, _): (&[u8], &[u8])| is_named(line, name);
            if is_named(line, b"set-cookie") || !head.fields().any(has) {
                lines.extend_from_slice(line);
            }
        }
        if let Some(value) = &self.content_type
            && head.known_field(Known::ContentType).is_none()
            && !is_bodyless(status)
        {
            push_field(b"Content-Type", value, lines);
        }
    }
}

/// The status that answers in place of a redirect, and why.
pub type Refusal = (u16, &'static str);

/// Where a redirect inside the gateway leads to.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A path, percent-encoded, and perhaps a query.
    Uri(&'a [u8]),
    /// `@name`: method, path and body stay.
    Named(&'a [u8]),
}

impl<'a> Target<'a> {
    /// A text is a name when it begins with `@` (S11).
    pub fn of(text: &'a [u8]) -> Target<'a> {
        if text.first() == Some(&b'@') {
            Target::Named(text)
        } else {
            Target::Uri(text)
        }
    }
}

impl Course {
    /// Finds server and location of a request that has just come, and applies the access rules. `client` is `None` on a Unix
    /// socket. `None`: the listen address has no server.
    pub fn begin(
        config: &'static Config,
        listen: &Listen,
        request: &Request,
        client: Option<IpAddr>,
    ) -> Option<Course> {
        let server = config.servers.get(listen.names.find(request.host()))?;
        let mut course = Course {
            server,
            location: None,
            action: Action::Options,
            left: REDIRECTS,
            let_in_by: None,
            status: None,
            original: None,
            in_error: false,
            carried: Carried::default(),
            cache: None,
            as_get: false,
        };
        if let Some(answer) = &server.answer {
            course.action = Action::Return(answer);
        } else if !request.is_options_asterisk() {
            course.arrive(request.path(), client, false);
        }
        Some(course)
    }

    /// A redirect inside the gateway has led here.
    pub fn has_moved(&self) -> bool {
        self.left < REDIRECTS
    }

    /// The same place, for a request that is the same but for its client.
    pub fn again(course: &Course) -> Course {
        Course {
            server: course.server,
            location: course.location,
            action: course.action,
            left: course.left,
            let_in_by: course.let_in_by,
            status: None,
            original: None,
            in_error: course.in_error,
            carried: Carried::default(),
            cache: None,
            as_get: false,
        }
    }

    /// Settings about content that hold here.
    pub fn content(&self) -> &'static Content {
        self.location
            .map_or(&self.server.content, |location| &location.content)
    }

    fn arrive(&mut self, path: &[u8], client: Option<IpAddr>, inside: bool) {
        if let Some(location) = slash_location(self.server, path) {
            self.enter(location, client, inside);
            if !matches!(self.action, Action::Refuse(_)) {
                self.action = Action::Slash;
            }
            return;
        }
        match self.server.find(path) {
            Some(location) => self.enter(location, client, inside),
            None => {
                self.location = None;
                self.action = Action::Refuse(404);
            }
        }
    }

    fn enter(&mut self, location: &'static Location, client: Option<IpAddr>, inside: bool) {
        self.location = Some(location);
        self.action = if location.internal && !inside {
            Action::Refuse(404)
        } else if !location.access.allows(client) {
            Action::Refuse(403)
        } else {
            self.after_access(location)
        };
    }

    /// Who answers where the rules of access let in.
    fn after_access(&self, location: &'static Location) -> Action {
        #[cfg(feature = "auth")]
        if let Some(auth) = &location.auth
            && self.let_in_by != Some(auth.file)
            // As in nginx it goes before any access.
            && !matches!(location.handler, Handler::Return(_))
        {
            return Action::Auth(auth);
        }
        match &location.handler {
            Handler::Return(answer) => Action::Return(answer),
            Handler::Scgi(scgi) => Action::Scgi(scgi),
            Handler::Files => Action::Files,
            Handler::Status { writable } => Action::Status {
                writable: *writable,
            },
        }
    }

    /// The client has shown that it is whom it says: goes on to who answers here.
    #[cfg(feature = "auth")]
    pub fn let_in(&mut self, auth: &AuthBasic) {
        self.let_in_by = Some(auth.file);
        self.action = match self.location {
            Some(location) => self.after_access(location),
            None => Action::Refuse(404),
        };
    }

    /// Sends the request elsewhere inside the gateway.
    ///
    /// # Errors
    /// The status that answers instead, and why: the budget is used up (500), or the target is none (404, or 500 for a name).
    pub fn redirect(
        &mut self,
        target: Target<'_>,
        request: &mut Request,
        client: Option<IpAddr>,
    ) -> Result<(), Refusal> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or((500, "more than 10 redirects inside the gateway"))?;
        match target {
            Target::Named(name) => {
                let is_it = |location: &&Location| matches!(&location.matching, Match::Named(n) if n.as_bytes() == name);
                let found = self.server.locations.iter().find(is_it);
                let location = found.ok_or((500, "there is no such named location"))?;
                // The name is where it goes on; path, query and method stay as they are.
                self.enter(location, client, true);
            }
            Target::Uri(text) => {
                let (path, query) = local_uri(text)?;
                request.redirect(&path, query, false);
                self.arrive(&path, client, true);
            }
        }
        Ok(())
    }

    /// The error page for a status, unless one is being made already.
    pub fn error_page(&self, status: u16) -> Option<&'static ErrorPage> {
        if self.in_error {
            return None;
        }
        self.content().error_page(status)
    }

    /// From now on an error page is being made: notes the status that the client gets (S29).
    pub fn begin_error(&mut self, page: &ErrorPage, status: u16) {
        self.in_error = true;
        // It was of what is not sent now.
        self.carried.content_type = None;
        self.original = (page.status == PageStatus::Keep).then_some(status);
        self.status = match page.status {
            PageStatus::Keep => Some(status),
            PageStatus::Set(status) => Some(status),
            PageStatus::Target => None,
        };
    }
}

/// The prefix location that the path lacks only a slash for, unless a location of just this path goes first (K20).
fn slash_location(server: &'static Server, path: &[u8]) -> Option<&'static Location> {
    let wants_slash = |location: &&Location| match &location.matching {
        Match::Prefix(prefix) if location.adds_slash => {
            prefix.as_bytes().strip_suffix(b"/") == Some(path)
        }
        _ => false,
    };
    let found = server.locations.iter().find(wants_slash)?;
    let is_path = |location: &Location| match &location.matching {
        Match::Prefix(text) | Match::Exact(text) => text.as_bytes() == path,
        Match::Named(_) => false,
    };
    (!server.locations.iter().any(is_path)).then_some(found)
}

/// Path and query of a local URI (S12): decoded, normal, and without a `..` segment, which no honest target has.
fn local_uri(text: &[u8]) -> Result<(Vec<u8>, Option<&[u8]>), Refusal> {
    let wrong = (404, "the target of the redirect is no local URI");
    let (path, query) = match text.iter().position(|&b| b == b'?') {
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            Some(text.get(at + 1..).unwrap_or_default()),
        ),
        None => (text, None),
    };
    // A query goes into parameters and log lines as it is; what no client could have sent is refused.
    let odd = |byte: &u8| *byte <= b' ' || *byte == 0x7f;
    if query.is_some_and(|query| query.iter().any(odd)) {
        return Err(wrong);
    }
    let path = uri::normalise_target(path).map_err(|_| wrong)?;
    Ok((path, query))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scgi::response::{Parsed, parse};

    #[test]
    fn what_a_response_has_itself_is_not_carried_beside_it() {
        let mut carried = Carried {
            content_type: Some(b"text/a".to_vec()),
            ..Carried::default()
        };
        carried.push(b"Cache-Control", b"no-cache");
        carried.push(b"Set-Cookie", b"a=b");
        for (head, status, lines) in [
            (
                "X: 1\n\n",
                200,
                "Cache-Control: no-cache\r\nSet-Cookie: a=b\r\nContent-Type: text/a\r\n",
            ),
            (
                "cache-control: public\nContent-Type: b/c\nSet-Cookie: c=d\n\n",
                200,
                "Set-Cookie: a=b\r\n",
            ),
            ("Cache-Control: public\n\n", 304, "Set-Cookie: a=b\r\n"),
        ] {
            let Ok(Parsed::Done(head, _)) = parse(head.as_bytes(), &mut 0) else {
                panic!("refused: {head:?}")
            };
            let mut found = Vec::new();
            carried.put_beside(&head, status, &mut found);
            assert_eq!(String::from_utf8_lossy(&found), lines);
        }
    }
}
