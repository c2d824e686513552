//! `--allow` and `--deny`: rules in order, the first that matches decides; none matching allows.

use std::net::IpAddr;

/// Who the rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    All,
    Unix,
    Net(IpAddr, u8),
}

/// The rules of one location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// (allow, who), in order.
    pub rules: Vec<(bool, Who)>,
}

impl AccessRules {
    /// `None` is a client on a Unix socket.
    pub fn allows(&self, _client: Option<IpAddr>) -> bool {
        todo!()
    }
}
