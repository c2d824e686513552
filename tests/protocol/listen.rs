//! Listening sockets: what the program opens itself, what it inherits, and what it does when descriptors run out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::common::gate::{Starter, Stopped};
use crate::common::http::Client;
use crate::common::{App, Gate, Stream, Temp, cannot_here, process, until};

fn unix_client(path: &str) -> Client {
    Client::new(Stream::Unix(UnixStream::connect(path).expect("connect")))
}

/// Starts the gateway on a port of its own opening; another program may take the port first, hence the retries.
fn on_a_free_port(ip: IpAddr, args: &[&str]) -> (Gate, SocketAddr) {
    for _ in 0..20 {
        let addr = TcpListener::bind((ip, 0))
            .and_then(|l| l.local_addr())
            .expect("a free port");
        let mut gate = Starter::new()
            .without_listener()
            .args(["--listen", &addr.to_string()])
            .args(args)
            .launch();
        let mut up = false;
        until("the gateway to listen or to give up", || {
            up = TcpStream::connect(addr).is_ok();
            up || gate.ended().is_some()
        });
        if up && gate.ended().is_none() {
            return (gate, addr);
        }
        let stopped = gate.wait();
        assert!(
            stopped.stderr.contains("in use") || stopped.stderr.contains("EADDRINUSE"),
            "{}",
            stopped.stderr
        );
    }
    panic!("no port stayed free");
}

#[test]
fn it_listens_on_ipv4() {
    let app = App::echo();
    let (gate, addr) = on_a_free_port(Ipv4Addr::LOCALHOST.into(), &["--pass", &app.addr()]);
    let response = Client::tcp(addr).get("/").is(200);
    assert_eq!(response.param("SERVER_PORT"), Some(addr.port().to_string()));
    until("signals", || gate.takes(libc::SIGTERM));
    gate.stop().clean();
}

#[test]
fn it_listens_on_ipv6() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return cannot_here("it_listens_on_ipv6", "this machine has no [::1]");
    }
    let app = App::echo();
    let (gate, addr) = on_a_free_port(Ipv6Addr::LOCALHOST.into(), &["--pass", &app.addr()]);
    let response = Client::tcp(addr).get("/").is(200);
    assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some("::1"));
    assert_eq!(response.param("SERVER_ADDR").as_deref(), Some("::1"));
    until("signals", || gate.takes(libc::SIGTERM));
    gate.stop().clean();
}

#[test]
fn several_listeners_serve_at_once_and_may_have_servers_of_their_own() {
    let app = App::echo();
    let dir = Temp::new();
    let (one, two) = (dir.file("one"), dir.file("two"));
    let addr = app.addr();
    let gate = Starter::new()
        .without_listener()
        .args([
            "--server",
            "one",
            "--listen",
            &format!("unix:{one}"),
            "--location",
            "/",
            "--pass",
            &addr,
        ])
        .args([
            "--server",
            "two",
            "--listen",
            &format!("unix:{two}"),
            "--location",
            "/",
            "--pass",
            &addr,
        ])
        .args([
            "--server",
            "both",
            "--listen",
            &format!("unix:{one}"),
            "--listen",
            &format!("unix:{two}"),
        ])
        .args(["--location", "/", "--pass", &addr])
        .start();
    until("both sockets", || {
        [&one, &two].iter().all(|p| UnixStream::connect(p).is_ok())
    });
    assert_eq!(
        unix_client(&one).get("/").param("SERVER_NAME").as_deref(),
        Some("one")
    );
    assert_eq!(
        unix_client(&two).get("/").param("SERVER_NAME").as_deref(),
        Some("two")
    );
    for path in [&one, &two] {
        let mut client = unix_client(path);
        client.send("GET / HTTP/1.1\r\nHost: both\r\n\r\n");
        assert_eq!(
            client.response().param("SERVER_NAME").as_deref(),
            Some("both")
        );
    }
    gate.stop().clean();
}

