//! The process.

use crate::cli::table::{Flag, HTTP, ROW, Role, Topic};
use crate::cli::values::{
    access_log, bytes, left_out, log_format, log_level, number, on_off, path, put, time, user,
};

const BASE: Flag = Flag {
    topic: Topic::Process,
    levels: HTTP,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "workers",
        arg: "NUMBER",
        default: "64",
        brief: "exchanges with applications at the same time",
        manual: "The number of worker threads: how many exchanges with applications run at the same time.",
        role: Role::Set(|s, v| put(&mut s.workers, number(v, 1, 16_384))),
        ..BASE
    },
    Flag {
        long: "queue",
        arg: "NUMBER",
        default: "1024",
        brief: "requests that may wait for a worker",
        manual: "How many requests may wait for a worker; one more is answered with 503. With `0` none waits.",
        role: Role::Set(|s, v| put(&mut s.queue, number(v, 0, 1 << 24))),
        ..BASE
    },
    Flag {
        long: "connections",
        arg: "NUMBER",
        default: "1024",
        brief: "client connections at the same time",
        manual: "How many client connections are open at the same time; others wait in the system's queue. The limit of open \
            files is raised to fit where that is permitted.",
        role: Role::Set(|s, v| put(&mut s.connections, number(v, 1, 1 << 20))),
        ..BASE
    },
    Flag {
        long: "memory",
        arg: "SIZE",
        default: "0",
        brief: "ceiling for all buffers together",
        manual: "How much memory all buffers take together. Beyond it new requests wait, then get 503. The value `0` sets \
            no ceiling.",
        role: Role::Set(|s, v| put(&mut s.memory, bytes(v, 0))),
        ..BASE
    },
    Flag {
        long: "user",
        arg: "USER",
        brief: "run as this user once the sockets are open",
        manual: "Gives up the rights of root for those of this user once the sockets and the log files are open. A second \
            word names the group; without it the user's own groups are taken. With or without this flag, a process that is \
            not root's then keeps no capability but CAP_NET_RAW (or CAP_NET_ADMIN, if it was given that alone) for \
            `--bind` with `transparent`, and CAP_NET_BIND_SERVICE for `--bind` to a port below 1024; and no process can gain \
            any by a program it starts (no_new_privs).",
        role: Role::Set(|s, v| put(&mut s.user, user(v))),
        ..BASE
    },
    Flag {
        long: "confine",
        arg: "on|off",
        default: "off",
        brief: "open no files but those the command line names",
        manual: "Holds the process to the files that the command line names, by Landlock: for reading the directories of \
            `--root`, `--alias` and `--sendfile-root` and those of the files of `--auth-basic`, for writing too those of \
            `--temp-path`, `--cache-path` and `--store`; those of log files for writing alone; and of the process id's and of \
            sockets, to remove them. Of a file that is a link the directory to which it leads counts too. Where addresses of \
            applications are looked up while it runs, the system's configuration and libraries can be read as well. It \
            begins once the sockets are open and `--user` holds, and never ends. A path with variables counts up to the last \
            slash before the first of them (`$uri` begins with one); one that begins with a variable leaves that kind of access open. For a directory \
            that is missing its nearest parent counts. Without `--temp-path` the system's directory of temporary files can be \
            read and written, which others use too. Links within these paths are followed once, at the start: a program \
            whose content moves behind a link must be started anew. Connections are not touched. Where the kernel can not do \
            it (Linux 5.19 is needed, with Landlock switched on), the program does not start.",
        role: Role::Set(|s, v| put(&mut s.confine, on_off(v))),
        ..BASE
    },
    Flag {
        long: "pid",
        arg: "FILE",
        brief: "write the process id to FILE",
        manual: "Writes the process id to this file and removes the file at the end.",
        role: Role::Set(|s, v| put(&mut s.pid, path(v))),
        ..BASE
    },
    Flag {
        long: "access-log",
        arg: "FILE",
        many: true,
        default: "off",
        brief: "log requests to FILE",
        manual: "Logs each request to this file, `-` being standard output. A second word names the format, `combined` \
            unless given. Lines are collected and written together; USR1 opens the file anew. With --user the file is opened as that account may, or by root where nobody else can lead the path elsewhere. The value `off` logs \
            nothing.",
        role: Role::Set(|s, v| {
            s.access_logs.push(access_log(v)?);
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "log-format",
        arg: "NAME TEMPLATE",
        many: true,
        brief: "define a format of the access log",
        manual: "Defines a format by a text with variables. After the name `escape=json` may stand, which writes values as \
            they must stand in a JSON string; otherwise quotes, backslashes and bytes that are not printable ASCII are \
            written as \\xHH. Neighbouring pieces in quotes are joined as they are; bare words keep a blank around them. \
            There are already:\n\n\
            * `combined`: the format that most log readers know.\n\
            * `main`: the same with the server's name, the request time and the times of the application.\n\
            * `json`: one object a line.",
        role: Role::Set(|s, v| {
            s.log_formats.push(log_format(v)?);
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "log-level",
        arg: "off|error|warn|info|debug|trace",
        default: "info",
        brief: "how much is said on standard error",
        manual: "How much is said on standard error. The environment variable RUST_LOG, where it is set, goes before it.",
        role: Role::Set(|s, v| put(&mut s.log_level, log_level(v))),
        ..BASE
    },
    Flag {
        long: "shutdown-timeout",
        arg: "TIME",
        default: "30s",
        brief: "how long running requests may take after TERM",
        manual: "How long running requests may still take after TERM or QUIT. With `0` they are cut at once.",
        role: Role::Set(|s, v| put(&mut s.shutdown_timeout, time(v))),
        ..BASE
    },
    Flag {
        long: "demo",
        brief: "serve a built-in application that shows each request",
        manual: "Serves a built-in SCGI application over a real Unix socket, which shows what an application is told of each \
            request. The program can be tried so with nothing else installed. It takes the place of `--pass` in every \
            location and does not go together with it.",
        role: Role::Set(|s, _| {
            s.demo = cfg!(feature = "demo");
            match s.demo {
                true => Ok(()),
                false => Err(left_out("demo")),
            }
        }),
        ..BASE
    },
    Flag {
        long: "cgi",
        brief: "act as a CGI program for one request",
        manual: "Takes one request from the environment and standard input, as a CGI program does (RFC 3875), answers on \
            standard output, and ends. So a web server that knows CGI but not SCGI reaches SCGI applications: the CGI program \
            is a script that runs scgate with this flag. Locations are chosen by PATH_INFO. \
            Under inetd, with nowait, it takes one request from the connection that standard input is. Flags about listening, connections \
            that are kept, caches and the process do not go with it.",
        role: Role::Set(|s, _| {
            s.cgi = true;
            Ok(())
        }),
        ..BASE
    },
];
