//! Files served by scgate, held against nginx: the same requests for the same files, field by field.

#[path = "../common/mod.rs"]
mod common;

mod large;
mod table;

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::gate::{Front, Starter};
use common::nginx::Nginx;
use common::{Gate, Response, Temp, left_out};
use table::{Expect, Row, TABLE};

/// When the file was last modified: Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED: u64 = 784_111_777;

/// The files that both serve.
fn tree() -> Temp {
    let tree = Temp::new();
    let dir = |name: &str| std::fs::create_dir_all(tree.path().join(name)).expect("a directory");
    for name in ["www/dir/sub", "www/empty", "out"] {
        dir(name);
    }
    let digits: String = (0..100).map(|n| format!("{n:09}\n")).collect();
    let files = [
        ("www/f.txt", digits.as_str()),
        ("www/zero.txt", ""),
        ("www/one.txt", "1"),
        ("www/index.html", "<p>root\n"),
        ("www/dir/index.html", "<p>dir\n"),
        ("www/dir/sub/x.css", "a{}\n"),
        ("www/plain", "no extension\n"),
        ("www/a b+c.txt", "odd name\n"),
        ("www/\u{e9}.txt", "accent\n"),
        ("www/.hidden", "dot\n"),
        ("out/secret.txt", "outside\n"),
    ];
    for (name, content) in files {
        tree.write(name, content);
        let file = File::options().append(true).open(tree.file(name));
        let time = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        file.and_then(|f| f.set_modified(time)).expect("a time");
    }
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, tree.file(name)).expect("a link");
    };
    link("f.txt", "www/inside.txt");
    link("../out/secret.txt", "www/outside.txt");
    link("nowhere", "www/broken.txt");
    let fifo = std::process::Command::new("mkfifo")
        .arg(tree.file("www/fifo"))
        .status();
    assert!(fifo.expect("mkfifo").success());
    tree
}

fn gate(tree: &Temp, args: &[&str]) -> Gate {
    let root = tree.file("www");
    Starter::new()
        .unix()
        .args(["--location", "/", "--root", &root].iter().chain(args))
        .start()
}

/// Sends one row on a connection of its own.
fn ask(front: &Front, row: &Row) -> Response {
    let Front::Unix(path) = front else {
        panic!("both listen on Unix sockets");
    };
    let stream = std::os::unix::net::UnixStream::connect(path).expect("connect");
    let mut client = common::Client::new(common::Stream::Unix(stream));
    client.send(row.request());
    client.response_to(row.method)
}

/// What of two responses must be the same.
fn compared(response: &Response) -> Vec<(String, String)> {
    let mut seen = vec![("status".to_owned(), response.status.to_string())];
    let boundary = response
        .field("content-type")
        .and_then(|v| v.strip_prefix("multipart/byteranges; boundary="))
        .map(str::to_owned);
    let shown = |text: &str| match &boundary {
        Some(boundary) => text.replace(boundary, "BOUNDARY"),
        None => text.to_owned(),
    };
    let mut names = vec!["etag", "last-modified", "accept-ranges", "content-range"];
    // Pages of errors are each program's own.
    if response.status < 300 {
        names.extend(["content-type", "content-length"]);
        seen.push(("body".into(), shown(&response.text())));
    }
    for name in names {
        let value = response.field(name).map(shown);
        seen.push((name.into(), value.unwrap_or_default()));
    }
    // Absolute or not: what counts is the path.
    let location = response.field("location").unwrap_or_default();
    let path = location.split_once("://").map_or(location, |(_, rest)| {
        rest.find('/').map_or("", |at| &rest[at..])
    });
    seen.push(("location".into(), path.into()));
    seen
}

