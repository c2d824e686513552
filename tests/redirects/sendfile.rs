//! `--sendfile`: a file in place of the response, below one of the roots and nowhere else.

use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{App, Gate, Pattern, Temp};
use crate::{asks, logged, logging};

/// Answers with the fields that the query stands for: `|` between them, `TREE` for the directory.
fn told(tree: &Temp) -> App {
    let tree = tree.path().display().to_string();
    App::with_log(move |scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        let query = request.get("QUERY_STRING");
        let head = query
            .replace("TREE", &tree)
            .replace('|', "\r\n")
            .replace("%20", " ");
        // One character stands for each byte.
        let head: Vec<u8> = head.chars().map(|c| c as u8).collect();
        let _ = scgi.try_send([&head, &b"\r\n\r\nnot this"[..]].concat());
    })
}

/// `in/` is the root, `out/` is not.
fn files() -> Temp {
    let tree = Temp::new();
    for dir in ["in/dir", "out", "more"] {
        std::fs::create_dir_all(tree.path().join(dir)).expect("a directory");
    }
    tree.write("in/a.txt", "the file\n");
    tree.write("in/page.html", "<p>page\n");
    tree.write("in/dir/b", "deep\n");
    tree.write("in/?a b%41&\u{e9}", "odd\n");
    tree.write("out/secret", "secret\n");
    tree.write("more/c.txt", "more\n");
    tree.write("inner", "beside\n");
    let link = |to: &str, name: &str| symlink(to, tree.file(name)).expect("a link");
    link("a.txt", "in/inside");
    link("../out/secret", "in/outside");
    link("../out", "in/outdir");
    link("/etc/passwd", "in/absolute");
    tree
}

fn gate(app: &App, tree: &Temp, more: &[&str]) -> Gate {
    let (addr, root) = (app.addr(), tree.file("in"));
    let args = [
        "--pass",
        &addr,
        "--sendfile",
        "on",
        "--sendfile-root",
        &root,
    ];
    let args: Vec<&str> = args.iter().chain(more).copied().collect();
    logging(
        "$request_uri $status $body_bytes_sent $upstream_status",
        &args,
    )
}

#[test]
fn the_file_takes_the_place_of_the_body() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &[]);
    let mut client = gate.client();
    let response = client.get("/?X-Sendfile:TREE/in/a.txt").is(200);
    assert_eq!(
        (response.text().as_str(), response.field("content-type")),
        ("the file\n", Some("text/plain"))
    );
    assert_eq!(response.field("accept-ranges"), Some("bytes"));
    assert_eq!(response.field("x-sendfile"), None);
    for (name, text) in [
        ("dir/b", "deep\n"),
        ("inside", "the file\n"),
        ("?a%20b%41&\u{e9}", "odd\n"),
        ("dir//b", "deep\n"),
        ("./dir/b", "deep\n"),
    ] {
        assert_eq!(
            client
                .get(&format!("/?x-sendfile:TREE/in/{name}"))
                .is(200)
                .text(),
            text,
            "{name}"
        );
    }
    logged(gate, &["/?X-Sendfile:TREE/in/a.txt 200 9 200"]);
}

#[test]
fn status_type_and_other_fields_are_the_applications() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &["--hide-header", "X-Secret"]);
    let head = "Status:404%20Gone|Content-Type:text/own|X-Own:1|X-Secret:2|Set-Cookie:a=1|Set-Cookie:b=2|Cache-Control:private|\
        Content-Length:8|Content-Range:bytes%200-1/2|Accept-Ranges:none|ETag:\"own\"|Content-Disposition:attachment|X-Sendfile:TREE/in/a.txt";
    let response = gate.get(&format!("/?{head}")).is(404);
    assert_eq!(response.text(), "the file\n");
    for (name, value) in [
        ("content-type", Some("text/own")),
        ("x-own", Some("1")),
        ("x-secret", None),
        ("cache-control", Some("private")),
        ("content-disposition", Some("attachment")),
        ("content-length", Some("9")),
        ("content-range", None),
        ("accept-ranges", None),
    ] {
        assert_eq!(response.field(name), value, "{name}");
    }
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2"]);
    // Any method gets it, and a file has no tag but its own.
    let response = gate
        .client()
        .post("/?ETag:\"own\"|X-Sendfile:TREE/in/page.html", b"hello")
        .is(200);
    assert_eq!(
        (response.text().as_str(), response.field("content-type")),
        ("<p>page\n", Some("text/html"))
    );
    assert_ne!(response.field("etag"), Some("\"own\""));
}

