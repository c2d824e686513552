//! Names that stand for several addresses, addresses that come and go, and what a template in `--pass` names.

use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::FileExt;

use crate::common::gate::{Starter, run};
use crate::common::http::Broken;
use crate::common::{App, Gate, Latch, Temp, cannot_here, process, status, until};
use crate::{flags, gate_with_hosts, group_at, named, names};
use std::sync::Arc;

/// An application on TCP that answers with this.
fn answering(addr: SocketAddr, text: &'static str) -> std::io::Result<App> {
    App::tcp_at(addr, move |scgi| drop(scgi.answer(text)))
}

/// Two of them with one port, at these addresses.
fn two(addresses: [std::net::IpAddr; 2]) -> Option<(App, App)> {
    (0..20).find_map(|_| {
        let one = answering((addresses[0], 0).into(), "1").ok()?;
        let two = answering((addresses[1], one.port()).into(), "2").ok()?;
        Some((one, two))
    })
}

fn two_v4() -> (App, App) {
    two([[127, 0, 0, 1].into(), [127, 0, 0, 2].into()]).expect("a port free on two addresses")
}

/// A file of names of our own; `None` where the gateway can not have one.
fn hosts(test: &str, content: &str) -> Option<(Temp, String)> {
    if !process::can_have_own_hosts() {
        cannot_here(
            test,
            "no /etc/hosts of its own for the gateway (needs root and mount namespaces)",
        );
        return None;
    }
    let dir = Temp::new();
    let path = dir.write("hosts", content);
    Some((dir, path))
}

/// Puts another address into a file of names, with one write: whoever reads it meanwhile finds the old or the new one.
fn rewrite(path: &str, content: &str) {
    let file = std::fs::OpenOptions::new().write(true).open(path);
    let file = file.expect("the file of names");
    assert_eq!(
        file.metadata().expect("its length").len(),
        content.len() as u64
    );
    file.write_all_at(content.as_bytes(), 0).expect("write");
}

const OLD: &str = "127.0.0.1 moving.scgate.test\n";
const NEW: &str = "127.0.0.2 moving.scgate.test\n";

/// The system's own name for itself, of both families.
#[test]
fn localhost_is_a_group_of_its_two_addresses() {
    let test = "localhost_is_a_group_of_its_two_addresses";
    let v6 = Ipv6Addr::LOCALHOST;
    let Some((one, other)) = two([[127, 0, 0, 1].into(), v6.into()]) else {
        return cannot_here(test, "this machine has no [::1]");
    };
    let found = ("localhost", 1).to_socket_addrs();
    let found: Vec<_> = found.expect("localhost").map(|a| a.is_ipv6()).collect();
    let name = format!("localhost:{}", one.port());
    let gate = if found.contains(&true) && found.contains(&false) {
        Gate::start(["--pass", &name])
    } else {
        // Its name has one address here: give it both.
        let both = "127.0.0.1 localhost\n::1 localhost\n";
        let Some((_dir, path)) = hosts(test, both) else {
            return;
        };
        gate_with_hosts(&path, vec!["--pass".into(), name])
    };
    let all = names(&gate, 6);
    assert!(all == "121212" || all == "212121", "{all}");
    drop(other);
    // The other has failed now, and is out.
    assert_eq!(names(&gate, 4), "1111");
    drop(one);
}

#[test]
fn a_name_of_a_group_stands_for_all_its_addresses() {
    let test = "a_name_of_a_group_stands_for_all_its_addresses";
    let both = "127.0.0.1 two.scgate.test\n127.0.0.2 two.scgate.test\n";
    let Some((_dir, path)) = hosts(test, both) else {
        return;
    };
    let (one, other) = two_v4();
    let third = named("3");
    let name = format!("two.scgate.test:{}", one.port());
    let servers = group_at("g", &[(name, "weight=2"), (third.addr(), "weight=2")]);
    let gate = gate_with_hosts(&path, flags(servers, &[]));
    // N31: each address has the full weight.
    let all = names(&gate, 12);
    let count = |name| crate::times(&all, name);
    assert_eq!((count('1'), count('2'), count('3')), (4, 4, 4), "{all}");
    let servers = status::servers(&gate);
    assert_eq!(servers.len(), 3);
    drop(other);
}

