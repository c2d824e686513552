//! From the words of a value to typed settings. Every error is a phrase that completes `scgate: --flag 'value': `.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::access::{Who, parse_who};
use crate::config::address::{bind_address, destination};
use crate::config::{Bind, BindTo, Ignore, LogEscape, LogFormat, PathInfo, TempPath};
use crate::scgi::request::{Param, ParamsMax};
use crate::template::Template;
use crate::units;

use super::settings::{AccessLogSpec, PassSpec, fixed_bind};
use super::words::Value;

pub mod cache;
pub mod content;
pub mod groups;
pub mod response;

/// Stores a parsed value.
pub fn put<T>(slot: &mut Option<T>, value: Result<T, String>) -> Result<(), String> {
    *slot = Some(value?);
    Ok(())
}

/// Adds parsed values to a list.
pub fn add<T>(list: &mut Vec<T>, values: Result<Vec<T>, String>) -> Result<(), String> {
    list.extend(values?);
    Ok(())
}

/// Adds a parsed value to a list.
pub fn push<T>(list: &mut Vec<T>, value: Result<T, String>) -> Result<(), String> {
    list.push(value?);
    Ok(())
}

/// `"text" why`. Called from many places, none of which is in a hurry.
#[cold]
#[inline(never)]
fn named(text: &str, why: &str) -> String {
    format!("\"{text}\" {why}")
}

/// What is said of a flag that needs a Cargo feature this build has not.
#[cold]
#[inline(never)]
pub fn left_out(feature: &str) -> String {
    format!("not in this build, which was made without the feature \"{feature}\"")
}

/// `on` or `off`.
pub fn on_off(value: &Value) -> Result<bool, String> {
    match value.one()? {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(named(other, "is neither on nor off")),
    }
}

/// A whole number between `low` and `high`.
pub fn number(value: &Value, low: usize, high: usize) -> Result<usize, String> {
    whole(value.one()?, low, high)
}

fn whole(text: &str, low: usize, high: usize) -> Result<usize, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(n) if digits && (low..=high).contains(&n) => Ok(n),
        _ if digits => Err(named(text, &format!("is not between {low} and {high}"))),
        _ => Err(named(text, &format!("is not a number ({low} to {high})"))),
    }
}

/// A size of any magnitude.
pub fn size(value: &Value) -> Result<u64, String> {
    let text = value.one()?;
    units::size(text).map_err(|why| named(text, why))
}

/// A size that this machine's memory can be asked for, at least `low`.
pub fn bytes(value: &Value, low: usize) -> Result<usize, String> {
    memory(value.one()?, low)
}

fn memory(text: &str, low: usize) -> Result<usize, String> {
    let size = units::size(text).map_err(|why| named(text, why))?;
    match isize::try_from(size).map(isize::unsigned_abs) {
        Ok(size) if size >= low => Ok(size),
        Ok(_) => Err(named(text, &format!("is too small (at least {low})"))),
        Err(_) => Err(named(text, "is more than this machine can address")),
    }
}

/// A size of a socket buffer: the system takes a C int.
pub fn socket_buffer(value: &Value) -> Result<usize, String> {
    let why = "is too large for a socket buffer (less than 2g)";
    match i32::try_from(size(value)?).map(usize::try_from) {
        Ok(Ok(size)) => Ok(size),
        _ => Err(named(value.one()?, why)),
    }
}

/// A time.
pub fn time(value: &Value) -> Result<Duration, String> {
    let text = value.one()?;
    units::time(text).map_err(|why| named(text, why))
}

/// A time that a wait lasts: never nothing.
pub fn wait(value: &Value) -> Result<Duration, String> {
    let time = time(value)?;
    match time.is_zero() {
        true => Err(named(
            value.one()?,
            "is no time to wait; it must be more than 0",
        )),
        false => Ok(time),
    }
}

/// A text of `value` that may hold variables, also those that `--map` defines.
fn template(value: &Value, text: &str) -> Result<Template, String> {
    let maps = &value.maps;
    let later = Cell::new(None);
    let find = |name: &str| {
        let place = maps.find(name)?;
        if place >= maps.usable {
            later.set(Some(place));
        }
        Some(place)
    };
    let template =
        Template::parse(text, &find).map_err(|error| format!("{} in \"{text}\"", error.0))?;
    match later.get().and_then(|place| maps.all.get(place)) {
        Some(name) => Err(format!(
            "\"${name}\" is not defined before it; a --map may use those that stand before it only"
        )),
        None => Ok(template),
    }
}

