//! The flags' texts, packed. They are prose, and a fifth of what the program would carry as constants; a table of common
//! pieces of words makes them 40 % shorter, by code that is small itself. The rows of the table keep their texts in the
//! source; what packs them runs in the compiler.

use super::flags::{COUNT, FLAGS};

/// Pieces that stand for the bytes from 128 on, in the order of their first letter, of one letter the longest first.
/// Found by their frequency in the texts; others would only pack worse.
const PIECES: &[u8] = concat!(
    " Unix soc| the | `| a| b| c| f| i| s|, |-size|. |200|30|404|50|: |; |A |HTTP_|HEAD|NAME|PORT|",
    "REMOTE_|Set-Cooki|SERVER_|SCGI|Th|Wi|X-Acc|`--|`: |` |a |ad|al|am|an|ar|as|at|back|buff|be|by|com|",
    "ca|ce|ch|ct|defaul|d |di|do|e |ed|el|em|en|er|es|et|ev|ex|fai|fi|giv|goe|g |ge|gr|http_|ha|he|id|in|",
    "it|ke|ll |le|li|lo|ma|necti|nam|n |nd|no|ow |o |od|of|ol|on|or|os|ou|pplicati|plac|pa|pt|qu|re|ro|",
    "s |s.|se|sp|st|sw|turn|tak|tim|tri|t |ta|th|to|un|us|variabl|valu|ve|weight|wa|wh|wi|y ",
)
.as_bytes();

/// How many there are, and where each begins and ends.
const PIECE_COUNT: usize = 128;
const BOUNDS: [(u16, u16); PIECE_COUNT] = bounds();
/// The first piece that begins with a letter, or one further on.
const FIRST: [u8; 129] = first();

const fn bounds() -> [(u16, u16); PIECE_COUNT] {
    let mut bounds = [(0, 0); PIECE_COUNT];
    let (mut at, mut start, mut count) = (0, 0, 0);
    while at <= PIECES.len() {
        if at == PIECES.len() || PIECES[at] == b'|' {
            bounds[count] = (start as u16, at as u16);
            count += 1;
            start = at + 1;
        }
        at += 1;
    }
    assert!(count == PIECE_COUNT);
    bounds
}

const fn first() -> [u8; 129] {
    let mut first = [PIECE_COUNT as u8; 129];
    let mut letter = 128;
    let mut piece = PIECE_COUNT;
    while letter > 0 {
        letter -= 1;
        while piece > 0 && PIECES[BOUNDS[piece - 1].0 as usize] as usize >= letter {
            piece -= 1;
        }
        first[letter] = piece as u8;
    }
    first
}

/// The piece that `text` has at `at`; `None`: it has none there.
const fn piece_at(text: &[u8], at: usize) -> Option<usize> {
    let letter = text[at] as usize;
    let mut piece = FIRST[letter] as usize;
    while piece < FIRST[letter + 1] as usize {
        let (start, end) = (BOUNDS[piece].0 as usize, BOUNDS[piece].1 as usize);
        let mut same = 1;
        while start + same < end
            && at + same < text.len()
            && PIECES[start + same] == text[at + same]
        {
            same += 1;
        }
        if start + same == end {
            return Some(piece);
        }
        piece += 1;
    }
    None
}

/// Packs all texts behind one another, each with a 0 at its end. Returns the length; what `out` has no room for is left out.
const fn pack(out: &mut [u8]) -> usize {
    let (mut row, mut len) = (0, 0);
    while row < COUNT {
        let text = FLAGS[row].manual.as_bytes();
        let mut at = 0;
        while at <= text.len() {
            let byte = if at == text.len() {
                at += 1;
                0
            } else if let Some(piece) = piece_at(text, at) {
                at += (BOUNDS[piece].1 - BOUNDS[piece].0) as usize;
                128 + piece as u8
            } else {
                assert!(text[at] > 0 && text[at] < 128);
                at += 1;
                text[at - 1]
            };
            if len < out.len() {
                out[len] = byte;
            }
            len += 1;
        }
        row += 1;
    }
    len
}

static PACKED: [u8; pack(&mut [])] = {
    let mut packed = [0; pack(&mut [])];
    pack(&mut packed);
    packed
};

/// The text of the row with this index in the table.
pub fn manual(row: usize) -> String {
    let mut out = String::new();
    let packed = PACKED.split(|byte| *byte == 0).nth(row).unwrap_or_default();
    for byte in packed {
        match byte.checked_sub(128) {
            None => out.push(char::from(*byte)),
            Some(piece) => {
                let piece = PIECES.split(|byte| *byte == b'|').nth(piece.into());
                out.extend(piece.unwrap_or_default().iter().copied().map(char::from));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for (row, flag) in FLAGS.iter().enumerate() {
            assert_eq!(manual(row), flag.manual, "--{}", flag.long);
        }
    }

    #[test]
    fn texts_are_packed() {
        let plain: usize = FLAGS.iter().map(|flag| flag.manual.len() + 1).sum();
        assert!(PACKED.len() * 3 < plain * 2, "{} of {plain}", PACKED.len());
    }
}
