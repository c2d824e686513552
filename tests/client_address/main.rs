//! Who the client is, behind a proxy: by the PROXY protocol, and by a field of the request.

#[path = "../common/mod.rs"]
mod common;

mod field;
mod preface;
mod proxies;

use std::net::{SocketAddr, TcpListener};

use common::gate::Starter;
use common::{App, Client, Gate};

/// The client that proxies speak of.
const CLIENT: &str = "203.0.113.7";

/// A head of version 1 for [`CLIENT`], port 4711.
const TEXT: &str = "PROXY TCP4 203.0.113.7 198.51.100.1 4711 80\r\n";

/// A head of version 2: command, family, addresses and what follows them.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a test block");
    let mut head = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    head.extend([command, family]);
    head.extend(length.to_be_bytes());
    head.extend(block);
    head
}

/// Two IPv4 addresses and ports, the first of which is [`CLIENT`], port 4711.
const INET: [u8; 12] = [203, 0, 113, 7, 198, 51, 100, 1, 0x12, 0x67, 0, 80];

/// A gateway whose connections begin with a head of the PROXY protocol, and where it listens.
struct Behind {
    gate: Gate,
    addr: SocketAddr,
}

impl Behind {
    #[track_caller]
    fn start<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Behind {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
        let addr = listener.local_addr().expect("local address");
        let gate = Starter::new()
            .without_listener()
            .descriptor(&listener, 3)
            .args(["--listen", "fd:3 proxy_protocol", "--log-level", "info"])
            .args(args)
            .start();
        Behind { gate, addr }
    }

    #[track_caller]
    fn client(&self) -> Client {
        Client::tcp(self.addr)
    }
}

/// An application that echoes its parameters, for `--pass`, and what is asked of all gateways here.
fn echo() -> (App, Vec<String>) {
    let app = App::echo();
    let args = [
        "--pass",
        &app.addr(),
        "--param",
        "PROXY_ADDR $proxy_protocol_addr",
    ];
    let args = args.map(str::to_owned).to_vec();
    (app, args)
}

fn request(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n")
}
