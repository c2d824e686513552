//! The application and the connection to it.

use crate::cli::presets::preset;
use crate::cli::table::{Flag, LOCATION, ROW, Role, Topic};
use crate::cli::values::{bind, on_off, pass, put, socket_buffer, wait};

const BASE: Flag = Flag {
    topic: Topic::Scgi,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "pass",
        short: Some('p'),
        arg: "ADDRESS",
        levels: LOCATION,
        brief: "pass requests to the SCGI application at ADDRESS",
        manual: "Passes requests to the SCGI application at `ADDRESS`, which is `host:port`, `[IPv6]:port`, \
            `unix:/path`, or the name of a group that `--upstream` makes. A port is required, for SCGI has no usual one; a \
            group is named without one. A name is resolved once, at start, and all its addresses are used in turn, as if \
            they were a group; a name that does not resolve stops the start.\n\n\
            The value may contain variables. It is then evaluated for each request; the result is looked up among the \
            groups first, then taken as an address.\n\n\
            A location has only one of `--pass`, `--return` and `--status`. One that has none of them serves files, where \
            it has a `--root` or `--alias`.",
        role: Role::Set(|s, v| put(&mut s.pass, pass(v))),
        ..BASE
    },
    Flag {
        long: "bind",
        arg: "ADDRESS",
        default: "off",
        brief: "connect to the application from this local address",
        manual: "Connects from this local address, with a port where one is given. The address may come from variables; \
            an empty result means that the system chooses. The family of the address decides which of the application's \
            addresses can be used. A second word `transparent` permits an address that is not local, such as \
            `$remote_addr`, by IP_TRANSPARENT; this needs root or CAP_NET_RAW and a route that leads the answers back. \
            The value `off` cancels what an outer level has set.",
        role: Role::Set(|s, v| put(&mut s.bind, bind(v))),
        ..BASE
    },
    Flag {
        long: "socket-keepalive",
        arg: "on|off",
        default: "off",
        brief: "SO_KEEPALIVE on connections to the application",
        manual: "Sets SO_KEEPALIVE on connections to the application, so that the system notices when a peer has vanished.",
        role: Role::Set(|s, v| put(&mut s.socket_keepalive, on_off(v))),
        ..BASE
    },
    Flag {
        long: "socket-rcvbuf",
        arg: "SIZE",
        default: "0",
        brief: "receive buffer of connections to the application",
        manual: "Sets SO_RCVBUF on connections to the application. The value `0` leaves it to the system.",
        role: Role::Set(|s, v| put(&mut s.socket_rcvbuf, socket_buffer(v))),
        ..BASE
    },
    Flag {
        long: "socket-sndbuf",
        arg: "SIZE",
        default: "0",
        brief: "send buffer of connections to the application",
        manual: "Sets SO_SNDBUF on connections to the application. The value `0` leaves it to the system.",
        role: Role::Set(|s, v| put(&mut s.socket_sndbuf, socket_buffer(v))),
        ..BASE
    },
    Flag {
        long: "connect-timeout",
        arg: "TIME",
        default: "60s",
        brief: "how long connecting to the application may take",
        manual: "How long it may take to establish a connection to the application. On a Unix socket this includes the \
            wait for a place in its queue. The client then gets 504.",
        role: Role::Set(|s, v| put(&mut s.connect_timeout, wait(v))),
        ..BASE
    },
    Flag {
        long: "send-timeout",
        arg: "TIME",
        default: "60s",
        brief: "longest wait between two writes to the application",
        manual: "How long the application may take none of the request's bytes. It is an idle time between two successful \
            writes, not a limit on the whole request. The client then gets 504.",
        role: Role::Set(|s, v| put(&mut s.send_timeout, wait(v))),
        ..BASE
    },
    Flag {
        long: "read-timeout",
        arg: "TIME",
        default: "60s",
        brief: "longest wait between two reads from the application",
        manual: "How long the application may send nothing. It is an idle time between two successful reads, in the head \
            of the response as in its body. Before the head is complete the client gets 504; later its connection is cut.",
        role: Role::Set(|s, v| put(&mut s.read_timeout, wait(v))),
        ..BASE
    },
    Flag {
        long: "ignore-client-abort",
        arg: "on|off",
        default: "off",
        brief: "let the application finish when the client has gone",
        manual: "With `off` a client that goes away ends the exchange with the application at once. With `on` the \
            application's response is read to its end.",
        role: Role::Set(|s, v| put(&mut s.ignore_client_abort, on_off(v))),
        ..BASE
    },
    Flag {
        long: "preset",
        arg: "rtorrent|uwsgi|fossil|cgi",
        brief: "a named set of flags for one kind of application",
        manual: "Sets what one kind of application needs. A flag that is given itself at the same level or further in goes \
            before the preset, which goes before what is given further out. An inner preset takes the place of an outer one. \
            The listing of `--print-config` shows what comes from it.\n\n\
            * `rtorrent`: `--params-max` `2000 trim`, `--client-max-body-size` `16m`, `--request-buffering` `on` and \
            `--buffering` `on`. These are the limits of rTorrent, which serves all its connections by one thread.\n\
            * `uwsgi`: `--params-max` `4000`, `--path-info` `on` and `--internal-redirect` `off`. uWSGI has 4096 bytes and \
            takes some of them itself; where its `--buffer-size` is larger, give a `--params-max` a little below that.\n\
            * `fossil`: `--client-max-body-size` `100m`, `--read-timeout` `10m` and `--path-info` `on`. Fossil makes its links \
            from SCRIPT_NAME, which is the location.\n\
            * `cgi`: `--default-params` `on`, `--pass-request-headers` `on`, `--pass-request-body` `on`, `--path-info` `on`, \
            `--internal-redirect` `on`, `--sendfile` `off` and `--ignore-headers` \
            `X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset`. What RFC 3875 says, and \
            nothing that a script could ask of one server alone.",
        role: Role::Set(|s, v| put(&mut s.preset, preset(v))),
        ..BASE
    },
];
