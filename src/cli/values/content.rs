//! Values about what the gateway answers by itself, and about who the client is.

use std::path::PathBuf;

use super::{field, is_token, named, template, whole};
use crate::cli::settings::{AutoRedirect, StatusSpec};
use crate::cli::words::Value;
use crate::config::access::{Who, parse_who};
use crate::config::content::{
    AddHeader, ErrorPage, Map, PageStatus, PageTarget, RealIpHeader, Return, Root,
};
use crate::template::Template;

/// Statuses whose text is the address a client is sent to.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// `--root` and `--alias`, which exclude each other on one level.
pub fn root(slot: &mut Option<Root>, value: &Value, alias: bool) -> Result<(), String> {
    let text = value.one()?;
    if text.is_empty() {
        return Err("a path may not be empty".into());
    }
    let dir = template(value, text)?;
    match slot {
        Some(_) => Err(format!(
            "does not go together with --{} on one level",
            if alias { "root" } else { "alias" }
        )),
        None => {
            *slot = Some(Root { dir, alias });
            Ok(())
        }
    }
}

/// A status that an answer may have.
fn status(text: &str) -> Result<u16, String> {
    let status = whole(text, 200, 599)
        .map_err(|_| named(text, "is not a status code of an answer (200 to 599)"))?;
    u16::try_from(status).map_err(|error| error.to_string())
}

/// `--error-page` (S28, S29).
pub fn error_page(value: &Value) -> Result<(ErrorPage, String), String> {
    let words: Vec<&str> = value.texts().collect();
    let (target, codes) = match words.split_last() {
        Some((target, codes)) if !codes.is_empty() => (*target, codes),
        _ => return Err("needs status codes and a target (example: '404 /missing.html')".into()),
    };
    let (shown, codes) = match codes.split_last() {
        Some((last, codes)) if last.starts_with('=') => (last.strip_prefix('='), codes),
        _ => (None, codes),
    };
    let status = match shown {
        None => PageStatus::Keep,
        Some("") => PageStatus::Target,
        Some(code) => PageStatus::Set(status(code)?),
    };
    if codes.is_empty() {
        return Err("names no status code to which it applies".into());
    }
    let codes: Result<Vec<u16>, String> = codes.iter().map(|text| error_code(text)).collect();
    let (target, status) = page_target(value, target, status)?;
    let page = ErrorPage {
        codes: codes?,
        status,
        target,
    };
    Ok((page, value.raw.clone()))
}

/// 499 is a client that has gone: nobody is there to see a page.
fn error_code(text: &str) -> Result<u16, String> {
    match status(text) {
        Ok(code) if code >= 300 && code != 499 => Ok(code),
        _ => Err(named(
            text,
            "is not a status code that can have a page (300 to 599, not 499)",
        )),
    }
}

fn page_target(
    value: &Value,
    text: &str,
    status: PageStatus,
) -> Result<(PageTarget, PageStatus), String> {
    if let Some(name) = text.strip_prefix('@') {
        return match name.is_empty() || name.contains('$') {
            true => Err(named(text, "is not the name of a location")),
            false => Ok((PageTarget::Named(text.to_owned()), status)),
        };
    }
    if text.starts_with('/') {
        return Ok((PageTarget::Uri(template(value, text)?), status));
    }
    let url = location(value, text).ok_or_else(|| {
        named(
            text,
            "is neither a path that begins with /, @NAME nor a URL",
        )
    })??;
    let status = match status {
        PageStatus::Keep | PageStatus::Target => 302,
        PageStatus::Set(code) => code,
    };
    match REDIRECTS.contains(&status) {
        true => Ok((PageTarget::Url(url), PageStatus::Set(status))),
        false => Err(format!(
            "={status} cannot send the client to a URL; possible are =301, =302, =303, =307 and =308"
        )),
    }
}

/// An address for the client: with a scheme, or begun by a variable or a slash. `None`: nothing like that.
fn location(value: &Value, text: &str) -> Option<Result<Template, String>> {
    let fits = text.contains("://") || text.starts_with(['$', '/']);
    fits.then(|| field_value(value, text))
}

