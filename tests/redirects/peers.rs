//! Held against nginx with the same configuration: the same requests, the same answers, or others on purpose.

use crate::common::nginx::Nginx;
use crate::common::{Client, Gate, Response, Temp, left_out};
use crate::{Answers, app, asks, tree};

const ANSWERS: Answers = &[
    (
        "/app/file",
        "Status: 200 OK\r\nContent-Type: text/first\r\nX-Accel-Redirect: /files/a.txt\r\n\r\nnot this",
    ),
    (
        "/app/fields",
        "Status: 201 Made\r\nContent-Type: text/first\r\nX-Accel-Redirect: /files/a.txt\r\nSet-Cookie: a=1\r\n\
      Set-Cookie: b=2\r\nX-Own: 1\r\nCache-Control: max-age=5\r\nExpires: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
      Content-Disposition: attachment\r\nETag: \"x\"\r\nContent-Language: de\r\nLocation: http://x/\r\n\r\n",
    ),
    ("/app/again", "X-Accel-Redirect: /to/plain?a=%20b\r\n\r\n"),
    (
        "/app/odd",
        "X-Accel-Redirect: /to/a%20b%C3%A9%3Fc%25?x=%20&y\r\n\r\n",
    ),
    ("/app/bare", "X-Accel-Redirect: /to/a b\r\n\r\n"),
    (
        "/app/typed",
        "Content-Type: text/first\r\nX-Accel-Redirect: /to/untyped\r\n\r\n",
    ),
    (
        "/app/both",
        "Content-Type: text/first\r\nSet-Cookie: a=1\r\nCache-Control: no-store\r\nX-Accel-Redirect: /to/typed\r\n\r\n",
    ),
    ("/to/untyped", "Status: 200 OK\r\n\r\nuntyped"),
    (
        "/to/typed",
        "Status: 202 Later\r\nContent-Type: text/second\r\nSet-Cookie: b=2\r\nCache-Control: max-age=1\r\n\r\ntyped",
    ),
    (
        "/app/missing",
        "Content-Type: text/first\r\nContent-Disposition: attachment\r\nCache-Control: max-age=9\r\nSet-Cookie: a=1\r\n\
      X-Accel-Redirect: /files/none\r\n\r\n",
    ),
    (
        "/app/missing2",
        "Content-Type: text/first\r\nX-Accel-Redirect: /paged/none\r\n\r\n",
    ),
    ("/app/up", "X-Accel-Redirect: /files/../a.txt\r\n\r\n"),
    ("/app/up2", "X-Accel-Redirect: /files/%2e%2e/a.txt\r\n\r\n"),
    ("/app/up3", "X-Accel-Redirect: /files/x/..\r\n\r\n"),
    ("/app/nul", "X-Accel-Redirect: /files/a.txt%00\r\n\r\n"),
    ("/app/empty", "X-Accel-Redirect:\r\n\r\n"),
    ("/app/query", "X-Accel-Redirect: ?a\r\n\r\n"),
    ("/app/relative", "X-Accel-Redirect: files/a.txt\r\n\r\n"),
    ("/app/percent", "X-Accel-Redirect: /files/a%zz\r\n\r\n"),
    ("/app/hash", "X-Accel-Redirect: /to/a#b?c\r\n\r\n"),
    (
        "/app/said",
        "Content-Type: text/first\r\nX-Accel-Redirect: /say\r\n\r\n",
    ),
    ("/app/moved", "X-Accel-Redirect: /gone\r\n\r\n"),
    (
        "/app/404",
        "Status: 404 Not Found\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/204",
        "Status: 204 No Content\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/302",
        "Location: http://x/\r\nX-Accel-Redirect: /files/a.txt\r\n\r\n",
    ),
    (
        "/app/named",
        "Status: 200 OK\r\nX-Accel-Redirect: @name\r\n\r\n",
    ),
    (
        "/app/nameless",
        "Status: 200 OK\r\nX-Accel-Redirect: @none\r\n\r\n",
    ),
    ("/app/loop", "X-Accel-Redirect: /app/loop\r\n\r\n"),
    ("/app/dir", "X-Accel-Redirect: /files/dir\r\n\r\n"),
    (
        "/app/own404",
        "Status: 404 Not Found\r\nContent-Type: text/own\r\nX-Own: 1\r\n\r\nmine",
    ),
    (
        "/caught/404",
        "Status: 404 Not Found\r\nContent-Type: text/own\r\nX-Own: 1\r\nSet-Cookie: a=1\r\n\r\nmine",
    ),
    (
        "/caught/401",
        "Status: 401 Who\r\nWWW-Authenticate: Basic realm=a\r\nWWW-Authenticate: Other\r\nX-Own: 1\r\n\r\nmine",
    ),
    (
        "/caught/403",
        "Status: 403 No\r\nWWW-Authenticate: Basic realm=a\r\n\r\nmine",
    ),
    (
        "/caught/500",
        "Status: 500 Oh\r\nContent-Type: text/own\r\n\r\nmine",
    ),
    (
        "/caught/503",
        "Status: 503 Oh\r\nRetry-After: 9\r\n\r\nmine",
    ),
    (
        "/caught/418",
        "Status: 418 Pot\r\nContent-Type: text/own\r\n\r\nmine",
    ),
    (
        "/caught/301",
        "Status: 301 There\r\nLocation: http://x/\r\n\r\nmine",
    ),
    (
        "/caught/302",
        "Status: 302 There\r\nLocation: http://x/\r\n\r\nmine",
    ),
    (
        "/caught/accel",
        "Status: 404 No\r\nX-Accel-Redirect: /files/a.txt\r\n\r\nmine",
    ),
    (
        "/caught/accel2",
        "Status: 418 No\r\nX-Accel-Redirect: /files/a.txt\r\n\r\nmine",
    ),
    (
        "/page/own",
        "Status: 203 Own\r\nContent-Type: text/page\r\nX-Own: 2\r\n\r\npage",
    ),
    ("/page/204", "Status: 204 No Content\r\n\r\n"),
    (
        "/page/304",
        "Status: 304 Not Modified\r\nETag: \"x\"\r\n\r\n",
    ),
    (
        "/page/500",
        "Status: 500 Oh\r\nContent-Type: text/page\r\n\r\nbroken page",
    ),
    ("/page/302", "Location: http://y/\r\n\r\n"),
    (
        "/page/ranged",
        "Status: 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
    ),
];

