//! Reaching the application: addresses, source addresses, and what the client is told when it cannot be reached.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use crate::common::gate::Starter;
use crate::common::{App, Gate, Temp, cannot_here, is_root, process};

/// The page names the cause by its code, the log says what it means.
#[track_caller]
fn names_cause(gate: &Gate, code: &str, phrase: &str) {
    let response = gate.get("/").is(502);
    assert!(
        response.text().contains(code),
        "no {code} in the page: {}",
        response.text()
    );
    gate.logs(phrase);
}

#[test]
fn no_socket_is_enoent() {
    let dir = Temp::new();
    let gate = Gate::start(["--pass", &format!("unix:{}", dir.file("none"))]);
    names_cause(&gate, "ENOENT", "No such file");
}

#[test]
fn a_stale_socket_is_econnrefused() {
    let dir = Temp::new();
    let path = dir.file("stale");
    drop(UnixListener::bind(&path).expect("bind"));
    let gate = Gate::start(["--pass", &format!("unix:{path}")]);
    names_cause(&gate, "ECONNREFUSED", "onnection refused");
}

#[test]
fn a_closed_port_is_econnrefused() {
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let gate = Gate::start(["--pass", &format!("127.0.0.1:{port}")]);
    names_cause(&gate, "ECONNREFUSED", "onnection refused");
}

#[test]
fn a_socket_we_may_not_open_is_eacces() {
    if !is_root() {
        // Then it is simple: a socket that nobody may write to.
        let dir = Temp::new();
        let path = dir.file("closed");
        let _listener = UnixListener::bind(&path).expect("bind");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("chmod");
        let gate = Gate::start(["--pass", &format!("unix:{path}")]);
        return names_cause(&gate, "EACCES", "ermission denied");
    }
    let dir = Temp::new();
    let path = dir.file("closed");
    let _listener = UnixListener::bind(&path).expect("bind");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let gate = Gate::start(["--user", "nobody", "--pass", &format!("unix:{path}")]);
    names_cause(&gate, "EACCES", "ermission denied");
}

#[test]
fn an_application_that_says_nothing_is_named_with_the_size_of_its_parameters() {
    let app = App::script(|scgi| {
        scgi.all();
    });
    let gate = Gate::start(["--pass", &app.addr()]);
    gate.get("/").is(502);
    let line = gate.logs("parameters");
    assert!(line.chars().any(|c| c.is_ascii_digit()), "{line}");
}

/// A Unix listener whose queue is full: connect() waits there, or fails at once when non-blocking.
#[test]
fn a_full_queue_is_504_within_the_connect_timeout() {
    let dir = Temp::new();
    let path = dir.file("full");
    let listener = UnixListener::bind(&path).expect("bind");
    // SAFETY: listen() on a listening socket only changes its backlog.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let _waiting = fill(&path);
    let gate = Gate::start([
        "--pass",
        &format!("unix:{path}"),
        "--connect-timeout",
        "700ms",
    ]);
    let start = Instant::now();
    gate.get("/").is(504);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(600), "gave up after {took:?}");
    assert!(took < Duration::from_secs(10), "took {took:?}");
}

#[test]
fn a_queue_that_empties_in_time_is_waited_for() {
    let dir = Temp::new();
    let path = dir.file("full");
    let listener = UnixListener::bind(&path).expect("bind");
    // SAFETY: as above.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let waiting = fill(&path);
    let gate = Gate::start(["--pass", &format!("unix:{path}")]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // Time for the gateway to run into the full queue; if it has not, the test proves less but does not fail.
    std::thread::sleep(Duration::from_millis(400));
    for _ in &waiting {
        listener.accept().expect("accept");
    }
    let (stream, _) = listener.accept().expect("accept the gateway");
    crate::common::Scgi::new(crate::common::Stream::Unix(stream), 1, None).answer("at last");
    assert_eq!(client.response().is(200).text(), "at last");
}

/// Connects until the queue of the listener takes no more.
fn fill(path: &str) -> Vec<UnixStream> {
    let mut waiting = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        match socket.connect(&socket2::SockAddr::unix(path).expect("an address")) {
            Ok(()) => waiting.push(UnixStream::from(socket)),
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => return waiting,
            Err(e) => panic!("connect: {e}"),
        }
        assert!(waiting.len() < 100, "the queue has no end");
    }
}

