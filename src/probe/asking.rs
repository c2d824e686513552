//! Requests with one thing changed, the time they may take, and the lines that are said.

use std::fmt::Arguments;
use std::time::{Duration, Instant};

use super::answer::{Answer, Outcome};
use super::talk::{self, Until};
use super::{Out, Place, Plan, QUESTIONS_MAX, request};
use crate::config::address::{Address, BindAddress};
use crate::config::{BindTo, Location, Scgi, Server};
use crate::error::{Fault, Gone};
use crate::ops::vars::{ConnInfo, Facts, Local};
use crate::scgi::request::{Param, Params};
use crate::template::Template;
use crate::upstream::{Connection, Dial, connect};

/// A call that rTorrent answers and that changes nothing; to any other application a few bytes.
pub const CALL: &[u8] =
    b"<?xml version=\"1.0\"?><methodCall><methodName>system.client_version</methodName><params/></methodCall>";

/// No more is to be asked, and why.
pub struct Over(pub &'static str);

const LATE: Over = Over("the time is over; --read-timeout gives more");
pub const GONE: Over = Over("the application takes no more connections: it has ended, or hangs");

/// A request, as far as it differs from others.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub method: &'a str,
    pub body: &'a [u8],
    /// Bytes of a cookie.
    pub cookie: usize,
    /// Parameters that are left out, by their place in [`Probe::names`].
    pub without: &'a [usize],
    /// CONTENT_LENGTH goes to the end.
    pub last: bool,
    pub until: Until,
}

pub const GET: Question = Question {
    method: "GET",
    body: b"",
    cookie: 0,
    without: &[],
    last: false,
    until: Until::Complete,
};

pub const CALLING: Question = Question {
    method: "POST",
    body: CALL,
    ..GET
};

/// A probe that is under way.
pub struct Probe<'a> {
    pub plan: &'a Plan,
    server: &'a Server,
    location: &'a Location,
    pub scgi: &'a Scgi,
    bind: Option<(BindAddress, bool)>,
    /// Set before anything is asked.
    pub address: Option<Address>,
    /// How long an answer is waited for.
    pub patience: Duration,
    deadline: Instant,
    left: usize,
    out: &'a mut Out,
}

impl<'a> Probe<'a> {
    /// A probe that ends after `limit`.
    pub fn new(
        plan: &'a Plan,
        (server, location, scgi): Place<'a>,
        limit: Duration,
        out: &'a mut Out,
    ) -> Probe<'a> {
        let bind = scgi.bind.as_ref().and_then(|bind| match bind.address {
            BindTo::Fixed(address) => Some((address, bind.transparent)),
            // Refused with this command.
            BindTo::Template(_) => None,
        });
        Probe {
            plan,
            server,
            location,
            scgi,
            bind,
            address: None,
            patience: scgi.read_timeout,
            deadline: Instant::now() + limit,
            left: QUESTIONS_MAX,
            out,
        }
    }

    /// A line that names what it is about.
    pub fn say(&mut self, about: &str, text: Arguments) {
        self.line(format_args!("{about}: {text}"));
    }

    /// A line. Where nobody reads it, nothing more is asked.
    pub fn line(&mut self, text: Arguments) {
        if !(self.out)(&format!("{text}\n")) {
            self.left = 0;
        }
    }

    /// The names of the parameters that can be left out. The last is HTTP_HOST, which comes from the request.
    pub fn names(&self) -> Vec<&'a str> {
        let list = self.scgi.params.list().iter();
        list.map(|param| &*param.name)
            .chain(["HTTP_HOST"])
            .collect()
    }

    /// Asks on a connection of its own.
    ///
    /// # Errors
    /// It is too late, or enough has been asked.
    pub fn ask(&mut self, question: Question) -> Result<Answer, Over> {
        let (bytes, _) = self
            .encode(question)
            .ok_or(Over("the request can not be made"))?;
        self.send(&bytes, question.until, self.patience)
    }

    /// Sends these bytes, whatever they are, on a connection of their own.
    ///
    /// # Errors
    /// As [`Probe::ask`].
    pub fn send(&mut self, bytes: &[u8], until: Until, patience: Duration) -> Result<Answer, Over> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(Over("enough has been asked"))?;
        match self.connect() {
            Ok(connection) => self.talk(&connection, bytes, until, patience),
            Err(fault) => self.in_time(Answer::unconnected(fault)),
        }
    }

    /// A connection on which nothing is asked yet.
    ///
    /// # Errors
    /// Those of [`connect`].
    pub fn connect(&self) -> Result<Connection, Fault> {
        let gone = || (Instant::now() >= self.deadline).then_some(Gone::Stopping);
        let address = self.address.as_ref().ok_or(Fault::NoServer)?;
        connect(address, self.bind, &Dial::of(self.scgi), &gone)
    }

    /// Sends these bytes on a connection and hears what comes.
    ///
    /// # Errors
    /// The time was over before anything came.
    pub fn talk(
        &self,
        connection: &Connection,
        bytes: &[u8],
        until: Until,
        patience: Duration,
    ) -> Result<Answer, Over> {
        let end = (Instant::now() + patience).min(self.deadline);
        self.in_time(talk::exchange(connection, bytes, until, end))
    }

    /// What did not come by the deadline says nothing.
    fn in_time(&self, answer: Answer) -> Result<Answer, Over> {
        match answer.outcome() {
            Outcome::Silent | Outcome::Unconnected if Instant::now() >= self.deadline => Err(LATE),
            _ => Ok(answer),
        }
    }

    /// The bytes of a request, and how many of them are the parameters.
    pub fn encode(&self, question: Question) -> Option<(Vec<u8>, usize)> {
        let with_body = !question.body.is_empty();
        let uri = &self.plan.uri;
        let request = request(question.method, uri, with_body, question.cookie)?;
        let length = question.body.len() as u64;
        let conn = ConnInfo {
            id: 1,
            remote: Some(([127, 0, 0, 1], 50_000).into()),
            proxy: None,
            local: Local::Inet(([127, 0, 0, 1], 8080).into()),
        };
        let place = Some((self.server, self.location));
        let facts = Facts {
            body_length: Some(length),
            ..Facts::of_own(&self.plan.config, &conn, Some(&request), place)
        };
        let mut out = Vec::new();
        let params = self.params(question.without);
        let encoded = params.encode(&request, &facts, length, &mut out).ok()?;
        if question.last {
            // CONTENT_LENGTH, its value, and their NULs.
            let first = "CONTENT_LENGTH\0".len() + length.to_string().len() + 1;
            let end = out.len() - 1;
            let block = out.get_mut(end - encoded.block..end)?;
            block.rotate_left(first);
        }
        out.drain(..encoded.start);
        out.extend_from_slice(question.body);
        Some((out, encoded.block))
    }

    fn params(&self, without: &[usize]) -> Params {
        let list = self.scgi.params.list();
        let kept = list.iter().enumerate();
        let mut kept: Vec<Param> = kept
            .filter(|(index, _)| !without.contains(index))
            .map(|(_, param)| param.clone())
            .collect();
        if without.contains(&list.len()) {
            // Empty, it stands for a field of the client that is not passed on.
            kept.push(Param {
                name: "HTTP_HOST".into(),
                value: Template::text(b""),
                if_not_empty: true,
            });
        }
        Params::new(kept, true, None)
    }
}
