//! Who is checked, what the verdict means for requests, and what a running check does not hold up.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::common::gate::Starter;
use crate::common::{App, Gate, Latch, Temp, cannot_here, process, status, until};
use crate::{ERROR, ILL, Server, WELL, check, flags, gate, lines, names, state, wait_state};

#[test]
fn nothing_is_checked_unless_it_is_said() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    let mut args = flags(&[(a.addr(), "")], "");
    args.extend(["--upstream".into(), format!("other {}", b.addr())]);
    // At the http level a flag stands before the locations.
    args.rotate_right(2);
    args.extend(["--location", "/other/", "--pass", "other"].map(str::to_owned));
    let gate = Gate::start(args);
    a.wait_checks(5);
    assert_eq!(b.app.accepted(), 0);
    gate.stop().clean();
}

#[test]
fn fails_and_passes_in_a_row_are_counted() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    let gate = gate(&[(&a, ""), (&b, "backup")], "fails=3 passes=4");
    a.wait_checks(2);
    assert_eq!(names(&gate, 2), "aa");
    a.set(ILL);
    let line = gate.logs(&format!("server {} is unhealthy", a.addr()));
    assert!(
        line.contains("(checks failed: 3; the last: status 500)"),
        "{line}"
    );
    assert!(check(&gate, &a.addr()).get("failures").count() >= 3);
    assert_eq!(names(&gate, 2), "bb");
    let before = check(&gate, &a.addr());
    a.set(WELL);
    gate.logs(&format!("server {} is back (checks passed: 4)", a.addr()));
    let after = check(&gate, &a.addr());
    let passes = |check: &crate::Json| check.get("checks").count() - check.get("failures").count();
    assert!(
        passes(&after) >= passes(&before) + 4,
        "{before:?} {after:?}"
    );
    assert_eq!(names(&gate, 2), "aa");
}

/// "All have failed" means the same here: somebody is tried.
#[test]
fn where_all_are_unhealthy_requests_are_tried_all_the_same() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    a.set(ILL);
    b.set(ILL);
    let gate = gate(&[(&a, ""), (&b, "")], "");
    for server in [&a, &b] {
        wait_state(&gate, &server.addr(), "unhealthy");
    }
    let served = names(&gate, 4);
    assert!(
        served == "aaaa" || served == "bbbb",
        "the one that fell first: {served}"
    );
    // A good answer to a request is no passed check.
    assert_eq!(state(&gate, &a.addr()), "unhealthy");
}

/// `fail_timeout` says an hour; the checks know better.
#[test]
fn passes_end_the_rest_of_a_server_that_failed_a_request() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    let gate = gate(&[(&a, "fail_timeout=1h"), (&b, "backup")], "passes=2");
    assert_eq!(gate.get("/fail").status, 502);
    // Both have failed it; the group itself would try them again after an hour.
    gate.logs(&format!("server {} is temporarily disabled", a.addr()));
    gate.logs(&format!(
        "info group g: server {} is back (checks passed: 2)",
        a.addr()
    ));
    wait_state(&gate, &a.addr(), "up");
    assert_eq!(names(&gate, 3), "aaa");
    assert_eq!(lines(&gate, &["is unhealthy"]), 0);
}

#[test]
fn a_server_that_comes_back_starts_slowly() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    let gate = gate(&[(&a, "slow_start=1h"), (&b, "")], "");
    a.set(ILL);
    wait_state(&gate, &a.addr(), "unhealthy");
    a.set(WELL);
    wait_state(&gate, &a.addr(), "starting");
    let all = names(&gate, 80);
    assert!(all.matches('a').count() <= 8, "{all}");
}

