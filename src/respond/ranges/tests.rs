//! Tables of sets, then sets at random against a simpler reading of them.

use super::*;

fn ranges(list: &[(u64, u64)]) -> Selection {
    let list = list.iter().map(|&(from, len)| Range { from, len });
    Selection::Ranges(list.collect())
}

#[test]
fn sets_select_what_the_standard_says() {
    let table: &[(&str, Selection)] = &[
        ("bytes=0-0", ranges(&[(0, 1)])),
        ("bytes=0-4", ranges(&[(0, 5)])),
        ("bytes=5-", ranges(&[(5, 5)])),
        ("bytes=0-", ranges(&[(0, 10)])),
        ("bytes=9-9", ranges(&[(9, 1)])),
        ("bytes=-1", ranges(&[(9, 1)])),
        ("bytes=-10", ranges(&[(0, 10)])),
        // 14.1.2: beyond the end means to the end; a longer suffix means all.
        ("bytes=3-100", ranges(&[(3, 7)])),
        ("bytes=-100", ranges(&[(0, 10)])),
        ("bytes=0-18446744073709551615", ranges(&[(0, 10)])),
        ("bytes=0-99999999999999999999", ranges(&[(0, 10)])),
        ("bytes=-99999999999999999999", ranges(&[(0, 10)])),
        ("bytes=0-0,-1", ranges(&[(0, 1), (9, 1)])),
        ("bytes=5-6,0-1", ranges(&[(5, 2), (0, 2)])),
        ("bytes=0-4,5-9", ranges(&[(0, 5), (5, 5)])),
        ("bytes=0-3,2-5", ranges(&[(0, 4), (2, 4)])),
        // What is not there is left out of what is.
        ("bytes=0-1,50-60", ranges(&[(0, 2)])),
        ("bytes=50-60,-2", ranges(&[(8, 2)])),
        ("bytes=5-2,0-1", ranges(&[(0, 2)])),
        // White space and empty members (5.6.1).
        ("bytes= 0-1", ranges(&[(0, 2)])),
        ("bytes=0-1 ,\t2-3", ranges(&[(0, 2), (2, 2)])),
        ("bytes=,0-1,,2-3,", ranges(&[(0, 2), (2, 2)])),
        // The unit is compared without case (14.1), others are not heard.
        ("BYTES=0-1", ranges(&[(0, 2)])),
        ("items=0-1", Selection::Whole),
        ("bytes", Selection::Whole),
        ("bytes=", Selection::Whole),
        ("bytes= ", Selection::Whole),
        ("bytes =0-1", Selection::Whole),
        ("byte=0-1", Selection::Whole),
        ("0-1", Selection::Whole),
        ("", Selection::Whole),
        // Nothing of it is there.
        ("bytes=10-", Selection::Unsatisfiable),
        ("bytes=10-20,30-", Selection::Unsatisfiable),
        ("bytes=99999999999999999999-", Selection::Unsatisfiable),
        ("bytes=-0", Selection::Unsatisfiable),
        ("bytes=5-2", Selection::Unsatisfiable),
        // No set at all.
        ("bytes=x", Selection::Unsatisfiable),
        ("bytes=-", Selection::Unsatisfiable),
        ("bytes=1", Selection::Unsatisfiable),
        ("bytes=0 - 1", Selection::Unsatisfiable),
        ("bytes=0-1 2-3", Selection::Unsatisfiable),
        ("bytes=0-1-2", Selection::Unsatisfiable),
        ("bytes=--1", Selection::Unsatisfiable),
        ("bytes=+1-2", Selection::Unsatisfiable),
        ("bytes=0x1-2", Selection::Unsatisfiable),
        ("bytes=,", Selection::Unsatisfiable),
        ("bytes=0-1,x", Selection::Unsatisfiable),
        ("bytes=0-1;2-3", Selection::Unsatisfiable),
        // More than the whole: the whole.
        ("bytes=0-9,0-0", Selection::Whole),
        ("bytes=0-,0-", Selection::Whole),
        ("bytes=0-5,0-5", Selection::Whole),
        ("bytes=0-,0-,x", Selection::Unsatisfiable),
    ];
    for (value, expected) in table {
        assert_eq!(select(value.as_bytes(), 10), *expected, "{value}");
    }
}

#[test]
fn of_nothing_there_is_nothing_or_all() {
    let table = [
        ("bytes=0-", Selection::Whole),
        ("bytes=0-0", Selection::Whole),
        ("bytes=-5", Selection::Whole),
        ("bytes=-0", Selection::Whole),
        ("bytes=1-", Selection::Unsatisfiable),
        ("bytes=5-6", Selection::Unsatisfiable),
    ];
    for (value, expected) in table {
        assert_eq!(select(value.as_bytes(), 0), expected, "{value}");
    }
}

