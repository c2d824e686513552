//! What goes from a response with X-Accel-Redirect into the final one (S14).

use crate::accel::world;
use crate::common::Gate;
use crate::{app, tree};

#[test]
fn certain_fields_go_along_and_no_others() {
    let world = world(&[]);
    let response = world.gate.get("/app/fields").is(200);
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2"]);
    for (name, value) in [
        ("content-type", Some("text/own")),
        ("cache-control", Some("max-age=5")),
        ("expires", Some("Sun, 06 Nov 1994 08:49:37 GMT")),
        ("content-disposition", Some("attachment")),
        ("content-length", Some("9")),
        ("x-own", None),
        ("content-language", None),
        ("content-encoding", None),
        ("x-accel-redirect", None),
    ] {
        assert_eq!(response.field(name), value, "{name}");
    }
    assert_ne!(response.field("etag"), Some("\"own\""));
}

/// Z59, where nginx carries them all the same.
#[test]
fn what_is_hidden_does_not_go_along() {
    let hide = [
        "Set-Cookie",
        "Content-Type",
        "Cache-Control",
        "Content-Disposition",
        "Expires",
    ];
    let hide: Vec<&str> = hide
        .iter()
        .flat_map(|name| ["--hide-header", name])
        .collect();
    let world = world(&hide);
    let response = world.gate.get("/app/fields").is(200);
    for name in [
        "set-cookie",
        "cache-control",
        "content-disposition",
        "expires",
    ] {
        assert_eq!(response.head.all(name), [""; 0], "{name}");
    }
    assert_eq!(response.field("content-type"), Some("text/plain"));
}

#[test]
fn of_two_values_the_targets_own_holds_but_cookies_add_up() {
    let world = world(&[]);
    let response = world.gate.get("/app/both").is(202);
    assert_eq!(response.field("cache-control"), Some("max-age=1"));
    let mut cookies = response.head.all("set-cookie");
    cookies.sort_unstable();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[test]
fn a_type_goes_along_to_a_target_that_says_none() {
    let world = world(&[]);
    let mut client = world.gate.client();
    let response = client.get("/app/untyped").is(200);
    assert_eq!(
        (response.field("content-type"), response.text().as_str()),
        (Some("text/own"), "untyped")
    );
    // Nor is one invented for what has no content.
    assert_eq!(
        client.get("/app/empty204").is(204).field("content-type"),
        None
    );
}

#[test]
fn a_limit_of_the_first_response_holds_for_the_last() {
    let tree = tree();
    tree.write("files/large", &"0123456789".repeat(30_000));
    let app = app(&[
        (
            "/slow",
            "X-Accel-Limit-Rate: 200000\r\nX-Accel-Redirect: /files/large\r\n\r\n",
        ),
        (
            "/odd",
            "X-Accel-Limit-Rate: many\r\nX-Accel-Redirect: /files/large\r\n\r\n",
        ),
        (
            "/none",
            "X-Accel-Limit-Rate: 0\r\nX-Accel-Redirect: /files/large\r\n\r\n",
        ),
    ]);
    let files = tree.file("files/");
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &app.addr(),
        "--location",
        "/files/",
        "--internal",
        "--alias",
        &files,
    ]);
    let mut client = gate.client();
    let start = std::time::Instant::now();
    assert_eq!(client.get("/slow").is(200).body.len(), 300_000);
    assert!(start.elapsed().as_millis() >= 900, "{:?}", start.elapsed());
    for path in ["/odd", "/none"] {
        assert_eq!(client.get(path).is(200).body.len(), 300_000);
    }
}

/// N51: the cookie names the server that the answer came from, and no other.
#[test]
fn one_cookie_binds_the_client_whatever_the_passes() {
    let app = app(&[("/", "Set-Cookie: own=1\r\nX-Accel-Redirect: /to/x\r\n\r\n")]);
    let addr = app.addr();
    let one = format!("one {addr} route=a");
    let two = format!("two {addr} route=b");
    for (second, cookies) in [
        ("one", vec!["own=1", "srv=a"]),
        ("two", vec!["other=b", "own=1", "srv=a"]),
    ] {
        let gate = Gate::start([
            "--upstream",
            &one,
            "--upstream",
            &two,
            "--sticky",
            "one cookie srv",
            "--sticky",
            "two cookie other",
            "--location",
            "/",
            "--pass",
            "one",
            "--location",
            "/to/",
            "--pass",
            second,
        ]);
        let response = gate.get("/").is(200);
        let mut seen: Vec<&str> = response.head.all("set-cookie");
        seen.iter_mut()
            .for_each(|c| *c = c.split(';').next().unwrap_or(c));
        seen.sort_unstable();
        assert_eq!(seen, cookies, "{second}");
    }
}

#[test]
fn an_earlier_response_can_be_spoken_of() {
    let world = world(&[]);
    assert_eq!(
        world.gate.get("/app/tagged").is(200).field("x-seen"),
        Some("mine")
    );
}
