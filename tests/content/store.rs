//! `--store`: responses become files (S1 to S10), and are served as such the next time.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::common::{App, Client, Gate, Pattern, Temp, until};
use crate::{asks, logged, logging};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const DATE_SECONDS: u64 = 784_111_777;

/// Answers with the path that it is asked for, or with what the query stands for (`|` between lines).
fn telling() -> App {
    App::with_log(|scgi, log| {
        let (request, _) = scgi.all();
        log(&request);
        let query = request
            .get("QUERY_STRING")
            .replace('|', "\r\n")
            .replace("%20", " ");
        let head = if query.contains(':') {
            query
        } else {
            format!("Last-Modified: {DATE}")
        };
        let told = format!("told {}", request.get("DOCUMENT_URI"));
        let text: Vec<u8> = format!("{head}\r\n\r\n{told}")
            .chars()
            .map(|c| c as u8)
            .collect();
        let _ = scgi.try_send(text);
    })
}

/// Files first, then the application, as the manual shows it.
pub fn recipe(dir: &Temp, app: &App, more: &[&str]) -> Gate {
    let (root, addr) = (dir.file("www"), app.addr());
    let alias = format!("{root}/");
    let _ = std::fs::create_dir(&root);
    let args = [
        &[
            "--root",
            &root,
            "--location",
            "/",
            "--error-page",
            "404 = /fetch$uri?$args",
        ][..],
        &[
            "--location",
            "/fetch/",
            "--internal",
            "--pass",
            &addr,
            "--alias",
            &alias,
            "--store",
            "on",
        ],
        more,
    ]
    .concat();
    logging("$request_uri $status $upstream_status", &args)
}

/// Every file below a directory, by its path there.
pub fn files(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(&next).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_dir() {
                dirs.push(entry.path());
            } else {
                let path = entry.path();
                let name = path.strip_prefix(dir).expect("below it");
                all.push(name.to_string_lossy().into_owned());
            }
        }
    }
    all.sort();
    all
}

