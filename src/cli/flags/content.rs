//! Content and access.

use crate::cli::table::{Flag, HTTP, LOCATION, ROW, Role, SERVER_LOCATION, Topic};
use crate::cli::values::content::{
    add_header, answer, auth_basic, auto_redirect, error_page, map, media_type, root, status_page,
};
use crate::cli::values::{push, put, who};

const BASE: Flag = Flag {
    topic: Topic::Content,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "root",
        arg: "DIRECTORY",
        brief: "serve the files below DIRECTORY; the document root",
        manual: "The directory that the server's paths are looked up in, and the value of DOCUMENT_ROOT and `$document_root`. It \
            may contain variables.\n\n\
            A location without `--pass`, `--return` and `--status` serves the files below it to GET and HEAD, with ETag and \
            Last-Modified, conditional requests, and ranges. A path that ends in a slash stands for the index.html in \
            that directory; there are no listings. A path that is a directory but lacks the slash is redirected to the one with \
            it. Relative symbolic links are followed as long as they stay below the directory (before Linux 5.6 none is). \
            What leads out of it, and what is no plain file, is refused.",
        role: Role::Set(|s, v| root(&mut s.root, v, false)),
        ..BASE
    },
    Flag {
        long: "alias",
        arg: "DIRECTORY",
        levels: LOCATION,
        brief: "directory that stands for the location's prefix",
        manual: "As `--root`, but the directory stands for the location's prefix: with `--location /i/` and `--alias /data/` \
            the path /i/top.gif is the file /data/top.gif. In an exact location it is the file itself. It takes the \
            place of an outer `--root`; on one level the two exclude each other.",
        role: Role::Set(|s, v| root(&mut s.root, v, true)),
        ..BASE
    },
    Flag {
        long: "internal",
        levels: LOCATION,
        brief: "the location is reached from inside only",
        manual: "Answers requests from outside with 404; the location is reached by redirects inside the gateway: error pages, \
            X-Accel-Redirect and `--internal-redirect`. Named locations are always so.",
        role: Role::Set(|s, _| {
            s.internal = true;
            Ok(())
        }),
        ..BASE
    },
    Flag {
        long: "error-page",
        arg: "CODE TARGET",
        many: true,
        brief: "what to answer in place of an error",
        manual: "Answers errors with these status codes, 300 to 599 but not 499, with another page. The last word of the value \
            is the target:\n\n\
            * `/path`: a path of the same server, which may contain variables, by GET (HEAD for HEAD).\n\
            * `@name`: a named location, with the method and the path of the request.\n\
            * `URL`: the client is sent there with 302. A target that begins with a variable is one too.\n\n\
            The status stays that of the error. A word `=CODE` before the target sets another, which for a URL is 301, 302, \
            303, 307 or 308; a word `=` takes the one that the target's own answer has. As in `404 =200 /empty.gif`, \
            `502 504 @down` or `404 = /fetch$uri`.\n\n\
            It holds for the gateway's own errors, and with `--intercept-errors` for those of applications. An error while \
            an error page is made is not replaced again.",
        role: Role::Set(|s, v| push(&mut s.error_pages, error_page(v))),
        ..BASE
    },
    Flag {
        long: "return",
        arg: "CODE TEXT",
        levels: SERVER_LOCATION,
        brief: "answer every request so",
        manual: "Answers every request with this status, 200 to 599, and this text, which may contain variables; without a text \
            errors get their usual page. With 301, 302, 303, 307 and 308 the text is the URL that the client is sent to. A \
            URL alone means 302. The status 444 closes the connection without an answer. A text with blanks stands in \
            quotes inside the value, as in `200 \"all is well\"`.\n\n\
            In a server it goes before all locations.",
        role: Role::Set(|s, v| put(&mut s.answer, answer(v))),
        ..BASE
    },
    Flag {
        long: "add-header",
        arg: "NAME VALUE",
        many: true,
        brief: "add a field to responses",
        manual: "Adds a field to responses of status 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308; a third word `always` \
            adds it to all. The value may contain variables; where it comes out empty the field is left out. A level with at \
            least one of them inherits none from outside. Of fields that a response has but once, such as Server and ETag, it \
            takes the place. Fields about the connection and the length of a message cannot be set.",
        role: Role::Set(|s, v| push(&mut s.add_headers, add_header(v))),
        ..BASE
    },
    Flag {
        long: "default-type",
        arg: "TYPE",
        default: "text/plain",
        brief: "media type of files of unknown kind",
        manual: "The media type of files whose name says nothing about it, and of the texts of `--return`.",
        role: Role::Set(|s, v| put(&mut s.default_type, media_type(v))),
        ..BASE
    },
    Flag {
        long: "map",
        arg: "SOURCE NAME RULES",
        levels: HTTP,
        many: true,
        brief: "define a variable by another's value",
        manual: "Defines the variable that the second word names, with its `$`. After it stand values and results in turn. The \
            variable has the result of the value that the first word, a text with variables, comes out as, without regard to \
            case; else that of the value `default`, and without one it is empty. Results may contain variables. As in \
            `$http_host $app example.org unix:/run/a.sock default unix:/run/b.sock`.\n\n\
            A backslash before a value takes away what it means otherwise: `\\default` is the word itself. A map may use those \
            that stand before it; all other flags may use every map, wherever it stands. There are no regular expressions.",
        role: Role::Set(|s, v| push(&mut s.maps, map(v))),
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
        role: Role::Set(|s, v| push(&mut s.access, who(v).map(|who| (true, who)))),
        ..BASE
    },
    Flag {
        long: "deny",
        arg: "WHO",
        many: true,
        brief: "answer these clients with 403",
        manual: "Answers clients with 403. See `--allow`.",
        role: Role::Set(|s, v| push(&mut s.access, who(v).map(|who| (false, who)))),
        ..BASE
    },
    Flag {
        long: "auth-basic",
        arg: "REALM FILE",
        default: "off",
        brief: "ask for a name and a password",
        manual: "Lets in only clients that give a name and its password (HTTP Basic, RFC 7617); others are answered with 401. REALM, \
            which may contain variables, is what they show to their user. FILE has a line for each user, `NAME:HASH`, as \
            `htpasswd -B` makes them: bcrypt, or SHA-crypt as of `openssl passwd -6`. Hashes of other kinds are not safe, and those that \
            would take minutes to check are not checked: such users are warned of and can not log in. With `off` \
            everybody is let in.\n\n\
            Clients that `--allow` and `--deny` keep out are not asked, and `--return` answers without asking. The application has \
            the name in REMOTE_USER, and `Basic` in AUTH_TYPE; it does not get HTTP_AUTHORIZATION unless `--param` sets that.\n\n\
            Passwords are checked by a thread of its own. A right one is remembered for a minute, a wrong one for five seconds, until \
            the file changes, which is seen within a second, or SIGHUP comes. A file that can not be read any more lets nobody in. \
            64 checks may wait, 16 of one client address; beyond, the answer is 503. Who was right before goes first. Where an application sends a request on to a location with a password, its worker waits; for guesses at most half of the workers do, and the answer is 503 beyond.\n\n\
            Names and passwords are not encrypted on their way: outside of a network that you trust, put TLS in front.",
        role: Role::Set(|s, v| put(&mut s.auth_basic, auth_basic(v))),
        ..BASE
    },
    Flag {
        long: "auto-redirect",
        arg: "on|off|default",
        levels: LOCATION,
        default: "default",
        brief: "redirect to the path with a slash at its end",
        manual: "Redirects a request for the location's prefix without its last slash to the prefix itself, by 301, with \
            the query and without scheme and host. With `default` this is done in locations whose prefix ends in a slash and whose `--pass` holds no \
            variables; with `on` in any whose prefix ends in a slash. An exact location for the path goes before it.",
        role: Role::Set(|s, v| put(&mut s.auto_redirect, auto_redirect(v))),
        ..BASE
    },
    Flag {
        long: "status",
        arg: "on|off|writable",
        levels: LOCATION,
        default: "off",
        brief: "answer with the state of the program",
        manual: "Answers with the state of the program: connections, requests, the queue, the workers, and the servers of \
            every group. It is a page to look at; with `?format=json`, or where the client's Accept asks for it, JSON; and with \
            `?format=prometheus` text for Prometheus.\n\n\
            With `writable` a POST may give orders about a server of a group: the form's `group` and `server` name it, and \
            its `action` is `drain`, after which only clients bound to the server reach it, `down`, after which none does, or \
            `revive`. Only clients that an `--allow` names may do so: that no rule forbids it is not enough. Put such a location \
            under a `--server` with a name, and let another be the default of its address: a foreign page whose name was made \
            to lead here can then not give orders through the browser of a client that is let in.",
        role: Role::Set(|s, v| put(&mut s.status, status_page(v))),
        ..BASE
    },
];