/// A template for the value of a field: the text in it holds nothing that would end the line.
fn field_value(value: &Value, text: &str) -> Result<Template, String> {
    match text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        true => Err(named(text, "holds a control character")),
        false => template(value, text),
    }
}

/// `--return`.
pub fn answer(value: &Value) -> Result<Return, String> {
    let (code, text) = match (value.word(0), value.word(1), value.words.len()) {
        (Some(first), None, 1) if first.bytes().all(|b| b.is_ascii_digit()) => (first, None),
        (Some(url), None, 1) => {
            return Ok(Return {
                status: 302,
                text: Some(location(value, url).ok_or_else(|| {
                    named(url, "is neither a status code (200 to 599) nor a URL")
                })??),
            });
        }
        (Some(code), Some(text), 2) => (code, Some(text)),
        (None, ..) => return Err("needs a status code or a URL".into()),
        _ => {
            return Err(
                "takes a status code and one text; put quotes round a text with blanks".into(),
            );
        }
    };
    let status = status(code)?;
    let given = text.filter(|text| !text.is_empty());
    let bare = matches!(status, 204 | 205 | 304 | 444);
    let text = match (REDIRECTS.contains(&status), bare, given) {
        (true, _, None) => {
            return Err(format!("{status} needs the URL that clients are sent to"));
        }
        (true, _, Some(url)) => Some(field_value(value, url)?),
        (false, true, Some(_)) => return Err(format!("{status} is answered without a text")),
        (false, true, None) => None,
        // An empty text is one too, and not the page of the status.
        (false, false, _) => text.map(|text| template(value, text)).transpose()?,
    };
    Ok(Return { status, text })
}

/// Fields that the gateway sets by itself, for they are about the connection or the form of the message.
const FRAMING: [&str; 8] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// `--add-header`.
pub fn add_header(value: &Value) -> Result<AddHeader, String> {
    let (name, text) = match (value.word(0), value.word(1)) {
        (Some(name), Some(text)) => (name, text),
        _ => return Err("needs a name and a value (an empty value is written \"\")".into()),
    };
    let always = match (value.word(2), value.words.len()) {
        (None, _) => false,
        (Some("always"), 3) => true,
        (Some(other), _) => {
            return Err(named(
                other,
                "is not \"always\"; put quotes round a value with blanks",
            ));
        }
    };
    if FRAMING.contains(&field(name)?.as_str()) {
        return Err(named(name, "is a field that the gateway alone can set"));
    }
    Ok(AddHeader {
        name: name.to_owned(),
        value: field_value(value, text)?,
        always,
    })
}

/// `--default-type`.
pub fn media_type(value: &Value) -> Result<String, String> {
    let text = value.one()?;
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let sound = essence
        .trim_end()
        .split_once('/')
        .is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    match sound && !parameters.bytes().any(|b| b.is_ascii_control()) {
        true => Ok(text.to_owned()),
        false => Err(named(text, "is not a media type (example: text/html)")),
    }
}

/// `--map`.
pub fn map(value: &Value) -> Result<Map, String> {
    let source = match (value.word(0), value.word(1)) {
        (Some(source), Some(name)) => {
            check_map_name(value, name)?;
            template(value, source)?
        }
        _ => return Err("needs a source, the $NAME of a variable, and values with results".into()),
    };
    let mut map = Map {
        source,
        entries: Vec::new(),
        default: Template::text(b""),
    };
    let mut default = false;
    let mut rules = value.texts().skip(2);
    while let Some(from) = rules.next() {
        let result = rules
            .next()
            .ok_or_else(|| named(from, "lacks its result"))?;
        let result = template(value, result)?;
        match from {
            "default" if default => return Err("default is given twice".into()),
            "default" => {
                default = true;
                map.default = result;
            }
            _ => entry(&mut map, from, result)?,
        }
    }
    match default || !map.entries.is_empty() {
        true => Ok(map),
        false => Err("needs at least one value and its result".into()),
    }
}

