//! Position, levels and inheritance.

use super::*;
use crate::config::Match;
use crate::config::Pass;
use crate::config::access::Who;
use crate::config::address::Address;
use crate::config::address::ListenAddress;

#[test]
fn an_address_alone_is_enough() {
    let c = config(&["--pass", "unix:/app"]);
    assert_eq!(
        (c.servers.len(), c.listens.len(), c.groups.len()),
        (1, 1, 1)
    );
    assert_eq!(
        c.listens[0].address,
        ListenAddress::Inet("127.0.0.1:8080".parse().expect("an address"))
    );
    assert_eq!((c.listens[0].backlog, c.listens[0].names.default), (511, 0));
    assert_eq!(c.servers[0].name, "");
    let l = location(&c, 0, 0);
    assert_eq!(l.matching, Match::Prefix("/".into()));
    assert!(matches!(scgi(l).pass, Pass::Group(0)));
    assert_eq!(
        c.groups[0].servers[0].addresses,
        vec![Address::Unix("/app".into())]
    );
    assert_eq!(
        (
            c.process.workers,
            c.process.queue,
            c.process.connections,
            c.process.memory
        ),
        (64, 1024, 1024, 0)
    );
    assert_eq!(c.process.log_level, log::LevelFilter::Info);
    assert!(!c.process.hostname.is_empty());
}

#[test]
fn a_value_follows_or_is_joined_by_an_equals_sign() {
    for args in [
        &["--buffer-size", "8k", P][..],
        &["--buffer-size=8k", P],
        &["-p", "unix:/app", "--buffer-size=8k"],
        &["-punix:/app", "--buffer-size", "8k"],
    ] {
        assert_eq!(
            scgi(location(&config(args), 0, 0)).buffer_size,
            8192,
            "{args:?}"
        );
    }
}

#[test]
fn a_value_may_begin_with_a_dash() {
    assert_eq!(
        error(&[P, "--buffering", "--listen"]),
        "--buffering '--listen': \"--listen\" is neither on nor off"
    );
}

#[test]
fn position_is_scope() {
    let c = config(&[
        "--read-timeout",
        "1s",
        "--server",
        "a A2",
        "--read-timeout",
        "2s",
        "--location",
        "/x",
        "-p",
        "unix:/1",
        "--read-timeout",
        "3s",
        "--location",
        "/y",
        "-p",
        "unix:/2",
        "--server",
        "b",
        "--location",
        "/z",
        "-p",
        "unix:/1",
    ]);
    let read = |server, index| scgi(location(&c, server, index)).read_timeout.as_secs();
    assert_eq!((read(0, 0), read(0, 1), read(1, 0)), (3, 2, 1));
    assert_eq!(
        (c.servers[0].name.as_str(), c.servers[1].name.as_str()),
        ("a", "b")
    );
    assert_eq!(c.groups.len(), 2, "equal targets share an entry");
    assert_eq!(c.listens.len(), 1, "servers share an address");
    let names = &c.listens[0].names;
    assert_eq!(
        (names.find("a2"), names.find("b"), names.find("else")),
        (0, 1, 0)
    );
}

#[test]
fn repeatable_flags_add_up_on_a_level_and_hide_those_outside() {
    let c = config(&[
        "--hide-header",
        "a",
        "--hide-header",
        "B",
        "--pass-header",
        "Status",
        "--location",
        "/1",
        P,
        "--location",
        "/2",
        P,
        "--hide-header",
        "c",
        "--location",
        "/3",
        P,
        "--pass-header",
        "a",
    ]);
    let hidden = |index| scgi(location(&c, 0, index)).hidden.join(" ");
    let rest =
        "x-accel-buffering x-accel-charset x-accel-expires x-accel-limit-rate x-accel-redirect";
    assert_eq!(hidden(0), format!("a b {rest}"));
    assert_eq!(hidden(1), format!("c {rest}"));
    assert_eq!(
        hidden(2),
        format!("b status {rest}"),
        "each of the two lists is inherited by itself (R25)"
    );
}

#[test]
fn allow_and_deny_keep_their_order() {
    let c = config(&[
        "--deny",
        "all",
        "--location",
        "/1",
        P,
        "--location",
        "/2",
        P,
        "--allow",
        "10.0.0.0/8",
        "--deny",
        "unix:",
        "--allow",
        "all",
    ]);
    assert_eq!(location(&c, 0, 0).access.rules, vec![(false, Who::All)]);
    let allowed: Vec<bool> = location(&c, 0, 1)
        .access
        .rules
        .iter()
        .map(|(allow, _)| *allow)
        .collect();
    assert_eq!(allowed, vec![true, false, true]);
}

#[test]
fn a_location_stands_in_a_server() {
    assert!(
        error(&["--location", "/", P, "--server", "a", P])
            .contains("stands before the first --server")
    );
}

#[test]
fn every_form_of_location_is_read() {
    let c = config(&[
        "--location",
        "/a",
        P,
        "--location",
        "= /a",
        P,
        "--location",
        "=/b",
        P,
        "--location",
        "^~ /c",
        P,
        "--location",
        "@n",
        P,
    ]);
    let found: Vec<&Match> = c.servers[0].locations.iter().map(|l| &l.matching).collect();
    let expected = [
        Match::Prefix("/a".into()),
        Match::Exact("/a".into()),
        Match::Exact("/b".into()),
        Match::Prefix("/c".into()),
        Match::Named("@n".into()),
    ];
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

#[test]
fn off_cancels_what_is_outside() {
    let c = config(&[
        "--bind",
        "192.0.2.1",
        "--limit-rate",
        "5k",
        "--location",
        "/",
        P,
        "--bind",
        "off",
        "--limit-rate",
        "0",
    ]);
    let s = scgi(location(&c, 0, 0));
    assert!(s.bind.is_none() && s.limit_rate.is_none());
}

#[test]
fn default_server_goes_before_the_first() {
    let c = config(&[
        "--server",
        "a",
        "-l",
        "127.0.0.1:80",
        P,
        "--server",
        "b",
        "-l",
        "127.0.0.1:80 default_server backlog=9",
        P,
        "--server",
        "c",
        "-l",
        "[::1]:81",
        P,
    ]);
    assert_eq!(c.listens.len(), 2);
    assert_eq!((c.listens[0].names.default, c.listens[0].backlog), (1, 9));
    assert_eq!(c.listens[1].names.default, 2);
    assert_eq!(
        c.listens[1].names.find("a"),
        2,
        "names belong to their address"
    );
}
