//! Content and access.

use crate::cli::table::{Flag, HTTP, LOCATION, ROW, Role, SERVER_LOCATION, Topic};
use crate::cli::values::{one_template, put, who};

const BASE: Flag = Flag {
    topic: Topic::Content,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "root",
        arg: "DIRECTORY",
        brief: "the document root that the application is told",
        manual: "The value of DOCUMENT_ROOT and of `$document_root`. It may contain variables. Files are not served yet.",
        role: Role::Set(|s, v| put(&mut s.root, one_template(v))),
        ..BASE
    },
    Flag {
        long: "alias",
        arg: "DIRECTORY",
        levels: LOCATION,
        brief: "directory of the location's files",
        manual: "The directory that stands for the location's prefix.",
        ..BASE
    },
    Flag {
        long: "internal",
        levels: LOCATION,
        brief: "the location is reached from inside only",
        manual: "Answers requests from outside with 404; the location is reached by redirects inside the gateway.",
        ..BASE
    },
    Flag {
        long: "error-page",
        arg: "CODE URI",
        many: true,
        brief: "what to answer in place of an error",
        manual: "Answers these status codes with another page.",
        ..BASE
    },
    Flag {
        long: "return",
        arg: "CODE TEXT",
        levels: SERVER_LOCATION,
        brief: "answer every request so",
        manual: "Answers every request with this status and this text or address.",
        ..BASE
    },
    Flag {
        long: "add-header",
        arg: "NAME VALUE",
        many: true,
        brief: "add a field to responses",
        manual: "Adds a field to responses. A third word `always` adds it to errors as well.",
        ..BASE
    },
    Flag {
        long: "default-type",
        arg: "TYPE",
        default: "text/plain",
        brief: "media type of files of unknown kind",
        manual: "The media type of files whose name says nothing about it.",
        ..BASE
    },
    Flag {
        long: "map",
        arg: "SOURCE NAME RULES",
        levels: HTTP,
        many: true,
        brief: "define a variable by another's value",
        manual: "Defines a variable whose value follows from that of another.",
        ..BASE
    },
    Flag {
        long: "allow",
        arg: "WHO",
        many: true,
        brief: "let these clients in",
        manual: "Lets clients in: an address, a network such as `192.0.2.0/24`, `unix:` for those on Unix sockets, or \
            `all`. Rules of `--allow` and `--deny` are tried in the order of the command line and the first that fits \
            decides; a client that none fits is let in. A level with a rule of either kind inherits none.",
        role: Role::Set(|s, v| {
            s.access.push((true, who(v)?));
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "deny",
        arg: "WHO",
        many: true,
        brief: "answer these clients with 403",
        manual: "Answers clients with 403. See `--allow`.",
        role: Role::Set(|s, v| {
            s.access.push((false, who(v)?));
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "auth-basic",
        arg: "REALM FILE",
        default: "off",
        brief: "ask for a name and a password",
        manual: "Asks for a name and a password that stand in the file.",
        ..BASE
    },
    Flag {
        long: "auto-redirect",
        arg: "on|off|default",
        levels: LOCATION,
        default: "default",
        brief: "redirect to the path with a slash at its end",
        manual: "Redirects a request for the location's prefix without its last slash to the prefix itself.",
        ..BASE
    },
    Flag {
        long: "status",
        arg: "on|off|writable",
        levels: LOCATION,
        default: "off",
        brief: "answer with the state of the program",
        manual: "Answers with the state of the program.",
        ..BASE
    },
];
