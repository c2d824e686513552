//! Every combination of the phase of a failure, the method, `--next-upstream` and the kind of body, compared with the
//! reference in `rules`: which servers saw the request, what the client got, what was counted.
//!
//! One gateway serves all cells of one phase: each cell has a location and a group of its own, whose first server has an
//! address of its own (a symbolic link to the one socket), so that nothing that is counted for one cell touches another. The
//! second server is a backup. A server that was counted as failed once is out for an hour: a second request for each
//! cell finds that out, beside the numbers of the status page.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::common::http::{Broken, Client};
use crate::common::{App, Gate, Response, Scgi, Temp, status, until};
use crate::rules::{Answer, Body, Cell, Expect, Phase, cells, expect};

/// What a request came to.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Answer(Answer),
    /// The first server's good answer to the second request.
    Alive,
    Other(String),
}

/// Who saw which request: (cell, round, first server).
#[derive(Default)]
struct Seen(Mutex<Vec<(usize, u8, bool)>>);

impl Seen {
    fn note(&self, cell: usize, round: u8, first: bool) {
        self.list().push((cell, round, first));
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<(usize, u8, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the first and the second server saw the first request of a cell.
    fn times(&self, cell: usize) -> (usize, usize) {
        let list = self.list();
        let count = |first| list.iter().filter(|e| **e == (cell, 1, first)).count();
        (count(true), count(false))
    }
}

/// The body of a cell's request.
fn body_of(cell: usize) -> String {
    format!("the body of cell {cell}, which is sent once or twice")
}

/// The cell and the round that a request is of.
fn numbers(query: &str) -> (usize, u8) {
    let (cell, round) = query.split_once('.').expect("two numbers");
    (
        cell.parse().expect("a cell"),
        round.parse().expect("a round"),
    )
}

/// Reads the rest of a request: all of its body, or none.
fn take_body(scgi: &mut Scgi, request: &crate::common::scgi::Request, cell: usize) {
    let body = scgi.body(request);
    assert!(
        body.is_empty() || body == body_of(cell).as_bytes(),
        "the body of cell {cell} has become {:?}",
        String::from_utf8_lossy(&body)
    );
}

/// Where the time for an answer is short, the gateway may have left by then: such a cell is tried again with more time.
fn reply(scgi: &mut Scgi, phase: Phase, body: &str) {
    let sent = scgi.try_reply(body);
    assert!(sent.is_ok() || phase == Phase::ReadTimeout, "{sent:?}");
}

/// The second server.
fn play_second(scgi: &mut Scgi, phase: Phase, seen: &Seen) {
    let request = scgi.request();
    let (cell, round) = numbers(&request.get("QUERY_STRING"));
    seen.note(cell, round, false);
    take_body(scgi, &request, cell);
    reply(scgi, phase, "second");
}

/// The first server.
fn play_first(scgi: &mut Scgi, phase: Phase, seen: &Seen) {
    if phase == Phase::Shut {
        return;
    }
    let leaves = matches!(phase, Phase::ResetInHead | Phase::Early(_));
    let request = if leaves {
        scgi.request_and_leave_some()
    } else {
        scgi.request()
    };
    let (cell, round) = numbers(&request.get("QUERY_STRING"));
    seen.note(cell, round, true);
    if round == 2 {
        return reply(scgi, phase, "alive");
    }
    if !leaves {
        take_body(scgi, &request, cell);
    }
    // The gateway may have closed before it has all: it wants no body after a HEAD, and no more of a head than it can hold.
    let _ = match phase {
        Phase::RefusedUnix | Phase::RefusedTcp | Phase::Shut => panic!("nobody gets here"),
        Phase::Empty => Ok(()),
        Phase::EndInHead | Phase::ResetInHead => scgi.try_send("Status: 200 OK\r\nX-Cut: he"),
        Phase::Malformed => scgi.try_send("Status: 200\r\nno field\r\n\r\nnonsense"),
        Phase::TooLarge => scgi.try_send(format!("X-Long: {}\r\n\r\nown", "x".repeat(100_000))),
        Phase::ReadTimeout => {
            scgi.peer_closed();
            Ok(())
        }
        Phase::Status(code) | Phase::Early(code) => {
            scgi.try_send(format!("Status: {code}\r\nContent-Length: 3\r\n\r\nown"))
        }
        Phase::BodyCut => scgi.try_send("Status: 200\r\nContent-Length: 10\r\n\r\nhalf."),
        Phase::BodyTimeout => {
            let sent = scgi.try_send("Status: 200\r\nContent-Length: 10\r\n\r\nhalf.");
            scgi.peer_closed();
            sent
        }
    };
}

/// Applications and a gateway for some cells of one phase.
struct Rig<'a> {
    cells: &'a [Cell],
    seen: Arc<Seen>,
    first: Option<App>,
    second: App,
    gate: Gate,
    /// The first server's address of each cell.
    addresses: Vec<String>,
    _dir: Temp,
    _port: Option<socket2::Socket>,
}

/// A port that nobody listens on, and that nobody else can take.
fn closed_port() -> (socket2::Socket, u16) {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    socket.bind(&any.into()).expect("bind");
    let addr = socket.local_addr().expect("the address").as_socket();
    (socket, addr.expect("an IP address").port())
}

impl Rig<'_> {
    fn new(phase: Phase, cells: &[Cell], read_timeout: Duration) -> Rig<'_> {
        let dir = Temp::new();
        let seen = Arc::new(Seen::default());
        let socket = dir.file("first");
        let (notes, mut first, mut port) = (Arc::clone(&seen), None, None);
        match phase {
            Phase::RefusedTcp => port = Some(closed_port()),
            Phase::RefusedUnix => drop(crate::stale(&dir, "first")),
            _ => {
                first = Some(App::script_at(&socket, move |scgi| {
                    play_first(scgi, phase, &notes)
                }))
            }
        }
        let notes = Arc::clone(&seen);
        let second = App::script(move |scgi| play_second(scgi, phase, &notes));
        let address = |i: usize| match &port {
            Some((_, port)) => format!("127.0.{}.{}:{port}", 1 + i / 250, 1 + i % 250),
            None => {
                let link = dir.file(&format!("f{i}"));
                std::os::unix::fs::symlink(&socket, &link).expect("a symbolic link");
                format!("unix:{link}")
            }
        };
        let addresses: Vec<String> = (0..cells.len()).map(address).collect();
        let mut args: Vec<String> = [
            "--read-timeout",
            &format!("{}ms", read_timeout.as_millis()),
            "--workers",
            "80",
            // Thousands of failures are meant to be: what is said about them is for `tries` to read.
            "--log-level",
            "off",
        ]
        .map(str::to_owned)
        .into();
        args.extend(flags(cells, &addresses, &second.addr()));
        args.extend(status::STATUS.map(str::to_owned));
        let gate = Gate::start(args);
        Rig {
            cells,
            seen,
            first,
            second,
            gate,
            addresses,
            _dir: dir,
            _port: port.map(|(socket, _)| socket),
        }
    }

    /// Sends one request for each cell, `lanes` at a time.
    fn round(&self, round: u8, lanes: usize) -> Vec<Got> {
        let turn = AtomicUsize::new(0);
        let all: Vec<Mutex<Option<Got>>> = self.cells.iter().map(|_| Mutex::new(None)).collect();
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| {
                    let mut kept = None;
                    loop {
                        let i = turn.fetch_add(1, Ordering::SeqCst);
                        let Some(cell) = self.cells.get(i) else {
                            return;
                        };
                        let got = self.ask(&mut kept, i, cell, round);
                        *all[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(got);
                    }
                });
            }
        });
        all.into_iter()
            .map(|got| got.into_inner().ok().flatten().expect("every cell has run"))
            .collect()
    }

    /// One request: the cell's own, or the plain GET of the second round.
    fn ask(&self, kept: &mut Option<Client>, i: usize, cell: &Cell, round: u8) -> Got {
        let (method, body) = if round == 1 {
            (cell.method, cell.body)
        } else {
            ("GET", Body::None)
        };
        let mut client = kept.take().unwrap_or_else(|| self.gate.client());
        let head = format!("{method} /c{i}?{i}.{round} HTTP/1.1\r\nHost: test\r\n");
        let text = body_of(i);
        let length = format!("Content-Length: {}\r\n", text.len());
        match body {
            Body::None => client.send(format!("{head}\r\n")),
            Body::Held => client.send(format!("{head}{length}\r\n{text}")),
            Body::Streamed => {
                // What is still to come when the request goes upstream can not have been held.
                let (early, late) = text.split_at(5);
                client.send(format!("{head}{length}\r\n{early}"));
                until("a server or an answer", || {
                    self.seen.times(i) != (0, 0) || client.stream().is_readable()
                });
                // An answer that came before may have closed the connection.
                let _ = client.try_send(late);
            }
        }
        let response = client.try_response(method);
        let keep = response.as_ref().is_ok_and(|r| !r.head.closes());
        if keep {
            *kept = Some(client);
        }
        match response {
            Ok(response) => sort(method, &response),
            Err(Broken::InBody(head, body))
                if head.status == 200 && b"half.".starts_with(&body) =>
            {
                Got::Answer(Answer::Cut)
            }
            Err(other) => Got::Other(format!("{other:?}")),
        }
    }

    /// Runs both rounds. Returns the cells where something is wrong, and what.
    fn run(&self, phase: Phase, lanes: usize) -> Vec<(Cell, String)> {
        let answers = self.round(1, lanes);
        status::wait_idle(&self.gate);
        let seconds = self.round(2, 4);
        let servers = status::wait_idle(&self.gate);
        let mut wrong = Vec::new();
        for (i, cell) in self.cells.iter().enumerate() {
            let expected = expect(cell);
            let mut what = String::new();
            if answers[i] != Got::Answer(expected.answer.clone()) {
                let _ = write!(what, "the client got {:?}; ", answers[i]);
            }
            let (first, second) = self.seen.times(i);
            // Who closes without reading can not know whose request it was.
            let saw = (first, second) == (expected.first_saw.into(), expected.second_saw.into());
            if !saw && (phase != Phase::Shut || second != usize::from(expected.second_saw)) {
                let _ = write!(what, "the servers saw it {first} and {second} times; ");
            }
            let next = if expected.counted {
                Got::Answer(Answer::Second)
            } else {
                Got::Alive
            };
            if seconds[i] != next {
                let _ = write!(what, "the next request got {:?}; ", seconds[i]);
            }
            let fails = |address: &str| {
                let group = format!("g{i}");
                let server = servers
                    .iter()
                    .find(|s| s.group == group && s.address == address);
                server.map(|s| s.fails)
            };
            if fails(&self.addresses[i]) != Some(expected.counted.into()) {
                let _ = write!(
                    what,
                    "{:?} failures were counted; ",
                    fails(&self.addresses[i])
                );
            }
            if fails(&self.second.addr()) != Some(0) {
                what += "failures of the second server were counted; ";
            }
            if !what.is_empty() {
                wrong.push((cell.clone(), what));
            }
        }
        wrong
    }

    /// Servers that close without reading: their connections can at least be counted.
    fn check_connections(&self) {
        let expected = self.cells.iter().filter(|c| expect(c).first_saw).count();
        if let Some(first) = &self.first {
            assert_eq!(first.accepted(), expected, "connections to the first");
            first.check();
        }
        self.second.check();
    }
}

