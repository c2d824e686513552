//! What a 304 and the response to a HEAD do to what is stored.

use super::super::super::Freshened;
use super::*;
use crate::cache::Entry;

/// As [`entry`], with a time in which it was fresh, and five bytes.
fn stored(lines: &str) -> Entry {
    Entry {
        meta: meta("fresh=-9"),
        len: 5,
        ..entry(lines)
    }
}

#[test]
fn a_304_gives_new_times_to_what_it_is_about() {
    // Section, settings, lines of the stored head and of the 304, outcome.
    let table = r#"
4.3.4   |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" | 59
4.3.4   |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "b" | drop
4.3.4   |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: W/"a" | 59
4.3.4   |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: W/"b" | drop
4.3.4   |  | ETag: W/"a" ~ Cache-Control: max-age=60 | ETag: W/"a" | 59
4.3.4   |  | ETag: W/"a" ~ Cache-Control: max-age=60 | ETag: "a" | drop
4.3.4   |  | ETag: "a" ~ Last-Modified: <-99> ~ Cache-Control: max-age=60 | ETag: "a" ~ Last-Modified: <-9> | 59
4.3.4   |  | ETag: "a" ~ Last-Modified: <-99> ~ Cache-Control: max-age=60 | ETag: "b" ~ Last-Modified: <-99> | drop
4.3.4   |  | ETag: "a" ~ Last-Modified: <-99> ~ Cache-Control: max-age=60 | Last-Modified: <-99> | 59
4.3.4   |  | ETag: "a" ~ Last-Modified: <-99> ~ Cache-Control: max-age=60 | Last-Modified: <-9> | drop
4.3.4   |  | Last-Modified: <-99> ~ Cache-Control: max-age=60 | Last-Modified: <-99> | 59
4.3.4   |  | Last-Modified: <-99> ~ Cache-Control: max-age=60 | Last-Modified: <-98> | drop
4.3.4   |  | Last-Modified: <-99> ~ Cache-Control: max-age=60 |  | 59
4.3.4   |  | Last-Modified: <-99> ~ Cache-Control: max-age=60 | ETag: "a" | drop
4.3.4   |  | Last-Modified: <-99> ~ Cache-Control: max-age=60 | ETag: W/"a" ~ Last-Modified: <-99> | 59
4.3.4   |  | Last-Modified: <-99> ~ Cache-Control: max-age=60 | ETag: W/"a" | drop
4.3.4   |  | ETag: "a" ~ Cache-Control: max-age=60 | Last-Modified: <-99> | drop
9110 15.4.5 |  | ETag: "a" ~ Cache-Control: max-age=60 |  | 59
4.3.4   |  | Cache-Control: max-age=60 |  | 59
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: max-age=5 | 4
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60, must-revalidate | ETag: "a" ~ Cache-Control: max-age=5 | 4
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60, must-revalidate | ETag: "a" ~ Expires: <5> | 59 must
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: s-maxage=5 | 4 must
3.2     |  | ETag: "a" ~ Expires: <-5> | ETag: "a" | -1
3.2     |  | ETag: "a" ~ Expires: <-5> | ETag: "a" ~ Expires: <5> | 4
3.2     |  | ETag: "a" ~ Expires: <60> | ETag: "a" ~ Date: <-10> | 59 age=10
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60 ~ Date: <-99> | ETag: "a" | 59
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Age: 10 | 49 age=10
3.2     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Age: 90 | -31 age=90
4.2.2   |  | Last-Modified: <-1000> |  | 99
4.2.2   |  | ETag: "a" | ETag: "a" | -1
5.2.2.4 |  | ETag: "a" ~ Cache-Control: no-cache | ETag: "a" | -1 no-cache
5.2.2.4 |  | ETag: "a" ~ Cache-Control: no-cache | ETag: "a" ~ Cache-Control: max-age=60 | 59
5.2.2.4 |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: no-cache | -1 no-cache
5.2.2.5 |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: no-store | drop
5.2.2.7 |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: private | drop
5.2.2.3 |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: no-store, must-understand | -1
4.1     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Vary: * | drop
4.1     |  | ETag: "a" ~ Cache-Control: max-age=60 ~ Vary: a | ETag: "a" | 59 vary=a
4.1     |  | ETag: "a" ~ Cache-Control: max-age=60 ~ Vary: a | ETag: "a" ~ Vary: b | 59 vary=b
7.3     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Set-Cookie: a=b | 59
5861 4  |  | ETag: "a" ~ Cache-Control: max-age=60, stale-if-error=5 | ETag: "a" | 59 error=5
R43     |  | ETag: "a" ~ X-Accel-Expires: 60 ~ Cache-Control: private | ETag: "a" | 59
R43     |  | ETag: "a" ~ X-Accel-Expires: 60 | ETag: "a" ~ X-Accel-Expires: 0 | drop
R43     |  | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ X-Accel-Expires: 5 | 4
C40     | any=9 | ETag: "a" | ETag: "a" | 8
C40     | 304=9 | ETag: "a" | ETag: "a" | -1
C40     | 200=0 | ETag: "a" | ETag: "a" | drop
C49     | ignore=cc any=9 | ETag: "a" | ETag: "a" ~ Cache-Control: no-store | 8
9213 2.2 | targeted=t | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ T: max-age=5 | 4
9213 2.2 | targeted=t | ETag: "a" ~ T: max-age=60 | ETag: "a" ~ Cache-Control: no-store | 59
"#;
    for [section, words, old, lines, expected] in rows(table) {
        let newer = head(&format!("Status: 304\n{lines}"));
        let freshened_by =
            settings(words)
                .book()
                .freshen(&request("GET /"), &stored(old), &newer, TIMES);
        let outcome = freshened(&freshened_by);
        assert_eq!(outcome, expected, "{section}: [{words}] {old} | {lines}");
    }
}