/// A template that gives a rate (or, with `units::size`, a size); `None` when it is plainly 0.
pub fn quantity(
    value: &Value,
    parse: fn(&str) -> Result<u64, &'static str>,
) -> Result<Option<Template>, String> {
    let text = value.one()?;
    let template = template(value, text)?;
    if template.literal().is_none() {
        return Ok(Some(template));
    }
    match parse(text).map_err(|why| named(text, why))? {
        0 => Ok(None),
        _ => Ok(Some(template)),
    }
}

/// A file or directory name.
pub fn path(value: &Value) -> Result<PathBuf, String> {
    match value.one()? {
        "" => Err("a path may not be empty".into()),
        text => Ok(PathBuf::from(text)),
    }
}

/// `--pass`.
pub fn pass(value: &Value) -> Result<PassSpec, String> {
    let text = value.one()?;
    if text.contains('$') {
        return template(value, text).map(PassSpec::Template);
    }
    match destination(text) {
        Ok(destination) => Ok(PassSpec::Fixed(text.to_owned(), destination)),
        Err(why) if groups::is_name(text) => Ok(PassSpec::Group(text.to_owned(), why)),
        Err(why) => Err(why),
    }
}

/// `--bind`.
pub fn bind(value: &Value) -> Result<Option<Bind>, String> {
    let transparent = match (value.word(1), value.words.len()) {
        (None, _) => false,
        (Some("transparent"), 2) => true,
        (Some(other), _) => {
            return Err(named(
                other,
                "is not \"transparent\", the only word that may follow",
            ));
        }
    };
    match value.word(0) {
        None => Err("needs an address or off".into()),
        Some("off") if transparent => Err("off and transparent exclude each other".into()),
        Some("off") => Ok(None),
        Some(text) if text.contains('$') => Ok(Some(Bind {
            address: BindTo::Template(template(value, text)?),
            transparent,
        })),
        Some(text) => Ok(Some(fixed_bind(bind_address(text)?, transparent))),
    }
}

/// `--buffers`.
pub fn buffers(value: &Value) -> Result<(usize, usize), String> {
    match (value.word(0), value.word(1), value.words.len()) {
        (Some(number), Some(size), 2) => {
            let (number, size) = (whole(number, 2, 65_536)?, memory(size, 256)?);
            match number.checked_mul(size) {
                Some(_) => Ok((number, size)),
                None => Err("is more than this machine can address".into()),
            }
        }
        _ => Err("needs a number and a size (example: '8 4k')".into()),
    }
}

/// `--temp-path` (B12).
pub fn temp_path(value: &Value) -> Result<TempPath, String> {
    let dir = match value.word(0) {
        None | Some("") => return Err("needs a directory".into()),
        Some(dir) => PathBuf::from(dir),
    };
    let mut levels = Vec::new();
    for word in value.texts().skip(1) {
        levels.push(whole(word, 1, 10)? as u8);
    }
    let digits: usize = levels.iter().map(|level| usize::from(*level)).sum();
    match levels.len() > 3 || digits > 10 {
        true => Err("has at most three levels, of at most ten digits together".into()),
        false => Ok(TempPath { dir, levels }),
    }
}

/// `--param`.
pub fn param(value: &Value) -> Result<Param, String> {
    let (name, text) = match (value.word(0), value.word(1)) {
        (Some(name), Some(text)) => (name, text),
        _ => return Err("needs a name and a value (an empty value is written \"\")".into()),
    };
    let if_not_empty = match (value.word(2), value.words.len()) {
        (None, _) => false,
        (Some("if_not_empty"), 3) => true,
        (Some(other), _) => {
            return Err(named(
                other,
                "is not \"if_not_empty\"; put quotes round a value with blanks",
            ));
        }
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(named(name, "is not the name of a parameter"));
    }
    if name == "CONTENT_LENGTH" || name == "SCGI" {
        return Err(format!(
            "{name} is always sent and cannot be set (SCGI requires it)"
        ));
    }
    Ok(Param {
        name: name.into(),
        value: template(value, text)?,
        if_not_empty,
    })
}

/// `--path-info`.
pub fn path_info(value: &Value) -> Result<PathInfo, String> {
    match (value.word(0), value.words.len()) {
        (Some("on"), 1) => return Ok(PathInfo::On),
        (Some("off"), 1) => return Ok(PathInfo::Off),
        (None, _) => return Err("needs on, off or extensions such as .cgi".into()),
        _ => {}
    }
    let fits = |text: &str| {
        text.len() > 1 && text.starts_with('.') && text.is_ascii() && !text.contains('/')
    };
    match value.texts().find(|text| !fits(text)) {
        Some(odd) => Err(named(
            odd,
            "is neither on, off nor an extension (example: .cgi)",
        )),
        None => Ok(PathInfo::Extensions(
            value.texts().map(str::to_owned).collect(),
        )),
    }
}

/// Field names, lowercased.
pub fn fields(value: &Value) -> Result<Vec<String>, String> {
    if value.words.is_empty() {
        return Err("needs the name of a field".into());
    }
    value.texts().map(field).collect()
}