const SCGI: &str = "scgi_param SCGI 1; scgi_param REQUEST_METHOD $request_method; scgi_param REQUEST_URI $request_uri;\n\
    scgi_param DOCUMENT_URI $document_uri; scgi_param QUERY_STRING $query_string; scgi_param CONTENT_TYPE $content_type;\n\
    scgi_pass_request_headers off;";

/// What goes wrong, so that an error page is wanted.
const TROUBLES: &[&str] = &["missing", "denied", "dead", "said", "own"];

/// Where error pages come from, after the codes.
const PAGES: &[&str] = &[
    "/404.html",
    "= /404.html",
    "=200 /404.html",
    "=410 /404.html",
    "@name",
    "= @name",
    "=200 @name",
    "@away",
    "= @away",
    "http://x/y?z",
    "=301 http://x/y",
    "=302 http://x/y",
    "=303 http://x/y",
    "=307 http://x/y",
    "=308 http://x$request_uri",
    "/none.html",
    "= /none.html",
    "=200 /none.html",
    "/page/own",
    "= /page/own",
    "=204 /page/own",
    "/page/500",
    "= /page/500",
    "=200 /page/500",
    "/page/302",
    "= /page/302",
    "/page/204",
    "= /page/204",
    "/page/304",
    "= /page/304",
    "/say",
    "= /say",
    "/gone",
    "= /gone",
    "/refuse",
    "= /refuse",
    "= /to$uri",
    "/to/x?u=$uri&a=$args",
    "=200 /app/file",
    "/app/file",
    "/dir",
    "/closed/x",
    "= /closed/x",
];