/// Whose answer a complete response is. After a HEAD only the length tells.
fn sort(method: &str, response: &Response) -> Got {
    let code = response.status;
    if method == "HEAD" {
        return Got::Answer(match response.field("Content-Length") {
            Some("6") if code == 200 => Answer::Second,
            Some("3" | "10") => Answer::Own(code),
            _ => Answer::Gateway(code),
        });
    }
    match response.text().as_str() {
        "second" if code == 200 => Got::Answer(Answer::Second),
        "alive" if code == 200 => Got::Alive,
        "own" => Got::Answer(Answer::Own(code)),
        page if page.contains("scgate") => Got::Answer(Answer::Gateway(code)),
        other => Got::Other(format!("{code} {other:?}")),
    }
}

/// Groups and locations for the cells.
fn flags(cells: &[Cell], addresses: &[String], second: &str) -> Vec<String> {
    let mut flags = Vec::new();
    let mut add = |flag: &str, value: String| flags.extend([flag.to_owned(), value]);
    for (i, address) in addresses.iter().enumerate() {
        let first = format!("g{i} {address} max_fails=1 fail_timeout=1h");
        add("--upstream", first);
        add("--upstream", format!("g{i} {second} max_fails=0 backup"));
    }
    for (i, cell) in cells.iter().enumerate() {
        add("--location", format!("/c{i}"));
        add("--pass", format!("g{i}"));
        if let Some(value) = &cell.setting.flag {
            add("--next-upstream", value.clone());
        }
        if cell.body == Body::Streamed {
            add("--request-buffering", "off".to_owned());
        }
    }
    flags
}

