//! Flags that open a server or a location.

use crate::cli::table::{Flag, HTTP, ROW, Role, SERVER_LOCATION, Topic};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "server",
        arg: "NAME",
        levels: HTTP,
        many: true,
        topic: Topic::Scopes,
        brief: "open a virtual server: flags after it are its own",
        manual: "Opens a virtual server that answers to the names in the value.\n\
            A name is exact (`example.org`), stands for everything below a domain (`*.example.org`), for the domain \
            and everything below it (`.example.org`), or for everything that begins alike (`www.example.*`). \
            An exact name goes first, then the longest name with a star in front, then the longest with a star at the \
            end. The name `_` is never asked for and suits a default server. The name `\"\"` is a request that names no \
            host.\n\n\
            Requests that match no name go to the first server of the address they came in on, or to the one whose \
            `--listen` says `default_server`. Without `--server` there is one server that answers to every name.",
        role: Role::Scope,
        ..ROW
    },
    Flag {
        long: "location",
        arg: "MATCH",
        levels: SERVER_LOCATION,
        many: true,
        topic: Topic::Scopes,
        brief: "open a location: flags after it are its own",
        manual: "Opens a location: the part of the server's paths that the value matches.\n\n\
            * `/prefix`: paths that begin so; the longest prefix wins.\n\
            * `= /exact`: this path alone, before any prefix.\n\
            * `^~ /prefix`: the same as the prefix alone, for those who bring it along from nginx.\n\
            * `@name`: reached from inside only, by error pages and internal redirects.\n\n\
            Paths are compared after normalisation and with regard to case. A location neither inherits the `--pass` of \
            another nor needs one: without `--pass`, `--return` and `--status` it serves files below its `--root` or \
            `--alias`, and without these requests are answered with 404. Without `--location` a server has the \
            location `/`, and flags for locations may then stand at the level of the server.",
        role: Role::Scope,
        ..ROW
    },
];
