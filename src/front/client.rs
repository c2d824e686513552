//! Who the client is: the peer, unless the peer is a proxy that is believed about it, by the head of the PROXY protocol or
//! by a field of the request.
//!
//! As in nginx's realip module, not recursive: one address is taken, the last of the last field, for it is the one that the
//! believed proxy itself has added. What is no address changes nothing, nor does a word of anybody else. Only the client
//! is another then: the transport, and the addresses of our own side, stay what they are.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::conn::{Conn, Phase};
use super::hub::Hub;
use crate::config::content::{RealIp, RealIpHeader};
use crate::http::fields::list;
use crate::http::proxy_protocol::{self, Malformed, Step};
use crate::http::request::Request;
use crate::ops::vars::ConnInfo;

/// The client of a request, where that is another than the peer of its connection. Port 0: the field named none.
pub fn real_client(conn: &ConnInfo, settings: &RealIp, request: &Request) -> Option<SocketAddr> {
    match &settings.header {
        _ if !is_believed(conn, settings) => None,
        RealIpHeader::ProxyProtocol => conn.proxy.as_deref().copied(),
        RealIpHeader::Field(name) => {
            let value = request.fields_named(name).last()?;
            address(list(value).last()?)
        }
    }
}

fn is_believed(conn: &ConnInfo, settings: &RealIp) -> bool {
    let peer = conn.remote.map(|addr| addr.ip().to_canonical());
    settings.from.iter().any(|who| who.is(peer))
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(addr) = text.parse() {
        return Some(plain(addr));
    }
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let ip: IpAddr = match inside {
        Some(inside) => IpAddr::V6(inside.parse().ok()?),
        None => text.parse().ok()?,
    };
    Some(plain(SocketAddr::new(ip, 0)))
}

