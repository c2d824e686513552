//! Status codes and their reason phrases (RFC 9110 15).

/// The reason phrase of `status`, empty where none is registered.
pub fn reason(_status: u16) -> &'static str {
    todo!()
}