#[track_caller]
fn report(phase: Phase, wrong: &[(Cell, String)]) {
    let mut text = String::new();
    for (cell, what) in wrong.iter().take(20) {
        let Expect {
            first_saw,
            second_saw,
            answer,
            counted,
        } = expect(cell);
        let setting = cell.setting.flag.as_deref().unwrap_or("(default)");
        let _ = writeln!(
            text,
            "{} with a body {:?}, --next-upstream '{setting}': {what}expected: {answer:?}, seen {first_saw} and \
             {second_saw}, counted {counted}",
            cell.method, cell.body
        );
    }
    assert!(
        wrong.is_empty(),
        "{phase:?}: {} cells are wrong:\n{text}",
        wrong.len()
    );
}

/// Phases in which no clock has a say.
fn matrix(phase: Phase) {
    let cells = cells(phase);
    let rig = Rig::new(phase, &cells, Duration::from_secs(60));
    report(phase, &rig.run(phase, 4));
    if phase == Phase::Shut {
        // The second round never gets to it.
        rig.check_connections();
    }
}

/// Phases that end by a timeout, which also holds for the good answers: on a busy machine one of those may come too late, so
/// what seems wrong is looked at again with a longer timeout, and must be right with the longest.
fn timed(phase: Phase) {
    let mut left = cells(phase);
    let mut wrong = Vec::new();
    for timeout in [300, 1000, 6000] {
        let rig = Rig::new(phase, &left, Duration::from_millis(timeout));
        wrong = rig.run(phase, 64);
        left = wrong.iter().map(|(cell, _)| cell.clone()).collect();
        if wrong.is_empty() {
            return;
        }
    }
    report(phase, &wrong);
}