#[test]
fn the_default_server_of_an_address_can_be_chosen() {
    let app = App::echo();
    let dir = Temp::new();
    let path = dir.file("s");
    let listen = format!("unix:{path}");
    let addr = app.addr();
    let gate = Starter::new()
        .without_listener()
        .args([
            "--server",
            "one",
            "--listen",
            &listen,
            "--location",
            "/",
            "--pass",
            &addr,
        ])
        .args([
            "--server",
            "two",
            "--listen",
            &format!("{listen} default_server"),
            "--location",
            "/",
            "--pass",
            &addr,
        ])
        .start();
    until("the socket", || UnixStream::connect(&path).is_ok());
    assert_eq!(
        unix_client(&path).get("/").param("SERVER_NAME").as_deref(),
        Some("two")
    );
    drop(gate);
}

#[test]
fn a_unix_socket_gets_its_mode_and_goes_away_at_the_end() {
    let app = App::echo();
    let dir = Temp::new();
    let path = dir.file("s");
    let gate = Starter::new()
        .without_listener()
        .args([
            "--listen",
            &format!("unix:{path} mode=0600"),
            "--pass",
            &app.addr(),
        ])
        .start();
    until("the socket", || UnixStream::connect(&path).is_ok());
    let meta = std::fs::metadata(&path).expect("the socket");
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    unix_client(&path).get("/").is(200);
    gate.stop().clean();
    assert!(
        !std::path::Path::new(&path).exists(),
        "the socket file is left behind"
    );
}

#[test]
fn a_stale_socket_file_is_replaced() {
    let app = App::echo();
    let dir = Temp::new();
    let path = dir.file("s");
    drop(UnixListener::bind(&path).expect("bind"));
    assert!(UnixStream::connect(&path).is_err());
    let gate = Starter::new()
        .without_listener()
        .args(["--listen", &format!("unix:{path}"), "--pass", &app.addr()])
        .start();
    until("the socket", || UnixStream::connect(&path).is_ok());
    unix_client(&path).get("/").is(200);
    gate.stop().clean();
}

#[test]
fn a_socket_in_use_and_other_files_are_left_alone() {
    let dir = Temp::new();
    let path = dir.file("s");
    let refuses = |what: &str| -> Stopped {
        let stopped = crate::common::gate::run([
            "--listen",
            &format!("unix:{path}"),
            "--pass",
            "127.0.0.1:9",
        ]);
        assert!(!stopped.status.success(), "{what}");
        assert!(stopped.stderr.contains(&path), "{what}: {}", stopped.stderr);
        stopped
    };
    let live = UnixListener::bind(&path).expect("bind");
    refuses("a live socket");
    // It is still the same one.
    let _client = UnixStream::connect(&path).expect("connect");
    live.accept().expect("accept");
    drop(live);
    std::fs::remove_file(&path).expect("remove");
    std::fs::write(&path, "precious").expect("write");
    refuses("a file");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "precious");
}

/// A listener that is too busy to take another connection is alive: its file stays, and nobody waits for it.
#[test]
fn a_live_socket_with_a_full_queue_is_left_alone() {
    let dir = Temp::new();
    let path = dir.file("s");
    let live = UnixListener::bind(&path).expect("bind");
    // SAFETY: listen() on a listening socket only changes its backlog.
    assert_eq!(unsafe { libc::listen(live.as_raw_fd(), 1) }, 0);
    let mut queued = Vec::new();
    loop {
        assert!(queued.len() < 1000, "the queue does not fill up");
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("set O_NONBLOCK");
        match socket.connect(&SockAddr::unix(&path).expect("an address")) {
            Ok(()) => queued.push(socket),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
            Err(e) => panic!("connect: {e}"),
        }
    }
    let inode = std::fs::symlink_metadata(&path).expect("the file").ino();
    let start = Instant::now();
    let stopped =
        crate::common::gate::run(["--listen", &format!("unix:{path}"), "--pass", "127.0.0.1:9"]);
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
    assert!(stopped.stderr.contains(&path), "{}", stopped.stderr);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    let after = std::fs::symlink_metadata(&path).expect("the file");
    assert_eq!(after.ino(), inode);
    live.accept().expect("the first in the queue");
}

