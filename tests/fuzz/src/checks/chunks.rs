//! The chunked coding: the same body however it arrives, and what we write can be read.

use super::shown;
use crate::http::chunked::{ChunkError, Decoder, LAST_CHUNK, SIZE_MAX, write_size};

/// Body, bytes taken, whether the end was met.
type Decoded = Result<(Vec<u8>, usize, bool), ChunkError>;

/// A chunked body of a client or of an application. Accepted: complete, in the strict reading.
pub fn chunked(data: &[u8]) -> bool {
    let strict = in_pieces_as_whole(Decoder::strict(), data);
    let lenient = in_pieces_as_whole(Decoder::lenient(), data);
    let done = matches!(strict, Ok((_, _, true)));
    if done {
        assert_eq!(strict, lenient, "{}", shown(data));
    }
    for size in [1, 7, usize::MAX] {
        survives_the_way_out_and_back(data, size);
    }
    done
}

fn in_pieces_as_whole(decoder: Decoder, data: &[u8]) -> Decoded {
    let whole = decode(decoder.clone(), data, usize::MAX);
    for size in [1, 3] {
        let pieces = decode(decoder.clone(), data, size);
        assert_eq!(pieces, whole, "{} by {size}", shown(data));
    }
    if let Ok((body, taken, _)) = &whole {
        assert!(body.len() <= *taken && *taken <= data.len());
    }
    whole
}

fn decode(mut decoder: Decoder, data: &[u8], size: usize) -> Decoded {
    let mut body = Vec::new();
    let mut taken = 0;
    for piece in data.chunks(size) {
        let mut at = 0;
        while at < piece.len() && !decoder.is_done() {
            let step = decoder.step(&piece[at..])?;
            assert!(step.consumed > 0, "no progress");
            assert!(step.data.end <= step.consumed);
            body.extend_from_slice(&piece[at..][step.data]);
            at += step.consumed;
        }
        taken += at;
    }
    Ok((body, taken, decoder.is_done()))
}

fn survives_the_way_out_and_back(body: &[u8], size: usize) {
    let mut coded = Vec::new();
    for piece in body.chunks(size) {
        let mut room = [0; SIZE_MAX];
        let used = write_size(piece.len(), &mut room);
        coded.extend_from_slice(&room[SIZE_MAX - used..]);
        coded.extend_from_slice(piece);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(LAST_CHUNK);
    let expected = Ok((body.to_vec(), coded.len(), true));
    assert_eq!(decode(Decoder::strict(), &coded, usize::MAX), expected);
}
