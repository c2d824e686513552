//! How many servers are tried, for how long, and what is told of each try.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use crate::common::http::Client;
use crate::common::status::{self, STATUS};
use crate::common::{App, Gate, Latch, Pattern, Scgi, Temp};
use crate::{group, group_of, stale};

/// Reads the whole request, notes it, and closes without a byte.
fn silent() -> App {
    App::with_log(|scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
    })
}

/// Answers each request with this text.
fn good(text: &'static str) -> App {
    App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        // Noted before the client can know of it.
        log(&request);
        scgi.reply(text);
    })
}

/// Answers each request with this status.
fn refusing(status: u16) -> App {
    App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        scgi.send(format!("Status: {status}\r\nContent-Length: 3\r\n\r\nown"));
    })
}

/// A gateway in front of the group `g`.
#[track_caller]
fn gate(servers: Vec<String>, args: &[&str]) -> Gate {
    let args = args.iter().map(|&a| a.to_owned());
    Gate::start(
        servers
            .into_iter()
            .chain(["--pass".into(), "g".into()])
            .chain(args),
    )
}

fn seen(apps: &[&App]) -> Vec<usize> {
    apps.iter().map(|a| a.requests().len()).collect()
}

/// The whole access log, once the gateway has ended.
#[track_caller]
fn access_log(gate: Gate, path: &str) -> Vec<String> {
    gate.stop();
    let text = std::fs::read_to_string(path).expect("the access log");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_server_is_tried_once_and_in_order() {
    let (a, b, c, d) = (silent(), silent(), silent(), good("at last"));
    let gate = gate(group_of(&[&a, &b, &c, &d]), &[]);
    assert_eq!(gate.get("/").is(200).text(), "at last");
    assert_eq!(seen(&[&a, &b, &c, &d]), [1, 1, 1, 1]);
}

#[test]
fn when_all_have_failed_it_is_502_and_nobody_was_asked_twice() {
    let apps = [silent(), silent(), silent()];
    let backup = silent();
    let servers: Vec<_> = apps.iter().map(|a| (a.addr(), "")).collect();
    let servers = [servers, vec![(backup.addr(), "backup")]].concat();
    let gate = gate(group(&servers), &[]);
    // The second time all have failed before, which keeps no request from them.
    for round in 1..=3 {
        gate.get("/").is(502);
        assert_eq!(seen(&[&apps[0], &apps[1], &apps[2], &backup]), [round; 4]);
    }
    gate.logs("no other server is left");
}

#[test]
fn the_number_of_tries_is_bounded() {
    for (tries, count) in [("1", 1), ("2", 2), ("3", 3), ("4", 4), ("9", 4), ("0", 4)] {
        let (a, b, c, d) = (silent(), silent(), silent(), silent());
        let gate = gate(
            group_of(&[&a, &b, &c, &d]),
            &["--next-upstream-tries", tries],
        );
        gate.get("/").is(502);
        let all: usize = seen(&[&a, &b, &c, &d]).iter().sum();
        assert_eq!(all, count, "--next-upstream-tries {tries}");
        if count < 4 {
            gate.logs("not tried elsewhere: --next-upstream-tries");
        }
    }
}

/// A connection that was refused is a try like any other.
#[test]
fn refused_connections_are_tries() {
    let dir = Temp::new();
    let app = good("not asked");
    let servers = [
        (stale(&dir, "a"), "max_fails=0"),
        (stale(&dir, "b"), "max_fails=0"),
        (app.addr(), "backup"),
    ];
    let gate = gate(group(&servers), &["--next-upstream-tries", "2"]);
    gate.get("/").is(502);
    assert_eq!(app.accepted(), 0);
}

/// N8: at the moment of the failure.
#[test]
fn after_a_time_no_other_server_is_tried() {
    let slow = App::script(|scgi| {
        scgi.all();
        std::thread::sleep(Duration::from_millis(300));
    });
    let app = good("not asked");
    let servers = [(slow.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--next-upstream-timeout", "200ms"]);
    gate.get("/").is(502);
    assert_eq!((slow.accepted(), app.accepted()), (1, 0));
    gate.logs("not tried elsewhere: --next-upstream-timeout");
}

#[test]
fn a_failure_within_that_time_is_followed_by_a_try() {
    let (bad, app) = (silent(), good("fine"));
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--next-upstream-timeout", "1h"]);
    assert_eq!(gate.get("/").is(200).text(), "fine");
}

/// N8 again: a try that has begun may take as long as it needs.
#[test]
fn that_time_does_not_end_a_try() {
    let slow = App::script(|scgi| {
        scgi.all();
        std::thread::sleep(Duration::from_millis(500));
        scgi.reply("slow");
    });
    let app = good("not asked");
    let servers = [(slow.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--next-upstream-timeout", "100ms"]);
    assert_eq!(gate.get("/").is(200).text(), "slow");
}

#[test]
fn a_spooled_body_is_sent_again_whole() {
    // The first reads a part of it only, the second all.
    let some = App::script(|scgi| {
        scgi.request();
        scgi.some();
    });
    let checked = |scgi: &mut Scgi| {
        let (request, body) = scgi.all();
        assert_eq!(request.content_length, 3_000_000);
        assert_eq!(body.len(), 3_000_000);
        Pattern::new().check(0, &body);
    };
    let all = App::script(checked);
    let app = App::script(move |scgi| {
        checked(scgi);
        scgi.reply("whole");
    });
    let gate = gate(
        group_of(&[&some, &all, &app]),
        &[
            "--client-max-body-size",
            "0",
            "--client-body-buffer-size",
            "4k",
        ],
    );
    let mut client = gate.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client.send(Pattern::new().bytes(3_000_000));
    assert_eq!(client.response().is(200).text(), "whole");
    // A chunked one has its length by then.
    let mut client = gate.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in Pattern::new().bytes(3_000_000).chunks(100_000) {
        client.send(format!("{:x}\r\n", piece.len()));
        client.send(piece);
        client.send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().is(200).text(), "whole");
}

#[test]
fn the_lists_show_every_try() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let refused = stale(&dir, "refused");
    let (empty, busy, app) = (silent(), refusing(503), good("fine"));
    let servers = [
        (refused.clone(), "max_fails=0"),
        (empty.addr(), "max_fails=0"),
        (busy.addr(), "max_fails=0"),
        (app.addr(), "max_fails=0"),
    ];
    let gate = gate(
        group(&servers),
        &[
            "--next-upstream",
            "error http_503",
            "--log-format",
            "t $upstream_addr|$upstream_status|$upstream_response_length|$upstream_bytes_sent|$upstream_connect_time|\
             $upstream_header_time|$upstream_response_time|$status|$request_method",
            "--access-log",
            &format!("{log} t"),
        ],
    );
    gate.get("/").is(200);
    let lines = access_log(gate, &log);
    assert_eq!(lines.len(), 1);
    let lists: Vec<Vec<&str>> = lines[0]
        .split('|')
        .map(|l| l.split(", ").collect())
        .collect();
    let addresses = [refused, empty.addr(), busy.addr(), app.addr()];
    assert_eq!(lists[0], addresses);
    assert_eq!(lists[1], ["502", "502", "503", "200"]);
    assert_eq!(lists[2], ["0", "0", "0", "4"]);
    let sent: Vec<u64> = lists[3].iter().map(|n| n.parse().expect("bytes")).collect();
    assert_eq!(sent[0], 0, "nothing was sent where nobody listens");
    assert!(sent[1] > 0 && sent[1..] == [sent[1]; 3], "{sent:?}");
    let is_time = |text: &&str| text.parse::<f64>().is_ok();
    let times = |list: &[&str]| list.iter().map(is_time).collect::<Vec<_>>();
    assert_eq!(times(&lists[4]), [false, true, true, true]);
    assert_eq!(times(&lists[5]), [false, false, true, true]);
    assert_eq!(times(&lists[6]), [true; 4]);
    assert_eq!(lists[4][0], "-");
    assert_eq!(lists[7..], [["200"], ["GET"]]);
}

#[test]
fn a_timeout_is_504_in_the_list() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let (mute, app) = (
        App::script(|scgi| {
            scgi.all();
            scgi.peer_closed();
        }),
        good("fine"),
    );
    let gate = gate(
        group_of(&[&mute, &app]),
        &[
            "--read-timeout",
            "1s",
            "--log-format",
            "t $upstream_status",
            "--access-log",
            &format!("{log} t"),
        ],
    );
    assert_eq!(gate.get("/").is(200).text(), "fine");
    assert_eq!(access_log(gate, &log), ["504, 200"]);
}

/// The log line about a try with this server.
#[track_caller]
fn line_about(gate: &Gate, server: &str) -> String {
    gate.logs(&format!("server {server}: "))
}

#[test]
fn the_log_tells_server_phase_cause_and_what_follows() {
    let dir = Temp::new();
    let refused = stale(&dir, "refused");
    let (empty, broken, busy) = (
        silent(),
        App::script(|scgi| {
            scgi.all();
            scgi.send("nonsense\n\n");
        }),
        refusing(503),
    );
    let app = good("fine");
    let addresses = [
        refused,
        empty.addr(),
        broken.addr(),
        busy.addr(),
        app.addr(),
    ];
    let servers: Vec<_> = addresses
        .iter()
        .map(|a| (a.clone(), "max_fails=0"))
        .collect();
    let gate = gate(
        group(&servers),
        &["--next-upstream", "error invalid_header http_503"],
    );
    gate.get("/which?one").is(200);
    let what = [
        "connect: Connection refused",
        "closed without a byte",
        "malformed response head",
        "status 503",
    ];
    for (i, what) in what.iter().enumerate() {
        let line = line_about(&gate, &addresses[i]);
        assert!(line.contains(what), "{line}");
        assert!(line.contains("/which?one"), "{line}");
        let next = format!("; trying {}", addresses[i + 1]);
        assert!(line.ends_with(&next), "{line}");
    }
}

#[test]
fn the_log_tells_why_nothing_follows() {
    let (a, b) = (silent(), silent());
    let post = gate(group_of(&[&a, &b]), &[]);
    post.client().post("/", b"x").is(502);
    let line = line_about(&post, &a.addr());
    assert!(
        line.ends_with("not tried elsewhere: the method is not idempotent"),
        "{line}"
    );
    assert_eq!(seen(&[&a, &b]), [1, 0]);

    let (a, b) = (silent(), silent());
    let streamed = gate(group_of(&[&a, &b]), &["--request-buffering", "off"]);
    let mut client = streamed.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
    a.wait_accepted(1);
    client.send("56789");
    client.response().is(502);
    let line = line_about(&streamed, &a.addr());
    assert!(
        line.ends_with("not tried elsewhere: the body was sent as it came"),
        "{line}"
    );
    assert_eq!(seen(&[&a, &b]), [1, 0]);

    let busy = refusing(503);
    let last = gate(group_of(&[&busy]), &["--next-upstream", "http_503"]);
    last.get("/").is(503);
    let line = line_about(&last, &busy.addr());
    assert!(line.ends_with("status 503; passed on"), "{line}");
}

/// N10.
#[test]
fn nobody_else_is_asked_for_a_client_that_has_left() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let fail = Arc::new(Latch::default());
    let shut = Arc::clone(&fail);
    let bad = App::script(move |scgi| {
        scgi.all();
        shut.wait();
    });
    let app = good("for nobody");
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(
        group(&servers),
        &[
            "--log-format",
            "t $status $upstream_addr",
            "--access-log",
            &format!("{log} t"),
        ],
    );
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bad.wait_accepted(1);
    drop(client);
    gate.has_read_everything();
    fail.open();
    let first = bad.addr();
    let lines = access_log(gate, &log);
    assert!(lines.contains(&format!("499 {first}")), "{lines:?}");
    assert_eq!(app.accepted(), 0);
}

/// With `--ignore-client-abort` the request goes its way without the client, and to the next server too.
#[test]
fn a_protected_request_goes_on_without_its_client() {
    let fail = Arc::new(Latch::default());
    let done = Arc::new(Latch::default());
    let (shut, told) = (Arc::clone(&fail), Arc::clone(&done));
    let bad = App::script(move |scgi| {
        scgi.all();
        shut.wait();
    });
    let app = App::script(move |scgi| {
        scgi.all();
        told.open();
        let _ = scgi.try_send("Status: 200\r\nContent-Length: 0\r\n\r\n");
    });
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(group(&servers), &["--ignore-client-abort", "on"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bad.wait_accepted(1);
    drop(client);
    gate.has_read_everything();
    fail.open();
    done.wait();
    gate.stop();
}

/// T9, V15.
#[test]
fn a_group_without_a_server_is_502_and_logged() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let app = good("not asked");
    let gate = gate(
        group(&[(app.addr(), "down"), (stale(&dir, "other"), "down")]),
        &[
            "--log-format",
            "t $status $upstream_addr $upstream_status",
            "--access-log",
            &format!("{log} t"),
        ],
    );
    gate.get("/").is(502);
    gate.client().post("/", b"x").is(502);
    let line = gate.logs("group g");
    assert!(
        line.contains("GET / HTTP/1.1") && line.contains("no server"),
        "{line}"
    );
    assert_eq!(access_log(gate, &log), ["502 g 502", "502 g 502"]);
    assert_eq!(app.accepted(), 0);
}

/// Z32: all servers say no, and the last one's own words arrive.
#[test]
fn the_last_refusal_is_passed_on_and_counted() {
    for (status, counted) in [(500, 1), (503, 1), (429, 1), (403, 0), (404, 0)] {
        let (a, b) = (refusing(status), refusing(status));
        let servers = [(a.addr(), "fail_timeout=1h"), (b.addr(), "fail_timeout=1h")];
        let condition = format!("http_{status}");
        let args = [&["--next-upstream", &condition][..], &STATUS].concat();
        let gate = Gate::start(
            group(&servers)
                .iter()
                .map(String::as_str)
                .chain(["--location", "/", "--pass", "g"])
                .chain(args.iter().copied()),
        );
        assert_eq!(gate.get("/").is(status).text(), "own");
        assert_eq!(seen(&[&a, &b]), [1, 1], "{status}");
        for server in status::wait_idle(&gate) {
            assert_eq!(server.fails, counted, "{status}: {server:?}");
        }
    }
}

/// Z11, with a body that no buffer holds: what the application said before it closed is its answer, and no failure.
#[test]
fn an_early_refusal_of_a_large_body_is_heard_out() {
    let early = App::tcp(|scgi| {
        scgi.request();
        scgi.reset_at_end();
        let _ = scgi.try_send("Status: 413 No\r\nContent-Length: 3\r\n\r\nown");
    });
    let app = good("not asked");
    let servers = [(early.addr(), "fail_timeout=1h"), (app.addr(), "backup")];
    let gate = gate(
        group(&servers),
        &[
            "--client-max-body-size",
            "0",
            "--next-upstream",
            "error timeout invalid_header non_idempotent",
        ],
    );
    let body = vec![b'x'; 20_000_000];
    for _ in 0..3 {
        let mut client = gate.client();
        client.send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        let _ = client.try_send(&body);
        let response = client.try_response("POST").expect("the early answer");
        assert_eq!((response.status, response.text().as_str()), (413, "own"));
    }
    assert_eq!(app.accepted(), 0);
}

/// N4: nothing was sent to a server whose queue has no room, so that a POST may go on.
#[test]
fn a_full_listen_queue_moves_anything_on() {
    let dir = Temp::new();
    let path = dir.file("full");
    let listener = UnixListener::bind(&path).expect("bind");
    // SAFETY: listen() on a listening socket only changes its backlog.
    let rc = unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    assert_eq!(rc, 0);
    let _waiting = fill(&path);
    let app = good("fine");
    let servers = [
        (format!("unix:{path}"), "max_fails=0"),
        (app.addr(), "backup"),
    ];
    let gate = gate(group(&servers), &["--connect-timeout", "1s"]);
    let ask = |mut client: Client| client.post("/", b"once").is(200).text();
    assert_eq!(ask(gate.client()), "fine");
    assert_eq!(app.accepted(), 1);
}

/// Connects until the queue of the listener takes no more.
pub fn fill(path: &str) -> Vec<socket2::Socket> {
    let mut waiting = Vec::new();
    loop {
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.set_nonblocking(true).expect("non-blocking");
        match socket.connect(&socket2::SockAddr::unix(path).expect("an address")) {
            Ok(()) => waiting.push(socket),
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => return waiting,
            Err(e) => panic!("connect: {e}"),
        }
        assert!(waiting.len() < 100, "the queue has no end");
    }
}
