//! The client by a field that a believed proxy has added.

use std::sync::Mutex;
use std::sync::mpsc;

use crate::common::gate::Starter;
use crate::common::{App, Client, Gate, Temp};
use crate::{CLIENT, echo, request};

/// Believes peers at these addresses about X-Forwarded-For.
fn forwarded(from: &'static str) -> [&'static str; 4] {
    [
        "--real-ip-from",
        from,
        "--real-ip-header",
        "X-Forwarded-For",
    ]
}

/// REMOTE_ADDR and REMOTE_PORT of a request with these fields.
#[track_caller]
fn remote(client: &mut Client, fields: &str) -> (String, String) {
    client.send(request("/", fields));
    let response = client.response().is(200);
    let param = |name: &str| response.param(name).expect(name);
    (param("REMOTE_ADDR"), param("REMOTE_PORT"))
}

#[test]
fn each_request_has_the_client_that_its_field_names() {
    let (_app, args) = echo();
    let args = args.iter().map(String::as_str);
    let gate = Gate::start(args.chain(forwarded("127.0.0.1")));
    let mut client = gate.client();
    let peer = remote(&mut client, "");
    assert_eq!(peer.0, "127.0.0.1");
    assert!(peer.1.parse::<u16>().is_ok_and(|port| port > 0));
    let long = format!("X-Forwarded-For: {}192.0.2.9\r\n", "1.1.1.1, ".repeat(200));
    for (fields, addr, port) in [
        ("X-Forwarded-For: 203.0.113.7\r\n", CLIENT, ""),
        (
            "X-Forwarded-For: 192.0.2.1, 203.0.113.7:4711\r\n",
            CLIENT,
            "4711",
        ),
        // Whoever had the connection before: the next request begins with the peer again.
        ("", "127.0.0.1", &peer.1),
        ("X-Forwarded-For: [2001:db8::7]:80\r\n", "2001:db8::7", "80"),
        ("x-forwarded-for: 2001:db8::8\r\n", "2001:db8::8", ""),
        (
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: ::ffff:203.0.113.7\r\n",
            CLIENT,
            "",
        ),
        (
            "X-Forwarded-For: 192.0.2.1, unknown\r\n",
            "127.0.0.1",
            &peer.1,
        ),
        ("X-Forwarded-For:\r\n", "127.0.0.1", &peer.1),
        ("X-Real-IP: 192.0.2.1\r\n", "127.0.0.1", &peer.1),
        (&long, "192.0.2.9", ""),
        // A client can not have the field of its proxy taken away.
        (
            "X-Forwarded-For: 203.0.113.7\r\nConnection: x-forwarded-for\r\n",
            CLIENT,
            "",
        ),
    ] {
        let expected = (addr.to_owned(), port.to_owned());
        assert_eq!(remote(&mut client, fields), expected, "{fields:?}");
    }
    gate.stop().clean();
}

#[test]
fn a_peer_that_is_not_listed_is_not_believed_and_its_field_goes_on() {
    let (_app, args) = echo();
    let args = args.iter().map(String::as_str);
    let gate = Gate::start(args.chain(forwarded("192.0.2.0/24")).chain([
        "--real-ip-from",
        "2001:db8::/32",
        "--real-ip-from",
        "unix:",
    ]));
    let mut client = gate.client();
    let field = "X-Forwarded-For: 203.0.113.7, 192.0.2.1\r\n";
    client.send(request("/", field));
    let response = client.response().is(200);
    assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some("127.0.0.1"));
    assert_eq!(
        response.param("HTTP_X_FORWARDED_FOR").as_deref(),
        Some("203.0.113.7, 192.0.2.1")
    );
}

#[test]
fn any_field_can_be_named_and_a_network_believed() {
    let (_app, args) = echo();
    let args = args.iter().map(String::as_str);
    let gate = Gate::start(args.chain([
        "--real-ip-from",
        "127.0.0.0/8",
        "--real-ip-header",
        "X-Client",
    ]));
    let mut client = gate.client();
    let both = "X-Forwarded-For: 192.0.2.1\r\nx-client: 203.0.113.7\r\n";
    assert_eq!(remote(&mut client, both).0, CLIENT);
}

#[test]
fn access_rules_hold_for_the_client() {
    let rules = ["--allow", CLIENT, "--deny", "all"];
    let named = "X-Forwarded-For: 203.0.113.7\r\n";
    for (from, fields, status) in [
        ("127.0.0.1", named, 200),
        ("127.0.0.1", "", 403),
        (
            "127.0.0.1",
            "X-Forwarded-For: 203.0.113.7, 203.0.113.8\r\n",
            403,
        ),
        ("192.0.2.1", named, 403),
    ] {
        let (app, args) = echo();
        let args = args.iter().map(String::as_str);
        let gate = Gate::start(args.chain(forwarded(from)).chain(rules));
        let mut client = gate.client();
        client.send(request("/", fields));
        client.response().is(status);
        assert_eq!(app.accepted(), usize::from(status == 200), "{fields:?}");
    }
}

