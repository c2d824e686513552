//! `--preset`: what each stands for, and what goes before what.

use std::time::Duration;

use super::print::{holds_again, listing};
use super::*;
use crate::cli::presets::PRESETS;
use crate::config::content::InternalRedirect;
use crate::config::{Ignore, PathInfo};

/// The lines of the listing that stand in one location, in which an origin is a preset.
fn from_preset(args: &[&str], location: &str) -> Vec<String> {
    let (_, text) = listing(args);
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("--location ") || line.starts_with("# the location") {
            inside = line.starts_with(&format!("--location {location} "));
        }
        if let Some((flag, _)) = line.split_once("# preset ").filter(|_| inside) {
            lines.push(flag.trim_end().to_owned());
        }
    }
    lines.sort_unstable();
    lines
}

#[test]
fn every_preset_is_listed_with_all_its_flags() {
    for preset in &PRESETS {
        let args = ["--location", "/a", P, "--preset", preset.name];
        let mut expected: Vec<String> = preset
            .flags
            .iter()
            .map(|(long, raw)| format!("--{long} {}", crate::cli::words::shell_quote(raw)))
            .collect();
        expected.sort_unstable();
        assert_eq!(from_preset(&args, "/a"), expected, "{}", preset.name);
        let (_, text) = listing(&args);
        assert_eq!(
            text.matches(&format!("# preset {}\n", preset.name)).count(),
            expected.len()
        );
        holds_again(&args);
    }
}

#[test]
fn every_preset_means_what_the_manual_says() {
    let (config, _) = ok(&[P, "--preset", "rtorrent"]);
    let place = location(&config, 0, 0);
    assert_eq!(place.client.max_body_size, 16 << 20);
    assert!(scgi(place).request_buffering && scgi(place).buffering);
    let max = |scgi: &Scgi, text| format!("{:?}", scgi.params).contains(text);
    assert!(max(
        scgi(place),
        "max: Some(ParamsMax { size: 2000, trim: true })"
    ));

    let uwsgi = one(&["--preset", "uwsgi"]);
    assert!(max(
        &uwsgi,
        "max: Some(ParamsMax { size: 4000, trim: false })"
    ));
    assert_eq!(uwsgi.internal_redirect, InternalRedirect::Off);

    let (config, _) = ok(&[P, "--preset", "fossil"]);
    let place = location(&config, 0, 0);
    assert_eq!(place.client.max_body_size, 100 << 20);
    assert_eq!(scgi(place).read_timeout, Duration::from_secs(600));
    assert_eq!(scgi(place).path_info, PathInfo::On);

    // All that is said further out does not hold.
    let (config, _) = ok(&[
        "--default-params",
        "off",
        "--pass-request-body",
        "off",
        "--path-info",
        "off",
        "--internal-redirect",
        "off",
        "--sendfile",
        "on",
        "--sendfile-root",
        "/srv",
        "--location",
        "/cgi-bin/",
        "--preset",
        "cgi",
        P,
    ]);
    let cgi = scgi(location(&config, 0, 0));
    assert!(cgi.pass_request_body && cgi.sendfile.is_none());
    assert_eq!(cgi.path_info, PathInfo::On);
    assert_eq!(cgi.internal_redirect, InternalRedirect::Location);
    assert_ne!(cgi.ignore, Ignore::default());
    assert!(!cgi.params.list().is_empty());
}

/// Read timeouts in seconds of the location /a, where `http`, `server` and `location` stand at their levels.
fn timeout(http: &[&str], server: &[&str], place: &[&str]) -> u64 {
    let mut args = http.to_vec();
    args.extend(["--server", "x"]);
    args.extend(server);
    args.extend(["--location", "/a", P]);
    args.extend(place);
    scgi(location(&config(&args), 0, 0)).read_timeout.as_secs()
}

