//! The PROXY protocol in front of a connection's own bytes, with raw sockets in the proxy's place.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use crate::common::gate::Starter;
use crate::common::{Client, Gate, Response, Stream, Temp, until};
use crate::{Behind, CLIENT, INET, TEXT, binary, echo, request};

/// What a gateway needs to be told to believe us.
const BELIEVE: [&str; 4] = [
    "--real-ip-from",
    "127.0.0.1",
    "--real-ip-header",
    "proxy_protocol",
];

/// REMOTE_ADDR, REMOTE_PORT and $proxy_protocol_addr.
#[track_caller]
fn ends(response: &Response) -> (String, String, String) {
    let param = |name: &str| response.param(name).expect(name);
    (
        param("REMOTE_ADDR"),
        param("REMOTE_PORT"),
        param("PROXY_ADDR"),
    )
}

fn own_port(client: &Client) -> String {
    match client.stream() {
        Stream::Tcp(stream) => stream.local_addr().expect("an address").port().to_string(),
        Stream::Unix(_) => String::new(),
    }
}

#[test]
fn both_versions_name_the_client() {
    let (_app, args) = echo();
    let behind = Behind::start(args.iter().map(String::as_str).chain(BELIEVE));
    let ip6 = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let inet6 = [&ip6(7)[..], &ip6(8), &[0x12, 0x67, 0, 80]].concat();
    let mapped = "PROXY TCP6 ::ffff:203.0.113.7 2001:db8::8 4711 80\r\n";
    let more = [&INET[..], &[4, 0, 3, 1, 2, 3]].concat();
    let named = |addr: &str| Some((addr.to_owned(), "4711".to_owned()));
    for (head, client) in [
        (TEXT.as_bytes().to_vec(), named(CLIENT)),
        (
            b"PROXY TCP6 2001:db8::7 2001:db8::8 4711 80\r\n".to_vec(),
            named("2001:db8::7"),
        ),
        (mapped.as_bytes().to_vec(), named(CLIENT)),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN 203.0.113.7 and more\r\n".to_vec(), None),
        (binary(0x21, 0x11, &INET), named(CLIENT)),
        (binary(0x21, 0x11, &more), named(CLIENT)),
        (binary(0x21, 0x21, &inet6), named("2001:db8::7")),
        (binary(0x21, 0x00, b""), None),
        (binary(0x21, 0x31, &[0; 216]), None),
        // LOCAL: the proxy itself, whatever else it says.
        (binary(0x20, 0x00, b""), None),
        (binary(0x20, 0x11, &INET), None),
        (binary(0x20, 0x00, &[0; 4096]), None),
    ] {
        let mut client_end = behind.client();
        let expected = match client {
            Some((addr, port)) => (addr.clone(), port, addr),
            None => ("127.0.0.1".into(), own_port(&client_end), String::new()),
        };
        // In one piece with the request.
        client_end.send([&head, request("/", "").as_bytes()].concat());
        let response = client_end.response().is(200);
        assert_eq!(ends(&response), expected, "{}", head.escape_ascii());
        // It holds for the connection; and each byte may come by itself.
        assert_eq!(ends(&client_end.get("/").is(200)), expected);
        let mut slow = behind.client();
        for byte in head.iter().chain(request("/", "").as_bytes()) {
            slow.send([*byte]);
        }
        let response = slow.response().is(200);
        assert_eq!(response.param("PROXY_ADDR"), Some(expected.2));
    }
    behind.gate.stop().clean();
}

#[test]
fn it_is_told_but_not_believed_without_leave() {
    let (_app, args) = echo();
    for trust in [
        &[][..],
        &[
            "--real-ip-from",
            "192.0.2.0/24",
            "--real-ip-header",
            "proxy_protocol",
        ],
        // Believed about the field alone, which is not there.
        &[
            "--real-ip-from",
            "127.0.0.1",
            "--real-ip-header",
            "X-Forwarded-For",
        ],
    ] {
        let behind = Behind::start(args.iter().map(String::as_str).chain(trust.iter().copied()));
        let mut client = behind.client();
        let peer = ("127.0.0.1".into(), own_port(&client), CLIENT.into());
        client.send(TEXT);
        assert_eq!(ends(&client.get("/").is(200)), peer, "{trust:?}");
    }
}