#[test]
fn a_drained_server_is_checked_and_one_that_is_down_is_not() {
    let (a, b, c) = (
        Server::new("a", ERROR),
        Server::new("b", ERROR),
        Server::new("c", ERROR),
    );
    let gate = gate(&[(&a, ""), (&b, "down"), (&c, "")], "");
    status::order(&gate, "g", &c.addr(), "drain");
    // What had begun before the order is over.
    c.wait_checks(3);
    assert_eq!(state(&gate, &c.addr()), "draining");
    c.set(ILL);
    gate.logs(&format!("server {} is unhealthy", c.addr()));
    assert!(!check(&gate, &c.addr()).get("healthy").bool());
    assert_eq!(state(&gate, &c.addr()), "draining");
    assert_eq!(b.checks().len(), 0, "it is down");
    status::order(&gate, "g", &b.addr(), "revive");
    b.wait_checks(2);
    status::order(&gate, "g", &a.addr(), "down");
    // One may have been under way; then no more.
    c.wait_checks(1);
    let before = a.checks().len();
    c.wait_checks(5);
    assert!(a.checks().len() <= before + 1);
    let counted = check(&gate, &a.addr()).get("checks").count();
    c.wait_checks(3);
    assert_eq!(check(&gate, &a.addr()).get("checks").count(), counted);
}

/// An order makes it healthy until the next check; the checks go on.
#[test]
fn a_revived_server_is_checked_again() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    a.set(ILL);
    let gate = gate(&[(&a, ""), (&b, "")], "");
    gate.logs("is unhealthy");
    status::order(&gate, "g", &a.addr(), "revive");
    until("it to be found out again", || {
        lines(&gate, &[&a.addr(), "is unhealthy"]) == 2
    });
}

/// Addresses that come in are checked; those that have left are not.
#[test]
fn checks_follow_the_addresses_of_a_name() {
    let test = "checks_follow_the_addresses_of_a_name";
    if !process::can_have_own_hosts() {
        let why = "no /etc/hosts of its own for the gateway (needs root and mount namespaces)";
        return cannot_here(test, why);
    }
    let dir = Temp::new();
    let path = dir.write("hosts", "127.0.0.1 moving.scgate.test\n");
    let app = |ip: [u8; 4], port: u16| {
        App::tcp_at((ip, port).into(), |scgi| {
            if scgi.try_request().is_ok() {
                let _ = scgi.try_send("Status: 200\r\nContent-Length: 0\r\n\r\n");
            }
        })
    };
    let found = (0..20).find_map(|_| {
        let one = app([127, 0, 0, 1], 0).ok()?;
        let two = app([127, 0, 0, 2], one.port()).ok()?;
        Some((one, two))
    });
    let (one, two) = found.expect("a port free on two addresses");
    let name = format!("moving.scgate.test:{}", one.port());
    let servers = flags(&[(name, "resolve")], "");
    let gate = Starter::new().args(servers).hosts(&path).start();
    until("the first to be checked", || one.accepted() >= 2);
    assert_eq!(two.accepted(), 0);
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    file.expect("the names")
        .write_all_at(b"127.0.0.2 moving.scgate.test\n", 0)
        .expect("write");
    gate.signal(libc::SIGHUP);
    gate.logs("has left");
    two.wait_accepted(2);
    // One may have been under way.
    let before = one.accepted();
    let seen = two.accepted();
    two.wait_accepted(seen + 5);
    assert!(one.accepted() <= before + 1, "it has left");
    assert_eq!(status::servers(&gate).len(), 1);
    gate.stop().clean();
}

/// A check that hangs has ten seconds where the interval is an hour. Neither a signal nor the end of the program waits for it: it
/// never comes to its verdict, which would be a line in the log.
#[test]
fn a_running_check_holds_nothing_up() {
    let over = Arc::new(Latch::default());
    let asked = Arc::new(Latch::default());
    let (shut, tell) = (Arc::clone(&over), Arc::clone(&asked));
    let app = App::script(move |scgi| {
        let Ok(request) = scgi.try_request() else {
            return;
        };
        if request.uri() == "/hang" {
            tell.open();
            shut.wait();
        } else {
            let _ = scgi.try_send("Status: 200\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let gate = Gate::start([
        "--upstream",
        &format!("g {}", app.addr()),
        "--health",
        "g interval=1h uri=/hang",
        "--pass",
        "g",
    ]);
    asked.wait();
    gate.signal(libc::SIGHUP);
    assert_eq!(gate.get("/").is(200).text(), "ok");
    gate.stop().clean();
    over.open();
}
