//! `--cgi`: one request and no more comes out of an environment, and one response out of the front's.

use super::request::{limits, take};
use super::shown;
use crate::cgi::answer::Answer;
use crate::cgi::environment::{Body, Incoming, incoming};
use crate::http::request::{Framing, Limits};

/// An environment, `NAME=VALUE` with a NUL behind each. Accepted: a request that the front takes.
pub fn cgi_environment(data: &[u8]) -> bool {
    let pair = |text: &[u8]| {
        let at = text.iter().position(|&byte| byte == b'=')?;
        Some((text[..at].to_vec(), text[at + 1..].to_vec()))
    };
    let variables: Vec<_> = data.split(|&byte| byte == 0).filter_map(pair).collect();
    [false, true].map(|piped| incoming(&variables, piped).is_ok_and(|made| request(&made)))[0]
}

fn request(made: &Incoming) -> bool {
    let limits = Limits {
        max_size: 1 << 20,
        ..limits(false)
    };
    let head = &made.head;
    let taken = take(head, &limits);
    if made.flaw.is_some() {
        assert_eq!(taken.map(|_| ()).map_err(|reject| reject.status), Err(400));
        return false;
    }
    // Its only end is at its end, and each line is one.
    let end = head.windows(4).position(|end| end == b"\r\n\r\n");
    assert_eq!(end, Some(head.len() - 4), "{}", shown(head));
    let mut lines = Vec::new();
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("an end of line");
        let control = |b: &u8| (*b < b' ' && *b != b'\t') || *b == 0x7f;
        assert!(!text.iter().any(control), "{}", shown(head));
        lines.push(text.to_ascii_lowercase());
    }
    assert_eq!(
        lines[0].iter().filter(|&&b| b == b' ').count(),
        2,
        "{}",
        shown(head)
    );
    let count = |name: &[u8]| {
        lines[1..]
            .iter()
            .filter(|line| line.starts_with(name))
            .count()
    };
    let (length, coded) = match made.body {
        Body::None => (0, 0),
        Body::Length(_) => (1, 0),
        Body::Rest => (0, 1),
    };
    for (name, times) in [
        ("content-length:", length),
        ("transfer-encoding:", coded),
        ("host:", 1),
        ("connection:", 1),
        ("proxy:", 0),
        ("expect:", 0),
        ("te:", 0),
        ("trailer:", 0),
        ("keep-alive:", 0),
    ] {
        assert_eq!(count(name.as_bytes()), times, "{name} {}", shown(head));
    }
    let Ok(request) = taken else {
        return false;
    };
    let request = request.unwrap_or_else(|| panic!("not whole: {}", shown(head)));
    assert_eq!(request.head_len(), head.len());
    assert_eq!(request.is_head(), made.is_head);
    assert!(!request.keep_alive(), "{}", shown(head));
    let framing = match made.body {
        Body::None => Framing::None,
        Body::Length(length) => Framing::Length(length),
        Body::Rest => Framing::Chunked,
    };
    assert_eq!(request.framing(), framing, "{}", shown(head));
    true
}

/// A response of the front. Accepted: whole.
pub fn cgi_answer(data: &[u8]) -> bool {
    let found = [false, true].map(|is_head| {
        let whole = answer(is_head, data, data.len().max(1));
        for size in [1, 3] {
            assert_eq!(
                answer(is_head, data, size),
                whole,
                "{} by {size}",
                shown(data)
            );
        }
        let (out, is_whole) = whole;
        assert!(
            out.is_empty() || out.starts_with(b"Status: "),
            "{}",
            shown(&out)
        );
        assert!(!is_whole || !out.is_empty(), "{}", shown(data));
        // The front's responses begin so; of others nothing is promised but that they do no harm.
        if is_head && is_whole && data.starts_with(b"HTTP/1.1 ") {
            assert!(out.ends_with(b"\n\r\n"), "{}", shown(&out));
        }
        is_whole
    });
    found[0]
}

fn answer(is_head: bool, data: &[u8], size: usize) -> (Vec<u8>, bool) {
    let (mut answer, mut out) = (Answer::new(is_head), Vec::new());
    for piece in data.chunks(size) {
        answer.take(piece, &mut out);
    }
    assert_eq!(answer.is_empty(), out.is_empty(), "{}", shown(data));
    (out, answer.is_complete())
}