/// Where the two differ on purpose: a method (empty: any), a path or a page of [`PAGES`] (empty: any), what differs, and why.
const OTHERWISE: &[(&str, &str, &str, &str)] = &[
    ("POST", "", "body", BODY),
    ("POST", "", "closes", UNREAD),
    (
        "",
        "/app/both",
        "set-cookie",
        "the order of cookies of different names means nothing",
    ),
    (
        "",
        "/app/both",
        "cache-control",
        "two values that contradict each other are worse than the target's own",
    ),
    (
        "",
        "/app/percent",
        "body",
        "a bad percent sequence is no file's name",
    ),
    (
        "",
        "/caught/401",
        "www-authenticate",
        "all copies are carried (nginx before 1.23 has the first alone)",
    ),
    ("", "/none.html", "status", MISSING),
    ("", "/refuse", "status", MISSING),
    ("", "/closed/x", "status", MISSING),
];

const BODY: &str = "a redirected GET has no body";
const UNREAD: &str = "a body that nobody wants is not waited for";
const MISSING: &str = "without an error page, the error is still what it was";

/// The same locations for both.
struct Both {
    gate: Vec<String>,
    nginx: String,
}

impl Both {
    fn location(&mut self, name: &str, gate: &[&str], nginx: &str) {
        self.gate.extend(["--location".to_owned(), name.to_owned()]);
        self.gate.extend(gate.iter().map(|a| (*a).to_owned()));
        self.nginx += &format!("location {name} {{ {nginx} }}\n");
    }

    /// What applications, and targets of redirects, are like.
    fn places(&mut self, tree: &Temp, pass: &[&str], asked: &str) {
        let files = tree.file("files/");
        let internal = [pass, &["--internal"]].concat();
        self.location("/", &[], "");
        self.location("/app/", pass, asked);
        self.location("@name", pass, asked);
        self.location("@away", &["--return", "503 away"], "return 503 away;");
        for name in ["/to/", "/page/"] {
            self.location(name, &internal, &format!("internal; {asked}"));
        }
        let alias = ["--internal", "--alias", &files];
        let own = [&alias[..], &["--error-page", "500 /x"]].concat();
        self.location(
            "/files/",
            &own,
            &format!("internal; alias {files}; error_page 500 /x;"),
        );
        self.location("/paged/", &alias, &format!("internal; alias {files};"));
        self.location("/closed/", &["--deny", "all"], "deny all;");
        for (name, text) in [
            ("/say", "200 said"),
            ("/gone", "302 http://z/"),
            ("/refuse", "410"),
        ] {
            self.location(
                name,
                &["--internal", "--return", text],
                &format!("internal; return {text};"),
            );
        }
    }

    fn caught(&mut self, pass: &[&str], asked: &str) {
        let pages = [
            "404 401 403 301 /404.html",
            "500 =200 /say",
            "503 = /page/own",
            "302 =301 http://y/",
        ];
        let mut gate = [pass, &["--intercept-errors", "on"]].concat();
        let mut nginx = format!("{asked} scgi_intercept_errors on;");
        for page in pages {
            gate.extend(["--error-page", page]);
            nginx += &format!(" error_page {page};");
        }
        self.location("/caught/", &gate, &nginx);
    }

    /// Each trouble with each page.
    fn troubles(&mut self, tree: &Temp, pass: &[&str], asked: &str) {
        let empty = tree.file("empty");
        let none = format!("unix:{}", tree.file("none.sock"));
        for (at, page) in PAGES.iter().enumerate() {
            let page = format!("403 404 405 502 503 {page}");
            for trouble in TROUBLES {
                let (gate, nginx) = match *trouble {
                    "missing" => (vec!["--root", &empty], format!("root {empty};")),
                    "denied" => (vec!["--deny", "all"], "deny all;".into()),
                    "dead" => (vec!["--pass", &none], format!("scgi_pass {none}; {SCGI}")),
                    "said" => (vec!["--return", "503"], "return 503;".into()),
                    _ => {
                        let gate = [pass, &["--intercept-errors", "on"]].concat();
                        (gate, format!("scgi_intercept_errors on; {asked}"))
                    }
                };
                let gate = [&gate[..], &["--error-page", &page]].concat();
                self.location(
                    &format!("/{trouble}/{at}/"),
                    &gate,
                    &format!("{nginx} error_page {page};"),
                );
            }
        }
    }
}