#[track_caller]
fn read(dir: &Temp, name: &str) -> String {
    let path = dir.path().join("www").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn what_is_missing_is_fetched_kept_and_served_from_the_disk() {
    let (dir, app) = (Temp::new(), telling());
    let gate = recipe(&dir, &app, &[]);
    let mut client = gate.client();
    let first = client.get("/a/b.txt").is(200);
    assert_eq!(first.text(), "told /fetch/a/b.txt");
    assert_eq!(app.requests()[0].uri(), "/a/b.txt");
    for _ in 0..2 {
        let second = client.get("/a/b.txt").is(200);
        assert_eq!(second.body, first.body);
        assert_eq!(second.field("last-modified"), Some(DATE));
        assert_eq!(first.field("last-modified"), Some(DATE));
        assert!(second.field("etag").is_some());
    }
    asks(&mut client, "HEAD", "/a/b.txt", "", b"").is(200);
    asks(&mut client, "GET", "/a/b.txt", "Range: bytes=0-3\r\n", b"").is(206);
    asks(
        &mut client,
        "GET",
        "/a/b.txt",
        &format!("If-Modified-Since: {DATE}\r\n"),
        b"",
    )
    .is(304);
    assert_eq!(app.accepted(), 1);
    let file = dir.path().join("www/a/b.txt");
    let modified = file.metadata().and_then(|m| m.modified()).expect("a time");
    assert_eq!(modified, UNIX_EPOCH + Duration::from_secs(DATE_SECONDS));
    assert_eq!(files(dir.path()), ["www/a/b.txt"]);
    drop(client);
    logged(
        gate,
        &[
            "/a/b.txt 200 200",
            "/a/b.txt 200 -",
            "/a/b.txt 206 -",
            "/a/b.txt 304 -",
        ],
    );
}

/// With a template, for the path before the redirect has a variable, too.
#[test]
fn a_template_says_where_as_well() {
    let (dir, app) = (Temp::new(), telling());
    let root = dir.file("www");
    std::fs::create_dir(&root).expect("a directory");
    for store in [
        format!("{root}$original_uri"),
        "$document_root$original_uri".to_owned(),
    ] {
        let gate = Gate::start([
            "--root",
            &root,
            "--location",
            "/",
            "--error-page",
            "404 = /fetch$uri",
            "--location",
            "/fetch",
            "--internal",
            "--pass",
            &app.addr(),
            "--store",
            &store,
        ]);
        let name = format!("x{}/y z", store.len());
        let target = format!("/{}", name.replace(' ', "%20"));
        let before = app.accepted();
        for _ in 0..2 {
            assert_eq!(
                gate.get(&target).is(200).text(),
                format!("told /fetch/{name}")
            );
        }
        assert_eq!(
            (app.accepted(), read(&dir, &name)),
            (before + 1, format!("told /fetch/{name}"))
        );
    }
    // The application's own location can keep what it answers, too; an empty value keeps nothing.
    let gate = Gate::start([
        "--pass",
        &app.addr(),
        "--store",
        &format!("{root}/by/$arg_name"),
        "--root",
        &root,
    ]);
    gate.get("/q?name=n").is(200);
    assert_eq!(read(&dir, "by/n"), "told /q");
    let gate = Gate::start([
        "--map",
        "$arg_name $place '' '' default /nowhere",
        "--pass",
        &app.addr(),
        "--store",
        "$place",
    ]);
    gate.get("/q").is(200);
    gate.stop().clean();
}

#[test]
fn names_are_kept_as_they_are() {
    let (dir, app) = (Temp::new(), telling());
    let gate = recipe(&dir, &app, &[]);
    let mut client = gate.client();
    for (target, name) in [
        ("/a%20b", "a b"),
        ("/%3Fq%3D1", "?q=1"),
        ("/%2541", "%41"),
        ("/%25", "%"),
        ("/%C3%A9/%E2%82%AC", "é/€"),
        ("/%23", "#"),
        ("/a+b&c;d", "a+b&c;d"),
        ("/-x", "-x"),
        ("/.hidden", ".hidden"),
        ("/...", "..."),
        ("/a%5Cb", "a\\b"),
        ("/a%0Ab", "a\nb"),
        ("/%22%27%3C", "\"'<"),
        ("/$uri$", "$uri$"),
    ] {
        let before = app.accepted();
        let first = client.get(target).is(200);
        let second = client.get(target).is(200);
        assert_eq!(first.body, second.body, "{target}");
        assert_eq!(app.accepted(), before + 1, "{target}");
        assert_eq!(read(&dir, name).as_bytes(), first.body, "{target}");
    }
    // A query is not part of a name (S4).
    client.get("/with?a=b").is(200);
    assert_eq!(client.get("/with?c=d").is(200).text(), "told /fetch/with");
    assert_eq!(read(&dir, "with"), "told /fetch/with");
    drop(client);
    gate.stop().clean();
}

#[test]
fn rights_are_as_asked_for_whatever_the_umask() {
    for (access, file, directory) in [
        (None, 0o600, 0o700),
        (Some("user:rw group:r all:r"), 0o644, 0o755),
        (Some("group:rw all:rw"), 0o666, 0o777),
        (Some("user:r"), 0o400, 0o700),
        (Some("all:r"), 0o604, 0o705),
    ] {
        let (dir, app) = (Temp::new(), telling());
        let more: Vec<&str> = access.iter().flat_map(|a| ["--store-access", a]).collect();
        let gate = recipe(&dir, &app, &more);
        gate.get("/a/b/c").is(200);
        let mode = |name: &str| {
            let meta = std::fs::metadata(dir.file(name)).expect("it is there");
            meta.permissions().mode() & 0o7777
        };
        assert_eq!(mode("www/a/b/c"), file, "{access:?}");
        assert_eq!(
            (mode("www/a/b"), mode("www/a")),
            (directory, directory),
            "{access:?}"
        );
    }
}

#[test]
fn directories_are_made_from_the_base_on() {
    let (dir, app) = (Temp::new(), telling());
    for store in [
        dir.file("new/$arg_n"),
        dir.file("deep/er/base/x$uri"),
        dir.file("one"),
    ] {
        let gate = Gate::start([
            "--pass",
            &app.addr(),
            "--store",
            &store,
            "--store-access",
            "all:r",
        ]);
        gate.get("/y/z?n=a/b").is(200);
        gate.stop().clean();
    }
    let root = dir.file("root/dir");
    let gate = Gate::start(["--pass", &app.addr(), "--root", &root, "--store", "on"]);
    gate.get("/f").is(200);
    assert_eq!(
        files(dir.path()),
        ["deep/er/base/x/y/z", "new/a/b", "one", "root/dir/f"]
    );
    for (name, mode) in [
        ("deep", 0o705),
        ("deep/er/base", 0o705),
        ("new", 0o705),
        ("new/a", 0o705),
        ("root", 0o700),
    ] {
        let meta = std::fs::metadata(dir.file(name)).expect("it is there");
        assert_eq!(meta.permissions().mode() & 0o7777, mode, "{name}");
    }
}

/// S2 and Z58.
#[test]
fn only_a_buffered_200_to_get_is_kept() {
    let (dir, app) = (Temp::new(), telling());
    let root = dir.file("www");
    std::fs::create_dir(&root).expect("a directory");
    let addr = app.addr();
    let gate = Gate::start([
        "--root",
        &root,
        "--store",
        "on",
        "--location",
        "/",
        "--pass",
        &addr,
        "--location",
        "/un/",
        "--pass",
        &addr,
        "--buffering",
        "off",
        "--location",
        "/off/",
        "--pass",
        &addr,
        "--store",
        "off",
    ]);
    let mut client = gate.client();
    for (method, target) in [
        ("HEAD", "/head"),
        ("POST", "/post"),
        ("PUT", "/put"),
        ("DELETE", "/delete"),
        ("OPTIONS", "/options"),
        ("GET", "/201?Status:201"),
        ("GET", "/206?Status:206|Content-Range:bytes%200-0/1"),
        ("GET", "/301?Status:301|Location:/x"),
        ("GET", "/404?Status:404"),
        ("GET", "/500?Status:500"),
        ("GET", "/un/x"),
        ("GET", "/off/x"),
        ("GET", "/own?X-Accel-Buffering:no"),
        ("GET", "/accel?X-Accel-Redirect:/off/y"),
    ] {
        asks(&mut client, method, target, "", b"");
        assert_eq!(files(dir.path()), [""; 0], "{method} {target}");
    }
    client.get("/yes").is(200);
    client.get("/un/yes?X-Accel-Buffering:yes").is(200);
    assert_eq!(files(dir.path()), ["www/un/yes", "www/yes"]);
    drop(client);
    gate.stop().clean();
}

#[test]
fn every_byte_is_kept_whatever_the_framing_and_the_size() {
    const SIZES: [usize; 6] = [0, 1, 4096, 65_536, 300_000, 3_000_000];
    let pattern = Pattern::new();
    let app = App::script(|scgi| {
        let request = scgi.request();
        let uri = request.get("DOCUMENT_URI");
        let mut parts = uri.rsplit('/');
        let framing = parts.next().unwrap_or_default().to_owned();
        let size: usize = parts.next().and_then(|n| n.parse().ok()).expect("a size");
        let body = Pattern::new().bytes(size);
        match framing.as_str() {
            "length" => {
                scgi.send(format!(
                    "Content-Type: a/b\r\nContent-Length: {size}\r\n\r\n"
                ));
                scgi.send(body);
            }
            "chunked" => {
                scgi.send("Content-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n");
                for piece in body.chunks(7777) {
                    scgi.send(
                        [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
                    );
                }
                scgi.send("0\r\n\r\n");
            }
            _ => {
                scgi.send("Content-Type: a/b\r\n\r\n");
                scgi.send(body);
            }
        }
    });
    let dir = Temp::new();
    let gate = recipe(&dir, &app, &["--force-ranges", "on"]);
    let mut client = gate.client();
    for size in SIZES {
        for framing in ["length", "chunked", "close"] {
            let target = format!("/{size}/{framing}");
            // A part of it may be asked for: all of it is kept.
            let fields = if size > 10 && framing == "length" {
                "Range: bytes=5-8\r\n"
            } else {
                ""
            };
            let response = asks(&mut client, "GET", &target, fields, b"");
            assert_eq!(response.status == 206, !fields.is_empty());
            // With a part of it the client may be done before all of it has come.
            until("the file to be kept", || {
                dir.path().join("www").join(&target[1..]).exists()
            });
            let kept = std::fs::read(dir.path().join("www").join(&target[1..])).expect("a file");
            assert_eq!(kept.len(), size, "{target}");
            pattern.check(0, &kept);
            assert_eq!(client.get(&target).is(200).body, kept);
        }
    }
    assert_eq!(app.accepted(), 18);
    assert_eq!(files(dir.path()).len(), 18);
}

/// What a date is not, is the time of now.
#[test]
fn without_a_date_the_time_is_now() {
    let (dir, app) = (Temp::new(), telling());
    let gate = recipe(&dir, &app, &[]);
    let start = std::time::SystemTime::now() - Duration::from_secs(5);
    for target in [
        "/a?X-No:date",
        "/b?Last-Modified:never",
        "/c?Last-Modified:",
    ] {
        gate.get(target).is(200);
        let name = &target[1..2];
        let meta = std::fs::metadata(dir.file(&format!("www/{name}"))).expect("a file");
        assert!(meta.modified().expect("a time") > start, "{target}");
    }
}

/// Until then there is nothing, or what was there before.
#[test]
fn a_file_appears_when_it_is_complete() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let app = App::script(move |scgi| {
        scgi.request();
        scgi.send([&b"Content-Length: 2000000\r\n\r\n"[..], &[b'n'; 1_000_000]].concat());
        let _ = wait.lock().expect("lock").recv();
        scgi.send(vec![b'n'; 1_000_000]);
    });
    let dir = Temp::new();
    let root = dir.file("www");
    std::fs::create_dir(&root).expect("a directory");
    let gate = Gate::start(["--pass", &app.addr(), "--root", &root, "--store", "on"]);
    for (name, before) in [("none", None), ("old", Some("old"))] {
        if let Some(text) = before {
            dir.write("www/old", text);
        }
        let mut client = gate.client();
        client.send(format!("GET /{name} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = client.head();
        let first = client.some();
        assert!(!first.is_empty());
        let now = std::fs::read_to_string(dir.path().join("www").join(name)).ok();
        assert_eq!(now.as_deref(), before);
        go.send(()).expect("the application waits");
        let mut rest = first.len() as u64;
        assert_eq!(head.status, 200);
        while rest < 2_000_000 {
            rest += client.some().len() as u64;
        }
        // It is there before the last byte is.
        assert_eq!(read(&dir, name).len(), 2_000_000);
    }
    assert_eq!(files(dir.path()), ["www/none", "www/old"]);
}

#[test]
fn two_fetches_of_one_name_do_not_mix() {
    let app = App::script(|scgi| {
        let request = scgi.request();
        let which = request.get("QUERY_STRING");
        scgi.send("Content-Length: 500000\r\n\r\n");
        for _ in 0..500 {
            scgi.send(which.repeat(1000));
        }
    });
    let dir = Temp::new();
    let gate = recipe(&dir, &app, &[]);
    for round in 0..3 {
        let target = format!("/{round}");
        let mut clients: Vec<Client> = (0..4).map(|_| gate.client()).collect();
        for (at, client) in clients.iter_mut().enumerate() {
            client.send(format!("GET {target}?{at} HTTP/1.1\r\nHost: test\r\n\r\n"));
        }
        for client in &mut clients {
            let body = client.response().is(200).body;
            assert!(body.len() == 500_000 && body.iter().all(|b| *b == body[0]));
        }
        let kept = read(&dir, &target[1..]).into_bytes();
        assert!(kept.len() == 500_000 && kept.iter().all(|b| *b == kept[0]));
    }
    assert_eq!(files(dir.path()), ["www/0", "www/1", "www/2"]);
}
