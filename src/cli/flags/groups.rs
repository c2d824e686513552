//! Upstream groups.

use crate::cli::table::{Flag, HTTP, ROW, Role, Topic};
use crate::cli::values::groups::{balance, health, sticky, upstream};
use crate::cli::values::{push, put, wait};

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
        manual: "Adds a server to the group of this name, which `--pass` can name in place of an address. The name consists of \
            letters, digits, dots, dashes and underscores; case makes no difference. The address is `host:port`, \
            `[IPv6]:port` or `unix:/path`; a port is required. Every address that a name stands for is a server of its own \
            with all of the parameters, which may follow:\n\n\
            * `weight=N`: its share of the requests; 1 unless given.\n\
            * `max_conns=N`: exchanges at one time; 0, which is the default, sets no limit.\n\
            * `max_fails=N`: so many failures within `fail_timeout` make it count as failed; 1 unless given, 0 for never.\n\
            * `fail_timeout=TIME`: how far back failures are counted, and for how long a failed server is left out; 10s \
            unless given, 0 for never.\n\
            * `slow_start=TIME`: over how long its weight grows back after it had failed; at once unless given. Only with \
            round_robin and least_conn.\n\
            * `backup`: used only while none of the others can be. Not together with ip_hash, hash and random.\n\
            * `down`: not used, but keeps its place in hashes.\n\
            * `resolve`: looks the name up again every `--resolve-interval` and on HUP. The name may then be unknown at \
            start.\n\
            * `route=NAME`: what `--sticky` calls it, at most 32 bytes.\n\n\
            A failure is a connection that could not be made or broke, a timeout, a head that is not well formed, a body \
            that was cut short, and a status 500, 503 or 429 that `--next-upstream` lists; 403 and 404 never are. Failures \
            are counted for each address by all workers together, and each is forgotten once it is older than \
            `fail_timeout`. When all servers have failed, the one that failed longest ago is tried, so that a group is never \
            refused outright.",
        role: Role::Set(|s, v| push(&mut s.upstreams, upstream(v))),
        ..BASE
    },
    Flag {
        long: "balance",
        arg: "GROUP METHOD",
        many: true,
        brief: "how a group chooses a server",
        manual: "How a group chooses a server; given at most once for each group. Where nothing is said it is `round_robin`.\n\n\
            * `round_robin`: in turn, by weight, and evenly spread.\n\
            * `least_conn`: the fewest running exchanges for its weight.\n\
            * `ip_hash`: by the client's address: the first three bytes of IPv4, all of IPv6.\n\
            * `hash KEY`: by a key that may contain variables. With a third word `consistent` few keys move when a server \
            comes or goes. Both place keys as nginx does.\n\
            * `random`: by chance and weight; with `two` after it the less busy of two so drawn.\n\
            * `byrequests`: in turn by weight, as Apache does it.\n\
            * `bytraffic`: the fewest bytes for its weight.\n\
            * `bybusyness`: the fewest running exchanges, then in turn.\n\n\
            A server that has failed, is at its `max_conns`, or has been tried for the same request is passed over.",
        role: Role::Set(|s, v| push(&mut s.group_rules, balance(v))),
        ..BASE
    },
    Flag {
        long: "sticky",
        arg: "GROUP METHOD",
        many: true,
        brief: "keep a client with its server",
        manual: "Keeps a client with its server as long as that can be used.\n\n\
            * `cookie NAME`: by a cookie that the gateway sets. `expires=TIME`, `path=PATH`, `domain=NAME`, `httponly` and \
            `secure` may follow.\n\
            * `route VARIABLE`: by the first of these variables that is not empty, as in `route $cookie_r $arg_r`; only servers \
            with a `route` can be so named.\n\n\
            A server is known by its `route`, and where it has none by a name made from its address.",
        role: Role::Set(|s, v| push(&mut s.group_rules, sticky(v))),
        ..BASE
    },
    Flag {
        long: "health",
        arg: "GROUP",
        many: true,
        brief: "check the servers of a group",
        manual: "Checks the servers of a group of `--upstream` by requests of the gateway's own; given at most once for each \
            group. Nothing is checked unless it is said.\n\n\
            * `interval=TIME`: from check to check of a server; 5s unless given, at least 10ms. The checks of a group's \
            servers are spread over it.\n\
            * `uri=URI`: what is asked for, as a client would ask; `/` unless given. A query may follow the path.\n\
            * `fails=N`: so many failed checks in a row make a server unhealthy; 1 unless given.\n\
            * `passes=N`: so many passed checks in a row make it healthy; 1 unless given.\n\n\
            A check is one whole GET request without a body: never an idle connection, which would block an application \
            that serves one at a time. It passes if the status is 2xx or 3xx, in a head that is well formed, and the body \
            is whole as far as it is read (64k); all of this within `interval`, but no less than 1s and no more than 10s. The \
            parameters are those of the first location that passes to the group by name; the host is the name of its \
            server or else `localhost`, the client is 127.0.0.1, and the user agent is scgate-health. rTorrent answers no \
            request without a body, so it can not be checked.\n\n\
            An unhealthy server gets no requests, as if it had failed. Until its first check it counts as healthy. So many \
            passes in a row as `passes` says also end the rest of a server that had failed by `max_fails`, and `slow_start` \
            begins. Where no server is left that is well, the one that failed or became unhealthy longest ago is tried, so \
            that a group is never refused outright; for the same reason the only address of a group gets its requests \
            whatever the checks say. Servers that are down are not checked, drained ones are. The log, the status page and \
            its metrics tell what checks have found.",
        role: Role::Set(|s, v| push(&mut s.group_rules, health(v))),
        ..BASE
    },
    Flag {
        long: "resolve-interval",
        arg: "TIME",
        default: "30s",
        brief: "how often names are looked up again",
        manual: "How often names marked `resolve` are looked up again. No request waits for it: those that run keep the \
            addresses they began with, and where a look-up fails the old addresses stay.",
        role: Role::Set(|s, v| put(&mut s.resolve_interval, wait(v))),
        ..BASE
    },
];
