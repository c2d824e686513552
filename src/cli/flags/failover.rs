//! Failover.

use crate::cli::table::{Flag, ROW, Role, Topic};
use crate::cli::values::groups::{connection_drop, next_upstream};
use crate::cli::values::{number, put, time};

const BASE: Flag = Flag {
    topic: Topic::Failover,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "next-upstream",
        arg: "CONDITION",
        default: "error timeout",
        brief: "when to try the next server of a group",
        manual: "In which cases a request that has failed at one server of a group is tried with another:\n\n\
            * `error`: the connection could not be made, broke, or ended before the head of the response was complete.\n\
            * `timeout`: connecting, sending or waiting for the head took too long.\n\
            * `invalid_header`: the head of the response was not well formed or did not fit into `--buffer-size`.\n\
            * `http_500`: the response has this status; so with `http_503`, `http_403`, `http_404` and `http_429`.\n\
            * `non_idempotent`: also requests whose repetition may do harm.\n\
            * `off`: never; cancels all others.\n\n\
            Once a byte of a request may have reached a server, the request is repeated only if its method is GET, HEAD, \
            OPTIONS, PUT, DELETE or TRACE, unless `non_idempotent` is given. A connection that was never made may always \
            be tried elsewhere. A body that has been streamed with `--request-buffering` off is never sent again. Nothing is \
            repeated after the head of a response has been accepted.\n\n\
            When no server is left to try, a response with a listed status is passed on as the application made it; after \
            any other failure the client gets 502, or 504 after a timeout. Every try shows in the `$upstream_addr`, \
            `$upstream_status` and other lists, separated by commas.",
        role: Role::Set(|s, v| put(&mut s.next_upstream, next_upstream(v))),
        ..BASE
    },
    Flag {
        long: "next-upstream-timeout",
        arg: "TIME",
        default: "0",
        brief: "no further server is tried after TIME",
        manual: "No further server is tried when this time has passed since the first was chosen. A try that is under way \
            is not cut short by it. The value `0` sets no limit.",
        role: Role::Set(|s, v| put(&mut s.next_upstream_timeout, time(v))),
        ..BASE
    },
    Flag {
        long: "next-upstream-tries",
        arg: "NUMBER",
        default: "0",
        brief: "how many servers are tried at most",
        manual: "How many servers are tried at most, the first included. The value `0` sets no limit but the number of \
            addresses; none of them is tried twice for one request.",
        role: Role::Set(|s, v| put(&mut s.next_upstream_tries, number(v, 0, 1 << 20))),
        ..BASE
    },
    Flag {
        long: "connection-drop",
        arg: "on|off|TIME",
        default: "off",
        brief: "end exchanges with servers that left their group",
        manual: "Ends running exchanges with an address that has left its group, because its name no longer stands for it or \
            because it was drained on the status page: with `on` at once, with a time after so long. With `off` they run to \
            their end.",
        role: Role::Set(|s, v| put(&mut s.connection_drop, connection_drop(v))),
        ..BASE
    },
];
