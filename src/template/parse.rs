//! From the text of a template to its parts.
//!
//! A variable is `$name` or `${name}`, its name letters, digits and `_`, compared without case as in nginx. There is
//! no escape for `$`: a dollar sign that starts no name is an error, so that a typing mistake is found at start.

use super::spelling::distance;
use super::{Part, Template, Var};

/// Why a text is not a template: a phrase that completes "… is not a template: ".
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateError(pub String);

impl std::fmt::Display for TemplateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the variable of a family from the rest of its name.
type Family = fn(Box<str>) -> Var;

/// Families: the prefix of the name, and what the rest of it selects.
const FAMILIES: [(&str, Family); 5] = [
    ("arg_", Var::Arg),
    ("cookie_", Var::Cookie),
    ("http_", Var::Http),
    ("sent_http_", Var::SentHttp),
    ("upstream_http_", Var::UpstreamHttp),
];

/// Every variable with a name of its own, sorted by name. A static, for a constant of a type with a destructor would be
/// built anew at each use.
static NAMES: [(&str, Var); 52] = [
    ("args", Var::Args),
    ("binary_remote_addr", Var::BinaryRemoteAddr),
    ("body_bytes_sent", Var::BodyBytesSent),
    ("bytes_sent", Var::BytesSent),
    ("connection", Var::Connection),
    ("connection_requests", Var::ConnectionRequests),
    ("content_length", Var::ContentLength),
    ("content_type", Var::ContentType),
    ("date", Var::Date),
    ("document_root", Var::DocumentRoot),
    ("document_uri", Var::DocumentUri),
    ("host", Var::Host),
    ("hostname", Var::Hostname),
    ("https", Var::Https),
    ("is_args", Var::IsArgs),
    ("msec", Var::Msec),
    ("original_uri", Var::OriginalUri),
    ("pid", Var::Pid),
    ("proxy_protocol_addr", Var::ProxyProtocolAddr),
    ("query_string", Var::Args),
    ("realpath_root", Var::RealpathRoot),
    ("remote_addr", Var::RemoteAddr),
    ("remote_port", Var::RemotePort),
    ("remote_user", Var::RemoteUser),
    ("request", Var::Request),
    ("request_body_file", Var::RequestBodyFile),
    ("request_completion", Var::RequestCompletion),
    ("request_filename", Var::RequestFilename),
    ("request_id", Var::RequestId),
    ("request_length", Var::RequestLength),
    ("request_method", Var::RequestMethod),
    ("request_time", Var::RequestTime),
    ("request_uri", Var::RequestUri),
    ("scheme", Var::Scheme),
    ("server_addr", Var::ServerAddr),
    ("server_name", Var::ServerName),
    ("server_port", Var::ServerPort),
    ("server_protocol", Var::ServerProtocol),
    ("status", Var::Status),
    ("time_iso8601", Var::TimeIso8601),
    ("time_local", Var::TimeLocal),
    ("upstream_addr", Var::UpstreamAddr),
    ("upstream_bytes_received", Var::UpstreamBytesReceived),
    ("upstream_bytes_sent", Var::UpstreamBytesSent),
    ("upstream_cache_status", Var::UpstreamCacheStatus),
    ("upstream_connect_time", Var::UpstreamConnectTime),
    ("upstream_header_time", Var::UpstreamHeaderTime),
    ("upstream_request_method", Var::UpstreamRequestMethod),
    ("upstream_response_length", Var::UpstreamResponseLength),
    ("upstream_response_time", Var::UpstreamResponseTime),
    ("upstream_status", Var::UpstreamStatus),
    ("uri", Var::Uri),
];

pub(super) fn parse(
    text: &str,
    map: &dyn Fn(&str) -> Option<usize>,
) -> Result<Template, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        if !before.is_empty() {
            parts.push(Part::Text(before.as_bytes().into()));
        }
        let (name, tail) = split_name(after)?;
        parts.push(Part::Var(variable(name, map)?));
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.as_bytes().into()));
    }
    Ok(Template {
        parts: parts.into(),
    })
}

/// The name at the start of what follows a `$`, and the text after it.
fn split_name(text: &str) -> Result<(&str, &str), TemplateError> {
    let braced = text.strip_prefix('{');
    let body = braced.unwrap_or(text);
    let end = body
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(body.len());
    let (name, tail) = body.split_at(end);
    if braced.is_some() {
        let Some(tail) = tail.strip_prefix('}') else {
            return Err(TemplateError(match tail.contains('}') {
                true => format!("\"${{{name}\" is followed by something other than \"}}\""),
                false => format!("\"${{{name}\" is not closed by \"}}\""),
            }));
        };
        if name.is_empty() {
            return Err(TemplateError("\"${}\" names no variable".into()));
        }
        return Ok((name, tail));
    }
    if name.is_empty() {
        return Err(TemplateError("a \"$\" starts no variable name".into()));
    }
    Ok((name, tail))
}