#[test]
fn what_is_no_head_ends_the_connection_without_an_answer() {
    let (app, args) = echo();
    let behind = Behind::start(args.iter().map(String::as_str).chain(BELIEVE));
    let long = "PROXY UNKNOWN ".to_owned() + &"x".repeat(92) + "\r\n";
    let bare = TEXT.replace("\r\n", "\n");
    let get = request("/", "");
    for (head, why) in [
        (get.as_bytes(), "begins otherwise"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "begins otherwise"),
        (b"G", "begins otherwise"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "begins otherwise"),
        (b"PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n", "a port"),
        (
            b"PROXY TCP4 203.0.113 198.51.100.1 4711 80\r\n",
            "an address",
        ),
        (b"PROXY TCP5 ", "a family other than"),
        (b"PROXY SCTP x\r\n", "a family other than"),
        (bare.as_bytes(), "a bare LF"),
        (long.as_bytes(), "more than 107 bytes"),
        (&binary(0x21, 0x11, &INET[..11]), "too short"),
        (&binary(0x11, 0x11, &INET), "a version or command"),
        (&binary(0x21, 0x55, &INET), "a family or transport"),
        (&binary(0x20, 0x00, &[0; 4097]), "more than 4096 bytes"),
    ] {
        let mut client = behind.client();
        // What follows is never looked at.
        let _ = client.try_send([head, get.as_bytes()].concat());
        client.closed();
        behind.gate.logs(why);
    }
    let logged = behind.gate.logs("no head of the PROXY protocol");
    assert!(
        logged.contains(" info ") && logged.contains("client 127.0.0.1:"),
        "{logged}"
    );
    assert_eq!(app.accepted(), 0);
    behind.gate.stop().clean();
}

#[test]
fn a_connection_that_ends_or_rests_inside_it_is_closed() {
    let (app, args) = echo();
    let args = args.iter().map(String::as_str);
    let behind = Behind::start(args.chain(["--client-header-timeout", "1s"]));
    let mut client = behind.client();
    client.send(&TEXT[..20]);
    client.half_close();
    client.closed();
    behind.gate.logs("the connection ended within it");
    let parts = ["", &TEXT[..20], TEXT];
    let mut slow = parts.map(|part| {
        let mut client = behind.client();
        client.send(part);
        client
    });
    slow.iter_mut().for_each(Client::closed);
    behind
        .gate
        .logs("not complete within --client-header-timeout");
    assert_eq!(app.accepted(), 0);
    behind.gate.stop().clean();
}

#[test]
fn it_comes_once_and_requests_follow() {
    let (_app, args) = echo();
    let behind = Behind::start(args.iter().map(String::as_str).chain(BELIEVE));
    let mut client = behind.client();
    client.send(TEXT.to_owned() + &request("/1", "") + &request("/2", ""));
    for target in ["/1", "/2"] {
        let response = client.response().is(200);
        assert_eq!(response.param("REQUEST_URI").as_deref(), Some(target));
        assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some(CLIENT));
    }
    // Bodies are framed as ever.
    let response = client.post("/3", TEXT.as_bytes()).is(200);
    assert!(response.text().contains(&format!("body: {TEXT}")));
    client.send(TEXT.to_owned() + &request("/4", ""));
    client.response().is(400);
    // And where none is asked for, it is no HTTP.
    let (_app, args) = echo();
    let gate = Gate::start(args);
    let mut client = gate.client();
    client.send(TEXT.to_owned() + &request("/", ""));
    client.response().is(400);
}

#[test]
fn access_rules_hold_for_the_client() {
    let (app, args) = echo();
    let args = args.iter().map(String::as_str).chain(BELIEVE);
    let behind = Behind::start(args.chain(["--allow", CLIENT, "--deny", "all"]));
    let other = TEXT.replace(CLIENT, "203.0.113.8");
    for (head, status) in [(TEXT, 200), (&other, 403), ("PROXY UNKNOWN\r\n", 403)] {
        let mut client = behind.client();
        client.send(head.to_owned() + &request("/", ""));
        client.response().is(status);
    }
    assert_eq!(app.accepted(), 1);
}

#[test]
fn a_stop_does_not_wait_for_it_but_lets_what_has_begun_end() {
    let (_app, args) = echo();
    let behind = Behind::start(args.iter().map(String::as_str).chain(BELIEVE));
    let (mut fresh, mut begun) = (behind.client(), behind.client());
    begun.send(&TEXT[..20]);
    // A third one is answered: by then the others have been accepted.
    let mut third = behind.client();
    third.send("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: no host\r\n\r\n");
    third.response().is(400);
    drop(third);
    behind.gate.signal(libc::SIGTERM);
    fresh.closed();
    begun.send(TEXT[20..].to_owned() + &request("/", ""));
    let response = begun.response().is(200);
    assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some(CLIENT));
    assert!(behind.gate.wait().status.success());
}

