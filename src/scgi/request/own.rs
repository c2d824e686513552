//! A request of the gateway's own: no client asks (`--health`).

use super::client::Source;
use super::{EncodeError, Encoded, Params};
use crate::template::Values;

/// What the gateway calls itself.
const AGENT: (&[u8], &[u8]) = (b"User-Agent", b"scgate-health");

struct Own<'a>(&'a str);

impl Source for Own<'_> {
    fn host(&self) -> &str {
        self.0
    }
    fn host_port(&self) -> Option<&str> {
        None
    }
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        std::iter::once(AGENT)
    }
    fn is_nominated(&self, _: &[u8]) -> bool {
        false
    }
}

impl Params {
    /// As [`Params::encode`], for a request without a body to `host` that no client makes.
    ///
    /// # Errors
    /// As there.
    pub fn encode_own(
        &self,
        host: &str,
        values: &dyn Values,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        self.encode_from(&Own(host), values, (0, true), out)
    }
}