/// Names of our own come first, then those of `--map`, then the families, as in nginx.
fn variable(name: &str, map: &dyn Fn(&str) -> Option<usize>) -> Result<Var, TemplateError> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, var)) = NAMES.iter().find(|(known, _)| *known == lower) {
        return Ok(var.clone());
    }
    if let Some(index) = map(name).or_else(|| map(&lower)) {
        return Ok(Var::Map(index));
    }
    for (prefix, make) in FAMILIES {
        match lower.strip_prefix(prefix) {
            Some("") => {
                return Err(TemplateError(format!(
                    "\"${name}\" lacks the name after \"{prefix}\""
                )));
            }
            Some(suffix) => return Ok(make(suffix.into())),
            None => {}
        }
    }
    Err(TemplateError(match nearest(&lower) {
        Some(near) => format!("unknown variable \"${name}\" (did you mean \"${near}\"?)"),
        None => format!("unknown variable \"${name}\""),
    }))
}

/// The known name that is few enough typing mistakes away.
fn nearest(name: &str) -> Option<&'static str> {
    let limit = (name.len() / 3).clamp(1, 3);
    NAMES
        .iter()
        .map(|(known, _)| (distance(name, known), *known))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_plain(text: &str) -> Result<Vec<Part>, String> {
        parse(text, &|name| (name == "mine").then_some(7))
            .map(|t| t.parts.into_vec())
            .map_err(|e| e.0)
    }

    fn text(text: &str) -> Part {
        Part::Text(text.as_bytes().into())
    }

    #[test]
    fn text_without_a_dollar_sign_is_one_part() {
        assert_eq!(
            parse_plain("unix:/run/a.sock"),
            Ok(vec![text("unix:/run/a.sock")])
        );
        assert_eq!(parse_plain(""), Ok(vec![]));
    }

    #[test]
    fn names_stand_bare_or_in_braces() {
        assert_eq!(
            parse_plain("a$uri-${host}b$args"),
            Ok(vec![
                text("a"),
                Part::Var(Var::Uri),
                text("-"),
                Part::Var(Var::Host),
                text("b"),
                Part::Var(Var::Args)
            ])
        );
        assert_eq!(
            parse_plain("${is_args}x"),
            Ok(vec![Part::Var(Var::IsArgs), text("x")])
        );
    }

    #[test]
    fn a_second_name_gives_the_same_variable() {
        assert_eq!(parse_plain("$query_string"), Ok(vec![Part::Var(Var::Args)]));
        assert_eq!(
            parse_plain("$document_uri"),
            Ok(vec![Part::Var(Var::DocumentUri)])
        );
    }

    #[test]
    fn families_carry_the_rest_of_the_name_in_lower_case() {
        assert_eq!(
            parse_plain("$http_X_Foo"),
            Ok(vec![Part::Var(Var::Http("x_foo".into()))])
        );
        assert_eq!(
            parse_plain("$arg_q"),
            Ok(vec![Part::Var(Var::Arg("q".into()))])
        );
        assert_eq!(
            parse_plain("$cookie_SID"),
            Ok(vec![Part::Var(Var::Cookie("sid".into()))])
        );
        assert_eq!(
            parse_plain("$sent_http_etag"),
            Ok(vec![Part::Var(Var::SentHttp("etag".into()))])
        );
        assert_eq!(
            parse_plain("$upstream_http_etag"),
            Ok(vec![Part::Var(Var::UpstreamHttp("etag".into()))])
        );
        assert_eq!(parse_plain("$https"), Ok(vec![Part::Var(Var::Https)]));
        assert!(parse_plain("$http_").is_err());
    }

    #[test]
    fn names_do_not_depend_on_case() {
        assert_eq!(
            parse_plain("$Request_URI"),
            Ok(vec![Part::Var(Var::RequestUri)])
        );
    }

    #[test]
    fn a_map_gives_names() {
        assert_eq!(parse_plain("$mine"), Ok(vec![Part::Var(Var::Map(7))]));
    }

    #[test]
    fn every_name_of_the_table_is_found() {
        for (name, var) in &NAMES {
            assert_eq!(
                parse_plain(&format!("${name}")),
                Ok(vec![Part::Var(var.clone())])
            );
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_with_a_suggestion() {
        assert_eq!(
            parse_plain("$request_url"),
            Err("unknown variable \"$request_url\" (did you mean \"$request_uri\"?)".into())
        );
        assert_eq!(
            parse_plain("$zzzzzz"),
            Err("unknown variable \"$zzzzzz\"".into())
        );
    }

    #[test]
    fn a_dollar_sign_that_starts_no_name_is_an_error() {
        for bad in ["$", "a$", "$$", "$ x", "$-", "${}", "cost: 5$."] {
            assert!(parse_plain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_open_brace_is_an_error() {
        assert_eq!(
            parse_plain("${uri"),
            Err("\"${uri\" is not closed by \"}\"".into())
        );
        assert!(parse_plain("${uri x}").is_err());
    }
}
