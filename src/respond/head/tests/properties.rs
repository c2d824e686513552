//! What holds for any head that is accepted.

use super::*;

/// What a strict client makes of a head: HTTP parses it to its last byte, and at most one framing is announced.
fn check_wire(out: &[u8], status: u16) {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    assert_eq!(
        response.parse(out),
        Ok(httparse::Status::Complete(out.len())),
        "{}",
        out.escape_ascii()
    );
    assert_eq!(response.code, Some(status));
    let count = |name: &str| {
        response
            .headers
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .count()
    };
    assert!(count("Content-Length") + count("Transfer-Encoding") <= 1);
    assert!(
        count("Server") == 1
            && count("Date") == 1
            && count("Connection") <= 1
            && count("Upgrade") == 0
    );
}

#[test]
fn whatever_the_application_sends_the_client_gets_one_well_formed_head() {
    let seeds: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html;a=\"b\"\r\nContent-Length: 12\r\nX-Accel-Charset: u\r\n\r\n",
        b"Status: 204 None\nServer: s\nDate: d\nConnection: close\nTransfer-Encoding: chunked\nUpgrade: x\n\n",
        b"Location: /\r\r\nKeep-Alive: 1\nContent-Length: 1\nHTTP/1.1 500 x\nDate:\nDate: e\n\n",
    ];
    let (settings, mut seed, mut accepted) = (settings(&HIDDEN), 0x00c0_ffee_u32, 0);
    let mut roll = |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize % sides
    };
    for round in 0..40_000 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..roll(5) {
            let at = roll(bytes.len());
            let odd = b"\0\r\n\t :;\"-,/HTP12\x7f\xffa"[roll(19)];
            if roll(2) == 0 {
                bytes[at] = odd
            } else {
                bytes.insert(at, odd)
            }
        }
        if let Ok(Parsed::Done(head, _)) = parse(&bytes, &mut 0) {
            let mut out = Vec::new();
            let ask = [GET, HEAD, OLD, LAST][roll(4)];
            let plan = translate(&head, &settings, &ask, &Extras::default(), &mut out);
            check_wire(&out, plan.status);
            accepted += 1;
        }
    }
    assert!(
        accepted > 5_000,
        "only {accepted} were accepted: the mutations are too coarse to test anything"
    );
}

/// Not a test: `cargo test --release --bin scgate -- --ignored --nocapture time_of`.
#[test]
#[ignore = "prints times; asserts nothing"]
fn time_of_one_response_head() {
    let head = b"Status: 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 13\r\nX-Powered-By: x\r\n\
        Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly\r\nCache-Control: no-store\r\nVary: Cookie\r\n\r\n";
    let settings = settings(&HIDDEN);
    let mut out = Vec::with_capacity(4096);
    let rounds = 1_000_000;
    let begin = std::time::Instant::now();
    for _ in 0..rounds {
        out.clear();
        let Ok(Parsed::Done(head, _)) = parse(std::hint::black_box(head), &mut 0) else {
            panic!("refused")
        };
        std::hint::black_box(translate(
            &head,
            &settings,
            &GET,
            &Extras::default(),
            &mut out,
        ));
    }
    println!(
        "one response head: {} ns, {} bytes",
        begin.elapsed().as_nanos() / rounds,
        out.len()
    );
}