#[test]
fn nothing_is_learnt_from_what_is_not_to_be_stored() {
    let table = r#"
5.2.1.5 | GET / ~ Cache-Control: no-store | ETag: "a" ~ Cache-Control: max-age=5 | -9
5.2.1.5 | GET / ~ Cache-Control: no-store | ETag: "a" ~ Cache-Control: no-store | -9
5.2.1.5 | GET / ~ Cache-Control: no-store | ETag: "b" | drop
3.5     | GET / ~ Authorization: Basic eA== | ETag: "a" | -9
3.5     | GET / ~ Authorization: Basic eA== | ETag: "a" ~ Cache-Control: private | -9
3.5     | GET / ~ Authorization: Basic eA== | ETag: "a" ~ Cache-Control: max-age=5, public | 4
"#;
    for [section, asked, lines, expected] in rows(table) {
        let newer = head(&format!("Status: 304\n{lines}"));
        let old = stored("ETag: \"a\" ~ Cache-Control: max-age=60 ~ X-A: b ~ Date: <-60>");
        let outcome = settings("")
            .book()
            .freshen(&request(asked), &old, &newer, TIMES);
        assert_eq!(
            freshened(&outcome),
            expected,
            "{section}: {asked} | {lines}"
        );
        if expected == "-9"
            && let Freshened::Update(storable) = outcome
        {
            let text = String::from_utf8_lossy(&storable.head);
            assert!(text.contains("max-age=60\r\nX-A: b\r\nDate: Sun, 09 Sep 2001 01:45:40"));
        }
    }
}

#[test]
fn the_response_to_a_head_is_compared_with_what_is_stored() {
    // Section, lines of the request, of the stored head (five bytes), and of the response, outcome.
    let table = r#"
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" | 59
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "b" | drop
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: W/"a" | drop
4.3.5   | HEAD / | Cache-Control: max-age=60 | ETag: "a" | drop
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | Content-Type: text/plain | 59
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | Content-Length: 5 | 59
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Content-Length: 5 | 59
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Content-Length: 6 | drop
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | Transfer-Encoding: chunked | 59
4.3.5   | HEAD / | Last-Modified: <-9> ~ Cache-Control: max-age=60 | Last-Modified: <-9> | 59
4.3.5   | HEAD / | Last-Modified: <-9> ~ Cache-Control: max-age=60 | Last-Modified: <-8> | drop
4.3.5   | HEAD / | Cache-Control: max-age=60 | Last-Modified: <-8> | drop
4.3.5   | HEAD / | ETag: "a" ~ Last-Modified: <-9> ~ Cache-Control: max-age=60 | ETag: "a" ~ Last-Modified: <-8> | drop
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: max-age=5 | 4
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Age: 5 | 54 age=5
4.3.5   | HEAD / | Status: 404 ~ Cache-Control: max-age=60 | Content-Length: 5 | drop
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | Status: 404 ~ ETag: "b" | none
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | Status: 304 ~ ETag: "b" | none
4.3.5   | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | Status: 500 | none
4.3.5   | GET / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "b" | none
5.2.2.5 | HEAD / | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: no-store | drop
5.2.1.5 | HEAD / ~ Cache-Control: no-store | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" | none
5.2.1.5 | HEAD / ~ Cache-Control: no-store | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "b" | drop
3.5     | HEAD / ~ Authorization: Basic eA== | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" | none
3.5     | HEAD / ~ Authorization: Basic eA== | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" ~ Cache-Control: public | -1
"#;
    for [section, asked, old, lines, expected] in rows(table) {
        let settings = settings("");
        let book = settings.book();
        let seen = book.head_seen(&request(asked), &stored(old), &head(lines), TIMES);
        let outcome = seen.as_ref().map_or("none".to_owned(), freshened);
        assert_eq!(outcome, expected, "{section}: {asked} | {old} | {lines}");
    }
    assert!(!settings("").book().converts_head(), "4.3.5");
}
