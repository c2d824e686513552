//! The chunked coding (RFC 9112 7.1): an incremental decoder, and the writing of chunk headers.

use super::fields::{is_token_byte, is_value_byte};
use super::uri::hex;

/// Bytes of all chunk extensions of a body, and of all its trailers. Nobody reads them, and nothing else bounds them: a
/// client could send one-byte chunks with long extensions for ever (H27).
const MAX_IGNORED: u32 = 16 * 1024;

/// Digits of the largest chunk size we can count with.
const MAX_DIGITS: u8 = 16;

/// Bytes that [`write_size`] needs at most.
pub const SIZE_MAX: usize = 18;

/// The end of a body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Decodes a chunked body piece by piece; holds no body bytes itself.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    /// A bare LF ends a line too, and spaces may pad a size.
    lenient: bool,
    /// Bytes of extensions so far, over the whole body.
    extensions: u32,
    /// Bytes of trailers so far.
    trailers: u32,
}

/// What comes next. Each variant holds what it needs to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The digits of a size.
    Size {
        size: u64,
        digits: u8,
    },
    /// Lenient only: spaces between the size and the line's end; some applications pad sizes to a fixed width.
    Padding {
        size: u64,
    },
    /// After the semicolon.
    Extension {
        size: u64,
    },
    /// The LF that ends the size line.
    SizeLf {
        size: u64,
    },
    /// `left` bytes of the chunk, never 0.
    Data {
        left: u64,
    },
    /// The CR after the data.
    DataCr,
    /// The LF after the data.
    DataLf,
    /// The first byte of a trailer line, or of the empty line that ends the body.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// The LF of the empty line.
    EndLf,
    Done,
}

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
pub enum ChunkError {
    /// Not the chunked coding (H29).
    Malformed(&'static str),
    /// More extensions or trailers than anyone needs.
    TooLarge(&'static str),
}

impl ChunkError {
    /// What a client hears that sent such a body: 400 or 431.
    pub fn status(self) -> u16 {
        match self {
            ChunkError::Malformed(_) => 400,
            ChunkError::TooLarge(_) => 431,
        }
    }

    /// What was wrong, for a log line.
    pub fn why(self) -> &'static str {
        let (ChunkError::Malformed(why) | ChunkError::TooLarge(why)) = self;
        why
    }
}

impl Decoder {
    /// For requests: CRLF only, bounded extensions and trailers (RFC 9112 7.1, H27).
    pub fn strict() -> Decoder {
        Decoder::new(false)
    }

    /// For applications: a bare LF ends a line too, and spaces may follow a size.
    pub fn lenient() -> Decoder {
        Decoder::new(true)
    }

    fn new(lenient: bool) -> Decoder {
        Decoder {
            state: State::Size { size: 0, digits: 0 },
            lenient,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Reads on in `input`, up to the end of one run of data or of the input; call again with what is left until
    /// `consumed` is 0 or [`Decoder::is_done`]. Bytes after the end of the body are left alone.
    ///
    /// # Errors
    /// The framing is broken or too large. Body bytes of earlier steps were good; those of this step are lost with it.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if let State::Data { left } = self.state {
                return Ok(self.take_data(at, left, input.len() - at));
            }
            if self.state == State::Done {
                break;
            }
            self.state = self.on_framing(byte)?;
            at += 1;
        }
        Ok(Step {
            consumed: at,
            data: at..at,
        })
    }