/// HUP looks all names up again.
#[test]
fn hup_looks_names_up_again() {
    let Some((_dir, path)) = hosts("hup_looks_names_up_again", OLD) else {
        return;
    };
    let (one, other) = two_v4();
    let name = format!("moving.scgate.test:{}", one.port());
    let servers = group_at("g", &[(name, "resolve")]);
    let gate = gate_with_hosts(&path, flags(servers, &["--resolve-interval", "1h"]));
    assert_eq!(names(&gate, 3), "111");
    rewrite(&path, NEW);
    assert_eq!(names(&gate, 3), "111");
    gate.signal(libc::SIGHUP);
    until("the new address", || names(&gate, 1) == "2");
    let servers = status::servers(&gate);
    assert_eq!(servers.len(), 1, "{servers:?}");
    assert_eq!(servers[0].address, other.addr());
    assert_eq!(names(&gate, 3), "222");
    gate.stop().clean();
}

#[test]
fn names_marked_resolve_are_looked_up_in_their_interval() {
    let test = "names_marked_resolve_are_looked_up_in_their_interval";
    let Some((_dir, path)) = hosts(test, OLD) else {
        return;
    };
    let (one, other) = two_v4();
    let name = format!("moving.scgate.test:{}", one.port());
    let servers = group_at("g", &[(name, "resolve")]);
    let gate = gate_with_hosts(&path, flags(servers, &["--resolve-interval", "100ms"]));
    assert_eq!(names(&gate, 3), "111");
    rewrite(&path, NEW);
    until("the new address", || names(&gate, 1) == "2");
    rewrite(&path, OLD);
    until("the old address", || names(&gate, 1) == "1");
    assert!(other.accepted() > 0);
    gate.stop().clean();
}

/// Z36, and the end of it by `--connection-drop`.
#[test]
fn what_runs_with_an_address_that_has_left() {
    let Some((_dir, path)) = hosts("what_runs_with_an_address_that_has_left", OLD) else {
        return;
    };
    for drop_it in [false, true] {
        rewrite(&path, OLD);
        let go = Arc::new(Latch::default());
        let shut = Arc::clone(&go);
        let (one, other) = (0..20)
            .find_map(|_| {
                let shut = Arc::clone(&shut);
                let one = App::tcp(move |scgi| {
                    scgi.all();
                    scgi.send("Status: 200\r\nContent-Length: 2\r\n\r\n1");
                    shut.wait();
                    let _ = scgi.try_send("1");
                });
                let addr = SocketAddr::from(([127, 0, 0, 2], one.port()));
                Some((one, answering(addr, "2").ok()?))
            })
            .expect("a port free on two addresses");
        let name = format!("moving.scgate.test:{}", one.port());
        let servers = group_at("g", &[(name, "resolve")]);
        let setting = if drop_it { "on" } else { "off" };
        let args = ["--resolve-interval", "1h", "--connection-drop", setting];
        let gate = gate_with_hosts(&path, flags(servers, &args));
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.head();
        rewrite(&path, NEW);
        gate.signal(libc::SIGHUP);
        if drop_it {
            let result = client.try_body(&head, &mut |_| ());
            assert!(matches!(result, Err(Broken::InBody(..))), "{result:?}");
            assert_eq!(names(&gate, 1), "2");
            go.open();
        } else {
            until("the new address", || {
                status::servers(&gate)[0].address == other.addr()
            });
            assert_eq!(names(&gate, 1), "2");
            go.open();
            let mut body = Vec::new();
            client.body(&head, &mut |piece| body.extend_from_slice(piece));
            assert_eq!(body, b"11");
        }
    }
}