#[test]
fn ranges_conditions_and_head_hold_for_the_file() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &[]);
    let mut client = gate.client();
    let target = "/?Content-Type:text/own|X-Sendfile:TREE/in/a.txt";
    let etag = client.get(target).field("etag").expect("a tag").to_owned();
    let response = asks(&mut client, "GET", target, "Range: bytes=4-7\r\n", b"").is(206);
    assert_eq!(
        (response.text().as_str(), response.field("content-range")),
        ("file", Some("bytes 4-7/9"))
    );
    assert_eq!(response.field("content-type"), Some("text/own"));
    let response = asks(&mut client, "GET", target, "Range: bytes=0-0,8-8\r\n", b"").is(206);
    assert!(
        response
            .text()
            .contains("Content-Type: text/own\r\nContent-Range: bytes 0-0/9\r\n\r\nt\r\n")
    );
    // Which parts go is not the application's to say.
    let parts = client.get("/?Status:206|X-Sendfile:TREE/in/a.txt").is(200);
    assert_eq!(parts.body.len(), 9);
    let response = asks(&mut client, "GET", target, "Range: bytes=9-\r\n", b"").is(416);
    assert_eq!(response.field("content-range"), Some("bytes */9"));
    let same = format!("If-None-Match: {etag}\r\n");
    assert!(
        asks(&mut client, "GET", target, &same, b"")
            .is(304)
            .body
            .is_empty()
    );
    asks(&mut client, "GET", target, "If-Match: \"x\"\r\n", b"").is(412);
    let response = asks(&mut client, "HEAD", target, "", b"").is(200);
    assert_eq!(response.field("content-length"), Some("9"));
    // What is no 200 is sent whole.
    let target = "/?Status:404|X-Sendfile:TREE/in/a.txt";
    let fields = format!("{same}Range: bytes=0-0\r\n");
    assert_eq!(
        asks(&mut client, "GET", target, &fields, b"")
            .is(404)
            .text(),
        "the file\n"
    );
    client.get(target).is(404);
}

/// A sentence of the log says why.
#[test]
fn what_is_not_below_a_root_is_502() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &["--sendfile-root", "/nowhere"]);
    let mut client = gate.client();
    for path in [
        "TREE/out/secret",
        "/etc/passwd",
        "TREE/inner",
        "TREE/in",
        "TREE/in/",
        "a.txt",
        "",
        "/",
        "TREE/in/../out/secret",
        "TREE/in/%2e%2e/out/secret",
    ] {
        let status = client.get(&format!("/?X-Sendfile:{path}")).status;
        assert!(matches!(status, 502 | 404), "{path}: {status}");
        // Below by its name alone is 404, which tells nothing.
        let beside = path.starts_with("TREE/in/") && path.len() > 8;
        assert_eq!(status == 404, beside, "{path}: {status}");
    }
    gate.logs("X-Sendfile \"/etc/passwd\": not below a --sendfile-root");
}

#[test]
fn no_link_leads_out() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &[]);
    let mut client = gate.client();
    for path in ["outside", "outdir/secret", "absolute"] {
        let response = client.get(&format!("/?X-Sendfile:TREE/in/{path}"));
        assert!(
            matches!(response.status, 404 | 502),
            "{path}: {}",
            response.status
        );
        assert!(!response.text().contains("secret") && !response.text().contains("root:"));
        gate.logs(&format!("in/{path}\": "));
    }
}

#[test]
fn without_a_root_everything_is_refused() {
    let tree = files();
    let app = told(&tree);
    let gate = Gate::start(["--pass", &app.addr(), "--sendfile", "on"]);
    let mut client = gate.client();
    for path in ["TREE/in/a.txt", "/etc/passwd"] {
        client.get(&format!("/?X-Sendfile:{path}")).is(502);
    }
    gate.logs("/in/a.txt\": not below a --sendfile-root");
}

