//! Values about the cache.

use std::path::PathBuf;
use std::time::Duration;

use super::groups::{count, is_name, once, span};
use super::{field, memory, named, template, whole};
use crate::cli::settings::{CacheSpec, ZoneSpec};
use crate::cli::words::Value;
use crate::config::cache::{Pace, RuleBook, UseStale, Valid, ValidCodes, Zone};
use crate::template::Template;
use crate::units;

/// What tells cached responses apart unless `--cache-key` says otherwise (Z37).
const DEFAULT_KEY: &str = "$scheme://$host$request_uri";

/// Bytes of a zone at least: less would hardly hold its own index.
const ZONE_MIN: usize = 64 << 10;

/// `--cache` (C10): `None` is `off`.
pub fn cache(value: &Value) -> Result<Option<CacheSpec>, String> {
    match value.one()? {
        "off" => Ok(None),
        "" => Err("needs the name of a zone or off".into()),
        text if text.contains('$') => Ok(Some(CacheSpec::Template(template(value, text)?))),
        text => Ok(Some(CacheSpec::Named(text.to_owned()))),
    }
}

/// Of `--cache` and `--store` one level switches on one at most (C11).
pub fn alone<T>(value: Option<T>, other: &str, other_is_on: bool) -> Result<Option<T>, String> {
    match value.is_some() && other_is_on {
        true => Err(format!("does not go together with --{other} on one level")),
        false => Ok(value),
    }
}

/// `--cache-path` (C83). Its path may still be relative, and the place of its temporary files is not known yet.
pub fn cache_path(value: &Value) -> Result<ZoneSpec, String> {
    let mut zone = Zone {
        name: String::new(),
        path: match value.word(0) {
            None | Some("") => return Err("needs a directory and keys_zone=NAME:SIZE".into()),
            Some(path) => PathBuf::from(path),
        },
        levels: Vec::new(),
        use_temp_path: true,
        temp: PathBuf::new(),
        size: 0,
        inactive: Duration::from_secs(600),
        max_size: None,
        min_free: 0,
        manager: pace(100, 200),
        loader: pace(100, 200),
        purger: None,
    };
    let mut purger = (false, pace(10, 50));
    once(value, 1)?;
    for word in value.texts().skip(1) {
        parameter(word, &mut zone, &mut purger)?;
    }
    if zone.name.is_empty() {
        return Err("lacks keys_zone=NAME:SIZE".into());
    }
    zone.purger = purger.0.then_some(purger.1);
    Ok(ZoneSpec {
        zone,
        raw: value.raw.clone(),
    })
}

/// The pace of C83, which pauses for 50 ms. `threshold`: in milliseconds.
fn pace(files: usize, threshold: u64) -> Pace {
    Pace {
        files,
        threshold: Duration::from_millis(threshold),
        sleep: Duration::from_millis(50),
    }
}

/// `purger`: whether there is one, and its pace.
fn parameter(word: &str, zone: &mut Zone, purger: &mut (bool, Pace)) -> Result<(), String> {
    let (name, text) = word.split_once('=').unwrap_or((word, ""));
    if let Some((who, what)) = name.split_once('_') {
        let pace = match who {
            "manager" => Some(&mut zone.manager),
            "loader" => Some(&mut zone.loader),
            "purger" => Some(&mut purger.1),
            _ => None,
        };
        if let Some(pace) = pace {
            return match what {
                "files" => whole(text, 1, 1 << 20).map(|files| pace.files = files),
                "sleep" => span(text).map(|time| pace.sleep = time),
                "threshold" => span(text).map(|time| pace.threshold = time),
                _ => Err(named(word, PARAMETERS)),
            };
        }
    }
    match name {
        "levels" => zone.levels = levels(text)?,
        "use_temp_path" => zone.use_temp_path = switch(word, text)?,
        "keys_zone" => (zone.name, zone.size) = keys_zone(text)?,
        "inactive" => zone.inactive = span(text)?,
        "max_size" => zone.max_size = Some(size(text)?),
        "min_free" => zone.min_free = size(text)?,
        "purger" => purger.0 = switch(word, text)?,
        _ => return Err(named(word, PARAMETERS)),
    }
    match (zone.inactive.is_zero(), zone.max_size) {
        (false, None | Some(1..)) => Ok(()),
        _ => Err(named(word, "would keep nothing; it must be more than 0")),
    }
}

