//! Groups of servers, failover, and what `--pass` names.

use super::*;
use crate::config::Pass;
use crate::config::address::{Address, Destination};
use crate::config::content::NextUpstream;
use crate::config::group::{Balance, Sticky};
use std::time::Duration;

#[test]
fn servers_of_one_name_are_a_group() {
    let c = config(&[
        "--upstream",
        "App 127.0.0.1:1 weight=5 max_conns=7 max_fails=3 fail_timeout=1m slow_start=1.5s route=a.1",
        "--upstream",
        "other unix:/o",
        "--upstream",
        "aPP [::1]:2 down",
        "--upstream",
        "app unix:/b backup",
        "--pass",
        "APP",
    ]);
    assert_eq!(c.groups.len(), 2);
    let group = &c.groups[0];
    assert_eq!(
        (group.name.as_str(), group.implicit, group.servers.len()),
        ("App", false, 3)
    );
    let first = &group.servers[0];
    assert_eq!((first.weight, first.max_conns, first.max_fails), (5, 7, 3));
    assert_eq!(
        (first.fail_timeout, first.slow_start),
        (Duration::from_secs(60), Duration::from_millis(1500))
    );
    let address = Address::Inet("127.0.0.1:1".parse().expect("an address"));
    assert_eq!(first.text, "127.0.0.1:1");
    assert_eq!(first.destination, Destination::Fixed(address.clone()));
    assert_eq!(first.addresses, vec![address]);
    assert_eq!(first.route.as_deref(), Some("a.1"));
    assert!(!first.down && !first.backup && !first.resolve);
    assert!(group.servers[1].down && group.servers[2].backup);
    let plain = &c.groups[1].servers[0];
    assert_eq!((plain.weight, plain.max_conns, plain.max_fails), (1, 0, 1));
    assert_eq!(
        (plain.fail_timeout, plain.slow_start),
        (Duration::from_secs(10), Duration::ZERO)
    );
    assert!(matches!(scgi(location(&c, 0, 0)).pass, Pass::Group(0)));
    assert!(matches!(group.balance, Balance::RoundRobin) && group.sticky.is_none());
}

#[test]
fn groups_may_follow_what_names_them() {
    let c = config(&["--pass", "app", "--upstream", "app unix:/a"]);
    assert!(matches!(scgi(location(&c, 0, 0)).pass, Pass::Group(0)));
    let c = config(&[
        "--balance",
        "app least_conn",
        "--upstream",
        "app unix:/a",
        P,
    ]);
    assert!(matches!(c.groups[0].balance, Balance::LeastConn));
    assert_eq!(c.groups.len(), 2, "the address has a group of its own");
    assert!(matches!(scgi(location(&c, 0, 0)).pass, Pass::Group(1)));
}

#[test]
fn an_address_is_a_group_of_its_own() {
    let c = config(&[
        "--location",
        "/a",
        "--pass",
        "unix:/x",
        "--location",
        "/b",
        "--pass",
        "localhost:9",
        "--location",
        "/c",
        "--pass",
        "unix:/x",
    ]);
    let groups: Vec<(&str, bool)> = c
        .groups
        .iter()
        .map(|group| (group.name.as_str(), group.implicit))
        .collect();
    assert_eq!(groups, vec![("unix:/x", true), ("localhost:9", true)]);
    let destination = |at: usize| c.groups[at].servers[0].destination.clone();
    assert_eq!(
        destination(0),
        Destination::Fixed(Address::Unix("/x".into()))
    );
    assert_eq!(destination(1), Destination::Name("localhost".into(), 9));
    let server = &c.groups[1].servers[0];
    assert_eq!((server.weight, server.max_fails), (1, 1));
    assert!(matches!(scgi(location(&c, 0, 2)).pass, Pass::Group(0)));
}

#[test]
fn a_group_is_named_without_a_port() {
    let g = ["--upstream", "app unix:/a"];
    let text = |pass: &str| error(&[g[0], g[1], "--pass", pass]);
    assert_eq!(
        text("App:9000"),
        "--pass 'App:9000': \"app\" is a group; it is named without a port"
    );
    assert_eq!(
        text("ap"),
        "--pass 'ap': \"ap\" has no port (SCGI has no usual one); expected host:port or unix:/path; \
         there is no --upstream group \"ap\""
    );
    assert!(text("4000").contains("did you mean 127.0.0.1:4000?"));
    assert!(text("a b").contains("takes one word"));
    assert!(text("a/b").contains("has a path"));
}

