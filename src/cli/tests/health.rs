//! `--health`: what it takes and refuses, and the request that comes of it.

use std::time::Duration;

use super::*;
use crate::config::group::Health;

const G: &str = "--upstream=g unix:/a";

/// What the group `g` of a command line is checked with.
fn health(args: &[&str]) -> Health {
    let all: Vec<&str> = [G].iter().chain(args).copied().collect();
    config(&all).groups.remove(0).health.expect("a --health")
}

/// The parameters of a request, in order.
fn params(health: &Health) -> Vec<(String, String)> {
    let text = String::from_utf8(health.request.clone()).expect("text");
    let (length, rest) = text.split_once(':').expect("a netstring");
    let block = rest.strip_suffix("\0,").expect("the end of a netstring");
    assert_eq!(length.parse(), Ok(block.len() + 1));
    assert_eq!(health.block, block.len() + 1);
    let words: Vec<&str> = block.split('\0').collect();
    let pairs = words.chunks_exact(2);
    pairs.map(|w| (w[0].to_owned(), w[1].to_owned())).collect()
}

fn param(health: &Health, name: &str) -> Option<String> {
    let mut all = params(health).into_iter();
    all.find(|(n, _)| n == name).map(|(_, value)| value)
}

#[test]
fn nothing_is_checked_by_default() {
    assert!(config(&[G, "--pass=g"]).groups[0].health.is_none());
}

#[test]
fn a_health_has_defaults_and_takes_parameters_in_any_order() {
    let plain = health(&["--health", "g", "--pass=g"]);
    let all = (plain.interval, &*plain.uri, plain.fails, plain.passes);
    assert_eq!(all, (Duration::from_secs(5), "/", 1, 1));
    let given = health(&[
        "--health",
        "G passes=3 uri=/a?b=c interval=10ms fails=2",
        "--pass=g",
    ]);
    let all = (given.interval, &*given.uri, given.fails, given.passes);
    assert_eq!(all, (Duration::from_millis(10), "/a?b=c", 2, 3));
}

#[test]
fn each_mistake_is_named() {
    for (value, part) in [
        ("", "needs the name of a group"),
        ("nobody", "there is no --upstream of a group \"nobody\""),
        (
            "127.0.0.1:9000",
            "\"127.0.0.1:9000\" is an address; only a group that --upstream makes can be checked",
        ),
        ("unix:/k", "is an address; only a group"),
        ("a/b", "is not the name of a group"),
        (
            "known interval=0",
            "\"0\" is no time between two checks (at least 10ms)",
        ),
        (
            "known interval=9ms",
            "\"9ms\" is no time between two checks",
        ),
        ("known interval=x", "\"x\" is not a time"),
        ("known fails=0", "\"0\" is not between 1 and 65535"),
        ("known passes=0", "\"0\" is not between 1 and 65535"),
        ("known fails=65536", "is not between 1 and 65535"),
        ("known uri=", "\"\" is not a path"),
        ("known uri=healthy", "\"healthy\" is not a path"),
        ("known uri=http://a/", "is not a path"),
        ("known uri=/../a", "is not a path"),
        ("known uri=/a%zz", "is not a path"),
        ("known uri=/a%00", "is not a path"),
        ("known uri=/a#b", "is not a path"),
        ("known \"uri=/a b\"", "is not a path"),
        ("known uri=/\u{e9}", "is not a path"),
        ("known port=80", "is not one of interval=TIME"),
        ("known mandatory", "is not one of interval=TIME"),
        ("known fails=1 fails=2", "\"fails\" is given twice"),
    ] {
        let text = error(&[P, "--upstream", "known unix:/k", "--health", value]);
        assert!(
            text.starts_with(&format!("--health '{value}': ")) && text.contains(part),
            "{value}: {text}"
        );
    }
    let long = format!("known uri=/{}", "x".repeat(400));
    let text = error(&[P, "--upstream", "known unix:/k", "--health", &long]);
    assert!(text.ends_with("is longer than 400 bytes"), "{text}");
    assert_eq!(
        error(&[G, "--health", "g", "--health", "G fails=2", "--pass=g"]),
        "--health 'G fails=2': the group \"G\" has a --health already"
    );
    // It is said of the whole program.
    let text = error(&[G, "--location", "/", "--pass=g", "--health", "g"]);
    assert!(text.starts_with("--health"), "{text}");
}

