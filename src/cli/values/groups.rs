//! Values about groups of servers and about trying the next one.

use std::time::Duration;

use super::{is_token, named, template, whole};
use crate::cli::resolve::PAGE;
use crate::cli::settings::{GroupRule, GroupSpec, UpstreamSpec};
use crate::cli::words::Value;
use crate::config::address::{Destination, destination};
use crate::config::content::NextUpstream;
use crate::config::group::{Balance, GroupServer, Health, Sticky, StickyCookie};
use crate::http::uri;
use crate::units;

/// Bytes of a route at most, as in nginx and Angie (N50).
const ROUTE_MAX: usize = 32;

/// Whether a text can name a group: nothing that an address would need may stand in it.
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    !text.is_empty() && text.bytes().all(fits)
}

/// The first word.
fn group(value: &Value) -> Result<String, String> {
    match value.word(0) {
        None => Err("needs the name of a group".into()),
        Some(name) if is_name(name) => Ok(name.to_owned()),
        Some(odd) => Err(named(
            odd,
            "is not the name of a group (letters, digits, \".\", \"_\" and \"-\")",
        )),
    }
}

/// A server of a group with the defaults of the contract.
pub fn server(text: &str, destination: Destination) -> GroupServer {
    GroupServer {
        text: text.to_owned(),
        destination,
        addresses: Vec::new(),
        weight: 1,
        max_conns: 0,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        slow_start: Duration::ZERO,
        backup: false,
        down: false,
        resolve: false,
        route: None,
    }
}

/// `--upstream`.
pub fn upstream(value: &Value) -> Result<UpstreamSpec, String> {
    let group = group(value)?;
    let text = value
        .word(1)
        .ok_or("needs a group and the address of a server")?;
    let mut server = server(text, destination(text)?);
    once(value, 2)?;
    for word in value.texts().skip(2) {
        parameter(word, &mut server)?;
    }
    if server.fail_timeout.is_zero() {
        // No failure is ever recent enough to count: the same as counting none.
        server.max_fails = 0;
    }
    if server.resolve && matches!(server.destination, Destination::Fixed(_)) {
        return Err(named(text, "is no name that resolve could look up again"));
    }
    Ok(UpstreamSpec {
        group,
        server,
        raw: value.raw.clone(),
    })
}

/// A parameter given twice is a mistake.
pub fn once(value: &Value, first: usize) -> Result<(), String> {
    let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
    let names: Vec<String> = value.texts().skip(first).map(name).collect();
    let mut rest = names.iter();
    while let Some(name) = rest.next() {
        if rest.as_slice().contains(name) {
            return Err(named(name, "is given twice"));
        }
    }
    Ok(())
}

fn parameter(word: &str, server: &mut GroupServer) -> Result<(), String> {
    match word.split_once('=') {
        None => match word {
            "backup" => server.backup = true,
            "down" => server.down = true,
            "resolve" => server.resolve = true,
            _ => return Err(unknown_parameter(word)),
        },
        Some(("weight", text)) => server.weight = count(text, 1, 65_535)?,
        Some(("max_conns", text)) => server.max_conns = count(text, 0, 1 << 20)?,
        Some(("max_fails", text)) => server.max_fails = count(text, 0, 65_535)?,
        Some(("fail_timeout", text)) => server.fail_timeout = span(text)?,
        Some(("slow_start", text)) => server.slow_start = span(text)?,
        Some(("route", text)) => server.route = Some(route(text)?),
        Some(_) => return Err(unknown_parameter(word)),
    }
    Ok(())
}

fn unknown_parameter(word: &str) -> String {
    named(
        word,
        "is not one of weight=N, max_conns=N, max_fails=N, fail_timeout=TIME, slow_start=TIME, route=NAME, backup, \
         down, resolve",
    )
}

/// A whole number of 32 bits between `low` and `high`.
pub fn count(text: &str, low: usize, high: usize) -> Result<u32, String> {
    u32::try_from(whole(text, low, high)?).map_err(|error| error.to_string())
}

/// A time, as one word of a value.
pub fn span(text: &str) -> Result<Duration, String> {
    units::time(text).map_err(|why| named(text, why))
}

/// What a cookie may hold (RFC 6265 4.1.1), for there it stands.
fn route(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_graphic() && !b"\",;\\".contains(&b);
    match (1..=ROUTE_MAX).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(named(
            text,
            "is not a route (1 to 32 printable characters, none of them a blank, quote, comma, semicolon or backslash)",
        )),
    }
}

