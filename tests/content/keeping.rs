//! Connections that go on after answers of the gateway's own, and what the log says of these.

use crate::common::http::Broken;
use crate::common::{App, Client, Gate, Pattern, Temp};
use crate::{asks, logged, logging};

const SIZE: usize = 700_000;

struct World {
    tree: Temp,
    _app: App,
    gate: Gate,
}

/// Every kind of answer that needs no application, and some that an application has asked for.
fn world(more: &[&str]) -> World {
    let tree = Temp::new();
    std::fs::create_dir(tree.path().join("dir")).expect("a directory");
    tree.write("a.txt", "0123456789");
    std::fs::write(tree.path().join("large"), Pattern::new().bytes(SIZE)).expect("a file");
    let (root, none) = (tree.file(""), format!("unix:{}", tree.file("none.sock")));
    let app = App::script(|scgi| {
        let (request, _) = scgi.all();
        let to = request.get("QUERY_STRING");
        scgi.send(format!("X-Accel-Redirect: {to}\r\n\r\n"));
    });
    let addr = app.addr();
    let args = [
        more,
        &[
            "--root",
            &root,
            "--location",
            "/",
            "--location",
            "/app/",
            "--pass",
            &addr,
            "--location",
            "/dead",
            "--pass",
            &none,
        ][..],
        &[
            "--location",
            "/shut",
            "--deny",
            "all",
            "--location",
            "/in",
            "--internal",
            "--return",
            "200 in",
            "--location",
            "/say",
            "--return",
            "200 said",
        ],
        &[
            "--location",
            "/none",
            "--return",
            "204",
            "--location",
            "/go",
            "--return",
            "301 /x",
            "--location",
            "/lost",
            "--return",
            "404 lost",
        ],
        &[
            "--location",
            "/paged",
            "--deny",
            "all",
            "--error-page",
            "403 =200 /a.txt",
            "--location",
            "/state",
            "--status",
            "on",
        ],
    ]
    .concat();
    let gate = logging(
        "$request_method $request_uri $http_range $status $body_bytes_sent $request_completion",
        &args,
    );
    World {
        tree,
        _app: app,
        gate,
    }
}

/// Method, target, fields, status, bytes of the body (0: not looked at).
type Row = (&'static str, &'static str, &'static str, u16, usize);

const ROWS: &[Row] = &[
    ("GET", "/a.txt", "", 200, 10),
    ("HEAD", "/a.txt", "", 200, 0),
    ("GET", "/large", "", 200, SIZE),
    ("GET", "/a.txt", "Range: bytes=2-3\r\n", 206, 2),
    ("GET", "/large", "Range: bytes=100-600099\r\n", 206, 600_000),
    ("GET", "/a.txt", "Range: bytes=2-3,5-5\r\n", 206, 0),
    ("GET", "/a.txt", "Range: bytes=10-\r\n", 416, 0),
    ("GET", "/a.txt", "If-None-Match: *\r\n", 304, 0),
    ("GET", "/a.txt", "If-Match: \"x\"\r\n", 412, 0),
    ("GET", "/nothing", "", 404, 0),
    ("GET", "/dir", "", 301, 0),
    ("GET", "/dir/", "", 403, 0),
    ("DELETE", "/a.txt", "", 405, 0),
    ("GET", "/app", "", 301, 0),
    ("GET", "/dead", "", 502, 0),
    ("GET", "/shut", "", 403, 0),
    ("GET", "/in", "", 404, 0),
    ("GET", "/say", "", 200, 4),
    ("HEAD", "/say", "", 200, 0),
    ("GET", "/none", "", 204, 0),
    ("GET", "/go", "", 301, 0),
    ("GET", "/lost", "", 404, 4),
    ("GET", "/paged", "", 200, 10),
    ("OPTIONS", "*", "", 204, 0),
    ("GET", "/state?format=json", "", 200, 0),
    ("GET", "/app/?/a.txt", "", 200, 10),
    ("GET", "/app/?/large", "", 200, SIZE),
    ("GET", "/app/?/in", "", 200, 2),
    ("GET", "/app/?/nothing", "", 404, 0),
    ("GET", "/app/?/../x", "", 404, 0),
    ("GET", "/app/?/dead", "", 502, 0),
];

fn request((method, target, fields, ..): &Row) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")
}

#[track_caller]
fn check(client: &mut Client, row: &Row) {
    let (method, target, fields, status, length) = row;
    let response = client.response_to(method);
    assert_eq!(response.status, *status, "{method} {target} {fields}");
    assert!(!response.head.closes(), "{method} {target} {fields}");
    if *length > 0 {
        assert_eq!(response.body.len(), *length, "{method} {target} {fields}");
    }
}

#[test]
fn one_connection_has_them_all_one_after_the_other() {
    let world = world(&[]);
    let mut client = world.gate.client();
    for _ in 0..2 {
        for row in ROWS {
            client.send(request(row));
            check(&mut client, row);
        }
    }
}

#[test]
fn they_can_be_asked_for_all_at_once() {
    let world = world(&[]);
    let mut client = world.gate.client();
    for _ in 0..3 {
        client.send(ROWS.iter().map(request).collect::<String>());
        for row in ROWS {
            check(&mut client, row);
        }
    }
    // Byte by byte the requests are the same.
    for byte in ROWS[..4].iter().map(request).collect::<String>().as_bytes() {
        client.send([*byte]);
    }
    for row in &ROWS[..4] {
        check(&mut client, row);
    }
}

