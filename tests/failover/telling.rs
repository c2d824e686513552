//! What is told of each try: the lists in the access log, and the lines in the error log.

use crate::common::status::{STATUS, json, wait_idle};
use crate::common::{App, Gate, Temp};
use crate::{access_log, gate, good, group, group_of, refusing, seen, silent, stale};

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

/// V18: what has been received is told whatever of it goes on to the client, in the log and on the status page alike.
#[test]
fn the_bytes_of_a_head_alone_and_of_a_bad_body_have_been_received() {
    const ANSWERS: [(&str, &str, &str); 6] = [
        ("GET", "/0", "Status: 200\r\nContent-Length: 4\r\n\r\nbody"),
        ("HEAD", "/1", "Status: 200\r\nContent-Length: 4\r\n\r\n"),
        ("GET", "/2", "Status: 204\r\nX: 1\r\n\r\n"),
        ("GET", "/3", "Status: 205\r\n\r\n"),
        ("GET", "/4", "Status: 304\r\nX: 12\r\n\r\n"),
        (
            "GET",
            "/5",
            "Status: 200\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ),
    ];
    let (dir, app) = (
        Temp::new(),
        App::script(|scgi| {
            let (request, _) = scgi.all();
            let (.., answer) = ANSWERS[request.uri()[1..].parse::<usize>().expect("a number")];
            scgi.send(answer);
        }),
    );
    let log = dir.file("access.log");
    let format = "t $request_uri $upstream_bytes_received";
    let to = format!("{log} t");
    let args = ["--log-format", format, "--access-log", &to];
    let args = [&args[..], &STATUS, &["--location", "/", "--pass", "g"]].concat();
    let servers = group_of(&[&app]).into_iter();
    let gate = Gate::start(servers.chain(args.into_iter().map(str::to_owned)));
    for (method, target, _) in ANSWERS {
        let mut client = gate.client();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        // Of the last there is no whole response.
        let _ = client.try_response(method);
    }
    wait_idle(&gate);
    let groups = json(&gate);
    let server = &groups.get("groups").list()[0].get("servers").list()[0];
    let received = server.get("bytes").get("received").count();
    let lengths = ANSWERS.map(|(.., answer)| answer.len() as u64);
    assert_eq!(received, lengths.iter().sum());
    let expected: Vec<_> = ANSWERS
        .iter()
        .zip(lengths)
        .map(|((_, target, _), length)| format!("{target} {length}"))
        .collect();
    let mut lines = access_log(gate, &log);
    lines.retain(|line| !line.starts_with("/status"));
    lines.sort();
    assert_eq!(lines, expected);
}
