//! What is asked for, and who may give orders.

use super::*;

#[test]
fn the_format_follows_from_the_query_then_from_accept() {
    let scraper =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (query, accept, expected) in [
        (None, None, Format::Html),
        (None, Some("*/*"), Format::Html),
        (None, Some(browser), Format::Html),
        (None, Some(scraper), Format::Prometheus),
        (None, Some("text/plain; version=0.0.4"), Format::Prometheus),
        (None, Some("Application/JSON"), Format::Json),
        (
            None,
            Some("application/json;q=0.5, text/html;q=0.51"),
            Format::Html,
        ),
        (
            None,
            Some("application/json ; q=1.0 , text/html;q=0.999"),
            Format::Json,
        ),
        (None, Some("application/json;q=0"), Format::Html),
        (None, Some("application/json;q=0.0001"), Format::Html),
        (
            None,
            Some("text/html;q=0, application/json;q=0.001"),
            Format::Json,
        ),
        (Some("format=json"), Some(browser), Format::Json),
        (Some("a=b&format=prometheus"), None, Format::Prometheus),
        (Some("format=html"), Some("application/json"), Format::Html),
        (Some("format=xml"), Some("application/json"), Format::Json),
        (Some("reformat=json"), None, Format::Html),
    ] {
        let found = choose(query.map(str::as_bytes), accept.map(str::as_bytes));
        assert_eq!(found, expected, "{query:?} {accept:?}");
    }
}

#[test]
fn get_and_head_show_the_status() {
    for method in ["GET", "HEAD"] {
        for (query, kind, start) in [
            ("", "text/html; charset=utf-8", "<!doctype html>"),
            ("?format=json", "application/json", "{\"version\""),
            (
                "?format=prometheus",
                "text/plain; version=0.0.4; charset=utf-8",
                "# HELP ",
            ),
        ] {
            let (answer, orders) = give(
                &request(&format!("{method} /status{query} HTTP/1.1\nHost: a")),
                b"",
            );
            assert_eq!(
                (answer.status, answer.content_type, orders.len()),
                (200, kind, 0)
            );
            assert_eq!(field(&answer, "Cache-Control"), Some("no-store"));
            assert_eq!(field(&answer, "Vary"), Some("Accept"));
            assert!(text(answer.body).starts_with(start));
        }
    }
}

#[test]
fn the_policy_of_a_page_allows_its_own_style_alone() {
    let pages = [
        give(&request("GET /status HTTP/1.1\nHost: a"), b"").0,
        give(&post(""), b"").0,
    ];
    let mut nonces = Vec::new();
    for page in pages {
        let policy = field(&page, "Content-Security-Policy").expect("a policy");
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let nonce = nonce.expect("a nonce").to_owned();
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'")
        );
        assert!(!policy.contains("script-src"));
        let page = text(page.body);
        assert!(page.contains(&format!("<style nonce=\"{nonce}\">")));
        assert!(!page.contains(" style="));
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
}

#[test]
fn refresh_is_within_reason() {
    for (query, expected) in [
        ("refresh=5", Some(5)),
        ("format=html&refresh=3600", Some(3600)),
        ("refresh=0", None),
        ("refresh=3601", None),
        ("refresh=", None),
        ("refresh=5;url=//evil", None),
    ] {
        assert_eq!(refresh(Some(query.as_bytes())), expected, "{query}");
    }
}

#[test]
fn an_order_is_carried_out_and_leads_back_to_the_page() {
    for (action, order) in [("drain", "Drain"), ("down", "Down"), ("revive", "Revive")] {
        let body = format!("action={action}&group=backend&server=unix%3A%2Frun%2Fa+b%C3%A4");
        let (answer, orders) = give(&post(""), body.as_bytes());
        assert_eq!(
            (answer.status, field(&answer, "Location")),
            (303, Some("./status"))
        );
        assert_eq!(orders, [format!("backend unix:/run/a b\u{e4} {order}")]);
    }
}

#[test]
fn the_way_back_is_relative_and_keeps_only_the_refresh() {
    for (target, place) in [
        ("/status?refresh=5&x=%0d%0a", "./status?refresh=5"),
        ("/a/b/", "./"),
        ("/", "./"),
        ("//evil.example", "./evil.example"),
        ("/x/a:b%2Fc?refresh=no", "./a:b%2Fc"),
        ("http://router:8080/s", "./s"),
    ] {
        let request = request(&format!(
            "POST {target} HTTP/1.1\nHost: router:8080\nContent-Length: 3\nContent-Type: application/x-www-form-urlencoded"
        ));
        let (answer, _) = give(&request, DRAIN);
        assert_eq!(
            (answer.status, field(&answer, "Location")),
            (303, Some(place)),
            "{target}"
        );
    }
}

