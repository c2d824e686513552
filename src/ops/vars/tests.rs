mod content;

use super::*;
use crate::config::content::{Content, Root};
use crate::config::{AccessLog, Client, Listen, Match, Process, TempPath};
use crate::template::Template;

/// A configuration with a server of this name and a location with this root.
fn config(name: &str, root: Option<&str>) -> Config {
    let second = Duration::from_secs(1);
    let content = Content {
        root: root.map(|text| Root {
            dir: Template::parse(text, &|_| None).expect("a test template"),
            alias: false,
        }),
        ..Content::default()
    };
    let client = Client {
        max_body_size: 0,
        body_buffer_size: 0,
        body_timeout: second,
        send_timeout: second,
        keepalive_timeout: second,
        keepalive_requests: 1,
        limit_rate: None,
        limit_rate_after: None,
        temp: TempPath {
            dir: "/tmp".into(),
            levels: Vec::new(),
        },
    };
    let location = Location {
        auth: None,
        matching: Match::Prefix("/".into()),
        handler: Handler::Files,
        access: Default::default(),
        client: client.clone(),
        content: content.clone(),
        internal: false,
        adds_slash: false,
    };
    let server = Server {
        name: name.into(),
        client_header_timeout: second,
        client_max_header_size: 8192,
        underscores: false,
        client,
        content,
        answer: None,
        real_ip: None,
        locations: vec![location],
    };
    Config {
        password_files: Vec::new(),
        process: Process {
            workers: 1,
            queue: 1,
            connections: 1,
            memory: 0,
            user: None,
            pid: None,
            confine: false,
            access_logs: Vec::<AccessLog>::new(),
            log_level: log::LevelFilter::Off,
            shutdown_timeout: second,
            demo: false,
            cgi: false,
            hostname: "router".into(),
            resolve_interval: second,
        },
        listens: Vec::<Listen>::new(),
        servers: vec![server],
        groups: Vec::new(),
        zones: Vec::new(),
        maps: Vec::new(),
        asks_upstream: false,
        outer: None,
    }
}

fn inet(remote: &str, local: &str) -> ConnInfo {
    ConnInfo {
        id: 7,
        remote: Some(remote.parse().expect("a test address")),
        proxy: None,
        local: Local::Inet(local.parse().expect("a test address")),
    }
}

fn unix() -> ConnInfo {
    ConnInfo {
        id: 7,
        remote: None,
        proxy: None,
        local: Local::Unix("/run/web.sock".into()),
    }
}

fn facts<'a>(config: &'a Config, conn: &'a ConnInfo, request: Option<&'a Request>) -> Facts<'a> {
    let started = Instant::now();
    Facts {
        config,
        conn,
        requests: 3,
        request,
        server: config.servers.first(),
        location: config.servers.first().and_then(|s| s.locations.first()),
        body_length: None,
        started,
        now: started + Duration::from_millis(1_042),
        wall: SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_005),
        request_id: 0xabc,
        status: 200,
        bytes_sent: 300,
        body_bytes_sent: 13,
        complete: true,
        tries: &[],
        cache: None,
        as_get: false,
        upstream_fields: &|name| (name == "x-app-id").then(|| b"42".to_vec()),
        sent_fields: &|name| (name == "etag").then(|| b"\"e\"".to_vec()),
    }
}