/// Methods that are one word.
static PLAIN: [(&str, Balance); 6] = [
    ("round_robin", Balance::RoundRobin),
    ("least_conn", Balance::LeastConn),
    ("ip_hash", Balance::IpHash),
    ("byrequests", Balance::ByRequests),
    ("bytraffic", Balance::ByTraffic),
    ("bybusyness", Balance::ByBusyness),
];

/// `--balance`.
pub fn balance(value: &Value) -> Result<GroupSpec, String> {
    let group = group(value)?;
    let method = value.word(1).ok_or("needs a group and a method")?;
    let more = value.word(2);
    let plain = PLAIN.iter().find(|(name, _)| *name == method);
    let what = match (plain, method) {
        (Some((_, plain)), _) => match more {
            None => plain.clone(),
            Some(odd) => {
                return Err(named(
                    odd,
                    &format!("follows {method}, which takes nothing"),
                ));
            }
        },
        (None, "random") => Balance::Random { two: two(value)? },
        (None, "hash") => Balance::Hash {
            consistent: consistent(value)?,
            key: match more.unwrap_or_default() {
                "" => return Err("hash needs a key (example: $uri)".into()),
                key => template(value, key)?,
            },
        },
        _ => return Err(named(method, METHODS)),
    };
    Ok(GroupSpec {
        group,
        rule: GroupRule::Balance(what),
        raw: value.raw.clone(),
    })
}

/// nginx permits one more word, the default of those that may stand there.
fn two(value: &Value) -> Result<bool, String> {
    match (value.word(2), value.word(3), value.words.len()) {
        (None, ..) => Ok(false),
        (Some("two"), None | Some("least_conn"), 3 | 4) => Ok(true),
        _ => Err("after random only \"two\" may follow".into()),
    }
}

fn consistent(value: &Value) -> Result<bool, String> {
    match (value.word(3), value.words.len()) {
        (None, _) => Ok(false),
        (Some("consistent"), 4) => Ok(true),
        _ => Err("after the key of hash only \"consistent\" may follow".into()),
    }
}

const METHODS: &str = "is not one of round_robin, least_conn, ip_hash, hash KEY [consistent], random [two], byrequests, \
     bytraffic, bybusyness";

/// `--sticky`.
pub fn sticky(value: &Value) -> Result<GroupSpec, String> {
    let group = group(value)?;
    let what = match value.word(1) {
        Some("cookie") => Sticky::Cookie(cookie(value)?),
        Some("route") => Sticky::Route(routes(value)?),
        Some(odd) => return Err(named(odd, "is neither cookie nor route")),
        None => return Err("needs a group and cookie or route".into()),
    };
    Ok(GroupSpec {
        group,
        rule: GroupRule::Sticky(what),
        raw: value.raw.clone(),
    })
}

fn routes(value: &Value) -> Result<Vec<crate::template::Template>, String> {
    let mut list = Vec::new();
    for text in value.texts().skip(2) {
        let route = template(value, text)?;
        if route.literal().is_some() {
            return Err(named(
                text,
                "holds no variable, so it tells no clients apart",
            ));
        }
        list.push(route);
    }
    match list.is_empty() {
        true => Err("route needs a variable (example: $arg_route)".into()),
        false => Ok(list),
    }
}

fn cookie(value: &Value) -> Result<StickyCookie, String> {
    let name = value.word(2).ok_or("cookie needs a name")?;
    if !is_token(name) {
        return Err(named(name, "is not the name of a cookie"));
    }
    let mut cookie = StickyCookie {
        name: name.to_owned(),
        expires: None,
        path: None,
        domain: None,
        httponly: false,
        secure: false,
    };
    once(value, 3)?;
    for word in value.texts().skip(3) {
        match word.split_once('=') {
            None if word == "httponly" => cookie.httponly = true,
            None if word == "secure" => cookie.secure = true,
            Some(("expires", text)) => cookie.expires = Some(lifetime(text)?),
            Some(("path", text)) => cookie.path = Some(attribute(text)?),
            Some(("domain", text)) => cookie.domain = Some(attribute(text)?),
            _ => return Err(named(word, COOKIE)),
        }
    }
    Ok(cookie)
}

const COOKIE: &str = "is not one of expires=TIME, path=PATH, domain=NAME, httponly, secure";