#[test]
fn the_largest_file_has_a_last_byte() {
    let size = u64::MAX;
    assert_eq!(select(b"bytes=-1", size), ranges(&[(size - 1, 1)]));
    assert_eq!(select(b"bytes=1-", size), ranges(&[(1, size - 1)]));
    assert_eq!(select(b"bytes=0-,0-", size), Selection::Whole);
}

#[test]
fn the_number_of_ranges_is_bounded() {
    let many = |count: usize| format!("bytes={}", vec!["0-0"; count].join(","));
    let one = Range { from: 0, len: 1 };
    let all = select(many(RANGES_MAX).as_bytes(), 100_000);
    assert_eq!(all, Selection::Ranges(vec![one; RANGES_MAX]));
    assert_eq!(
        select(many(RANGES_MAX + 1).as_bytes(), 100_000),
        Selection::Whole
    );
    let bad = many(RANGES_MAX + 1) + ",x";
    assert_eq!(select(bad.as_bytes(), 100_000), Selection::Unsatisfiable);
}

#[test]
fn content_range_and_parts_are_as_they_stand_on_the_wire() {
    let range = Range { from: 2, len: 3 };
    assert_eq!(content_range(Some(range), 10), b"bytes 2-4/10");
    assert_eq!(content_range(None, 10), b"bytes */10");
    assert_eq!(
        part_head("B", Some(b"text/plain"), range, 10),
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 2-4/10\r\n\r\n"
    );
    assert_eq!(parts_end("B"), b"\r\n--B--\r\n");
}

/// Numbers of any kind, joined in any way: what is selected lies within, is never empty, never more than the whole, and is
/// what a reader with wider numbers finds.
#[test]
fn whatever_is_asked_for_lies_within_what_is_there() {
    let mut seed = 0x0bad_cafe_u32;
    let mut roll = |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed as usize % sides
    };
    let numbers = [
        "0",
        "1",
        "2",
        "9",
        "10",
        "007",
        "4294967296",
        "18446744073709551615",
        "",
    ];
    let odd = ["-", "x", " ", "\t", "--", "=", ",", "\u{ff}", "1 2"];
    let mut selected = 0;
    for _ in 0..60_000 {
        let size = [0, 1, 2, 10, 1 << 40][roll(5)];
        let mut members = Vec::new();
        for _ in 0..roll(4) + 1 {
            members.push(match roll(12) {
                0 => odd[roll(odd.len())].to_owned(),
                _ => format!("{}-{}", numbers[roll(9)], numbers[roll(9)]),
            });
        }
        let value = format!("bytes={}", members.join([",", ", ", ",,"][roll(3)]));
        let found = select(value.as_bytes(), size);
        if let Selection::Ranges(list) = &found {
            selected += 1;
            assert!(!list.is_empty() && list.len() <= RANGES_MAX);
            assert!(
                list.iter().all(|r| r.len > 0 && r.from + r.len <= size),
                "{value}"
            );
            assert!(list.iter().map(|r| r.len).sum::<u64>() <= size, "{value}");
        }
        assert_eq!(found, simply(&members, size), "{value} of {size}");
    }
    assert!(selected > 1000, "{selected}");
}

/// The same rules by another road: 128-bit numbers, and all members before any verdict.
fn simply(members: &[String], size: u64) -> Selection {
    let size = i128::from(size);
    let mut list = Vec::new();
    let mut first_is_whole = false;
    let joined = members.join(",");
    let members: Vec<&str> = joined
        .split(',')
        .map(|m| m.trim_matches([' ', '\t']))
        .filter(|m| !m.is_empty())
        .collect();
    if joined.trim_matches([' ', '\t']).is_empty() {
        return Selection::Whole;
    }
    let mut malformed = members.is_empty();
    let mut sum = 0;
    for member in members {
        let Some((a, b)) = member.split_once('-') else {
            malformed = true;
            break;
        };
        let number = |text: &str| -> Option<i128> {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            (digits && !text.is_empty()).then(|| text.parse().expect("digits"))
        };
        let (from, to) = match (a, b) {
            ("", b) => match number(b) {
                Some(last) => ((size - last).max(0), size),
                None => {
                    malformed = true;
                    break;
                }
            },
            (a, b) => match (number(a), number(b)) {
                (Some(from), Some(last)) => (from, (last + 1).min(size)),
                (Some(from), None) if b.is_empty() => (from, size),
                _ => {
                    malformed = true;
                    break;
                }
            },
        };
        if from < to {
            sum += to - from;
            list.push(Range {
                from: from as u64,
                len: (to - from) as u64,
            });
        } else if from == 0 {
            first_is_whole = true;
            break;
        }
    }
    match () {
        () if first_is_whole => Selection::Whole,
        () if malformed => Selection::Unsatisfiable,
        () if sum > size => Selection::Whole,
        () if list.is_empty() => Selection::Unsatisfiable,
        () => Selection::Ranges(list),
    }
}
