//! stub
use super::{Entry, key::Hash, zone::Zone};
#[derive(Debug)]
pub enum OpenError {
    Missing,
    Collision,
    Damaged(&'static str),
    Io(std::io::Error),
}
impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
pub fn open(_zone: &Zone, _hash: &Hash, _key: &[u8]) -> Result<(Entry, u64), OpenError> {
    Err(OpenError::Missing)
}
pub fn purge(_zone: &Zone, _hash: &Hash) -> std::io::Result<bool> {
    Ok(false)
}
pub fn save_rules(_zone: &Zone) -> std::io::Result<()> {
    Ok(())
}
pub fn renew(
    _place: &super::zone::Ticket,
    _old: &Entry,
    _new: &std::sync::Arc<Entry>,
    _head: &[u8],
) -> std::io::Result<()> {
    Ok(())
}
