use super::*;
use crate::http::request::{Limits, Request};

/// Reads an environment, a `NAME=value` each, after what every CGI program has. The last of a name counts.
fn read(lines: &[&str], piped: bool) -> Result<Incoming, &'static str> {
    let common = ["GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=GET"];
    let lines = lines.iter().rev().chain(&common);
    let pair = |line: &&str| {
        let (name, value) = line.split_once('=').unwrap();
        (name.as_bytes().to_vec(), value.as_bytes().to_vec())
    };
    incoming(&lines.map(pair).collect::<Vec<_>>(), piped)
}

fn head(lines: &[&str]) -> String {
    let incoming = read(lines, false).unwrap();
    assert_eq!(incoming.flaw, None, "{lines:?}");
    String::from_utf8(incoming.head).unwrap()
}

/// What stands for a variable.
fn value(lines: &[&str], var: &Var) -> String {
    let incoming = read(lines, false).unwrap();
    let text = incoming.outer.value(var).map(<[u8]>::to_vec);
    text.map_or("-".into(), |text| String::from_utf8(text).unwrap())
}

#[test]
fn without_its_variables_it_is_no_cgi_program() {
    for name in ["GATEWAY_INTERFACE=", "REQUEST_METHOD="] {
        assert!(read(&[name], false).is_err());
    }
    assert!(incoming(&[], true).is_err());
}

#[test]
fn the_environment_becomes_a_request() {
    assert_eq!(
        head(&[]),
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(
        head(&[
            "REQUEST_METHOD=POST",
            "PATH_INFO=/a b/\u{e9}?%#",
            "QUERY_STRING=c=%20d",
            "CONTENT_TYPE=text/plain",
            "CONTENT_LENGTH=007",
            "HTTP_CONNECTION=X-Hop, keep-alive",
            "HTTP_HOST=Example.org:81",
        ]),
        "POST /a%20b/%C3%A9%3F%25%23?c=%20d HTTP/1.1\r\nHost: Example.org:81\r\n\
         Connection: close, X-Hop, keep-alive\r\nContent-Length: 7\r\nContent-Type: text/plain\r\n\r\n"
    );
}

#[test]
fn variables_of_fields_become_fields() {
    let head = head(&[
        "HTTP_X_OWN=a  b\t",
        "HTTP_COOKIE=a=b; c",
        "HTTP_PROXY=http://evil/",
        "HTTP_Proxy=http://evil/",
        "HTTP_CONTENT_LENGTH=5",
        "HTTP_CONTENT-LENGTH=5",
        "HTTP_Transfer-Encoding=chunked",
        "HTTP_CONTENT_TYPE=a/b",
        "HTTP_TRANSFER_ENCODING=",
        "HTTP_EXPECT=100-continue",
        "HTTP_TE=trailers",
        "HTTP_TRANSFER-ENCODING=chunked",
        "HTTP_Content-Length=5",
        "HTTP_Proxy-Connection=keep-alive",
        "HTTPX=1",
        "http_proxy=http://evil/",
    ]);
    let mut fields: Vec<&str> = head.lines().skip(3).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["", "cookie: a=b; c", "x-own: a  b\t"]);
}

#[test]
fn what_no_request_can_hold_is_named() {
    for bad in [
        "REQUEST_METHOD=GET /x HTTP/1.1\r\nHost:",
        "REQUEST_METHOD=G\u{e9}T",
        "PATH_INFO=no/slash",
        "QUERY_STRING=a b",
        "QUERY_STRING=a\r\nX-Evil: 1",
        "CONTENT_TYPE=a\r\nX-Evil: 1",
        "CONTENT_LENGTH=-1",
        "CONTENT_LENGTH=+1",
        "CONTENT_LENGTH=1 ",
        "CONTENT_LENGTH=0x10",
        "CONTENT_LENGTH=18446744073709551616",
        "HTTP_HOST=a\r\nX-Evil: 1",
        "HTTP_HOST=a b",
        "HTTP_CONNECTION=a\nb",
        "HTTP_X=a\nb",
        "HTTP_X=a\u{1}b",
        "HTTP_X=a\u{7f}b",
        "HTTP_=1",
        "HTTP_X:Y=1",
        "HTTP_X Y=1",
        "HTTP_X\r\nY=1",
        "REQUEST_URI=/a b",
        "REQUEST_URI=/a\nb",
        "SCRIPT_NAME=/a\nb",
        "SERVER_NAME=a\nb",
        "SERVER_PROTOCOL=a\nb",
        "REMOTE_USER=a\nb",
        "AUTH_TYPE=a\nb",
    ] {
        let incoming = read(&[bad], false).unwrap();
        let name = bad.split('=').next().unwrap().escape_default();
        assert!(
            incoming.flaw.unwrap().starts_with(&name.to_string()),
            "{bad}"
        );
        assert_eq!(
            (incoming.head, incoming.body),
            (REFUSED.to_vec(), Body::None)
        );
    }
    let limits = Limits {
        max_size: 1024,
        underscores: false,
    };
    let refused = Request::parse(REFUSED, &limits).err().unwrap();
    assert_eq!(refused.status, 400);
}

