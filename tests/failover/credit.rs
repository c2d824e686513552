//! What a try says for a server, what it says against it, and what later steps of the same request know of it.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::common::gate::Starter;
use crate::common::status::{self, STATUS};
use crate::common::{App, Gate, Latch, Scgi, Temp, cannot_here, process, until};
use crate::{group, group_of};

/// Closes without a byte, until it is told to do as `alive` has it.
struct Mended {
    app: App,
    well: Arc<AtomicBool>,
}

impl Mended {
    fn new(alive: impl Fn(&mut Scgi) + Send + Sync + 'static) -> Mended {
        let well = Arc::new(AtomicBool::new(false));
        let is_well = Arc::clone(&well);
        let app = App::script(move |scgi| {
            scgi.all();
            if is_well.load(Ordering::SeqCst) {
                alive(scgi);
            }
        });
        Mended { app, well }
    }
}

/// A gateway with the group `g` and a status page.
#[track_caller]
fn gate(servers: &[(String, &str)], args: &[&str]) -> Gate {
    let own = ["--location", "/", "--pass", "g"].iter().chain(args);
    let all = own.chain(&STATUS).map(|&arg| arg.to_owned());
    Gate::start(group(servers).into_iter().chain(all))
}

/// Both have failed for an hour; then they are well, and the one that failed first is tried first.
#[track_caller]
fn failed_then_mended(servers: &[&Mended], args: &[&str]) -> Gate {
    let list: Vec<_> = servers
        .iter()
        .map(|server| (server.app.addr(), "fail_timeout=1h"))
        .collect();
    let gate = gate(&list, args);
    gate.get("/").is(502);
    for server in status::wait_idle(&gate) {
        assert_eq!(server.state, "failed", "{server:?}");
    }
    for server in servers {
        server.well.store(true, Ordering::SeqCst);
    }
    gate
}

/// N25: whoever says that a thing is not there is alive, and so it is when another is asked as well.
#[test]
fn a_listed_404_speaks_for_its_server() {
    for status in [403, 404] {
        let refuse = move |scgi: &mut Scgi| {
            scgi.send(format!("Status: {status}\r\nContent-Length: 3\r\n\r\nown"));
        };
        let (a, b) = (Mended::new(refuse), Mended::new(refuse));
        let condition = format!("error http_{status}");
        let gate = failed_then_mended(&[&a, &b], &["--next-upstream", &condition]);
        assert_eq!(gate.get("/").is(status).text(), "own");
        assert_eq!(
            (a.app.accepted(), b.app.accepted()),
            (2, 2),
            "both were asked"
        );
        for server in status::wait_idle(&gate) {
            assert_eq!(server.state, "up", "{status}: {server:?}");
        }
    }
}

/// Long responses that clients leave would else never bring a server back.
#[test]
fn a_response_that_the_client_has_left_speaks_for_its_server() {
    for length in ["Content-Length: 1000", "Content-Type: text/event-stream"] {
        let stream = move |scgi: &mut Scgi| {
            scgi.send(format!("Status: 200\r\n{length}\r\n\r\ndata: 1\n\n"));
            scgi.peer_closed();
        };
        let (a, b) = (Mended::new(stream), Mended::new(stream));
        let gate = failed_then_mended(&[&a, &b], &[]);
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.head().status, 200);
        client.some();
        drop(client);
        status::wait_idle(&gate);
        let state = |server: &Mended| status::server(&gate, "g", &server.app.addr()).state;
        assert_eq!(
            (state(&a), state(&b)),
            ("up".into(), "failed".into()),
            "{length}"
        );
    }
}

/// So does one to a refresh beside a request, although it is not stored and nobody wants it.
#[test]
fn a_refresh_that_is_not_stored_speaks_for_its_server() {
    let (dir, step) = (Temp::new(), Arc::new(AtomicUsize::new(0)));
    let now = Arc::clone(&step);
    let app = App::script(move |scgi| {
        scgi.all();
        match now.load(Ordering::SeqCst) {
            0 => scgi.send("X-Accel-Expires: @1\r\nContent-Length: 3\r\n\r\nold"),
            1 => {}
            _ => scgi.send("Cache-Control: no-store\r\nContent-Length: 3\r\n\r\nnew"),
        }
    });
    // So that there is another, and it is never asked.
    let other = App::echo();
    let zone = format!("{} keys_zone=z:1m", dir.file("cache"));
    let args = [
        &["--cache-path", &zone, "--location", "/", "--pass", "g"][..],
        &["--cache", "z", "--cache-use-stale", "updating"],
        &["--cache-background-update", "on"],
        &["--location", "/plain", "--pass", "g"],
        &STATUS,
    ]
    .concat();
    let servers = group(&[(app.addr(), "fail_timeout=1h"), (other.addr(), "down")]);
    let gate = Gate::start(
        servers
            .into_iter()
            .chain(args.into_iter().map(str::to_owned)),
    );
    let state = || status::server(&gate, "g", &app.addr()).state;
    assert_eq!(gate.get("/").is(200).text(), "old");
    step.store(1, Ordering::SeqCst);
    gate.get("/plain").is(502);
    assert_eq!(state(), "failed");
    step.store(2, Ordering::SeqCst);
    assert_eq!(gate.get("/").is(200).text(), "old");
    until("the refresh to speak for the server", || state() == "up");
}

