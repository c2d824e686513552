//! How bodies come and go: without a length, cut short, large, for clients that leave or do not read (C37, C77, C96).

use super::{Cached, Origin, ask, take};
use crate::common::http::Broken;
use crate::common::{App, Pattern, until};

const VALID: [&str; 2] = ["--cache-valid", "any 10m"];

/// C37: the end of the connection is the end of a body without a length; stored, it has one.
#[test]
fn a_body_until_the_end_is_stored_with_its_length() {
    let origin = Origin::new();
    origin.sends("/a", "Status: 200 OK\r\n\r\nuntil the end");
    origin.sends("/none", "Status: 200 OK\r\n\r\n");
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "until the end");
    let got = cached.get("/a").is("HIT", "until the end");
    assert_eq!(got.field("content-length"), Some("13"));
    cached.get("/none").is("MISS", "");
    let got = cached.get("/none").is("HIT", "");
    assert_eq!(got.field("content-length"), Some("0"));
}

/// A body that goes on as it comes does so where there is a cache, too, unless the cache has something to do with it.
#[test]
fn an_upload_goes_on_as_it_comes() {
    let origin = Origin::new();
    let app = App::script(|scgi| {
        if scgi.try_request().is_ok() {
            drop(scgi.try_send("Status: 200\r\nContent-Length: 2\r\n\r\nok"));
        }
    });
    let addr = app.addr();
    let flags = [
        "--cache-purge",
        "$http_x_purge",
        "--location",
        "/up",
        "--request-buffering",
        "off",
        "--pass",
        &addr,
    ];
    let cached = Cached::start(&origin, &flags);
    let mut client = cached.client();
    ask(&mut client, "POST", "/up", "Content-Length: 1000\r\n");
    client.send("the beginning");
    take(&mut client, "POST").with(200, "", "ok");
}

/// F: why a response was not stored is said at level debug.
#[test]
fn the_log_says_why_nothing_was_stored() {
    let origin = Origin::new();
    let good = "Status: 200 OK\r\nX-Accel-Expires: 100\r\n";
    origin.sends("/cut", format!("{good}Content-Length: 9\r\n\r\ncut"));
    origin.sends("/long", format!("{good}Content-Length: 4\r\n\r\nlonger"));
    origin.says("/else", "X-Accel-Redirect: /b\r\n", "");
    let cases = [
        (
            "/cut",
            "--error-page",
            "599 /",
            "the response was cut short",
        ),
        (
            "/long",
            "--error-page",
            "599 /",
            "it was longer than announced",
        ),
        ("/else", "--error-page", "599 /", "something else answers"),
        ("/a", "--cache-min-uses", "2", "--cache-min-uses"),
        (
            "/a",
            "--cache-max-range-offset",
            "0",
            "--cache-max-range-offset",
        ),
        ("/a", "--no-cache", "1", "--no-cache"),
        ("/a", "--error-page", "599 /", "nothing gives it a time"),
    ];
    for (target, flag, value, why) in cases {
        let cached = Cached::start(&origin, &["--log-level", "debug", flag, value]);
        let mut client = cached.client();
        ask(&mut client, "GET", target, "Range: bytes=1-\r\n");
        drop(client.try_response("GET"));
        let line = cached.gate().logs("not stored: ");
        assert!(line.contains(" debug ") && line.contains(why), "{line}");
    }
}

/// Z14: chunks of the application are taken apart before they are stored, or refused; never content.
#[test]
fn chunks_of_the_application_are_not_content() {
    let origin = Origin::new();
    let head = "Status: 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    origin.sends("/a", format!("{head}4\r\nfour\r\n3\r\n!!!\r\n0\r\n\r\n"));
    origin.sends("/cut", format!("{head}4\r\nfour\r\n3\r\n!"));
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "four!!!");
    let got = cached.get("/a").is("HIT", "four!!!");
    assert_eq!(got.field("content-length"), Some("7"));
    assert_eq!(got.field("transfer-encoding"), None);
    for n in 1..3 {
        let mut client = cached.client();
        ask(&mut client, "GET", "/cut", "");
        assert!(client.try_response("GET").is_err());
        assert_eq!(origin.asked("/cut"), n);
    }
}

