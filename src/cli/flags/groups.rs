//! Upstream groups.

use crate::cli::table::{Flag, HTTP, ROW, Topic};

const BASE: Flag = Flag {
    topic: Topic::Groups,
    levels: HTTP,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "upstream",
        arg: "GROUP ADDRESS",
        many: true,
        brief: "add a server to a group",
        manual: "Adds a server to a group that `--pass` can name. Parameters such as `weight=N` may follow.",
        ..BASE
    },
    Flag {
        long: "balance",
        arg: "GROUP METHOD",
        many: true,
        brief: "how a group chooses a server",
        manual: "How a group chooses a server.",
        ..BASE
    },
    Flag {
        long: "sticky",
        arg: "GROUP METHOD",
        many: true,
        brief: "keep a client with its server",
        manual: "Keeps a client with its server, by a cookie or a route.",
        ..BASE
    },
    Flag {
        long: "health",
        arg: "GROUP",
        many: true,
        brief: "check the servers of a group",
        manual: "Checks the servers of a group by complete small requests.",
        ..BASE
    },
    Flag {
        long: "resolve-interval",
        arg: "TIME",
        default: "30s",
        brief: "how often names are looked up again",
        manual: "How often names marked `resolve` are looked up again.",
        ..BASE
    },
];
