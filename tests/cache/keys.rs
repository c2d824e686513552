//! Which requests share an entry, and which have nothing to do with the cache.

use super::{Cached, Origin, ask, take};

const VALID: [&str; 2] = ["--cache-valid", "200 10m"];

/// C1, Z37: nginx has no default key for SCGI; ours has all that a response can depend on by the address.
#[test]
fn the_default_key_is_the_whole_address() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "/a 1");
    cached.get("/a").is("HIT", "/a 1");
    cached.get("/a?x=1").is("MISS", "/a 2");
    cached.get("/a?x=2").is("MISS", "/a 3");
    cached.get("/a?x=1").is("HIT", "/a 2");
    let mut client = cached.client();
    client.send("GET /a HTTP/1.1\r\nHost: other\r\n\r\n");
    take(&mut client, "GET").is("MISS", "/a 4");
    cached.get("/a").is("HIT", "/a 1");
    assert_eq!(origin.asked("/a"), 4);
}

/// C2: the operator's key decides alone.
#[test]
fn requests_with_one_key_share_one_entry() {
    let origin = Origin::new();
    let cached = Cached::start(
        &origin,
        &["--cache-key", "$uri", "--cache-valid", "200 10m"],
    );
    cached.get("/a?x=1").is("MISS", "/a 1");
    cached.get("/a?x=2").is("HIT", "/a 1");
    cached.get("/b").is("MISS", "/b 1");
}

/// A decoded path can have line ends: it must not be taken for the entry of another method.
#[test]
fn no_path_stands_for_another_methods_entry() {
    let origin = Origin::new();
    origin.says("/a%0APOST", "", "of a GET");
    let cached = Cached::start(
        &origin,
        &[
            "--cache-key",
            "$host$uri",
            "--cache-valid",
            "200 10m",
            "--cache-methods",
            "GET POST",
        ],
    );
    cached.get("/a%0APOST");
    cached.post("/a", "").is("MISS", "/a 1");
}

/// C35, Z38: the application is asked with GET, so that HEAD cannot leave an entry without a body.
#[test]
fn a_head_fills_the_entry_for_get() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    let got = cached.ask("HEAD", "/a", "").with(200, "MISS", "");
    assert_eq!(got.field("content-length"), Some("4"));
    assert_eq!(origin.last("/a").method(), "GET");
    cached.get("/a").is("HIT", "/a 1");
    let got = cached.ask("HEAD", "/a", "").with(200, "HIT", "");
    assert_eq!(got.field("content-length"), Some("4"));
    assert_eq!(origin.asked("/a"), 1);
}

/// The same for what has no length of its own, on one connection, whose next response must not be disturbed by a body.
#[test]
fn a_head_for_a_response_without_a_length_leaves_the_connection_in_order() {
    let origin = Origin::new();
    origin.sends("/a", "Status: 200 OK\r\n\r\nuntil the end");
    let cached = Cached::start(&origin, &VALID);
    let mut client = cached.client();
    ask(&mut client, "HEAD", "/a", "");
    take(&mut client, "HEAD").with(200, "MISS", "");
    ask(&mut client, "GET", "/a", "");
    take(&mut client, "GET").is("HIT", "until the end");
    ask(&mut client, "HEAD", "/a", "");
    take(&mut client, "HEAD").with(200, "HIT", "");
    ask(&mut client, "GET", "/a", "");
    take(&mut client, "GET").is("HIT", "until the end");
}

