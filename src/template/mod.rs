//! `$variables`: a template is compiled once, when the command line is read, and evaluated often.
//!
//! This room knows the names of the variables and how they stand in a text. What a variable's value is, only the
//! caller knows: it implements [`Values`]. Pure; may be used by any thread.
#![forbid(unsafe_code)]

mod parse;
pub mod spelling;

pub use parse::TemplateError;

/// One variable, by kind. Names that carry a suffix (`$http_NAME`) hold it lowercased, with `_` where the field has `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Var {
    Args,
    Arg(Box<str>),
    /// Has no name of its own, as SCRIPT_NAME and PATH_INFO.
    AuthType,
    /// REMOTE_USER, but only of whom somebody has checked; has no name of its own either.
    AuthUser,
    BinaryRemoteAddr,
    BodyBytesSent,
    BytesSent,
    Connection,
    ConnectionRequests,
    ContentLength,
    ContentType,
    Cookie(Box<str>),
    Date,
    DocumentRoot,
    DocumentUri,
    Host,
    Hostname,
    Http(Box<str>),
    Https,
    IsArgs,
    Msec,
    OriginalUri,
    Pid,
    ProxyProtocolAddr,
    RealpathRoot,
    RemoteAddr,
    RemotePort,
    RemoteUser,
    Request,
    RequestBodyFile,
    RequestCompletion,
    RequestFilename,
    RequestId,
    RequestLength,
    RequestMethod,
    RequestTime,
    RequestUri,
    Scheme,
    SentHttp(Box<str>),
    ServerAddr,
    ServerName,
    ServerPort,
    ServerProtocol,
    Status,
    TimeIso8601,
    TimeLocal,
    Uri,
    UpstreamAddr,
    UpstreamBytesReceived,
    UpstreamBytesSent,
    UpstreamCacheStatus,
    UpstreamConnectTime,
    UpstreamHeaderTime,
    UpstreamHttp(Box<str>),
    UpstreamRequestMethod,
    UpstreamResponseLength,
    UpstreamResponseTime,
    UpstreamStatus,
    /// SCRIPT_NAME of the standard parameter set; has no name in a template.
    ScriptName,
    /// PATH_INFO of the standard parameter set; has no name in a template.
    PathInfo,
    /// A variable that `--map` defines: its index in the table of maps.
    Map(usize),
}

/// One piece of a compiled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(Box<[u8]>),
    Var(Var),
}

/// A compiled text with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Box<[Part]>,
}

/// Gives the values of variables for one request.
pub trait Values {
    /// Appends the value of `var` to `out`; `false` when the variable is not set (then nothing was appended).
    fn put(&self, var: &Var, out: &mut Vec<u8>) -> bool;
}

impl Template {
    /// Compiles `text`. `map` finds the index of a variable that `--map` defines, by its name without the `$`.
    ///
    /// # Errors
    /// An unknown variable, an unclosed `${`, or a `$` that starts no name.
    pub fn parse(
        text: &str,
        map: &dyn Fn(&str) -> Option<usize>,
    ) -> Result<Template, TemplateError> {
        parse::parse(text, map)
    }

    /// A template that is one variable.
    pub fn var(var: Var) -> Template {
        Template {
            parts: Box::new([Part::Var(var)]),
        }
    }

    /// A template without variables.
    pub fn text(text: &[u8]) -> Template {
        Template {
            parts: if text.is_empty() {
                Box::new([])
            } else {
                Box::new([Part::Text(text.into())])
            },
        }
    }

    /// The value, where it holds no variable.
    pub fn literal(&self) -> Option<&[u8]> {
        match &*self.parts {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends the template's value to `out`; a variable that is not set adds nothing (V13).
    pub fn render(&self, values: &dyn Values, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Var(var) => {
                    values.put(var, out);
                }
            }
        }
    }
}
