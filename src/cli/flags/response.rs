//! What becomes of a response.

use crate::cli::table::{Flag, ROW, Role, Topic};
use crate::cli::values::cache::alone;
use crate::cli::values::response::{
    internal_redirect, sendfile, sendfile_root, store, store_access,
};
use crate::cli::values::{add, fields, ignore, on_off, push, put};

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
        manual: "Answers responses of status 300 and more that have an `--error-page` with that page, as if the error were \
            the gateway's own. Those that have none are passed on. A WWW-Authenticate field of the response is kept. \
            Errors of the gateway itself have their pages always.",
        role: Role::Set(|s, v| put(&mut s.intercept_errors, on_off(v))),
        ..BASE
    },
    Flag {
        long: "force-ranges",
        arg: "on|off",
        default: "off",
        brief: "serve byte ranges of any response",
        manual: "Serves byte ranges of responses although the application does not announce Accept-Ranges. The response must \
            have status 200 and a known length, and one range is served. A response that is a range already is passed \
            on as it is.",
        role: Role::Set(|s, v| put(&mut s.force_ranges, on_off(v))),
        ..BASE
    },
    Flag {
        long: "internal-redirect",
        arg: "on|off|FIELD",
        default: "on",
        brief: "follow a local Location inside the gateway",
        manual: "A response of status 200 or of none whose Location (or `FIELD`) begins with one slash is answered by that \
            local path, as RFC 3875 6.2.2 describes it. The client does not notice. With `off` such a Location goes to the \
            client; under `--cgi` that is the default, for the path is one of the server's. A value that begins with two \
            slashes names another host and is never local.",
        role: Role::Set(|s, v| put(&mut s.internal_redirect, internal_redirect(v))),
        ..BASE
    },
    Flag {
        long: "sendfile",
        arg: "on|off|FIELD",
        default: "off",
        brief: "serve the file that X-Sendfile names",
        manual: "Serves the file that the X-Sendfile field (or `FIELD`) names, by its whole path, in place of the response's \
            body. The application's other fields stay; ranges and conditional requests work as for any file. The file must \
            be below one of the `--sendfile-root` directories.",
        role: Role::Set(|s, v| put(&mut s.sendfile, sendfile(v))),
        ..BASE
    },
    Flag {
        long: "sendfile-root",
        arg: "DIRECTORY",
        many: true,
        brief: "files that X-Sendfile may name are below DIRECTORY",
        manual: "X-Sendfile reaches only files below one of these directories; links are followed as below `--root`. For a path \
            elsewhere, and without this flag for every one, the client gets 502; where there is no such file, or a link leads \
            out, 404; for a device or a directory 403. The log says why.",
        role: Role::Set(|s, v| push(&mut s.sendfile_roots, sendfile_root(v))),
        ..BASE
    },
    Flag {
        long: "store",
        arg: "on|off|TEMPLATE",
        default: "off",
        brief: "keep responses as files",
        manual: "Keeps responses as files: with `on` at the place that `--root` or `--alias` gives the path, else at the path \
            that the value gives, which may contain variables; an empty result keeps nothing. Kept are responses to GET of \
            status 200 that came in whole and as long as they said, and only with `--buffering` on. A file appears under its \
            name when it is complete, with the Last-Modified of the response as its time; directories are made as needed. \
            Nothing ever removes it. A response with a Content-Encoding is not kept, for a file could not name it. See `--cache` \
            for responses that are kept for a time; the two exclude each other.\n\n\
            A location that serves files then finds it there. It asks the application for what is missing by \
            `--error-page '404 = /fetch$uri'`, where `--location /fetch/` has `--internal`, `--pass`, `--alias` and \
            `--store on`.",
        role: Role::Set(|s, v| {
            let store = store(v).and_then(|store| alone(store, "cache", s.caches()));
            put(&mut s.store, store)
        }),
        ..BASE
    },
    Flag {
        long: "store-access",
        arg: "WHO:RIGHTS",
        default: "user:rw",
        brief: "access rights of stored files",
        manual: "Access rights of stored files, as in `user:rw group:r all:r`: for `user`, `group` and `all` others `r` or \
            `rw`. The user has `rw` unless the value says otherwise. Directories that are made for them get the same, and may \
            be searched by whoever may read.",
        role: Role::Set(|s, v| put(&mut s.store_access, store_access(v))),
        ..BASE
    },
];
