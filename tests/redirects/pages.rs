//! `--error-page` in all its forms (S28 to S32), for errors that are the gateway's own.

use crate::common::{App, Gate, Temp};
use crate::{Answers, app, asks, logged, logging, tree};

/// `/none/` lacks everything, `/dead/` has no application, `/shut/` lets nobody in, `/pages/` are files, `/app/` and `@app` an
/// application.
fn gate(tree: &Temp, app: &App, pages: &[&str]) -> Gate {
    let (addr, root, empty) = (app.addr(), tree.file(""), tree.file("empty"));
    let dead = format!("unix:{}", tree.file("none.sock"));
    let mut args: Vec<&str> = pages
        .iter()
        .flat_map(|page| ["--error-page", page])
        .collect();
    args.extend(["--root", &root]);
    args.extend([
        "--location",
        "/none/",
        "--root",
        &empty,
        "--location",
        "/dead/",
        "--pass",
        &dead,
    ]);
    args.extend([
        "--location",
        "/shut/",
        "--deny",
        "all",
        "--location",
        "/pages/",
        "--alias",
        &root,
    ]);
    args.extend([
        "--location",
        "/app/",
        "--pass",
        &addr,
        "--location",
        "@app",
        "--pass",
        &addr,
    ]);
    args.extend([
        "--location",
        "/said",
        "--return",
        "200 '$request_method $uri $args'",
        "--location",
        "/moved",
        "--return",
        "301 /x",
    ]);
    args.extend(["--location", "/files/"]);
    logging("$request_uri $status $upstream_status", &args)
}

const ANSWERS: Answers = &[
    (
        "/app/page",
        "Status: 203 Other\r\nContent-Type: text/page\r\n\r\npage",
    ),
    ("/app/untyped", "Status: 200 OK\r\n\r\npage"),
    (
        "/app/typed404",
        "X-Accel-Redirect: /none/x\r\nContent-Type: text/own\r\n\r\n",
    ),
    (
        "/app/ranged",
        "Status: 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
    ),
    (
        "/app/broken",
        "Status: 500 Oh\r\nContent-Type: text/page\r\n\r\nbroken",
    ),
    ("/app/dead", "no head"),
];

#[test]
fn the_status_is_the_errors_or_the_one_that_is_given_or_the_targets() {
    let (tree, app) = (tree(), app(ANSWERS));
    for (how, files, page) in [
        ("", 404, 404),
        ("=200", 200, 200),
        ("=410", 410, 410),
        ("=", 200, 203),
    ] {
        let gate = gate(
            &tree,
            &app,
            &[
                &format!("404 {how} /pages/404.html"),
                &format!("502 {how} /app/page"),
            ],
        );
        let mut client = gate.client();
        let response = client.get("/none/x").is(files);
        assert_eq!(
            (response.text().as_str(), response.field("content-type")),
            ("<p>lost\n", Some("text/html"))
        );
        let status = if how.is_empty() { 502 } else { page };
        let response = client.get("/dead/x").is(status);
        assert_eq!(
            (response.text().as_str(), response.field("content-type")),
            ("page", Some("text/page")),
            "{how}"
        );
        // A reason phrase is its own status's.
        assert_eq!(status == 203, response.head.reason == "Other");
        logged(gate, &[&format!("/dead/x {status} 502 : 203")]);
    }
}

#[test]
fn a_path_is_asked_for_by_get_and_without_the_body() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["404 502 = /app/x?u=$uri&a=$args"]);
    for path in ["/none/a%20b?c=d", "/dead/a%20b?c=d"] {
        let mut client = gate.client();
        let response = asks(
            &mut client,
            "POST",
            path,
            "Content-Type: text/body\r\n",
            b"hello",
        )
        .is(200);
        let param = |name| response.param(name).unwrap_or_default();
        assert_eq!(
            (param("REQUEST_METHOD"), param("DOCUMENT_URI")),
            ("GET".into(), "/app/x".into())
        );
        assert_eq!(
            param("QUERY_STRING"),
            format!("u=/{}/a%20b&a=c=d", &path[1..5])
        );
        assert_eq!(
            (param("CONTENT_LENGTH"), param("CONTENT_TYPE")),
            ("0".into(), String::new())
        );
        assert_eq!(param("REQUEST_URI"), path);
        let mut client = gate.client();
        assert!(
            asks(&mut client, "HEAD", path, "", b"")
                .is(200)
                .body
                .is_empty()
        );
        assert_eq!(
            app.requests().last().map(|r| r.method()).as_deref(),
            Some("HEAD")
        );
    }
}

