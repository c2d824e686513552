//! What a location answers with besides an application's response: files, error pages, redirects, added fields, maps.

use std::path::PathBuf;

use super::access::Who;
use crate::template::Template;

/// Settings about content, of a location or of a server before a request has named one.
#[derive(Debug, Clone)]
pub struct Content {
    /// `--root` or `--alias`; `None`: no files, and no DOCUMENT_ROOT.
    pub root: Option<Root>,
    pub error_pages: Vec<ErrorPage>,
    pub add_headers: Vec<AddHeader>,
    /// Media type of files whose name says nothing.
    pub default_type: String,
}

/// `--root DIRECTORY`, or `--alias DIRECTORY`, which stands for the location's prefix.
#[derive(Debug, Clone)]
pub struct Root {
    pub dir: Template,
    pub alias: bool,
}

/// `--error-page`: one, for several codes.
#[derive(Debug, Clone)]
pub struct ErrorPage {
    /// 300 to 599, never 499.
    pub codes: Vec<u16>,
    pub status: PageStatus,
    pub target: PageTarget,
}

/// The status the client gets with an error page (S29).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStatus {
    /// The original code.
    Keep,
    /// `=CODE`.
    Set(u16),
    /// `=`: the status of the target's own processing.
    Target,
}

/// Where an error page comes from (S28).
#[derive(Debug, Clone)]
pub enum PageTarget {
    /// A local URI, for an internal redirect.
    Uri(Template),
    /// `@name`.
    Named(String),
    /// An absolute URL: the client is redirected.
    Url(Template),
}

/// `--add-header`.
#[derive(Debug, Clone)]
pub struct AddHeader {
    pub name: String,
    pub value: Template,
    /// With every status, not only with 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308.
    pub always: bool,
}

/// `--return`.
#[derive(Debug, Clone)]
pub struct Return {
    /// 444 closes the connection without an answer, as in nginx.
    pub status: u16,
    /// For 301, 302, 303, 307 and 308 the Location, else the body; `None`: the page of the status.
    pub text: Option<Template>,
}

/// `--map`: a variable whose value follows from that of a template.
#[derive(Debug, Clone)]
pub struct Map {
    pub source: Template,
    /// Lowercased value to result, sorted by value. The comparison ignores case, as in nginx.
    pub entries: Vec<(String, Template)>,
    /// `default`; empty without it.
    pub default: Template,
}

/// `--real-ip-from` and `--real-ip-header`.
#[derive(Debug, Clone)]
pub struct RealIp {
    /// Peers that are believed.
    pub from: Vec<Who>,
    pub header: RealIpHeader,
}

/// Where the client's own address stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealIpHeader {
    /// A field: its last address (X-Forwarded-For and others alike).
    Field(String),
    /// The PROXY protocol's head of the connection.
    ProxyProtocol,
}

/// `--internal-redirect`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternalRedirect {
    Off,
    /// `on`: Location.
    Location,
    /// Another field, lowercased.
    Field(String),
}

/// `--store`.
#[derive(Debug, Clone)]
pub enum Store {
    /// At the place that root or alias gives the path.
    On,
    At(Template),
}

/// `--store` with `--store-access`: modes of files; directories get search permission wherever read is granted.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub place: Store,
    /// As of chmod(2): 0600 for `user:rw`.
    pub mode: u32,
}

/// `--sendfile` with `--sendfile-root`.
#[derive(Debug, Clone)]
pub struct SendFile {
    /// The field, lowercased: `x-sendfile`.
    pub field: String,
    pub roots: Vec<PathBuf>,
}

/// `--next-upstream`: which conditions move a request on to the next server (N1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextUpstream {
    pub error: bool,
    pub timeout: bool,
    pub invalid_header: bool,
    pub http_500: bool,
    pub http_503: bool,
    pub http_403: bool,
    pub http_404: bool,
    pub http_429: bool,
    pub non_idempotent: bool,
}

impl Default for NextUpstream {
    /// `error timeout`.
    fn default() -> NextUpstream {
        NextUpstream {
            error: true,
            timeout: true,
            ..NextUpstream::OFF
        }
    }
}

impl NextUpstream {
    /// `off`.
    pub const OFF: NextUpstream = NextUpstream {
        error: false,
        timeout: false,
        invalid_header: false,
        http_500: false,
        http_503: false,
        http_403: false,
        http_404: false,
        http_429: false,
        non_idempotent: false,
    };

    /// Whether this status of an application's response is listed.
    pub fn lists(&self, status: u16) -> bool {
        match status {
            500 => self.http_500,
            503 => self.http_503,
            403 => self.http_403,
            404 => self.http_404,
            429 => self.http_429,
            _ => false,
        }
    }
}

impl ErrorPage {
    /// A named location gets the request as it is, with its body.
    pub fn keeps_body(&self) -> bool {
        matches!(self.target, PageTarget::Named(_))
    }
}

impl Default for Content {
    fn default() -> Content {
        Content {
            root: None,
            error_pages: Vec::new(),
            add_headers: Vec::new(),
            default_type: "text/plain".into(),
        }
    }
}

impl Content {
    /// The error page for a status, the first that names it.
    pub fn error_page(&self, status: u16) -> Option<&ErrorPage> {
        self.error_pages
            .iter()
            .find(|page| page.codes.contains(&status))
    }
}