const PARAMETERS: &str = "is not one of keys_zone=NAME:SIZE, levels=L:L:L, use_temp_path=on|off, inactive=TIME, \
     max_size=SIZE, min_free=SIZE, purger=on|off, and files=N, sleep=TIME and threshold=TIME after manager_, loader_ or purger_";

fn switch(word: &str, text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(named(word, "is neither on nor off")),
    }
}

fn size(text: &str) -> Result<u64, String> {
    units::size(text).map_err(|why| named(text, why))
}

fn keys_zone(text: &str) -> Result<(String, usize), String> {
    let (name, size) = text.split_once(':').unwrap_or((text, ""));
    match name {
        "off" => Err("a zone cannot have the name off, which --cache takes for none".into()),
        name if is_name(name) => Ok((name.to_owned(), memory(size, ZONE_MIN)?)),
        _ => Err(named(
            text,
            "is not a name (letters, digits, \".\", \"_\" and \"-\"), a colon and a size (example: main:1m)",
        )),
    }
}

fn levels(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.split(':').map(|level| match level {
        "1" => Some(1),
        "2" => Some(2),
        _ => None,
    });
    let levels: Option<Vec<u8>> = digits.collect();
    let levels = levels.filter(|levels| levels.len() <= 3);
    levels.ok_or_else(|| named(text, "is not one to three times 1 or 2 (example: 1:2)"))
}

/// `--cache-key`.
pub fn cache_key(value: &Value) -> Result<Template, String> {
    match value.one()? {
        "" => Err("may not be empty, for all requests would share one response".into()),
        text => template(value, text),
    }
}

/// The key where none is given.
pub fn default_key() -> Template {
    template(&Value::default(), DEFAULT_KEY).expect("its names are those of variables")
}

/// `--cache-valid` (C40).
pub fn cache_valid(value: &Value) -> Result<Vec<Valid>, String> {
    let words: Vec<&str> = value.texts().collect();
    let Some((time, names)) = words.split_last() else {
        return Err(
            "needs a time, and before it status codes or any (example: '200 302 10m')".into(),
        );
    };
    let time = units::time(time).map_err(|why| named(time, why))?;
    let mut codes = Vec::new();
    let mut any = false;
    for name in names {
        match *name {
            "any" => any = true,
            name => codes.push(code(name)?),
        }
    }
    if names.is_empty() {
        codes = vec![200, 301, 302];
    }
    let these = (!codes.is_empty()).then_some(ValidCodes::These(codes));
    let any = any.then_some(ValidCodes::Any);
    let both = these.into_iter().chain(any);
    Ok(both.map(|codes| Valid { codes, time }).collect())
}

fn code(text: &str) -> Result<u16, String> {
    match whole(text, 100, 599).map(u16::try_from) {
        Ok(Ok(code)) => Ok(code),
        _ => Err(named(text, "is neither a status code (100 to 599) nor any")),
    }
}

/// `--cache-methods` (C9): whether POST is one of them; GET and HEAD always are.
pub fn cache_methods(value: &Value) -> Result<bool, String> {
    if value.words.is_empty() {
        return Err("needs at least one of GET, HEAD and POST".into());
    }
    let mut post = false;
    for word in value.texts() {
        match word.to_ascii_uppercase().as_str() {
            "GET" | "HEAD" => {}
            "POST" => post = true,
            _ => return Err(named(word, "is not one of GET, HEAD and POST")),
        }
    }
    Ok(post)
}