#[test]
fn a_client_of_http_1_0_is_told_and_closed() {
    let world = world(&[]);
    for row in ROWS {
        let (method, target, fields, status, length) = row;
        if *target == "*" {
            continue;
        }
        let mut client = world.gate.client();
        for keep in ["Connection: keep-alive\r\n", ""] {
            client.send(format!(
                "{method} {target} HTTP/1.0\r\nHost: test\r\n{keep}{fields}\r\n"
            ));
            let response = client.response_to(method);
            assert_eq!(response.status, *status, "{target}");
            let kept = response.field("connection") == Some("keep-alive");
            assert_eq!(kept, !keep.is_empty(), "{target}");
            assert!(*length == 0 || response.body.len() == *length, "{target}");
        }
        client.closed();
    }
}

#[test]
fn a_client_that_wants_to_close_is_closed() {
    let world = world(&["--keepalive-requests", "2"]);
    for row in ROWS {
        let (method, target, fields, status, _) = row;
        let mut client = world.gate.client();
        let fields = format!("Connection: close\r\n{fields}");
        let response = asks(&mut client, method, target, &fields, b"");
        assert_eq!(
            (response.status, response.head.closes()),
            (*status, true),
            "{target}"
        );
    }
    let mut client = world.gate.client();
    client.get("/say").is(200);
    assert!(client.get("/a.txt").is(200).head.closes());
    let mut client = world.gate.client();
    client.get("/say").is(200);
    assert!(client.get("/app/?/a.txt").is(200).head.closes());
}

#[test]
fn the_log_tells_how_much_of_a_file_was_sent() {
    let world = world(&[]);
    let mut client = world.gate.client();
    for row in ROWS.iter().take(8) {
        client.send(request(row));
        check(&mut client, row);
    }
    let several = asks(
        &mut client,
        "GET",
        "/a.txt",
        "Range: bytes=2-3,5-5\r\n",
        b"",
    );
    let lost = client.get("/nothing").body.len();
    client.get("/app/?/large").is(200);
    drop(client);
    let line = |range: &str, target: &str, rest: &str| format!("{target} {range} {rest}");
    let wanted = [
        line("-", "GET /a.txt", "200 10 OK"),
        line("-", "HEAD /a.txt", "200 0 OK"),
        line("-", "GET /large", &format!("200 {SIZE} OK")),
        line("bytes=2-3", "GET /a.txt", "206 2 OK"),
        line("bytes=100-600099", "GET /large", "206 600000 OK"),
        line(
            "bytes=2-3,5-5",
            "GET /a.txt",
            &format!("206 {} OK", several.body.len()),
        ),
        line("-", "GET /a.txt", "304 0 OK"),
        line("-", "GET /nothing", &format!("404 {lost} OK")),
        line("-", "GET /app/?/large", &format!("200 {SIZE} OK")),
    ];
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    logged(world.gate, &wanted);
}

#[test]
fn the_log_tells_that_a_client_left() {
    let world = world(&[]);
    let large = world.tree.path().join("huge");
    let file = std::fs::File::create(large).expect("a file");
    file.set_len(300_000_000).expect("a size");
    for target in ["/huge", "/app/?/huge"] {
        let mut client = world.gate.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        assert_eq!(client.head().status, 200);
        drop(client);
    }
    let log = world.gate.stop().stdout;
    for target in ["/huge", "/app/?/huge"] {
        let start = format!("GET {target} - 200 ");
        let line = log.lines().find(|l| l.starts_with(&start));
        let rest = line.unwrap_or_else(|| panic!("no line {start:?} in {log}"));
        let sent = rest[start.len()..].trim_end();
        assert!(sent.parse::<u64>().is_ok_and(|n| n < 300_000_000), "{rest}");
    }
}

/// What a client is slow to take waits, and what it has asked for meanwhile follows.
#[test]
fn a_slow_client_gets_everything_in_order() {
    let world = world(&[]);
    let large = world.tree.path().join("huge");
    std::fs::write(large, Pattern::new().bytes(30_000_000)).expect("a file");
    for target in ["/huge", "/app/?/huge"] {
        let mut client = world.gate.client();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: test\r\n\r\nGET /say HTTP/1.1\r\nHost: test\r\n\r\n"
        ));
        let head = client.head();
        world.gate.has_read_everything();
        let (pattern, mut at) = (Pattern::new(), 0);
        client.body(&head, &mut |piece| {
            pattern.check(at, piece);
            at += piece.len() as u64;
        });
        assert_eq!(at, 30_000_000);
        assert_eq!(client.response().is(200).text(), "said");
    }
}

/// A file that shrinks under a response can not be completed, and that shows.
#[test]
fn a_file_that_shrinks_cuts_its_response() {
    let world = world(&[]);
    let path = world.tree.path().join("huge");
    std::fs::File::create(&path)
        .and_then(|f| f.set_len(300_000_000))
        .expect("a file");
    for target in ["/huge", "/app/?/huge"] {
        let mut client = world.gate.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = client.head();
        let open = || std::fs::OpenOptions::new().write(true).open(&path);
        open().and_then(|f| f.set_len(1000)).expect("shorter");
        let result = client.try_body(&head, &mut |_| {});
        assert!(matches!(result, Err(Broken::InBody(..))), "{result:?}");
        open().and_then(|f| f.set_len(300_000_000)).expect("longer");
    }
    world.gate.get("/say").is(200);
}