#[test]
fn no_failure_counts_where_none_is_ever_recent() {
    let c = config(&["--upstream", "g unix:/a fail_timeout=0", "--pass", "g"]);
    assert_eq!(c.groups[0].servers[0].max_fails, 0);
}

#[test]
fn names_are_resolved_at_start_unless_they_may_come_later() {
    let c = config(&["--upstream", "g localhost:9 resolve", "--pass", "g"]);
    let server = &c.groups[0].servers[0];
    assert!(server.resolve && !server.addresses.is_empty());
    assert!(
        error(&["--upstream", "g no-such-host.invalid:9", "--pass", "g"]).starts_with(
            "--upstream 'g no-such-host.invalid:9': \"no-such-host.invalid\" does not resolve"
        )
    );
    let (c, warnings) = ok(&[
        "--upstream",
        "g no-such-host.invalid:9 resolve",
        "--pass",
        "g",
    ]);
    assert!(c.groups[0].servers[0].addresses.is_empty());
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("does not resolve") && warnings[0].contains("tried again later"),
        "{warnings:?}"
    );
    assert_eq!(c.process.resolve_interval.as_secs(), 30);
    assert_eq!(
        config(&[P, "--resolve-interval", "5m"])
            .process
            .resolve_interval
            .as_secs(),
        300
    );
}

#[test]
fn every_method_of_balancing_is_read() {
    let method = |text: &str| {
        let balance = format!("g {text}");
        let c = config(&[
            "--upstream",
            "g unix:/a",
            "--balance",
            &balance,
            "--pass",
            "g",
        ]);
        format!("{:?}", c.groups[0].balance)
    };
    for (text, expected) in [
        ("round_robin", "RoundRobin"),
        ("least_conn", "LeastConn"),
        ("ip_hash", "IpHash"),
        ("random", "Random { two: false }"),
        ("random two", "Random { two: true }"),
        ("random two least_conn", "Random { two: true }"),
        ("byrequests", "ByRequests"),
        ("bytraffic", "ByTraffic"),
        ("bybusyness", "ByBusyness"),
    ] {
        assert_eq!(method(text), expected);
    }
    assert!(method("hash $uri").contains("consistent: false"));
    assert!(method("hash \"$uri $args\" consistent").contains("consistent: true"));
}

#[test]
fn clients_stick_by_a_cookie_or_a_route() {
    let sticky = |text: &str| {
        let sticky = format!("G {text}");
        let mut c = config(&["--upstream", "g unix:/a", "--sticky", &sticky, "--pass=g"]);
        c.groups.remove(0).sticky.expect("a sticky group")
    };
    let Sticky::Cookie(plain) = sticky("cookie srv") else {
        panic!("a route");
    };
    assert_eq!(plain.name, "srv");
    assert!(plain.expires.is_none() && plain.path.is_none() && plain.domain.is_none());
    assert!(!plain.httponly && !plain.secure);
    let Sticky::Cookie(full) =
        sticky("cookie s expires=1h path=/a domain=.example.org httponly secure")
    else {
        panic!("a route");
    };
    assert_eq!(full.expires, Some(Duration::from_secs(3600)));
    assert_eq!(
        (full.path.as_deref(), full.domain.as_deref()),
        (Some("/a"), Some(".example.org"))
    );
    assert!(full.httponly && full.secure);
    let Sticky::Route(route) = sticky("route $cookie_r $arg_r") else {
        panic!("a cookie");
    };
    assert_eq!(route.len(), 2);
}

