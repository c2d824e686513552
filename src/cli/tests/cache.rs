//! What a location does with a cache.

use super::*;
use crate::config::cache::{Cache, RuleBook, UseStale, Valid, ValidCodes, ZoneName};
use std::time::Duration;

const Z: &str = "--cache-path=/c keys_zone=z:1m";

/// The cache of the one location of a command line.
fn cache(args: &[&str]) -> Cache {
    let args: Vec<&str> = [Z, "--cache", "z"].iter().chain(args).copied().collect();
    *one(&args).cache.expect("a cache")
}

/// The caches of the locations of a command line with a zone.
fn caches(args: &[&str]) -> Vec<Option<Cache>> {
    let args: Vec<&str> = [Z].iter().chain(args).copied().collect();
    let config = config(&args);
    let locations = config.servers.iter().flat_map(|server| &server.locations);
    locations
        .map(|location| scgi(location).cache.as_deref().cloned())
        .collect()
}

fn texts(templates: &[crate::template::Template]) -> Vec<String> {
    templates.iter().map(|one| format!("{one:?}")).collect()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn valid(codes: &[u16], secs: u64) -> Valid {
    Valid {
        codes: ValidCodes::These(codes.to_vec()),
        time: Duration::from_secs(secs),
    }
}

fn any(secs: u64) -> Valid {
    Valid {
        codes: ValidCodes::Any,
        time: Duration::from_secs(secs),
    }
}

#[test]
fn nothing_is_cached_unless_a_zone_is_named() {
    assert!(one(&[]).cache.is_none() && one(&["--cache", "off"]).cache.is_none());
    assert!(one(&["--cache-valid", "1m"]).cache.is_none());
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let c = cache(&[]);
    assert!(matches!(c.zone, ZoneName::Fixed(0)));
    let key = crate::template::Template::parse("$scheme://$host$request_uri", &|_| None);
    assert_eq!(Ok(c.key), key.map_err(|error| error.0));
    assert!(c.valid.is_empty() && c.bypass.is_empty() && c.no_cache.is_empty());
    assert!(!c.post && !c.lock && !c.background_update && !c.revalidate && c.purge.is_empty());
    assert_eq!((c.min_uses, c.max_range_offset), (1, None));
    assert_eq!((c.lock_age, c.lock_timeout), (secs(5), secs(5)));
    assert_eq!(c.use_stale, UseStale::default());
    assert_eq!((c.status_name, c.rules), (None, RuleBook::Nginx));
    assert!(c.targeted.is_empty());
}

#[test]
fn every_setting_reaches_the_location() {
    let c = cache(&[
        "--cache-key",
        "$uri$is_args$args",
        "--cache-valid",
        "200 302 10m",
        "--cache-valid",
        "any 1m",
        "--cache-methods",
        "POST get",
        "--cache-min-uses",
        "3",
        "--cache-bypass",
        "$cookie_nocache $arg_nocache$arg_comment",
        "--cache-bypass",
        "$http_pragma",
        "--no-cache",
        "$upstream_http_x_private",
        "--cache-lock",
        "on",
        "--cache-lock-age",
        "7s",
        "--cache-lock-timeout",
        "0",
        "--cache-use-stale",
        "error timeout invalid_header updating http_500 http_503 http_403 http_404 http_429",
        "--cache-background-update",
        "on",
        "--cache-revalidate",
        "on",
        "--cache-max-range-offset",
        "10m",
        "--cache-purge",
        "$arg_purge$remote_addr",
        "--cache-status",
        "edge.1",
        "--cache-targeted",
        "X-Edge-Control CDN-Cache-Control",
        "--cache-rules",
        "rfc9111",
    ]);
    assert!(c.key.literal().is_none());
    assert_eq!(c.valid, vec![valid(&[200, 302], 600), any(60)]);
    assert!(c.post && c.lock && c.background_update && c.revalidate);
    assert_eq!((c.min_uses, c.max_range_offset), (3, Some(10 << 20)));
    assert_eq!((c.bypass.len(), c.no_cache.len(), c.purge.len()), (3, 1, 1));
    assert_eq!((c.lock_age, c.lock_timeout), (secs(7), Duration::ZERO));
    let all = [500, 503, 403, 404, 429];
    assert!(all.iter().all(|status| c.use_stale.lists(*status)) && !c.use_stale.lists(502));
    let stale = c.use_stale;
    assert!(stale.error && stale.timeout && stale.invalid_header && stale.updating);
    assert_eq!(c.status_name.as_deref(), Some("edge.1"));
    assert_eq!(c.targeted, ["x-edge-control", "cdn-cache-control"]);
    assert_eq!(c.rules, RuleBook::Rfc9111);
}

#[test]
fn times_are_for_codes() {
    let given = |text: &str| cache(&["--cache-valid", text]).valid;
    assert_eq!(given("5m"), vec![valid(&[200, 301, 302], 300)]);
    assert_eq!(given("100 599 0"), vec![valid(&[100, 599], 0)]);
    assert_eq!(given("any 1h30m"), vec![any(5400)]);
    assert_eq!(given("404 any 1"), vec![valid(&[404], 1), any(1)]);
}

#[test]
fn a_code_goes_before_any() {
    let c = cache(&[
        "--cache-valid",
        "any 1m",
        "--cache-valid",
        "404 1s",
        "--cache-valid",
        "404 2s",
    ]);
    assert_eq!(c.valid_for(404), Some(secs(1)));
    assert_eq!(c.valid_for(500), Some(secs(60)));
    assert_eq!(cache(&["--cache-valid", "1s"]).valid_for(404), None);
}

#[test]
fn what_can_never_hold_is_no_condition() {
    let c = cache(&[
        "--cache-bypass",
        "0 \"\" $arg_x",
        "--no-cache",
        "0",
        "--cache-purge",
        "\"\"",
    ]);
    assert_eq!(c.bypass.len(), 1);
    assert!(c.no_cache.is_empty() && c.purge.is_empty());
    assert_eq!(cache(&["--no-cache", "1"]).no_cache.len(), 1);
}

#[test]
fn an_inner_level_has_its_own_lists() {
    let outer = [
        "--cache",
        "z",
        "--cache-valid",
        "1m",
        "--cache-valid",
        "404 1s",
        "--cache-bypass",
        "$arg_a",
        "--no-cache",
        "$arg_b",
        "--cache-purge",
        "$remote_addr",
        "--cache-use-stale",
        "error",
        "--cache-status",
        "x",
        "--cache-max-range-offset",
        "0",
        "--cache-targeted",
        "x",
        "--cache-methods",
        "POST",
        "--cache-lock",
        "on",
    ];
    let inner = [
        "--location",
        "/a",
        P,
        "--location",
        "/b",
        P,
        "--cache-valid",
        "any 2s",
        "--cache-bypass",
        "0",
        "--no-cache",
        "$arg_c $arg_d",
        "--cache-purge",
        "0",
        "--cache-use-stale",
        "off",
        "--cache-status",
        "off",
        "--cache-max-range-offset",
        "off",
        "--cache-targeted",
        "off",
        "--cache-methods",
        "GET",
        "--cache-lock",
        "off",
        "--location",
        "/c",
        P,
        "--cache",
        "off",
    ];
    let args: Vec<&str> = outer.iter().chain(&inner).copied().collect();
    let found = caches(&args);
    let (a, b) = (found[0].as_ref().expect("a"), found[1].as_ref().expect("b"));
    assert_eq!(
        (
            a.valid.len(),
            a.bypass.len(),
            a.no_cache.len(),
            a.purge.len()
        ),
        (2, 1, 1, 1)
    );
    assert!(a.use_stale.error && a.post && a.lock && a.status_name.is_some());
    assert_eq!((a.max_range_offset, a.targeted.len()), (Some(0), 1));
    assert_eq!(b.valid, vec![any(2)]);
    assert_eq!((b.bypass.len(), b.no_cache.len(), b.purge.len()), (0, 2, 0));
    assert!(!b.use_stale.error && !b.post && !b.lock && b.status_name.is_none());
    assert_eq!((b.max_range_offset, b.targeted.len()), (None, 0));
    assert!(found[2].is_none());
    assert_ne!(texts(&a.no_cache), texts(&b.no_cache));
}

#[test]
fn the_standard_has_a_targeted_field() {
    let targeted = |args: &[&str]| cache(args).targeted;
    assert_eq!(
        targeted(&["--cache-rules", "rfc9111"]),
        ["cdn-cache-control"]
    );
    assert!(targeted(&["--cache-rules", "rfc9111", "--cache-targeted", "off"]).is_empty());
    assert_eq!(targeted(&["--cache-targeted", "A"]), ["a"]);
}

#[test]
fn a_zone_must_be_known() {
    let why = "--cache 'x': there is no --cache-path with the zone \"x\"";
    assert_eq!(error(&[P, "--cache", "x"]), why);
    assert_eq!(
        error(&[
            Z,
            "--cache",
            "x",
            "--location",
            "/a",
            P,
            "--location",
            "/b",
            P
        ]),
        why
    );
    assert_eq!(
        error(&[Z, "--cache", "x", "--location", "/", P, "--cache", "z"]),
        why
    );
    assert_eq!(error(&[P, Z, "--cache", "Z"]), why.replace('x', "Z"));
    let found = caches(&["--cache", "$arg_zone", "--location", "/", P]);
    let found = found[0].as_ref().expect("a cache");
    assert!(matches!(found.zone, ZoneName::Template(_)));
}

#[test]
fn the_zone_is_found_by_its_name() {
    let found = caches(&[
        "--cache-path",
        "/d keys_zone=y:64k",
        "--location",
        "/a",
        P,
        "--cache",
        "y",
        "--location",
        "/b",
        P,
        "--cache",
        "z",
    ]);
    let zones = found
        .iter()
        .map(|cache| match cache.as_ref().expect("a cache").zone {
            ZoneName::Fixed(at) => at,
            ZoneName::Template(_) => panic!("a template"),
        });
    assert_eq!(zones.collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_cache_and_a_store_exclude_each_other() {
    assert_eq!(
        error(&[P, Z, "--cache", "z", "--store", "/s$uri"]),
        "--store '/s$uri': does not go together with --cache on one level"
    );
    assert_eq!(
        error(&[P, Z, "--store", "/s$uri", "--cache", "z"]),
        "--cache 'z': does not go together with --store on one level"
    );
    let s = one(&[Z, "--store", "off", "--cache", "z"]);
    assert!(s.store.is_none() && s.cache.is_some());
    let s = one(&["--store", "/s$uri", "--cache", "off"]);
    assert!(s.store.is_some() && s.cache.is_none());
}

#[test]
fn the_inner_one_of_cache_and_store_holds() {
    let both = |args: &[&str]| {
        let args: Vec<&str> = [Z].iter().chain(args).copied().collect();
        let config = ok(&args).0;
        let found = scgi(location(&config, 0, 0));
        (found.cache.is_some(), found.store.is_some())
    };
    let (cached, stored) = ((true, false), (false, true));
    let (cache, store) = (["--cache", "z"], ["--store", "/s$uri"]);
    let nested = |outer: &[&'static str], middle: &[&'static str], inner: &[&'static str]| {
        both(
            &[
                outer,
                &["--server", "a"],
                middle,
                &["--location", "/", P],
                inner,
            ]
            .concat(),
        )
    };
    assert_eq!(nested(&cache, &[], &store), stored);
    assert_eq!(nested(&store, &[], &cache), cached);
    assert_eq!(nested(&cache, &store, &[]), stored);
    assert_eq!(nested(&store, &cache, &[]), cached);
    assert_eq!(nested(&store, &cache, &store), stored);
    assert_eq!(nested(&cache, &["--store", "off"], &[]), cached);
    assert_eq!(nested(&cache, &store, &["--store", "off"]), (false, false));
}

#[test]
fn names_of_caches_are_tokens() {
    for name in ["a", "*", "Edge-1", "a:b/c.d_e~"] {
        let found = cache(&["--cache-status", name]).status_name;
        assert_eq!(found.as_deref(), Some(name));
    }
}
