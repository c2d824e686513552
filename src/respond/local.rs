//! Answers that need no application: files, `--return`, redirects, error pages. Used by the front for requests as they come,
//! and by a worker for what an application's response or failure leads to.

use std::time::{Instant, SystemTime};

use log::Level;

use super::course::{Action, Course, Target};
use super::files::{self, Found};
use super::head::{Ask, is_bodyless, is_named, is_single, own};
use super::page::{Page, wants_json};
use super::reply::{Answer, Manner, Reply, file_reply};
#[cfg(feature = "auth")]
use crate::config::access::AuthBasic;
use crate::config::content::{AddHeader, ErrorPage, PageStatus, PageTarget, Return};
use crate::config::{Client, Config, Scgi};
use crate::http::request::Request;
use crate::http::status::is_redirect;
use crate::http::uri;
use crate::ops::vars::{ConnInfo, Facts, Try, request_id};
use crate::template::{Template, Values, Var};
use crate::units;

/// The methods we name when asked about the server as a whole.
pub const ALLOW: &[u8] = b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/// What is known of a request besides itself and its course; enough for any template.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub config: &'static Config,
    pub conn: &'a ConnInfo,
    pub requests: u32,
    pub body_length: Option<u64>,
    pub started: Instant,
    pub now: Instant,
    pub wall: SystemTime,
    pub tries: &'a [Try],
    /// Fields of the application's response, for `$upstream_http_NAME`.
    pub upstream: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    pub keep_alive: bool,
    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub date: &'a str,
}

/// Why a plain page is sent, where it is the original error's.
#[derive(Debug, Default)]
pub struct Reason {
    /// A short code for the operator.
    pub cause: Option<&'static str>,
    /// Seconds.
    pub retry_after: Option<u32>,
    /// A field that belongs to the status: Allow, Content-Range.
    pub field: Option<(&'static str, Vec<u8>)>,
}

/// What a course came to.
pub enum Settled {
    /// The application is to be asked.
    Scgi(&'static Scgi),
    Reply(Reply),
    /// Nothing is sent: the connection is closed (`--return 444`).
    Silence,
    /// The status of the program; the front has what it takes.
    Status {
        writable: bool,
    },
    /// A name and a password are to be checked; [`Around::admit`] says how it goes on.
    #[cfg(feature = "auth")]
    Auth(&'static AuthBasic),
}

impl<'a> Around<'a> {
    /// The facts of the request as they are now. `status` 0: none yet.
    pub fn facts<'f>(&'f self, request: &'f Request, course: &'f Course, status: u16) -> Facts<'f> {
        Facts {
            config: self.config,
            conn: self.conn,
            requests: self.requests,
            request: Some(request),
            server: Some(course.server),
            location: course.location,
            body_length: self.body_length,
            started: self.started,
            now: self.now,
            wall: self.wall,
            status,
            bytes_sent: 0,
            body_bytes_sent: 0,
            complete: false,
            request_id: request_id(self.conn.id, self.requests),
            tries: self.tries,
            cache: course.cache,
            as_get: course.as_get,
            upstream_fields: self.upstream,
            sent_fields: &|_| None,
        }
    }

    pub(super) fn ask(&self, request: &Request) -> Ask<'a> {
        Ask {
            is_head: request.is_head(),
            minor_version: request.minor_version(),
            keep_alive: self.keep_alive,
            date: self.date,
        }
    }