/// What goes wrong before `--connection-drop` has ended anything is a failure like any other.
#[test]
fn a_server_that_fails_while_it_is_drained_has_failed() {
    let fail = Arc::new(Latch::default());
    let shut = Arc::clone(&fail);
    let bad = App::script(move |scgi| {
        scgi.all();
        shut.wait();
    });
    let app = App::script(|scgi| {
        scgi.all();
        scgi.reply("other");
    });
    let servers = [(bad.addr(), "max_fails=0"), (app.addr(), "backup")];
    let gate = gate(&servers, &["--connection-drop", "1h"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    bad.wait_accepted(1);
    status::order(&gate, "g", &bad.addr(), "drain");
    fail.open();
    assert_eq!(client.response().is(200).text(), "other");
    gate.logs("closed without a byte");
    status::wait_idle(&gate);
    assert_eq!(status::server(&gate, "g", &bad.addr()).fails, 1);
}

/// An end that `--connection-drop` makes is not the end of a response that has no length.
#[test]
fn a_dropped_response_without_a_length_does_not_look_whole() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Status: 200\r\n\r\nhalf.");
        scgi.peer_closed();
    });
    let other = App::echo();
    let servers = [(app.addr(), ""), (other.addr(), "backup")];
    let gate = gate(&servers, &["--connection-drop", "on"]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    let head = client.head();
    assert_eq!(client.chunk(), b"half.");
    status::order(&gate, "g", &app.addr(), "down");
    let rest = client.try_body(&head, &mut |_| ());
    assert!(rest.is_err(), "{rest:?}");
    gate.logs("the server has left its group");
    status::wait_idle(&gate);
    let server = status::server(&gate, "g", &app.addr());
    assert_eq!((server.fails, server.state.as_str()), (0, "down"));
}

/// Answers `/` by a redirect inside the gateway, and anything else with the parameters it was given.
fn redirecting(to: String) -> App {
    App::script(move |scgi| {
        let (request, _) = scgi.all();
        if request.get("DOCUMENT_URI") == "/" {
            scgi.send(format!(
                "Status: 503\r\nX-Accel-Redirect: {to}\r\nX-More: more\r\n\r\n"
            ));
        } else {
            let text: String = request
                .params
                .iter()
                .map(|(name, value)| format!("{name}={}\n", String::from_utf8_lossy(value)))
                .collect();
            scgi.reply(text);
        }
    })
}

/// V15 to V19, V25: what the first pass was like is known to the second, whether or not a log asks for it.
#[test]
fn the_lists_are_there_for_parameters_and_texts_of_the_next_pass() {
    let asked = "$upstream_addr $upstream_status $upstream_http_x_more";
    let app = redirecting("/inner".into());
    let gate_with = |inner: &[&str]| {
        let servers = [(app.addr(), "")];
        let inner = ["--location", "/inner"].iter().chain(inner).copied();
        let args: Vec<&str> = inner.collect();
        gate(&servers, &args).get("/").is(200).text()
    };
    let wanted = format!("{} 503 more", app.addr());
    let param = format!("ASKED '{asked}'");
    let text = gate_with(&["--pass", "g", "--param", &param]);
    assert!(text.contains(&format!("ASKED={wanted}\n")), "{text}");
    let text = gate_with(&["--return", &format!("200 '{asked}'")]);
    assert_eq!(text, wanted);
    // A map stands between them.
    let map = ["--map", "$upstream_status $seen 503 busy default other"];
    let servers = group(&[(app.addr(), "")]);
    let args = map.into_iter().chain(["--location", "/", "--pass", "g"]);
    let args = args.chain(["--location", "/inner", "--return", "200 $SEEN"]);
    let gate = Gate::start(servers.into_iter().chain(args.map(str::to_owned)));
    assert_eq!(gate.get("/").is(200).text(), "busy");
}

