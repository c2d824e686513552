//! Which error page, at which level, and the settings that hold for it.

use crate::common::Gate;
use crate::tree;

#[test]
fn a_level_with_a_page_inherits_none() {
    let dir = tree();
    let none = format!("unix:{}", dir.file("none.sock"));
    let say = ["--location", "/say", "--return", "200 x"];
    let outer = ["--error-page", "404 502 =210 /say", "--server", "a"];
    let rest = [
        "--location",
        "/own/",
        "--error-page",
        "404 =212 /say",
        "--location",
        "/own/dead",
        "--error-page",
        "404 =212 /say",
        "--pass",
        &none,
        "--location",
        "/dead",
        "--pass",
        &none,
        "--server",
        "b",
        "--error-page",
        "404 =211 /say",
    ];
    let dead = ["--location", "/dead", "--pass", &none, "--location", "/"];
    let args: Vec<&str> = [&outer[..], &["--location", "/"], &say, &rest, &dead, &say].concat();
    let gate = Gate::start(&args);
    for (host, path, status) in [
        ("a", "/x", 210),
        ("a", "/dead", 210),
        ("a", "/own/x", 212),
        ("a", "/own/dead", 502),
        ("b", "/x", 211),
        ("b", "/dead", 502),
    ] {
        let mut client = gate.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.response().status, status, "{host} {path}");
    }
}

#[test]
fn the_settings_of_the_page_s_location_hold() {
    let tree = tree();
    let root = tree.file("");
    let gate = Gate::start([
        "--error-page",
        "404 /404.html",
        "--add-header",
        "X-Where outside always",
        "--location",
        "/",
        "--location",
        "= /404.html",
        "--root",
        &root,
        "--add-header",
        "X-Where page-$status always",
        "--location",
        "@x",
        "--return",
        "200",
    ]);
    assert_eq!(gate.get("/x").is(404).head.all("x-where"), ["page-404"]);
}
