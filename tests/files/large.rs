//! Files that do not fit one write.

use crate::common::{Gate, Pattern, Temp};

const SIZE: usize = 9 << 20;

fn serving() -> (Temp, Pattern, Gate) {
    let tree = Temp::new();
    let pattern = Pattern::new();
    std::fs::write(tree.path().join("large.bin"), pattern.bytes(SIZE)).expect("a file");
    let root = tree.path().display().to_string();
    let gate = Gate::start(["--location", "/", "--root", &root]);
    (tree, pattern, gate)
}

#[test]
fn a_large_file_arrives_whole_and_in_ranges() {
    let (_tree, pattern, gate) = serving();
    let mut client = gate.client();
    let response = client.get("/large.bin").is(200);
    assert_eq!(response.body.len(), SIZE);
    pattern.check(0, &response.body);
    // On the same connection, from here and there.
    for (from, to) in [
        (1, SIZE - 1),
        (5_000_000, 5_000_000),
        (SIZE - 70_000, SIZE - 1),
    ] {
        client.send(format!(
            "GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes={from}-{to}\r\n\r\n"
        ));
        let response = client.response().is(206);
        assert_eq!(response.body.len(), to - from + 1);
        pattern.check(from as u64, &response.body);
    }
}

#[test]
fn several_large_ranges_come_in_the_order_they_were_asked_for() {
    let (_tree, pattern, gate) = serving();
    let wanted = [(4_000_000, 6_999_999), (0, 2_999_999), (SIZE - 1, SIZE - 1)];
    let list: Vec<String> = wanted.iter().map(|(a, b)| format!("{a}-{b}")).collect();
    let mut client = gate.client();
    client.send(format!(
        "GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes={}\r\n\r\n",
        list.join(", ")
    ));
    let response = client.response().is(206);
    let media = response.field("content-type").expect("a type").to_owned();
    let boundary = media.rsplit('=').next().expect("a boundary");
    let mut rest = response.body.as_slice();
    for (from, to) in wanted {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\n\
             Content-Range: bytes {from}-{to}/{SIZE}\r\n\r\n"
        );
        rest = rest.strip_prefix(head.as_bytes()).expect("a part");
        let (part, after) = rest.split_at(to - from + 1);
        pattern.check(from as u64, part);
        rest = after;
    }
    assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(client.get("/none").status, 404);
}

#[test]
fn requests_in_one_piece_are_answered_one_after_the_other() {
    let (_tree, pattern, gate) = serving();
    let mut client = gate.client();
    let one = "GET /large.bin HTTP/1.1\r\nHost: test\r\n";
    client.send(format!(
        "{one}Range: bytes=0-99999\r\n\r\n{one}\r\nHEAD{}\r\n{one}Range: bytes=-1\r\n\r\n",
        one.strip_prefix("GET").expect("GET")
    ));
    pattern.check(0, &client.response().is(206).body);
    let whole = client.response().is(200);
    assert_eq!(whole.body.len(), SIZE);
    pattern.check(0, &whole.body);
    let head = client.response_to("HEAD").is(200);
    assert_eq!(
        head.field("content-length"),
        Some(SIZE.to_string().as_str())
    );
    pattern.check(SIZE as u64 - 1, &client.response().is(206).body);
}

/// What is missing can not be made up: the connection ends, and the log says why.
#[test]
fn a_file_that_becomes_shorter_cuts_its_response() {
    let (tree, _, gate) = serving();
    let file = std::fs::File::options()
        .write(true)
        .open(tree.file("large.bin"));
    let file = file.expect("the file");
    // Far more than sockets hold, and on the disk nothing.
    file.set_len(1 << 30).expect("a long file");
    let mut client = gate.client();
    client.send("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = client.head();
    file.set_len(1).expect("a short file");
    assert!(client.try_body(&head, &mut |_| {}).is_err());
    gate.logs("a file that is being sent can not be read on");
}
