//! `--cache-rules rfc9111`: what the standard says beyond nginx's rules (Z54; RFC 9111, 9211, 9213, 5861).

use super::{Cached, Got, Health, Origin, ask, date, take};

const RULES: [&str; 2] = ["--cache-rules", "rfc9111"];
const GOOD: &str = "Cache-Control: max-age=100\r\n";

fn start(origin: &Origin, more: &[&str]) -> Cached {
    Cached::start(origin, &[&RULES[..], more].concat())
}

/// RFC 9111 5.2.1.7.
#[test]
fn only_if_cached_asks_nobody() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let cached = start(&origin, &[]);
    let fields = "Cache-Control: only-if-cached\r\n";
    assert_eq!(cached.get_with("/a", fields).status, 504);
    assert_eq!(origin.asked("/a"), 0);
    cached.get("/a").is("MISS", "1");
    cached.get_with("/a", fields).is("HIT", "1");
    assert_eq!(cached.get_with("/b", fields).status, 504);
}

/// RFC 9111 5.2.1: what the client says of the age it takes.
#[test]
fn the_request_may_ask_for_a_fresher_response() {
    let origin = Origin::new();
    let aged = "Age: 50\r\nCache-Control: max-age=100\r\n";
    for (path, fields, fresh) in [
        ("/0", "Cache-Control: no-cache\r\n", true),
        ("/1", "Cache-Control: max-age=0\r\n", true),
        ("/2", "Cache-Control: max-age=10\r\n", true),
        ("/3", "Cache-Control: max-age=90\r\n", false),
        ("/4", "Cache-Control: min-fresh=90\r\n", true),
        ("/5", "Cache-Control: min-fresh=10\r\n", false),
        ("/6", "Pragma: no-cache\r\n", true),
        (
            "/7",
            "Pragma: no-cache\r\nCache-Control: max-age=90\r\n",
            false,
        ),
        ("/8", "Cache-Control: x-no-cache\r\n", false),
    ] {
        origin.says(path, aged, "{n}");
        let cached = start(&origin, &[]);
        cached.get(path).is("MISS", "1");
        let right = if fresh { "2" } else { "1" };
        assert_eq!(cached.get_with(path, fields).body, right, "{fields:?}");
        // What was fetched is stored for the others.
        cached.get(path).is("HIT", right);
    }
}

/// RFC 9111 5.2.1.2, 4.2.4.
#[test]
fn the_request_may_take_a_stale_response() {
    let origin = Origin::new();
    origin.says(
        "/a",
        "Age: 200\r\nCache-Control: max-age=100\r\nETag: \"v1\"\r\n",
        "{n}",
    );
    let cached = start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    let got = cached.get_with("/a", "Cache-Control: max-stale=1000\r\n");
    assert_eq!(got.body, "1");
    let got = cached.get_with("/a", "Cache-Control: max-stale=10\r\n");
    assert_eq!(got.body, "2");
}

/// RFC 9111 5.2.1.5.
#[test]
fn the_request_may_forbid_storing() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    let cached = start(&origin, &[]);
    let fields = "Cache-Control: no-store\r\n";
    assert_eq!(cached.get_with("/a", fields).body, "1");
    cached.get("/a").is("MISS", "2");
    cached.get("/a").is("HIT", "2");
}

/// RFC 9111 3.5.
#[test]
fn what_needed_authorization_is_not_for_others() {
    let origin = Origin::new();
    for (path, directives, stored) in [
        ("/0", "max-age=100", false),
        ("/1", "max-age=100, public", true),
        ("/2", "max-age=100, must-revalidate", true),
        ("/3", "s-maxage=100", true),
    ] {
        origin.says(path, &format!("Cache-Control: {directives}\r\n"), "{n}");
        let cached = start(&origin, &[]);
        let fields = "Authorization: Basic eDp5\r\n";
        assert_eq!(cached.get_with(path, fields).body, "1");
        let right = if stored { "1" } else { "2" };
        assert_eq!(cached.get(path).body, right, "{directives}");
    }
}

