//! An SCGI application that accepts nothing but what the specification says.

/// Names and values, in order.
pub type Pairs = Vec<(String, Vec<u8>)>;

/// A strict reader of SCGI: the pairs of a netstring that is followed by nothing.
pub fn read(mut wire: &[u8]) -> Result<Pairs, String> {
    let colon = wire
        .iter()
        .position(|byte| *byte == b':')
        .ok_or("no colon")?;
    let length = std::str::from_utf8(&wire[..colon]).map_err(|_| "length is no text")?;
    if length.is_empty()
        || !length.bytes().all(|byte| byte.is_ascii_digit())
        || (length.len() > 1 && length.starts_with('0'))
    {
        return Err(format!("bad length {length:?}"));
    }
    wire = &wire[colon + 1..];
    let length: usize = length.parse().map_err(|_| "length overflows")?;
    if wire.len() != length + 1 || wire[length] != b',' {
        return Err("the comma is not where the length says".into());
    }
    let block = wire[..length]
        .strip_suffix(b"\0")
        .ok_or("no NUL at the end")?;
    let texts: Vec<&[u8]> = block.split(|byte| *byte == 0).collect();
    if !texts.len().is_multiple_of(2) {
        return Err("a name without a value".into());
    }
    let pairs: Pairs = texts
        .chunks(2)
        .map(|pair| {
            (
                String::from_utf8_lossy(pair[0]).into_owned(),
                pair[1].to_vec(),
            )
        })
        .collect();
    check(&pairs).map(|()| pairs)
}

fn check(pairs: &[(String, Vec<u8>)]) -> Result<(), String> {
    let name = |index: usize| pairs.get(index).map(|(name, _)| name.as_str());
    if name(0) != Some("CONTENT_LENGTH") || !pairs[0].1.iter().all(u8::is_ascii_digit) {
        return Err("CONTENT_LENGTH is not first".into());
    }
    if name(1) != Some("SCGI") || pairs[1].1 != b"1" {
        return Err("SCGI is not second".into());
    }
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names
        .windows(2)
        .find(|pair| pair[0] == pair[1] || pair[0].is_empty())
    {
        Some(pair) => Err(format!("{} twice, or empty", pair[0])),
        None => Ok(()),
    }
}
