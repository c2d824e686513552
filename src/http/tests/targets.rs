//! Request lines, targets, paths and hosts, each row with its rule.

use super::{accept, refusal, shown, with_fields, with_target};

#[test]
fn paths_are_decoded_once_merged_and_freed_of_dots() {
    let rows: &[(&str, &str, &str)] = &[
        ("/", "/", "H9 nothing to do"),
        ("/a/b", "/a/b", "H9"),
        (
            "/.well-known/x",
            "/.well-known/x",
            "H11 a dot begins a name",
        ),
        ("/a/...", "/a/...", "H11 three dots are a name"),
        ("/a./b", "/a./b", "H11"),
        ("/%61", "/a", "H9"),
        ("/%2561", "/%61", "H9 decoded once"),
        ("/a%2Fb", "/a/b", "H10"),
        ("/a%2f..%2fb", "/b", "H10"),
        ("/%2e%2e/%2E", "", "H10 above the root"),
        ("/a/%2e%2e/b", "/b", "H10"),
        ("/a/%2e", "/a/", "H10"),
        ("/%3f%23%25", "/?#%", "H10 literal after decoding"),
        ("/a+b", "/a+b", "H10 a plus is no space"),
        ("//", "/", "H11"),
        ("//a///b//", "/a/b/", "H11"),
        ("/a/%2f/b", "/a/b", "H11 merged after decoding"),
        ("/a/./b", "/a/b", "H11"),
        ("/a/.", "/a/", "H11"),
        ("/a/..", "/", "H11"),
        ("/a/b/..", "/a/", "H11"),
        ("/a/b/../", "/a/", "H11"),
        ("/a//../b", "/b", "H11 merged before the parent is left"),
        ("/a/../../b", "", "H11 above the root"),
        ("/..", "", "H11"),
        ("/../", "", "H11"),
        ("/a/b/../../..", "", "H11"),
        ("/%2e%2e%2f", "", "H11"),
        ("//..", "", "H11"),
        ("/a%00", "", "H9"),
        ("/%0", "", "H9"),
        ("/%", "", "H9"),
        ("/%zz", "", "H9"),
        ("/%a", "", "H9"),
        ("/%-1", "", "H9"),
        ("/%+1", "", "H9"),
        ("/%0a%01", "/\n\x01", "other control bytes pass"),
        ("/%c3%a4", "/\u{e4}", "H5"),
        ("/\u{e4}", "/\u{e4}", "H5 bytes from 0x80 pass as they are"),
    ];
    for (target, path, rule) in rows {
        let head = with_target(target);
        match path.is_empty() {
            true => assert_eq!(refusal(&head), 400, "{target} ({rule})"),
            false => {
                let request = accept(&head);
                assert_eq!(
                    shown(request.path()),
                    shown(path.as_bytes()),
                    "{target} ({rule})"
                );
                assert_eq!(request.target(), target.as_bytes(), "{target} (H13)");
            }
        }
    }
}

#[test]
fn a_query_is_cut_off_and_left_alone() {
    let rows: &[(&str, &str, Option<&str>)] = &[
        ("/a", "/a", None),
        ("/a?", "/a", Some("")),
        ("/a?b=%zz&c=%00", "/a", Some("b=%zz&c=%00")),
        ("/a/../b?x=/../..", "/b", Some("x=/../..")),
        ("/a%3fb?c?d", "/a?b", Some("c?d")),
        ("http://b?q", "/", Some("q")),
        ("http://b/?q", "/", Some("q")),
    ];
    for (target, path, query) in rows {
        let request = accept(&with_target(target));
        assert_eq!(request.path(), path.as_bytes(), "{target}");
        assert_eq!(request.query(), query.map(str::as_bytes), "{target} (H12)");
    }
}

