//! The PROXY protocol: the same head however it arrives, and what is understood can be written again.

use std::net::{IpAddr, SocketAddr};

use super::shown;
use crate::http::proxy_protocol::{Step, parse};

/// The longest head that is ever waited for.
const LONGEST: usize = 16 + 4096;

/// The first bytes of a connection that a proxy made. Accepted: a whole head.
pub fn proxy_protocol(data: &[u8]) -> bool {
    let whole = parse(data);
    let mut first = None;
    // Past the longest head nothing changes any more.
    for len in 0..=data.len().min(LONGEST + 1) {
        let step = parse(&data[..len]);
        match first {
            None if step != Ok(Step::More) => first = Some((len, step)),
            None => assert!(len < LONGEST, "waits for ever: {}", shown(data)),
            // Why it is refused may come from another byte of the same bad head.
            Some((_, found)) => assert_eq!(step.ok(), found.ok(), "{} at {len}", shown(data)),
        }
    }
    assert_eq!(
        whole.ok(),
        first.map_or(Some(Step::More), |(_, step)| step.ok()),
        "{}",
        shown(data)
    );
    let Ok(Step::Done(used, client)) = whole else {
        return false;
    };
    assert_eq!(first, Some((used, whole)), "{}", shown(data));
    if let Some(client) = client {
        can_be_written_again(client);
    }
    true
}

fn can_be_written_again(client: SocketAddr) {
    let (family, any) = match client.ip() {
        IpAddr::V4(_) => ("TCP4", "0.0.0.0"),
        IpAddr::V6(_) => ("TCP6", "::"),
    };
    let text = format!(
        "PROXY {family} {} {any} {} 0\r\n",
        client.ip(),
        client.port()
    );
    assert_eq!(
        parse(text.as_bytes()),
        Ok(Step::Done(text.len(), Some(client))),
        "{text:?}"
    );
}
