//! The PROXY protocol: heads one by one, every cut of them, bytes at random.

use super::mutate::Random;
use super::shown;
use crate::http::proxy_protocol::{Malformed, Step, parse};

/// A head of version 2: command, family, addresses and what follows them.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a test block");
    let mut head = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    head.extend([command, family]);
    head.extend(length.to_be_bytes());
    head.extend(block);
    head
}

const INET: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0, 80];

fn inet6() -> Vec<u8> {
    let ip = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&ip(1)[..], &ip(2), &[0x12, 0x67, 0, 80]].concat()
}

/// The client that a whole head names; empty for none.
#[track_caller]
fn client(head: &[u8]) -> String {
    match parse(head) {
        Ok(Step::Done(used, client)) => {
            assert_eq!(used, head.len(), "{}", shown(head));
            client.map(|addr| addr.to_string()).unwrap_or_default()
        }
        other => panic!("{other:?}: {}", shown(head)),
    }
}

/// A head, and the client it names.
fn good() -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let long = format!(
        "PROXY UNKNOWN {0} {0} 65535 65535\r\n",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    );
    let worst = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
        ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(long.len(), 107);
    let more = |addresses: &[u8]| [addresses, &[4, 0, 3, 1, 2, 3]].concat();
    vec![
        (
            text("PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n"),
            "192.0.2.1:4711",
        ),
        (
            text("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n"),
            "255.255.255.255:65535",
        ),
        (
            text("PROXY TCP6 2001:db8::1 ::1 4711 80\r\n"),
            "[2001:db8::1]:4711",
        ),
        (
            text("PROXY TCP6 ::ffff:192.0.2.1 ::1 0 80\r\n"),
            "[::ffff:192.0.2.1]:0",
        ),
        (
            text(worst),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ),
        (text("PROXY UNKNOWN\r\n"), ""),
        (text("PROXY UNKNOWN what\0ever \r it is\r\n"), ""),
        (text(&long), ""),
        (binary(0x21, 0x11, &INET), "192.0.2.1:4711"),
        (binary(0x21, 0x11, &more(&INET)), "192.0.2.1:4711"),
        (binary(0x21, 0x21, &inet6()), "[2001:db8::1]:4711"),
        (binary(0x21, 0x21, &more(&inet6())), "[2001:db8::1]:4711"),
        // Unspecified, datagrams, Unix sockets: nothing that could be the client of a stream.
        (binary(0x21, 0x00, b""), ""),
        (binary(0x21, 0x00, b"xyz"), ""),
        (binary(0x21, 0x12, &INET), ""),
        (binary(0x21, 0x22, &inet6()), ""),
        (binary(0x21, 0x31, &[b'/'; 216]), ""),
        // LOCAL: whatever else it says.
        (binary(0x20, 0x00, b""), ""),
        (binary(0x20, 0x11, &INET), ""),
        (binary(0x20, 0xff, b"?"), ""),
        (binary(0x20, 0x00, &[0; 4096]), ""),
    ]
}

#[test]
fn heads_name_the_client_or_nobody() {
    for (head, expected) in good() {
        assert_eq!(client(&head), expected, "{}", shown(&head));
        let followed = [&head, b"GET / HTTP/1.1\r\n".as_slice()].concat();
        assert_eq!(parse(&followed), parse(&head), "{}", shown(&head));
    }
}

#[test]
fn a_head_is_waited_for_up_to_its_last_byte() {
    for (head, _) in good() {
        for cut in 0..head.len() {
            let part = head.get(..cut).unwrap_or_default();
            assert_eq!(parse(part), Ok(Step::More), "{}", shown(part));
        }
    }
}

