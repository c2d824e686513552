//! The parameters of a location: the standard set, and what `--param` adds or replaces.

use crate::cli::scopes::{LocationScope, complain};
use crate::cli::settings::Chain;
use crate::config::PathInfo;
use crate::scgi::request::Param;
use crate::template::{Template, Var};

use super::Remarks;

/// The list in order of sending, each name once.
pub fn list(chain: &Chain, path_info: &PathInfo, remarks: &mut Remarks) -> Vec<Param> {
    let mut list = match chain.or(|s| &s.default_params, true) {
        true => standard(path_info, chain.cgi() || asks_password(chain)),
        false => Vec::new(),
    };
    let own = unique(chain.list(|s| &s.params), remarks);
    for param in own {
        match list.iter_mut().find(|known| known.name == param.name) {
            Some(known) => *known = param,
            None => list.push(param),
        }
    }
    list
}

/// Whether a location asks for a password itself.
pub fn asks_password(chain: &Chain) -> bool {
    matches!(chain.get(|s| &s.auth_basic), Some(Some(_)))
}

/// Names that were given twice: the last one holds, at the first one's place (Z2).
fn unique(given: &[Param], remarks: &mut Remarks) -> Vec<Param> {
    let mut list: Vec<Param> = Vec::with_capacity(given.len());
    for param in given {
        match list.iter_mut().find(|known| known.name == param.name) {
            Some(known) => {
                let why = "given more than once on one level; the last one holds";
                remarks.warn(complain("param", Some(&param.name), why));
                *known = param.clone();
            }
            None => list.push(param.clone()),
        }
    }
    list
}

/// The standard set in the order of the manual; those that are marked are left out when they are empty.
static STANDARD: [(&str, Var, bool); 17] = [
    ("REQUEST_METHOD", Var::UpstreamRequestMethod, false),
    ("REQUEST_URI", Var::RequestUri, false),
    ("QUERY_STRING", Var::Args, false),
    ("CONTENT_TYPE", Var::ContentType, false),
    ("DOCUMENT_URI", Var::DocumentUri, false),
    ("DOCUMENT_ROOT", Var::DocumentRoot, false),
    ("SERVER_PROTOCOL", Var::ServerProtocol, false),
    ("REQUEST_SCHEME", Var::Scheme, false),
    ("HTTPS", Var::Https, true),
    ("REMOTE_ADDR", Var::RemoteAddr, false),
    ("REMOTE_PORT", Var::RemotePort, false),
    ("SERVER_ADDR", Var::ServerAddr, false),
    ("SERVER_PORT", Var::ServerPort, false),
    ("SERVER_NAME", Var::ServerName, false),
    ("SCRIPT_NAME", Var::ScriptName, false),
    ("PATH_INFO", Var::PathInfo, false),
    ("REMOTE_USER", Var::AuthUser, true),
];

/// What is the same in every request; stands before REMOTE_USER.
static FIXED: [(&str, &str); 2] = [
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    (
        "SERVER_SOFTWARE",
        concat!("scgate/", env!("CARGO_PKG_VERSION")),
    ),
];

/// The standard set. AUTH_TYPE goes with REMOTE_USER (RFC 3875 4.1.1) where `knows_users`: a password is asked for, or a server in
/// front may have asked.
pub fn standard(path_info: &PathInfo, knows_users: bool) -> Vec<Param> {
    let mut list = Vec::with_capacity(STANDARD.len() + FIXED.len());
    let mut push = |name: &str, value: Template, if_not_empty: bool| {
        list.push(Param {
            name: name.into(),
            value,
            if_not_empty,
        });
    };
    for (name, var, if_not_empty) in &STANDARD {
        match var {
            Var::ScriptName | Var::PathInfo if *path_info == PathInfo::Off => continue,
            Var::AuthUser => {
                for (name, text) in FIXED {
                    push(name, Template::text(text.as_bytes()), false);
                }
            }
            _ => {}
        }
        push(name, Template::var(var.clone()), *if_not_empty);
    }
    if knows_users {
        push("AUTH_TYPE", Template::var(Var::AuthType), true);
    }
    list
}

/// One parameter at an inner level discards every one from outside (P13, Z9); few expect it.
pub fn warn_of_discarded(chain: &Chain, location: &LocationScope, remarks: &mut Remarks) {
    let mut levels = chain
        .0
        .iter()
        .map(|level| &level.params)
        .filter(|list| !list.is_empty());
    let (Some(inner), Some(outer)) = (levels.next(), levels.next()) else {
        return;
    };
    let lost: Vec<&str> = outer
        .iter()
        .filter(|param| !inner.iter().any(|known| known.name == param.name))
        .map(|param| &*param.name)
        .collect();
    if lost.is_empty() {
        return;
    }
    let place = location.opened.as_ref().map_or("/", |opened| &opened.raw);
    let why = format!(
        "its --param flags discard those of the level outside it: {}",
        lost.join(", ")
    );
    remarks.warn(complain("location", Some(place), &why));
}