#[test]
fn an_absolute_target_is_split_and_overrides_host() {
    let rows: &[(&str, &str, &str, Option<&str>)] = &[
        ("http://b/x?y", "/x?y", "b", None),
        ("HTTPS://B.Example:8080/x", "/x", "b.example", Some("8080")),
        ("http://b", "/", "b", None),
        ("http://b?q", "/?q", "b", None),
        ("http://b./", "/", "b", None),
        ("http://[::1]:1/", "/", "[::1]", Some("1")),
    ];
    for (target, uri, host, port) in rows {
        let request = accept(&with_target(target));
        assert_eq!(shown(request.target()), *uri, "{target} (H6)");
        assert_eq!(
            (request.host(), request.host_port()),
            (*host, *port),
            "{target} (H6)"
        );
        let field = request
            .field("host")
            .map(<[u8]>::to_vec)
            .unwrap_or_default();
        assert!(
            target.contains(&shown(&field)),
            "{target}: Host says {}",
            shown(&field)
        );
        assert_eq!(request.line(), format!("GET {target} HTTP/1.1").as_bytes());
    }
    for target in [
        "http://",
        "http:///x",
        "http://u@b/",
        "http://u:p@b/",
        "ftp://b/",
        "http:/b",
        "http:b",
        "b:80",
        "b",
        "*",
        "*/",
        "?q",
        "http://b#f",
        "http://b:x/",
        "http://b:65536/",
        "http://[::1/",
        "http://b\\c/",
        "httpx://b/",
        "javascript:x",
    ] {
        assert_eq!(refusal(&with_target(target)), 400, "{target} (H4, H6)");
    }
}

#[test]
fn an_absolute_target_of_http_1_0_makes_a_host_field() {
    let request = accept(b"GET http://B:8/x HTTP/1.0\r\nAccept: c\r\n\r\n");
    assert_eq!((request.host(), request.host_port()), ("b", Some("8")));
    assert_eq!(request.field("HOST"), Some(b"B:8".as_slice()));
    assert_eq!(request.fields().count(), 2);
    assert_eq!(request.head_len(), 40);
}