/// Where there is nothing to look up, HUP changes nothing: what is known of servers stays, running requests go on.
#[test]
fn hup_disturbs_nobody() {
    let (a, go) = crate::holding("a");
    let bad = App::with_log(|scgi, log| log(&scgi.all().0));
    let servers = crate::group(&[(&bad, "fail_timeout=1h"), (&a, "")]);
    let dir = Temp::new();
    let log = dir.file("access.log");
    let gate = crate::gate(servers, &["--access-log", &log]);
    assert_eq!(names(&gate, 2), "aa");
    let mut held = crate::hold(&gate, &a);
    std::fs::rename(&log, dir.file("old.log")).expect("rename");
    gate.signal(libc::SIGHUP);
    until("the log to be opened again", || {
        std::path::Path::new(&log).exists()
    });
    assert_eq!(names(&gate, 3), "aaa");
    assert_eq!(bad.requests().len(), 1, "its failure is remembered");
    go.open();
    assert_eq!(held.response().is(200).text(), "a");
    gate.stop();
}

/// K5: groups go before addresses, and their names have no case.
#[test]
fn a_template_names_a_group_or_an_address() {
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let tcp = answering(([127, 0, 0, 1], 0).into(), "4").expect("bind");
    // A group whose name is that of the machine.
    let looks = "localhost";
    let servers = [
        group_at("g", &[(a.addr(), ""), (b.addr(), "")]),
        group_at(looks, &[(c.addr(), "")]),
    ];
    let args = ["--location", "/", "--pass", "$arg_to"].map(str::to_owned);
    let gate = Starter::new()
        .args([servers.concat(), args.into()].concat())
        .start();
    let ask = |to: &str| gate.get(&format!("/?to={to}"));
    let in_turn: String = ["g", "G", "g", "g"].map(|g| ask(g).is(200).text()).concat();
    assert_eq!(in_turn, "abab");
    assert_eq!(ask(looks).is(200).text(), "c");
    assert_eq!(ask(&tcp.addr()).is(200).text(), "4");
    assert_eq!(ask(&c.addr()).is(200).text(), "c");
    for nobody in [
        "",
        "h",
        "g:1",
        "unix:",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:99999",
    ] {
        let status = ask(nobody).status;
        assert!((500..=502).contains(&status), "{nobody}: {status}");
    }
}

/// Z35: an address that only a template names is remembered all the same: the dead one of two costs one try, not one each time.
#[test]
fn failures_of_a_templates_address_are_remembered() {
    let test = "failures_of_a_templates_address_are_remembered";
    let both = "127.0.0.1 two.scgate.test\n127.0.0.2 two.scgate.test\n";
    let Some((_dir, path)) = hosts(test, both) else {
        return;
    };
    let (one, other) = two_v4();
    drop(other);
    let args = ["--pass", "two.scgate.test:$arg_port"].map(str::to_owned);
    let gate = gate_with_hosts(&path, args.into());
    let mut client = gate.client();
    let start = std::time::Instant::now();
    for _ in 0..8 {
        let target = format!("/?port={}", one.port());
        assert_eq!(client.get(&target).is(200).text(), "1");
    }
    // Of templates fail_timeout is 10 seconds.
    if start.elapsed() < std::time::Duration::from_secs(9) {
        let stderr = gate.stderr();
        let refused = stderr.lines().filter(|l| l.contains("Z error exchange"));
        assert_eq!(refused.count(), 1, "{stderr}");
    }
}

/// Z35.
#[test]
fn a_server_needs_a_port() {
    for address in ["127.0.0.1", "localhost", "[::1]", "127.0.0.1:0"] {
        let upstream = format!("g {address}");
        let args = ["-t", "--upstream", &upstream, "--pass", "g"];
        let stopped = run(args);
        assert_eq!(stopped.status.code(), Some(2), "{address}");
        assert!(stopped.stderr.contains("--upstream"), "{}", stopped.stderr);
    }
}