/// `--pass` by a field of the response that led there.
#[test]
fn a_response_can_name_the_application_that_goes_on() {
    let second = App::script(|scgi| {
        scgi.all();
        scgi.reply("second");
    });
    let named = second.addr();
    let first = App::script(move |scgi| {
        scgi.all();
        scgi.send(format!(
            "X-Accel-Redirect: /inner\r\nX-Next: {named}\r\n\r\n"
        ));
    });
    let args = [
        "--location",
        "/inner",
        "--internal",
        "--pass",
        "$upstream_http_x_next",
    ];
    let gate = gate(&[(first.addr(), "")], &args);
    assert_eq!(gate.get("/").is(200).text(), "second");
}

/// N51: a response binds its client to one server, the one that has answered in the end.
#[test]
fn a_redirected_response_sets_one_cookie() {
    let dir = Temp::new();
    let script = |scgi: &mut Scgi| {
        let (request, _) = scgi.all();
        match request.get("DOCUMENT_URI").as_str() {
            "/" => scgi.send("X-Accel-Redirect: /again\r\nSet-Cookie: own=1\r\n\r\n"),
            _ => scgi.reply("done"),
        }
    };
    let (a, b) = (App::script(script), App::script(script));
    let servers = [(a.addr(), "route=one"), (b.addr(), "route=two")];
    let elsewhere = dir.file("elsewhere");
    let other = App::script_at(&elsewhere, |scgi| {
        scgi.all();
        scgi.reply("unbound");
    });
    let again = [
        "--sticky",
        "g cookie srv",
        "--location",
        "/again",
        "--pass",
        "g",
    ];
    let rule = |args: &[&str]| -> Vec<String> {
        let list = ["--sticky", "g cookie srv", "--location", "/", "--pass", "g"];
        list.iter().chain(args).map(|&a| a.to_owned()).collect()
    };
    let start = |args: &[&str]| Gate::start(group(&servers).into_iter().chain(rule(args)));
    let cookies = |gate: &Gate| -> Vec<String> {
        let response = gate.get("/").is(200);
        let all = response.head.all("Set-Cookie");
        all.into_iter().map(str::to_owned).collect()
    };
    assert_eq!(cookies(&start(&again[2..])), ["own=1", "srv=two; Path=/"]);
    // Where the second application belongs to no group, the first one's server stays the client's.
    let address = format!("unix:{elsewhere}");
    let named = [
        "--location",
        "/again",
        "--pass",
        &format!("{address}$arg_none"),
    ];
    assert_eq!(cookies(&start(&named)), ["own=1", "srv=one; Path=/"]);
    assert_eq!(other.accepted(), 1);
}

/// V15: the lists tell of an address that there is not.
#[test]
fn an_address_that_is_none_is_in_the_lists() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let gate = Gate::start([
        "--pass",
        "$arg_to",
        "--log-format",
        "t $upstream_addr $upstream_status",
        "--access-log",
        &format!("{log} t"),
    ]);
    gate.get("/?to=nobody").is(502);
    gate.stop();
    let text = std::fs::read_to_string(log).expect("the access log");
    assert_eq!(text, "nobody 502\n");
}

/// N27: the addresses of one name are servers that could be tried, so that it is told why they are not.
#[test]
fn the_log_tells_why_the_other_address_of_a_name_is_not_tried() {
    let test = "the_log_tells_why_the_other_address_of_a_name_is_not_tried";
    if !process::can_have_own_hosts() {
        return cannot_here(test, "no /etc/hosts of its own for the gateway");
    }
    let dir = Temp::new();
    let hosts = dir.write(
        "hosts",
        "127.0.0.1 two.scgate.test\n127.0.0.2 two.scgate.test\n",
    );
    let app = App::tcp_at(([0, 0, 0, 0], 0).into(), |scgi| {
        scgi.all();
    })
    .expect("a port");
    let name = format!("two.scgate.test:{}", app.port());
    let args = ["--pass", &name];
    let gate = Starter::new().hosts(&hosts).args(args).start();
    gate.client().post("/", b"x").is(502);
    gate.logs("; not tried elsewhere: the method is not idempotent");
    gate.get("/").is(502);
    gate.logs("; no other server is left");
    assert_eq!(app.accepted(), 3);
}

#[test]
fn the_log_tells_why_a_status_is_passed_on() {
    let busy = || {
        App::script(|scgi| {
            scgi.all();
            scgi.send("Status: 503\r\nContent-Length: 3\r\n\r\nown");
        })
    };
    let (a, b) = (busy(), busy());
    let servers = group_of(&[&a, &b]);
    let args = ["--pass", "g", "--next-upstream", "http_503"];
    let gate = Gate::start(servers.into_iter().chain(args.map(str::to_owned)));
    gate.client().post("/", b"x").is(503);
    gate.logs("status 503; not tried elsewhere: the method is not idempotent; passed on");
    gate.get("/").is(503);
    gate.logs("status 503; no other server is left; passed on");
}