#[test]
fn a_refused_unix_socket() {
    matrix(Phase::RefusedUnix);
}

#[test]
fn a_refused_port() {
    matrix(Phase::RefusedTcp);
}

#[test]
fn closed_before_anything_was_read() {
    matrix(Phase::Shut);
}

#[test]
fn closed_without_a_byte() {
    matrix(Phase::Empty);
}

#[test]
fn closed_within_the_head() {
    matrix(Phase::EndInHead);
}

#[test]
fn reset_within_the_head() {
    matrix(Phase::ResetInHead);
}

#[test]
fn a_malformed_head() {
    matrix(Phase::Malformed);
}

#[test]
fn a_head_that_is_too_large() {
    matrix(Phase::TooLarge);
}

#[test]
fn no_head_in_time() {
    timed(Phase::ReadTimeout);
}

#[test]
fn statuses_that_tell_of_the_server() {
    for code in [500, 503, 429] {
        matrix(Phase::Status(code));
    }
}

#[test]
fn statuses_that_tell_of_the_request() {
    for code in [403, 404] {
        matrix(Phase::Status(code));
    }
}

#[test]
fn a_status_that_can_not_be_listed() {
    matrix(Phase::Status(502));
}

/// Z11.
#[test]
fn an_early_answer() {
    matrix(Phase::Early(401));
    matrix(Phase::Early(503));
}

#[test]
fn a_body_that_is_cut() {
    matrix(Phase::BodyCut);
}

#[test]
fn a_body_that_stalls() {
    timed(Phase::BodyTimeout);
}
