//! The command line of `--probe`.

use super::*;
use crate::config::address::{Address, Destination};

fn plan(args: &[&str]) -> Plan {
    match run(args) {
        Action::Probe(plan) => *plan,
        other => panic!("{args:?}: {other:?}"),
    }
}

#[test]
fn an_address_is_enough_and_a_uri_may_follow() {
    let asked = plan(&["--probe", "unix:/run/app"]);
    assert_eq!(
        asked.to,
        Destination::Fixed(Address::Unix("/run/app".into()))
    );
    assert_eq!((&*asked.uri, &*asked.pass), ("/", "--pass unix:/run/app"));
    assert!(!asked.patient && asked.others.is_empty());
    // Not looked up here: that it has no address is an answer.
    let asked = plan(&["--probe", "no-such-host.invalid:9 /a?b=c"]);
    assert_eq!(
        asked.to,
        Destination::Name("no-such-host.invalid".into(), 9)
    );
    assert_eq!(asked.uri, "/a?b=c");
    let asked = plan(&["--probe", "'unix:/run/an app' /"]);
    assert_eq!(asked.pass, "--pass 'unix:/run/an app'");
}

#[test]
fn what_says_how_to_reach_and_what_to_tell_goes_along() {
    let asked = plan(&[
        "--connect-timeout",
        "7s",
        "--probe",
        "a:1",
        "--read-timeout=8s",
        "--param",
        "X y",
        "--bind",
        "192.0.2.1",
        "--default-params",
        "off",
        "--path-info",
        "off",
    ]);
    let settings = scgi(location(&asked.config, 0, 0));
    assert_eq!(settings.connect_timeout.as_secs(), 7);
    assert_eq!(settings.read_timeout.as_secs(), 8);
    assert!(asked.patient && settings.bind.is_some());
    let names: Vec<&str> = settings.params.list().iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["X"]);
    assert_eq!(
        asked.others.join(" "),
        "--connect-timeout 7s --read-timeout 8s --param 'X y' --bind 192.0.2.1 --default-params off --path-info off"
    );
    let asked = plan(&["--probe", "a:1"]);
    let settings = scgi(location(&asked.config, 0, 0));
    assert_eq!(settings.connect_timeout.as_secs(), 3);
    assert_eq!(settings.read_timeout.as_secs(), 5);
}

#[test]
fn every_other_flag_is_refused_by_name() {
    let rest =
        "(--bind, --connect-timeout, --default-params, --param, --path-info, --read-timeout do)";
    for (args, name) in [
        (&["--listen", "80"][..], "listen"),
        (&["--pass", "unix:/a"], "pass"),
        (&["--workers", "3"], "workers"),
        (&["--demo"], "demo"),
        (&["-t"], "test"),
        (&["-T"], "print-config"),
        (&["--server", "a"], "server"),
        (&["--location", "/a"], "location"),
    ] {
        let args: Vec<&str> = ["--probe", "a:1"].iter().chain(args).copied().collect();
        let expected = format!("--probe: does not go together with --{name} {rest}");
        assert_eq!(error(&args), expected);
    }
    let both = errors(&["--probe", "a:1", "--listen", "80", "--read-timeout", "x"]);
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(
        error(&["--probe", "a:1", "--probe", "b:1"]),
        "--probe: given twice"
    );
    // What prints and ends goes first.
    assert!(matches!(run(&["--probe", "a:1", "-V"]), Action::Print(_)));
}

#[test]
fn a_bad_value_says_what_was_expected() {
    for (value, why) in [
        ("", "needs an address, and may have a URI after it"),
        ("a:1 / b", "needs an address, and may have a URI after it"),
        (
            "a",
            "\"a\" has no port (SCGI has no usual one); expected host:port or unix:/path",
        ),
        (
            "http://a:1/",
            "\"http://a:1/\" has a scheme; expected host:port or unix:/path",
        ),
        (
            "a:1 x",
            "\"x\" is not the path of a request (examples: /, /RPC2, /search?q=x)",
        ),
        (
            "a:1 /../x",
            "\"/../x\" is not the path of a request (examples: /, /RPC2, /search?q=x)",
        ),
        (
            "a:1 '/a b'",
            "\"/a b\" is not the path of a request (examples: /, /RPC2, /search?q=x)",
        ),
        ("'a:1", "a ' is not closed"),
    ] {
        assert_eq!(
            error(&["--probe", value]),
            format!("--probe '{value}': {why}")
        );
    }
    assert_eq!(
        error(&["--probe"]),
        "--probe: needs a value (ADDRESS [URI])"
    );
    let bind = ["--probe", "a:1", "--bind", "$remote_addr transparent"];
    assert_eq!(error(&bind), "--bind: needs a fixed address with --probe");
}