#[test]
fn odd_groups_are_refused() {
    for (flag, value, part) in [
        ("upstream", "", "needs the name of a group"),
        ("upstream", "g", "needs a group and the address of a server"),
        ("upstream", "g:1 unix:/a", "is not the name of a group"),
        ("upstream", "\"\" unix:/a", "is not the name of a group"),
        ("upstream", "g 127.0.0.1", "\"127.0.0.1\" has no port"),
        ("upstream", "g app", "has no port (SCGI has no usual one)"),
        ("upstream", "g unix:", "lacks the path"),
        ("upstream", "g scgi://a:1", "has a scheme"),
        ("upstream", "g unix:/a weight=0", "\"0\" is not between 1"),
        ("upstream", "g unix:/a weight=x", "is not a number"),
        ("upstream", "g unix:/a max_conns=-1", "is not a number"),
        ("upstream", "g unix:/a max_fails=65536", "is not between 0"),
        ("upstream", "g unix:/a fail_timeout=10q", "is not a time"),
        ("upstream", "g unix:/a slow_start=", "is not a time"),
        ("upstream", "g unix:/a route=", "is not a route"),
        ("upstream", "g unix:/a route=a;b", "is not a route"),
        (
            "upstream",
            "g unix:/a route=123456789012345678901234567890123",
            "is not a route",
        ),
        ("upstream", "g unix:/a drain", "is not one of weight=N"),
        ("upstream", "g unix:/a backup=1", "is not one of weight=N"),
        (
            "upstream",
            "g unix:/a weight=1 weight=2",
            "\"weight\" is given twice",
        ),
        ("upstream", "g unix:/a down down", "is given twice"),
        ("upstream", "g unix:/a resolve", "is no name that resolve"),
        ("balance", "", "needs the name of a group"),
        ("balance", "known", "needs a group and a method"),
        ("balance", "known fair", "is not one of round_robin"),
        ("balance", "known ip_hash x", "\"x\" follows ip_hash"),
        ("balance", "known random three", "only \"two\" may follow"),
        ("balance", "known random two x", "only \"two\" may follow"),
        ("balance", "known hash", "hash needs a key"),
        ("balance", "known hash \"\"", "hash needs a key"),
        ("balance", "known hash $nope", "unknown variable"),
        ("balance", "known hash $uri x", "only \"consistent\""),
        (
            "balance",
            "known hash $uri consistent x",
            "only \"consistent\"",
        ),
        (
            "balance",
            "nobody least_conn",
            "there is no --upstream of a group \"nobody\"",
        ),
        ("sticky", "known", "needs a group and cookie or route"),
        ("sticky", "known learn", "is neither cookie nor route"),
        ("sticky", "known cookie", "cookie needs a name"),
        ("sticky", "known cookie a=b", "is not the name of a cookie"),
        ("sticky", "known cookie a expires=0", "is too short"),
        ("sticky", "known cookie a expires=x", "is not a time"),
        ("sticky", "known cookie a path=", "cannot stand in a cookie"),
        (
            "sticky",
            "known cookie a domain=a;b",
            "cannot stand in a cookie",
        ),
        ("sticky", "known cookie a frob", "is not one of expires="),
        ("sticky", "known cookie a secure secure", "is given twice"),
        ("sticky", "known route", "route needs a variable"),
        ("sticky", "known route a", "holds no variable"),
        (
            "sticky",
            "nobody cookie a",
            "there is no --upstream of a group \"nobody\"",
        ),
        ("resolve-interval", "0", "is no time to wait"),
        ("resolve-interval", "x", "is not a time"),
    ] {
        let flag = format!("--{flag}");
        let text = error(&[P, "--upstream", "known unix:/k", &flag, value]);
        assert!(
            text.starts_with(&format!("{flag} '{value}': ")) && text.contains(part),
            "{flag} {value}: {text}"
        );
    }
}

#[test]
fn a_group_is_balanced_and_stuck_to_once() {
    let twice = |flag: &str, one: &str, two: &str| {
        error(&["--upstream", "g unix:/a", flag, one, flag, two, "--pass=g"])
    };
    assert_eq!(
        twice("--balance", "g ip_hash", "G random"),
        "--balance 'G random': the group \"G\" has a --balance already"
    );
    assert_eq!(
        twice("--sticky", "g cookie a", "g cookie b"),
        "--sticky 'g cookie b': the group \"g\" has a --sticky already"
    );
}

#[test]
fn a_backup_needs_a_method_that_knows_it() {
    for (method, name) in [
        ("ip_hash", "ip_hash"),
        ("hash $uri", "hash"),
        ("hash $uri consistent", "hash"),
        ("random two", "random"),
    ] {
        let balance = format!("g {method}");
        let text = error(&[
            "--upstream",
            "g unix:/a",
            "--upstream",
            "g unix:/b backup",
            "--balance",
            &balance,
            "--pass=g",
        ]);
        assert_eq!(
            text,
            format!(
                "--upstream 'g unix:/b backup': backup does not go together with --balance {name}"
            )
        );
        let (_, warnings) = ok(&[
            "--upstream",
            "g unix:/a slow_start=1s",
            "--balance",
            &balance,
            "--pass=g",
        ]);
        assert_eq!(
            warnings,
            vec![format!(
                "--upstream 'g unix:/a slow_start=1s': slow_start has no effect with --balance {name}"
            )]
        );
    }
    for method in ["byrequests", "bytraffic", "bybusyness"] {
        let balance = format!("g {method}");
        let slow = ["--upstream", "g unix:/a slow_start=1s"];
        let backup = ["--upstream", "g unix:/b backup"];
        let rest = ["--balance", &balance, "--pass=g"];
        let (_, warnings) = ok(&[&slow[..], &backup, &rest].concat());
        assert_eq!(
            warnings,
            vec![format!(
                "--upstream 'g unix:/a slow_start=1s': slow_start has no effect with --balance {method}"
            )]
        );
    }
    config(&[
        "--upstream",
        "g unix:/a",
        "--upstream",
        "g unix:/b backup",
        "--balance",
        "g least_conn",
        "--pass=g",
    ]);
    assert!(
        error(&["--upstream", "g unix:/a backup", "--pass=g"]).contains("has only backup servers")
    );
}