fn both(tree: &Temp, addr: &str) -> Both {
    let root = tree.file("");
    let mut both = Both {
        gate: ["--root", &root, "--error-page", "404 /404.html"]
            .map(str::to_owned)
            .to_vec(),
        nginx: format!("root {root}; error_page 404 /404.html;\n"),
    };
    // Local redirects are nobody's but ours.
    let pass = ["--pass", addr, "--internal-redirect", "off"];
    let asked = format!("scgi_pass {addr}; {SCGI}");
    both.places(tree, &pass, &asked);
    both.caught(&pass, &asked);
    both.troubles(tree, &pass, &asked);
    both
}

/// What of a response must be the same.
fn seen(response: &Response) -> Vec<(&'static str, String)> {
    let text = response.text();
    // Each has pages of its own.
    let plain = text.contains("<small>scgate</small>") || text.contains("<center>nginx");
    let mut seen = vec![
        ("status", response.status.to_string()),
        ("body", if plain { "a plain page".into() } else { text }),
        ("closes", response.head.closes().to_string()),
    ];
    for name in [
        "content-type",
        "location",
        "set-cookie",
        "cache-control",
        "expires",
        "content-disposition",
        "www-authenticate",
        "x-own",
        "retry-after",
        "content-language",
        "accept-ranges",
    ] {
        let value = response.head.all(name).join(" | ");
        seen.push((name, value.replace("; charset=utf-8", "")));
    }
    // The tag of a file is not that of the error which it explains.
    if response.status < 300 {
        seen.push(("etag", response.head.all("etag").join(" | ")));
    }
    seen
}

/// What both are asked for, and the page that is expected.
fn paths() -> Vec<(String, &'static str)> {
    let apps = ANSWERS.iter().map(|(path, _)| ((*path).to_owned(), *path));
    let pages = PAGES.iter().enumerate().flat_map(|(at, page)| {
        TROUBLES
            .iter()
            .map(move |trouble| (format!("/{trouble}/{at}/x?q=1"), *page))
    });
    apps.chain(pages).collect()
}

/// An exchange; what a connection that is not kept costs is a new one.
fn ask(client: &mut Client, connect: &dyn Fn() -> Client, method: &str, path: &str) -> Response {
    let (fields, body): (&str, &[u8]) = match method {
        "POST" => ("Content-Type: text/body\r\n", b"hello"),
        _ => ("", b""),
    };
    let response = asks(client, method, path, fields, body);
    if response.head.closes() {
        *client = connect();
    }
    response
}

#[test]
fn redirects_and_error_pages_are_as_in_nginx_or_otherwise_on_purpose() {
    let tree = tree();
    let app = app(ANSWERS);
    let both = both(&tree, &app.addr());
    let Some(nginx) = Nginx::serve(&both.nginx) else {
        return left_out(
            "the comparison of redirects with nginx",
            "nginx is not installed",
        );
    };
    let gate = Gate::start(&both.gate);
    let (mut to_nginx, mut to_gate) = (nginx.client(), gate.client());
    let mut wrong = Vec::new();
    let mut met = vec![false; OTHERWISE.len()];
    for (path, key) in paths() {
        for method in ["GET", "HEAD", "POST"] {
            let theirs = ask(&mut to_nginx, &|| nginx.client(), method, &path);
            let ours = ask(&mut to_gate, &|| gate.client(), method, &path);
            for (theirs, ours) in seen(&theirs)
                .iter()
                .zip(&seen(&ours))
                .filter(|(a, b)| a != b)
            {
                let same = |(m, k, what, _): &&(&str, &str, &str, &str)| {
                    (m.is_empty() || *m == method)
                        && (k.is_empty() || *k == key.trim_start_matches("= "))
                        && *what == ours.0
                };
                match OTHERWISE.iter().position(|row| same(&row)) {
                    Some(at) => met[at] = true,
                    None => wrong.push(format!(
                        "{method} {path} [{key}]: nginx {theirs:?}, scgate {ours:?}"
                    )),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (row, met) in OTHERWISE.iter().zip(met) {
        assert!(met, "no difference where there should be one: {row:?}");
    }
}