/// `--cache-min-uses`.
pub fn min_uses(value: &Value) -> Result<u32, String> {
    count(value.one()?, 1, 1 << 30)
}

/// `--cache-bypass`, `--no-cache` and `--cache-purge` (C13, C14, C79).
pub fn conditions(value: &Value) -> Result<Vec<Template>, String> {
    if value.words.is_empty() {
        return Err("needs a text with variables (0 where it shall never hold)".into());
    }
    let condition = |text: &str| match text {
        // By the rule of C13 it would mean the opposite of what it says.
        "off" => Err(named(text, "would mean yes; write 0")),
        _ => template(value, text),
    };
    value.texts().map(condition).collect()
}

/// Whether a condition can ever hold: a plain `0` or nothing at all cannot.
pub fn may_hold(condition: &Template) -> bool {
    !matches!(condition.literal(), Some(b"" | b"0"))
}

/// `--cache-use-stale` (C29).
pub fn use_stale(value: &Value) -> Result<UseStale, String> {
    let mut stale = UseStale::default();
    match (value.word(0), value.words.len()) {
        (None, _) => return Err("needs at least one condition, or off".into()),
        (Some("off"), 1) => return Ok(stale),
        _ => {}
    }
    for word in value.texts() {
        let slot = match word.to_ascii_lowercase().as_str() {
            "error" => &mut stale.error,
            "timeout" => &mut stale.timeout,
            "invalid_header" => &mut stale.invalid_header,
            "updating" => &mut stale.updating,
            "http_500" => &mut stale.http_500,
            "http_503" => &mut stale.http_503,
            "http_403" => &mut stale.http_403,
            "http_404" => &mut stale.http_404,
            "http_429" => &mut stale.http_429,
            "off" => return Err("off stands alone".into()),
            _ => return Err(named(word, CONDITIONS)),
        };
        *slot = true;
    }
    Ok(stale)
}

const CONDITIONS: &str = "is not one of error, timeout, invalid_header, updating, http_500, http_503, http_403, http_404, \
     http_429, off";

/// `--cache-max-range-offset`: `None` is `off`.
pub fn max_range_offset(value: &Value) -> Result<Option<u64>, String> {
    match value.one()? {
        "off" => Ok(None),
        text => size(text).map(Some),
    }
}

/// `--cache-status`: `None` is `off`. A name is a token of RFC 8941 3.3.4, as RFC 9211 2 has it.
pub fn status_name(value: &Value) -> Result<Option<String>, String> {
    let text = value.one()?;
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b);
    let first = |c: char| c.is_ascii_alphabetic() || c == '*';
    match text {
        "off" => Ok(None),
        _ if text.starts_with(first) && text.bytes().all(inner) => Ok(Some(text.to_owned())),
        _ => Err(named(
            text,
            "is neither off nor a name (a letter, then letters, digits and signs such as \".\", \"_\" and \"-\")",
        )),
    }
}

/// `--cache-targeted`: the names, lowercased; none for `off`.
pub fn targeted(value: &Value) -> Result<Vec<String>, String> {
    match (value.word(0), value.words.len()) {
        (None, _) => Err("needs the name of a field, or off".into()),
        (Some("off"), 1) => Ok(Vec::new()),
        _ => value.texts().map(targeted_field).collect(),
    }
}

fn targeted_field(text: &str) -> Result<String, String> {
    let name = field(text)?;
    match name.as_str() {
        "off" => Err("off stands alone".into()),
        // It is the one that they go before.
        "cache-control" => Err(named(text, "is always obeyed and is not a targeted field")),
        _ => Ok(name),
    }
}

/// `--cache-rules`.
pub fn rules(value: &Value) -> Result<RuleBook, String> {
    match value.one()? {
        "nginx" => Ok(RuleBook::Nginx),
        "rfc9111" => Ok(RuleBook::Rfc9111),
        other => Err(named(other, "is neither nginx nor rfc9111")),
    }
}
