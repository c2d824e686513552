//! What `-T` prints of caches.

use super::print::{holds_again, listing};
use super::*;

const ZONES: [&str; 4] = [
    "--cache-path",
    "/c levels=1:2 keys_zone=a:1m purger=on",
    "--cache-path",
    "\"it's/c d\" keys_zone=b:64k use_temp_path=off",
];

#[test]
fn a_listing_of_caches_is_the_same_command_line() {
    let every = [
        "--cache",
        "a",
        "--cache-key",
        "$uri",
        "--cache-valid",
        "200 302 10m",
        "--cache-valid",
        "any 1m",
        "--cache-methods",
        "GET POST",
        "--cache-min-uses",
        "2",
        "--cache-bypass",
        "$cookie_a \"$arg_b it's\"",
        "--cache-bypass",
        "0",
        "--no-cache",
        "$upstream_http_x",
        "--cache-lock",
        "on",
        "--cache-lock-age",
        "1m",
        "--cache-lock-timeout",
        "0",
        "--cache-use-stale",
        "error updating http_503",
        "--cache-background-update",
        "on",
        "--cache-revalidate",
        "on",
        "--cache-max-range-offset",
        "0",
        "--cache-purge",
        "$remote_addr",
        "--cache-status",
        "edge",
        "--cache-targeted",
        "A B",
        "--cache-rules",
        "rfc9111",
    ];
    let inner = [
        "--server",
        "r",
        "--location",
        "/a",
        P,
        "--location",
        "/b",
        P,
        "--cache",
        "$arg_zone",
        "--cache-targeted",
        "off",
        "--cache-use-stale",
        "off",
        "--location",
        "/c",
        P,
        "--cache",
        "off",
        "--location",
        "/d",
        P,
        "--store",
        "/s$uri",
        "--location",
        "/e",
        "--return",
        "204",
        "--server",
        "s",
        "--store",
        "/t$uri",
        "-l",
        "81",
        "--location",
        "/f",
        P,
        "--cache",
        "b",
        "--cache-valid",
        "1s",
        "--location",
        "/g",
        P,
    ];
    holds_again(&[&ZONES[..], &every, &[P]].concat());
    holds_again(&[&ZONES[..], &every, &inner].concat());
    holds_again(&[&ZONES[..], &[P, "--cache", "b", "--cache-rules", "rfc9111"]].concat());
}

#[test]
fn the_listing_tells_which_of_cache_and_store_holds() {
    let listed = |args: &[&str]| {
        let (_, text) = listing(&[&ZONES[..], args].concat());
        let wanted = |line: &&str| line.starts_with("--cache ") || line.starts_with("--store ");
        let lines = text.lines().filter(wanted);
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        words.collect::<Vec<_>>()
    };
    assert_eq!(
        listed(&["--cache", "a", "--location", "/", P, "--store", "/s"]),
        ["--store /s # given", "--cache off # default"]
    );
    assert_eq!(
        listed(&[
            "--store",
            "/s",
            "--server",
            "a",
            "--cache",
            "a",
            "--location",
            "/",
            P
        ]),
        ["--store off # default", "--cache a # inherited from server"]
    );
}
