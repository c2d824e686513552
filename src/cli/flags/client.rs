//! The client's side.

use crate::cli::listen::listen;
use crate::cli::table::{Flag, HTTP_SERVER, ROW, Role, Topic};
use crate::cli::values::content::{peer, real_ip_header};
use crate::cli::values::{add, bytes, number, on_off, push, put, quantity, size, time, wait};
use crate::units;

const BASE: Flag = Flag {
    topic: Topic::Client,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "listen",
        short: Some('l'),
        arg: "ADDRESS",
        levels: HTTP_SERVER,
        many: true,
        default: "127.0.0.1:8080",
        brief: "take connections at ADDRESS",
        manual: "Takes connections at `ADDRESS`: `PORT` (on all IPv4 addresses, as `*:PORT`), `HOST:PORT`, `[IPv6]:PORT`, \
            `unix:/path`, `fd:N` for an inherited socket, or `systemd:NAME` for the sockets that systemd passes under \
            that name. Several servers may share an address. Words that may follow:\n\n\
            * `backlog=N`: how many connections may wait to be taken; 511 unless given.\n\
            * `reuseport`: sets SO_REUSEPORT, so that several processes can share the port.\n\
            * `ipv6only=on|off`: whether an IPv6 address leaves IPv4 clients alone; on unless given.\n\
            * `default_server`: the server for requests whose host matches no name.\n\
            * `proxy_protocol`: every connection begins with a head of the PROXY protocol, version 1 or 2; one that does \
            not is closed. See `--real-ip-header`. Servers that share the address share this.\n\
            * `mode=0660`: the mode of a Unix socket file.\n\
            * `group=NAME`: the group of a Unix socket file.\n\n\
            A socket file that nobody listens on is replaced; one that is in use is an error.",
        role: Role::Set(|s, v| add(&mut s.listens, listen(v))),
        ..BASE
    },
    Flag {
        long: "client-max-body-size",
        arg: "SIZE",
        default: "1m",
        brief: "largest request body",
        manual: "A larger request body is answered with 413. The value `0` sets no limit.",
        role: Role::Set(|s, v| put(&mut s.client_max_body_size, size(v))),
        ..BASE
    },
    Flag {
        long: "client-body-buffer-size",
        arg: "SIZE",
        default: "16k",
        brief: "memory for a request body",
        manual: "How much of a request body is kept in memory; the rest goes to a file below `--temp-path`.",
        role: Role::Set(|s, v| put(&mut s.client_body_buffer_size, bytes(v, 1))),
        ..BASE
    },
    Flag {
        long: "client-header-timeout",
        arg: "TIME",
        levels: HTTP_SERVER,
        default: "60s",
        brief: "how long a request head may take",
        manual: "How long the head of a request may take in all. The client then gets 408.",
        role: Role::Set(|s, v| put(&mut s.client_header_timeout, wait(v))),
        ..BASE
    },
    Flag {
        long: "client-body-timeout",
        arg: "TIME",
        default: "60s",
        brief: "longest wait for the next part of a request body",
        manual: "How long a client may send nothing of its request body. The client then gets 408.",
        role: Role::Set(|s, v| put(&mut s.client_body_timeout, wait(v))),
        ..BASE
    },
    Flag {
        long: "client-send-timeout",
        arg: "TIME",
        default: "60s",
        brief: "longest wait for a client that takes nothing",
        manual: "How long a client may take nothing of its response. Its connection is then cut.",
        role: Role::Set(|s, v| put(&mut s.client_send_timeout, wait(v))),
        ..BASE
    },
    Flag {
        long: "client-max-header-size",
        arg: "SIZE",
        levels: HTTP_SERVER,
        default: "32k",
        brief: "largest request head",
        manual: "A request line over this size is answered with 414, a head over it with 431.",
        role: Role::Set(|s, v| put(&mut s.client_max_header_size, bytes(v, 256))),
        ..BASE
    },
    Flag {
        long: "client-limit-rate",
        arg: "RATE",
        default: "0",
        brief: "pace of a response to the client",
        manual: "Sends a response at this many bytes a second at most. The value may contain variables; an application \
            may set it by X-Accel-Limit-Rate. The value `0`, or an empty one, sets no limit.",
        role: Role::Set(|s, v| put(&mut s.client_limit_rate, quantity(v, units::rate))),
        ..BASE
    },
    Flag {
        long: "client-limit-rate-after",
        arg: "SIZE",
        default: "0",
        brief: "send this much before the pace is limited",
        manual: "Sends this much of a response before `--client-limit-rate` begins to hold. The value may contain variables.",
        role: Role::Set(|s, v| put(&mut s.client_limit_rate_after, quantity(v, units::size))),
        ..BASE
    },
    Flag {
        long: "keepalive-timeout",
        arg: "TIME",
        default: "75s",
        brief: "how long an idle connection is kept",
        manual: "How long a connection is kept that waits for its next request. The value `0` closes it after each response.",
        role: Role::Set(|s, v| put(&mut s.keepalive_timeout, time(v))),
        ..BASE
    },
    Flag {
        long: "keepalive-requests",
        arg: "NUMBER",
        default: "1000",
        brief: "requests on one connection",
        manual: "How many requests one connection may bring before it is closed.",
        role: Role::Set(|s, v| {
            let number = number(v, 1, i32::MAX as usize)?;
            put(
                &mut s.keepalive_requests,
                u32::try_from(number).map_err(|e| e.to_string()),
            )
        }),
        ..BASE
    },
    Flag {
        long: "underscores-in-headers",
        arg: "on|off",
        levels: HTTP_SERVER,
        default: "off",
        brief: "accept field names with underscores",
        manual: "Passes request fields on whose names contain underscores. With `off` they are dropped, for the application \
            could not tell them from fields with dashes.",
        role: Role::Set(|s, v| put(&mut s.underscores, on_off(v))),
        ..BASE
    },
    Flag {
        long: "real-ip-from",
        arg: "NETWORK",
        levels: HTTP_SERVER,
        many: true,
        brief: "believe these peers about the client's address",
        manual: "Believes peers of this address or network (`192.0.2.0/24`, `2001:db8::/32`), or with `unix:` those on Unix \
            sockets, about the address of the client: they are your own proxies. What `--real-ip-header` gives then \
            takes the place of the peer's address, in `$remote_addr`, REMOTE_ADDR, `--allow` and `--deny`, ip_hash and the \
            logs. Without this flag nobody is believed.",
        role: Role::Set(|s, v| push(&mut s.real_ip_from, peer(v))),
        ..BASE
    },
    Flag {
        long: "real-ip-header",
        arg: "FIELD",
        levels: HTTP_SERVER,
        default: "X-Real-IP",
        brief: "where the client's address stands",
        manual: "The field of the request that holds the address of the client; where it holds several, as X-Forwarded-For \
            does, the last one counts. With `proxy_protocol` it is the address of the PROXY head, for which a `--listen` must \
            say `proxy_protocol`.",
        role: Role::Set(|s, v| put(&mut s.real_ip_header, real_ip_header(v))),
        ..BASE
    },
];
