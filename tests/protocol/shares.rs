//! What one client may take from others: the event loop's time, and memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::common::{Client, Gate, until};
use crate::echo;

/// What is sent first, in bytes: until the system has found out that large socket buffers pay, the gateway often finds
/// nothing to read, and others have their turn then.
const WARM_UP: u64 = 256 << 20;
/// What is sent while others wait for their answers, in bytes: many times what fair turns let through meanwhile.
const FLOOD: u64 = 4 << 30;

/// However a test ends, its upload does too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Sends a body as fast as it goes, until it is enough or until told to stop. Its chunks are small: taking it in is more work
/// than sending it, so that there is nearly always more to be read.
fn flood(mut client: Client, sent: &AtomicU64, stop: &AtomicBool) {
    let block = format!("400\r\n{}\r\n", "x".repeat(0x400)).repeat(1000);
    client.send("POST /flood HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    while !stop.load(Ordering::SeqCst) && sent.load(Ordering::SeqCst) < WARM_UP + FLOOD {
        client.send(&block);
        sent.fetch_add(block.len() as u64, Ordering::SeqCst);
    }
}

/// Whether 200 requests are answered before the upload has come to its end. The requests are answered in any case.
fn served_during_upload(gate: &Gate) -> bool {
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _stop_at_end = Stop(&stop);
        let uploader = gate.client();
        let upload = scope.spawn(|| flood(uploader, &sent, &stop));
        until("the upload to be under way", || {
            sent.load(Ordering::SeqCst) >= WARM_UP
        });
        let mut client = gate.client();
        for i in 0..200 {
            let response = client.get(&format!("/{i}")).is(200);
            assert_eq!(response.param("REQUEST_URI"), Some(format!("/{i}")));
        }
        !upload.is_finished()
    })
}

/// The body is not passed on, so that it fills no disk. The system may give our client no processor for a while, so one
/// good time in three will do: without fair turns there is none.
#[test]
fn a_fast_upload_does_not_starve_others() {
    let (_app, gate) = echo(&["--pass-request-body", "off", "--client-max-body-size", "0"]);
    assert!(
        (0..3).any(|_| served_during_upload(&gate)),
        "others had to wait for the end of the upload"
    );
    gate.stop();
}

/// Bodies that are waited for may fill half of the memory; the rest of them goes to files.
#[test]
fn stalled_bodies_leave_memory_for_others() {
    let (app, gate) = echo(&["--memory", "1m"]);
    // 64 of them would fill it to the last byte.
    let mut stalled: Vec<Client> = (0..70).map(|_| gate.client()).collect();
    for client in &mut stalled {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
        client.send([b'x'; 16384]);
    }
    gate.has_read_everything();
    for _ in 0..3 {
        gate.get("/plain").is(200);
    }
    assert_eq!(app.accepted(), 3);
    // Nor are they forgotten.
    for client in &mut stalled {
        client.send([b'x'; 3616]);
        let response = client.response().is(200);
        assert!(response.text().ends_with("body: 20000 bytes\n"));
    }
    gate.stop();
}

/// Each option is held against every field, so their number is bounded.
#[test]
fn a_connection_field_with_many_options_is_refused() {
    let (app, gate) = echo(&[]);
    let send = |fields: &str| {
        let mut client = gate.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        client.response()
    };
    let list = |n: usize| {
        (0..n)
            .map(|i| format!("x{i}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    send(&format!("Connection: {}\r\n", list(32))).is(200);
    let refused = send(&format!("Connection: {}\r\n", list(33))).is(400);
    assert!(refused.head.closes());
    send(&"Connection: a, b, c\r\n".repeat(11)).is(400);
    assert_eq!(app.accepted(), 1);
    gate.stop();
}