#[test]
fn a_name_gets_the_request_with_its_body() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["403 404 405 502 = @app"]);
    // Files are for GET and HEAD: a POST of what is there is an error, too.
    for path in [
        "/none/a?c=d",
        "/dead/a?c=d",
        "/shut/a?c=d",
        "/pages/404.html?c=d",
    ] {
        for body in [&b"hello"[..], &[b'x'; 200_000]] {
            let mut client = gate.client();
            let response = asks(
                &mut client,
                "POST",
                path,
                "Content-Type: text/body\r\n",
                body,
            )
            .is(200);
            let param = |name| response.param(name).unwrap_or_default();
            assert_eq!(
                (param("REQUEST_METHOD"), param("REQUEST_URI")),
                ("POST".into(), path.into())
            );
            assert_eq!(
                (param("QUERY_STRING"), param("CONTENT_TYPE")),
                ("c=d".into(), "text/body".into())
            );
            assert_eq!(param("CONTENT_LENGTH"), body.len().to_string());
            // Its body has been read, so that there may be more.
            client.get("/said").is(200);
        }
    }
    gate.stop();
}

#[test]
fn a_name_keeps_the_status_unless_told_otherwise() {
    let (tree, app) = (tree(), app(ANSWERS));
    for (how, status) in [("", 502), ("=", 200), ("=299", 299)] {
        let gate = gate(&tree, &app, &[&format!("502 {how} @app")]);
        assert!(
            gate.get("/dead/x")
                .is(status)
                .text()
                .contains("DOCUMENT_URI=/dead/x\n"),
            "{how}"
        );
    }
}

#[test]
fn a_url_sends_the_client_there() {
    let (tree, app) = (tree(), app(ANSWERS));
    for (how, status) in [
        ("", 302),
        ("=301", 301),
        ("=302", 302),
        ("=303", 303),
        ("=307", 307),
        ("=308", 308),
    ] {
        let gate = gate(
            &tree,
            &app,
            &[&format!("404 502 {how} http://other$request_uri")],
        );
        let mut client = gate.client();
        for path in ["/none/a%20b?c=d", "/dead/x"] {
            let location = format!("http://other{path}");
            assert_eq!(
                client.get(path).is(status).field("location"),
                Some(location.as_str())
            );
        }
    }
    let gate = gate(&tree, &app, &["404 $scheme://$host/x"]);
    assert_eq!(
        gate.get("/none/x").is(302).field("location"),
        Some("http://test/x")
    );
}

/// The text that a path stands for decoded can not end the field.
#[test]
fn a_url_can_not_be_split() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["404 http://other$uri?$args"]);
    let response = gate.get("/none/a%0d%0aSet-Cookie:%20x=1%3fb?c%0d").is(302);
    assert_eq!(
        response.field("location"),
        Some("http://other/none/a%0D%0ASet-Cookie:%20x=1%3Fb?c%0d")
    );
    assert_eq!(response.field("set-cookie"), None);
}

#[test]
fn the_first_page_that_names_a_code_is_taken() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["403 404 =210 /said", "404 502 =211 /said"]);
    let mut client = gate.client();
    for (path, status) in [
        ("/none/x", 210),
        ("/shut/x", 210),
        ("/dead/x", 211),
        ("/said", 200),
    ] {
        client.get(path).is(status);
    }
}

/// A page that is missing does not make a 502 a 404.
#[test]
fn without_the_page_the_error_stays_what_it_was() {
    let (tree, app) = (tree(), app(ANSWERS));
    for target in [
        "/none/page",
        "/dead/page",
        "/shut/page",
        "/app/dead",
        "@app",
    ] {
        let gate = gate(&tree, &app, &[&format!("403 404 502 {target}")]);
        let mut client = gate.client();
        for (path, status) in [("/none/x", 404), ("/dead/x", 502), ("/shut/x", 403)] {
            let response = client.get(path).is(status);
            let told = target == "@app";
            assert_eq!(
                response.text().contains("<small>scgate</small>"),
                !told,
                "{target} {path}"
            );
        }
    }
    // With a status of the target's own, that is it.
    let gate = gate(&tree, &app, &["502 = /none/page"]);
    gate.get("/dead/x").is(404);
}

/// With what belongs to it.
#[test]
fn without_the_page_the_error_keeps_its_fields_and_its_cause() {
    let (tree, app) = (tree(), app(ANSWERS));
    for target in ["/none/page", "/shut/page"] {
        let gate = gate(&tree, &app, &[&format!("405 416 502 {target}")]);
        let past = "Range: bytes=99-\r\n";
        let response = asks(&mut gate.client(), "GET", "/files/a.txt", past, b"").is(416);
        assert_eq!(response.field("content-range"), Some("bytes */9"));
        let response = asks(&mut gate.client(), "PUT", "/files/a.txt", "", b"").is(405);
        assert_eq!(response.field("allow"), Some("GET, HEAD"));
        assert!(gate.get("/dead/x").is(502).text().contains("ENOENT"));
    }
}

