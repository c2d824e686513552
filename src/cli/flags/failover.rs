//! Failover.

use crate::cli::table::{Flag, ROW, Topic};

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
        manual: "In which cases a request is tried with the next server: `error`, `timeout`, `invalid_header`, `http_500`, \
            `http_503`, `http_403`, `http_404`, `http_429`, `non_idempotent` or `off`.",
        ..BASE
    },
    Flag {
        long: "next-upstream-timeout",
        arg: "TIME",
        default: "0",
        brief: "no further server is tried after TIME",
        manual: "No further server is tried after this time. The value `0` sets no limit.",
        ..BASE
    },
    Flag {
        long: "next-upstream-tries",
        arg: "NUMBER",
        default: "0",
        brief: "how many servers are tried at most",
        manual: "How many servers are tried at most. The value `0` sets no limit.",
        ..BASE
    },
    Flag {
        long: "connection-drop",
        arg: "on|off|TIME",
        default: "off",
        brief: "end exchanges with servers that left their group",
        manual: "Ends running exchanges with an address that has left its group, at once or after a time.",
        ..BASE
    },
];