/// Whether a text is a token (RFC 9110 5.6.2).
fn is_token(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(fits)
}

/// The name of a field, lowercased.
fn field(text: &str) -> Result<String, String> {
    match is_token(text) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(named(text, "is not the name of a field")),
    }
}

/// `--ignore-headers` (R41).
pub fn ignore(value: &Value) -> Result<Ignore, String> {
    let mut ignore = Ignore::default();
    if value.words.is_empty() {
        return Err("needs the name of a field".into());
    }
    for name in value.texts() {
        let slot = match name.to_ascii_lowercase().as_str() {
            "x-accel-redirect" => &mut ignore.redirect,
            "x-accel-expires" => &mut ignore.accel_expires,
            "x-accel-limit-rate" => &mut ignore.limit_rate,
            "x-accel-buffering" => &mut ignore.buffering,
            "x-accel-charset" => &mut ignore.charset,
            "expires" => &mut ignore.expires,
            "cache-control" => &mut ignore.cache_control,
            "set-cookie" => &mut ignore.set_cookie,
            "vary" => &mut ignore.vary,
            _ => return Err(named(name, IGNORABLE)),
        };
        *slot = true;
    }
    Ok(ignore)
}

const IGNORABLE: &str = "cannot be ignored; possible are X-Accel-Redirect, X-Accel-Expires, X-Accel-Limit-Rate, \
     X-Accel-Buffering, X-Accel-Charset, Expires, Cache-Control, Set-Cookie and Vary";

/// `--params-max`.
pub fn params_max(value: &Value) -> Result<Option<ParamsMax>, String> {
    let trim = match (value.word(1), value.words.len()) {
        (None, _) => false,
        (Some("trim"), 2) => true,
        (Some(other), _) => {
            return Err(named(
                other,
                "is not \"trim\", the only word that may follow",
            ));
        }
    };
    let size = memory(value.word(0).ok_or("needs a size")?, 0)?;
    Ok((size > 0).then_some(ParamsMax { size, trim }))
}

/// `--allow` and `--deny`.
pub fn who(value: &Value) -> Result<Who, String> {
    parse_who(value.one()?)
}

/// `--user`.
pub fn user(value: &Value) -> Result<(String, Option<String>), String> {
    match (value.word(0), value.word(1), value.words.len()) {
        (Some(user), group, 1 | 2) if !user.is_empty() && group != Some("") => {
            Ok((user.to_owned(), group.map(str::to_owned)))
        }
        _ => Err("needs a user name and at most a group name after it".into()),
    }
}

/// `--log-level`.
pub fn log_level(value: &Value) -> Result<log::LevelFilter, String> {
    let text = value.one()?;
    text.parse()
        .map_err(|_| named(text, "is not off, error, warn, info, debug or trace"))
}

/// `--access-log`.
pub fn access_log(value: &Value) -> Result<AccessLogSpec, String> {
    match (value.word(0), value.word(1), value.words.len()) {
        (Some("off"), None, 1) => Ok(None),
        (Some("off"), ..) => Err("off stands alone".into()),
        (Some(path), format, 1 | 2) if !path.is_empty() => Ok(Some((
            PathBuf::from(path),
            format.unwrap_or("combined").to_owned(),
        ))),
        _ => Err("needs a file and at most the name of a format after it".into()),
    }
}

/// `--log-format`: neighbouring pieces in quotes are joined as they are, as in nginx; bare words keep
/// a blank around them.
pub fn log_format(value: &Value) -> Result<(String, LogFormat), String> {
    let name = value
        .word(0)
        .filter(|name| !name.is_empty())
        .ok_or("needs a name and a text")?;
    let escape = match value.word(1).and_then(|word| word.strip_prefix("escape=")) {
        None => None,
        Some("default") => Some(LogEscape::Default),
        Some("json") => Some(LogEscape::Json),
        Some(other) => {
            return Err(named(
                other,
                "is no way to escape; possible are default and json",
            ));
        }
    };
    let pieces = value
        .words
        .get(1 + usize::from(escape.is_some())..)
        .unwrap_or(&[]);
    let mut text = String::new();
    let mut before: Option<bool> = None;
    for piece in pieces {
        if before.is_some_and(|quoted| !(quoted && piece.quoted)) {
            text.push(' ');
        }
        text.push_str(&piece.text);
        before = Some(piece.quoted);
    }
    match pieces.is_empty() {
        true => Err("needs a name and a text".into()),
        false => {
            let escape = escape.unwrap_or(LogEscape::Default);
            Ok((
                name.to_owned(),
                LogFormat {
                    template: template(value, &text)?,
                    escape,
                },
            ))
        }
    }
}