/// C9, C12, and the default key's promise: POST has entries of its own, in which its body plays no part.
#[test]
fn a_listed_post_has_entries_apart_from_get() {
    let origin = Origin::new();
    let flags = [
        "--cache-methods",
        "GET HEAD POST",
        "--cache-valid",
        "200 10m",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.post("/a", "one").is("MISS", "/a 1");
    cached.get("/a").is("MISS", "/a 2");
    cached.post("/a", "two").is("HIT", "/a 1");
    cached.get("/a").is("HIT", "/a 2");
    assert_eq!(origin.asked("/a"), 2);
}

/// C12: no key knows the body of a GET, so it neither asks the cache nor fills it.
#[test]
fn a_get_with_a_body_passes_by() {
    let origin = Origin::new();
    for rules in ["nginx", "rfc9111"] {
        let flags = ["--cache-valid", "200 10m", "--cache-rules", rules];
        let cached = Cached::start(&origin, &flags);
        let target = format!("/{rules}");
        let with_body = || {
            let mut client = cached.client();
            client.send(format!(
                "GET {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nevil"
            ));
            take(&mut client, "GET").body
        };
        assert_eq!(with_body(), format!("{target} 1"));
        cached.get(&target).is("MISS", &format!("{target} 2"));
        assert_eq!(with_body(), format!("{target} 3"));
        cached.get(&target).is("HIT", &format!("{target} 2"));
    }
}

/// C12: who wants the body in the key puts it there.
#[test]
fn the_key_may_have_what_tells_bodies_apart() {
    let origin = Origin::new();
    let flags = [
        "--cache-methods",
        "POST",
        "--cache-key",
        "$request_uri:$content_length",
        "--cache-valid",
        "200 10m",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.post("/a", "one").is("MISS", "/a 1");
    cached.post("/a", "three").is("MISS", "/a 2");
    cached.post("/a", "two").is("HIT", "/a 1");
}

/// C9: other methods pass by, and the cache has no status for them.
#[test]
fn other_methods_pass_by() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "/a 1");
    for (n, method) in ["PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"]
        .iter()
        .enumerate()
    {
        let got = cached.ask(method, "/a", "Content-Length: 0\r\n");
        got.is("", &format!("/a {}", n + 2));
        assert_eq!(origin.last("/a").method(), *method);
    }
    cached.post("/a", "body").is("", "/a 7");
    assert_eq!(origin.last_body("/a"), b"body");
    cached.get("/a").is("HIT", "/a 1");
}

/// C10: the zone's name may come from variables.
#[test]
fn the_zone_may_come_from_the_request() {
    let origin = Origin::new();
    let addr = origin.addr();
    let flags = [
        "--location",
        "/",
        "--pass",
        &addr,
        "--cache",
        "$http_x_zone",
        "--cache-valid",
        "10m",
    ];
    let cached = Cached::start(&origin, &flags);
    cached.get("/a").is("", "/a 1");
    cached.get("/a").is("", "/a 2");
    cached.get_with("/a", "X-Zone: off\r\n").is("", "/a 3");
    cached.get_with("/a", "X-Zone: z\r\n").is("MISS", "/a 4");
    cached.get_with("/a", "X-Zone: z\r\n").is("HIT", "/a 4");
    assert_eq!(cached.get_with("/a", "X-Zone: none\r\n").status, 500);
    assert_eq!(origin.asked("/a"), 4);
}

/// C72: HTTP/1.0 gets a hit as well as anybody.
#[test]
fn a_client_of_http_1_0_is_served_hits() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "/a 1");
    let mut client = cached.client();
    client.send("GET /a HTTP/1.0\r\nHost: test\r\n\r\n");
    take(&mut client, "GET").is("HIT", "/a 1");
}

/// Requests that arrive together on one connection are answered in their order, from the cache or not.
#[test]
fn pipelined_hits_and_misses_keep_their_order() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &VALID);
    cached.get("/a").is("MISS", "/a 1");
    let mut client = cached.client();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    client.send([one("/a"), one("/b"), one("/a"), one("/c"), one("/b")].concat());
    for (cache, body) in [
        ("HIT", "/a 1"),
        ("MISS", "/b 1"),
        ("HIT", "/a 1"),
        ("MISS", "/c 1"),
        ("HIT", "/b 1"),
    ] {
        take(&mut client, "GET").is(cache, body);
    }
}
