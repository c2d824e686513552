//! What the application is told: the request and its parameters.

use crate::cli::table::{Flag, ROW, Role, Topic};
use crate::cli::values::{on_off, param, params_max, path_info, push, put};

const BASE: Flag = Flag {
    topic: Topic::Params,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "param",
        arg: "NAME VALUE",
        many: true,
        brief: "add or replace a parameter of the request",
        manual: "Sends the parameter `NAME` with `VALUE`, which may contain variables. A name of the standard set is \
            replaced by it. A third word `if_not_empty` leaves the parameter out when its value is empty. A field of \
            the client never overrides a parameter. A name that begins with HTTP_ takes the place of the client's field \
            of that name; with the value `\"\"` the field is dropped and nothing is sent.\n\n\
            A level with at least one `--param` inherits none from outside. Names may not be CONTENT_LENGTH or SCGI, \
            which are always sent.",
        role: Role::Set(|s, v| push(&mut s.params, param(v))),
        ..BASE
    },
    Flag {
        long: "default-params",
        arg: "on|off",
        default: "on",
        brief: "send the standard set of parameters",
        manual: "Sends REQUEST_METHOD, REQUEST_URI, QUERY_STRING, CONTENT_TYPE, DOCUMENT_URI, DOCUMENT_ROOT, \
            SERVER_PROTOCOL, REQUEST_SCHEME, HTTPS (where it is not empty), REMOTE_ADDR, REMOTE_PORT, SERVER_ADDR, \
            SERVER_PORT, SERVER_NAME, SCRIPT_NAME, PATH_INFO, GATEWAY_INTERFACE, SERVER_SOFTWARE and REMOTE_USER (where \
            `--auth-basic`, or with `--cgi` the server, has checked it). With `off` only what `--param` names is sent. CONTENT_LENGTH always comes first, and \
            SCGI is always there.",
        role: Role::Set(|s, v| put(&mut s.default_params, on_off(v))),
        ..BASE
    },
    Flag {
        long: "path-info",
        arg: "on|off|EXTENSION",
        default: "on",
        brief: "how the path is split into SCRIPT_NAME and PATH_INFO",
        manual: "How the path is split for the application.\n\n\
            * `on`: SCRIPT_NAME is the location's prefix without a slash at its end, PATH_INFO the rest.\n\
            * `off`: neither is sent.\n\
            * `.ext`: one or more extensions, as in `.cgi .py`; SCRIPT_NAME ends with the first path segment that ends \
            in one of them, without regard to case.",
        role: Role::Set(|s, v| put(&mut s.path_info, path_info(v))),
        ..BASE
    },
    Flag {
        long: "params-max",
        arg: "SIZE",
        default: "0",
        brief: "refuse requests whose parameters take more than SIZE",
        manual: "Many applications close the connection without a word when the parameter block is too large for them: \
            rTorrent takes 2000 bytes, uWSGI a little less than 4096. A request over `SIZE` is answered with 431, and the log says why. \
            A second word `trim` first leaves out HTTP_COOKIE, HTTP_USER_AGENT, HTTP_REFERER and every HTTP_ACCEPT \
            field. The value `0` sets no limit.",
        role: Role::Set(|s, v| put(&mut s.params_max, params_max(v))),
        ..BASE
    },
    Flag {
        long: "pass-request-headers",
        arg: "on|off",
        default: "on",
        brief: "pass the client's header fields on",
        manual: "Passes the header fields of the request to the application, as HTTP_ and the name in capitals. Fields \
            that concern the connection alone are never passed on, nor is Proxy. With `off` parameters alone are sent.",
        role: Role::Set(|s, v| put(&mut s.pass_request_headers, on_off(v))),
        ..BASE
    },
    Flag {
        long: "pass-request-body",
        arg: "on|off",
        default: "on",
        brief: "pass the request body on",
        manual: "Passes the body of the request to the application. With `off` its length is announced as 0.",
        role: Role::Set(|s, v| put(&mut s.pass_request_body, on_off(v))),
        ..BASE
    },
    Flag {
        long: "request-buffering",
        arg: "on|off",
        default: "on",
        brief: "read the whole request body before connecting",
        manual: "With `on` the body is read completely, into memory and then into a file below `--temp-path`, before the \
            application is asked; a slow client then holds no worker. With `off` the body is passed on as it \
            arrives. A chunked body is always read first, for SCGI must announce its length.",
        role: Role::Set(|s, v| put(&mut s.request_buffering, on_off(v))),
        ..BASE
    },
];