/// Browsers count in seconds; none at all would delete the cookie.
fn lifetime(text: &str) -> Result<Duration, String> {
    let time = span(text)?;
    match time.as_secs() {
        0 => Err(named(text, "is too short for a cookie (at least 1s)")),
        _ => Ok(time),
    }
}

fn attribute(text: &str) -> Result<String, String> {
    let fits = |b: u8| b.is_ascii_graphic() && b != b';';
    match !text.is_empty() && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(named(text, "cannot stand in a cookie")),
    }
}

/// Bytes of the `uri` of a check: three parameters hold it, and rTorrent takes 2000 bytes of parameters.
const URI_MAX: usize = 400;

/// `--health`.
pub fn health(value: &Value) -> Result<GroupSpec, String> {
    if let Some(text) = value.word(0)
        && !is_name(text)
        && destination(text).is_ok()
    {
        return Err(named(
            text,
            "is an address; only a group that --upstream makes can be checked",
        ));
    }
    let group = group(value)?;
    let mut health = Health {
        interval: Duration::from_secs(5),
        uri: "/".into(),
        fails: 1,
        passes: 1,
        request: Vec::new(),
        block: 0,
        head_max: PAGE,
        bind: None,
    };
    once(value, 1)?;
    for word in value.texts().skip(1) {
        match word.split_once('=') {
            Some(("interval", text)) => health.interval = pause(text)?,
            Some(("uri", text)) => health.uri = uri(text)?,
            Some(("fails", text)) => health.fails = count(text, 1, 65_535)?,
            Some(("passes", text)) => health.passes = count(text, 1, 65_535)?,
            _ => {
                let why = "is not one of interval=TIME, uri=URI, fails=N, passes=N";
                return Err(named(word, why));
            }
        }
    }
    Ok(GroupSpec {
        group,
        rule: GroupRule::Health(health),
        raw: value.raw.clone(),
    })
}

/// From check to check: not so short that checks are all that is done.
fn pause(text: &str) -> Result<Duration, String> {
    match span(text)? {
        time if time < Duration::from_millis(10) => {
            Err(named(text, "is no time between two checks (at least 10ms)"))
        }
        time => Ok(time),
    }
}

/// A path as a client sends it, and maybe a query.
fn uri(text: &str) -> Result<String, String> {
    let path = text.split('?').next().unwrap_or_default();
    let fits = |b: u8| b.is_ascii_graphic() && b != b'#';
    match text.bytes().all(fits) && uri::normalise(path.as_bytes()).is_ok() {
        false => Err(named(
            text,
            "is not a path (it begins with a slash; a query may follow)",
        )),
        true if text.len() > URI_MAX => Err(named(text, "is longer than 400 bytes")),
        true => Ok(text.to_owned()),
    }
}

/// `--next-upstream` (N1, N2).
pub fn next_upstream(value: &Value) -> Result<NextUpstream, String> {
    let mut next = NextUpstream::OFF;
    let mut off = false;
    if value.words.is_empty() {
        return Err("needs at least one condition, or off".into());
    }
    for word in value.texts() {
        let slot = match word.to_ascii_lowercase().as_str() {
            "error" => &mut next.error,
            "timeout" => &mut next.timeout,
            "invalid_header" => &mut next.invalid_header,
            "http_500" => &mut next.http_500,
            "http_503" => &mut next.http_503,
            "http_403" => &mut next.http_403,
            "http_404" => &mut next.http_404,
            "http_429" => &mut next.http_429,
            "non_idempotent" => &mut next.non_idempotent,
            "off" => &mut off,
            // Of the cache; nginx takes it here too, where it means nothing.
            "updating" => continue,
            _ => return Err(named(word, CONDITIONS)),
        };
        *slot = true;
    }
    Ok(if off { NextUpstream::OFF } else { next })
}

const CONDITIONS: &str = "is not one of error, timeout, invalid_header, http_500, http_503, http_403, http_404, http_429, \
     non_idempotent, off";

/// `--connection-drop`.
pub fn connection_drop(value: &Value) -> Result<Option<Duration>, String> {
    match value.one()? {
        "on" => Ok(Some(Duration::ZERO)),
        "off" => Ok(None),
        text => match units::time(text) {
            Ok(time) => Ok(Some(time)),
            Err(why) => Err(named(text, &format!("is neither on nor off and {why}"))),
        },
    }
}