    /// Follows the course until an application is to be asked, or an answer stands.
    pub fn settle(
        &self,
        request: &mut Request,
        course: &mut Course,
        mut reason: Reason,
    ) -> Settled {
        // What belongs to the error that a page is wanted for.
        let mut first = None;
        loop {
            let status = match course.action {
                Action::Scgi(scgi) => return Settled::Scgi(scgi),
                Action::Status { writable } => return Settled::Status { writable },
                #[cfg(feature = "auth")]
                Action::Auth(auth) => return Settled::Auth(auth),
                Action::Return(Return { status: 444, .. }) => return Settled::Silence,
                Action::Options => return Settled::Reply(self.options(request, course)),
                Action::Slash => return Settled::Reply(self.slash(request, course)),
                Action::Refuse(status) => status,
                Action::Return(answer) => match self.returned(answer, request, course) {
                    Some(reply) => return Settled::Reply(reply),
                    None => answer.status,
                },
                Action::Files => match self.file(request, course) {
                    Ok(reply) => return Settled::Reply(reply),
                    Err((status, why)) => {
                        reason = why;
                        status
                    }
                },
            };
            match course.error_page(status) {
                Some(page) => match self.error_page(page, status, request, course) {
                    Some(reply) => return Settled::Reply(reply),
                    None => first = Some(std::mem::take(&mut reason)),
                },
                None => {
                    let first = first.filter(|_| course.original.is_some());
                    let reason = first.unwrap_or(reason);
                    return Settled::Reply(self.page(status, &reason, request, course));
                }
            }
        }
    }

    /// Sends the course to an error page; or the client, where it has another address.
    pub fn error_page(
        &self,
        page: &'static ErrorPage,
        status: u16,
        request: &mut Request,
        course: &mut Course,
    ) -> Option<Reply> {
        let text = match &page.target {
            PageTarget::Uri(template) | PageTarget::Url(template) => {
                self.render_uri(template, request, course)
            }
            PageTarget::Named(name) => name.clone().into_bytes(),
        };
        if matches!(page.target, PageTarget::Url(_)) {
            let status = match page.status {
                PageStatus::Set(status) => status,
                PageStatus::Keep | PageStatus::Target => 302,
            };
            return Some(self.moved(status, &text, request, course));
        }
        course.begin_error(page, status);
        if let Err((_, why)) = course.redirect(Target::of(&text), request, self.conn.client()) {
            log::error!(
                "--error-page for {status}: \"{}\": {why}",
                text.escape_ascii()
            );
            course.action = Action::Refuse(status);
        }
        None
    }

    /// A plain page. While an error page could not be had, it is of the error that it was for (unlike nginx, which then
    /// answers with the error page's own error).
    fn page(&self, status: u16, reason: &Reason, request: &Request, course: &Course) -> Reply {
        let moved = is_redirect(status);
        let status = course.original.filter(|_| !moved).unwrap_or(status);
        let field = reason.field.as_ref();
        let mut fields = Vec::new();
        match field {
            Some((name, value)) => fields.push((*name, value.as_slice())),
            None if status == 405 => fields.push(("Allow", ALLOW)),
            None => {}
        }
        let lines = self.lines(status, request, course);
        let page = Page {
            status,
            cause: reason.cause,
            retry_after: reason.retry_after,
            fields: &fields,
            lines: &lines,
            keep_alive: self.keep_alive,
            minor_version: request.minor_version(),
            is_head: request.is_head(),
            date: self.date,
            json: wants_json(request.field("accept")),
        };
        let mut head = Vec::new();
        let body = page.write(&mut head);
        let body = head.split_off(head.len().saturating_sub(body));
        Reply::bytes(status, head, body, self.keep_alive)
    }

    fn options(&self, request: &Request, course: &Course) -> Reply {
        let lines = self.lines(204, request, course);
        let mut head = Vec::new();
        let fields: &[(&str, &[u8])] = &[("Allow", ALLOW)];
        own(
            204,
            None,
            0,
            (fields, &lines),
            &self.ask(request),
            &mut head,
        );
        Reply::bytes(204, head, Vec::new(), self.keep_alive)
    }

