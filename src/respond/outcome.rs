//! What is to become of an application's response, once no other server is tried: delivered, or answered by something else.
//! Pure. The order is nginx's (S15), with Apache's two fields behind: error pages, X-Accel-Redirect, X-Sendfile, Location.

use super::course::{Carried, Course};
use super::head::is_hidden;
use crate::config::Scgi;
use crate::config::content::InternalRedirect;
use crate::scgi::decimal;
use crate::scgi::response::{Head, Known};

/// What becomes of a response.
#[derive(Debug)]
pub enum Outcome<'a> {
    Deliver,
    /// `--intercept-errors` (S25).
    ErrorPage,
    /// X-Accel-Redirect, to a local URI or `@name` (S11).
    Accel(&'a [u8]),
    /// A local URI in Location, or in the field that `--internal-redirect` names (RFC 3875 6.2.2, S21).
    Local(&'a [u8]),
    /// X-Sendfile: a file in its place.
    File(&'a [u8]),
}

/// Decides.
pub fn decide<'a>(head: &'a Head, settings: &Scgi, course: &Course) -> Outcome<'a> {
    let status = head.status();
    if settings.intercept_errors && status >= 300 && course.error_page(status).is_some() {
        return Outcome::ErrorPage;
    }
    if !settings.ignore.redirect
        && let Some(target) = head.known_field(Known::AccelRedirect)
    {
        return Outcome::Accel(target);
    }
    if let Some(sendfile) = &settings.sendfile
        && let Some(path) = head.field(&sendfile.field)
    {
        return Outcome::File(path);
    }
    match local(head, settings) {
        Some(target) => Outcome::Local(target),
        None => Outcome::Deliver,
    }
}

/// The target of a local redirect: the status is 200 or was not given, and the value begins with one slash. With two it names
/// another host (Z22, and unlike S22).
fn local<'a>(head: &'a Head, settings: &Scgi) -> Option<&'a [u8]> {
    let value = match &settings.internal_redirect {
        InternalRedirect::Off => return None,
        InternalRedirect::Location => head.known_field(Known::Location)?,
        InternalRedirect::Field(name) => head.field(name)?,
    };
    // A fragment is the client's, who does not notice (X-Accel-Redirect has none: there the sign is a file's).
    let value = value.split(|&b| b == b'#').next().unwrap_or_default();
    let fits = head.status() == 200 || !head.had_status();
    (fits && value.starts_with(b"/") && !value.starts_with(b"//")).then_some(value)
}

/// What goes from a response that is answered by something else into the final one: after X-Accel-Redirect the fields of S14,
/// after a local redirect its cookies, after X-Sendfile all that would be forwarded but what is the file's own. Hidden fields
/// stay hidden (Z59).
pub fn carry(head: &Head, settings: &Scgi, outcome: &Outcome<'_>, carried: &mut Carried) {
    for (known, name, value) in head.known_fields() {
        if known == Known::AccelLimitRate
            && matches!(outcome, Outcome::Accel(_) | Outcome::File(_))
            && !settings.ignore.limit_rate
        {
            carried.limit_rate = decimal::parse(value);
        }
        let goes = match outcome {
            Outcome::Accel(_) => {
                // Accept-Ranges is left out: it says what the final response can do, which that knows better.
                let names: [&[u8]; 3] = [b"set-cookie", b"content-disposition", b"cache-control"];
                matches!(known, Known::ContentType | Known::Expires)
                    || names.iter().any(|n| name.eq_ignore_ascii_case(n))
            }
            Outcome::Local(_) => name.eq_ignore_ascii_case(b"set-cookie"),
            Outcome::ErrorPage => {
                head.status() == 401 && name.eq_ignore_ascii_case(b"www-authenticate")
            }
            Outcome::File(_) => is_of_the_response(known, name, settings),
            Outcome::Deliver => false,
        };
        if !goes || is_hidden(&settings.hidden, name) {
            continue;
        }
        if known == Known::ContentType {
            carried.content_type = Some(value.to_vec());
        } else {
            carried.push(name, value);
        }
    }
}

fn is_of_the_response(known: Known, name: &[u8], settings: &Scgi) -> bool {
    let names: [&[u8]; 2] = [b"content-range", b"accept-ranges"];
    let is_sendfile = settings
        .sendfile
        .as_ref()
        .is_some_and(|sendfile| name.eq_ignore_ascii_case(sendfile.field.as_bytes()));
    match known {
        Known::Status
        | Known::ContentLength
        | Known::TransferEncoding
        | Known::HopByHop
        | Known::Date
        | Known::Server
        | Known::ETag
        | Known::LastModified
        | Known::Location => false,
        _ => !is_sendfile && !names.iter().any(|n| name.eq_ignore_ascii_case(n)),
    }
}