/// A connection that is still introducing itself is not idle: it may not be closed to make room.
#[test]
fn it_keeps_its_place_when_connections_are_short() {
    let (_app, args) = echo();
    let args = args.iter().map(String::as_str).chain(BELIEVE);
    let behind = Behind::start(args.chain(["--connections", "1"]));
    let mut first = behind.client();
    first.send(&TEXT[..20]);
    let mut second = behind.client();
    second.send(TEXT.to_owned() + &request("/second", ""));
    until("the second connection to have been seen", || {
        queued(&behind) <= 1
    });
    first.send(TEXT[20..].to_owned() + &request("/first", ""));
    first.response().is(200);
    drop(first);
    second.response().is(200);
}

/// Connections that wait to be accepted.
fn queued(behind: &Behind) -> usize {
    let port = format!(":{:04X}", behind.addr.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of connections");
    let listening = table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ours = words.get(1)?.ends_with(&port) && *words.get(3)? == "0A";
        let (_, queue) = words.get(4)?.split_once(':')?;
        ours.then(|| usize::from_str_radix(queue, 16).ok())
            .flatten()
    });
    listening.expect("a listener")
}

#[test]
fn a_unix_listener_can_have_it_too() {
    let (_app, args) = echo();
    let dir = Temp::new();
    let path = dir.file("front");
    let gate = Starter::new()
        .without_listener()
        .args(["--listen", &format!("unix:{path} proxy_protocol")])
        .args(&args)
        .args([
            "--real-ip-from",
            "unix:",
            "--real-ip-header",
            "proxy_protocol",
        ])
        .start();
    // It opens the listener itself, in its own time.
    let connect = || {
        let mut stream = None;
        until("the socket", || {
            stream = UnixStream::connect(&path).ok();
            stream.is_some()
        });
        Client::new(Stream::Unix(stream.expect("a connection")))
    };
    let mut client = connect();
    client.send(TEXT);
    let response = client.get("/").is(200);
    assert_eq!(
        ends(&response),
        (CLIENT.into(), "4711".into(), CLIENT.into())
    );
    let mut local = connect();
    local.send(binary(0x20, 0x00, b""));
    let response = local.get("/").is(200);
    assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some("unix:"));
    gate.stop().clean();
}

/// One listener has it, another has not; the server is the same.
#[test]
fn it_is_a_matter_of_the_listener() {
    let (_app, args) = echo();
    let plain = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
    let proxied = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
    let gate = Starter::new()
        .without_listener()
        .descriptor(&plain, 3)
        .descriptor(&proxied, 4)
        .args(["--listen", "fd:3", "--listen", "fd:4 proxy_protocol"])
        .args(&args)
        .args(BELIEVE)
        .start();
    let mut client = Client::tcp(plain.local_addr().expect("an address"));
    let peer = ("127.0.0.1".into(), own_port(&client), String::new());
    assert_eq!(ends(&client.get("/").is(200)), peer);
    let mut client = Client::tcp(proxied.local_addr().expect("an address"));
    client.send(TEXT);
    let response = client.get("/").is(200);
    assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some(CLIENT));
    gate.stop().clean();
}

/// Also what is no request, or does not come to be one, is somebody's.
#[test]
fn refusals_are_logged_with_the_client() {
    let logged = |from: &str| {
        let dir = Temp::new();
        let log = dir.file("access.log");
        let behind = Behind::start([
            "--real-ip-from",
            from,
            "--real-ip-header",
            "proxy_protocol",
            "--log-format",
            "short $status $remote_addr",
            "--access-log",
            &format!("{log} short"),
            "--return",
            "200 ok",
        ]);
        let mut client = behind.client();
        client.send(format!("{TEXT}nonsense\r\n\r\n"));
        client.response().is(400);
        let mut client = behind.client();
        client.send(format!("{TEXT}GET / HTTP/1.1\r\nHost: test\r\n\r\nGET"));
        client.response().is(200);
        drop(client);
        behind.gate.logs("it ended within a request head");
        behind.gate.stop();
        let log = std::fs::read_to_string(log).expect("the log");
        let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let of = |client: &str| ["200", "400", "400"].map(|status| format!("{status} {client}"));
    assert_eq!(logged("127.0.0.1"), of(CLIENT));
    assert_eq!(logged("192.0.2.1"), of("127.0.0.1"));
}
