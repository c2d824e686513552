//! Placement is nginx's, request by request: keys and clients stay where they are when a site moves to scgate.

use std::net::IpAddr;

use super::captured::ROWS;
use super::*;

/// The address of the client of request `i`: a third each of three networks.
pub fn client(i: u32) -> IpAddr {
    let text = match i % 3 {
        0 => format!("10.{i}.{}.{}", i * 7 % 256, i * 13 % 256),
        1 => format!("192.168.{i}.{}", i * 5 % 256),
        _ => format!("2001:db8:{i:x}::{:x}", i * 31),
    };
    text.parse().unwrap()
}

fn bytes(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The server of a row, its addresses being known.
fn line(text: &str, weight: u32, addresses: &[&str]) -> GroupServer {
    let addresses = match addresses {
        [] => server(text).addresses,
        given => given.iter().map(|a| inet(a)).collect(),
    };
    GroupServer {
        weight,
        addresses,
        max_fails: 0,
        ..server(text)
    }
}

fn servers_of(row: &str) -> Vec<GroupServer> {
    match row {
        "rrb" => vec![
            line("unix:/tmp/x/a.sock", 2, &[]),
            GroupServer {
                backup: true,
                ..line("unix:/tmp/x/b.sock", 3, &[])
            },
            line("unix:/tmp/x/c.sock", 1, &[]),
            GroupServer {
                backup: true,
                ..line("[::1]:59005", 1, &[])
            },
        ],
        _ if row.ends_with('3') => vec![
            line("unix:/tmp/x/a.sock", 1, &[]),
            line("unix:/tmp/x/b.sock", 2, &[]),
            line("unix:/tmp/x/c.sock", 3, &[]),
        ],
        _ if row.ends_with('5') => vec![
            line("127.0.0.1:59001", 1, &[]),
            line("127.0.0.1:59002", 2, &[]),
            GroupServer {
                down: true,
                ..line("127.0.0.1:59003", 1, &[])
            },
            line("127.0.0.1:59004", 5, &[]),
            line("[::1]:59005", 1, &[]),
        ],
        _ => vec![
            line("two.test:59001", 1, &["127.0.0.1:59001", "127.0.0.2:59001"]),
            line("127.0.0.3:59002", 1, &[]),
            line("two.test:59003", 2, &["127.0.0.1:59003", "127.0.0.2:59003"]),
        ],
    }
}

fn balance_of(row: &str) -> Balance {
    match row.get(..2) {
        Some("ha") => hash(false),
        Some("ri") => hash(true),
        Some("ip") => Balance::IpHash,
        Some("lc") => Balance::LeastConn,
        _ => Balance::RoundRobin,
    }
}

#[test]
fn every_captured_choice_is_ours_as_well() {
    let now = Instant::now();
    for (row, firsts, orders) in ROWS {
        let upstreams = one(balance_of(row), servers_of(row));
        let servers = upstreams.g().config.servers.iter();
        let addresses: Vec<&Address> = servers.flat_map(|server| &server.addresses).collect();
        let index = |picked: &Picked| {
            let at = addresses.iter().position(|a| *a == picked.address());
            char::from_digit(at.unwrap() as u32, 10).unwrap()
        };
        let run = |i: u32| match balance_of(row) {
            Balance::IpHash => upstreams.g().begin(&bytes(client(i)), None),
            _ => upstreams.g().begin(format!("key-{i}").as_bytes(), None),
        };
        let first = |i| index(&run(i).next(None, now).unwrap());
        let ours: String = (0..200).map(first).collect();
        assert_eq!(ours, firsts, "first choices of {row}");
        for (i, theirs) in (0..).zip(orders.split(' ')) {
            let mut run = run(i);
            let tries = std::iter::from_fn(|| run.next(None, now));
            let ours: String = tries.map(|picked| index(&picked)).collect();
            assert_eq!(ours, theirs, "order of request {i} of {row}");
        }
    }
}

#[test]
fn clients_without_an_ip_address_are_all_alike() {
    // Captured as well: a client on a Unix socket.
    let now = Instant::now();
    let name = |picked: &Picked| picked.address().to_string();
    for (row, theirs) in [
        ("ip3", ["unix:/tmp/x/b.sock", "unix:/tmp/x/a.sock"]),
        ("ip5", ["127.0.0.1:59004", "[::1]:59005"]),
    ] {
        let upstreams = one(Balance::IpHash, servers_of(row));
        let mut run = upstreams.g().begin(b"", None);
        let (one, two) = (run.next(None, now).unwrap(), run.next(None, now).unwrap());
        assert_eq!([name(&one), name(&two)], theirs, "{row}");
    }
}
