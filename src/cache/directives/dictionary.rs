//! Dictionaries of structured fields (RFC 8941 3.2), as far as targeted fields need them (RFC 9213 2.1): the whole is checked,
//! parameters are forgotten, and of the values only those that directives have are kept.

use std::borrow::Cow;

use super::words::Arg;

/// The members of a dictionary, each key once (the last one counts), without those that are false. `None`: it is malformed,
/// and to be ignored as a whole.
pub(super) fn parse(text: &[u8]) -> Option<Vec<(Vec<u8>, Arg<'static>)>> {
    let mut members: Vec<(Vec<u8>, Option<Arg<'static>>)> = Vec::new();
    let mut input = Input(text.trim_ascii());
    while !input.0.is_empty() {
        let key = input.key()?.to_vec();
        let value = match input.eat(b'=') {
            true => input.member()?,
            false => Some(Arg::None),
        };
        input.parameters()?;
        members.retain(|(have, _)| *have != key);
        members.push((key, value));
        input.blanks();
        if input.0.is_empty() {
            break;
        }
        if !input.eat(b',') {
            return None;
        }
        input.blanks();
        if input.0.is_empty() {
            return None; // a comma at the end
        }
    }
    let kept = members
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    Some(kept.collect())
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn blanks(&mut self) {
        self.run(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// The bytes up to the first that does not belong.
    fn run(&mut self, belongs: fn(u8) -> bool) -> &'a [u8] {
        let end = self.0.iter().position(|byte| !belongs(*byte));
        let (taken, rest) = self
            .0
            .split_at_checked(end.unwrap_or(self.0.len()))
            .unwrap_or_default();
        self.0 = rest;
        taken
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let key =
            self.run(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
        matches!(key.first(), Some(b'a'..=b'z' | b'*')).then_some(key)
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(b';') {
            self.run(|byte| byte == b' ');
            self.key()?;
            if self.eat(b'=') {
                self.item()?;
            }
        }
        Some(())
    }

    /// An item or an inner list; inside `None` is false.
    fn member(&mut self) -> Option<Option<Arg<'static>>> {
        if !self.eat(b'(') {
            return self.item();
        }
        loop {
            self.run(|byte| byte == b' ');
            if self.eat(b')') {
                return Some(Some(Arg::Bad));
            }
            self.item()?;
            self.parameters()?;
            if !matches!(self.0.first(), Some(b' ' | b')')) {
                return None;
            }
        }
    }

    /// A bare item; inside `None` is false.
    fn item(&mut self) -> Option<Option<Arg<'static>>> {
        let value = match self.0.first()? {
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => text(self.run(|byte| {
                crate::http::fields::is_token_byte(byte) || matches!(byte, b':' | b'/')
            })),
            b':' => self.bytes()?,
            b'?' => return self.boolean(),
            _ => return None,
        };
        Some(Some(value))
    }

    fn string(&mut self) -> Option<Arg<'static>> {
        let inner = self.0.get(1..)?;
        let mut out = Vec::new();
        let mut bytes = inner.iter().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.0 = inner.get(at + 1..)?;
                    return Some(Arg::Names(out));
                }
                b'\\' => match bytes.next()? {
                    (_, escaped @ (b'"' | b'\\')) => out.push(*escaped),
                    _ => return None,
                },
                b' '..=b'~' => out.push(*byte),
                _ => return None,
            }
        }
        None
    }

    /// An integer of up to 15 digits, or a decimal of up to 12 and 3. No directive has a use for signs and fractions.
    fn number(&mut self) -> Option<Arg<'static>> {
        let negative = self.eat(b'-');
        let whole = self.run(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if self.eat(b'.') {
            let fraction = self.run(|byte| byte.is_ascii_digit());
            return (whole.len() <= 12 && matches!(fraction.len(), 1..=3)).then_some(Arg::Bad);
        }
        Some(match negative {
            true => Arg::Bad,
            false => text(whole),
        })
    }

    fn bytes(&mut self) -> Option<Arg<'static>> {
        self.eat(b':');
        self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.eat(b':').then_some(Arg::Bad)
    }

    fn boolean(&mut self) -> Option<Option<Arg<'static>>> {
        self.eat(b'?');
        match (self.eat(b'1'), self.eat(b'0')) {
            (true, false) => Some(Some(Arg::None)),
            (false, true) => Some(None),
            _ => None,
        }
    }
}

fn text(bytes: &[u8]) -> Arg<'static> {
    Arg::Text(Cow::Owned(bytes.to_vec()))
}
