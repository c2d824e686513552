//! Methods that change things make what is stored invalid (Z54, RFC 9111 4.4).

use super::{Cached, Health, Origin};

const RULES: [&str; 2] = ["--cache-rules", "rfc9111"];
const GOOD: &str = "Cache-Control: max-age=100\r\n";

#[track_caller]
fn stored(targets: &[&str]) -> (Origin, Cached) {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &RULES);
    for target in targets {
        let path = target.split('?').next().expect("a path");
        origin.says(path, GOOD, "{n}");
        assert_eq!(cached.get(target).cache, "MISS");
        assert_eq!(cached.get(target).cache, "HIT");
    }
    (origin, cached)
}

#[test]
fn an_unsafe_method_makes_its_own_target_invalid() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "MKCOL"] {
        let (_origin, cached) = stored(&["/a", "/b"]);
        assert_eq!(
            cached.ask(method, "/a", "Content-Length: 0\r\n").status,
            200
        );
        assert_ne!(cached.get("/a").cache, "HIT", "{method}");
        assert_eq!(cached.get("/b").cache, "HIT", "{method}");
    }
}

/// A POST that may be kept itself is unsafe all the same.
#[test]
fn a_post_that_is_cached_makes_invalid_what_a_get_has() {
    let origin = Origin::new();
    let flags = [&RULES[..], &["--cache-methods", "GET HEAD POST"]].concat();
    let cached = Cached::start(&origin, &flags);
    origin.says("/a", GOOD, "{n}");
    cached.get("/a").is("MISS", "1");
    assert_eq!(cached.post("/a", "x").status, 200);
    assert_ne!(cached.get("/a").cache, "HIT");
}

/// A redirection after a POST is the usual case.
#[test]
fn a_redirection_makes_invalid_as_well() {
    let (origin, cached) = stored(&["/a"]);
    origin.says("/a", "Status: 303\r\nLocation: /done\r\n", "");
    assert_eq!(cached.post("/a", "x").status, 303);
    origin.says("/a", GOOD, "{n}");
    assert_ne!(cached.get("/a").cache, "HIT");
}

#[test]
fn safe_methods_and_errors_make_nothing_invalid() {
    let (origin, cached) = stored(&["/a"]);
    for method in ["OPTIONS", "HEAD", "GET"] {
        cached.ask(method, "/a", "");
    }
    assert_eq!(cached.get("/a").cache, "HIT");
    for status in [400, 403, 404, 500, 503] {
        origin.is(Health::Says(status));
        assert_eq!(cached.post("/a", "x").status, status);
        assert_eq!(cached.get("/a").cache, "HIT", "{status}");
    }
    origin.is(Health::Closes);
    assert_eq!(cached.post("/a", "x").status, 502);
    assert_eq!(cached.get("/a").cache, "HIT");
}

/// What the response names, where it is of the same origin.
#[test]
fn the_named_targets_become_invalid() {
    for (field, value, gone) in [
        ("Location", "/b", true),
        ("Location", "http://test/b", true),
        ("Content-Location", "/b", true),
        ("Location", "http://other/b", false),
        // What is behind a proxy for TLS has the same origin for its clients.
        ("Location", "https://test/b", true),
        ("Location", "/c", false),
        ("Location", "::", false),
    ] {
        let (origin, cached) = stored(&["/b"]);
        origin.says("/a", &format!("Status: 201\r\n{field}: {value}\r\n"), "");
        assert_eq!(cached.post("/a", "x").status, 201);
        let hit = cached.get("/b").cache == "HIT";
        assert_eq!(hit, !gone, "{field}: {value}");
    }
}

/// All variants of it.
#[test]
fn all_variants_become_invalid() {
    let origin = Origin::new();
    origin.says("/a", &format!("{GOOD}Vary: X-Kind\r\n"), "{n}");
    let cached = Cached::start(&origin, &RULES);
    for kind in ["1", "2"] {
        let fields = format!("X-Kind: {kind}\r\n");
        cached.get_with("/a", &fields).is("MISS", kind);
    }
    assert_eq!(cached.post("/a", "x").status, 200);
    for kind in ["1", "2"] {
        let fields = format!("X-Kind: {kind}\r\n");
        assert_ne!(cached.get_with("/a", &fields).cache, "HIT", "{kind}");
    }
}

/// The key may have more than the target: it is that of a GET of this client.
#[test]
fn keys_with_fields_and_cookies_become_invalid() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let key = ["--cache-key", "$request_uri,$http_x_user,$cookie_lang"];
    let cached = Cached::start(&origin, &[&RULES[..], &key].concat());
    let fields = |user| format!("X-User: {user}\r\nCookie: a=b; lang=en\r\n");
    cached.get_with("/a", &fields(1)).is("MISS", "1");
    cached.get_with("/a", &fields(2)).is("MISS", "2");
    let length = "Content-Length: 0\r\n";
    let post = cached.ask("POST", "/a", &[&fields(1), length].concat());
    assert_eq!(post.status, 200);
    cached.get_with("/a", &fields(1)).is("MISS", "4");
    cached.get_with("/a", &fields(2)).is("HIT", "2");
}

/// Z54: offered, not forced: nginx's rules make nothing invalid.
#[test]
fn the_rules_of_nginx_make_nothing_invalid() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let cached = Cached::start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    assert_eq!(cached.post("/a", "x").body, "2");
    cached.get("/a").is("HIT", "1");
}

/// What is on its way when the method changes things is old already.
#[test]
fn what_is_on_its_way_is_old_already() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let cached = Cached::start(&origin, &RULES);
    let latch = origin.holds("/a");
    let mut client = cached.client();
    super::ask(&mut client, "GET", "/a", "");
    origin.wait_asked("/a", 1);
    origin.holds_no_more("/a");
    assert_eq!(cached.post("/a", "x").status, 200);
    latch.open();
    assert_eq!(super::take(&mut client, "GET").body, "1");
    assert_ne!(cached.get("/a").body, "1");
}

/// What a redirect inside the gateway has led to is the response of the target as well.
#[test]
fn what_a_redirect_led_to_becomes_invalid() {
    let origin = Origin::new();
    let addr = origin.addr();
    for path in ["/a", "/b"] {
        origin.says(path, "X-Accel-Redirect: /in\r\n", "");
    }
    origin.says("/in", GOOD, "{n}");
    let flags = ["--location", "= /in", "--internal", "--pass", &addr];
    let cached = Cached::start(&origin, &[&RULES[..], &flags].concat());
    cached.get("/a").is("MISS", "1");
    cached.get("/b").is("MISS", "2");
    origin.says("/a", "", "changed");
    assert_eq!(cached.post("/a", "x").body, "changed");
    origin.says("/a", "X-Accel-Redirect: /in\r\n", "");
    cached.get("/a").is("MISS", "3");
    cached.get("/b").is("HIT", "2");
}