/// C37: what is cut short is never stored.
#[test]
fn a_body_that_was_cut_short_is_never_stored() {
    let origin = Origin::new();
    let sizes = [(100, 50), (1, 0), (3_000_000, 2_999_999)];
    let cached = Cached::start(&origin, &VALID);
    for (length, sent) in sizes {
        let path = format!("/{length}");
        let head = format!("Status: 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let body = Pattern::new().bytes(sent);
        origin.sends(&path, [head.as_bytes(), &body].concat());
        for n in 1..4 {
            let mut client = cached.client();
            ask(&mut client, "GET", &path, "");
            match client.try_response("GET") {
                Err(Broken::InBody(_, got)) => assert!(body.starts_with(&got)),
                other => panic!("{path}: {other:?}"),
            }
            assert_eq!(origin.asked(&path), n);
        }
    }
    assert_eq!(cached.files(), [""; 0]);
}

/// Bodies of all kinds of sizes come back as they were.
#[test]
fn bodies_of_any_size_come_back() {
    let origin = Origin::new();
    let sizes = [
        0,
        1,
        4095,
        4096,
        4097,
        65_535,
        65_536,
        65_537,
        131_073,
        1 << 20,
        5_000_001,
    ];
    for size in sizes {
        origin.says(&format!("/{size}"), "", Pattern::new().bytes(size));
    }
    let cached = Cached::start(&origin, &VALID);
    for cache in ["MISS", "HIT", "HIT"] {
        let mut client = cached.client();
        for size in sizes {
            let got = client.get(&format!("/{size}"));
            assert_eq!(got.field("x-cache"), Some(cache), "{size}");
            assert_eq!(got.body.len(), size);
            Pattern::new().check(0, &got.body);
        }
    }
}

/// A head with many fields is stored with all of them.
#[test]
fn all_fields_come_back() {
    let origin = Origin::new();
    let fields: String = (0..60).map(|n| format!("X-F{n}: {n}\r\n")).collect();
    let fields = format!("{fields}X-Twice: 1\r\nX-Twice: 2\r\nContent-Type: a/b; c=d\r\n");
    origin.says("/a", &fields, "a");
    let cached = Cached::start(&origin, &VALID);
    for cache in ["MISS", "HIT"] {
        let got = cached.get("/a").is(cache, "a");
        for n in 0..60 {
            let name = format!("x-f{n}");
            assert_eq!(got.field(&name), Some(n.to_string().as_str()));
        }
        assert_eq!(got.head.all("x-twice"), ["1", "2"]);
        assert_eq!(got.field("content-type"), Some("a/b; c=d"));
    }
}

/// A client that leaves while the cache is filled does not stop it.
#[test]
fn a_fill_outlives_its_client() {
    for size in [100, 3_000_000] {
        let body = Pattern::new().bytes(size);
        let origin = Origin::new();
        origin.says("/a", "", &body);
        let latch = origin.holds_half("/a");
        let cached = Cached::start(&origin, &VALID);
        let mut client = cached.client();
        ask(&mut client, "GET", "/a", "");
        origin.wait_asked("/a", 1);
        client.head();
        cached.gate().sees_off(client);
        latch.open();
        cached.wait_files(1);
        let got = cached.client().get("/a");
        assert_eq!(got.field("x-cache"), Some("HIT"));
        assert!(got.body == body);
        assert_eq!(origin.asked("/a"), 1);
    }
}

/// Nor does one that leaves before there is a head.
#[test]
fn a_fill_outlives_a_client_that_leaves_early() {
    let origin = Origin::new();
    let latch = origin.holds("/a");
    let cached = Cached::start(&origin, &VALID);
    let mut client = cached.client();
    ask(&mut client, "GET", "/a", "");
    origin.wait_asked("/a", 1);
    cached.gate().sees_off(client);
    latch.open();
    cached.wait_files(1);
    cached.get("/a").is("HIT", "/a 1");
}

/// A client that does not read holds neither the fill nor the others up.
#[test]
fn a_client_that_does_not_read_holds_nobody_up() {
    let body = Pattern::new().bytes(30_000_000);
    let origin = Origin::new();
    origin.says("/a", "", &body);
    let cached = Cached::start(&origin, &["--cache-valid", "200 10m", "--cache-lock", "on"]);
    let mut slow = cached.client();
    ask(&mut slow, "GET", "/a", "");
    origin.wait_asked("/a", 1);
    cached.wait_files(1);
    let got = cached.client().get("/a");
    assert_eq!(got.field("x-cache"), Some("HIT"));
    assert!(got.body == body);
    assert!(slow.response().body == body);
}

/// Clients that read one entry at the same time, some of whom leave.
#[test]
fn many_read_one_entry_at_once() {
    let body = Pattern::new().bytes(2_000_000);
    let origin = Origin::new();
    origin.says("/a", "", &body);
    let cached = Cached::start(&origin, &VALID);
    assert!(cached.client().get("/a").body == body);
    let mut clients: Vec<_> = (0..20).map(|_| cached.client()).collect();
    for client in &mut clients {
        ask(client, "GET", "/a", "");
    }
    for (n, client) in clients.iter_mut().enumerate() {
        match n % 3 {
            0 => drop(client.head()),
            _ => assert!(client.response().body == body),
        }
    }
    drop(clients);
    assert_eq!(take_one(&cached), body.len());
    assert_eq!(origin.asked("/a"), 1);
}

fn take_one(cached: &Cached) -> usize {
    let mut client = cached.client();
    ask(&mut client, "HEAD", "/a", "");
    let got = take(&mut client, "HEAD").with(200, "HIT", "");
    let length = got.field("content-length").and_then(|l| l.parse().ok());
    length.expect("a length")
}

/// C98: a reader keeps what it began to read, whatever takes its place meanwhile.
#[test]
fn a_reader_keeps_what_it_began() {
    let (old, new) = (vec![b'o'; 20_000_000], vec![b'n'; 20_000_000]);
    let origin = Origin::new();
    origin.says("/a", "", &old);
    let flags = [&VALID[..], &["--cache-bypass", "$http_x_fresh"]].concat();
    let cached = Cached::start(&origin, &flags);
    assert!(cached.client().get("/a").body == old);
    let mut reader = cached.client();
    ask(&mut reader, "GET", "/a", "");
    let head = reader.head();
    origin.says("/a", "", &new);
    let mut client = cached.client();
    ask(&mut client, "GET", "/a", "X-Fresh: 1\r\n");
    assert!(client.response().body == new);
    until("the new response to be stored", || {
        cached.client().get("/a").body == new
    });
    let mut got = Vec::new();
    reader.body(&head, &mut |piece| got.extend_from_slice(piece));
    assert!(got == old);
}