#[test]
fn what_is_not_to_the_letter_is_refused() {
    let long = "PROXY UNKNOWN ".to_owned() + &"x".repeat(91) + "\r\n";
    assert_eq!(long.len(), 107);
    assert!(parse(long.as_bytes()).is_ok());
    let longer = long.replacen('x', "xx", 1);
    let texts: &[&str] = &[
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY\r\n",
        "PROXYTCP4",
        "PROXY \r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1\t198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 00\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 x 2\r\n",
        "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 nobody 1 2\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP6 [2001:db8::1] [::1] 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP4 192.0.2.\u{b9} 198.51.100.1 1 2\r\n",
        &longer,
        &longer[..107],
    ];
    for head in texts {
        assert!(parse(head.as_bytes()).is_err(), "{head:?}");
    }
    assert!(parse(b"PROXY TCP4 192.0.2.1\xff 198.51.100.1 1 2\r\n").is_err());
    let huge = [&binary(0x21, 0x11, b"")[..14], &[0x10, 0x01]].concat();
    let short = [0; 215];
    for head in [
        binary(0x11, 0x11, &INET),
        binary(0x31, 0x11, &INET),
        binary(0x01, 0x11, &INET),
        binary(0x22, 0x11, &INET),
        binary(0x2f, 0x11, &INET),
        binary(0x21, 0x01, &INET),
        binary(0x21, 0x10, &INET),
        binary(0x21, 0x13, &INET),
        binary(0x21, 0x41, &short),
        binary(0x21, 0x11, &INET[..11]),
        binary(0x21, 0x12, b""),
        binary(0x21, 0x21, &inet6()[..35]),
        binary(0x21, 0x22, &INET),
        binary(0x21, 0x31, &short),
        binary(0x20, 0x00, &[0; 4097]),
        huge,
        b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
        b"\r\n\r\nGET".to_vec(),
    ] {
        assert!(parse(&head).is_err(), "{}", shown(&head));
    }
}

/// A refusal comes with the byte that deserves it, not only with the end of the head.
#[test]
fn what_can_not_become_a_head_is_refused_at_once() {
    for start in ["G", "\n", "PROXY\t", "PROXy", "\r\r", "PROXY TCP4 x\n"] {
        assert!(parse(start.as_bytes()).is_err(), "{start:?}");
    }
    assert_eq!(
        parse(b"\x16\x03\x01"),
        Err(Malformed("the connection begins otherwise"))
    );
    // Command, family and length are enough; the block need not come.
    let head = binary(0x21, 0x51, &[0; 40]);
    assert!(parse(&head[..16]).is_err());
}

#[test]
fn mutated_heads_are_judged_the_same_in_pieces_and_whole() {
    let seeds = good();
    let seeds: Vec<&[u8]> = seeds.iter().map(|(head, _)| head.as_slice()).collect();
    let pieces: &[&[u8]] = &[
        b"PROXY ",
        b"TCP4",
        b"TCP6",
        b"UNKNOWN",
        b" ",
        b"\r\n",
        b"\n",
        b"\r",
        b"192.0.2.2",
        b"2001:db8::3",
        b"::",
        b"0",
        b"65535",
        b"\x21\x11\0\x0c",
        b"\x20\0\0\0",
        b"\x21\x21\0\x24",
        b"\0",
        b"\xff",
        b"GET / HTTP/1.1\r\n",
    ];
    let mut random = Random(0x0DD_BA11);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let seed = random.pick(&seeds);
        let bytes = random.mutate(seed, pieces);
        let whole = parse(&bytes);
        let mut cut = 0;
        let found = loop {
            cut = (cut + 1 + random.below(9)).min(bytes.len());
            let step = parse(bytes.get(..cut).unwrap_or_default());
            if step != Ok(Step::More) || cut == bytes.len() {
                break step;
            }
        };
        // Why it is refused may come from another byte of the same bad head.
        assert_eq!(found.ok(), whole.ok(), "{}", shown(&bytes));
        match whole {
            Ok(Step::More) => assert!(bytes.len() < 4112),
            Ok(Step::Done(used, _)) => {
                assert!(used <= bytes.len().min(4112));
                assert_eq!(parse(bytes.get(..used).unwrap_or_default()), whole);
                accepted += 1;
            }
            Err(_) => {}
        }
    }
    assert!(
        (2_000..18_000).contains(&accepted),
        "{accepted} accepted: the mutations test nothing"
    );
}