/// RFC 9111 5.2.2.4: stored, and asked about each time.
#[test]
fn no_cache_is_stored_and_revalidated() {
    let origin = Origin::new();
    origin.says(
        "/a",
        "Cache-Control: no-cache, max-age=100\r\nETag: \"v1\"\r\n",
        "the body",
    );
    let cached = start(&origin, &[]);
    cached.get("/a").is("MISS", "the body");
    origin.says("/a", "Status: 304\r\nCache-Control: no-cache\r\n", "");
    for n in 2..4 {
        let got = cached.get("/a");
        let seen = (got.status, got.cache.as_str(), got.body.as_str());
        assert_eq!(seen, (200, "REVALIDATED", "the body"), "request {n}");
        assert_eq!(origin.asked("/a"), n);
        assert_eq!(origin.last("/a").get("HTTP_IF_NONE_MATCH"), "\"v1\"");
    }
    origin.is(Health::Closes);
    assert_eq!(cached.get("/a").status, 502);
}

/// RFC 9111 5.2.2.2, 5.2.2.8, 5.2.2.10: never stale, and a failure is told as 504.
#[test]
fn must_revalidate_is_never_served_stale() {
    let origin = Origin::new();
    for (path, directives) in [
        ("/0", "max-age=100, must-revalidate"),
        ("/1", "max-age=100, proxy-revalidate"),
        ("/2", "s-maxage=100"),
    ] {
        origin.is(Health::Well);
        origin.says(
            path,
            &format!("Age: 200\r\nCache-Control: {directives}\r\nETag: \"v1\"\r\n"),
            "{n}",
        );
        let cached = start(
            &origin,
            &["--cache-use-stale", "error invalid_header updating"],
        );
        cached.get(path).is("MISS", "1");
        origin.is(Health::Closes);
        let got = cached.get(path);
        assert!(got.status >= 500, "{directives}: {got:?}");
        let got = cached.get_with(path, "Cache-Control: max-stale\r\n");
        assert!(got.status >= 500, "{directives}: {got:?}");
    }
}

/// RFC 9111 4.2.2: a tenth of the time since it was modified.
#[test]
fn an_old_response_is_fresh_for_a_while() {
    let origin = Origin::new();
    let old = date(-1_000_000);
    origin.says("/old", &format!("Last-Modified: {old}\r\n"), "{n}");
    origin.says("/new", &format!("Last-Modified: {}\r\n", date(0)), "{n}");
    origin.says(
        "/error",
        &format!("Status: 500\r\nLast-Modified: {old}\r\n"),
        "{n}",
    );
    let cached = start(&origin, &[]);
    cached.get("/old").is("MISS", "1");
    cached.get("/old").is("HIT", "1");
    cached.get("/new").is("MISS", "1");
    assert_eq!(cached.get("/new").body, "2");
    cached.get("/error");
    assert_eq!(cached.get("/error").body, "2");
    // Who set a time meant it; and with a query there is no reason to expect otherwise.
    cached.get("/none").is("MISS", "/none 1");
    cached.get("/none").is("MISS", "/none 2");
}

/// RFC 9111 3, 5.2.2: what may not be stored at all.
#[test]
fn private_and_no_store_are_not_stored() {
    let origin = Origin::new();
    for directives in [
        "private",
        "no-store",
        "max-age=100, private",
        "public, no-store",
    ] {
        let path = format!("/{}", directives.replace([' ', ',', '='], ""));
        origin.says(&path, &format!("Cache-Control: {directives}\r\n"), "{n}");
        let cached = start(&origin, &["--cache-valid", "200 10m"]);
        cached.get(&path).is("MISS", "1");
        cached.get(&path).is("MISS", "2");
    }
}

/// RFC 9213: the targeted field goes before the others, and is for us alone to obey.
#[test]
fn a_targeted_field_goes_first() {
    let origin = Origin::new();
    let (yes, no) = ("max-age=100", "no-store");
    for (path, targeted, general, stored) in [
        ("/0", yes, no, true),
        ("/1", no, yes, false),
        ("/2", "max-age=\"100", yes, true),
    ] {
        let fields = format!("CDN-Cache-Control: {targeted}\r\nCache-Control: {general}\r\n");
        origin.says(path, &fields, "{n}");
        let cached = start(&origin, &[]);
        cached.get(path).is("MISS", "1");
        let right = if stored { "1" } else { "2" };
        assert_eq!(cached.get(path).body, right, "{targeted} / {general}");
    }
    // With nginx's rules only where it is asked for.
    let flags = ["--cache-targeted", "Mine-Cache-Control"];
    origin.says(
        "/own",
        "Mine-Cache-Control: max-age=100\r\nCache-Control: no-store\r\n",
        "{n}",
    );
    let cached = Cached::start(&origin, &flags);
    cached.get("/own").is("MISS", "1");
    cached.get("/own").is("HIT", "1");
    origin.says("/cdn", "CDN-Cache-Control: max-age=100\r\n", "{n}");
    cached.get("/cdn").is("MISS", "1");
    cached.get("/cdn").is("MISS", "2");
}

