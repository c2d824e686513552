//! The chunked coding (RFC 9112 7.1): an incremental decoder, and the writing of chunk headers.

/// Decodes a chunked body piece by piece; holds no body bytes itself.
#[derive(Debug, Clone)]
pub struct Decoder {}

/// What one step over the input yielded.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with (framing and data).
    pub consumed: usize,
    /// The run of body bytes inside the consumed part, if this step met any (a range of the input).
    pub data: std::ops::Range<usize>,
}

/// The framing is broken; nothing after it can be trusted.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct ChunkError(pub &'static str);

impl Decoder {
    /// For requests: CRLF only, bounded extensions and trailers (RFC 9112 7.1, H27).
    pub fn strict() -> Decoder {
        todo!()
    }

    /// For applications: a bare LF ends a line too.
    pub fn lenient() -> Decoder {
        todo!()
    }

    /// Reads on in `input`, up to the end of one run of data or of the input; call again with what is left until
    /// `consumed` is 0 or [`Decoder::is_done`].
    pub fn step(&mut self, _input: &[u8]) -> Result<Step, ChunkError> {
        todo!()
    }

    /// The last chunk and the trailers have been read.
    pub fn is_done(&self) -> bool {
        todo!()
    }
}
