//! From an HTTP request to an SCGI netstring (rules P1 to P47 and Z1 to Z7).

use crate::http::request::Request;
use crate::template::{Template, Values};

/// One parameter that the operator or the standard set defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// The name, as it goes to the application.
    pub name: Box<str>,
    pub value: Template,
    /// Leave the pair out when the value is empty.
    pub if_not_empty: bool,
}

/// What becomes of a block that is larger than `--params-max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamsMax {
    /// Bytes of the header block.
    pub size: usize,
    /// Leave out HTTP_COOKIE, HTTP_USER_AGENT, HTTP_REFERER and HTTP_ACCEPT* first.
    pub trim: bool,
}

/// How the requests of one location are encoded. Built once.
#[derive(Clone, Debug)]
pub struct Params {
    list: Vec<Param>,
    pass_headers: bool,
    max: Option<ParamsMax>,
}

/// Why a request could not be encoded.
#[derive(Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The block would have this many bytes, which is over `--params-max`: 431.
    TooLarge { size: usize, max: usize },
    /// A NUL in the value of this name: 400.
    Nul(Box<str>),
}

impl Params {
    /// `list` in order of sending, names already unique and without CONTENT_LENGTH and SCGI, which are always sent.
    pub fn new(list: Vec<Param>, pass_headers: bool, max: Option<ParamsMax>) -> Params {
        Params {
            list,
            pass_headers,
            max,
        }
    }

    /// The parameters, in order of sending.
    pub fn list(&self) -> &[Param] {
        &self.list
    }

    /// Appends the whole netstring (length, block, comma) to `out`; the body follows it on the wire.
    /// Returns the bytes of the block.
    pub fn encode(
        &self,
        _request: &Request,
        _values: &dyn Values,
        _content_length: u64,
        _out: &mut Vec<u8>,
    ) -> Result<usize, EncodeError> {
        let _ = (self.pass_headers, self.max);
        todo!()
    }
}
