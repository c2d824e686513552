//! Host names.

use std::ffi::{CStr, CString};
use std::io;
use std::net::SocketAddr;

/// Why a name gave no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// There is no such name, or it has no address.
    NoSuchName,
    /// It could not be found out; the system's words.
    Other(String),
}

/// `EAI_NODATA` of glibc and musl, which the libc crate does not have: the name exists, but has no address.
const NO_DATA: libc::c_int = -5;

/// Names with more addresses are cut.
const ADDRESSES_MAX: usize = 256;

/// getaddrinfo(3): the addresses of a name for TCP, each once, in the system's order. May take as long as the system's resolver is told to.
///
/// # Errors
/// See [`LookupError`].
pub fn lookup(name: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
    let name = CString::new(name).map_err(|_| LookupError::NoSuchName)?;
    // SAFETY: an addrinfo of zeros is valid: no flags, null pointers.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM;
    let mut list = std::ptr::null_mut();
    // SAFETY: name and hints live through the call, and the list goes to a pointer of ours.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), std::ptr::null(), &hints, &raw mut list) };
    match code {
        0 => {}
        libc::EAI_NONAME | NO_DATA => return Err(LookupError::NoSuchName),
        libc::EAI_SYSTEM => return Err(LookupError::Other(io::Error::last_os_error().to_string())),
        _ => {
            // SAFETY: gai_strerror gives a constant string for any number.
            let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
            return Err(LookupError::Other(text.to_string_lossy().into_owned()));
        }
    }
    let mut found = Vec::new();
    let mut next = list;
    // SAFETY: getaddrinfo has given a list that ends with a null pointer, and it is not freed before the loop has ended.
    while let Some(info) = unsafe { next.as_ref() } {
        next = info.ai_next;
        if let Some(mut address) = address_of(info)
            && found.len() < ADDRESSES_MAX
        {
            address.set_port(port);
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    // SAFETY: the list is getaddrinfo's, and nothing points into it any more.
    unsafe { libc::freeaddrinfo(list) };
    match found.is_empty() {
        true => Err(LookupError::NoSuchName),
        false => Ok(found),
    }
}

/// The address of an entry, if it is one of IP.
fn address_of(info: &libc::addrinfo) -> Option<SocketAddr> {
    let fill = |storage: *mut socket2::SockAddrStorage, len: *mut libc::socklen_t| {
        let size = (info.ai_addrlen as usize).min(size_of::<socket2::SockAddrStorage>());
        if !info.ai_addr.is_null() {
            // SAFETY: getaddrinfo has put ai_addrlen bytes at ai_addr; the storage has room for `size` of them.
            unsafe {
                std::ptr::copy_nonoverlapping(info.ai_addr.cast(), storage.cast::<u8>(), size)
            };
        }
        // SAFETY: socket2 gives a pointer to a length.
        unsafe { *len = size as libc::socklen_t };
        Ok(())
    };
    // SAFETY: `fill` writes the address and its length; the storage was zeroed before.
    let ((), address) = unsafe { socket2::SockAddr::try_init(fill) }.ok()?;
    address.as_socket()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_names_of_themselves() {
        let v4: SocketAddr = "127.0.0.1:9".parse().unwrap();
        let v6: SocketAddr = "[::1]:9".parse().unwrap();
        assert_eq!(lookup("127.0.0.1", 9), Ok(vec![v4]));
        assert_eq!(lookup("::1", 9), Ok(vec![v6]));
    }

    #[test]
    fn a_name_that_can_not_be_is_no_name() {
        assert_eq!(lookup("a\0b", 9), Err(LookupError::NoSuchName));
        assert!(lookup("", 9).is_err());
    }
}
