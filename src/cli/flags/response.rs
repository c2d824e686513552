//! What becomes of a response.

use crate::cli::table::{Flag, ROW, Role, Topic};
use crate::cli::values::{add, fields, ignore, put};

const BASE: Flag = Flag {
    topic: Topic::Response,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "hide-header",
        arg: "FIELD",
        many: true,
        brief: "do not pass these fields of the response on",
        manual: "Does not pass these fields of the response to the client. Always hidden, unless `--pass-header` names \
            them, are Status, X-Accel-Expires, X-Accel-Redirect, X-Accel-Limit-Rate, X-Accel-Buffering and \
            X-Accel-Charset. Hiding a field does not stop its effect.",
        role: Role::Set(|s, v| add(&mut s.hide, fields(v))),
        ..BASE
    },
    Flag {
        long: "pass-header",
        arg: "FIELD",
        many: true,
        brief: "pass these fields on although they are hidden",
        manual: "Passes these fields of the response to the client although they are hidden, by default or by \
            `--hide-header`. The two lists are inherited each by itself.",
        role: Role::Set(|s, v| add(&mut s.show, fields(v))),
        ..BASE
    },
    Flag {
        long: "ignore-headers",
        arg: "FIELD",
        brief: "let these fields of the response have no effect",
        manual: "Lets these fields of the response have no effect on the gateway: X-Accel-Redirect, X-Accel-Expires, \
            X-Accel-Limit-Rate, X-Accel-Buffering, X-Accel-Charset, Expires, Cache-Control, Set-Cookie or Vary. \
            Several names stand in one value. Ignoring a field does not hide it.",
        role: Role::Set(|s, v| put(&mut s.ignore, ignore(v))),
        ..BASE
    },
    Flag {
        long: "intercept-errors",
        arg: "on|off",
        default: "off",
        brief: "answer the application's errors with error pages",
        manual: "Answers responses of status 300 and more that have an `--error-page` with that page.",
        ..BASE
    },
    Flag {
        long: "force-ranges",
        arg: "on|off",
        default: "off",
        brief: "serve byte ranges of any response",
        manual: "Serves byte ranges of responses although the application does not announce Accept-Ranges.",
        ..BASE
    },
    Flag {
        long: "internal-redirect",
        arg: "on|off|FIELD",
        default: "on",
        brief: "follow a local Location inside the gateway",
        manual: "A response of status 200 or of none whose Location (or `FIELD`) begins with one slash is answered by that \
            local path, as RFC 3875 6.2.2 describes it.",
        ..BASE
    },
    Flag {
        long: "sendfile",
        arg: "on|off|FIELD",
        default: "off",
        brief: "serve the file that X-Sendfile names",
        manual: "Serves the file that the X-Sendfile field (or `FIELD`) names in place of the response. See \
            `--sendfile-root`.",
        ..BASE
    },
    Flag {
        long: "sendfile-root",
        arg: "DIRECTORY",
        many: true,
        brief: "files that X-Sendfile may name are below DIRECTORY",
        manual: "X-Sendfile reaches only files below one of these directories, after symbolic links are resolved. \
            Without this flag every X-Sendfile is refused with 502.",
        ..BASE
    },
    Flag {
        long: "store",
        arg: "on|off|TEMPLATE",
        default: "off",
        brief: "keep responses as files",
        manual: "Keeps complete responses as files: with `on` at the place that `--root` or `--alias` gives the path, else \
            at the path that the value gives.",
        ..BASE
    },
    Flag {
        long: "store-access",
        arg: "WHO:RIGHTS",
        default: "user:rw",
        brief: "access rights of stored files",
        manual: "Access rights of stored files, as in `user:rw group:r all:r`.",
        ..BASE
    },
];
