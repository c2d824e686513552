//! Without a web server: standard input is a client's connection, as inetd(8) and systemd's `Accept=yes` leave it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::Arc;

use super::Call;
use crate::common::gate::program;
use crate::common::process::{self, Running, Setup, find_program};
use crate::common::{App, Client, Latch, Pattern, Stream, Temp, left_out, until};

/// Both ends of a connection, as a listener accepts it.
fn connection() -> (TcpStream, OwnedFd) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("connect");
    (client, listener.accept().expect("accepted").0.into())
}

impl Call {
    /// Without what a web server says.
    fn bare(args: &[&str]) -> Call {
        let mut call = Call::with(args);
        call.env.clear();
        call
    }

    /// All three standard descriptors are this connection.
    fn on(self, connection: OwnedFd) -> Call {
        let copy = || connection.try_clone().expect("a copy");
        let mut call = self.stdin(copy()).stdout(copy());
        call.fds.push((connection, 2));
        call
    }
}

#[test]
fn a_connection_is_served_for_one_request() {
    let app = App::echo();
    let (client, theirs) = connection();
    let (from, to) = (client.local_addr(), client.peer_addr());
    let (from, to) = (from.expect("an address"), to.expect("an address"));
    let mut client = Client::new(Stream::Tcp(client));
    client.send("GET /a/b?c HTTP/1.1\r\nHost: d\r\n\r\nGET /second HTTP/1.1\r\nHost: d\r\n\r\n");
    let mut running = Call::bare(&["--pass", &app.addr(), "--log-level", "debug"])
        .on(theirs)
        .start();
    let response = client.response().is(200);
    assert_eq!(response.field("connection"), Some("close"));
    for (name, value) in [
        ("REQUEST_URI", "/a/b?c"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", "/a/b"),
        ("SERVER_NAME", "d"),
        ("SERVER_PORT", &to.port().to_string()),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_PORT", &from.port().to_string()),
    ] {
        assert_eq!(response.param(name).as_deref(), Some(value), "{name}");
    }
    // Neither a second response nor a line of the log.
    client.closed();
    drop(client);
    assert_eq!(running.wait().code(), Some(0));
    assert_eq!(app.accepted(), 1);
}

#[test]
fn the_log_goes_where_it_is_led() {
    let (client, theirs) = connection();
    let mut client = Client::new(Stream::Tcp(client));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let copy = theirs.try_clone().expect("a copy");
    let mut running = Call::bare(&["--pass", "unix:/nonexistent/app"])
        .stdin(theirs)
        .stdout(copy)
        .start();
    assert!(client.response().is(502).text().contains("ENOENT"));
    drop(client);
    assert_eq!(running.wait().code(), Some(0));
    let stderr = running.stderr();
    assert!(stderr.contains("/nonexistent/app"), "{stderr}");
}

#[test]
fn a_body_goes_both_ways_over_a_unix_socket() {
    const LENGTH: usize = 3_000_000;
    let app = App::script(|scgi| {
        let (_, body) = scgi.all();
        scgi.reply(body);
    });
    let dir = Temp::new();
    let listener = UnixListener::bind(dir.file("front")).expect("bound");
    let client = UnixStream::connect(dir.file("front")).expect("connect");
    let theirs = listener.accept().expect("accepted").0;
    let place = dir.path().to_str().expect("text");
    let args = ["--pass", &app.addr(), "--client-max-body-size", "8m"];
    let mut running = Call::bare(&args)
        .args(&["--temp-path", place])
        .on(theirs.into())
        .start();
    let mut client = Client::new(Stream::Unix(client));
    let body = Pattern::new().bytes(LENGTH);
    let response = client.post("/", &body).is(200);
    assert_eq!(response.body.len(), LENGTH);
    Pattern::new().check(0, &response.body);
    drop(client);
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn who_the_client_is_counts() {
    let dir = Temp::new();
    dir.write("page", "for a friend");
    let root = dir.path().to_str().expect("text").to_owned();
    for (rule, status) in [("--deny", 403), ("--allow", 200)] {
        let (client, theirs) = connection();
        let mut running = Call::bare(&["--root", &root, rule, "127.0.0.1", "--deny", "all"])
            .on(theirs)
            .start();
        let mut client = Client::new(Stream::Tcp(client));
        client.get("/page").is(status);
        drop(client);
        assert_eq!(running.wait().code(), Some(0));
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for (sent, status) in [("nonsense\r\n\r\n", Some(400)), ("", None)] {
        let (client, theirs) = connection();
        let mut running = Call::bare(&["--pass", "unix:/a"]).on(theirs).start();
        let mut client = Client::new(Stream::Tcp(client));
        // Or it says nothing and leaves.
        if let Some(status) = status {
            client.send(sent);
            client.response().is(status);
            client.closed();
        }
        drop(client);
        assert_eq!(running.wait().code(), Some(0), "{sent:?}");
    }
}

#[test]
fn a_client_hears_of_a_wrong_command_line_without_its_words() {
    for (args, code) in [
        (["--listen", "80", "--pass", "unix:/a"], 2),
        (["--access-log", "/nonexistent/log", "--pass", "unix:/a"], 1),
    ] {
        let (client, theirs) = connection();
        let mut client = Client::new(Stream::Tcp(client));
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        let mut running = Call::bare(&args).on(theirs).start();
        let response = client.response().is(500);
        assert_eq!(response.body, b"");
        client.closed();
        drop(client);
        assert_eq!(running.wait().code(), Some(code), "{args:?}");
    }
}

/// Shells and other programs have pairs of sockets between them.
#[test]
fn a_pair_of_sockets_is_no_connection() {
    let (_ours, theirs) = UnixStream::pair().expect("a pair");
    let mut running = Call::bare(&["--pass", "unix:/a"]).stdin(theirs).start();
    assert_eq!(running.wait().code(), Some(2));
    let stderr = running.stderr();
    assert!(stderr.contains("GATEWAY_INTERFACE"), "{stderr}");
}

#[test]
fn a_request_that_runs_may_end_after_a_signal() {
    let (asked, go) = (Arc::new(Latch::default()), Arc::new(Latch::default()));
    let latches = (Arc::clone(&asked), Arc::clone(&go));
    let app = App::script(move |scgi| {
        scgi.all();
        latches.0.open();
        latches.1.wait();
        scgi.reply("after all");
    });
    let (client, theirs) = connection();
    let mut client = Client::new(Stream::Tcp(client));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let copy = theirs.try_clone().expect("a copy");
    let mut running = Call::bare(&["--pass", &app.addr()])
        .stdin(theirs)
        .stdout(copy)
        .start();
    asked.wait();
    running.signal(libc::SIGTERM);
    until("the signal to be seen", || {
        running.stderr().contains("stopping")
    });
    go.open();
    assert_eq!(client.response().is(200).text(), "after all");
    drop(client);
    assert_eq!(running.wait().code(), Some(0));
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address")
}

/// Starts inetd with one service: `how` is wait or nowait. `None`: it is not installed.
fn inetd(test: &str, how: &str, args: &str, dir: &Temp) -> Option<(Running, SocketAddr)> {
    let Some(inetd) = find_program(&["inetd"]) else {
        left_out(test, "no inetd");
        return None;
    };
    loop {
        let addr = free();
        let line = format!("{addr} stream tcp {how} root {} scgate {args}\n", program());
        let mut command = Command::new(&inetd);
        command.args(["-d", &dir.write("inetd.conf", &line)]);
        let running = process::start("inetd", command, Setup::default());
        until("inetd to listen, or to find its port taken", || {
            process::listens(&addr.to_string()) || running.stderr().contains("in use")
        });
        if !running.stderr().contains("in use") {
            return Some((running, addr));
        }
    }
}

#[test]
fn inetd_starts_it_for_each_connection() {
    let (app, dir) = (App::echo(), Temp::new());
    let args = format!("--cgi --pass {}", app.addr());
    let Some((_inetd, addr)) = inetd("inetd_starts_it_for_each_connection", "nowait", &args, &dir)
    else {
        return;
    };
    for number in 0..3 {
        let mut client = Client::tcp(addr);
        let response = client.get(&format!("/{number}")).is(200);
        let uri = response.param("REQUEST_URI");
        assert_eq!(uri, Some(format!("/{number}")));
        client.closed();
    }
    assert_eq!(app.accepted(), 3);
}

/// Ends the program that a pid file names.
struct Ended(String);

impl Drop for Ended {
    fn drop(&mut self) {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        if let Ok(pid) = text.trim().parse::<i32>() {
            // SAFETY: the program removes the file when it ends, so the number is still its own.
            unsafe { libc::kill(pid, libc::SIGTERM) };
            until("the program to end", || {
                !std::path::Path::new(&self.0).exists()
            });
        }
    }
}

/// It takes the listening socket then, and stays.
#[test]
fn inetd_may_leave_the_listener_to_it() {
    let (app, dir) = (App::echo(), Temp::new());
    let pid = dir.file("pid");
    let args = format!("--listen fd:0 --pid {pid} --pass {}", app.addr());
    let Some((_inetd, addr)) = inetd("inetd_may_leave_the_listener_to_it", "wait", &args, &dir)
    else {
        return;
    };
    let mut client = Client::tcp(addr);
    client.get("/").is(200);
    let _ended = Ended(pid);
    client.get("/").is(200);
    Client::tcp(addr).get("/").is(200);
}

#[test]
fn systemd_starts_it_for_each_connection() {
    let Some(tool) = find_program(&["systemd-socket-activate"]) else {
        return left_out("systemd_starts_it_for_each_connection", "not installed");
    };
    let app = App::echo();
    let (mut running, addr) = loop {
        let addr = free();
        let mut command = Command::new(&tool);
        command.args(["-l", &addr.to_string(), "--accept", "--inetd"]);
        command.args([&program(), "--cgi", "--pass", &app.addr()]);
        let mut running = process::start("systemd-socket-activate", command, Setup::default());
        until("it to listen, or to find its port taken", || {
            running.ended().is_some() || process::listens(&addr.to_string())
        });
        if running.ended().is_none() {
            break (running, addr);
        }
    };
    for _ in 0..2 {
        Client::tcp(addr).get("/").is(200);
    }
    running.signal(libc::SIGTERM);
    running.wait();
}
