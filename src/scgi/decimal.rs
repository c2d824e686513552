//! Numbers as decimal text, without the machinery of `format!`: lengths stand in every request and response.

/// The most digits that a `u64` has.
pub const DIGITS: usize = 20;

/// The digits of `number`, right-aligned in `room`; returns where they begin.
pub fn digits(mut number: u64, room: &mut [u8; DIGITS]) -> usize {
    let mut at = DIGITS;
    for place in room.iter_mut().rev() {
        // A remainder of ten fits a byte.
        *place = b'0' + (number % 10) as u8;
        at -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    at
}

/// Appends `number` to `out`.
pub fn push(number: u64, out: &mut Vec<u8>) {
    let mut room = [0; DIGITS];
    let at = digits(number, &mut room);
    out.extend_from_slice(room.get(at..).unwrap_or_default());
}

/// The number that `text` is: digits only, at least one, no sign, and within `u64`.
pub fn parse(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_way_out_and_back() {
        for number in [
            0,
            1,
            9,
            10,
            99,
            100,
            12345,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut out = b"n=".to_vec();
            push(number, &mut out);
            assert_eq!(out, format!("n={number}").into_bytes());
            assert_eq!(parse(&out[2..]), Some(number));
        }
    }

    #[test]
    fn only_pure_digits_within_range_are_numbers() {
        for text in [
            "",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1,1",
            "0x1",
            "18446744073709551616",
            "99999999999999999999",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"00018446744073709551615"), Some(u64::MAX));
    }
}
