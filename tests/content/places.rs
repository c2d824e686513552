//! Which location answers, and where it looks: `--auto-redirect`, `--internal`, `--alias`, `--default-type`.

use std::os::unix::fs::symlink;

use crate::asks;
use crate::common::{App, Gate, Temp};

#[test]
fn a_missing_slash_is_redirected_with_the_query() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--location",
        "/app/",
        "--pass",
        &addr,
        "--location",
        "'/a b\\\\é/'",
        "--pass",
        &addr,
        "--location",
        "/",
        "--return",
        "200 root",
    ]);
    let mut client = gate.client();
    for (target, location) in [
        ("/app", "/app/"),
        ("/app?", "/app/?"),
        ("/app?a=%20b&c", "/app/?a=%20b&c"),
        ("/%61pp", "/app/"),
        ("/x/../app", "/app/"),
        ("//app", "/app/"),
        // What another program could take for a slash, or for the end of the field, is encoded.
        ("/a%20b\\%C3%A9?x", "/a%20b%5C%C3%A9/?x"),
    ] {
        for method in ["GET", "HEAD", "DELETE"] {
            let response = asks(&mut client, method, target, "", b"").is(301);
            assert_eq!(
                response.field("location"),
                Some(location),
                "{method} {target}"
            );
        }
    }
    assert_eq!(
        asks(&mut gate.client(), "POST", "/app", "", b"hello")
            .is(301)
            .field("location"),
        Some("/app/")
    );
    for target in ["/app/", "/app/x"] {
        client.get(target).is(200).param("SCGI");
    }
    for target in ["/ap", "/apps", "/App"] {
        assert_eq!(client.get(target).is(200).text(), "root");
    }
    assert_eq!(app.accepted(), 2);
}

#[test]
fn a_location_of_just_that_path_goes_first() {
    let app = App::echo();
    let addr = app.addr();
    for own in ["= /app", "/app"] {
        let gate = Gate::start([
            "--location",
            "/app/",
            "--pass",
            &addr,
            "--location",
            own,
            "--return",
            "200 own",
        ]);
        assert_eq!(gate.get("/app").is(200).text(), "own");
        gate.get("/app/").is(200).param("SCGI");
    }
}

#[test]
fn the_flag_says_where_it_is_done() {
    let app = App::echo();
    let addr = app.addr();
    let tree = Temp::new();
    let (root, template) = (tree.file(""), format!("{addr}$arg_none"));
    for (flag, args, status) in [
        ("default", ["--pass", &addr], 301),
        ("off", ["--pass", &addr], 404),
        ("on", ["--pass", &addr], 301),
        ("default", ["--pass", &template], 404),
        ("on", ["--pass", &template], 301),
        ("default", ["--return", "200 x"], 404),
        ("on", ["--return", "200 x"], 301),
        ("default", ["--root", &root], 404),
        ("on", ["--root", &root], 301),
    ] {
        let location = [
            "--location",
            "/",
            "--location",
            "/app/",
            "--auto-redirect",
            flag,
        ];
        let gate = Gate::start(location.iter().chain(&args));
        assert_eq!(gate.get("/app").status, status, "{flag} {args:?}");
    }
}

#[test]
fn the_redirect_obeys_access_rules_and_internal() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--location",
        "/shut/",
        "--pass",
        &addr,
        "--deny",
        "all",
        "--location",
        "/in/",
        "--internal",
        "--pass",
        &addr,
    ]);
    gate.get("/shut").is(403);
    gate.get("/in").is(404);
}

#[test]
fn an_internal_location_is_404_from_outside_however_it_is_spelt() {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start([
        "--location",
        "/in",
        "--internal",
        "--pass",
        &addr,
        "--location",
        "= /exact",
        "--internal",
        "--return",
        "200 x",
        "--location",
        "/",
        "--return",
        "200 root",
    ]);
    let mut client = gate.client();
    for target in [
        "/in", "/in/x", "/%69n", "/x/../in", "//in", "/./in/", "/exact", "/exact?x", "/inner",
    ] {
        client.get(target).is(404);
    }
    for method in ["POST", "HEAD", "DELETE"] {
        asks(&mut gate.client(), method, "/in", "", b"").is(404);
    }
    assert_eq!(
        (client.get("/ex").text().as_str(), app.accepted()),
        ("root", 0)
    );
}

fn tree() -> Temp {
    let tree = Temp::new();
    for dir in ["data/sub", "secret"] {
        std::fs::create_dir_all(tree.path().join(dir)).expect("a directory");
    }
    tree.write("data/a.txt", "a");
    tree.write("data/plain", "plain");
    tree.write("data/sub/index.html", "index");
    tree.write("secret/s.txt", "secret");
    tree.write("s.txt", "beside");
    symlink("../secret/s.txt", tree.file("data/link.txt")).expect("a link");
    tree
}

