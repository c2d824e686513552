//! `--probe`: the command line of one that asks an application instead of serving it.

use std::path::Path;
use std::time::Duration;

use crate::config::BindTo;
use crate::config::address::{Destination, destination};
use crate::probe::{self, Plan};
use crate::template::Template;

use super::resolve::{self, Remarks};
use super::scopes::{Tree, complain};
use super::settings::PassSpec;
use super::words::{Value, shell_quote};
use super::{Action, fail};

/// What may stand beside it: what says how the application is reached and what it is told.
const BESIDE: [&str; 6] = [
    "bind",
    "connect-timeout",
    "default-params",
    "param",
    "path-info",
    "read-timeout",
];

/// Shorter than those of a gateway: somebody sits and waits.
const CONNECTING: Duration = Duration::from_secs(3);
const READING: Duration = Duration::from_secs(5);

/// The plan of a command line that has `--probe`.
pub fn action(mut tree: Tree, demo_socket: &Path) -> Action {
    let mut errors = std::mem::take(&mut tree.errors);
    errors.extend(strangers(&tree));
    let raw = tree.commands.iter().find(|(name, _)| *name == "probe");
    let raw = raw.and_then(|(_, raw)| raw.clone()).unwrap_or_default();
    let target = match target(&raw) {
        Ok(target) => target,
        Err(why) => {
            errors.push(complain("probe", Some(&raw), &why));
            return fail(&errors);
        }
    };
    match plan(tree, demo_socket, target, &mut errors) {
        Some(plan) if errors.is_empty() => Action::Probe(Box::new(plan)),
        _ => fail(&errors),
    }
}

/// Complaints about flags that mean nothing to it.
fn strangers(tree: &Tree) -> Vec<String> {
    let said = tree.http.said.iter().map(|said| said.flag.long);
    let commands = tree.commands.iter().map(|(name, _)| *name);
    let scopes = tree.servers.iter().flat_map(|server| {
        let names = server.names.iter().map(|_| "server");
        let opened = server
            .locations
            .iter()
            .filter_map(|location| location.opened.as_ref());
        names.chain(opened.map(|_| "location"))
    });
    let mut errors = Vec::new();
    for name in said.chain(commands).chain(scopes) {
        let why = format!(
            "does not go together with --{name} (--{} do)",
            BESIDE.join(", --")
        );
        let why = complain("probe", None, &why);
        if name != "probe" && !BESIDE.contains(&name) && !errors.contains(&why) {
            errors.push(why);
        }
    }
    if tree
        .commands
        .iter()
        .filter(|(name, _)| *name == "probe")
        .count()
        > 1
    {
        errors.push(complain("probe", None, "given twice"));
    }
    errors
}

/// Where the application is, as given and as understood, and the URI.
type Target = (String, Destination, String);

fn target(raw: &str) -> Result<Target, String> {
    let value = Value::parse(raw)?;
    let (address, uri) = match (value.word(0), value.word(1), value.words.len()) {
        (Some(address), None, 1) => (address, "/"),
        (Some(address), Some(uri), 2) => (address, uri),
        _ => return Err("needs an address, and may have a URI after it".into()),
    };
    let to = destination(address)?;
    let good = uri.starts_with('/') && probe::request("GET", uri, false, 0).is_some();
    match good {
        true => Ok((address.to_owned(), to, uri.to_owned())),
        false => Err(format!(
            "\"{uri}\" is not the path of a request (examples: /, /RPC2, /search?q=x)"
        )),
    }
}

/// Resolves the rest as if it were the command line of a gateway in front of the application.
fn plan(
    mut tree: Tree,
    demo_socket: &Path,
    (address, to, uri): Target,
    errors: &mut Vec<String>,
) -> Option<Plan> {
    let said = tree.http.said.iter();
    let others = said.map(|said| format!("--{} {}", said.flag.long, shell_quote(&said.value.raw)));
    let others: Vec<String> = others.collect();
    let settings = &mut tree.http.settings;
    let patient = settings.read_timeout.is_some();
    settings.connect_timeout.get_or_insert(CONNECTING);
    settings.read_timeout.get_or_insert(READING);
    // Not an address, which would be looked up here, and whose failure is to be told otherwise.
    settings.pass = Some(PassSpec::Template(Template::text(address.as_bytes())));
    if let Some(Some(bind)) = &settings.bind
        && matches!(bind.address, BindTo::Template(_))
    {
        errors.push(complain("bind", None, "needs a fixed address with --probe"));
    }
    if !errors.is_empty() {
        return None;
    }
    let mut remarks = Remarks::default();
    let config = resolve::resolve(&tree, demo_socket, &mut remarks);
    errors.append(&mut remarks.errors);
    Some(Plan {
        config: Box::new(config),
        to,
        pass: format!("--pass {}", shell_quote(&address)),
        address,
        uri,
        patient,
        others,
    })
}