#[test]
fn groups_belong_to_the_http_level() {
    for flag in ["--upstream", "--balance", "--sticky", "--resolve-interval"] {
        let value = match flag {
            "--upstream" => "g unix:/b",
            "--balance" => "g ip_hash",
            "--sticky" => "g cookie a",
            _ => "1s",
        };
        let text = error(&["--location", "/", P, flag, value]);
        assert!(text.contains("at the http level only"), "{text}");
    }
}

fn next(text: &str) -> NextUpstream {
    one(&["--next-upstream", text]).next_upstream
}

#[test]
fn conditions_say_when_the_next_server_is_tried() {
    assert_eq!(one(&[]).next_upstream, NextUpstream::default());
    assert_eq!(next("error Timeout"), NextUpstream::default());
    let all = next(
        "error timeout INVALID_HEADER http_500 http_503 http_403 http_404 http_429 non_idempotent updating",
    );
    assert!(all.error && all.timeout && all.invalid_header && all.non_idempotent);
    for status in [500, 503, 403, 404, 429] {
        assert!(all.lists(status), "{status}");
    }
    assert!(!all.lists(502));
    assert_eq!(next("updating"), NextUpstream::OFF);
    assert_eq!(next("off"), NextUpstream::OFF);
    assert_eq!(
        next("error off http_500"),
        NextUpstream::OFF,
        "off cancels what stands with it"
    );
}

#[test]
fn failover_is_inherited_as_a_whole() {
    let c = config(&[
        "--next-upstream",
        "http_500",
        "--next-upstream-tries",
        "3",
        "--next-upstream-timeout",
        "1500ms",
        "--connection-drop",
        "10s",
        "--location",
        "/a",
        P,
        "--location",
        "/b",
        P,
        "--next-upstream",
        "error",
        "--next-upstream-tries",
        "0",
        "--connection-drop",
        "off",
    ]);
    let (a, b) = (scgi(location(&c, 0, 0)), scgi(location(&c, 0, 1)));
    assert!(a.next_upstream.http_500 && !a.next_upstream.error);
    assert!(b.next_upstream.error && !b.next_upstream.http_500);
    assert_eq!((a.next_upstream_tries, b.next_upstream_tries), (3, 0));
    assert_eq!(a.next_upstream_timeout, Duration::from_millis(1500));
    assert_eq!(b.next_upstream_timeout, a.next_upstream_timeout);
    assert_eq!(a.connection_drop, Some(Duration::from_secs(10)));
    assert_eq!(b.connection_drop, None);
    let plain = one(&["--connection-drop", "on"]);
    assert_eq!(plain.connection_drop, Some(Duration::ZERO));
    assert_eq!(
        (plain.next_upstream_tries, plain.next_upstream_timeout),
        (0, Duration::ZERO)
    );
}

#[test]
fn odd_conditions_are_refused() {
    for (flag, value, part) in [
        ("next-upstream", "", "needs at least one condition"),
        ("next-upstream", "error http_502", "\"http_502\" is not one"),
        ("next-upstream-tries", "-1", "is not a number"),
        ("next-upstream-timeout", "soon", "is not a time"),
        ("connection-drop", "maybe", "is neither on nor off and"),
        ("connection-drop", "", "needs a value"),
    ] {
        let flag = format!("--{flag}");
        let text = error(&[P, &flag, value]);
        assert!(
            text.starts_with(&format!("{flag} '{value}': ")) && text.contains(part),
            "{text}"
        );
    }
    let (_, warnings) = ok(&[P, "--next-upstream", "error ERROR"]);
    assert_eq!(
        warnings,
        vec!["--next-upstream 'error ERROR': has \"error\" twice"]
    );
}