/// RFC 9211.
#[test]
fn the_cache_status_field_says_what_happened() {
    let origin = Origin::new();
    origin.says("/a", GOOD, "{n}");
    origin.says("/no", "Cache-Control: no-store\r\n", "{n}");
    origin.says(
        "/stale",
        "Age: 200\r\nCache-Control: max-age=100\r\nETag: \"v1\"\r\n",
        "{n}",
    );
    origin.says(
        "/behind",
        "Cache-Control: max-age=100\r\nCache-Status: inner; hit\r\n",
        "{n}",
    );
    let cached = start(&origin, &["--cache-status", "gate"]);
    let status = |target: &str| {
        let got = cached.get(target);
        let all = got.head.all("cache-status").join(", ");
        let last = all.rsplit(", ").next().unwrap_or_default().to_owned();
        assert!(last.starts_with("gate;"), "{target}: {all}");
        let mut members: Vec<String> = last.split(';').map(|m| m.trim().to_owned()).collect();
        members.remove(0);
        (members, all)
    };
    let has = |(members, all): (Vec<String>, String), wanted: &str| {
        assert!(members.iter().any(|m| m == wanted), "no {wanted} in {all}");
        members
    };
    let members = has(status("/a"), "fwd=uri-miss");
    assert!(members.contains(&"stored".to_owned()), "{members:?}");
    let members = has(status("/a"), "hit");
    assert!(members.iter().any(|m| m.starts_with("ttl=")), "{members:?}");
    let members = has(status("/no"), "fwd=uri-miss");
    assert!(!members.contains(&"stored".to_owned()), "{members:?}");
    status("/stale");
    has(status("/stale"), "fwd=stale");
    status("/behind");
    let (_, all) = status("/behind");
    assert!(all.starts_with("inner; hit"), "{all}");
}

/// RFC 9211: also where nothing is to be stored, for another reason.
#[test]
fn the_cache_status_field_says_why_also_of_what_passes_by() {
    let origin = Origin::new();
    origin.says("/a", "X-Accel-Expires: @1\r\nETag: \"v1\"\r\n", "the body");
    let flags = [
        "--cache-status",
        "gate",
        "--cache-max-range-offset",
        "2",
        "--cache-lock",
        "on",
        "--cache-lock-timeout",
        "10ms",
    ];
    let cached = start(&origin, &flags);
    let far = "Range: bytes=4-\r\n";
    let status = |got: Got| got.field("cache-status").map(str::to_owned);
    let is = |fields: &str, wanted: &str| {
        let got = status(cached.get_with("/a", fields));
        assert_eq!(got.as_deref(), Some(wanted), "{fields:?}");
    };
    is(far, "gate; fwd=uri-miss");
    is("", "gate; fwd=uri-miss; stored");
    is(far, "gate; fwd=stale");
    // One fills it, and another has waited for that until it was enough.
    let latch = origin.holds("/a");
    let mut client = cached.client();
    ask(&mut client, "GET", "/a", "");
    origin.wait_asked("/a", 4);
    origin.holds_no_more("/a");
    is("", "gate; fwd=stale; collapsed");
    latch.open();
    assert_eq!(
        status(take(&mut client, "GET")).as_deref(),
        Some("gate; fwd=stale; stored")
    );
}

/// C49, C38: the settings still give a time to what says nothing.
#[test]
fn the_settings_give_a_time_to_what_says_nothing() {
    let origin = Origin::new();
    let cached = start(&origin, &["--cache-valid", "200 10m"]);
    cached.get("/a").is("MISS", "/a 1");
    let got = cached.get("/a").is("HIT", "/a 1");
    assert!(got.field("age").is_some());
}

/// RFC 5861.
#[test]
fn stale_if_error_is_obeyed() {
    let origin = Origin::new();
    origin.says(
        "/a",
        "Age: 200\r\nCache-Control: max-age=100, stale-if-error=1000\r\n",
        "{n}",
    );
    let cached = start(&origin, &[]);
    cached.get("/a").is("MISS", "1");
    for health in [Health::Says(500), Health::Closes] {
        origin.is(health);
        cached.get("/a").is("STALE", "1");
    }
}
