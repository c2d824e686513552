//! An SCGI request read strictly: a netstring of parameters, CONTENT_LENGTH first, `SCGI` equal to `1`, no name twice.
//! An application in the field may be more lenient; this one shows when the gateway is not exact.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, ErrorKind, Read};

/// The parameters may take this many bytes: several times the largest request head a gateway takes by default.
const BLOCK_MAX: usize = 256 * 1024;

/// The parameters of one request.
#[derive(Debug)]
pub struct Request {
    block: Vec<u8>,
    pub content_length: u64,
}

/// Why a request was not understood.
#[derive(Debug)]
pub enum Bad {
    /// The connection failed, ended or timed out: there is nobody to answer.
    Gone,
    /// The bytes break the protocol, which the answer says.
    Malformed(&'static str),
}

impl From<io::Error> for Bad {
    fn from(_: io::Error) -> Bad {
        Bad::Gone
    }
}

impl Request {
    /// Reads up to the comma that ends the netstring; the body follows in `input`.
    pub fn read(input: &mut impl BufRead) -> Result<Request, Bad> {
        let length = read_length(input)?;
        let mut block = vec![0; length];
        input.read_exact(&mut block)?;
        let mut comma = [0];
        input.read_exact(&mut comma)?;
        if comma != *b"," {
            return Err(Bad::Malformed("no comma after the netstring"));
        }
        Request::from_block(block)
    }

    fn from_block(block: Vec<u8>) -> Result<Request, Bad> {
        if !block.ends_with(b"\0") {
            return Err(Bad::Malformed("the last value does not end with a NUL"));
        }
        let mut request = Request {
            block,
            content_length: 0,
        };
        let mut names: Vec<&[u8]> = Vec::new();
        for (name, _) in request.params() {
            if name.is_empty() {
                return Err(Bad::Malformed("a parameter without a name"));
            }
            match names.binary_search(&name) {
                Ok(_) => return Err(Bad::Malformed("a name stands twice")),
                Err(at) => names.insert(at, name),
            }
        }
        let nuls = request.block.iter().filter(|b| **b == 0).count();
        if nuls % 2 != 0 {
            return Err(Bad::Malformed("a name without a value"));
        }
        if request.param("SCGI") != Some(b"1") {
            return Err(Bad::Malformed("SCGI=1 is missing"));
        }
        let length = match request.params().next() {
            Some((b"CONTENT_LENGTH", value)) => digits(value),
            _ => return Err(Bad::Malformed("CONTENT_LENGTH is not the first parameter")),
        };
        request.content_length = length.ok_or(Bad::Malformed("CONTENT_LENGTH is not a number"))?;
        Ok(request)
    }

    /// Names and values, in the order they were sent.
    pub fn params(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut pieces = self
            .block
            .strip_suffix(b"\0")
            .unwrap_or_default()
            .split(|b| *b == 0);
        std::iter::from_fn(move || Some((pieces.next()?, pieces.next().unwrap_or_default())))
    }

    /// The value of a parameter.
    pub fn param(&self, name: &str) -> Option<&[u8]> {
        self.params()
            .find(|(known, _)| *known == name.as_bytes())
            .map(|(_, value)| value)
    }

    /// The block as it was sent, without length and comma.
    pub fn block(&self) -> &[u8] {
        &self.block
    }

