//! Vary: which of a key's variants a request is about (RFC 9111 4.1, C51 to C56, Z44): pure.

use crate::cache::directives::values;
use crate::http::fields::{is_token, list, trim};
use crate::http::request::Request;
use crate::scgi::response::Head;

/// Bytes of the names together. nginx has 128 (C52); they go into each entry of the index, so there is a limit.
const MAX_NAMES: usize = 1024;

/// The names that the Vary fields of a response list, lowercased, sorted, without repeats, joined with `,`; empty where there is
/// none.
///
/// # Errors
/// `*` is among them: no later request can be known to want this response. Or one is no name of a field, or they are too long.
pub fn names(head: &Head) -> Result<Box<[u8]>, &'static str> {
    let mut names = Vec::new();
    for name in values(head, "vary").flat_map(list) {
        if name == b"*" {
            return Err("Vary has *");
        }
        if !is_token(name) {
            return Err("Vary has what is no field name");
        }
        names.push(name.to_ascii_lowercase());
    }
    names.sort_unstable();
    names.dedup();
    let joined = names.join(&b',');
    match joined.len() {
        0..=MAX_NAMES => Ok(joined.into()),
        _ => Err("Vary is too long"),
    }
}

/// The hash of what a request has in the fields of `names`. Values that mean the same have the same hash. Zero for no names.
///
/// A field that is not there is hashed differently from one that is empty (RFC 9111 4.1: absent has to match absent), and each
/// value with its length, so that none can be taken for another field.
pub fn variant(names: &[u8], request: &Request) -> [u8; 16] {
    if names.is_empty() {
        return [0; 16];
    }
    let mut text = Vec::new();
    for name in names.split(|byte| *byte == b',') {
        let name = std::str::from_utf8(name).unwrap_or_default();
        let value = normal(name, request);
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.push(u8::from(value.is_some()));
        let value = value.unwrap_or_default();
        text.extend_from_slice(&(value.len() as u64).to_le_bytes());
        text.extend_from_slice(&value);
    }
    md5::compute(&text).0
}

/// What the lists of preferences have in common, and in what they differ.
#[derive(Debug, Clone, Copy)]
struct Preferences {
    /// The order of equally good members means nothing to anybody. For languages and media types it does, whatever the
    /// standard says: there members are only put in the order of their weights.
    sorted: bool,
    /// Parameters other than the weight may have values whose case matters.
    cased: bool,
}

impl Preferences {
    fn of(name: &str) -> Option<Preferences> {
        let (sorted, cased) = match name {
            "accept" => (false, true),
            "accept-language" => (false, false),
            "accept-charset" | "accept-encoding" => (true, false),
            _ => return None,
        };
        Some(Preferences { sorted, cased })
    }
}

/// The value of a field in the form in which it is compared: repeated fields are one, and lists of preferences are written
/// in one way only. `None`: the request has none.
fn normal(name: &str, request: &Request) -> Option<Vec<u8>> {
    let mut fields = request.fields_named(name).peekable();
    fields.peek()?;
    let fields: Vec<&[u8]> = fields.map(trim).collect();
    let joined = fields.join(b", ".as_slice());
    // A comma or semicolon in quotes separates nothing. Nobody sends these; they may differ in spelling.
    if joined.contains(&b'"') {
        return Some(joined);
    }
    let Some(preferences) = Preferences::of(name) else {
        return Some(joined);
    };
    let mut members: Vec<Member> = list(&joined)
        .map(|member| Member::of(member, preferences))
        .collect();
    if preferences.sorted {
        members.sort();
        members.dedup();
    } else {
        members.sort_by_key(|member| member.rank);
    }
    let texts: Vec<Vec<u8>> = members.into_iter().map(|member| member.text).collect();
    Some(texts.join(&b','))
}

/// A member of a list of preferences.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    /// 0 for the best weight, 1000 for "not at all"; a weight that is none is taken for the best.
    rank: u16,
    text: Vec<u8>,
}

impl Member {
    fn of(text: &[u8], preferences: Preferences) -> Member {
        let mut parts = text.split(|byte| *byte == b';').map(trim);
        let mut member = Member {
            rank: 0,
            text: parts.next().unwrap_or_default().to_ascii_lowercase(),
        };
        for part in parts.filter(|part| !part.is_empty()) {
            member.add(part, preferences);
        }
        member
    }

    /// Adds a parameter. A weight of 1 is what is meant without one, so it is left out (RFC 9110 12.4.2).
    fn add(&mut self, part: &[u8], preferences: Preferences) {
        let at = part.iter().position(|byte| *byte == b'=');
        let (name, value) = part.split_at(at.unwrap_or(part.len()));
        let name = trim(name).to_ascii_lowercase();
        let value = trim(value.strip_prefix(b"=").unwrap_or(value));
        let weight = (name == b"q").then(|| weight(value)).flatten();
        if let Some(weight) = weight {
            self.rank = 1000 - weight;
            if weight == 1000 {
                return;
            }
        }
        self.text.push(b';');
        self.text.extend_from_slice(&name);
        self.text.push(b'=');
        match weight {
            Some(weight) => self.text.extend_from_slice(&weight.to_be_bytes()),
            None if preferences.cased => self.text.extend_from_slice(value),
            None => self.text.extend(value.to_ascii_lowercase()),
        }
    }
}

/// A weight in thousandths: `0`, `1`, with up to three decimals (RFC 9110 12.4.2).
fn weight(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = match text {
        [whole] => (whole, [].as_slice()),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let mut thousandths = digit(whole)?;
    for place in 0..3 {
        thousandths = thousandths * 10 + decimals.get(place).map_or(Some(0), digit)?;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests;
