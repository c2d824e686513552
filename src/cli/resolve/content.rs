//! What a server or a location answers with besides an application's responses, and whom it believes.

use crate::cli::scopes::{LocationScope, Scope, ServerScope, complain};
use crate::cli::settings::{AutoRedirect, Chain, StatusSpec};
use crate::cli::words::printable;
use crate::config::access::AccessRules;
use crate::config::content::{Content, PageTarget, RealIp, RealIpHeader};
use crate::config::{Handler, Match, Pass};
use crate::http::uri;

use super::Remarks;

/// The settings that hold at one place.
pub fn content(chain: &Chain) -> Content {
    let pages = chain.list(|s| &s.error_pages);
    Content {
        root: chain.get(|s| &s.root).cloned(),
        error_pages: pages.iter().map(|(page, _)| page.clone()).collect(),
        add_headers: chain.list(|s| &s.add_headers).to_vec(),
        default_type: chain.or(|s| &s.default_type, "text/plain".into()),
    }
}

/// The named locations of error pages must be in the server that uses them.
pub fn check_pages(chain: &Chain, server: &ServerScope, remarks: &mut Remarks) {
    for (page, raw) in chain.list(|s| &s.error_pages) {
        let PageTarget::Named(name) = &page.target else {
            continue;
        };
        let known = |location: &LocationScope| matches!(&location.matching, Match::Named(known) if known == name);
        if !server.locations.iter().any(known) {
            let place = server.names.as_ref().map_or(String::new(), |names| {
                format!(" in --server '{}'", names.raw)
            });
            let why = format!("there is no --location {name}{place}");
            remarks.error(complain("error-page", Some(raw), &why));
        }
    }
}

/// Whom the server believes about the client's address; nobody unless `--real-ip-from` says so.
pub fn real_ip(chain: &Chain, remarks: &mut Remarks) -> Option<RealIp> {
    let from = chain.list(|s| &s.real_ip_from).to_vec();
    let header = chain.get(|s| &s.real_ip_header).cloned();
    if from.is_empty() {
        if header.is_some() {
            let why = "has no effect without --real-ip-from";
            remarks.warn(complain("real-ip-header", None, why));
        }
        return None;
    }
    Some(RealIp {
        from,
        header: header.unwrap_or_else(|| RealIpHeader::Field("x-real-ip".into())),
    })
}

/// The status page that a location asks for.
pub fn status(chain: &Chain) -> Option<Handler> {
    match chain.get(|s| &s.status)? {
        StatusSpec::Off => None,
        StatusSpec::On => Some(Handler::Status { writable: false }),
        StatusSpec::Writable => Some(Handler::Status { writable: true }),
    }
}

/// Changes are let in by `--allow` alone, never by the want of rules.
pub fn warn_of_writable(
    handler: &Handler,
    access: &AccessRules,
    place: &str,
    remarks: &mut Remarks,
) {
    let allows = access.rules.iter().any(|(allow, _)| *allow);
    if matches!(handler, Handler::Status { writable: true }) && !allows {
        let why = format!("no --allow holds{place}, so nobody may change anything");
        remarks.warn(complain("status", Some("writable"), &why));
    }
}

/// `--alias` stands for what a location matches, so it must match something.
pub fn check_alias(location: &LocationScope, remarks: &mut Remarks) {
    if let (Match::Named(name), Some(raw)) = (&location.matching, raw(&location.scope, "alias")) {
        let why = format!("{name} has no path that the directory could stand for; use --root");
        remarks.error(complain("alias", Some(raw), &why));
    }
}

fn raw<'a>(scope: &'a Scope, flag: &str) -> Option<&'a str> {
    let said = scope.said.iter().find(|said| said.flag.long == flag)?;
    Some(&said.value.raw)
}

/// Whether the path without its last slash is redirected (K20, K21).
pub fn adds_slash(
    chain: &Chain,
    location: &LocationScope,
    handler: &Handler,
    remarks: &mut Remarks,
) -> bool {
    let (slash, path) = match &location.matching {
        Match::Prefix(path) => (path.ends_with('/'), path),
        Match::Exact(path) | Match::Named(path) => (false, path),
    };
    let wanted = match chain.or(|s| &s.auto_redirect, AutoRedirect::Default) {
        AutoRedirect::Off => false,
        AutoRedirect::On if slash => true,
        AutoRedirect::On => {
            let why = format!("the location {path} is not a prefix that ends in a slash");
            remarks.error(complain("auto-redirect", Some("on"), &why));
            false
        }
        AutoRedirect::Default => {
            matches!(handler, Handler::Scgi(scgi) if matches!(scgi.pass, Pass::Group(_)))
        }
    };
    // No path is shorter than `/`.
    wanted && slash && path.len() > 1
}

/// Paths are compared decoded, with single slashes and without dots: nothing else is ever met.
pub fn warn_of_unmet(location: &LocationScope, remarks: &mut Remarks) {
    let (Match::Prefix(path) | Match::Exact(path), Some(opened)) =
        (&location.matching, &location.opened)
    else {
        return;
    };
    // A prefix may end within a segment: /. is for files whose names begin with a dot.
    let last = path.rsplit('/').next().unwrap_or_default();
    if matches!(location.matching, Match::Prefix(_)) && matches!(last, "." | "..") {
        return;
    }
    if let Ok(Some(met)) = uri::normalise(path.as_bytes()) {
        let why = format!(
            "no request is met by it, for paths are compared decoded and without //, . and ..; did you mean {}?",
            printable(&String::from_utf8_lossy(&met))
        );
        remarks.warn(complain("location", Some(&opened.raw), &why));
    }
}
