//! Media types with parameters, as far as X-Accel-Charset needs them (R46).

/// The media type of a Content-Type value, without its parameters.
pub fn media_type(value: &[u8]) -> &[u8] {
    let end = value
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii()
}

/// The charset that X-Accel-Charset asks for. A name that would need quotes is no charset, and `off` asks for none.
pub fn usable(value: &[u8]) -> Option<&[u8]> {
    let is_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'+')
    };
    let is_charset =
        !value.is_empty() && value.iter().all(is_name) && !value.eq_ignore_ascii_case(b"off");
    is_charset.then_some(value)
}

/// Appends `value` with its charset parameters replaced by one that says `charset`; other parameters stay. An empty
/// value stays empty: a parameter is nothing without a type.
pub fn replace(value: &[u8], charset: &[u8], out: &mut Vec<u8>) {
    if media_type(value).is_empty() {
        out.extend_from_slice(value);
        return;
    }
    out.extend_from_slice(media_type(value));
    for parameter in parameters(value).filter(|parameter| !is_charset(parameter)) {
        out.extend_from_slice(b"; ");
        out.extend_from_slice(parameter);
    }
    out.extend_from_slice(b"; charset=");
    out.extend_from_slice(charset);
}

fn is_charset(parameter: &[u8]) -> bool {
    let name = parameter
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"charset")
}

/// The parameters after the type, trimmed, empty ones left out.
fn parameters(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    let mut pieces = std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = piece_end(rest);
        let piece = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(piece.trim_ascii())
    });
    let _type = pieces.next();
    pieces.filter(|piece| !piece.is_empty())
}

/// The place of the first semicolon outside quotes (RFC 9110 5.6.4), or the end.
fn piece_end(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(value: &str) -> String {
        let mut out = Vec::new();
        replace(value.as_bytes(), b"koi8-r", &mut out);
        String::from_utf8(out).expect("the table is ASCII")
    }

    #[test]
    fn the_charset_is_set_or_replaced_and_other_parameters_stay() {
        let table = [
            ("text/html", "text/html; charset=koi8-r"),
            ("text/html;charset=utf-8", "text/html; charset=koi8-r"),
            (
                "text/html; Charset=\"utf-8\" ; a=b",
                "text/html; a=b; charset=koi8-r",
            ),
            (
                "a/b; x=\"1;charset=q\\\";\"; charset=1; charset=2",
                "a/b; x=\"1;charset=q\\\";\"; charset=koi8-r",
            ),
            ("text/html;;", "text/html; charset=koi8-r"),
            ("", ""),
            ("; charset=x", "; charset=x"),
        ];
        for (value, want) in table {
            assert_eq!(replaced(value), want, "R46 {value:?}");
        }
    }

    #[test]
    fn only_names_are_charsets() {
        assert_eq!(usable(b"utf-8"), Some(&b"utf-8"[..]));
        for value in ["", "off", "Off", "a b", "a;b", "\"utf-8\"", "a,b"] {
            assert_eq!(usable(value.as_bytes()), None, "{value:?}");
        }
    }
}
