//! Workers and the queue before them.

use std::sync::Mutex;
use std::sync::mpsc;

use crate::common::{App, Gate, process};

#[test]
fn a_full_queue_is_503_with_retry_after() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let app = App::script(move |scgi| {
        scgi.all();
        let _ = gone.lock().expect("lock").recv();
        scgi.reply("served");
    });
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "1", "--queue", "2"]);
    let mut running = gate.client();
    running.send("GET /0 HTTP/1.1\r\nHost: a\r\n\r\n");
    app.wait_accepted(1);
    let mut crowd: Vec<_> = (0..6).map(|_| gate.client()).collect();
    for client in &mut crowd {
        client.send("GET /n HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    // Which four of the six are refused is the kernel's choice; those that are answered before anything is released.
    let mut refused = 0;
    let mut waiting = Vec::new();
    for mut client in crowd {
        client
            .stream()
            .set_limit(std::time::Duration::from_millis(500));
        match client.try_response("GET") {
            Ok(response) => {
                assert_eq!(response.status, 503);
                let retry = response.field("Retry-After").expect("Retry-After");
                assert!(retry.parse::<u32>().is_ok_and(|s| s > 0), "{retry}");
                refused += 1;
            }
            Err(_) => {
                client.stream().set_limit(crate::common::LIMIT);
                waiting.push(client);
            }
        }
    }
    assert_eq!((refused, waiting.len()), (4, 2));
    drop(go);
    running.response().is(200);
    for mut client in waiting {
        client.response().is(200);
    }
    gate.stop();
}

#[test]
fn the_number_of_threads_is_fixed() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "5"]);
    let threads = || process::status_line(gate.pid(), "Threads").expect("a count");
    let mut clients: Vec<_> = (0..50).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for client in &mut clients {
        client.response().is(200);
    }
    assert!(
        threads().parse::<u32>().expect("a number") <= 5 + 2,
        "{}",
        threads()
    );
}

#[test]
fn many_requests_over_few_workers_are_all_answered() {
    let app = App::echo();
    let gate = Gate::start(["--pass", &app.addr(), "--workers", "3"]);
    std::thread::scope(|scope| {
        for t in 0..8 {
            let gate = &gate;
            scope.spawn(move || {
                let mut client = gate.client();
                for i in 0..150 {
                    let response = client.get(&format!("/{t}/{i}")).is(200);
                    assert_eq!(response.param("REQUEST_URI"), Some(format!("/{t}/{i}")));
                }
            });
        }
    });
    assert_eq!(app.accepted(), 8 * 150);
    gate.stop().clean();
}
