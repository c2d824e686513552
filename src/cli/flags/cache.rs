//! The cache.

use crate::cli::table::{Flag, HTTP, ROW, Topic};

const BASE: Flag = Flag {
    topic: Topic::Cache,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "cache",
        arg: "ZONE",
        default: "off",
        brief: "keep responses in this cache",
        manual: "Keeps responses in the cache of this name; `off` keeps none. The name may come from variables.",
        ..BASE
    },
    Flag {
        long: "cache-path",
        arg: "DIRECTORY PARAMETER",
        levels: HTTP,
        many: true,
        brief: "make a cache in a directory",
        manual: "Makes a cache in a directory. The parameter `keys_zone=NAME:SIZE` is required; `levels`, \
            `use_temp_path`, `inactive`, `max_size`, `min_free` and those of the manager, the loader and the purger may \
            follow.",
        ..BASE
    },
    Flag {
        long: "cache-key",
        arg: "TEMPLATE",
        default: "$scheme://$host$request_uri",
        brief: "what tells cached responses apart",
        manual: "What tells cached responses apart.",
        ..BASE
    },
    Flag {
        long: "cache-valid",
        arg: "CODE TIME",
        many: true,
        brief: "how long responses are good",
        manual: "How long responses of these status codes (or of `any`) are good.",
        ..BASE
    },
    Flag {
        long: "cache-methods",
        arg: "METHOD",
        default: "GET HEAD",
        brief: "methods whose responses are kept",
        manual: "Methods whose responses are kept.",
        ..BASE
    },
    Flag {
        long: "cache-min-uses",
        arg: "NUMBER",
        default: "1",
        brief: "requests before a response is kept",
        manual: "After how many requests a response is kept.",
        ..BASE
    },
    Flag {
        long: "cache-bypass",
        arg: "TEMPLATE",
        many: true,
        brief: "when the cache is not asked",
        manual: "The cache is not asked when one of these templates is neither empty nor `0`.",
        ..BASE
    },
    Flag {
        long: "no-cache",
        arg: "TEMPLATE",
        many: true,
        brief: "when a response is not kept",
        manual: "A response is not kept when one of these templates is neither empty nor `0`.",
        ..BASE
    },
    Flag {
        long: "cache-lock",
        arg: "on|off",
        default: "off",
        brief: "one request at a time fills an entry",
        manual: "Lets one request at a time fill an entry while others wait for it.",
        ..BASE
    },
    Flag {
        long: "cache-lock-age",
        arg: "TIME",
        default: "5s",
        brief: "when a second request may fill the entry",
        manual: "After this time one more request is passed on to fill the entry.",
        ..BASE
    },
    Flag {
        long: "cache-lock-timeout",
        arg: "TIME",
        default: "5s",
        brief: "how long requests wait for the lock",
        manual: "After this time a waiting request is passed on, and its response is not kept.",
        ..BASE
    },
    Flag {
        long: "cache-use-stale",
        arg: "CONDITION",
        default: "off",
        brief: "when an expired entry is served",
        manual: "In which cases an expired entry is served: `error`, `timeout`, `invalid_header`, `updating`, `http_500`, \
            `http_503`, `http_403`, `http_404`, `http_429` or `off`.",
        ..BASE
    },
    Flag {
        long: "cache-background-update",
        arg: "on|off",
        default: "off",
        brief: "refresh expired entries beside the request",
        manual: "Refreshes an expired entry in the background while it is served.",
        ..BASE
    },
    Flag {
        long: "cache-revalidate",
        arg: "on|off",
        default: "off",
        brief: "refresh entries by conditional requests",
        manual: "Refreshes expired entries by conditional requests.",
        ..BASE
    },
    Flag {
        long: "cache-max-range-offset",
        arg: "SIZE",
        brief: "pass range requests beyond SIZE on",
        manual: "Range requests that begin beyond this offset are passed on, and the response is not kept.",
        ..BASE
    },
    Flag {
        long: "cache-purge",
        arg: "TEMPLATE",
        many: true,
        brief: "when a request removes an entry",
        manual: "A request for which one of these templates is neither empty nor `0` removes the entry of its key.",
        ..BASE
    },
    Flag {
        long: "cache-status",
        arg: "NAME",
        default: "off",
        brief: "add a Cache-Status field",
        manual: "Adds a Cache-Status field (RFC 9211) under this name.",
        ..BASE
    },
    Flag {
        long: "cache-targeted",
        arg: "FIELD",
        brief: "cache control fields meant for this cache",
        manual: "Fields of RFC 9213 that go before Cache-Control.",
        ..BASE
    },
    Flag {
        long: "cache-rules",
        arg: "nginx|rfc9111",
        default: "nginx",
        brief: "which rule book decides what is kept",
        manual: "Which rule book decides what may be kept and used again.",
        ..BASE
    },
];