#[test]
fn what_is_missing_or_no_file_is_an_error() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &[]);
    let mut client = gate.client();
    let more = "Content-Encoding:gzip|Content-Disposition:attachment|Cache-Control:max-age=9|Content-Type:text/own|Set-Cookie:a=1";
    for (path, status) in [("none", 404), ("dir", 403), ("a.txt/x", 404)] {
        let response = client
            .get(&format!("/?{more}|X-Sendfile:TREE/in/{path}"))
            .is(status);
        // They were about a file, and not about this page.
        for name in ["content-encoding", "content-disposition", "cache-control"] {
            assert_eq!(response.field(name), None, "{path}: {name}");
        }
        assert_eq!(response.head.all("set-cookie"), ["a=1"]);
        assert_eq!(
            response.field("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    client.get("/?X-Sendfile:TREE/in/a.txt").is(200);
}

#[test]
fn an_error_has_its_page() {
    let tree = files();
    let app = told(&tree);
    let (addr, root) = (app.addr(), tree.file("in"));
    let gate = Gate::start([
        "--location",
        "/",
        "--pass",
        &addr,
        "--sendfile",
        "on",
        "--sendfile-root",
        &root,
        "--error-page",
        "404 502 =200 /in/page.html",
        "--location",
        "/in/",
        "--root",
        &tree.file(""),
    ]);
    let mut client = gate.client();
    for path in ["TREE/in/none", "TREE/out/secret"] {
        let response = client
            .get(&format!("/?Content-Type:text/own|X-Sendfile:{path}"))
            .is(200);
        assert_eq!(
            (response.text().as_str(), response.field("content-type")),
            ("<p>page\n", Some("text/html"))
        );
    }
}

#[test]
fn several_roots_and_roots_by_another_name_work() {
    let tree = files();
    let app = told(&tree);
    symlink("more", tree.file("alias")).expect("a link");
    let gate = gate(&app, &tree, &["--sendfile-root", &tree.file("alias")]);
    let mut client = gate.client();
    for path in ["in/a.txt", "alias/c.txt", "more/c.txt"] {
        client.get(&format!("/?X-Sendfile:TREE/{path}")).is(200);
    }
    client.get("/?X-Sendfile:TREE/out/secret").is(502);
}

#[test]
fn off_the_field_goes_to_the_client_and_another_can_be_the_one() {
    let tree = files();
    let app = told(&tree);
    let gate = Gate::start(["--pass", &app.addr()]);
    let response = gate.get("/?X-Sendfile:TREE/in/a.txt").is(200);
    assert_eq!(
        (response.text().as_str(), response.field("x-sendfile")),
        ("not this", Some(tree.file("in/a.txt").as_str()))
    );
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--sendfile",
        "X-LIGHTTPD-send-file",
        "--sendfile-root",
        &tree.file("in"),
    ]);
    let mut client = gate.client();
    let response = client.get("/?x-lighttpd-send-file:TREE/in/a.txt").is(200);
    assert_eq!(
        (
            response.text().as_str(),
            response.field("x-lighttpd-send-file")
        ),
        ("the file\n", None)
    );
    assert_eq!(
        client.get("/?X-Sendfile:TREE/in/a.txt").is(200).text(),
        "not this"
    );
}

#[test]
fn it_goes_before_location_and_after_accel_redirect() {
    let tree = files();
    let app = told(&tree);
    let gate = gate(&app, &tree, &[]);
    let response = gate.get("/?Location:/x|X-Sendfile:TREE/in/a.txt");
    assert_eq!(response.text(), "the file\n");
    assert_eq!(response.field("location"), None);
    gate.get("/?X-Accel-Redirect:/files/../x|X-Sendfile:TREE/in/a.txt")
        .is(404);
}

#[test]
fn a_large_file_arrives_whole_and_the_body_it_replaces_stalls_nobody() {
    let tree = files();
    let pattern = Pattern::new();
    let size = 5_000_000;
    std::fs::write(tree.path().join("in/large"), pattern.bytes(size)).expect("a file");
    let path = tree.file("in/large");
    let app = App::script(move |scgi| {
        scgi.request();
        scgi.send(format!("X-Sendfile: {path}\r\n\r\n"));
        while scgi.try_send([b'x'; 65536]).is_ok() {}
    });
    let gate = gate(&app, &tree, &[]);
    let mut client = gate.client();
    for _ in 0..2 {
        let response = client.get("/").is(200);
        assert_eq!(response.body.len(), size);
        pattern.check(0, &response.body);
    }
}

/// Ends the loop of another thread, also when a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A directory below the root is a link to the outside half of the time: no moment shows what is there.
#[test]
fn a_race_by_renaming_does_not_escape() {
    let tree = files();
    tree.write("out/b", "secret\n");
    symlink("../out", tree.file("in/link")).expect("a link");
    let app = told(&tree);
    let gate = gate(&app, &tree, &["--keepalive-requests", "10000"]);
    let stop = AtomicBool::new(false);
    let path = |name: &str| tree.path().join("in").join(name);
    let swap = || {
        for (from, to) in [
            ("dir", "old"),
            ("link", "dir"),
            ("dir", "link"),
            ("old", "dir"),
        ] {
            std::fs::rename(path(from), path(to)).expect("a rename");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                swap();
            }
        });
        let _ends = Ends(&stop);
        let mut client = gate.client();
        let mut seen = [0; 2];
        while seen.iter().any(|count| *count < 200) {
            assert!(
                seen.iter().sum::<usize>() < 9000,
                "no race took place: {seen:?}"
            );
            let response = client.get("/?X-Sendfile:TREE/in/dir/b");
            let found = response.status == 200;
            if found {
                assert_eq!(response.text(), "deep\n");
            } else {
                // 503: the kernel could not be sure again and again.
                assert!(matches!(response.status, 404 | 503), "{}", response.status);
            }
            seen[usize::from(found)] += 1;
        }
    });
}