/// An IPv4 client is IPv4, however it is written and whichever socket it came to; a scope means nothing on another machine.
pub(super) fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl Conn {
    /// Finds out whose request this is, before anything depends on it. Without `--real-ip-from` it is the peer's.
    pub(super) fn identify(&mut self, request: &Request, hub: &Hub) {
        if !hub.names_clients {
            return;
        }
        let config = hub.shared.config;
        let listen = self.listen(config);
        let server = config.servers.get(listen.names.find(request.host()));
        let settings = server.and_then(|server| server.real_ip.as_ref());
        self.speak_of(settings.and_then(|settings| real_client(&self.own, settings, request)));
    }

    /// A request begins: until its head is there, or if that is refused, the client is whom the PROXY protocol named, where the
    /// default server believes it, and else the peer.
    pub(super) fn introduce(&mut self, hub: &Hub) {
        let settings = self.server(hub).real_ip.as_ref();
        let by_head = |settings: &&RealIp| {
            settings.header == RealIpHeader::ProxyProtocol && is_believed(&self.own, settings)
        };
        let client = settings
            .filter(by_head)
            .and(self.own.proxy.as_deref().copied());
        self.speak_of(client);
    }

    /// From now on the client is this one, or else the peer.
    fn speak_of(&mut self, client: Option<SocketAddr>) {
        if client.is_none() {
            self.info = Arc::clone(&self.own);
        } else if self.info.remote != client {
            let mut info = (*self.own).clone();
            info.remote = client;
            self.info = Arc::new(info);
        }
    }

    /// Looks for the head of the PROXY protocol in what has come. True: there it was, and requests follow.
    ///
    /// # Errors
    /// It can not come any more.
    pub(super) fn preface(&mut self) -> Result<bool, Malformed> {
        let Step::Done(used, client) = proxy_protocol::parse(&self.buf)? else {
            return Ok(false);
        };
        self.buf.drain(..used);
        self.phase = Phase::Idle;
        Arc::make_mut(&mut self.own).proxy = client.map(plain).map(Box::new);
        self.info = Arc::clone(&self.own);
        Ok(true)
    }

    /// Says why a connection ends before its first request.
    pub(super) fn preface_failed(&self, why: &str) {
        log::info!("{}: no head of the PROXY protocol: {why}", self.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::access::parse_who;
    use crate::http::request::Limits;
    use crate::ops::vars::Local;

    const PROXY: &str = "192.0.2.9:4711";

    /// The client of a request with these fields, behind a peer, with PROXY as the client of the PROXY protocol.
    fn client(from: &[&str], header: RealIpHeader, peer: Option<&str>, fields: &str) -> String {
        let conn = ConnInfo {
            id: 1,
            remote: peer.map(|peer| peer.parse().unwrap()),
            proxy: Some(Box::new(PROXY.parse().unwrap())),
            local: Local::Inet("127.0.0.1:80".parse().unwrap()),
        };
        let settings = RealIp {
            from: from.iter().map(|who| parse_who(who).unwrap()).collect(),
            header,
        };
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let limits = Limits {
            max_size: 8192,
            underscores: false,
        };
        let request = Request::parse(head.as_bytes(), &limits).unwrap();
        let client = real_client(&conn, &settings, &request);
        client.map_or("-".into(), |addr| addr.to_string())
    }

    fn forwarded() -> RealIpHeader {
        RealIpHeader::Field("X-Forwarded-For".into())
    }

    #[test]
    fn mapped_addresses_are_shown_as_ipv4() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:80".parse().unwrap();
        assert_eq!(plain(mapped).to_string(), "192.0.2.1:80");
    }

    #[test]
    fn only_a_peer_that_is_listed_is_believed() {
        let field = "X-Forwarded-For: 203.0.113.7\r\n";
        for (from, peer, believed) in [
            (
                &["10.0.0.0/8", "2001:db8::/32"][..],
                Some("10.1.2.3:9"),
                true,
            ),
            (
                &["10.0.0.0/8", "2001:db8::/32"],
                Some("[2001:db8::5]:9"),
                true,
            ),
            (&["10.0.0.0/8"], Some("[::ffff:10.1.2.3]:9"), true),
            (&["10.0.0.0/8"], Some("11.1.2.3:9"), false),
            (&["10.0.0.0/8"], Some("[2001:db8::5]:9"), false),
            (&["10.0.0.0/8"], None, false),
            // The client of the PROXY protocol is not the peer.
            (&["192.0.2.9"], Some("11.1.2.3:9"), false),
            (&["unix:"], None, true),
            (&["unix:"], Some("127.0.0.1:9"), false),
            (&["0.0.0.0/0", "::/0"], None, false),
            (&[], Some("127.0.0.1:9"), false),
        ] {
            let by_field = client(from, forwarded(), peer, field);
            let by_head = client(from, RealIpHeader::ProxyProtocol, peer, field);
            let expected = match believed {
                true => ("203.0.113.7:0", PROXY),
                false => ("-", "-"),
            };
            assert_eq!((&*by_field, &*by_head), expected, "{from:?} {peer:?}");
        }
    }

    #[test]
    fn the_last_address_of_the_last_field_is_taken() {
        for (fields, expected) in [
            ("", "-"),
            ("X-Forwarded-For: 203.0.113.7", "203.0.113.7:0"),
            ("x-forwarded-for:\t203.0.113.7\t", "203.0.113.7:0"),
            ("X-Forwarded-For: 203.0.113.7:4711", "203.0.113.7:4711"),
            ("X-Forwarded-For: 2001:db8::7", "[2001:db8::7]:0"),
            ("X-Forwarded-For: [2001:db8::7]", "[2001:db8::7]:0"),
            ("X-Forwarded-For: [2001:db8::7]:4711", "[2001:db8::7]:4711"),
            ("X-Forwarded-For: ::ffff:203.0.113.7", "203.0.113.7:0"),
            ("X-Forwarded-For: [::ffff:203.0.113.7]:8", "203.0.113.7:8"),
            ("X-Forwarded-For: 1.1.1.1, 2.2.2.2,3.3.3.3", "3.3.3.3:0"),
            ("X-Forwarded-For: 1.1.1.1, 2.2.2.2 , ,", "2.2.2.2:0"),
            ("X-Forwarded-For: evil, 2.2.2.2", "2.2.2.2:0"),
            (
                "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2",
                "2.2.2.2:0",
            ),
            (
                "X-Forwarded-For: 1.1.1.1\r\nX-Real-IP: 2.2.2.2",
                "1.1.1.1:0",
            ),
            ("X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For:", "-"),
            ("X-Forwarded-For: 1.1.1.1, unknown", "-"),
            ("X-Forwarded-For: 1.1.1.1, unix:", "-"),
            ("X-Forwarded-For: 1.1.1.1 2.2.2.2", "-"),
            ("X-Forwarded-For: 1.1.1", "-"),
            ("X-Forwarded-For: 1.1.1.1.1", "-"),
            ("X-Forwarded-For: 1.1.1.01", "-"),
            ("X-Forwarded-For: 1.1.1.1:", "-"),
            ("X-Forwarded-For: 1.1.1.1:65536", "-"),
            ("X-Forwarded-For: 1.1.1.1:http", "-"),
            ("X-Forwarded-For: [1.1.1.1]", "-"),
            ("X-Forwarded-For: [2001:db8::7", "-"),
            ("X-Forwarded-For: 2001:db8::7]", "-"),
            ("X-Forwarded-For: [2001:db8::7]:", "-"),
            ("X-Forwarded-For: [[2001:db8::7]]", "-"),
            ("X-Forwarded-For: \u{ff11}.1.1.1", "-"),
            ("X-Forwarded-For: \"1.1.1.1\"", "-"),
        ] {
            let lines = match fields {
                "" => String::new(),
                fields => format!("{fields}\r\n"),
            };
            let found = client(&["127.0.0.1"], forwarded(), Some("127.0.0.1:9"), &lines);
            assert_eq!(found, expected, "{fields:?}");
        }
    }
}