    /// The last chunk and the trailers have been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn take_data(&mut self, at: usize, left: u64, available: usize) -> Step {
        // Where usize is narrower than the size, the chunk is longer than the input anyway.
        let len = usize::try_from(left).map_or(available, |left| left.min(available));
        let left = left - len as u64;
        self.state = match left {
            0 => State::DataCr,
            left => State::Data { left },
        };
        Step {
            consumed: at + len,
            data: at..at + len,
        }
    }

    /// The state after one byte that is not data.
    fn on_framing(&mut self, byte: u8) -> Result<State, ChunkError> {
        match self.state {
            State::Size { size, digits } => self.on_size(size, digits, byte),
            State::Padding { size } => self.on_padding(size, byte),
            State::Extension { size } => self.on_extension(size, byte),
            State::SizeLf { size } => lf(byte, after_size(size)),
            State::DataCr => self.line_end(byte, State::DataLf, State::Size { size: 0, digits: 0 }),
            State::DataLf => lf(byte, State::Size { size: 0, digits: 0 }),
            State::Trailer => self.on_trailer(byte),
            State::TrailerName => self.on_trailer_name(byte),
            State::TrailerValue => self.on_trailer_value(byte),
            State::TrailerLf => lf(byte, State::Trailer),
            State::EndLf => lf(byte, State::Done),
            State::Data { .. } | State::Done => Ok(self.state),
        }
    }

    fn on_size(&self, size: u64, digits: u8, byte: u8) -> Result<State, ChunkError> {
        if let Some(digit) = hex(byte) {
            if digits == MAX_DIGITS {
                return Err(ChunkError::Malformed("a chunk size has too many digits"));
            }
            return Ok(State::Size {
                size: size << 4 | u64::from(digit), // 16 digits are 64 bits
                digits: digits + 1,
            });
        }
        match byte {
            _ if digits == 0 => Err(ChunkError::Malformed("a chunk size has no digits")),
            b' ' | b'\t' if self.lenient => Ok(State::Padding { size }),
            b';' => Ok(State::Extension { size }),
            byte => self.line_end(byte, State::SizeLf { size }, after_size(size)),
        }
    }

    fn on_padding(&mut self, size: u64, byte: u8) -> Result<State, ChunkError> {
        match byte {
            b' ' | b'\t' => self.count_extension(State::Padding { size }),
            b';' => Ok(State::Extension { size }),
            byte => self.line_end(byte, State::SizeLf { size }, after_size(size)),
        }
    }

    fn on_extension(&mut self, size: u64, byte: u8) -> Result<State, ChunkError> {
        if is_value_byte(byte) {
            return self.count_extension(State::Extension { size });
        }
        self.line_end(byte, State::SizeLf { size }, after_size(size))
    }

    fn count_extension(&mut self, next: State) -> Result<State, ChunkError> {
        self.extensions += 1;
        if self.extensions > MAX_IGNORED {
            return Err(ChunkError::TooLarge("too many chunk extensions"));
        }
        Ok(next)
    }

    fn on_trailer(&mut self, byte: u8) -> Result<State, ChunkError> {
        if is_token_byte(byte) {
            return self.count_trailer(State::TrailerName);
        }
        self.line_end(byte, State::EndLf, State::Done)
    }

    fn on_trailer_name(&mut self, byte: u8) -> Result<State, ChunkError> {
        match byte {
            b':' => self.count_trailer(State::TrailerValue),
            byte if is_token_byte(byte) => self.count_trailer(State::TrailerName),
            _ => Err(ChunkError::Malformed("a trailer's name is not a token")),
        }
    }

    fn on_trailer_value(&mut self, byte: u8) -> Result<State, ChunkError> {
        if is_value_byte(byte) {
            return self.count_trailer(State::TrailerValue);
        }
        self.line_end(byte, State::TrailerLf, State::Trailer)
    }

    fn count_trailer(&mut self, next: State) -> Result<State, ChunkError> {
        self.trailers += 1;
        if self.trailers > MAX_IGNORED {
            return Err(ChunkError::TooLarge("the trailers are too large"));
        }
        Ok(next)
    }

    /// A line ends here: `after_cr` awaits the LF, `after_lf` is where a bare LF leads.
    fn line_end(&self, byte: u8, after_cr: State, after_lf: State) -> Result<State, ChunkError> {
        match byte {
            b'\r' => Ok(after_cr),
            b'\n' if self.lenient => Ok(after_lf),
            b'\n' => Err(ChunkError::Malformed("a bare LF in the chunk framing")),
            _ => Err(ChunkError::Malformed("a bad byte in the chunk framing")),
        }
    }
}

fn after_size(size: u64) -> State {
    match size {
        0 => State::Trailer,
        left => State::Data { left },
    }
}

fn lf(byte: u8, next: State) -> Result<State, ChunkError> {
    match byte {
        b'\n' => Ok(next),
        _ => Err(ChunkError::Malformed("a bare CR in the chunk framing")),
    }
}

/// Writes the size line of a chunk of `len` bytes, lowercase hex without leading zeros and CRLF, into the end of `out`, so
/// that it stands right before data that follows `out` in memory. Returns the bytes used; at most [`SIZE_MAX`]. An `out` that is
/// too short is left half written and 0 is returned. A chunk of 0 bytes would end the body: see [`LAST_CHUNK`].
pub fn write_size(len: usize, out: &mut [u8]) -> usize {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let Some((digits, line_end)) = out.split_last_chunk_mut::<2>() else {
        return 0;
    };
    *line_end = *b"\r\n";
    let mut rest = len;
    for (count, place) in digits.iter_mut().rev().enumerate() {
        *place = DIGITS[rest & 15];
        rest >>= 4;
        if rest == 0 {
            return count + 3; // the digits and CRLF
        }
    }
    0
}