#[test]
fn an_error_of_the_page_has_no_page() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["404 = /dead/y", "502 =200 /said"]);
    gate.get("/none/x").is(502);
    gate.get("/dead/x").is(200);
    // An application's own error is what it says.
    let gate = self::gate(&tree, &app, &["404 = /app/broken", "500 =200 /said"]);
    assert_eq!(gate.get("/none/x").is(500).text(), "broken");
}

#[test]
fn a_target_that_is_none_leaves_the_error_and_is_said_in_the_log() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(
        &tree,
        &app,
        &["404 =200 /pages/$arg_name", "502 /$arg_name"],
    );
    let mut client = gate.client();
    assert_eq!(
        client.get("/none/x?name=404.html").is(200).text(),
        "<p>lost\n"
    );
    for name in ["..", "../x", "%2e%2e/x", "%00", "%zz"] {
        client.get(&format!("/none/x?name={name}")).is(404);
        client.get(&format!("/dead/x?name={name}")).is(502);
    }
    gate.logs("--error-page for 404: \"/pages/..\": the target of the redirect is no local URI");
}

/// The redirect is the client's, and no longer an error.
#[test]
fn a_page_that_is_a_redirect_keeps_its_status() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["404 /moved", "502 /pages/dir"]);
    let mut client = gate.client();
    assert_eq!(client.get("/none/x").is(301).field("location"), Some("/x"));
    assert_eq!(
        client.get("/dead/x").is(301).field("location"),
        Some("/pages/dir/")
    );
}

#[test]
fn a_page_has_its_own_type() {
    let (tree, app) = (tree(), app(ANSWERS));
    for page in ["/pages/404.html", "/app/untyped"] {
        let gate = gate(&tree, &app, &[&format!("404 {page}")]);
        let response = gate.get("/app/typed404").is(404);
        assert_ne!(response.field("content-type"), Some("text/own"), "{page}");
    }
}

#[test]
fn a_file_as_a_page_is_sent_whole() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(&tree, &app, &["404 /pages/404.html"]);
    let fields = "Range: bytes=0-1\r\nIf-None-Match: *\r\n";
    let response = asks(&mut gate.client(), "GET", "/none/x", fields, b"");
    assert_eq!(response.is(404).text(), "<p>lost\n");
}

/// The same from an application with `--force-ranges`.
#[test]
fn forced_ranges_are_not_for_error_pages() {
    let (tree, app) = (tree(), app(ANSWERS));
    let (addr, none) = (app.addr(), format!("unix:{}", tree.file("none.sock")));
    let gate = Gate::start([
        "--force-ranges",
        "on",
        "--error-page",
        "404 /app/ranged",
        "--error-page",
        "502 = /app/ranged",
        "--location",
        "/",
        "--location",
        "/dead",
        "--pass",
        &none,
        "--location",
        "/app/",
        "--pass",
        &addr,
    ]);
    let mut client = gate.client();
    for range in ["0-1", "20-30"] {
        let fields = format!("Range: bytes={range}\r\n");
        assert_eq!(
            asks(&mut client, "GET", "/x", &fields, b"").is(404).text(),
            "0123456789"
        );
    }
    assert_eq!(
        asks(&mut client, "GET", "/dead", "Range: bytes=0-1\r\n", b"")
            .is(206)
            .text(),
        "01"
    );
}

#[test]
fn errors_of_files_have_pages() {
    let (tree, app) = (tree(), app(ANSWERS));
    let gate = gate(
        &tree,
        &app,
        &[
            "404 =220 /said",
            "403 =221 /said",
            "405 =222 /said",
            "412 =223 /said",
            "416 =224 /said",
        ],
    );
    for (method, path, fields, status) in [
        ("GET", "/files/none", "", 220),
        ("GET", "/files/dir/", "", 221),
        ("PUT", "/files/a.txt", "", 222),
        ("GET", "/files/a.txt", "If-Match: \"x\"\r\n", 223),
        ("GET", "/files/a.txt", "Range: bytes=9-\r\n", 224),
        ("GET", "/files/a.txt", "", 200),
    ] {
        let response = asks(&mut gate.client(), method, path, fields, b"").is(status);
        if status > 200 {
            assert_eq!(response.text(), "GET /said ");
            assert_eq!(response.field("content-range"), None);
        }
    }
}
