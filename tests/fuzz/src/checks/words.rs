//! Words of the command line, addresses, and paths.

use super::shown;
use crate::cli::words::Value;
use crate::config::access::parse_who;
use crate::config::address::{Destination, bind_address, destination};
use crate::http::uri;

/// The value of a flag. Accepted: it can be split into words.
pub fn words(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(value) = Value::parse(text) else {
        assert!(text.contains(['"', '\'']), "{text:?}");
        return false;
    };
    let texts: Vec<&str> = value.texts().collect();
    assert!(
        value
            .words
            .iter()
            .all(|word| word.quoted || !word.text.is_empty())
    );
    // In quotes, with those inside escaped, they are the same words.
    let quoted = |text: &&str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let line = texts.iter().map(quoted).collect::<Vec<_>>().join(" ");
    let again = Value::parse(&line);
    assert!(
        again.is_ok_and(|again| again.texts().eq(texts.iter().copied())),
        "{text:?}"
    );
    if !text.contains(['"', '\'', '\\']) {
        assert!(
            texts.iter().copied().eq(text.split_whitespace()),
            "{text:?}"
        );
    }
    true
}

/// An address of an application, of a source, or of clients.
pub fn address(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let to = destination(text);
    match &to {
        Ok(Destination::Fixed(address)) => {
            let again = destination(&address.to_string());
            assert_eq!(again, Ok(Destination::Fixed(address.clone())), "{text:?}");
        }
        Ok(Destination::Name(name, _)) => {
            assert!(
                !name.is_empty() && !name.contains(['/', '\0', ' ', ':']),
                "{text:?}"
            );
        }
        Err(why) => assert!(!why.is_empty()),
    }
    let from = bind_address(text);
    if let Ok(from) = from {
        let written = match from.port {
            0 => from.ip.to_string(),
            port => std::net::SocketAddr::new(from.ip, port).to_string(),
        };
        assert_eq!(bind_address(&written), Ok(from), "{text:?}");
    }
    let who = parse_who(text);
    if who.is_ok()
        && let Ok(ip) = text.parse::<std::net::IpAddr>()
    {
        assert!(who.as_ref().is_ok_and(|who| who.is(Some(ip))), "{text:?}");
    }
    to.is_ok() || from.is_ok() || who.is_ok()
}

/// A path as it was sent, and as the target of a redirect inside the gateway.
pub fn path(data: &[u8]) -> bool {
    let target = uri::normalise_target(data);
    if let Ok(path) = &target {
        is_normal(path, data);
        assert_eq!(
            uri::normalise(data).map(|p| p.unwrap_or_else(|| data.to_vec())),
            Ok(path.clone())
        );
    }
    let Ok(path) = uri::normalise(data) else {
        return false;
    };
    assert_ne!(path.as_deref(), Some(data), "it was normal");
    let path = path.unwrap_or_else(|| data.to_vec());
    is_normal(&path, data);
    true
}

fn is_normal(path: &[u8], data: &[u8]) {
    assert!(
        path.first() == Some(&b'/') && !path.contains(&0),
        "{}",
        shown(data)
    );
    let mut segments = path[1..].split(|&b| b == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        assert!(last || !segment.is_empty(), "{}", shown(data));
        assert!(segment != b"." && segment != b"..", "{}", shown(data));
    }
    // Written for a field, and read again, it is the same.
    let mut sent = Vec::new();
    uri::encode(path, &mut sent);
    assert!(sent.iter().all(|b| b.is_ascii_graphic()), "{}", shown(data));
    let again = uri::normalise(&sent).map(|again| again.unwrap_or(sent));
    assert_eq!(again.as_deref(), Ok(path), "{}", shown(data));
}