    /// SCRIPT_NAME and PATH_INFO; a gateway that sends neither leaves the whole path to PATH_INFO.
    pub fn path(&self) -> (&[u8], &[u8]) {
        match (self.param("SCRIPT_NAME"), self.param("PATH_INFO")) {
            (None, None) => (b"", self.param("DOCUMENT_URI").unwrap_or(b"/")),
            (script, info) => (script.unwrap_or_default(), info.unwrap_or_default()),
        }
    }
}

/// The number before the colon: digits without a leading zero, read no further than the largest length has digits.
fn read_length(input: &mut impl BufRead) -> Result<usize, Bad> {
    let mut text = Vec::with_capacity(8);
    input.take(8).read_until(b':', &mut text)?;
    let Some(text) = text.strip_suffix(b":") else {
        return Err(if text.len() < 8 {
            Bad::Gone
        } else {
            Bad::Malformed("not a netstring")
        });
    };
    match digits(text).map(usize::try_from) {
        Some(Ok(0)) => Err(Bad::Malformed("an empty netstring")),
        Some(Ok(length)) if length <= BLOCK_MAX => Ok(length),
        Some(_) => Err(Bad::Malformed("too many parameters")),
        None => Err(Bad::Malformed(
            "the length of the netstring is not a number",
        )),
    }
}

/// A decimal number without sign, spaces or leading zeros.
fn digits(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty()
        && text.iter().all(u8::is_ascii_digit)
        && (text.len() == 1 || !text.starts_with(b"0"));
    plain
        .then(|| std::str::from_utf8(text).ok()?.parse().ok())
        .flatten()
}

/// Hands exactly `length` bytes of `input` to `take`, piece by piece.
///
/// # Errors
/// The connection failed or ended before.
pub fn read_body(
    input: &mut impl BufRead,
    length: u64,
    mut take: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let piece = match input.fill_buf() {
            Ok([]) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(piece) => piece,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let n = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        take(piece.get(..n).unwrap_or(piece));
        input.consume(n);
        left = left.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The netstring of parameters written `A=1|B=2`.
    fn netstring(params: &str) -> Vec<u8> {
        let block: String = params
            .split('|')
            .map(|p| p.replacen('=', "\0", 1) + "\0")
            .collect();
        format!("{}:{block},", block.len()).into_bytes()
    }

    fn refused(bytes: &[u8]) -> Option<&'static str> {
        match Request::read(&mut &bytes[..]) {
            Err(Bad::Malformed(why)) => Some(why),
            Err(Bad::Gone) => Some("gone"),
            Ok(_) => None,
        }
    }

    #[test]
    fn parameters_and_body_are_read_apart() {
        let mut bytes = netstring("CONTENT_LENGTH=5|SCGI=1|EMPTY=|SCRIPT_NAME=/app|PATH_INFO=/x=y");
        bytes.extend_from_slice(b"helloNOT");
        let mut input = &bytes[..];
        let request = Request::read(&mut input).expect("well formed");
        assert_eq!(request.params().count(), 5);
        assert_eq!(request.param("EMPTY"), Some(b"".as_slice()));
        assert_eq!(request.param("MISSING"), None);
        assert_eq!(request.path(), (b"/app".as_slice(), b"/x=y".as_slice()));
        let mut body = Vec::new();
        read_body(&mut input, request.content_length, |piece| {
            body.extend_from_slice(piece)
        })
        .expect("whole");
        assert_eq!(body, b"hello");
        assert_eq!(input, b"NOT");
    }

    #[test]
    fn without_a_split_the_whole_path_counts() {
        let bytes = netstring("CONTENT_LENGTH=0|SCGI=1|DOCUMENT_URI=/a");
        assert_eq!(
            Request::read(&mut &bytes[..]).expect("well formed").path(),
            (b"".as_slice(), b"/a".as_slice())
        );
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        for (params, why) in [
            (
                "SCGI=1|CONTENT_LENGTH=0",
                "CONTENT_LENGTH is not the first parameter",
            ),
            ("CONTENT_LENGTH=0", "SCGI=1 is missing"),
            ("CONTENT_LENGTH=|SCGI=1", "CONTENT_LENGTH is not a number"),
            ("CONTENT_LENGTH=+1|SCGI=1", "CONTENT_LENGTH is not a number"),
            (
                "CONTENT_LENGTH=99999999999999999999|SCGI=1",
                "CONTENT_LENGTH is not a number",
            ),
            ("CONTENT_LENGTH=0|SCGI=1|A=1|A=2", "a name stands twice"),
            ("CONTENT_LENGTH=0|SCGI=1|=2", "a parameter without a name"),
            ("CONTENT_LENGTH=0|SCGI=1|A", "a name without a value"),
        ] {
            assert_eq!(refused(&netstring(params)), Some(why), "{params}");
        }
        let bytes = |text: &'static str| refused(text.as_bytes());
        assert_eq!(bytes("GET / HTTP/1.1\r\n"), Some("not a netstring"));
        assert_eq!(
            bytes("007:"),
            Some("the length of the netstring is not a number")
        );
        assert_eq!(bytes("0:,"), Some("an empty netstring"));
        assert_eq!(bytes("9999999:"), Some("too many parameters"));
        assert_eq!(bytes("2:a\0;"), Some("no comma after the netstring"));
        assert_eq!(
            bytes("1:a,"),
            Some("the last value does not end with a NUL")
        );
    }

    #[test]
    fn every_prefix_of_a_request_is_a_client_that_left() {
        let bytes = netstring("CONTENT_LENGTH=0|SCGI=1");
        for n in 0..bytes.len() {
            assert_eq!(refused(&bytes[..n]), Some("gone"), "prefix of {n} bytes");
        }
        assert!(read_body(&mut &b"abc"[..], 4, |_| ()).is_err());
    }
}
