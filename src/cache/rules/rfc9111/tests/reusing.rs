//! What answers, by itself, for want of better, and not at all.

use super::super::super::Part;
use super::*;

#[test]
fn the_method_says_what_part_the_cache_takes() {
    let table = r#"
4          |      | GET / | Takes
4          |      | HEAD / | Takes
4.4        |      | POST / | Invalidates
9110 9.3.3 | post | POST / | Takes
4.4        |      | PUT / | Invalidates
4.4        |      | DELETE / | Invalidates
4.4        |      | PATCH / | Invalidates
4.4        |      | FOO / | Invalidates
4.4        |      | get / | Invalidates
9110 9.2.1 |      | OPTIONS / | None
9110 9.3.7 |      | OPTIONS * | None
9110 9.3.1 |      | GET / ~ Content-Length: 3 | None
9110 9.3.1 |      | GET / ~ Transfer-Encoding: chunked | None
9110 9.3.2 |      | HEAD / ~ Content-Length: 3 | None
9110 9.3.1 |      | GET / ~ Content-Length: 0 | Takes
9110 9.3.3 | post | POST / ~ Content-Length: 3 | Takes
5.2.1.5    |      | GET / ~ Cache-Control: no-store | Takes
3.5        |      | GET / ~ Authorization: Basic eA== | Takes
"#;
    for [section, words, asked, expected] in rows(table) {
        let part = settings(words).book().part(&request(asked));
        assert_eq!(format!("{part:?}"), expected, "{section}: {asked}");
    }
    let mut redirected = request("POST / ~ Content-Length: 3");
    redirected.redirect(b"/x", None, false);
    assert_eq!(settings("").book().part(&redirected), Part::Takes, "S13");
}

#[test]
fn a_request_may_want_a_stored_response_or_none() {
    let table = r#"
5.2.1.7 | GET / ~ Cache-Control: only-if-cached | true
5.2.1.7 | HEAD / ~ Cache-Control: max-stale, Only-If-Cached | true
5.2.1.7 | GET / | false
5.2.1.7 | GET / ~ Pragma: only-if-cached | false
5.2.1.7 | POST / ~ Cache-Control: only-if-cached | false
"#;
    for [section, asked, expected] in rows(table) {
        let is = settings("").book().only_if_cached(&request(asked));
        assert_eq!(is.to_string(), expected, "{section}: {asked}");
    }
}