/// Whatever a directory is called, its name can not end the field, nor be taken for another.
#[test]
fn an_odd_name_of_a_directory_is_encoded_in_its_redirect() {
    let tree = tree();
    for name in ["a\r\nX-A: b", "c\\d", "e?f#g%20", "\u{e9} \u{7f}"] {
        std::fs::create_dir(tree.path().join("data").join(name)).expect("a directory");
    }
    let root = tree.file("data");
    let gate = Gate::start(["--location", "/", "--root", &root]);
    let mut client = gate.client();
    for (target, location) in [
        ("/a%0D%0AX-A:%20b", "/a%0D%0AX-A:%20b/"),
        ("/c%5Cd", "/c%5Cd/"),
        ("/c\\d?q=\\", "/c%5Cd/?q=\\"),
        ("/e%3Ff%23g%2520", "/e%3Ff%23g%2520/"),
        ("/%C3%A9%20%7F", "/%C3%A9%20%7F/"),
    ] {
        let response = client.get(target).is(301);
        assert_eq!(
            (response.field("location"), response.field("x-a")),
            (Some(location), None)
        );
    }
}

#[test]
fn an_alias_stands_for_the_location() {
    let tree = tree();
    let (with, without) = (tree.file("data/"), tree.file("data"));
    for (location, alias) in [
        ("/i/", &with),
        ("/i/", &without),
        ("/i", &with),
        ("/i", &without),
    ] {
        let gate = Gate::start(["--location", location, "--alias", alias]);
        let mut client = gate.client();
        assert_eq!(
            client.get("/i/a.txt").is(200).text(),
            "a",
            "{location} {alias}"
        );
        assert_eq!(client.get("/i/sub/").is(200).text(), "index");
        assert_eq!(
            client.get("/i/sub?x=1").is(301).field("location"),
            Some("/i/sub/?x=1")
        );
        for target in [
            "/i/none",
            "/a.txt",
            "/i/s.txt",
            "/i/../s.txt",
            "/i/%2e%2e/s.txt",
            "/i/link.txt",
            "/i..%2fs.txt",
            "/i../s.txt",
            "/i%2e%2e/s.txt",
        ] {
            let response = client.get(target);
            assert_eq!(
                response.status,
                404,
                "{location} {target}: {}",
                response.text()
            );
        }
    }
    let gate = Gate::start(["--location", "= /one", "--alias", &tree.file("data/a.txt")]);
    assert_eq!(gate.get("/one").is(200).text(), "a");
    gate.get("/one/").is(404);
}

/// The text before the first variable, up to its last slash, is not left.
#[test]
fn no_value_leads_out_of_the_directory() {
    let tree = tree();
    let (root, alias) = (tree.file("data/$arg_d"), tree.file("data/$arg_d/"));
    let both = Gate::start([
        "--location",
        "/",
        "--root",
        &root,
        "--location",
        "/i/",
        "--alias",
        &alias,
    ]);
    let mut client = both.client();
    for (target, text) in [
        ("/a.txt?d=", "a"),
        ("/a.txt", "a"),
        ("/index.html?d=sub", "index"),
        ("/i/index.html?d=sub", "index"),
        ("/i/index.html?d=./sub", ""),
    ] {
        let response = client.get(target);
        assert_eq!(
            if response.status == 200 {
                response.text()
            } else {
                String::new()
            },
            text,
            "{target}"
        );
    }
    for d in [
        "..",
        "../secret",
        "sub/../../secret",
        "../data/../secret",
        "/../secret",
        "..%2fsecret",
        "/",
        "//",
    ] {
        for path in ["/s.txt", "/i/s.txt"] {
            client.get(&format!("{path}?d={d}")).is(404);
        }
    }
}

#[test]
fn a_default_type_is_inherited_and_is_for_names_that_say_nothing() {
    let tree = tree();
    let root = tree.file("data");
    let gate = Gate::start([
        "--default-type",
        "application/octet-stream",
        "--root",
        &root,
        "--location",
        "/",
        "--location",
        "/sub",
        "--default-type",
        "text/x",
        "--location",
        "= /plain",
        "--default-type",
        "'text/html; charset=utf-8'",
    ]);
    tree.write("data/other", "x");
    tree.write("data/sub/y", "y");
    let mut client = gate.client();
    for (path, media) in [
        ("/plain", "text/html; charset=utf-8"),
        ("/other", "application/octet-stream"),
        ("/sub/y", "text/x"),
        ("/a.txt", "text/plain"),
        ("/sub/", "text/html"),
    ] {
        assert_eq!(
            client.get(path).is(200).field("content-type"),
            Some(media),
            "{path}"
        );
    }
}