#[test]
fn one_descriptor_can_not_be_two_listeners() {
    let dir = Temp::new();
    let listener = UnixListener::bind(dir.file("s")).expect("bind");
    let stopped = Starter::new()
        .without_listener()
        .descriptor(&listener, 3)
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "web")
        .listen_pid()
        .args(["--listen", "fd:3", "--listen", "systemd:web"])
        .args(["--pass", "127.0.0.1:9"])
        .launch()
        .wait();
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("systemd:web"), "{}", stopped.stderr);
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("bind");
    let addr = taken.local_addr().expect("address").to_string();
    let stopped = crate::common::gate::run(["--listen", &addr, "--pass", "127.0.0.1:9"]);
    assert!(!stopped.status.success());
    assert!(stopped.stderr.contains(&addr), "{}", stopped.stderr);
}

#[test]
fn sockets_of_systemd_are_found_by_name() {
    let app = App::echo();
    let dir = Temp::new();
    let (one, two) = (dir.file("one"), dir.file("two"));
    let first = UnixListener::bind(&one).expect("bind");
    let second = UnixListener::bind(&two).expect("bind");
    let addr = app.addr();
    let gate = Starter::new()
        .without_listener()
        .descriptor(&first, 3)
        .descriptor(&second, 4)
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", "web:admin")
        .listen_pid()
        .args([
            "--server",
            "web",
            "--listen",
            "systemd:web",
            "--location",
            "/",
            "--pass",
            &addr,
        ])
        .args([
            "--server",
            "admin",
            "--listen",
            "systemd:admin",
            "--location",
            "/",
            "--pass",
            &addr,
        ])
        .start();
    drop((first, second));
    assert_eq!(
        unix_client(&one).get("/").param("SERVER_NAME").as_deref(),
        Some("web")
    );
    assert_eq!(
        unix_client(&two).get("/").param("SERVER_NAME").as_deref(),
        Some("admin")
    );
    gate.stop().clean();
    assert!(
        std::path::Path::new(&one).exists(),
        "the socket file is systemd's, not ours"
    );
}

#[test]
fn sockets_meant_for_another_process_are_not_taken() {
    let dir = Temp::new();
    let listener = UnixListener::bind(dir.file("s")).expect("bind");
    let stopped = Starter::new()
        .without_listener()
        .descriptor(&listener, 3)
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "web")
        .env("LISTEN_PID", "1")
        .args(["--listen", "systemd:web", "--pass", "127.0.0.1:9"])
        .launch()
        .wait();
    assert!(!stopped.status.success());
    assert!(stopped.stderr.contains("web"), "{}", stopped.stderr);
}

#[test]
fn a_descriptor_that_is_no_listener_is_refused() {
    for fd in ["99", "2"] {
        let stopped =
            crate::common::gate::run(["--listen", &format!("fd:{fd}"), "--pass", "127.0.0.1:9"]);
        assert!(!stopped.status.success(), "fd:{fd}");
        assert!(
            stopped.stderr.contains(&format!("fd:{fd}")),
            "{}",
            stopped.stderr
        );
    }
}

#[test]
fn it_survives_a_shortage_of_descriptors() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "2"]);
    gate.get("/before").is(200);
    let now = process::descriptors(gate.pid()).len() as u64;
    if let Err(e) = process::set_limit_of(gate.pid(), libc::RLIMIT_NOFILE, now + 8) {
        return cannot_here(
            "it_survives_a_shortage_of_descriptors",
            &format!("prlimit: {e}"),
        );
    }
    let crowd: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(gate.addr()).expect("queued by the kernel"))
        .collect();
    until("the gateway to run out", || {
        process::descriptors(gate.pid()).len() as u64 >= now + 6
    });
    // It does not spin: some processor time passes for sure, but far from all of it.
    let before = process::cpu_ticks(gate.pid());
    std::thread::sleep(std::time::Duration::from_millis(500));
    let spent = process::cpu_ticks(gate.pid()) - before;
    assert!(
        spent < 40,
        "{spent} ticks of 50 spent on waiting for descriptors"
    );
    drop(crowd);
    gate.get("/after").is(200);
    gate.stop();
}