#[test]
fn an_application_on_tcp_is_served() {
    let app = App::tcp(|scgi| {
        scgi.answer("over TCP");
    });
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--socket-keepalive",
        "on",
        "--socket-rcvbuf",
        "16k",
        "--socket-sndbuf",
        "16k",
    ]);
    let mut client = gate.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").is(200).text(), "over TCP");
    }
    gate.stop().clean();
}

#[test]
fn an_application_on_ipv6_is_served() {
    let addr = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let Ok(app) = App::tcp_at(addr, |scgi| drop(scgi.answer("over IPv6"))) else {
        return cannot_here(
            "an_application_on_ipv6_is_served",
            "this machine has no [::1]",
        );
    };
    let gate = Gate::start(["--pass", &app.addr()]);
    assert_eq!(gate.get("/").is(200).text(), "over IPv6");
}

/// A name of our own that stands for two addresses of this machine; `None` where that cannot be arranged.
fn two_addresses(test: &str, addresses: [&str; 2]) -> Option<Temp> {
    if !process::can_have_own_hosts() {
        cannot_here(
            test,
            "no /etc/hosts of its own for the gateway (needs root and mount namespaces)",
        );
        return None;
    }
    let dir = Temp::new();
    dir.write(
        "hosts",
        &addresses.map(|a| format!("{a} two.scgate.test\n")).concat(),
    );
    Some(dir)
}

fn gate_with(hosts: &Temp, args: &[&str]) -> Gate {
    Starter::new()
        .args(args)
        .hosts(&hosts.file("hosts"))
        .start()
}

fn answering(addr: &str, text: &'static str) -> std::io::Result<App> {
    App::tcp_at(addr.parse().expect("an address"), move |scgi| {
        drop(scgi.answer(text))
    })
}

#[test]
fn a_name_with_several_addresses_is_served_by_the_one_that_lives() {
    let name = "a_name_with_several_addresses_is_served_by_the_one_that_lives";
    let Some(hosts) = two_addresses(name, ["127.0.0.1", "127.0.0.2"]) else {
        return;
    };
    for ip in ["127.0.0.1:0", "127.0.0.2:0"] {
        let app = answering(ip, "alive").expect("bind");
        let gate = gate_with(
            &hosts,
            &["--pass", &format!("two.scgate.test:{}", app.port())],
        );
        for _ in 0..6 {
            assert_eq!(gate.get("/").is(200).text(), "alive", "{ip}");
            // Nothing was sent to the dead address, so a POST may be tried again as well.
            gate.client().post("/", b"x").is(200);
        }
    }
}

#[test]
fn a_name_with_several_addresses_uses_them_in_turn() {
    let name = "a_name_with_several_addresses_uses_them_in_turn";
    let Some(hosts) = two_addresses(name, ["127.0.0.1", "127.0.0.2"]) else {
        return;
    };
    // The port must be free on both.
    let (one, two) = (0..20)
        .find_map(|_| {
            let one = answering("127.0.0.1:0", "one").ok()?;
            let two = answering(&format!("127.0.0.2:{}", one.port()), "two").ok()?;
            Some((one, two))
        })
        .expect("a port that is free on two addresses");
    let gate = gate_with(
        &hosts,
        &["--pass", &format!("two.scgate.test:{}", one.port())],
    );
    for _ in 0..6 {
        gate.get("/").is(200);
    }
    assert_eq!((one.accepted(), two.accepted()), (3, 3));
}

#[test]
fn a_name_that_does_not_resolve_stops_the_start() {
    let stopped = crate::common::gate::run([
        "--listen",
        "127.0.0.1:0",
        "--pass",
        "no-such-host.invalid:1",
    ]);
    assert!(!stopped.status.success());
    assert!(
        stopped.stderr.contains("no-such-host.invalid"),
        "{}",
        stopped.stderr
    );
}