#[test]
fn options_may_ask_about_the_server() {
    for line in ["OPTIONS *", "OPTIONS http://b:80"] {
        let request = accept(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert!(
            request.is_options_asterisk(),
            "{line} (Z56, RFC 9112 3.2.4)"
        );
        assert_eq!(
            (request.path(), request.target()),
            (b"*".as_slice(), b"*".as_slice())
        );
    }
    let request = accept(b"OPTIONS /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!request.is_options_asterisk());
    assert_eq!(refusal(b"POST * HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
}

#[test]
fn request_lines_are_taken_to_the_letter() {
    let long = "M".repeat(33);
    let rows: &[(&str, u16, &str)] = &[
        ("GET / HTTP/1.1", 0, ""),
        ("M-SEARCH /x HTTP/1.1", 0, "H2"),
        ("get / HTTP/1.1", 0, "RFC 9110 9.1: a token"),
        ("GET / HTTP/1.0", 0, "H7"),
        ("GET / HTTP/1.2", 0, "H7"),
        ("GET / HTTP/1.9", 0, "H7"),
        ("GET / HTTP/2.0", 505, "H7"),
        ("PRI * HTTP/2.0", 505, "H7 before the target is judged"),
        ("GET / HTTP/0.9", 505, "H7"),
        ("GET / HTTP/3.1", 505, "H7"),
        ("GET / HTTP/1.10", 400, "RFC 9112 2.3: single digits"),
        ("GET / HTTP/1", 400, "RFC 9112 2.3"),
        ("GET / HTTP/2", 400, "RFC 9112 2.3"),
        ("GET / HTTP/1.", 400, "RFC 9112 2.3"),
        ("GET / HTTP/.11", 400, "RFC 9112 2.3"),
        ("GET / HTTP/1,1", 400, "RFC 9112 2.3"),
        ("GET / HTTP/a.b", 400, "RFC 9112 2.3"),
        ("GET / HTTP/-1.1", 400, "RFC 9112 2.3"),
        ("GET / http/1.1", 400, "RFC 9112 2.3: case-sensitive"),
        ("GET / HTTPS/1.1", 400, "RFC 9112 2.3"),
        ("GET /", 400, "HTTP/0.9"),
        ("GET", 400, ""),
        ("GET HTTP/1.1", 400, "no target"),
        ("GET  HTTP/1.1", 400, "an empty target"),
        ("GET  / HTTP/1.1", 400, "single spaces"),
        ("GET /  HTTP/1.1", 400, "single spaces"),
        ("GET / HTTP/1.1 ", 400, "nothing after the version"),
        ("GET /a b HTTP/1.1", 400, "H5"),
        ("GET\t/ HTTP/1.1", 400, "H3"),
        ("GET /\tHTTP/1.1", 400, "H3"),
        ("GET /a\x0bb HTTP/1.1", 400, "H5"),
        ("GET /a\x7f HTTP/1.1", 400, "H5"),
        ("GET /a\0 HTTP/1.1", 400, "H5"),
        ("GET /a\rb HTTP/1.1", 400, "bare CR"),
        ("GET / HTTP/1.1\r", 400, "bare CR"),
        ("GET /#f HTTP/1.1", 400, "H8, strict"),
        ("GET /?a#f HTTP/1.1", 400, "H8, strict"),
        (" GET / HTTP/1.1", 400, ""),
        ("G@T / HTTP/1.1", 400, "RFC 9110 5.6.2"),
        ("G:T / HTTP/1.1", 400, "RFC 9110 5.6.2"),
        ("\u{e9} / HTTP/1.1", 400, "RFC 9110 5.6.2"),
        ("CONNECT a:443 HTTP/1.1", 405, "no tunnels"),
        ("TRACE / HTTP/1.1", 405, "no echo"),
        ("MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM / HTTP/1.1", 0, "32 bytes"),
    ];
    for (line, status, rule) in rows {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(refusal(head.as_bytes()), *status, "{line:?} ({rule})");
    }
    assert_eq!(
        refusal(format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()),
        501
    );
}

#[test]
fn versions_above_1_1_behave_as_1_1() {
    let request = accept(b"GET / HTTP/1.7\r\nHost: a\r\n\r\n");
    assert_eq!(
        (request.minor_version(), request.protocol()),
        (1, "HTTP/1.7")
    );
    assert!(request.keep_alive());
    assert_eq!(refusal(b"GET / HTTP/1.7\r\n\r\n"), 400);
}

#[test]
fn hosts_are_judged_and_normalised() {
    type Expected = Option<(&'static str, Option<&'static str>)>; // name and port; None: 400
    let rows: &[(&str, Expected)] = &[
        ("a", Some(("a", None))),
        ("Example.COM", Some(("example.com", None))),
        ("example.com.", Some(("example.com", None))),
        ("Example.com.:80", Some(("example.com", Some("80")))),
        ("a:65535", Some(("a", Some("65535")))),
        ("a:", Some(("a", None))),
        ("127.0.0.1:1", Some(("127.0.0.1", Some("1")))),
        ("[::1]", Some(("[::1]", None))),
        ("[2001:DB8::1]:8080", Some(("[2001:db8::1]", Some("8080")))),
        ("[::ffff:1.2.3.4]", Some(("[::ffff:1.2.3.4]", None))),
        ("a_b-c~d!$&'()*+,;=e", Some(("a_b-c~d!$&'()*+,;=e", None))),
        ("a%20b", Some(("a%20b", None))),
        ("", None),
        (".", None),
        (".a", None),
        ("a..b", None),
        ("a..", None),
        (":80", None),
        ("a:65536", None),
        ("a:000080", None),
        ("a:+80", None),
        ("a:80:80", None),
        ("a:8 0", None),
        ("a b", None),
        ("a/b", None),
        ("a?b", None),
        ("a#b", None),
        ("a@b", None),
        ("a\\b", None),
        ("a\"b", None),
        ("a<b", None),
        ("a%2", None),
        ("a%zz", None),
        ("\u{e4}.de", None),
        ("a, b", None),
        ("[::1", None),
        ("[::1]a", None),
        ("[::1]]", None),
        ("[]", None),
        ("[a]", None),
        ("[fe80::1%25eth0]", None),
        ("[v1.a]", None),
        ("[1.2.3.4]", None),
        ("::1", None),
        ("http://a", None),
    ];
    for (host, expected) in rows {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        match expected {
            None => assert_eq!(refusal(head.as_bytes()), 400, "{host:?} (H23)"),
            Some(expected) => {
                let request = accept(head.as_bytes());
                assert_eq!(
                    (request.host(), request.host_port()),
                    *expected,
                    "{host:?} (H23)"
                );
                assert_eq!(
                    request.field("host"),
                    Some(host.as_bytes()),
                    "{host:?} (V5)"
                );
            }
        }
    }
}

#[test]
fn http_1_1_needs_one_host_and_http_1_0_none() {
    assert_eq!(refusal(b"GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(refusal(b"GET http://a/ HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(refusal(b"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
    assert_eq!(refusal(&with_fields(b"Host: a")), 400);
    assert_eq!(
        refusal(b"GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n"),
        400
    );
    let request = accept(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((request.host(), request.host_port()), ("", None));
}