#[test]
fn the_length_of_the_body_is_known_or_its_end_is() {
    let body = |lines: &[&str], piped| read(lines, piped).unwrap().body;
    let post = "REQUEST_METHOD=POST";
    for (lines, piped, expected) in [
        (&[][..], true, Body::None),
        (&["CONTENT_LENGTH="], true, Body::None),
        (&["CONTENT_LENGTH=0", post], true, Body::Length(0)),
        (&["CONTENT_LENGTH=12"], false, Body::Length(12)),
        (&[post], false, Body::None),
        (&[post], true, Body::Rest),
        (&["REQUEST_METHOD=PUT"], true, Body::Rest),
        (&["REQUEST_METHOD=DELETE"], true, Body::None),
        (&["HTTP_TRANSFER_ENCODING=chunked"], false, Body::Rest),
        (
            &["HTTP_TRANSFER_ENCODING=chunked", "CONTENT_LENGTH=3"],
            true,
            Body::Length(3),
        ),
    ] {
        assert_eq!(body(lines, piped), expected, "{lines:?} {piped}");
    }
    assert!(
        head(&["HTTP_TRANSFER_ENCODING=chunked"]).contains("\r\nTransfer-Encoding: chunked\r\n")
    );
    let raw = [
        "HTTP_TRANSFER_ENCODING=chunked",
        "SERVER_SOFTWARE=busybox httpd/1.36.1",
        post,
    ];
    assert!(read(&raw, true).unwrap().flaw.is_some());
}

#[test]
fn the_uri_is_that_of_the_server_or_made_of_its_parts() {
    let uri = |lines: &[&str]| value(lines, &Var::RequestUri);
    let (script, path) = ("SCRIPT_NAME=/cgi-bin/app", "PATH_INFO=/a b/c%d");
    assert_eq!(uri(&[]), "/");
    assert_eq!(uri(&[script]), "/cgi-bin/app");
    assert_eq!(
        uri(&[script, path, "QUERY_STRING=x=%20"]),
        "/cgi-bin/app/a%20b/c%25d?x=%20"
    );
    for given in [
        "/cgi-bin/app/a%20b/c%25d?",
        "/other?x",
        "/cgi-bin/app/a+b",
        "*",
    ] {
        let line = format!("REQUEST_URI={given}");
        assert_eq!(uri(&[script, path, &line]), given);
    }
    // BusyBox httpd decodes the path, a question mark in it too.
    assert_eq!(
        uri(&[script, path, "REQUEST_URI=/cgi-bin/app/a b/c%d?x=%20"]),
        "/cgi-bin/app/a%20b/c%25d?x=%20"
    );
    assert_eq!(
        uri(&[script, "PATH_INFO=/a?b", "REQUEST_URI=/cgi-bin/app/a?b?x"]),
        "/cgi-bin/app/a%3Fb?x"
    );
    let line = ["SERVER_PROTOCOL=HTTP/1.0", "REQUEST_URI=/a?b"];
    assert_eq!(value(&line, &Var::Request), "GET /a?b HTTP/1.0");
}

#[test]
fn scheme_and_https_follow_from_each_other() {
    for (lines, scheme, https, port) in [
        (&[][..], "http", "", "-"),
        (&["HTTPS=on"], "https", "on", "443"),
        (&["HTTPS=1"], "https", "1", "443"),
        (&["HTTPS=off"], "http", "", "-"),
        (&["HTTPS=OFF"], "http", "", "-"),
        (&["HTTPS=0"], "http", "", "-"),
        (&["REQUEST_SCHEME=https"], "https", "on", "443"),
        (&["REQUEST_SCHEME=https", "HTTPS=1"], "https", "1", "443"),
        (&["REQUEST_SCHEME=http", "HTTPS=off"], "http", "", "-"),
        (&["REQUEST_SCHEME=gopher"], "http", "", "-"),
        (&["HTTPS=on", "SERVER_PORT=8443"], "https", "on", "8443"),
        (&["HTTPS=on", "HTTP_HOST=a:8443"], "https", "on", "-"),
    ] {
        let found = [Var::Scheme, Var::Https, Var::ServerPort].map(|var| value(lines, &var));
        assert_eq!(found, [scheme, https, port], "{lines:?}");
    }
}

#[test]
fn a_client_is_an_address_or_a_word() {
    for (text, remote) in [
        ("192.0.2.1", "192.0.2.1:99"),
        ("::ffff:192.0.2.1", "192.0.2.1:99"),
        ("2001:db8::1", "[2001:db8::1]:99"),
        ("[2001:db8::1]", "[2001:db8::1]:99"),
        ("fe80::1%eth0", "[fe80::1]:99"),
        ("localhost", "-"),
        ("192.0.2.1:80", "-"),
        ("", "-"),
    ] {
        let address = format!("REMOTE_ADDR={text}");
        let lines = [address.as_str(), "REMOTE_PORT=99"];
        let found = read(&lines, false).unwrap().remote;
        assert_eq!(found.map_or("-".into(), |addr| addr.to_string()), remote);
        let word = match text {
            "localhost" | "192.0.2.1:80" => text,
            _ => "-",
        };
        assert_eq!(value(&lines, &Var::RemoteAddr), word);
    }
    let odd = ["REMOTE_ADDR=192.0.2.1", "REMOTE_PORT=99999"];
    assert_eq!(read(&odd, false).unwrap().remote.unwrap().port(), 0);
}

#[test]
fn the_name_of_the_server_stands_for_a_host_that_was_not_named() {
    for (name, port, host) in [
        ("router", "80", "router"),
        ("router", "8080", "router:8080"),
        ("router", "x", "router"),
        ("2001:db8::1", "80", "[2001:db8::1]"),
        ("[2001:db8::1]", "81", "[2001:db8::1]:81"),
        ("a b", "80", "localhost"),
        ("", "80", "localhost"),
    ] {
        let head = head(&[
            &format!("SERVER_NAME={name}"),
            &format!("SERVER_PORT={port}"),
        ]);
        assert_eq!(head.lines().nth(1), Some(&*format!("Host: {host}")));
    }
}
