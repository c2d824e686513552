//! The pure parts: searching, and what answers mean.

use std::time::Duration;

use super::answer::{Answer, End, Outcome, Seen, excerpt, form, speaks, uwsgi};
use super::search::{Limit, Needed, needed};
use super::{asking, request};

#[test]
fn every_limit_is_found_and_in_few_steps() {
    for limit in [100, 101, 500, 501, 1999, 2000, 2001, 65_535, 131_071] {
        let mut found = Limit {
            good: 100,
            bad: 131_073,
        };
        let mut asked = 0;
        while let Some(size) = found.next(0) {
            assert!(found.good < size && size < found.bad);
            found.told(size, size <= limit);
            asked += 1;
        }
        assert_eq!((found.good, found.bad), (limit, limit + 1));
        assert!(asked <= 17, "{asked}");
    }
}

#[test]
fn what_is_too_small_to_be_tried_is_left_open() {
    let mut found = Limit {
        good: 100,
        bad: 1000,
    };
    while let Some(size) = found.next(300) {
        assert!(size >= 300);
        found.told(size, false);
    }
    assert_eq!((found.good, found.bad), (100, 300));
}

/// What is found where `fails` is what happens without something, and how many questions that took.
fn search(
    count: usize,
    fails: impl Fn(&dyn Fn(usize) -> bool) -> Option<u8>,
) -> (Vec<Needed<u8>>, usize) {
    let all: Vec<usize> = (0..count).collect();
    let mut found = Vec::new();
    let mut asked = 0;
    let result: Result<(), ()> = needed(
        &all,
        &mut |without| {
            asked += 1;
            Ok(fails(&|one| !without.contains(&one)))
        },
        &mut found,
    );
    assert_eq!(result, Ok(()));
    (found, asked)
}

#[test]
fn where_nothing_is_needed_one_question_is_enough() {
    assert_eq!(search(20, |_| None), (vec![], 1));
    assert_eq!(search(0, |_| None), (vec![], 1));
}

#[test]
fn each_thing_that_is_needed_is_found_with_its_effect() {
    for one in 0..20 {
        let (found, asked) = search(20, |has| (!has(one)).then_some(7));
        assert_eq!(found, [(vec![one], 7)]);
        assert!(asked <= 12, "{asked}");
    }
    let effect = |has: &dyn Fn(usize) -> bool| match (has(3), has(11)) {
        (false, _) => Some(1),
        (_, false) => Some(2),
        _ => None,
    };
    let (found, _) = search(20, effect);
    assert_eq!(found, [(vec![3], 1), (vec![11], 2)]);
    let (found, _) = search(5, |has| (!(0..5).all(has)).then_some(1));
    assert_eq!(found.len(), 5);
    assert_eq!(search(1, |has| (!has(0)).then_some(1)).0, [(vec![0], 1)]);
}

#[test]
fn of_several_the_least_set_is_found() {
    for (a, b) in [(0, 1), (0, 19), (9, 10), (18, 19)] {
        let (found, _) = search(20, |has| (!has(a) && !has(b)).then_some(1));
        assert_eq!(found, [(vec![a, b], 1)]);
        // Beside one that is needed by itself, in either half.
        for single in [5, 15] {
            let effect = |has: &dyn Fn(usize) -> bool| match (has(single), has(a) || has(b)) {
                (false, _) => Some(2),
                (_, false) => Some(1),
                _ => None,
            };
            let (found, _) = search(20, effect);
            assert_eq!(
                found,
                [(vec![single], 2), (vec![a, b], 1)],
                "{a} {b} {single}"
            );
        }
    }
    let both = |has: &dyn Fn(usize) -> bool| {
        let fine = (has(1) || has(12)) && (has(4) || has(7) || has(19));
        (!fine).then_some(1)
    };
    let (found, _) = search(20, both);
    let mut sets: Vec<Vec<usize>> = found.into_iter().map(|(set, _)| set).collect();
    sets.sort();
    assert_eq!(sets, [vec![1, 12], vec![4, 7, 19]]);
}

#[test]
fn a_search_that_is_cut_keeps_what_it_has() {
    let mut found = Vec::new();
    let mut left = 12;
    let all: Vec<usize> = (0..20).collect();
    let result = needed(
        &all,
        &mut |without| {
            left -= 1;
            match left {
                0 => Err(()),
                _ => Ok((without.contains(&0) || without.contains(&19)).then_some(1)),
            }
        },
        &mut found,
    );
    assert_eq!(result, Err(()));
    assert_eq!(found, [(vec![0], 1)]);
}

