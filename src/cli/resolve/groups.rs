//! Groups of servers: those of `--upstream`, and one for each address that `--pass` names.

use crate::cli::listen;
use crate::cli::scopes::complain;
use crate::cli::settings::{GroupRule, GroupSpec, PassSpec, Settings, UpstreamSpec};
use crate::cli::values::groups::server;
use crate::config::Pass;
use crate::config::address::{Address, Destination};
use crate::config::group::{Balance, Group, GroupServer};

use super::Remarks;

/// The groups that `--upstream` makes, in the order in which they are first met, with their names resolved.
pub fn explicit(http: &Settings, remarks: &mut Remarks) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for spec in &http.upstreams {
        let server = resolved(spec, remarks);
        match find(&groups, &spec.group).and_then(|at| groups.get_mut(at)) {
            Some(group) => group.servers.push(server),
            None => groups.push(group(&spec.group, false, server)),
        }
    }
    for (at, spec) in http.group_rules.iter().enumerate() {
        let before = http.group_rules.get(..at).unwrap_or_default();
        rule(spec, before, &mut groups, remarks);
    }
    for spec in &http.upstreams {
        if let Some(at) = find(&groups, &spec.group).and_then(|at| groups.get(at)) {
            check_server(spec, at, remarks);
        }
    }
    groups
}

fn group(name: &str, implicit: bool, server: GroupServer) -> Group {
    Group {
        name: name.to_owned(),
        implicit,
        servers: vec![server],
        balance: Balance::RoundRobin,
        sticky: None,
        health: None,
    }
}

/// The explicit group of a name, compared without regard to case (K2).
fn find(groups: &[Group], name: &str) -> Option<usize> {
    groups
        .iter()
        .position(|group| !group.implicit && group.name.eq_ignore_ascii_case(name))
}

/// A name that has no address stops the start, unless it is one that is looked up again.
fn resolved(spec: &UpstreamSpec, remarks: &mut Remarks) -> GroupServer {
    let mut server = spec.server.clone();
    match addresses(&server.destination) {
        Ok(list) => server.addresses = list,
        Err(why) if server.resolve => remarks.warn(complain(
            "upstream",
            Some(&spec.raw),
            &format!("{why}; it is tried again later"),
        )),
        Err(why) => remarks.error(complain("upstream", Some(&spec.raw), &why)),
    }
    server
}

fn addresses(destination: &Destination) -> Result<Vec<Address>, String> {
    match destination {
        Destination::Fixed(address) => Ok(vec![address.clone()]),
        Destination::Name(host, port) => {
            let list = listen::resolve(host, *port)?;
            Ok(list.into_iter().map(Address::Inet).collect())
        }
    }
}

/// Applies a `--balance`, a `--sticky` or a `--health`, of which a group has at most one each.
fn rule(spec: &GroupSpec, before: &[GroupSpec], groups: &mut [Group], remarks: &mut Remarks) {
    let (flag, name) = (spec.rule.flag(), &spec.group);
    let again =
        |other: &GroupSpec| other.rule.flag() == flag && other.group.eq_ignore_ascii_case(name);
    let why = match find(groups, name).and_then(|at| groups.get_mut(at)) {
        None => format!("there is no --upstream of a group \"{name}\""),
        Some(_) if before.iter().any(again) => {
            format!("the group \"{name}\" has a --{flag} already")
        }
        Some(group) => {
            return match &spec.rule {
                GroupRule::Balance(balance) => group.balance = balance.clone(),
                GroupRule::Sticky(sticky) => group.sticky = Some(sticky.clone()),
                GroupRule::Health(health) => group.health = Some(health.clone()),
            };
        }
    };
    remarks.error(complain(flag, Some(&spec.raw), &why));
}

/// What a server asks for must go together with its group (N35).
fn check_server(spec: &UpstreamSpec, group: &Group, remarks: &mut Remarks) {
    let (method, places) = match group.balance {
        Balance::RoundRobin | Balance::LeastConn => ("", false),
        Balance::IpHash => ("ip_hash", true),
        Balance::Hash { .. } => ("hash", true),
        Balance::Random { .. } => ("random", true),
        Balance::ByRequests | Balance::ByTraffic | Balance::ByBusyness => {
            (group.balance.name(), false)
        }
    };
    if places && spec.server.backup {
        let why = format!("backup does not go together with --balance {method}");
        remarks.error(complain("upstream", Some(&spec.raw), &why));
    }
    if !method.is_empty() && !spec.server.slow_start.is_zero() {
        // N47: it works for the two others only.
        let why = format!("slow_start has no effect with --balance {method}");
        remarks.warn(complain("upstream", Some(&spec.raw), &why));
    }
    if group.servers.iter().all(|server| server.backup) {
        remarks.error(format!(
            "--upstream: the group \"{}\" has only backup servers; at least one must not be one",
            group.name
        ));
    }
}

/// What `--pass` names. `None`: nothing, of which a remark was made.
pub fn target(groups: &mut Vec<Group>, spec: &PassSpec, remarks: &mut Remarks) -> Option<Pass> {
    match spec {
        PassSpec::Template(template) => Some(Pass::Template(template.clone())),
        PassSpec::Group(name, why) => {
            let found = find(groups, name);
            if found.is_none() {
                let hint = format!("{why}; there is no --upstream group \"{name}\"");
                remarks.error(complain("pass", Some(name), &hint));
            }
            found.map(Pass::Group)
        }
        PassSpec::Fixed(text, destination) => {
            if let Destination::Name(host, _) = destination
                && find(groups, host).is_some()
            {
                let why = format!("\"{host}\" is a group; it is named without a port");
                remarks.error(complain("pass", Some(text), &why));
                return None;
            }
            Some(implicit(groups, text, destination, remarks))
        }
    }
}

/// The group of one address, made when the text is met first.
pub fn implicit(
    groups: &mut Vec<Group>,
    text: &str,
    destination: &Destination,
    remarks: &mut Remarks,
) -> Pass {
    let known = |group: &Group| group.implicit && group.name == text;
    if let Some(index) = groups.iter().position(known) {
        return Pass::Group(index);
    }
    let mut server = server(text, destination.clone());
    match addresses(destination) {
        Ok(list) => server.addresses = list,
        Err(why) => remarks.error(complain("pass", Some(text), &why)),
    }
    groups.push(group(text, true, server));
    Pass::Group(groups.len() - 1)
}
