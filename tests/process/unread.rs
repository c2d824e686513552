//! Logs that nobody reads: what is lost is lost, but nobody waits for it.

use std::time::{Duration, Instant};

use crate::common::gate::Starter;
use crate::common::{Temp, process};

/// Far more than a pipe of 4 KiB and any buffer of a line or a block hold, and less than a busy machine takes long for.
const REQUESTS: usize = 3000;

#[test]
fn nobody_waits_for_a_reader_of_the_logs() {
    let dir = Temp::new();
    let none = format!("unix:{}", dir.file("none"));
    let (_out, stdout) = process::small_pipe();
    let (_err, stderr) = process::small_pipe();
    let gate = Starter::new()
        .descriptor(&stdout, 1)
        .descriptor(&stderr, 2)
        .args(["--pass", &none, "--access-log", "-"])
        .args(["--log-level", "debug", "--keepalive-requests", "100000"])
        .start();
    drop((stdout, stderr));
    // Each makes a line in both.
    let mut client = gate.client();
    for i in 0..REQUESTS {
        client.get(&format!("/no-such-application/{i}")).is(502);
    }
    for _ in 0..200 {
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: no host\r\n\r\n");
        client.response().is(400);
    }
    gate.get("/probe").is(502);
    let start = Instant::now();
    gate.signal(libc::SIGTERM);
    let stopped = gate.wait();
    assert!(
        stopped.status.success(),
        "{}",
        process::describe(stopped.status)
    );
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}