#[test]
fn logs_speak_of_the_client() {
    let app = App::echo();
    let addr = app.addr();
    let dir = Temp::new();
    let log = dir.file("access.log");
    let gate = Gate::start(forwarded("127.0.0.1").into_iter().chain([
        "--log-level",
        "info",
        "--log-format",
        "short $status $request_uri $remote_addr [$remote_port]",
        "--access-log",
        &format!("{log} short"),
        "--location",
        "/",
        "--pass",
        &addr,
        "--location",
        "/closed",
        "--pass",
        &addr,
        "--deny",
        CLIENT,
    ]));
    let mut client = gate.client();
    let port = remote(&mut client, "").1;
    let named = "X-Forwarded-For: 203.0.113.7:4711\r\n";
    for (target, fields) in [
        ("/named", named),
        ("/closed", named),
        ("/no-port", "X-Forwarded-For: 203.0.113.7\r\n"),
        ("/peer", ""),
        ("/odd", "X-Forwarded-For: 203.0.113.7:4711\r\nX!Odd: 1\r\n"),
    ] {
        client.send(request(target, fields));
        client.response();
    }
    // What is no request names nobody.
    client.send("GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n");
    client.response().is(400);
    let line = gate.logs("fields with odd names dropped");
    assert!(line.contains("client 203.0.113.7:4711"), "{line}");
    let line = gate.logs("no Host field");
    assert!(line.contains(&format!("client 127.0.0.1:{port}")), "{line}");
    gate.stop();
    // A line is written after the last byte of its response: the next request may be faster.
    let log = std::fs::read_to_string(log).expect("the log");
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    let peer = format!("127.0.0.1 [{port}]");
    assert_eq!(
        lines,
        [
            &format!("200 / {peer}"),
            "200 /named 203.0.113.7 [4711]",
            "200 /no-port 203.0.113.7 []",
            "200 /odd 203.0.113.7 [4711]",
            &format!("200 /peer {peer}"),
            &format!("400 - {peer}"),
            "403 /closed 203.0.113.7 [4711]",
        ]
    );
}

#[test]
fn it_is_a_matter_of_the_server() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--server",
        "test",
        "--real-ip-from",
        "127.0.0.1",
        "--real-ip-header",
        "X-Forwarded-For",
        "--location",
        "/",
        "--pass",
        &addr,
        "--server",
        "other",
        "--location",
        "/",
        "--pass",
        &addr,
    ]);
    let mut client = gate.client();
    let named = "X-Forwarded-For: 203.0.113.7\r\n";
    assert_eq!(remote(&mut client, named).0, CLIENT);
    client.send(format!("GET / HTTP/1.1\r\nHost: other\r\n{named}\r\n"));
    let response = client.response().is(200);
    assert_eq!(response.param("REMOTE_ADDR").as_deref(), Some("127.0.0.1"));
    assert_eq!(remote(&mut client, named).0, CLIENT);
}

/// The client of a Unix socket has an address here, and a half-closed connection is a sign of having left on TCP; yet the
/// connection is a Unix socket still.
#[test]
fn the_transport_stays_what_it_is() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::script(move |scgi| {
        let (request, _) = scgi.all();
        let _ = gone.lock().expect("lock").recv();
        scgi.reply(request.get("REMOTE_ADDR"));
    });
    let gate = Starter::new()
        .unix()
        .args(["--pass", &app.addr()])
        .args(forwarded("unix:"))
        .start();
    let mut client = gate.client();
    client.send(request("/", "X-Forwarded-For: 203.0.113.7\r\n"));
    app.wait_accepted(1);
    client.half_close();
    gate.has_read_everything();
    drop(go);
    assert_eq!(client.response().is(200).text(), CLIENT);
    gate.stop().clean();
}

/// The bytes of the client decide, and not those of the proxy, which are the same for all.
#[test]
fn ip_hash_places_the_client() {
    let apps: Vec<App> = (0..4).map(|_| App::echo()).collect();
    let mut args: Vec<String> = ["--real-ip-from", "127.0.0.1", "--balance", "g ip_hash"]
        .map(str::to_owned)
        .to_vec();
    for app in &apps {
        args.extend(["--upstream".to_owned(), format!("g {}", app.addr())]);
    }
    args.extend(["--pass".to_owned(), "g".to_owned()]);
    let gate = Gate::start(args);
    let place = |client: &str| {
        let before: Vec<usize> = apps.iter().map(App::accepted).collect();
        let mut connection = gate.client();
        connection.send(request("/", &format!("X-Real-IP: {client}\r\n")));
        connection.response().is(200);
        let changed = |(app, before): (&App, &usize)| app.accepted() != *before;
        apps.iter()
            .zip(&before)
            .position(changed)
            .expect("a server")
    };
    let mut seen = [false; 4];
    for network in 0..32 {
        let here = place(&format!("203.0.{network}.7"));
        // IPv4 clients are told apart by three bytes (N40).
        assert_eq!(place(&format!("203.0.{network}.200")), here);
        seen[here] = true;
    }
    assert!(seen.iter().filter(|seen| **seen).count() > 1, "{seen:?}");
}

/// Orders are taken from the client that an `--allow` names, not from whoever shares its proxy.
#[test]
fn orders_are_taken_from_the_client() {
    let app = App::echo();
    let gate = Gate::start([
        "--real-ip-from",
        "127.0.0.1",
        "--upstream",
        &format!("g {}", app.addr()),
        "--location",
        "/status",
        "--status",
        "writable",
        "--allow",
        CLIENT,
        "--location",
        "/",
        "--pass",
        "g",
    ]);
    let order = |fields: &str| {
        let form = format!(
            "group=g&server={}&action=drain",
            app.addr().replace(':', "%3A").replace('/', "%2F")
        );
        let mut client = gate.client();
        client.send(format!(
            "POST /status HTTP/1.1\r\nHost: test\r\nAccept: application/json\r\n{fields}\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        ));
        client.response().status
    };
    assert_eq!(order(""), 403);
    assert_eq!(order("X-Real-IP: 203.0.113.8\r\n"), 403);
    assert_eq!(order(&format!("X-Real-IP: {CLIENT}\r\n")), 200);
}