/// The value of a template, with `(unset)` for a variable that is not set.
fn value(facts: &Facts<'_>, text: &str) -> String {
    let mut out = Vec::new();
    for part in Template::parse(text, &|_| None)
        .expect("a test template")
        .parts()
    {
        match part {
            crate::template::Part::Text(text) => out.extend_from_slice(text),
            crate::template::Part::Var(var) => {
                let before = out.len();
                if !facts.put(var, &mut out) {
                    assert_eq!(
                        out.len(),
                        before,
                        "an unset variable appends nothing: {var:?}"
                    );
                    out.extend_from_slice(b"(unset)");
                }
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn the_ends_of_a_connection() {
    let config = config("", None);
    let conn = inet("192.0.2.1:5000", "198.51.100.1:80");
    let f = facts(&config, &conn, None);
    assert_eq!(
        value(&f, "$remote_addr:$remote_port $server_addr:$server_port"),
        "192.0.2.1:5000 198.51.100.1:80"
    );
    assert_eq!(
        value(
            &f,
            "$connection/$connection_requests $hostname $scheme$https"
        ),
        "7/3 router http"
    );
    let mapped = inet("[::ffff:192.0.2.1]:5000", "[2001:db8::1]:80");
    let f = facts(&config, &mapped, None);
    assert_eq!(
        value(&f, "$remote_addr $server_addr $host"),
        "192.0.2.1 2001:db8::1 [2001:db8::1]"
    );
    let conn = unix();
    let f = facts(&config, &conn, None);
    assert_eq!(
        value(&f, "$remote_addr $remote_port $server_addr $server_port"),
        "unix: (unset) unix:/run/web.sock 80"
    );
    assert_eq!(value(&f, "$proxy_protocol_addr"), "(unset)");
    let named = ConnInfo {
        proxy: Some(Box::new(
            "[2001:db8::7]:4711".parse().expect("a test address"),
        )),
        ..inet("192.0.2.1:0", "127.0.0.1:80")
    };
    assert_eq!(
        value(
            &facts(&config, &named, None),
            "$proxy_protocol_addr $remote_addr:$remote_port."
        ),
        "2001:db8::7 192.0.2.1:."
    );
}

#[test]
fn the_binary_address_has_four_or_sixteen_bytes() {
    let config = config("", None);
    for (remote, bytes) in [("1.2.3.4:5", 4), ("[::ffff:1.2.3.4]:5", 4), ("[::1]:5", 16)] {
        let conn = inet(remote, "127.0.0.1:80");
        let mut out = Vec::new();
        assert!(facts(&config, &conn, None).put(&Var::BinaryRemoteAddr, &mut out));
        assert_eq!(out.len(), bytes);
    }
}

#[test]
fn times_and_counts() {
    let config = config("", None);
    let conn = unix();
    let f = facts(&config, &conn, None);
    assert_eq!(value(&f, "$request_time $msec"), "1.042 784111777.005");
    assert_eq!(
        value(&f, "$time_local $time_iso8601"),
        "06/Nov/1994:08:49:37 +0000 1994-11-06T08:49:37+00:00"
    );
    assert_eq!(value(&f, "$date"), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(
        value(
            &f,
            "$status $bytes_sent $body_bytes_sent $request_completion"
        ),
        "200 300 13 OK"
    );
    assert_eq!(value(&f, "$request_id"), "00000000000000000000000000000abc");
    assert_eq!(value(&f, "$pid"), std::process::id().to_string());
    let open = Facts {
        complete: false,
        status: 0,
        ..f
    };
    assert_eq!(value(&open, "$request_completion|$status"), "|(unset)");
}

#[test]
fn without_a_request_its_variables_are_unset() {
    let config = config("", None);
    let conn = unix();
    let f = facts(&config, &conn, None);
    for name in [
        "args",
        "uri",
        "request",
        "request_method",
        "http_host",
        "cookie_a",
        "arg_a",
        "content_length",
        "remote_user",
    ] {
        assert_eq!(value(&f, &format!("${name}")), "(unset)", "{name}");
    }
    assert_eq!(value(&f, "$request_length$is_args"), "0");
}

#[test]
fn response_fields_are_found_with_hyphens() {
    let config = config("", None);
    let conn = unix();
    let f = facts(&config, &conn, None);
    assert_eq!(
        value(&f, "$upstream_http_x_app_id $sent_http_etag"),
        "42 \"e\""
    );
    assert_eq!(value(&f, "$upstream_http_etag"), "(unset)");
}

#[test]
fn attempts_are_lists_that_run_in_parallel() {
    let first = Try {
        address: "unix:/a".into(),
        status: 502,
        ..Try::default()
    };
    let second = Try {
        address: "[::1]:4000".into(),
        status: 200,
        connect_time: Some(Duration::from_millis(1)),
        header_time: Some(Duration::from_millis(20)),
        response_time: Some(Duration::from_secs(3)),
        response_length: 13,
        bytes_received: 99,
        bytes_sent: 400,
        new_pass: false,
    };
    let third = Try {
        address: "unix:/b".into(),
        new_pass: true,
        ..Try::default()
    };
    let config = config("", None);
    let conn = unix();
    let tries = [first, second, third];
    let f = Facts {
        tries: &tries,
        ..facts(&config, &conn, None)
    };
    assert_eq!(value(&f, "$upstream_addr"), "unix:/a, [::1]:4000 : unix:/b");
    assert_eq!(value(&f, "$upstream_status"), "502, 200 : -");
    assert_eq!(value(&f, "$upstream_connect_time"), "-, 0.001 : -");
    assert_eq!(
        value(&f, "$upstream_header_time $upstream_response_time"),
        "-, 0.020 : - -, 3.000 : -"
    );
    assert_eq!(value(&f, "$upstream_response_length"), "0, 13 : 0");
    assert_eq!(
        value(&f, "$upstream_bytes_received $upstream_bytes_sent"),
        "0, 99 : 0 0, 400 : 0"
    );
    assert_eq!(
        value(&facts(&config, &conn, None), "$upstream_addr"),
        "(unset)"
    );
}

#[test]
fn the_name_of_the_server_is_one_a_host_can_have() {
    let conn = inet("192.0.2.1:5000", "198.51.100.1:80");
    for (name, expected) in [
        ("example.org", "example.org"),
        ("", "198.51.100.1"),
        ("_", "198.51.100.1"),
        ("*.example.org", "198.51.100.1"),
        (".example.org", "198.51.100.1"),
    ] {
        let config = config(name, None);
        assert_eq!(
            value(&facts(&config, &conn, None), "$server_name"),
            expected
        );
        assert_eq!(value(&facts(&config, &conn, None), "$host"), expected);
    }
}

#[test]
fn the_root_is_a_template_that_can_not_contain_itself() {
    let conn = unix();
    for (root, expected) in [
        (Some("/srv/$hostname/"), "/srv/router"),
        (Some("/"), "/"),
        (
            Some("/a$document_root$realpath_root$request_filename"),
            "/a",
        ),
        (None, "(unset)"),
    ] {
        let config = config("", root);
        assert_eq!(
            value(&facts(&config, &conn, None), "$document_root"),
            expected
        );
    }
    let config = config("", Some("/./"));
    assert_eq!(value(&facts(&config, &conn, None), "$realpath_root"), "/");
}

#[test]
fn ids_differ_between_requests_and_are_stable_for_one() {
    assert_eq!(request_id(1, 1), request_id(1, 1));
    assert_ne!(request_id(1, 1), request_id(1, 2));
    assert_ne!(request_id(1, 1), request_id(2, 1));
}

/// The request of a head whose lines are separated by `|`.
fn request(head: &str) -> Request {
    let head = format!("{}\r\n\r\n", head.replace('|', "\r\n"));
    let limits = crate::http::request::Limits {
        max_size: 8192,
        underscores: false,
    };
    Request::parse(head.as_bytes(), &limits).expect("a test request")
}

#[test]
fn the_parts_of_a_request() {
    let config = config("example.org", Some("/srv"));
    let conn = inet("192.0.2.1:5000", "198.51.100.1:80");
    let r = request(
        "GET /a/%62?x=1&Y=%20 HTTP/1.1|Host: WWW.Example.net:8080|Cookie: a=1|Cookie: SID=s|X-A: 1|x-a: 2",
    );
    let f = facts(&config, &conn, Some(&r));
    assert_eq!(
        value(&f, "$request_method $request_uri $server_protocol"),
        "GET /a/%62?x=1&Y=%20 HTTP/1.1"
    );
    assert_eq!(
        value(&f, "$uri $document_uri $original_uri"),
        "/a/b /a/b /a/b"
    );
    assert_eq!(
        value(&f, "$uri$is_args$args $query_string"),
        "/a/b?x=1&Y=%20 x=1&Y=%20"
    );
    assert_eq!(value(&f, "$arg_x $arg_y $arg_z"), "1 %20 (unset)");
    assert_eq!(
        value(&f, "$host $http_host $server_name"),
        "www.example.net WWW.Example.net:8080 example.org"
    );
    assert_eq!(
        value(&f, "$http_x_a $http_cookie $cookie_sid"),
        "1, 2 a=1; SID=s s"
    );
    assert_eq!(value(&f, "$request_filename"), "/srv/a/b");
    assert_eq!(value(&f, "$request"), "GET /a/%62?x=1&Y=%20 HTTP/1.1");
    assert_eq!(
        value(&f, "$content_length $content_type $remote_user"),
        "(unset) (unset) (unset)"
    );
    assert_eq!(value(&f, "$upstream_request_method"), "GET");
}

#[test]
fn the_length_of_a_chunked_body_is_known_once_it_is_there() {
    let config = config("", None);
    let conn = unix();
    let r = request("POST / HTTP/1.1|Host: a:81|Transfer-Encoding: chunked|Content-Type: text/x");
    let f = facts(&config, &conn, Some(&r));
    assert_eq!(
        value(&f, "$content_length $content_type $server_port"),
        "(unset) text/x 81"
    );
    let later = Facts {
        body_length: Some(5),
        ..f
    };
    assert_eq!(value(&later, "$content_length"), "5");
    assert_eq!(
        value(&later, "$request_length"),
        (r.head_len() + 5).to_string()
    );
    let r = request("POST / HTTP/1.1|Host: a|Content-Length: 7|Authorization: Basic YTpi");
    assert_eq!(
        value(
            &facts(&config, &conn, Some(&r)),
            "$content_length $remote_user"
        ),
        "7 a"
    );
}

#[test]
fn an_old_client_without_host_gets_the_name_of_the_server() {
    let config = config("example.org", None);
    let conn = unix();
    let r = request("GET / HTTP/1.0");
    let f = facts(&config, &conn, Some(&r));
    assert_eq!(value(&f, "$host $is_args|$args"), "example.org |(unset)");
}