/// Whether it can be the name of a map: no variable of the program, and no other map's.
fn check_map_name(value: &Value, text: &str) -> Result<(), String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let name = text
        .strip_prefix('$')
        .filter(|name| !name.is_empty() && name.bytes().all(word))
        .ok_or_else(|| {
            named(
                text,
                "is not the name of a variable (\"$\" and letters, digits or \"_\")",
            )
        })?;
    if Template::parse(text, &|_| None).is_ok() {
        return Err(named(text, "is a variable already; take another name"));
    }
    let maps = &value.maps;
    match maps.find(name).is_some_and(|place| place < maps.usable) {
        true => Err(named(text, "is defined by another --map already")),
        false => Ok(()),
    }
}

/// Keeps the entries sorted. A leading backslash takes away what a word means otherwise.
fn entry(map: &mut Map, from: &str, result: Template) -> Result<(), String> {
    if from.starts_with('~') {
        let why = "is a regular expression, which is not supported; write \\~ for the sign itself";
        return Err(named(from, why));
    }
    if ["hostnames", "include", "volatile"].contains(&from) {
        let why = format!("is not supported; write \\{from} for the value itself");
        return Err(named(from, &why));
    }
    let key = from.strip_prefix('\\').unwrap_or(from).to_ascii_lowercase();
    match map.entries.binary_search_by(|(known, _)| known.cmp(&key)) {
        Ok(_) => Err(named(from, "is given twice (case makes no difference)")),
        Err(at) => {
            map.entries.insert(at, (key, result));
            Ok(())
        }
    }
}

/// `--status`.
pub fn status_page(value: &Value) -> Result<StatusSpec, String> {
    match value.one()? {
        "on" => Ok(StatusSpec::On),
        "off" => Ok(StatusSpec::Off),
        "writable" => Ok(StatusSpec::Writable),
        other => Err(named(other, "is not on, off or writable")),
    }
}

/// `--auth-basic`. The realm may be anything but the file; variables in it cannot turn the check off.
#[cfg(feature = "auth")]
pub fn auth_basic(value: &Value) -> Result<Option<(Template, PathBuf)>, String> {
    match (value.word(0), value.word(1), value.words.len()) {
        (Some("off"), None, 1) => Ok(None),
        (Some(_), Some(""), 2) => Err("a path may not be empty".into()),
        (Some(realm), Some(file), 2) => Ok(Some((template(value, realm)?, PathBuf::from(file)))),
        (Some(_), Some(_), _) => {
            Err("takes a realm and a file; put quotes round a realm with blanks".into())
        }
        _ => Err(
            "needs a realm and a file, or off (example: '\"at home\" /etc/scgate.htpasswd')".into(),
        ),
    }
}

/// Nothing here could check a password, and to let everybody in is not what was asked for. `off` asks for nothing, and
/// stands in the listing of `-T`.
#[cfg(not(feature = "auth"))]
pub fn auth_basic(value: &Value) -> Result<Option<(Template, PathBuf)>, String> {
    match value.one() {
        Ok("off") => Ok(None),
        _ => Err(super::left_out("auth")),
    }
}

/// `--auto-redirect`.
pub fn auto_redirect(value: &Value) -> Result<AutoRedirect, String> {
    match value.one()? {
        "on" => Ok(AutoRedirect::On),
        "off" => Ok(AutoRedirect::Off),
        "default" => Ok(AutoRedirect::Default),
        other => Err(named(other, "is not on, off or default")),
    }
}

/// `--real-ip-from`: as `--allow`, but nobody believes everyone by a word.
pub fn peer(value: &Value) -> Result<Who, String> {
    let text = value.one()?;
    match parse_who(text) {
        Ok(Who::All) => {
            Err("all would believe every client; name the addresses of your proxies".into())
        }
        Ok(who) => Ok(who),
        Err(why) => Err(why.replace(", all)", ")")),
    }
}

/// `--real-ip-header`.
pub fn real_ip_header(value: &Value) -> Result<RealIpHeader, String> {
    Ok(match field(value.one()?)?.as_str() {
        "proxy_protocol" => RealIpHeader::ProxyProtocol,
        name => RealIpHeader::Field(name.to_owned()),
    })
}