#[test]
fn a_check_asks_as_a_client_would() {
    let args = ["--health", "g uri=/a%20b//c?d=e", "--pass=g"];
    let expected = [
        ("CONTENT_LENGTH", "0"),
        ("SCGI", "1"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/a%20b//c?d=e"),
        ("QUERY_STRING", "d=e"),
        ("CONTENT_TYPE", ""),
        ("DOCUMENT_URI", "/a b/c"),
        ("DOCUMENT_ROOT", ""),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "http"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", "50000"),
        ("SERVER_ADDR", "127.0.0.1"),
        ("SERVER_PORT", "8080"),
        ("SERVER_NAME", "localhost"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", "/a b/c"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        (
            "SERVER_SOFTWARE",
            concat!("scgate/", env!("CARGO_PKG_VERSION")),
        ),
        ("HTTP_HOST", "localhost"),
        ("HTTP_USER_AGENT", "scgate-health"),
    ];
    let expected = expected.map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(params(&health(&args)), expected);
}

/// What an application needs of its own it gets: else it would refuse every check.
#[test]
fn a_check_resembles_the_requests_of_the_first_location_that_passes_to_the_group() {
    let found = health(&[
        "--health",
        "g uri=/app/x?y=z",
        "--buffer-size=8k",
        "--map=$host $env default production",
        "--server",
        "_",
        "--listen=127.0.0.1:81",
        P,
        "--server",
        "www.example.org *.example.org",
        "--listen=127.0.0.1:82",
        "--root=/srv",
        "--location=/app/",
        "--pass=g",
        "--bind=127.0.0.2",
        "--param=TOKEN t",
        "--param=FILE $document_root/app.py",
        "--param=ENV $env",
        "--param=Y $arg_y",
        "--param=CLIENT $http_x_client if_not_empty",
        "--location=/other/",
        "--pass=g",
        "--param=TOKEN u",
    ]);
    for (name, value) in [
        ("SERVER_NAME", Some("www.example.org")),
        ("HTTP_HOST", Some("www.example.org")),
        ("SERVER_PORT", Some("82")),
        ("DOCUMENT_ROOT", Some("/srv")),
        ("FILE", Some("/srv/app.py")),
        ("ENV", Some("production")),
        ("Y", Some("z")),
        ("SCRIPT_NAME", Some("/app")),
        ("PATH_INFO", Some("/x")),
        ("TOKEN", Some("t")),
        ("CLIENT", None),
    ] {
        assert_eq!(param(&found, name).as_deref(), value, "{name}");
    }
    let (from, transparent) = found.bind.expect("a bind address");
    assert_eq!(
        (from.ip.to_string().as_str(), transparent),
        ("127.0.0.2", false)
    );
    assert_eq!(found.head_max, 8192);
}

#[test]
fn a_name_that_is_a_pattern_is_no_host() {
    let args = ["--health=g", "--server=*.example.org", "--pass=g"];
    assert_eq!(
        param(&health(&args), "HTTP_HOST").as_deref(),
        Some("localhost")
    );
}

/// A group that only variables name has no location to resemble.
#[test]
fn a_group_that_no_location_names_is_asked_with_the_standard_parameters() {
    let found = health(&["--health=g", "--pass=$arg_group", "--param=TOKEN t"]);
    assert_eq!(param(&found, "TOKEN"), None);
    assert_eq!(param(&found, "PATH_INFO").as_deref(), Some("/"));
}

/// rTorrent takes no more.
#[test]
fn the_longest_check_has_less_than_2000_bytes_of_parameters() {
    let uri = format!("uri=/{}", "x".repeat(399));
    let name = format!("--server={}.example", "a".repeat(60));
    let found = health(&["--health", &format!("g {uri}"), &name, "--pass=g"]);
    assert!(found.block < 2000, "{}", found.block);
}

#[test]
fn a_check_that_is_over_the_limit_of_its_location_is_refused() {
    let args = [G, "--health=g", "--pass=g", "--params-max=100"];
    let text = error(&args);
    assert!(
        text.starts_with("--health 'g': its parameters have ")
            && text.ends_with("over --params-max 100"),
        "{text}"
    );
}

#[test]
fn the_listing_shows_it() {
    let args = [G, "--health", "g uri=/x fails=2", "--pass=g", "-T"];
    let Action::Test(_, text, _) = run(&args) else {
        panic!("no listing");
    };
    let line = format!("{:<44} # given\n", "--health 'g uri=/x fails=2'");
    assert!(text.contains(&line), "{text}");
}