fn answer(bytes: &[u8], end: End) -> Answer {
    Answer {
        bytes: bytes.to_vec(),
        end,
        first: None,
        sent: true,
    }
}

#[test]
fn an_answer_is_what_came_and_how_it_ended() {
    for (bytes, end, outcome) in [
        (&b""[..], End::Closed, Outcome::Closed),
        (b"", End::Broken, Outcome::Broken),
        (b"", End::Silent, Outcome::Silent),
        (b"Status: 2", End::Silent, Outcome::Silent),
        (b"Status: 2", End::Broken, Outcome::Broken),
        (
            b"Status: 2",
            End::Closed,
            Outcome::Bad("it is not complete"),
        ),
        (b"Status: 2", End::Enough, Outcome::Bad("it has no end")),
        (b"Status: 201\n\n", End::Broken, Outcome::Status(201)),
        (b"Status: 201\n\n", End::Silent, Outcome::Status(201)),
        (
            b"HTTP/1.1 100 Go on\r\n\r\nStatus: 404\n\n",
            End::Closed,
            Outcome::Status(404),
        ),
        (
            b"<html>\n\n",
            End::Closed,
            Outcome::Bad("a line without a colon"),
        ),
    ] {
        assert_eq!(
            answer(bytes, end).outcome(),
            outcome,
            "{:?}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn an_answer_is_complete_when_its_length_says_so() {
    for (bytes, complete) in [
        (&b"Content-Length: 2\n\no"[..], false),
        (b"Content-Length: 2\n\nok", true),
        (b"Content-Length: 0\n", false),
        (b"Content-Type: a\n\nok", false),
        (b"Status: 204\n\n", true),
        (b"Transfer-Encoding: chunked\n\n2\r\nok\r\n", false),
        (b"Transfer-Encoding: chunked\n\n2\r\nok\r\n0\r\n\r\n", true),
        (b"no head\n\n", true),
    ] {
        assert_eq!(
            answer(bytes, End::Silent).is_complete(),
            complete,
            "{:?}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn forms_are_told_apart() {
    for (head, expected) in [
        (
            "HTTP/1.0 200 OK\n\n",
            "in a status line of HTTP; lines end with LF; no Content-Length",
        ),
        (
            "A: b\r\nStatus: 200\r\n\r\n",
            "in a Status field; lines end with CRLF; no Content-Length",
        ),
        (
            "Location: /a\n\n",
            "not said; 302, for there is a Location; lines end with LF; no Content-Length",
        ),
    ] {
        let Seen::Head(head, _) = answer(head.as_bytes(), End::Closed).seen() else {
            panic!("{head}");
        };
        assert_eq!(form(&head), expected);
    }
}

#[test]
fn protocols_are_known_by_their_answers() {
    assert!(speaks("HTTP", b"HTTP/1.1 404"));
    assert!(!speaks("HTTP", b"<html>"));
    assert!(speaks("FastCGI", &[1, 10, 0, 0]));
    assert!(!speaks("FastCGI", b"HTTP/1.1 400"));
    assert!(!speaks("FastCGI", b""));
    let block = uwsgi("/a?b");
    assert_eq!(
        block.len(),
        4 + usize::from(u16::from_le_bytes([block[1], block[2]]))
    );
    let path = b"\x09\0PATH_INFO\x02\0/a\x0c\0QUERY_STRING";
    assert!(block.windows(path.len()).any(|piece| piece == path));
}

#[test]
fn foreign_bytes_are_shown_on_one_line() {
    assert_eq!(excerpt(b"a\n\x1b\"\xff"), r#""a\n\x1b\"\xff""#);
    let long = excerpt(&[b'x'; 100]);
    assert_eq!(long, format!("\"{}\"...", "x".repeat(60)));
}

#[test]
fn a_request_is_one_that_a_client_may_send() {
    assert!(request("GET", "/a?b=c", false, 0).is_some());
    assert!(request("POST", "/", true, 1 << 17).is_some());
    for bad in ["", "a", "/a b", "/a HTTP/1.1\r\nX: y", "/../a", "/%00"] {
        assert!(request("GET", bad, false, 0).is_none(), "{bad}");
    }
    assert!(asking::CALL.starts_with(b"<?xml"));
}

#[test]
fn a_slow_application_is_not_taken_for_one_that_waits() {
    let long = |millis| super::questions::long_for(Some(Duration::from_millis(millis)));
    assert!(long(2500) > Duration::from_millis(2500) * 2);
    assert_eq!(long(1), super::questions::long_for(None));
}