#[test]
fn a_template_may_name_the_application() {
    let one = App::tcp(|scgi| drop(scgi.answer("one")));
    let two = App::tcp(|scgi| drop(scgi.answer("two")));
    let gate = Gate::start(["--pass", "127.0.0.1:$arg_port"]);
    assert_eq!(
        gate.get(&format!("/?port={}", one.port())).is(200).text(),
        "one"
    );
    assert_eq!(
        gate.get(&format!("/?port={}", two.port())).is(200).text(),
        "two"
    );
    assert!(gate.get("/?port=nonsense").status >= 500);
    assert!(gate.get("/").status >= 500);
    gate.get(&format!("/?port={}", two.port())).is(200);
}

/// An application that tells where the connection came from.
fn peer_app() -> App {
    App::tcp(|scgi| {
        let peer = scgi.peer.expect("TCP").to_string();
        scgi.answer(peer);
    })
}

#[test]
fn the_source_address_can_be_chosen() {
    let app = peer_app();
    let gate = Gate::start(["--pass", &app.addr(), "--bind", "127.0.0.2"]);
    for _ in 0..3 {
        assert!(gate.get("/").is(200).text().starts_with("127.0.0.2:"));
    }
}

#[test]
fn the_source_port_can_be_chosen() {
    let app = peer_app();
    let port = TcpListener::bind(("127.0.0.3", 0))
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--bind",
        &format!("127.0.0.3:{port}"),
    ]);
    assert_eq!(gate.get("/").is(200).text(), format!("127.0.0.3:{port}"));
}

#[test]
fn the_source_address_may_be_a_template() {
    let app = peer_app();
    let gate = Gate::start(["--pass", &app.addr(), "--bind", "$arg_from"]);
    assert!(
        gate.get("/?from=127.0.0.9")
            .is(200)
            .text()
            .starts_with("127.0.0.9:")
    );
    // An empty value means no binding (K14).
    assert!(gate.get("/").is(200).text().starts_with("127.0.0.1:"));
}

#[test]
fn an_address_that_is_not_ours_is_a_failed_attempt() {
    let app = peer_app();
    // From TEST-NET-2: no machine has it.
    let gate = Gate::start(["--pass", &app.addr(), "--bind", "198.51.100.77"]);
    names_cause(&gate, "EADDRNOTAVAIL", "bind: ");
    assert_eq!(app.accepted(), 0);
}

#[test]
fn a_source_of_the_other_family_is_a_failed_attempt() {
    let app = peer_app();
    let gate = Gate::start(["--pass", &app.addr(), "--bind", "::1"]);
    gate.get("/").is(502);
    assert_eq!(app.accepted(), 0);
    gate.stop();
}

/// With two addresses of a name the family of the source decides.
#[test]
fn the_family_of_the_source_decides_between_addresses() {
    let name = "the_family_of_the_source_decides_between_addresses";
    let Some(hosts) = two_addresses(name, ["::1", "127.0.0.1"]) else {
        return;
    };
    let app = peer_app();
    let target = format!("two.scgate.test:{}", app.port());
    let gate = gate_with(&hosts, &["--pass", &target, "--bind", "127.0.0.4"]);
    for _ in 0..4 {
        assert!(gate.get("/").is(200).text().starts_with("127.0.0.4:"));
    }
}

#[test]
fn a_foreign_source_address_needs_transparent() {
    if !is_root() {
        return cannot_here(
            "a_foreign_source_address_needs_transparent",
            "IP_TRANSPARENT needs root",
        );
    }
    // 127.1.2.3 is local anyway, so this proves that the option is accepted. tests/transparent has networks of its own, in
    // which answers to somebody else's address find their way back.
    let app = peer_app();
    let gate = Starter::new()
        .args(["--pass", &app.addr(), "--bind", "127.1.2.3 transparent"])
        .start();
    assert!(gate.get("/").is(200).text().starts_with("127.1.2.3:"));
    let gate = Starter::new()
        .args(["--pass", &app.addr(), "--bind", "$remote_addr transparent"])
        .start();
    assert!(gate.get("/").is(200).text().starts_with("127.0.0.1:"));
}
