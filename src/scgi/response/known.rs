//! The fields that mean something to the gateway, found by name once, so that nobody compares names again.

/// What a field of an application's response is to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    Status,
    ContentType,
    ContentLength,
    TransferEncoding,
    Date,
    LastModified,
    ETag,
    Server,
    Location,
    Refresh,
    Expires,
    AccelRedirect,
    AccelExpires,
    AccelLimitRate,
    AccelBuffering,
    AccelCharset,
    /// Connection, Keep-Alive, Proxy-Authenticate, Proxy-Connection, TE, Trailer, Upgrade: about one connection, never forwarded (R26).
    HopByHop,
    Other,
}

impl Known {
    /// The field of this name; case-insensitive. The length decides first, so most names cost one comparison at most.
    pub fn of(name: &[u8]) -> Known {
        let candidates: &[(&[u8], Known)] = match name.len() {
            2 => &[(b"te", Known::HopByHop)],
            4 => &[(b"etag", Known::ETag), (b"date", Known::Date)],
            6 => &[(b"status", Known::Status), (b"server", Known::Server)],
            7 => &[
                (b"expires", Known::Expires),
                (b"refresh", Known::Refresh),
                (b"trailer", Known::HopByHop),
                (b"upgrade", Known::HopByHop),
            ],
            8 => &[(b"location", Known::Location)],
            10 => &[
                (b"connection", Known::HopByHop),
                (b"keep-alive", Known::HopByHop),
            ],
            12 => &[(b"content-type", Known::ContentType)],
            13 => &[(b"last-modified", Known::LastModified)],
            14 => &[(b"content-length", Known::ContentLength)],
            15 => &[
                (b"x-accel-expires", Known::AccelExpires),
                (b"x-accel-charset", Known::AccelCharset),
            ],
            16 => &[
                (b"x-accel-redirect", Known::AccelRedirect),
                (b"proxy-connection", Known::HopByHop),
            ],
            17 => &[
                (b"transfer-encoding", Known::TransferEncoding),
                (b"x-accel-buffering", Known::AccelBuffering),
            ],
            18 => &[
                (b"x-accel-limit-rate", Known::AccelLimitRate),
                (b"proxy-authenticate", Known::HopByHop),
            ],
            _ => &[],
        };
        let found = candidates
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        found.map_or(Known::Other, |(_, known)| *known)
    }

    /// May stand once: the list of R19 and the two framings of R20.
    pub fn is_single(self) -> bool {
        !matches!(
            self,
            Known::AccelBuffering | Known::AccelCharset | Known::HopByHop | Known::Other
        )
    }

    /// A bit of its own in a set of fields.
    pub(super) fn bit(self) -> u32 {
        1 << self as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_only_whole() {
        assert_eq!(Known::of(b"STATUS"), Known::Status);
        assert_eq!(Known::of(b"Content-Length"), Known::ContentLength);
        assert_eq!(Known::of(b"x-accel-LIMIT-rate"), Known::AccelLimitRate);
        assert_eq!(Known::of(b"Keep-Alive"), Known::HopByHop);
        assert_eq!(Known::of(b"Content_Length"), Known::Other);
        assert_eq!(Known::of(b"Statuz"), Known::Other);
        assert_eq!(Known::of(b""), Known::Other);
    }

    #[test]
    fn every_field_has_a_bit_of_its_own() {
        let last = Known::Other as u32;
        assert!(last < u32::BITS);
        assert_ne!(Known::Status.bit(), Known::Location.bit());
    }
}