/// Rates may follow from fields of the response that they are for. What can not be one is logged, which shows what it was.
#[test]
fn a_response_can_give_its_own_rates() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("X-Rate: fast\r\nContent-Length: 3\r\n\r\nown");
    });
    let rate = "$upstream_http_x_rate";
    let args = ["--limit-rate", rate, "--client-limit-rate", rate];
    let gate = gate(&[(app.addr(), "")], &args);
    assert_eq!(gate.get("/").is(200).text(), "own");
    gate.logs(" --limit-rate \"fast\"");
    gate.logs(" --client-limit-rate \"fast\"");
}

/// V25.
#[test]
fn passes_are_told_apart_in_the_lists() {
    let dir = Temp::new();
    let log = dir.file("access.log");
    let silent = App::script(|scgi| {
        scgi.all();
    });
    let first = redirecting("/inner".into());
    let last = App::script(|scgi| {
        scgi.all();
        scgi.send("Status: 404\r\nContent-Length: 3\r\n\r\nown");
    });
    let lists = [
        "$upstream_status",
        "$upstream_addr",
        "$upstream_connect_time",
        "$upstream_header_time",
        "$upstream_response_time",
        "$upstream_response_length",
        "$upstream_bytes_sent",
        "$upstream_bytes_received",
    ];
    let (format, to) = (format!("t {}", lists.join("|")), format!("{log} t"));
    let last_address = last.addr();
    let args = [
        "--log-format",
        &format,
        "--access-log",
        &to,
        "--location",
        "/",
        "--pass",
        "g",
        "--location",
        "/inner",
        "--pass",
        &last_address,
        // Nor does an answer of our own add a try.
        "--intercept-errors",
        "on",
        "--error-page",
        "404 =200 /text",
        "--location",
        "/text",
        "--return",
        "200 instead",
    ];
    let gate = Gate::start(
        group_of(&[&silent, &first])
            .into_iter()
            .chain(args.map(str::to_owned)),
    );
    assert_eq!(gate.get("/").is(200).text(), "instead");
    gate.stop();
    let text = std::fs::read_to_string(log).expect("the access log");
    let found: Vec<&str> = text.trim_end().split('|').collect();
    assert_eq!(found[0], "502, 503 : 404");
    let (a, b) = (silent.addr(), first.addr());
    assert_eq!(found[1], format!("{a}, {b} : {last_address}"));
    for (name, list) in lists.iter().zip(&found) {
        let passes: Vec<usize> = list.split(" : ").map(|p| p.split(", ").count()).collect();
        assert_eq!(passes, [2, 1], "{name}: {list}");
    }
}

/// V17: the points of a try are all counted from its beginning, so that one is not before another.
#[test]
fn times_of_a_try_begin_with_its_connection() {
    let dir = Temp::new();
    let (log, path) = (dir.file("access.log"), dir.file("full"));
    let listener = UnixListener::bind(&path).expect("bind");
    // SAFETY: listen() on a listening socket only changes its backlog.
    let rc = unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) };
    assert_eq!(rc, 0);
    let waiting = crate::tries::fill(&path);
    let gate = Gate::start([
        "--pass",
        &format!("unix:{path}"),
        "--log-format",
        "t $upstream_connect_time $upstream_header_time $upstream_response_time",
        "--access-log",
        &format!("{log} t"),
    ]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gate.has_read_everything();
    // Long enough to show in the log, if the points were counted otherwise.
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(waiting);
    loop {
        let (mut stream, _) = listener.accept().expect("a connection");
        if stream.read(&mut [0; 4096]).expect("a request, or the end") > 0 {
            let answer = b"Status: 200\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).expect("write");
            break;
        }
    }
    assert_eq!(client.response().is(200).text(), "ok");
    gate.stop();
    let text = std::fs::read_to_string(log).expect("the access log");
    // Others had no try.
    let line = text.lines().find(|line| !line.starts_with('-'));
    let times: Vec<f64> = line
        .expect("a line with times")
        .split_whitespace()
        .map(|t| t.parse().expect("a time"))
        .collect();
    assert!(times.len() == 3 && times.is_sorted(), "{text}");
}

/// The last of the phases: what the log says of a body.
#[test]
fn the_log_tells_what_follows_from_a_body_that_breaks_off() {
    let app = App::script(|scgi| {
        scgi.all();
        scgi.send("Status: 200\r\nContent-Length: 10\r\n\r\nhalf.");
    });
    let other = App::echo();
    let servers = [(app.addr(), ""), (other.addr(), "backup")];
    let gate = gate(&servers, &[]);
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.try_response("GET").is_err());
    let line = gate.logs(&format!("server {}: ", app.addr()));
    let end = "response body cut short: 5 bytes are missing; the client's response ends there";
    assert!(line.ends_with(end), "{line}");
}
