//! The cache.

use crate::cli::table::{Flag, HTTP, ROW, Role, Topic};
use crate::cli::values::cache::{
    alone, cache, cache_key, cache_methods, cache_path, cache_valid, conditions, max_range_offset,
    min_uses, rules, status_name, targeted, use_stale,
};
use crate::cli::values::{add, on_off, push, put, time};

const BASE: Flag = Flag {
    topic: Topic::Cache,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "cache",
        arg: "ZONE|off",
        default: "off",
        brief: "keep responses in this cache",
        manual: "Keeps responses in the zone of this name, which a `--cache-path` makes; `off` keeps none. The name may come from \
            variables: an empty result or `off` keeps none, and a name that no zone has is answered with 500.\n\n\
            What may be kept, and for how long, is said by `--cache-rules` and `--cache-valid`. Only whole responses are kept, \
            never one of status 206 and never a Set-Cookie. Nothing is kept where `--buffering` is off unless the response \
            turns it on. What is kept is not subject to `--max-temp-file-size`.\n\n\
            HEAD shares the response of GET, and the application is asked with GET for it, without the client's conditions \
            and ranges. Both are answered here: ranges of any complete response, Accept-Ranges or not, and conditions in the \
            order of RFC 9110. Responses from the cache have an Age field. The variable `$upstream_cache_status` tells what \
            the cache did: `MISS`, `BYPASS`, `EXPIRED`, `STALE`, `UPDATING`, `REVALIDATED` or `HIT`.\n\n\
            `--cache` and `--store` exclude each other on one level; on an inner level either takes the place of the other.",
        role: Role::Set(|s, v| {
            let cache = cache(v).and_then(|cache| alone(cache, "store", s.stores()));
            put(&mut s.cache, cache)
        }),
        ..BASE
    },
    Flag {
        long: "cache-path",
        arg: "DIRECTORY PARAMETER",
        levels: HTTP,
        many: true,
        brief: "make a cache in a directory",
        manual: "Makes a cache whose files are below this directory, which is made where it is missing and must be the cache's \
            own. A relative path begins at the working directory. Parameters follow in the same value:\n\n\
            * `keys_zone=NAME:SIZE`: required: the name for `--cache`, and how much memory the index and the responses held in \
            memory may take together, at least 64k. Small responses are held there and written to the disk about a second \
            later. Where it is full, what nobody has asked for the longest makes room.\n\
            * `levels=1:2`: one to three levels of directories, whose names have 1 or 2 digits. Without it all files are in \
            one directory.\n\
            * `use_temp_path=on|off`: with `on`, the default, incomplete files are in the outermost `--temp-path` where that \
            is on the same file system, else below the directory; with `off` they are beside the place they will have.\n\
            * `inactive=TIME`: what nobody has asked for in this time is removed, fresh or not; 10 minutes.\n\
            * `max_size=SIZE`: how much the files may take, at any time; what nobody has asked for the longest makes room. No limit.\n\
            * `min_free=SIZE`: how much of the file system stays free; 0.\n\
            * `manager_files=N`: how many files are removed at a stretch, at most; 100. `manager_threshold` is how long that \
            may take, 200ms, and `manager_sleep` the pause after it, 50ms.\n\
            * `loader_files=N`: with `loader_threshold` and `loader_sleep` the same for finding what an earlier run has left, \
            which can be served meanwhile.\n\
            * `purger=on|off`: with `on`, files that a purge by wildcard has hit are looked for and removed; with `off`, the \
            default, when they are asked for, or inactive. `purger_files` is 10, `purger_threshold` and `purger_sleep` are 50ms.",
        role: Role::Set(|s, v| push(&mut s.cache_paths, cache_path(v))),
        ..BASE
    },
    Flag {
        long: "cache-key",
        arg: "TEMPLATE",
        default: "$scheme://$host$request_uri",
        brief: "what tells cached responses apart",
        manual: "What tells cached responses apart. Unlike nginx there is a default. All that a response depends on must be in \
            the key, unless the response says so by Vary, whose variants are kept each by itself. The body of a request is \
            not in it, so a GET with a body passes by. `$host` has no port: where the application repeats the one that the client \
            named, `$http_host` belongs in the key. Methods other than GET and HEAD never share a response with these.",
        role: Role::Set(|s, v| put(&mut s.cache_key, cache_key(v))),
        ..BASE
    },
    Flag {
        long: "cache-valid",
        arg: "CODE TIME",
        many: true,
        brief: "how long responses are good",
        manual: "How long responses are good that do not say so themselves: status codes, or `any`, and a time. Without codes it \
            means 200, 301 and 302. A code goes before `any` wherever it stands; of two that name the same code the first \
            holds. The time `0` keeps nothing.\n\n\
            502 and 504 of the gateway itself are remembered for their code's time too, and errors that `--intercept-errors` answers \
            for as long as their responses would be kept.",
        role: Role::Set(|s, v| add(&mut s.cache_valid, cache_valid(v))),
        ..BASE
    },
    Flag {
        long: "cache-methods",
        arg: "METHOD",
        default: "GET HEAD",
        brief: "methods whose responses are kept",
        manual: "Methods whose responses are kept: GET and HEAD, named or not, and POST if it is named. The body is not part of \
            the key; see `--cache-key`.",
        role: Role::Set(|s, v| put(&mut s.cache_post, cache_methods(v))),
        ..BASE
    },
    Flag {
        long: "cache-min-uses",
        arg: "NUMBER",
        default: "1",
        brief: "requests before a response is kept",
        manual: "Keeps the response to the request of this number for a key, and those after it. Requests are counted while \
            the key is in the index.",
        role: Role::Set(|s, v| put(&mut s.cache_min_uses, min_uses(v))),
        ..BASE
    },
    Flag {
        long: "cache-bypass",
        arg: "TEMPLATE",
        many: true,
        brief: "when the cache is not asked",
        manual: "The cache is not asked when one of these templates is neither empty nor `0`. The response may be kept all the \
            same. A value may hold several templates; the value `0` alone cancels those of outer levels.",
        role: Role::Set(|s, v| add(&mut s.cache_bypass, conditions(v))),
        ..BASE
    },
    Flag {
        long: "no-cache",
        arg: "TEMPLATE",
        many: true,
        brief: "when a response is not kept",
        manual: "A response is not kept when one of these templates is neither empty nor `0`, as in `--cache-bypass`. They are \
            evaluated when its head is there, so `$upstream_http_NAME` can be used; also for remembered errors and \
            refreshed responses.",
        role: Role::Set(|s, v| add(&mut s.no_cache, conditions(v))),
        ..BASE
    },
    Flag {
        long: "cache-lock",
        arg: "on|off",
        default: "off",
        brief: "one request at a time fills an entry",
        manual: "Passes one request for a key on at a time while others wait for its response, whether it is new or refreshes an \
            expired one. Where the response turns out not to be kept, all go on together, and later ones do not wait for a while.",
        role: Role::Set(|s, v| put(&mut s.cache_lock, on_off(v))),
        ..BASE
    },
    Flag {
        long: "cache-lock-age",
        arg: "TIME",
        default: "5s",
        brief: "when a second request may fill the entry",
        manual: "When the request that holds the lock has taken this long, one more is passed on to fill the entry.",
        role: Role::Set(|s, v| put(&mut s.cache_lock_age, time(v))),
        ..BASE
    },
    Flag {
        long: "cache-lock-timeout",
        arg: "TIME",
        default: "5s",
        brief: "how long requests wait for the lock",
        manual: "After this time a waiting request is passed on, and its response is not kept. With `0` it does not wait.",
        role: Role::Set(|s, v| put(&mut s.cache_lock_timeout, time(v))),
        ..BASE
    },
    Flag {
        long: "cache-use-stale",
        arg: "CONDITION|off",
        default: "off",
        brief: "when an expired entry is served",
        manual: "When an expired response is served: on an `error` of the connection or for want of a server, a `timeout`, an \
            `invalid_header`, the status `http_500`, `http_503`, `http_403`, `http_404` or `http_429`, or while it is \
            `updating`. The value `off` stands alone.\n\n\
            A response may allow it by stale-while-revalidate and stale-if-error (RFC 5861) for a time; the latter also for \
            500, 502, 503 and 504 of the application.",
        role: Role::Set(|s, v| put(&mut s.cache_use_stale, use_stale(v))),
        ..BASE
    },
    Flag {
        long: "cache-background-update",
        arg: "on|off",
        default: "off",
        brief: "refresh expired entries beside the request",
        manual: "Refreshes an expired response in the background while it is served, where `--cache-use-stale` has `updating` or \
            the response allows it. The client's connection does not wait for that.",
        role: Role::Set(|s, v| put(&mut s.cache_background_update, on_off(v))),
        ..BASE
    },
    Flag {
        long: "cache-revalidate",
        arg: "on|off",
        default: "off",
        brief: "refresh entries by conditional requests",
        manual: "Asks the application for an expired response by If-None-Match and If-Modified-Since. Its 304 makes the response \
            fresh again and brings its fields up to date; a 304 with no-store removes it.",
        role: Role::Set(|s, v| put(&mut s.cache_revalidate, on_off(v))),
        ..BASE
    },
    Flag {
        long: "cache-max-range-offset",
        arg: "SIZE|off",
        default: "off",
        brief: "pass range requests beyond SIZE on",
        manual: "Passes a request for a range that begins at this offset or beyond, or that counts from the end, on as it is, and \
            keeps nothing of the response, where no usable one is kept already. With `0` this holds for every range, with `off` \
            for none: then the whole response is fetched and kept.",
        role: Role::Set(|s, v| put(&mut s.cache_max_range_offset, max_range_offset(v))),
        ..BASE
    },
    Flag {
        long: "cache-purge",
        arg: "TEMPLATE",
        many: true,
        brief: "when a request removes an entry",
        manual: "A request for which one of these templates is neither empty nor `0`, as in `--cache-bypass`, removes what is kept \
            under its key, all variants, and is not passed on: it is answered with 204, or with 404 where there was \
            nothing. A key that ends in `*` removes all that begin like it; their files may stay for a while, see `purger` of \
            `--cache-path`, but are not used. What redirects inside the gateway led to goes with the key that they \
            began with, unless the key has `$uri`; where there may be any, the answer is 204.\n\n\
            Whoever can make the template hold can remove: say by `--deny`, or a `--map` of `$remote_addr`, who may.",
        role: Role::Set(|s, v| add(&mut s.cache_purge, conditions(v))),
        ..BASE
    },
    Flag {
        long: "cache-status",
        arg: "NAME|off",
        default: "off",
        brief: "add a Cache-Status field",
        manual: "Adds a Cache-Status field (RFC 9211) to responses, in which this cache has this name. Those of caches behind it \
            stay before it.",
        role: Role::Set(|s, v| put(&mut s.cache_status, status_name(v))),
        ..BASE
    },
    Flag {
        long: "cache-targeted",
        arg: "FIELD|off",
        brief: "cache control fields meant for this cache",
        manual: "Fields of the response that go before Cache-Control and Expires, the first that is there and valid (RFC 9213). \
            Several names stand in one value. Without it CDN-Cache-Control is obeyed with `--cache-rules rfc9111`, and none \
            with `nginx`.",
        role: Role::Set(|s, v| put(&mut s.cache_targeted, targeted(v))),
        ..BASE
    },
    Flag {
        long: "cache-rules",
        arg: "nginx|rfc9111",
        default: "nginx",
        brief: "which rule book decides what is kept",
        manual: "Which rule book decides what may be kept and used again.\n\n\
            * `nginx`: the time is that of X-Accel-Expires, else Cache-Control (s-maxage, max-age), else Expires, else \
            `--cache-valid`; without one nothing is kept. Not kept are responses with Set-Cookie, with no-cache, no-store or \
            private, and with `Vary: *`. Fields of the request count for nothing but Vary.\n\
            * `rfc9111`: the standard in full: no-cache and must-revalidate, what the request asks for, Authorization, \
            heuristic freshness, and methods such as POST and DELETE, which make what is kept invalid.\n\n\
            With both, `--ignore-headers` takes the effect from a field of the response; an ignored Set-Cookie is left out of \
            what is kept. Unlike nginx both read Cache-Control by its grammar and take the response's Age into account.",
        role: Role::Set(|s, v| put(&mut s.cache_rules, rules(v))),
        ..BASE
    },
];