#[test]
fn each_request_is_answered_as_nginx_does_or_otherwise_on_purpose() {
    let tree = tree();
    let Some(nginx) = Nginx::serve(&format!("root {};", tree.file("www"))) else {
        return left_out("the comparison with nginx", "nginx is not installed");
    };
    let gate = gate(&tree, &[]);
    let mut wrong = Vec::new();
    for row in TABLE {
        let theirs = ask(&nginx.front(), row);
        let ours = ask(gate.front(), row);
        match row.expect {
            Expect::Same => {
                let (theirs, ours) = (compared(&theirs), compared(&ours));
                for (theirs, ours) in theirs.iter().zip(&ours).filter(|(a, b)| a != b) {
                    wrong.push(format!("{row}: nginx {theirs:?}, scgate {ours:?}"));
                }
                if theirs.len() != ours.len() {
                    wrong.push(format!("{row}: nginx {theirs:?}, scgate {ours:?}"));
                }
            }
            Expect::Other { why, nginx, scgate } => {
                let statuses = (theirs.status, ours.status);
                if statuses != (nginx, scgate) {
                    wrong.push(format!("{row}: {statuses:?}, but {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gate.stop();
}

#[test]
fn the_table_says_each_thing_once() {
    for (at, row) in TABLE.iter().enumerate() {
        let same = |other: &&Row| other.request() == row.request();
        assert!(
            !TABLE[..at].iter().any(|r| same(&r)),
            "{row} is there twice"
        );
        assert!(!row.request().contains('{'), "{row} has an unknown word");
    }
    let other = |row: &&Row| matches!(row.expect, Expect::Other { .. });
    assert!(TABLE.len() >= 60 && TABLE.iter().filter(other).count() >= 10);
}

/// RFC 9110 8.8.2.1, where nginx sends the file's time as it is.
#[test]
fn last_modified_is_never_in_the_future() {
    let tree = tree();
    let ahead = SystemTime::now() + Duration::from_secs(86_400);
    let file = File::options().append(true).open(tree.file("www/f.txt"));
    file.and_then(|f| f.set_modified(ahead)).expect("a time");
    let gate = gate(&tree, &[]);
    let response = gate.get("/f.txt").is(200);
    assert_eq!(response.field("last-modified"), response.field("date"));
}

#[test]
fn a_type_by_default_is_for_names_that_say_nothing() {
    let tree = tree();
    let gate = gate(&tree, &["--default-type", "application/octet-stream"]);
    let media = |path: &str| {
        gate.get(path)
            .is(200)
            .field("content-type")
            .map(str::to_owned)
    };
    assert_eq!(media("/plain").as_deref(), Some("application/octet-stream"));
    assert_eq!(media("/f.txt").as_deref(), Some("text/plain"));
    assert_eq!(media("/dir/sub/x.css").as_deref(), Some("text/css"));
}

#[test]
fn a_refusal_says_what_is_allowed_or_there() {
    let tree = tree();
    let gate = gate(&tree, &[]);
    let mut client = gate.client();
    let response = client.post("/f.txt", b"x").is(405);
    assert_eq!(response.field("allow"), Some("GET, HEAD"));
    let mut client = gate.client();
    client.send("GET /f.txt HTTP/1.1\r\nHost: test\r\nRange: bytes=5000-\r\n\r\n");
    let response = client.response().is(416);
    assert_eq!(response.field("content-range"), Some("bytes */1000"));
}

#[test]
fn the_alias_of_an_exact_location_is_the_file_itself() {
    let tree = tree();
    let file = tree.file("www/f.txt");
    let dir = tree.file("www/dir");
    let gate = Gate::start(
        [
            ["--location", "= /", "--alias", &file],
            ["--location", "= /deep/", "--alias", &file],
            ["--location", "= /plain", "--alias", &file],
            ["--location", "= /dir/", "--alias", &dir],
        ]
        .concat(),
    );
    for path in ["/", "/deep/", "/plain"] {
        let response = gate.get(path).is(200);
        assert_eq!(response.body.len(), 1000, "{path}");
        assert_eq!(response.field("content-type"), Some("text/plain"));
    }
    assert_eq!(gate.get("/dir/").is(200).text(), "<p>dir\n");
    assert_eq!(gate.get("/other").status, 404);
}