#[test]
fn programs_get_json() {
    let (answer, orders) = give(&post("\nAccept: application/json"), DRAIN);
    assert_eq!(
        (answer.status, answer.content_type),
        (200, "application/json")
    );
    assert_eq!(
        (text(answer.body).as_str(), orders.len()),
        ("{\"ok\":true}\n", 1)
    );
    let (answer, _) = give(
        &post("\nAccept: application/json"),
        b"group=%3Cx&server=a&action=drain",
    );
    assert_eq!(
        (answer.status, answer.content_type),
        (404, "application/json")
    );
    assert_eq!(
        text(answer.body),
        "{\"ok\":false,\"error\":\"there is no group <x\"}\n"
    );
    let (answer, _) = give(&post("\nAccept: application/json"), b"");
    assert_eq!(
        (answer.status, after_json(&text(answer.body))),
        (400, Ok("\n"))
    );
    let (answer, _) = give(&post("\nAccept: text/plain"), b"");
    assert_eq!(
        (answer.status, answer.content_type),
        (400, "text/plain; charset=utf-8")
    );
}

#[test]
fn forms_are_read_strictly() {
    for bad in [
        "",
        "group=backend&server=a",
        "group=backend&action=drain",
        "server=a&action=drain",
        "group=backend&server=a&action=",
        "group=backend&server=a&action=Drain",
        "group=backend&server=a&action=drain&action=down",
        "group=backend&group=backend&server=a&action=drain",
        "group=backend&server=a&action=drain&",
        "group=backend&server=a&action=drain&x=1",
        "group=backend&server&action=drain",
        "group=backend&server=%zz&action=drain",
        "group=backend&server=%4&action=drain",
        "group=backend&server=%00&action=drain",
        "group=backend&server=%ff&action=drain",
    ] {
        let (answer, orders) = give(&post(""), bad.as_bytes());
        assert_eq!((answer.status, orders.len()), (400, 0), "{bad}");
    }
    let long = format!("group=backend&action=drain&server={}", "a".repeat(MAX_FORM));
    assert_eq!(give(&post(""), long.as_bytes()).0.status, 413);
    for kind in ["text/plain", "multipart/form-data; boundary=x", ""] {
        let head =
            format!("POST /status HTTP/1.1\nHost: a\nContent-Length: 3\nContent-Type: {kind}");
        let (answer, orders) = give(&request(&head), DRAIN);
        assert_eq!((answer.status, orders.len()), (415, 0), "{kind}");
    }
    let kind = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
    let head = format!("POST /status HTTP/1.1\nHost: a\nContent-Length: 3\nContent-Type: {kind}");
    assert_eq!(give(&request(&head), DRAIN).0.status, 303);
}

#[test]
fn pages_of_other_sites_can_not_give_orders() {
    for (fields, status) in [
        ("\nOrigin: http://router:8080", 303),
        (
            "\nOrigin: https://router:8080\nSec-Fetch-Site: same-origin",
            303,
        ),
        ("\nOrigin: http://ROUTER:8080\nSec-Fetch-Site: none", 303),
        ("\nOrigin: http://router", 403),
        ("\nOrigin: http://router:80801", 403),
        ("\nOrigin: http://evil.example", 403),
        ("\nOrigin: http://evil.example/router:8080", 403),
        ("\nOrigin: null", 403),
        ("\nOrigin: ", 403),
        ("\nOrigin: http://", 403),
        ("\nOrigin: router:8080", 403),
        (
            "\nOrigin: http://router:8080\nOrigin: http://evil.example",
            403,
        ),
        ("\nSec-Fetch-Site: same-site", 403),
        ("\nSec-Fetch-Site: cross-site", 403),
        (
            "\nOrigin: http://router:8080\nSec-Fetch-Site: cross-site",
            403,
        ),
    ] {
        let (answer, orders) = give(&post(fields), DRAIN);
        assert_eq!(
            (answer.status, orders.len()),
            (status, usize::from(status == 303)),
            "{fields}"
        );
    }
    for (origin, host, same) in [
        ("http://a", "a:80", true),
        ("https://a", "a:443", true),
        ("https://a", "a:80", false),
        ("http://[::1]:8", "[::1]:8", true),
        ("http://a:80", "a", true),
    ] {
        let head = format!(
            "POST /s HTTP/1.1\nHost: {host}\nOrigin: {origin}\nContent-Length: 3\nContent-Type: application/x-www-form-urlencoded"
        );
        let status = give(&request(&head), DRAIN).0.status;
        assert_eq!(status, if same { 303 } else { 403 }, "{origin} {host}");
    }
}

#[test]
fn orders_need_a_writable_page_and_a_rule_that_names_the_client() {
    let act = |_: &str, _: &str, _: Order| -> Result<(), String> {
        panic!("no order may be carried out")
    };
    let groups = groups();
    let ask = |request: &Request, writable, explicit| {
        answer(request, DRAIN, &snapshot(&groups), writable, explicit, &act)
    };
    let refused = ask(&post(""), true, false);
    assert_eq!(refused.status, 403);
    assert!(text(refused.body).contains("--allow"));
    for explicit in [false, true] {
        let refused = ask(&post(""), false, explicit);
        assert_eq!(
            (refused.status, field(&refused, "Allow")),
            (405, Some("GET, HEAD"))
        );
    }
    let delete = request("DELETE /status HTTP/1.1\nHost: a");
    let refused = ask(&delete, true, true);
    assert_eq!(
        (refused.status, field(&refused, "Allow")),
        (405, Some("GET, HEAD, POST"))
    );
}