#[test]
fn freshness_and_the_directives_of_the_request_decide() {
    // Section, settings, the entry, Cache-Control of the request, seconds later, outcome.
    let table = r#"
4.2     |  | fresh=9 |  | 0 | fresh
4.2     |  | fresh=9 |  | 9 | fresh
4.2     |  | fresh=9 |  | 10 | ask
4.2     |  | fresh=0 |  | 0 | fresh
4.2     |  | fresh=-1 |  | 0 | ask
4.2     |  | fresh=-1 |  | -1 | ask
4.2     |  | fresh=-1 |  | -5 | ask
4.2     |  | fresh=9 |  | -5 | fresh
5.2.2.2 |  | fresh=9 must |  | 9 | fresh
5.2.2.4 |  | fresh=9 no-cache |  | 0 | ask
5.2.2.4 |  | fresh=9 no-cache while=99 | max-stale | 0 | ask
5.2.1.4 |  | fresh=9 | no-cache | 0 | ask
5.2.1.4 |  | fresh=9 while=99 | no-cache | 10 | ask
5.2.1.4 | use=updating | fresh=9 | no-cache | 10 | ask
5.2.1.4 |  | fresh=9 | no-cache, max-stale | 10 | ask
5.2.1.5 |  | fresh=9 | no-store | 5 | fresh
5.2.1.6 |  | fresh=9 | no-transform | 5 | fresh
5.2.1.1 |  | fresh=99 | max-age=5 | 4 | fresh
5.2.1.1 |  | fresh=99 | max-age=5 | 5 | fresh
5.2.1.1 |  | fresh=99 | max-age=5 | 6 | ask
5.2.1.1 |  | fresh=99 age=3 | max-age=5 | 2 | fresh
5.2.1.1 |  | fresh=99 age=3 | max-age=5 | 3 | ask
5.2.1.1 |  | fresh=99 | max-age=0 | 0 | ask
5.2.1.1 |  | fresh=99 | max-age=x | 50 | fresh
5.2.1.1 |  | fresh=99 while=99 | max-age=5 | 6 | ask
5.2.1.1 | use=updating | fresh=99 | max-age=5 | 6 | ask
5.2.1.1 |  | fresh=9 while=99 | max-age=60 | 10 | ask
5.2.1.1 | use=updating | fresh=9 | max-age=60 | 10 | ask
5.2.1.1 |  | fresh=9 | max-age=60, max-stale | 10 | stale
5.2.1.1 |  | fresh=9 | max-age=60, max-stale | 61 | ask
5.2.1.1 |  | fresh=9 while=20 | max-age=60, max-stale=1 | 20 | may
5.2.1.2 |  | fresh=9 | max-stale | 10 | stale
5.2.1.2 |  | fresh=9 | max-stale | 99999 | stale
5.2.1.2 |  | fresh=9 | max-stale | 9 | fresh
5.2.1.2 |  | fresh=9 | max-stale=0 | 10 | stale
5.2.1.2 |  | fresh=9 | max-stale=5 | 15 | stale
5.2.1.2 |  | fresh=9 | max-stale=5 | 16 | ask
5.2.1.2 |  | fresh=9 while=20 | max-stale=5 | 16 | may
5.2.1.2 |  | fresh=9 | max-stale=x | 10 | ask
5.2.1.2 |  | fresh=9 must | max-stale | 10 | ask
5.2.1.2 |  | fresh=-1 | max-stale=0 | 0 | stale
5.2.1.3 |  | fresh=9 | min-fresh=10 | 0 | fresh
5.2.1.3 |  | fresh=9 | min-fresh=11 | 0 | ask
5.2.1.3 |  | fresh=9 | min-fresh=5 | 5 | fresh
5.2.1.3 |  | fresh=9 | min-fresh=5 | 6 | ask
5.2.1.3 |  | fresh=9 while=9 | min-fresh=5 | 6 | ask
5.2.1.3 |  | fresh=9 while=9 | min-fresh=5 | 10 | ask
5.2.1.3 |  | fresh=9 | min-fresh=5, max-stale | 10 | ask
5.2.1.3 |  | fresh=9 while=9 | min-fresh=0 | 10 | may
5.2.1.7 |  | fresh=9 | only-if-cached | 9 | fresh
5.2.1.7 |  | fresh=9 while=5 | only-if-cached | 10 | may
5861 3  |  | fresh=9 while=5 |  | 10 | may
5861 3  |  | fresh=9 while=5 |  | 14 | may
5861 3  |  | fresh=9 while=5 |  | 15 | ask
5861 3  |  | fresh=-1 while=5 |  | 4 | may
5861 3  |  | fresh=9 while=5 must |  | 10 | ask
5861 4  |  | fresh=9 error=5 |  | 10 | ask
4.2.4   | use=updating | fresh=9 |  | 99999 | may
4.2.4   | use=updating | fresh=9 must |  | 10 | ask
4.2.4   | use=error use=timeout | fresh=9 |  | 10 | ask
8246 2  |  | fresh=9 | max-age=0 | 1 | ask
"#;
    for [section, words, entry, wanted, later, expected] in rows(table) {
        let settings = settings(words);
        let now = NOW.saturating_add_signed(later.parse().expect("seconds"));
        let asked = match wanted {
            "" => "GET /".to_owned(),
            _ => format!("GET / ~ Cache-Control: {wanted}"),
        };
        let reuse = settings.book().reuse(&meta(entry), &request(&asked), now);
        let row = format!("{section}: [{words}] {entry} | {wanted} | +{later}");
        assert_eq!(reused(reuse), expected, "{row}");
    }
}

#[test]
fn pragma_stands_in_for_cache_control() {
    let table = r#"
5.4 | GET / ~ Pragma: no-cache | ask
5.4 | GET / ~ Pragma: x, No-Cache | ask
5.4 | GET / ~ Pragma: no-cache ~ Cache-Control: max-age=60 | fresh
5.4 | GET / ~ Pragma: max-age=0 | fresh
5.4 | HEAD / ~ Pragma: no-cache | ask
"#;
    for [section, asked, expected] in rows(table) {
        let reuse = settings("")
            .book()
            .reuse(&meta("fresh=9"), &request(asked), NOW);
        assert_eq!(reused(reuse), expected, "{section}: {asked}");
    }
}