    /// A redirect of the client. What a header can not hold makes it a plain 500.
    fn moved(&self, status: u16, url: &[u8], request: &Request, course: &Course) -> Reply {
        if url.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
            log::error!("redirect to \"{}\": control bytes", url.escape_ascii());
            return self.page(500, &Reason::default(), request, course);
        }
        let reason = Reason {
            field: Some(("Location", url.to_vec())),
            ..Reason::default()
        };
        self.page(status, &reason, request, course)
    }

    /// The path with a slash at its end, and the query. Relative to the host: the client knows best how it reached us, and
    /// by which scheme.
    fn slash(&self, request: &Request, course: &Course) -> Reply {
        let mut url = Vec::new();
        if let Some(outer) = &self.config.outer {
            uri::encode(&outer.script_name, &mut url);
        }
        uri::encode(request.path(), &mut url);
        url.push(b'/');
        if let Some(query) = request.query() {
            url.push(b'?');
            url.extend_from_slice(query);
        }
        self.moved(301, &url, request, course)
    }

    /// `--return`; `None`: the page of the status.
    fn returned(&self, answer: &Return, request: &Request, course: &Course) -> Option<Reply> {
        let template = answer.text.as_ref()?;
        if is_redirect(answer.status) {
            let url = self.render_uri(template, request, course);
            return Some(self.moved(answer.status, &url, request, course));
        }
        let mut text = Vec::new();
        template.render(&self.facts(request, course, answer.status), &mut text);
        let status = course.status.unwrap_or(answer.status);
        let lines = self.lines(status, request, course);
        let default_type = course.content().default_type.as_bytes();
        let content_type = course.carried.content_type.as_deref();
        let content_type = content_type.unwrap_or(default_type);
        let mut head = Vec::new();
        own(
            status,
            Some(content_type),
            text.len() as u64,
            (&[], lines.as_slice()),
            &self.ask(request),
            &mut head,
        );
        if request.is_head() || is_bodyless(status) {
            text.clear();
        }
        Some(Reply::bytes(status, head, text, self.keep_alive))
    }

    /// A file of the location.
    fn file(&self, request: &Request, course: &Course) -> Result<Reply, (u16, Reason)> {
        let none = || (404, Reason::default());
        let location = course.location.ok_or_else(none)?;
        let root = location.content.root.as_ref().ok_or_else(none)?;
        let facts = self.facts(request, course, 0);
        let place = files::place(root, &location.matching, request.path(), &facts);
        let place = place.ok_or_else(none)?;
        match files::find(&place) {
            Found::File(file) => self.file_reply(file, course.status, request, course),
            Found::Directory => Ok(self.slash(request, course)),
            Found::Status(status, why) => {
                // Where somebody else is asked for what is not there, that is no news.
                let expected = status == 404 && course.error_page(404).is_some();
                let level = if expected { Level::Debug } else { Level::Info };
                log::log!(
                    level,
                    "connection {}, \"{}\": {}: {why}: {status}",
                    self.conn.id,
                    request.line().escape_ascii(),
                    place.path().display()
                );
                Err((status, Reason::default()))
            }
        }
    }

    /// The response that an open file makes. `status`: it stands in for something of that status.
    ///
    /// # Errors
    /// The status that refuses it (405, 412, 416), and the field that belongs to that.
    pub fn file_reply(
        &self,
        file: files::OpenFile,
        status: Option<u16>,
        request: &Request,
        course: &Course,
    ) -> Result<Reply, (u16, Reason)> {
        let lines = self.lines(status.unwrap_or(200), request, course);
        let answer = file_reply(
            file,
            &Manner {
                request,
                ask: &self.ask(request),
                default_type: &course.content().default_type,
                content_type: course.carried.content_type.as_deref(),
                extra: &lines,
                status,
            },
        );
        heard(answer)
    }

    /// Fields that go with every response of this course: those of an earlier response, and `--add-header`.
    pub fn lines(&self, status: u16, request: &Request, course: &Course) -> Vec<u8> {
        let mut lines = course.carried.lines.clone();
        self.add_lines(status, request, course, &mut lines);
        lines
    }

    /// Appends `--add-header` alone.
    pub fn add_lines(&self, status: u16, request: &Request, course: &Course, lines: &mut Vec<u8>) {
        let added = &course.content().add_headers;
        if !added.is_empty() {
            let facts = self.facts(request, course, status);
            added_lines(added, status, &facts, lines);
        }
    }

    /// The pace of a response, as settings and the course ask for it: bytes a second (0: none), and bytes before it begins.
    /// `asked`: X-Accel-Limit-Rate of the response itself.
    pub fn pace(
        &self,
        asked: Option<u64>,
        client: &Client,
        request: &Request,
        course: &Course,
    ) -> (u64, u64) {
        let facts = self.facts(request, course, 0);
        let set = || {
            let template = client.limit_rate.as_ref();
            quantity(template, "--client-limit-rate", &facts, units::rate)
        };
        let rate = asked.or(course.carried.limit_rate).unwrap_or_else(set);
        if rate == 0 {
            return (0, 0);
        }
        let after = client.limit_rate_after.as_ref();
        let after = quantity(after, "--client-limit-rate-after", &facts, units::size);
        (rate, after)
    }

    fn render_uri(&self, template: &Template, request: &Request, course: &Course) -> Vec<u8> {
        let mut text = Vec::new();
        let facts = self.facts(request, course, 0);
        template.render(&Encoded(&facts), &mut text);
        text
    }
}

