//! Short pages for responses of our own: errors, and redirects.
//!
//! A page says what happened in one plain line and, where there is one, a short code of the cause, so that whoever sees
//! it can tell the operator what to look for. It names no version, no path and nothing that the client sent.

use super::head::{self, Ask};
use crate::http::status;
use crate::ops::escape::Out;

/// One response of our own, with a body that says why.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    pub status: u16,
    /// A short code for the operator: `ENOENT`.
    pub cause: Option<&'a str>,
    /// Seconds, for Retry-After.
    pub retry_after: Option<u32>,
    /// Fields that belong to this status: Allow, Location, WWW-Authenticate. Names and values are clean.
    pub fields: &'a [(&'a str, &'a [u8])],
    /// Further ones, as whole lines.
    pub lines: &'a [u8],
    pub keep_alive: bool,
    /// 0 or 1.
    pub minor_version: u8,
    pub is_head: bool,
    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub date: &'a str,
    /// The client wants JSON: see [`wants_json`].
    pub json: bool,
}

/// Whether a request with this Accept field gets JSON: it names `application/json` and not `text/html`. Browsers and
/// clients that send `*/*` get HTML.
pub fn wants_json(accept: Option<&[u8]>) -> bool {
    accept.is_some_and(|accept| {
        contains(accept, b"application/json") && !contains(accept, b"text/html")
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

impl Page<'_> {
    /// Appends head and body to `out`. Returns the bytes of body, 0 where none is sent (HEAD, 204, 205, 304).
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let body = self.body();
        self.write_head(body.len(), out);
        if self.is_head || head::is_bodyless(self.status) {
            return 0;
        }
        out.extend_from_slice(&body);
        body.len()
    }

    fn write_head(&self, body_len: usize, out: &mut Vec<u8>) {
        let seconds = self.retry_after.map(|seconds| seconds.to_string());
        let mut fields = self.fields.to_vec();
        if let Some(seconds) = &seconds {
            fields.push(("Retry-After", seconds.as_bytes()));
        }
        let ask = Ask {
            is_head: self.is_head,
            minor_version: self.minor_version,
            keep_alive: self.keep_alive,
            date: self.date,
        };
        let content_type = if self.json {
            "application/json"
        } else {
            "text/html; charset=utf-8"
        };
        head::own(
            self.status,
            Some(content_type.as_bytes()),
            body_len as u64,
            (&fields, self.lines),
            &ask,
            out,
        );
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Out(Vec::with_capacity(ROOM));
        if self.json {
            self.write_json(&mut body)
        } else {
            self.write_html(&mut body)
        }
        body.0
    }

    fn write_html(&self, body: &mut Out) {
        body.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>");
        self.write_title(body);
        body.raw("</title>\n<style>body{font:1rem/1.5 sans-serif;max-width:36em;margin:4em auto;padding:0 1em}</style></head>\n");
        body.raw("<body>\n<h1>");
        self.write_title(body);
        body.raw("</h1>\n<p>")
            .raw(explanation(self.status))
            .raw("</p>\n");
        if let Some(cause) = self.cause {
            body.raw("<p>Cause: <code>").text(cause.as_bytes());
            body.raw("</code></p>\n");
        }
        body.raw("<hr><p><small>scgate</small></p>\n</body>\n</html>\n");
    }

    /// `502 Bad Gateway`, or the number alone.
    fn write_title(&self, body: &mut Out) {
        body.number(self.status.into());
        let reason = status::reason(self.status);
        if !reason.is_empty() {
            body.raw(" ").raw(reason);
        }
    }

    fn write_json(&self, body: &mut Out) {
        body.raw("{").key(b"status").number(self.status.into());
        let reason = status::reason(self.status);
        body.key(b"reason").string(reason.as_bytes());
        if let Some(cause) = self.cause {
            body.key(b"cause").string(cause.as_bytes());
        }
        body.raw("}\n");
    }
}

/// What a page usually takes.
const ROOM: usize = 512;

/// One plain line for whoever sees the page, who is seldom the one to mend it.
fn explanation(status: u16) -> &'static str {
    match status {
        400 => "The server could not understand the request.",
        401 => "This page asks for a name and a password.",
        403 => "Access to this page is not allowed.",
        404 => "There is no such page on this server.",
        405 => "This page cannot be used in this way.",
        408 => "The request took too long to arrive.",
        411 => "The request has to announce its length.",
        413 => "The request is larger than this server accepts.",
        414 => "The address is longer than this server accepts.",
        431 => "The fields of the request are larger than this server or the application accepts.",
        429 | 503 => "The server is busy. Please try again in a moment.",
        501 => "The server does not know how to do this.",
        502 => "The application behind this server did not give a usable answer.",
        504 => "The application behind this server took too long to answer.",
        505 => "The server does not speak this version of HTTP.",
        _ => match status / 100 {
            3 => "The page is to be found at another address.",
            4 => "The server cannot answer this request.",
            5 => "Something went wrong on this server.",
            _ => "",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page<'static> = Page {
        status: 502,
        cause: Some("ENOENT"),
        retry_after: None,
        fields: &[],
        lines: &[],
        keep_alive: true,
        minor_version: 1,
        is_head: false,
        date: "Sun, 06 Nov 1994 08:49:37 GMT",
        json: false,
    };

    /// Head and body, of which the length has been checked.
    fn written(page: &Page<'_>) -> (String, String) {
        let mut out = Vec::new();
        let body_len = page.write(&mut out);
        let text = String::from_utf8(out).expect("pages are UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a blank line");
        assert_eq!(body.len(), body_len);
        if body_len > 0 {
            assert!(head.contains(&format!("Content-Length: {body_len}")));
        }
        (head.to_string(), body.to_string())
    }

    #[test]
    fn an_error_page_is_html_with_title_line_and_cause() {
        let (head, body) = written(&PAGE);
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\nServer: scgate\r\n"));
        assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"));
        assert!(!head.contains("Connection") && !head.contains("Retry-After"));
        assert!(
            body.contains("<title>502 Bad Gateway</title>") && body.contains("<code>ENOENT</code>")
        );
        assert!(
            !written(&Page {
                cause: None,
                ..PAGE
            })
            .1
            .contains("Cause")
        );
    }

    #[test]
    fn json_is_for_those_who_ask_for_it() {
        assert_eq!(
            written(&Page { json: true, ..PAGE }).1,
            "{\"status\":502,\"reason\":\"Bad Gateway\",\"cause\":\"ENOENT\"}\n"
        );
        assert_eq!(
            written(&Page {
                json: true,
                cause: None,
                status: 599,
                ..PAGE
            })
            .1,
            "{\"status\":599,\"reason\":\"\"}\n"
        );
        let table = [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), true),
            (Some("Application/JSON;q=0.9, */*"), true),
            (Some("text/html, application/json"), false),
        ];
        for (accept, json) in table {
            assert_eq!(wants_json(accept.map(str::as_bytes)), json, "{accept:?}");
        }
    }

    #[test]
    fn a_cause_is_escaped_for_its_place() {
        let cause = Some("<a href=\"x\">&\\\n");
        assert!(
            written(&Page { cause, ..PAGE })
                .1
                .contains("<code>&lt;a href=&quot;x&quot;&gt;&amp;\\\n</code>")
        );
        assert!(
            written(&Page {
                cause,
                json: true,
                ..PAGE
            })
            .1
            .contains(r#""cause":"<a href=\"x\">&\\\n""#)
        );
    }

    #[test]
    fn fields_that_belong_to_a_status_are_sent() {
        let busy = Page {
            status: 503,
            retry_after: Some(5),
            keep_alive: false,
            ..PAGE
        };
        let (head, _) = written(&busy);
        assert!(head.contains("\r\nRetry-After: 5\r\n") && head.ends_with("\r\nConnection: close"));
        let (head, _) = written(&Page {
            status: 405,
            fields: &[("Allow", b"GET, HEAD")],
            ..PAGE
        });
        assert!(head.contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn head_and_bodyless_statuses_get_no_body() {
        let (head, body) = written(&Page {
            is_head: true,
            ..PAGE
        });
        let full = written(&PAGE).1.len();
        assert!(body.is_empty() && head.contains(&format!("Content-Length: {full}")));
        let (head, body) = written(&Page {
            status: 204,
            ..PAGE
        });
        assert!(body.is_empty() && !head.contains("Content-"));
    }

    #[test]
    fn every_error_has_a_line_of_its_own() {
        for status in (300..=599).filter(|status| !status::reason(*status).is_empty()) {
            assert!(!explanation(status).is_empty(), "{status}");
        }
    }
}
