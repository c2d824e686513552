//! Applications that talk before they have read the whole request.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use crate::common::process::cpu_ticks;
use crate::common::{App, Gate, Pattern};

/// More than the sockets and the response buffers hold together.
const SIZE: usize = 900_000;

/// Sends back each piece of the body as soon as it has it, and reads no more until that is out.
fn echoing(head: &'static str) -> App {
    App::script(move |scgi| {
        let request = scgi.request();
        assert_eq!(request.content_length, SIZE as u64);
        scgi.send(head);
        let mut left = SIZE;
        while left > 0 {
            let piece = scgi.some();
            left -= piece.len();
            scgi.send(piece);
        }
    })
}

fn all_comes_back(args: &[&str], head: &'static str) {
    let app = echoing(head);
    let addr = app.addr();
    let gate = Gate::start(["--pass", &addr].iter().chain(args));
    let mut client = gate.client();
    let body = Pattern::new().bytes(SIZE);
    let response = client.post("/", &body).is(200);
    assert_eq!(response.body.len(), SIZE, "{args:?}");
    assert!(response.body == body, "{args:?}: other bytes came back");
    gate.stop().clean();
}

const WITHOUT_LENGTH: &str = "Status: 200\r\n\r\n";
const WITH_LENGTH: &str = "Status: 200\r\nContent-Length: 900000\r\n\r\n";

#[test]
fn an_application_that_answers_while_it_reads_is_heard_out() {
    all_comes_back(&[], WITHOUT_LENGTH);
    all_comes_back(&[], WITH_LENGTH);
    // From memory, too, and not from a file alone.
    all_comes_back(&["--client-body-buffer-size", "1m"], WITHOUT_LENGTH);
}

#[test]
fn so_is_one_whose_request_goes_on_as_it_comes() {
    all_comes_back(&["--request-buffering", "off"], WITHOUT_LENGTH);
    all_comes_back(&["--request-buffering", "off"], WITH_LENGTH);
}

/// What is said early fits into `--buffers`: the body goes on although nothing may be spilled.
#[test]
fn an_early_answer_within_the_buffers_does_not_end_the_sending() {
    let app = App::script(|scgi| {
        scgi.request();
        scgi.send("Status: 200\r\nContent-Length: 20000\r\n\r\n");
        scgi.send(vec![b'x'; 19_999]);
        let mut left = SIZE;
        while left > 0 {
            left -= scgi.some().len();
        }
        scgi.send("y");
    });
    let addr = app.addr();
    let gate = Gate::start(["--pass", &addr, "--max-temp-file-size", "0"]);
    let response = gate.client().post("/", &Pattern::new().bytes(SIZE)).is(200);
    assert_eq!(
        (response.body.len(), response.body.last()),
        (20_000, Some(&b'y'))
    );
    gate.stop().clean();
}

/// A stalled streaming body holds a worker, but no processor: `--request-buffering off`.
#[test]
fn a_worker_that_waits_for_both_sides_does_not_spin() {
    let mut all = Vec::new();
    for closes in [false, true] {
        for max in ["1024m", "0"] {
            let (done, wait) = mpsc::channel::<()>();
            let wait = Mutex::new(wait);
            let app = App::script(move |scgi| {
                scgi.request();
                let _ = scgi.try_send("Status: 200\r\n\r\n");
                scgi.stream().set_limit(Duration::from_millis(300));
                let _ = scgi.try_send(vec![b'x'; 65536]);
                if !closes {
                    let _ = wait.lock().expect("lock").recv();
                }
            });
            let gate = Gate::start([
                "--pass",
                &app.addr(),
                "--request-buffering",
                "off",
                "--max-temp-file-size",
                max,
            ]);
            let mut client = gate.client();
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome");
            app.wait_accepted(1);
            all.push((
                app,
                gate,
                client,
                done,
                format!("closes {closes}, max {max}"),
            ));
        }
    }
    let ticks = |gate: &Gate| cpu_ticks(gate.pid());
    // Once to let everything come to rest, once to count.
    std::thread::sleep(Duration::from_millis(600));
    let before: Vec<u64> = all.iter().map(|(_, gate, ..)| ticks(gate)).collect();
    std::thread::sleep(Duration::from_secs(1));
    for ((_, gate, _, _, what), before) in all.iter().zip(before) {
        let spent = ticks(gate) - before;
        assert!(spent < 15, "{what}: {spent} ticks in a second of waiting");
    }
    for (app, gate, client, done, _) in all {
        drop((client, done));
        gate.stop();
        drop(app);
    }
}