/// The response, or the status that refuses it and the field that belongs to that.
pub(super) fn heard(answer: Answer) -> Result<Reply, (u16, Reason)> {
    match answer {
        Answer::Reply(reply) => Ok(reply),
        Answer::Refused(status, field) => {
            let reason = Reason {
                field,
                ..Reason::default()
            };
            Err((status, reason))
        }
    }
}

/// A rate or size that a template gives; what can not be read means none, and is logged.
pub fn quantity(
    template: Option<&Template>,
    flag: &str,
    values: &dyn Values,
    parse: fn(&str) -> Result<u64, &'static str>,
) -> u64 {
    let Some(template) = template else { return 0 };
    let mut text = Vec::new();
    template.render(values, &mut text);
    if text.is_empty() {
        return 0;
    }
    let text = String::from_utf8_lossy(&text);
    parse(&text).unwrap_or_else(|why| {
        log::warn!("{flag} \"{}\": {why}; no limit", text.escape_debug());
        0
    })
}

/// `--add-header`, as whole lines. A value that is empty, or that a field can not hold, adds none.
pub fn added_lines(added: &[AddHeader], status: u16, values: &dyn Values, lines: &mut Vec<u8>) {
    let usual = matches!(status, 200 | 201 | 204 | 206 | 301..=304 | 307 | 308);
    for header in added.iter().filter(|header| usual || header.always) {
        let start = lines.len();
        lines.extend_from_slice(header.name.as_bytes());
        lines.extend_from_slice(b": ");
        let value = lines.len();
        header.value.render(values, lines);
        let text = lines.get(value..).unwrap_or_default();
        let odd = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
        if text.is_empty() || text.iter().any(odd) {
            if !text.is_empty() {
                log::warn!("--add-header {}: control bytes; left out", header.name);
            }
            lines.truncate(start);
            continue;
        }
        lines.extend_from_slice(b"\r\n");
        if is_single(header.name.as_bytes()) {
            drop_line(header.name.as_bytes(), start, lines);
        }
    }
}

/// Takes the lines of a name out of the first `before` bytes.
fn drop_line(name: &[u8], before: usize, lines: &mut Vec<u8>) {
    let last = lines.split_off(before);
    let kept = lines
        .split_inclusive(|&b| b == b'\n')
        .filter(|line| !is_named(line, name));
    *lines = kept.flatten().copied().collect();
    lines.extend(last);
}

/// Values inside a URI: what variables hold decoded is encoded again, so that a `?` in a file's name is not taken for the
/// start of a query, nor a line end for the end of a field.
struct Encoded<'f, 'a>(&'f Facts<'a>);

impl Values for Encoded<'_, '_> {
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool {
        match var {
            Var::Uri
            | Var::DocumentUri
            | Var::OriginalUri
            | Var::DocumentRoot
            | Var::RealpathRoot
            | Var::RequestFilename => {
                let mut value = Vec::new();
                let set = self.0.put(var, &mut value);
                uri::encode(&value, out);
                set
            }
            // Values are looked up as they are, and results stand in the URI.
            Var::Map(index) => self.0.put_map(*index, self.0, self, out),
            other => self.0.put(other, out),
        }
    }
}