#[test]
fn what_is_nearer_goes_first_and_beside_a_preset_what_is_said_itself() {
    const FOSSIL: &[&str] = &["--preset", "fossil"];
    const OTHER: &[&str] = &["--preset", "rtorrent"];
    const FIVE: &[&str] = &["--read-timeout", "5s"];
    const SEVEN: &[&str] = &["--read-timeout", "7s"];
    const BOTH: &[&str] = &["--read-timeout", "5s", "--preset", "fossil"];
    const BOTH_TURNED: &[&str] = &["--preset", "fossil", "--read-timeout", "5s"];
    const NONE: &[&str] = &[];
    for (http, server, place, seconds) in [
        (NONE, NONE, NONE, 60),
        // Inherited like a flag.
        (FOSSIL, NONE, NONE, 600),
        (NONE, FOSSIL, NONE, 600),
        (NONE, NONE, FOSSIL, 600),
        // On one level, in either order.
        (NONE, NONE, BOTH, 5),
        (NONE, NONE, BOTH_TURNED, 5),
        (BOTH, NONE, NONE, 5),
        // Further in than the preset.
        (FOSSIL, NONE, FIVE, 5),
        (FOSSIL, FIVE, NONE, 5),
        (NONE, FOSSIL, FIVE, 5),
        // Further out than the preset.
        (FIVE, NONE, FOSSIL, 600),
        (FIVE, FOSSIL, NONE, 600),
        (NONE, FIVE, FOSSIL, 600),
        (FIVE, FOSSIL, SEVEN, 7),
        // An inner preset takes the place of an outer one, but not of what is said itself further out.
        (FOSSIL, NONE, OTHER, 60),
        (FOSSIL, OTHER, NONE, 60),
        (OTHER, NONE, FOSSIL, 600),
        (OTHER, FOSSIL, NONE, 600),
        (BOTH, NONE, OTHER, 5),
        (FIVE, FOSSIL, OTHER, 5),
    ] {
        let got = timeout(http, server, place);
        assert_eq!(got, seconds, "{http:?} {server:?} {place:?}");
    }
}

#[test]
fn a_preset_holds_for_the_places_of_its_level_alone() {
    let args = [
        "--read-timeout",
        "9s",
        "--location",
        "/a",
        "--preset",
        "fossil",
        "--pass",
        "unix:/fossil",
        "--location",
        "/b",
        P,
    ];
    let (config, _) = ok(&args);
    assert_eq!(
        scgi(location(&config, 0, 0)).read_timeout,
        Duration::from_secs(600)
    );
    assert_eq!(
        scgi(location(&config, 0, 1)).read_timeout,
        Duration::from_secs(9)
    );
    assert!(from_preset(&args, "/b").is_empty());
    holds_again(&args);
}

#[test]
fn the_listing_tells_a_preset_from_what_is_given() {
    let args = [
        "--preset",
        "uwsgi",
        "--params-max",
        "8k",
        "--location",
        "/a",
        P,
        "--internal-redirect",
        "on",
    ];
    assert_eq!(from_preset(&args, "/a"), ["--path-info on"]);
    let (_, text) = listing(&args);
    for line in [
        format!("{:<44} # inherited from http\n", "--preset uwsgi"),
        format!("{:<44} # inherited from http\n", "--params-max 8k"),
        format!("{:<44} # given\n", "--internal-redirect on"),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    holds_again(&args);
    // The inner one alone is spoken of.
    let args = [
        "--preset",
        "fossil",
        "--location",
        "/a",
        P,
        "--preset",
        "uwsgi",
    ];
    let (_, text) = listing(&args);
    let (_, place) = text.split_once("--location /a").expect("the location");
    assert!(!place.contains("fossil"), "{text}");
    holds_again(&args);
}

#[test]
fn odd_presets_are_refused() {
    assert_eq!(
        error(&[P, "--preset", "nginx"]),
        "--preset 'nginx': \"nginx\" is not rtorrent, uwsgi, fossil or cgi"
    );
    assert_eq!(error(&[P, "--preset", ""]), "--preset '': needs a value");
    assert!(error(&[P, "--preset", "cgi uwsgi"]).contains("takes one word"));
    assert_eq!(
        error(&[P, "--preset", "cgi", "--preset", "uwsgi"]),
        "--preset 'uwsgi': given twice on one level (first 'cgi')"
    );
    assert_eq!(
        error(&[P, "--preset"]),
        "--preset: needs a value (rtorrent|uwsgi|fossil|cgi)"
    );
}
