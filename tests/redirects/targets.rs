//! Where X-Accel-Redirect leads (S12): the same as in nginx, or elsewhere on purpose.

use crate::common::nginx::Nginx;
use crate::common::{App, Client, Gate, left_out};

/// Targets that both understand alike, or both refuse.
const SAME: &[&str] = &[
    "/a",
    "/a?b?c",
    "/a?",
    "/?",
    "/%2e%2e",
    "/..x",
    "/x..",
    "/a%2fb",
    "/a%3Fb?c",
    "/%2E./x",
    "/..",
    "/a/..",
    "/a/..%2f..",
    "/a/...",
    "/.a",
    "/a%00",
    "a",
    "/a&b=c",
    "/a+b",
    "/a?x%00",
    "/a?x%zz",
    "/a%0a",
    "/a%0d%0aX-A:b",
    "/a%5cb",
    "/%252e%252e/x",
    "/a?x/../y",
    "/a?../y",
    "/a/.%2e/",
    "/.%2e",
    "/%2e.",
    "/a/../b",
    "/a;x=..",
    "/..;x",
    "/./../x",
    "/a/..%00",
    "?",
    "?x",
    "",
    "/a\\..\\b",
    "/a#b",
    "/a#b?c",
];

/// Targets that nginx finds elsewhere, and what we make of them; `None`: nothing.
const OTHERWISE: &[(&str, Option<&str>)] = &[
    // A path is normal wherever it comes from, so that no location is passed by in another spelling.
    ("/a/.", Some("[/a/][]")),
    ("/a/./b", Some("[/a/b][]")),
    ("//a", Some("[/a][]")),
    ("/a//b", Some("[/a/b][]")),
    // Percent sequences are whole ones.
    ("/%", None),
    ("/a%zz", None),
    ("/a%2", None),
    ("%2fa", None),
    // nginx looks for such a segment only at the end of all.
    ("/a/..?x", None),
];

/// Sends a request to the target `to` and says what was asked for there.
fn found(client: &mut Client, to: &str) -> Option<String> {
    let response = client.get(&format!("/go?{}", to.replace('#', "^")));
    assert!(matches!(response.status, 200 | 404), "{to}: {response:?}");
    (response.status == 200).then(|| response.text())
}

fn app() -> App {
    App::script(|scgi| {
        let (request, _) = scgi.all();
        let (path, query) = (request.get("DOCUMENT_URI"), request.get("QUERY_STRING"));
        if path == "/go" {
            let to = query.replace('^', "#");
            scgi.send(format!("X-Accel-Redirect: {to}\r\n\r\n"));
        } else {
            scgi.reply(format!("[{path}][{query}]"));
        }
    })
}

#[test]
fn each_target_is_found_where_nginx_finds_it_or_elsewhere_on_purpose() {
    let app = app();
    let addr = app.addr();
    let Some(nginx) = Nginx::serve(&format!(
        "location / {{ scgi_pass {addr}; scgi_pass_request_headers off; scgi_param SCGI 1;\n\
         scgi_param DOCUMENT_URI $document_uri; scgi_param QUERY_STRING $query_string; }}"
    )) else {
        return left_out("the comparison of targets", "nginx is not installed");
    };
    let gate = Gate::start(["--pass", &addr]);
    let (mut to_nginx, mut to_gate) = (nginx.client(), gate.client());
    for to in SAME {
        let theirs = found(&mut to_nginx, to);
        assert_eq!(found(&mut to_gate, to), theirs, "{to:?}");
    }
    for (to, ours) in OTHERWISE {
        let theirs = found(&mut to_nginx, to);
        assert_ne!(theirs.as_deref(), *ours, "{to:?} is no difference");
        assert_eq!(found(&mut to_gate, to).as_deref(), *ours, "{to:?}");
    }
}