#[test]
fn stale_ones_answer_in_place_of_trouble_where_somebody_allows_it() {
    // Section, settings, the entry, Cache-Control of the request, the trouble, seconds later, outcome.
    let table = r#"
4.2.4   |  | fresh=9 |  | error | 10 | no
4.2.4   |  | fresh=9 |  | 500 | 10 | no
4.2.4   | use=error | fresh=9 |  | error | 9999 | stale
4.2.4   | use=error | fresh=9 |  | timeout | 10 | no
4.2.4   | use=timeout | fresh=9 |  | timeout | 10 | stale
4.2.4   | use=invalid_header | fresh=9 |  | invalid_header | 10 | stale
4.2.4   | use=500 | fresh=9 |  | 500 | 10 | stale
4.2.4   | use=500 | fresh=9 |  | 502 | 10 | no
4.2.4   | use=404 | fresh=9 |  | 404 | 10 | stale
4.2.4   | use=error | fresh=9 must |  | error | 10 | no
4.2.4   | use=500 | fresh=9 must |  | 500 | 10 | no
4.2.4   | use=error | fresh=9 no-cache |  | error | 10 | no
4.2.4   | use=error | fresh=9 | no-cache | error | 10 | no
4.2.4   | use=error | fresh=9 | max-age=0 | error | 10 | stale
5861 4  |  | fresh=9 error=5 |  | error | 14 | stale
5861 4  |  | fresh=9 error=5 |  | error | 15 | no
5861 4  |  | fresh=9 error=5 |  | timeout | 14 | stale
5861 4  |  | fresh=9 error=5 |  | invalid_header | 14 | stale
5861 4  |  | fresh=9 error=5 |  | 500 | 14 | stale
5861 4  |  | fresh=9 error=5 |  | 502 | 14 | stale
5861 4  |  | fresh=9 error=5 |  | 503 | 14 | stale
5861 4  |  | fresh=9 error=5 |  | 504 | 14 | stale
5861 4  |  | fresh=9 error=5 |  | 501 | 14 | no
5861 4  |  | fresh=9 error=5 |  | 404 | 14 | no
5861 4  |  | fresh=9 error=5 |  | 429 | 14 | no
5861 4  |  | fresh=9 error=5 must |  | error | 14 | no
5861 4  |  | fresh=9 error=5 no-cache |  | error | 14 | no
5861 4  |  | fresh=9 while=5 |  | error | 14 | no
5861 4  |  | fresh=9 | stale-if-error=5 | error | 14 | stale
5861 4  |  | fresh=9 | stale-if-error=5 | 503 | 14 | stale
5861 4  |  | fresh=9 | stale-if-error=5 | error | 15 | no
5861 4  |  | fresh=9 error=20 | stale-if-error=5 | error | 29 | stale
5861 4  |  | fresh=9 must | stale-if-error=5 | error | 10 | no
5861 4  |  | fresh=9 | stale-if-error=5, no-cache | error | 10 | no
5861 4  |  | fresh=9 error=5 | max-age=3 | error | 8 | stale
5861 4  |  | fresh=9 error=5 | min-fresh=9 | 503 | 8 | stale
5861 4  |  | fresh=9 | max-age=3 | error | 8 | no
5861 4  |  | fresh=9 | max-stale | error | 10 | no
"#;
    for [section, words, entry, wanted, what, later, expected] in rows(table) {
        let settings = settings(words);
        let now = NOW + later.parse::<u64>().expect("seconds");
        let asked = match wanted {
            "" => "GET /".to_owned(),
            _ => format!("GET / ~ Cache-Control: {wanted}"),
        };
        let may = settings
            .book()
            .stale_on(&meta(entry), &request(&asked), trouble(what), now);
        let outcome = if may { "stale" } else { "no" };
        let row = format!("{section}: [{words}] {entry} | {wanted} | {what} +{later}");
        assert_eq!(outcome, expected, "{row}");
    }
}

/// What came when the clock was ahead is not fresh, and its windows are as little known.
#[test]
fn what_is_of_the_future_has_no_window() {
    for (words, entry, wanted, expected) in [
        ("", "fresh=9 while=5 error=5", "", false),
        ("", "fresh=9", "stale-if-error=5", false),
        ("use=error", "fresh=9", "", true),
    ] {
        let (settings, meta, now) = (settings(words), meta(entry), NOW - 1000);
        let asked = request(&format!("GET / ~ Cache-Control: {wanted}"));
        let book = settings.book();
        assert_eq!(reused(book.reuse(&meta, &asked, now)), "ask", "{entry}");
        let may = book.stale_on(&meta, &asked, trouble("error"), now);
        assert_eq!(may, expected, "[{words}] {entry} | {wanted}");
    }
}
