//! `-T`: the settings that hold in every scope, as flags with their origin.

use crate::config::content::InternalRedirect;
use crate::config::{Client, Config, Handler, Location, Scgi, Server};

use super::resolve::PAGE;
use super::scopes::{self, LocationScope, Said, Scope, ServerScope, Step, Tree};
use super::settings::Settings;
use super::table::{self, Flag, Role, Topic};
use super::words::shell_quote;

const HEAD: &str = concat!(
    "# scgate ",
    env!("CARGO_PKG_VERSION"),
    ": every setting that holds, with its origin.\n\
     # In a shell with arrays: flags=( ... these lines ... ); scgate \"${flags[@]}\"\n"
);

/// A level with its name, innermost first in a list of them.
type Level<'a> = (&'a Scope, &'static str);

/// The whole listing.
pub fn print(tree: &Tree, config: &Config) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\n# the process\n");
    let http: Level = (&tree.http, "http");
    let process = |flag: &Flag| flag.levels.http && !flag.levels.server && !flag.levels.location;
    section(&mut out, &[http], 0, process, &|_| None);
    for (server, resolved) in tree.servers.iter().zip(&config.servers) {
        print_server(&mut out, server, resolved, http);
        for (location, resolved) in server.locations.iter().zip(&resolved.locations) {
            print_location(
                &mut out,
                server,
                location,
                resolved,
                http,
                config.process.demo,
            );
        }
    }
    out
}

fn print_server(out: &mut String, server: &ServerScope, resolved: &Server, http: Level) {
    out.push('\n');
    match &server.names {
        Some(names) => line(
            out,
            &format!("--server {}", shell_quote(&names.raw)),
            "given",
        ),
        None => out.push_str("# the server that answers to every name\n"),
    }
    let own = usize::from(server.names.is_none());
    // What holds before a request has a location; where the location is implicit, its own line says the same.
    let explicit = server
        .locations
        .iter()
        .any(|location| location.opened.is_some());
    let general = [
        "keepalive-timeout",
        "keepalive-requests",
        "root",
        "error-page",
        "add-header",
        "default-type",
        "temp-path",
    ];
    let early = |flag: &Flag| match flag.long {
        "return" => resolved.answer.is_some(),
        name => explicit && (name.starts_with("client-") || general.contains(&name)),
    };
    let wanted = |flag: &Flag| flag.levels.server && (!flag.levels.location || early(flag));
    section(
        out,
        &[(&server.scope, "server"), http],
        own,
        wanted,
        &|flag| match flag.long {
            "temp-path" => Some(temp_path(&resolved.client)),
            // Alone it means nothing, and would be warned of.
            "real-ip-header" if resolved.real_ip.is_none() => Some(Default::default()),
            _ => None,
        },
    );
}

fn print_location(
    out: &mut String,
    server: &ServerScope,
    location: &LocationScope,
    resolved: &Location,
    http: Level,
    demo: bool,
) {
    match &location.opened {
        Some(opened) => line(
            out,
            &format!("--location {}", shell_quote(&opened.raw)),
            "given",
        ),
        None => out.push_str("# the location /\n"),
    }
    let own = match (&location.opened, &server.names) {
        (Some(_), _) => 0,
        (None, Some(_)) => 1,
        (None, None) => 2,
    };
    let scgi = match &resolved.handler {
        Handler::Scgi(scgi) => Some(&**scgi),
        Handler::Files | Handler::Return(_) | Handler::Status { .. } => None,
    };
    if demo && scgi.is_some() {
        out.push_str("# passed to the built-in application\n");
    }
    let aliased = matches!(&resolved.content.root, Some(root) if root.alias);
    let wanted = |flag: &Flag| {
        flag.levels.location
            && match (flag.topic, flag.long) {
                (_, "pass") => !demo,
                // That of the implicit location is the server's.
                (_, "return") => location.opened.is_some(),
                (_, "root") => !aliased,
                (_, "temp-path") => true,
                (Topic::Scgi | Topic::Params | Topic::Response, _) => scgi.is_some(),
                (Topic::Buffers | Topic::Failover | Topic::Cache, _) => scgi.is_some(),
                _ => true,
            }
    };
    let levels = [
        (&location.scope, "location"),
        (&server.scope, "server"),
        http,
    ];
    let handler = |flag: &Flag| matches!(flag.long, "pass" | "return");
    // Only the implicit location takes its handler from a level outside.
    let own_levels = if location.opened.is_some() {
        &levels[..1]
    } else {
        &levels[..]
    };
    section(
        out,
        own_levels,
        own,
        |flag| handler(flag) && wanted(flag),
        &|_| None,
    );
    section(
        out,
        &levels,
        own,
        |flag| !handler(flag) && wanted(flag),
        &|flag| effective(flag, resolved, scgi),
    );
}

