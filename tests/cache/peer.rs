//! The same cases against nginx: its directives are our flags with other names.

use std::fmt::Write as _;

use crate::common::Temp;
use crate::common::nginx::Nginx;

const PARAMS: &str = "scgi_param SCGI 1;
    scgi_param REQUEST_METHOD $request_method; scgi_param REQUEST_URI $request_uri;
    scgi_param QUERY_STRING $query_string; scgi_param DOCUMENT_URI $document_uri;";

/// Whether the tests run against nginx.
pub fn is_nginx() -> bool {
    std::env::var_os("SCGATE_TEST_PEER").is_some_and(|peer| peer == "nginx")
}

/// nginx with the same cache and flags.
#[track_caller]
pub fn start(dir: &Temp, app: &str, zone: &str, flags: &[&str]) -> Nginx {
    let cache = dir.file("cache");
    let content = server(app, flags);
    Nginx::start(|listen| {
        format!(
            "scgi_cache_path {cache} keys_zone=z:1m {zone};
             scgi_cache_key $scheme://$host$request_uri; scgi_cache z; {PARAMS}
             server {{ listen {listen}; {content} }}"
        )
    })
    .expect("nginx")
}

/// The content of the server block: what stands before the first `--location`, then a block for each.
fn server(app: &str, flags: &[&str]) -> String {
    let (mut outer, mut blocks) = (String::new(), String::new());
    let mut root = true;
    let mut words = flags.iter();
    while let Some(flag) = words.next() {
        let value = match *flag {
            "--internal" => "",
            _ => words.next().copied().unwrap_or_default(),
        };
        let directive = match *flag {
            // Each location has it.
            "--pass" => continue,
            "--location" => {
                let close = if blocks.is_empty() { "" } else { "}\n" };
                let _ = writeln!(blocks, "{close}location {value} {{ scgi_pass {app};");
                root &= value != "/";
                continue;
            }
            "--internal" => "internal".to_owned(),
            "--add-header" => "add_header".to_owned(),
            // The value is in the words of ours.
            "--map" | "--log-format" | "--access-log" | "--workers" => continue,
            "--root" => "root".to_owned(),
            other => format!("scgi_{}", other.trim_start_matches('-').replace('-', "_")),
        };
        let line = match directive.as_str() {
            "internal" => "internal;\n".to_owned(),
            _ => format!("{directive} {value};\n"),
        };
        match blocks.is_empty() {
            true => outer += &line,
            false => blocks += &line,
        }
    }
    let close = if blocks.is_empty() { "" } else { "}\n" };
    let root = match root {
        true => format!("location / {{ scgi_pass {app}; }}\n"),
        false => String::new(),
    };
    format!("add_header X-Cache $upstream_cache_status always;\n{outer}{blocks}{close}{root}")
}
