//! Sockets from a service manager, by systemd-socket-activate itself.

use std::net::SocketAddr;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;

use crate::common::gate::{self, Starter};
use crate::common::process::{self, Running, Setup};
use crate::common::{Client, Stream, Temp, left_out, until};

/// Starts the program by systemd-socket-activate, which waits for the first client and then becomes the program.
fn activate(test: &str, options: &[&str], args: &[&str]) -> Option<Running> {
    let Some(tool) = process::find_program(&["systemd-socket-activate"]) else {
        left_out(test, "no systemd-socket-activate");
        return None;
    };
    let mut command = Command::new(tool);
    command.args(options).arg(gate::program()).args(args);
    Some(process::start("scgate", command, Setup::default()))
}

#[track_caller]
fn says(running: &Running, text: &str) {
    until(text, || running.stderr().contains(text));
}

/// A client of a Unix socket, as soon as somebody listens there.
#[track_caller]
fn client(path: &str) -> Client {
    let mut found = None;
    until("a listener", || {
        found = UnixStream::connect(path).ok();
        found.is_some()
    });
    Client::new(Stream::Unix(found.expect("a connection")))
}

/// An address that no other test process has: systemd-socket-activate does not take port 0.
fn own_address() -> SocketAddr {
    let [.., a, b, c] = std::process::id().to_be_bytes();
    SocketAddr::from(([127, a.max(1), b, c], 18_080))
}

fn stop(mut running: Running) -> String {
    running.signal(libc::SIGTERM);
    assert!(running.wait().success(), "{}", running.stderr());
    running.stderr()
}

#[test]
fn tcp_and_unix_sockets_are_served_by_their_names() {
    let dir = Temp::new();
    let (one, two) = (dir.file("one"), dir.file("two"));
    let addr = own_address();
    let Some(running) = activate(
        "tcp_and_unix_sockets_are_served_by_their_names",
        &[
            "-l",
            &one,
            "-l",
            &addr.to_string(),
            "-l",
            &two,
            "--fdname=web:admin:web",
        ],
        &[
            "--server",
            "web",
            "--listen",
            "systemd:web",
            "--return",
            "200 web",
            "--server",
            "admin",
            "--listen",
            "systemd:admin",
            "--return",
            "200 admin",
        ],
    ) else {
        return;
    };
    assert_eq!(client(&one).get("/").text(), "web");
    assert_eq!(
        client(&two).get("/").text(),
        "web",
        "the second of the name"
    );
    assert_eq!(Client::tcp(addr).get("/").text(), "admin");
    for fd in 3..6 {
        let path = format!("/proc/{}/fdinfo/{fd}", running.pid());
        let info = std::fs::read_to_string(path).expect("fdinfo");
        let flags = info
            .lines()
            .find_map(|l| l.strip_prefix("flags:"))
            .expect("flags");
        let flags = i32::from_str_radix(flags.trim(), 8).expect("octal");
        assert_ne!(
            flags & libc::O_CLOEXEC,
            0,
            "descriptor {fd} is closed on exec"
        );
        assert_ne!(
            flags & libc::O_NONBLOCK,
            0,
            "descriptor {fd} is never waited for"
        );
    }
    let said = stop(running);
    assert!(!said.contains(" warn "), "{said}");
    assert!(std::path::Path::new(&one).exists(), "the file is not ours");
}

#[test]
fn a_socket_without_a_name_has_that_of_the_program() {
    let dir = Temp::new();
    let path = dir.file("s");
    let Some(running) = activate(
        "a_socket_without_a_name_has_that_of_the_program",
        &["-l", &path],
        &["--listen", "systemd:web", "--return", "204"],
    ) else {
        return;
    };
    let _client = client(&path);
    says(
        &running,
        "--listen systemd:web: no passed socket has this name; there are: ",
    );
}

#[test]
fn a_socket_that_nobody_wants_is_closed_and_named() {
    let dir = Temp::new();
    let (one, two) = (dir.file("one"), dir.file("two"));
    let Some(running) = activate(
        "a_socket_that_nobody_wants_is_closed_and_named",
        &["-l", &one, "-l", &two, "--fdname=web:other"],
        &["--listen", "systemd:web", "--return", "204"],
    ) else {
        return;
    };
    client(&one).get("/").is(204);
    says(
        &running,
        "the passed socket other (descriptor 4) is in no --listen: closed",
    );
    let refused = UnixStream::connect(&two).expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    stop(running);
}

#[test]
fn sockets_of_the_wrong_kind_are_refused_by_name() {
    let test = "sockets_of_the_wrong_kind_are_refused_by_name";
    let dir = Temp::new();
    let path = dir.file("datagrams");
    let args = ["--listen", "systemd:web", "--return", "204"];
    let Some(mut running) = activate(test, &["-d", "-l", &path, "--fdname=web"], &args) else {
        return;
    };
    until("a listener", || {
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.send_to(b"x", &path).is_ok()
    });
    assert_eq!(running.wait().code(), Some(1));
    let said = running.stderr();
    assert!(
        said.contains("scgate: --listen systemd:web: the socket is not of the type stream"),
        "{said}"
    );

    // One process for each connection, which gets the connection itself.
    let path = dir.file("connections");
    let Some(running) = activate(test, &["-a", "-l", &path, "--fdname=web"], &args) else {
        return;
    };
    let _client = client(&path);
    says(&running, "--listen systemd:web: the socket does not listen");
}

#[test]
fn what_is_no_socket_is_refused() {
    let dir = Temp::new();
    let file = std::fs::File::create(dir.file("file")).expect("a file");
    let stopped = Starter::new()
        .without_listener()
        .descriptor(&file, 3)
        .args(["--listen", "fd:3", "--return", "204"])
        .launch()
        .wait();
    assert_eq!(stopped.status.code(), Some(1));
    let said = stopped.stderr;
    assert!(
        said.contains("--listen fd:3: the descriptor is not a socket"),
        "{said}"
    );
}

#[test]
fn a_descriptor_of_the_programs_own_is_not_an_inherited_one() {
    // The first of our own are among these, one a listener. Others may be what the test itself has inherited.
    for fd in 3..12 {
        let fd = format!("fd:{fd}");
        let args = [
            "--listen",
            "127.0.0.1:0",
            "--listen",
            &fd,
            "--return",
            "204",
        ];
        let stopped = gate::run(args);
        assert_eq!(stopped.status.code(), Some(1), "{fd}: {}", stopped.stderr);
        let said = format!("scgate: --listen {fd}: ");
        assert!(stopped.stderr.contains(&said), "{}", stopped.stderr);
    }
}

#[test]
fn a_number_of_sockets_that_is_not_true_closes_nothing_of_ours() {
    let dir = Temp::new();
    let path = dir.file("s");
    let listener = UnixListener::bind(&path).expect("bind");
    let passed = || {
        Starter::new()
            .without_listener()
            .descriptor(&listener, 3)
            .env("LISTEN_FDS", "1000")
            .listen_pid()
    };
    let gate = passed()
        .env("LISTEN_FDNAMES", "web")
        .args(["--listen", "systemd:web", "--return", "204"])
        .start();
    client(&path).get("/").is(204);
    gate.stop();
    // Without names all have the same, and most are not open.
    let stopped = passed()
        .args(["--listen", "systemd:unknown", "--return", "204"])
        .launch()
        .wait();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
}