/// One line for each value of each wanted flag. `own`: the index of the level that the scope itself stands for.
fn section(
    out: &mut String,
    levels: &[Level],
    own: usize,
    wanted: impl Fn(&Flag) -> bool,
    effective: &dyn Fn(&Flag) -> Option<(String, &'static str)>,
) {
    let steps = scopes::steps(levels.iter().map(|(scope, _)| *scope));
    let cgi = levels.iter().any(|(scope, _)| scope.settings.cgi);
    for flag in table::listed().filter(|flag| matches!(flag.role, Role::Set(_)) && wanted(flag)) {
        if cgi && !flag.goes_with_cgi() {
            continue;
        }
        // The two share one list, in which order matters: both are printed where the first stands.
        if flag.long == "deny" {
            continue;
        }
        let belongs = |said: &&Said| {
            said.flag.long == flag.long || (flag.long == "allow" && said.flag.long == "deny")
        };
        let found = steps
            .iter()
            .position(|step| step.scope.said.iter().any(|said| belongs(&said)))
            .and_then(|at| steps.split_at_checked(at))
            .filter(|(inner, _)| !is_switched_off(flag, inner))
            .and_then(|(_, outer)| outer.first());
        let Some(step) = found else {
            unset(out, flag, effective);
            continue;
        };
        let origin = match (step.preset, levels.get(step.level)) {
            (Some(preset), _) => format!("preset {}", preset.name),
            (None, Some((_, name))) if step.level > own => format!("inherited from {name}"),
            _ => "given".to_owned(),
        };
        for said in step.scope.said.iter().filter(belongs) {
            line(out, &written(said), &origin);
        }
    }
}

/// C11: what an outer level says does not hold where one further in has the other of the two on.
fn is_switched_off(flag: &Flag, inner: &[Step]) -> bool {
    let mut settings = inner.iter().map(|step| &step.scope.settings);
    match flag.long {
        "cache" => settings.any(Settings::stores),
        "store" => settings.any(Settings::caches),
        _ => false,
    }
}

fn unset(
    out: &mut String,
    flag: &Flag,
    effective: &dyn Fn(&Flag) -> Option<(String, &'static str)>,
) {
    let (value, origin) = effective(flag).unwrap_or_else(|| (flag.default.to_owned(), "default"));
    match (value.is_empty(), flag.takes_value()) {
        (true, true) => out.push_str(&format!("# --{}: none\n", flag.long)),
        (true, false) => out.push_str(&format!("# --{}: no\n", flag.long)),
        _ => line(
            out,
            &format!("--{} {}", flag.long, shell_quote(&value)),
            origin,
        ),
    }
}

fn written(said: &Said) -> String {
    match said.flag.takes_value() {
        true => format!("--{} {}", said.flag.long, shell_quote(&said.value.raw)),
        false => format!("--{}", said.flag.long),
    }
}

fn line(out: &mut String, text: &str, origin: &str) {
    out.push_str(&format!("{text:<44} # {origin}\n"));
}

/// A word as it must stand in a value.
pub(super) fn quoted(word: &str) -> String {
    let special = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
    match word.contains(special) {
        true => format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        false => word.to_owned(),
    }
}

/// The default of `--temp-path` as it is in this environment.
fn temp_path(client: &Client) -> (String, &'static str) {
    let dir = client.temp.dir.to_string_lossy();
    (quoted(&dir), "default")
}

/// Values that the table cannot know: they follow from other settings or from the environment.
fn effective(
    flag: &Flag,
    location: &Location,
    scgi: Option<&Scgi>,
) -> Option<(String, &'static str)> {
    if flag.long == "temp-path" {
        return Some(temp_path(&location.client));
    }
    let scgi = scgi?;
    let page = PAGE as u64;
    let sized = |value: u64, default: u64| {
        (
            size(value),
            if value == default {
                "default"
            } else {
                "derived"
            },
        )
    };
    Some(match flag.long {
        "buffer-size" => sized(scgi.buffer_size as u64, page),
        "busy-buffers-size" => sized(scgi.busy_buffers_size as u64, 2 * page),
        "temp-file-write-size" => sized(scgi.temp_file_write_size as u64, 2 * page),
        "max-temp-file-size" => sized(scgi.max_temp_file_size, 1 << 30),
        "buffers" => {
            let (text, origin) = sized(scgi.buffers_size as u64, page);
            (format!("{} {text}", scgi.buffers), origin)
        }
        "internal-redirect" if scgi.internal_redirect == InternalRedirect::Off => {
            ("off".into(), "default")
        }
        "cache-targeted" => (scgi.cache.as_ref()?.targeted.join(" "), "default"),
        _ => return None,
    })
}

/// The shortest way to write a size.
fn size(bytes: u64) -> String {
    match bytes {
        b if b > 0 && b % (1 << 20) == 0 => format!("{}m", b >> 20),
        b if b > 0 && b % (1 << 10) == 0 => format!("{}k", b >> 10),
        b => b.to_string(),
    }
}
