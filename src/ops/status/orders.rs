//! POST to a writable status page: who may give an order, and what the form must look like.
//!
//! An order changes who serves the site, so it takes more than to be let in: an `--allow` rule must name the client, and the
//! form must come from this page, not from a page of somebody else that the operator's browser has open (a browser says so
//! in Origin and Sec-Fetch-Site, which no script can change).
#![forbid(unsafe_code)]

use super::{Act, Format, MAX_FORM, StatusAnswer, made, refresh, refusal};
use crate::http::fields::trim;
use crate::http::request::Request;
use crate::http::uri;
use crate::upstream::view::Order;

/// Carries out the order of a form, or says why not.
pub fn take(
    request: &Request,
    body: &[u8],
    format: Format,
    allowed_explicitly: bool,
    act: Act<'_>,
) -> StatusAnswer {
    let order = check_sender(request, allowed_explicitly).and_then(|()| read(request, body));
    let done = order
        .and_then(|order| act(&order.group, &order.server, order.order).map_err(|why| (404, why)));
    match done {
        Err((status, why)) => refusal(format, status, &why),
        Ok(()) if format == Format::Html => {
            let mut answer = made(format.content_type(), 303, Vec::new());
            answer.fields.push(("Location", back(request)));
            answer
        }
        Ok(()) => made(
            Format::Json.content_type(),
            200,
            b"{\"ok\":true}\n".to_vec(),
        ),
    }
}

/// A status and a sentence.
type Refusal = (u16, String);

fn no(status: u16, why: &str) -> Refusal {
    (status, why.into())
}

/// Whether this client may give orders, and means to.
fn check_sender(request: &Request, allowed_explicitly: bool) -> Result<(), Refusal> {
    if !allowed_explicitly {
        return Err(no(
            403,
            "Orders are taken from clients only that an --allow rule of this location names.",
        ));
    }
    let own = |value: &[u8]| value == b"same-origin" || value == b"none";
    if !request.fields_named("sec-fetch-site").all(own) {
        return Err(no(403, "This form was sent by a page of another site."));
    }
    let host = request.field("host").unwrap_or_default();
    if !request
        .fields_named("origin")
        .all(|origin| is_of(origin, host))
    {
        return Err(no(
            403,
            "This form was sent by a page of another site: Origin and Host differ. A proxy in front of this one has to pass \
             the Host field on as it came.",
        ));
    }
    Ok(())
}

/// Whether an origin is the host that was asked. Only the scheme is not compared: TLS may end in front of us.
fn is_of(origin: &[u8], host: &[u8]) -> bool {
    let (name, port): (_, &[u8]) = match origin {
        [b'h', b't', b't', b'p', b':', b'/', b'/', name @ ..] => (name, b":80"),
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', name @ ..] => (name, b":443"),
        _ => return false, // `null` as well: a page without an origin
    };
    let bare = |host: &'_ [u8]| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    !name.is_empty() && bare(name) == bare(host)
}

/// An order as the form gives it.
#[derive(Debug)]
struct Form {
    group: String,
    server: String,
    order: Order,
}

fn read(request: &Request, body: &[u8]) -> Result<Form, Refusal> {
    let kind = request.field("content-type").unwrap_or_default();
    let kind = trim(kind.split(|b| *b == b';').next().unwrap_or_default());
    if !kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        return Err(no(
            415,
            "An order is a form: its Content-Type is application/x-www-form-urlencoded.",
        ));
    }
    if body.len() > MAX_FORM {
        return Err(no(413, "The form is longer than any order."));
    }
    parse(body).map_err(|why| no(400, why))
}

/// `group=NAME&server=ADDRESS&action=drain|down|revive`: each once, in any order, and nothing else.
fn parse(body: &[u8]) -> Result<Form, &'static str> {
    let (mut group, mut server, mut action) = (None, None, None);
    for pair in body.split(|b| *b == b'&') {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let place = match halves.next() {
            Some(b"group") => &mut group,
            Some(b"server") => &mut server,
            Some(b"action") => &mut action,
            _ => return Err("The form has a field that is none of group, server and action."),
        };
        let value = halves.next().and_then(decode);
        let value = value.ok_or("The form has a value that is not text, percent-encoded.")?;
        if place.replace(value).is_some() {
            return Err("The form has a field twice.");
        }
    }
    let order = match action.as_deref() {
        Some("drain") => Order::Drain,
        Some("down") => Order::Down,
        Some("revive") => Order::Revive,
        _ => return Err("The action is one of drain, down and revive."),
    };
    match (group, server) {
        (Some(group), Some(server)) => Ok(Form {
            group,
            server,
            order,
        }),
        _ => Err("The form names no group or no server."),
    }
}

/// A value: `+` is a space, `%XX` a byte; UTF-8 without NUL.
fn decode(value: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = value
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    String::from_utf8(uri::decode(&spaced).ok()?).ok()
}

/// The way from the form back to the page, relative to it: whatever prefix a proxy in front has taken off stays right. The
/// last segment is taken as it was sent, and `./` keeps it from being read as anything but a path.
fn back(request: &Request) -> String {
    let target = request.target();
    let path = target.split(|b| *b == b'?').next().unwrap_or_default();
    let last = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let mut place = format!("./{}", String::from_utf8_lossy(last));
    if let Some(seconds) = refresh(request.query()) {
        place.push_str(&format!("?refresh={seconds}"));
    }
    place
}
