//! A request whose response a cache may store (P22, C77): what the client asked on a condition, or in part, is asked as a whole,
//! and on the cache's own condition where it has one.

use super::client::Source;
use super::{EncodeError, Encoded, Params};
use crate::http::request::Request;
use crate::template::{Template, Values, Var};

/// Fields by which a client wants less than all of the response, or none of it.
const CONDITIONS: [&[u8]; 6] = [
    b"if-modified-since",
    b"if-none-match",
    b"if-unmodified-since",
    b"if-match",
    b"range",
    b"if-range",
];

/// The validators of a stored response, sent to learn whether it is still good (P23).
#[derive(Debug, Clone, Copy, Default)]
pub struct Validators<'a> {
    pub etag: Option<&'a [u8]>,
    pub modified: Option<&'a [u8]>,
}

struct Whole<'a> {
    request: &'a Request,
    validators: Validators<'a>,
    /// `--pass-request-headers` lets the client's fields through.
    passes: bool,
}

impl Source for Whole<'_> {
    fn host(&self) -> &str {
        self.request.host()
    }
    fn host_port(&self) -> Option<&str> {
        self.request.host_port()
    }
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let passes = |(name, _): &(&[u8], &[u8])| self.passes && !is_condition(name);
        let ours: [(&[u8], Option<&[u8]>); 2] = [
            (b"If-Modified-Since", self.validators.modified),
            (b"If-None-Match", self.validators.etag),
        ];
        let ours = ours
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        self.request.raw_fields().filter(passes).chain(ours)
    }
    fn is_nominated(&self, name: &[u8]) -> bool {
        !is_condition(name) && self.request.is_nominated(name)
    }
}

fn is_condition(name: &[u8]) -> bool {
    CONDITIONS.iter().any(|c| c.eq_ignore_ascii_case(name))
}

impl Params {
    /// Whether a HEAD that is asked as a GET reaches the application as one: REQUEST_METHOD may be the operator's own (P25).
    pub fn says_get(&self) -> bool {
        let ours = Template::var(Var::UpstreamRequestMethod);
        let get = Template::text(b"GET");
        let method = self.list.iter().find(|p| &*p.name == "REQUEST_METHOD");
        method.is_some_and(|param| param.value == ours || param.value == get)
    }

    /// As [`Params::encode`], for a request whose response may be stored.
    ///
    /// # Errors
    /// As there.
    pub fn encode_whole(
        &self,
        request: &Request,
        validators: Validators<'_>,
        values: &dyn Values,
        content_length: u64,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        let whole = Whole {
            request,
            validators,
            passes: self.pass_headers,
        };
        self.encode_from(&whole, values, (content_length, true), out)
    }
}
