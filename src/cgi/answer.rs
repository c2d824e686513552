//! From the front's response to that of a CGI program (RFC 3875 6): a Status line, the fields but those about the connection
//! and the framing, and the body as it is. Pure.

use crate::http::chunked::Decoder;

/// A response on its way out.
pub struct Answer {
    state: State,
    /// The head, until it is complete.
    head: Vec<u8>,
    is_head: bool,
}

enum State {
    Head,
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Decoder),
    /// Of unknown length. The front sends none such, as things are.
    UntilEnd,
    /// The framing is broken.
    Broken,
}

/// Fields that are between the front and us. That we were the server only the server in front could say.
const NOT_PASSED: [&[u8]; 4] = [
    b"connection: ",
    b"keep-alive: ",
    b"transfer-encoding: ",
    b"server: scgate\r\n",
];

impl Answer {
    /// `is_head`: the request was a HEAD.
    pub fn new(is_head: bool) -> Answer {
        Answer {
            state: State::Head,
            head: Vec::new(),
            is_head,
        }
    }

    /// Takes what the front has sent, and appends what goes to the server.
    pub fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            match &mut self.state {
                State::Head => {
                    self.head.extend_from_slice(input);
                    let Some(end) = self.head.windows(4).position(|end| end == b"\r\n\r\n") else {
                        return;
                    };
                    let whole = std::mem::take(&mut self.head);
                    let (head, rest) = whole.split_at(end + 4);
                    self.state = translate(head, self.is_head, out);
                    return self.take(rest, out);
                }
                State::Length(left) => {
                    let take = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(input.len());
                    out.extend_from_slice(&input[..take]);
                    *left -= take as u64;
                    return;
                }
                State::Chunked(decoder) => match decoder.step(input) {
                    Ok(step) if step.consumed > 0 => {
                        out.extend_from_slice(&input[step.data]);
                        input = &input[step.consumed..];
                    }
                    Ok(_) => return,
                    Err(_) => self.state = State::Broken,
                },
                State::UntilEnd => return out.extend_from_slice(input),
                State::Broken => return,
            }
        }
    }

    /// Nothing has come that could be passed on.
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Whether the response is whole, now that the front has closed.
    pub fn is_complete(&self) -> bool {
        match &self.state {
            State::Head | State::Broken => false,
            State::Length(left) => *left == 0,
            State::Chunked(decoder) => decoder.is_done(),
            State::UntilEnd => true,
        }
    }
}

/// Writes the head, and says how the body comes. `head` is our own: `HTTP/1.1 200 OK`, one blank after each colon.
fn translate(head: &[u8], is_head: bool, out: &mut Vec<u8>) -> State {
    let mut lines = head.split_inclusive(|&b| b == b'\n');
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix(b"HTTP/1.1 "))
        .unwrap_or_default();
    out.extend_from_slice(b"Status: ");
    out.extend_from_slice(status);
    let mut state = State::UntilEnd;
    for line in lines {
        if let Some(length) = value(line, b"content-length: ") {
            let length = std::str::from_utf8(length)
                .ok()
                .and_then(|text| text.trim_end().parse().ok());
            state = length.map_or(State::Broken, State::Length);
        }
        if value(line, b"transfer-encoding: ").is_some() {
            state = State::Chunked(Decoder::strict());
        }
        if !NOT_PASSED.iter().any(|start| value(line, start).is_some()) {
            out.extend_from_slice(line);
        }
    }
    match is_head || status.starts_with(b"204") || status.starts_with(b"304") {
        true => State::Length(0),
        false => state,
    }
}

/// What follows this beginning of a line.
fn value<'l>(line: &'l [u8], start: &[u8]) -> Option<&'l [u8]> {
    let (begin, rest) = line.split_at_checked(start.len())?;
    begin.eq_ignore_ascii_case(start).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a response that comes in pieces of this size, and whether it is whole.
    fn answer(is_head: bool, bytes: &[u8], piece: usize) -> (String, bool) {
        let (mut answer, mut out) = (Answer::new(is_head), Vec::new());
        assert!(answer.is_empty());
        bytes
            .chunks(piece)
            .for_each(|piece| answer.take(piece, &mut out));
        (String::from_utf8(out).unwrap(), answer.is_complete())
    }

    #[test]
    fn a_response_is_translated_and_its_end_is_known() {
        for (is_head, from, to, whole) in [
            (
                false,
                "HTTP/1.1 200 OK\r\nServer: scgate\r\nDate: d\r\nSet-Cookie: a\r\nset-cookie: b\r\n\
                 Content-Length: 3\r\nConnection: close\r\n\r\nabc",
                "Status: 200 OK\r\nDate: d\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Length: 3\r\n\r\nabc",
                true,
            ),
            (
                false,
                "HTTP/1.1 200 OK\r\nServer: scgate/theirs\r\nContent-Length: 3\r\n\r\nab",
                "Status: 200 OK\r\nServer: scgate/theirs\r\nContent-Length: 3\r\n\r\nab",
                false,
            ),
            (
                false,
                "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                "Status: 200 Fine\r\n\r\nabcde",
                true,
            ),
            (
                false,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                "Status: 200 OK\r\n\r\nabc",
                false,
            ),
            (
                false,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
                "Status: 200 OK\r\n\r\n",
                false,
            ),
            (
                true,
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
                "Status: 200 OK\r\nContent-Length: 3\r\n\r\n",
                true,
            ),
            (
                false,
                "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n",
                "Status: 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n",
                true,
            ),
            (false, "HTTP/1.1 204 \r\n\r\n", "Status: 204 \r\n\r\n", true),
            (false, "HTTP/1.1 200 OK\r\nContent-", "", false),
        ] {
            for piece in [1, 2, 7, 1000] {
                assert_eq!(
                    answer(is_head, from.as_bytes(), piece),
                    (to.into(), whole),
                    "{piece}: {from}"
                );
            }
        }
    }
}
