//! What is stored, and for how long.

use super::*;
use crate::scgi::response::{Parsed, parse};

fn outcome(words: &str, asked: &str, lines: &str) -> String {
    let settings = settings(words);
    match settings.book().store(&request(asked), &head(lines), TIMES) {
        Ok(storable) => line(&storable),
        Err(why) => format!("no: {why}"),
    }
}

/// Section, lines of the head, outcome.
#[track_caller]
fn check(table: &str) {
    for [section, lines, expected] in rows(table) {
        assert_eq!(outcome("", "GET /", lines), expected, "{section}: {lines}");
    }
}

/// Section, settings, lines of the head, outcome.
#[track_caller]
fn check_with_settings(table: &str) {
    for [section, words, lines, expected] in rows(table) {
        let outcome = outcome(words, "GET /", lines);
        assert_eq!(outcome, expected, "{section}: [{words}] {lines}");
    }
}

/// Section, lines of the request, lines of the head, outcome.
#[track_caller]
fn check_with_request(words: &str, table: &str) {
    for [section, asked, lines, expected] in rows(table) {
        let outcome = outcome(words, asked, lines);
        assert_eq!(outcome, expected, "{section}: {asked} | {lines}");
    }
}

#[test]
fn the_lifetime_is_what_the_response_says() {
    check(
        r#"
4.2.1  | Cache-Control: max-age=60 | 59
4.2.1  | Cache-Control: MAX-AGE=60 | 59
4.2.1  | Cache-Control: max-age="60" | 59
4.2.1  | Cache-Control: s-maxage=60 | 59 must
4.2.1  | Cache-Control: max-age=5, s-maxage=60 | 59 must
4.2.1  | Cache-Control: s-maxage=60, max-age=5 | 59 must
4.2.1  | Cache-Control: max-age=5 ~ Cache-Control: s-maxage=60 | 59 must
4.2.1  | Cache-Control: max-age=60, max-age=5 | 59
4.2.1  | Cache-Control: max-age=60 ~ Expires: <5> | 59
4.2.1  | Cache-Control: max-age=60 ~ Expires: 0 | 59
4.2.1  | Cache-Control: s-maxage=60 ~ Expires: <-5> | 59 must
4.2.1  | Expires: <60> | 59
4.2.1  | Expires: <60> ~ Date: <0> | 59
4.2.1  | Expires: <60> ~ Date: <-20> | 59 age=20
4.2.1  | Expires: <60> ~ Date: <20> | 39
4.2.1  | Expires: <60> ~ Date: yesterday | 59
4.2.1  | Expires: <60> ~ Age: 10 | 49 age=10
4.2.1  | Expires: <60> ~ Cache-Control: public | 59
4.2.1  | Expires: <60> ~ Expires: <5> | 59
4.2.1  | Cache-Control: max-age=x ~ ETag: "a" | -1
4.2.1  | Cache-Control: max-age=1.5 ~ ETag: "a" | -1
4.2.1  | Cache-Control: max-age=-1 ~ ETag: "a" | -1
4.2.1  | Cache-Control: max-age=x ~ Expires: <60> ~ ETag: "a" | -1
4.2.1  | Cache-Control: s-maxage=x, max-age=60 ~ ETag: "a" | -1 must
1.2.2  | Cache-Control: max-age=99999999999 | 2147483647
4.2.3  | Cache-Control: max-age=60 ~ Age: 10 | 49 age=10
4.2.3  | Cache-Control: max-age=60 ~ Date: <-10> | 49 age=10
4.2.3  | Cache-Control: max-age=60 ~ Date: <-10> ~ Age: 20 | 39 age=20
4.2.3  | Cache-Control: max-age=60 ~ Date: <-20> ~ Age: 10 | 39 age=20
4.2.3  | Cache-Control: max-age=60 ~ Date: <10> | 59
4.2.3  | Cache-Control: max-age=60 ~ Age: x | 59
4.2.3  | Cache-Control: max-age=60 ~ Age: 59 | 0 age=59
4.2    | Cache-Control: max-age=60 ~ Age: 60 ~ ETag: "a" | -1 age=60
4.2    | Cache-Control: max-age=60 ~ Age: 70 ~ ETag: "a" | -11 age=70
4.2    | Cache-Control: max-age=1 | 0
5.3    | Expires: 0 ~ ETag: "a" | -1
5.3    | Expires: -1 ~ ETag: "a" | -1
5.3    | Expires: soon ~ Last-Modified: <-99999> | -1
5.3    | Expires: <-60> ~ ETag: "a" | -1
5.2.2.1 | Cache-Control: max-age=0 ~ ETag: "a" | -1
5.2.2.1 | Cache-Control: max-age=0 ~ Last-Modified: <-5> | -1
3      | Status: 302 ~ Cache-Control: max-age=60 | 59
3      | Status: 307 ~ Expires: <60> | 59
3      | Status: 403 ~ Cache-Control: max-age=60 | 59
3      | Status: 503 ~ Cache-Control: s-maxage=60 | 59 must
3      | Status: 599 ~ Cache-Control: max-age=60 | 59
8246 2 | Cache-Control: max-age=60, immutable | 59
5.2.2.6 | Cache-Control: max-age=60, no-transform | 59
5.4    | Cache-Control: max-age=60 ~ Pragma: no-cache | 59
5.2.3  | Cache-Control: max-age=60, x-no-store, community="private" | 59
"#,
    );
}

#[test]
fn a_lifetime_is_guessed_where_nothing_says_one() {
    check(
        r#"
4.2.2 | Last-Modified: <-1000> | 99
4.2.2 | Last-Modified: <-1000> ~ Date: <-500> | -451 age=500
4.2.2 | Last-Modified: <-1000> ~ Date: <0> | 99
4.2.2 | Last-Modified: <-1000> ~ Age: 40 | 59 age=40
4.2.2 | Last-Modified: <-999999999> | 86399
4.2.2 | Last-Modified: <-5> | -1
4.2.2 | Last-Modified: <50> | -1
4.2.2 | Last-Modified: <-1000> ~ Cache-Control: no-transform | 99
4.2.2 | Last-Modified: <-1000> ~ Cache-Control: max-age=5 | 4
4.2.2 | Last-Modified: <-1000> ~ Expires: <5> | 4
4.2.2 | Last-Modified: long ago | -1
4.2.2 | ETag: "a" | -1
4.2.2 | Content-Type: text/plain | no: it is stale already, and nothing to validate it by
4.2.2 | Status: 203 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 204 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 300 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 301 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 308 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 404 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 405 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 410 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 414 ~ Last-Modified: <-1000> | 99
4.2.2 | Status: 501 ~ Last-Modified: <-1000> | 99
3     | Status: 201 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 302 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 303 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 307 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 400 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 403 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 500 ~ Last-Modified: <-1000> | no: nothing allows it
3     | Status: 503 ~ Last-Modified: <-1000> | no: nothing allows it
5.2.2.9 | Status: 302 ~ Last-Modified: <-1000> ~ Cache-Control: public | 99
5.2.2.9 | Status: 500 ~ Last-Modified: <-1000> ~ Cache-Control: public | 99
5.2.2.9 | Status: 302 ~ Cache-Control: public | no: it is stale already, and nothing to validate it by
4.2.2 | Status: 404 ~ Last-Modified: <-5> | no: it is stale already, and nothing to validate it by
"#,
    );
}

#[test]
fn directives_forbid_and_bind() {
    check(
        r#"
5.2.2.5  | Cache-Control: no-store | no: no-store
5.2.2.5  | Cache-Control: No-Store, max-age=60 | no: no-store
5.2.2.5  | Cache-Control: max-age=60 ~ Cache-Control: no-store | no: no-store
5.2.2.5  | Cache-Control: no-store ~ Expires: <60> | no: no-store
5.2.2.5  | Cache-Control: no-store=1, max-age=60 | no: no-store
5.2.2.7  | Cache-Control: private | no: private
5.2.2.7  | Cache-Control: max-age=60, PRIVATE | no: private
5.2.2.7  | Cache-Control: public, private, max-age=60 | no: private
5.2.2.7  | Cache-Control: private="", max-age=60 | no: private
5.2.2.7  | Cache-Control: private="x-a", max-age=60 | 59
5.2.2.7  | Cache-Control: private="x-a", private, max-age=60 | no: private
5.2.2.7  | Last-Modified: <-1000> ~ Cache-Control: private | no: private
5.2.2.4  | Cache-Control: no-cache | no: no-cache, and nothing to validate it by
5.2.2.4  | Cache-Control: no-cache, max-age=60 | no: no-cache, and nothing to validate it by
5.2.2.4  | Cache-Control: no-cache ~ ETag: "a" | -1 no-cache
5.2.2.4  | Cache-Control: no-cache, max-age=60 ~ ETag: "a" | 59 no-cache
5.2.2.4  | Cache-Control: no-cache, max-age=60 ~ Last-Modified: <-9> | 59 no-cache
5.2.2.4  | Cache-Control: no-cache, max-age=60 ~ ETag: | no: no-cache, and nothing to validate it by
5.2.2.4  | Status: 404 ~ Cache-Control: no-cache, max-age=60 ~ ETag: "a" | no: no-cache, and nothing to validate it by
5.2.2.4  | Cache-Control: no-cache="x-a", max-age=60 | 59
5.2.2.4  | Cache-Control: no-cache="x-a", no-cache, max-age=60 ~ ETag: "a" | 59 no-cache
5.2.2.2  | Cache-Control: max-age=60, must-revalidate | 59 must
5.2.2.8  | Cache-Control: max-age=60, proxy-revalidate | 59 must
5.2.2.10 | Cache-Control: s-maxage=0 ~ ETag: "a" | -1 must
5.2.2.2  | Cache-Control: max-age=0, must-revalidate, stale-if-error=9 | no: it is stale already, and nothing to validate it by
5.2.2.3  | Cache-Control: must-understand, no-store, max-age=60 | 59
5.2.2.3  | Cache-Control: no-store, must-understand, max-age=60 | 59
5.2.2.3  | Cache-Control: must-understand, max-age=60 | 59
5.2.2.3  | Status: 404 ~ Cache-Control: must-understand, no-store, max-age=60 | 59
5.2.2.3  | Status: 299 ~ Cache-Control: must-understand, no-store, max-age=60 | no: must-understand
5.2.2.3  | Status: 299 ~ Cache-Control: must-understand, max-age=60 | no: must-understand
5.2.2.3  | Status: 599 ~ Cache-Control: must-understand, max-age=60 | no: must-understand
5.2.2.3  | Cache-Control: must-understand, no-store, private, max-age=60 | no: private
5861 3   | Cache-Control: max-age=60, stale-while-revalidate=5 | 59 while=5
5861 4   | Cache-Control: max-age=60, stale-if-error=7 | 59 error=7
5861 4   | Cache-Control: max-age=60, stale-while-revalidate=5, stale-if-error=7 | 59 while=5 error=7
5861 3   | Cache-Control: max-age=0, stale-while-revalidate=5 | -1 while=5
5861 4   | Expires: 0 ~ Cache-Control: stale-if-error=5 | -1 error=5
5861 3   | Cache-Control: max-age=60, stale-while-revalidate=x | 59
3.3      | Status: 206 ~ Cache-Control: max-age=60 ~ Content-Range: bytes 0-1/9 | no: the response is a part
3        | Status: 304 ~ Cache-Control: max-age=60 | no: the response is a 304
4.1      | Cache-Control: max-age=60 ~ Vary: * | no: Vary has *
4.1      | Cache-Control: max-age=60 ~ Vary: a, * | no: Vary has *
4.1      | Cache-Control: max-age=60 ~ Vary: B, a ~ Vary: b | 59 vary=a,b
7.3      | Cache-Control: max-age=60 ~ Set-Cookie: a=b | 59
7.3      | Expires: <60> ~ Set-Cookie: a=b | 59
7.3      | Last-Modified: <-1000> ~ Set-Cookie: a=b | no: Set-Cookie without a lifetime
7.3      | ETag: "a" ~ Set-Cookie: a=b | no: Set-Cookie without a lifetime
7.3      | Cache-Control: public ~ Last-Modified: <-1000> ~ Set-Cookie: a=b | no: Set-Cookie without a lifetime
C19      | Cache-Control: max-age=60 ~ X-Accel-Redirect: /x | no: X-Accel-Redirect
C19      | Cache-Control: max-age=60 ~ X-Accel-Buffering: no | no: X-Accel-Buffering: no
C19      | Cache-Control: max-age=60 ~ X-Accel-Buffering: yes | 59
"#,
    );
}

#[test]
fn the_request_has_a_say_in_it() {
    check_with_request(
        "",
        r#"
3        | HEAD / | Cache-Control: max-age=60 | no: the method is not stored
3        | POST / | Cache-Control: max-age=60 ~ Content-Location: / | no: the method is not stored
3        | PUT / | Cache-Control: max-age=60 | no: the method is not stored
3        | DELETE / | Cache-Control: max-age=60 | no: the method is not stored
3        | OPTIONS / | Cache-Control: max-age=60 | no: the method is not stored
3        | FOO / | Cache-Control: max-age=60 | no: the method is not stored
9110 9.3.1 | GET / ~ Content-Length: 5 | Cache-Control: max-age=60 | no: the method is not stored
9110 9.3.1 | GET / ~ Content-Length: 0 | Cache-Control: max-age=60 | 59
5.2.1.5  | GET / ~ Cache-Control: no-store | Cache-Control: max-age=60 | no: the request has no-store
5.2.1.5  | GET / ~ Cache-Control: no-store | X-Accel-Expires: 60 | no: the request has no-store
5.2.1.5  | GET / ~ Cache-Control: no-store | Cache-Control: max-age=60, must-understand | no: the request has no-store
5.2.1.4  | GET / ~ Cache-Control: no-cache | Cache-Control: max-age=60 | 59
5.2.1.1  | GET / ~ Cache-Control: max-age=0 | Cache-Control: max-age=60 | 59
5.2.1.7  | GET / ~ Cache-Control: only-if-cached | Cache-Control: max-age=60 | 59
5.4      | GET / ~ Pragma: no-store | Cache-Control: max-age=60 | 59
3.5      | GET / ~ Authorization: Basic eA== | Cache-Control: max-age=60 | no: the request has Authorization
3.5      | GET / ~ Authorization: Basic eA== | Expires: <60> | no: the request has Authorization
3.5      | GET / ~ Authorization: Basic eA== | Last-Modified: <-1000> | no: the request has Authorization
3.5      | GET / ~ Authorization: Basic eA== | X-Accel-Expires: 60 | no: the request has Authorization
3.5      | GET / ~ Authorization: Basic eA== | Cache-Control: max-age=60, proxy-revalidate | no: the request has Authorization
3.5      | GET / ~ Authorization: Basic eA== | Cache-Control: max-age=60, public | 59
3.5      | GET / ~ Authorization: Basic eA== | Cache-Control: max-age=60, must-revalidate | 59 must
3.5      | GET / ~ Authorization: Basic eA== | Cache-Control: s-maxage=60 | 59 must
3.5      | GET / ~ Authorization: Basic eA== | Cache-Control: s-maxage=x, max-age=60 ~ ETag: "a" | no: the request has Authorization
3.5      | GET / ~ Authorization: Basic eA== | X-Accel-Expires: 60 ~ Cache-Control: public | 59
3.5      | GET / ~ Cookie: a=b | Cache-Control: max-age=60 | 59
"#,
    );
}

#[test]
fn responses_to_post_are_stored_as_what_they_say_they_are() {
    check_with_request(
        "post",
        r#"
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 ~ Content-Location: /a?b | 59
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 ~ Content-Location: http://a/a?b | 59
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 ~ Content-Location: a?b | 59
9110 9.3.3 | POST /a?b | Expires: <60> ~ Content-Location: ?b | 59
9110 9.3.3 | POST /a?b | X-Accel-Expires: 60 ~ Content-Location: /a?b | 59
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 | no: a response to POST about something else
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 ~ Content-Location: /a | no: a response to POST about something else
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 ~ Content-Location: http://b/a?b | no: a response to POST about something else
9110 9.3.3 | POST /a?b | Cache-Control: max-age=60 ~ Content-Location: /a?b ~ Content-Location: /c | no: a response to POST about something else
9110 9.3.3 | POST /a?b | Last-Modified: <-1000> ~ Content-Location: /a?b | no: a response to POST without a lifetime
9110 9.3.3 | GET /a?b | Last-Modified: <-1000> ~ Content-Location: /c | 99
"#,
    );
}

#[test]
fn the_operator_has_a_say_in_it() {
    check_with_settings(
        r#"
C38     |  | X-Accel-Expires: 60 | 59
C38     |  | X-Accel-Expires: 60 ~ Cache-Control: max-age=5 ~ Expires: <7> | 59
C38     |  | X-Accel-Expires: 60 ~ Age: 70 | 59 age=70
C38     |  | Status: 302 ~ X-Accel-Expires: 60 | 59
C38     |  | X-Accel-Expires: @1000000060 | 59
C47     |  | X-Accel-Expires: @999999990 ~ ETag: "a" | -11
R43     |  | X-Accel-Expires: 0 ~ Cache-Control: max-age=60 | no: X-Accel-Expires: 0
R43     |  | X-Accel-Expires: off ~ Cache-Control: max-age=60 | 59
R43     |  | X-Accel-Expires: -5 ~ Cache-Control: max-age=60 | 59
R43     |  | X-Accel-Expires: 60 ~ Cache-Control: no-store | 59
R43     |  | X-Accel-Expires: 60 ~ Cache-Control: no-cache | 59
R43     |  | X-Accel-Expires: 60 ~ Cache-Control: private | 59
R43     |  | X-Accel-Expires: 60 ~ Cache-Control: max-age=5, must-revalidate | 59 must
C45     |  | X-Accel-Expires: 60 ~ Cache-Control: stale-while-revalidate=5, stale-if-error=6 | 59 while=5 error=6
R43     |  | X-Accel-Expires: 60 ~ Set-Cookie: a=b | 59
R43     |  | X-Accel-Expires: 60 ~ Vary: * | no: Vary has *
R43     |  | Status: 206 ~ X-Accel-Expires: 60 | no: the response is a part
C49     | ignore=accel | X-Accel-Expires: 0 ~ Cache-Control: max-age=60 | 59
C49     | ignore=accel | X-Accel-Expires: 60 ~ Cache-Control: no-store | no: no-store
C49     | ignore=cc | Cache-Control: no-store ~ Expires: <60> | 59
C49     | ignore=cc | Cache-Control: max-age=60, stale-if-error=5 ~ Last-Modified: <-1000> | 99
C49     | ignore=cc | Cache-Control: must-revalidate, private="date" ~ Expires: <60> | 59
C49     | ignore=expires | Expires: <60> ~ Last-Modified: <-1000> | 99
C49     | ignore=expires | Expires: 0 ~ Cache-Control: max-age=60 | 59
C49     | ignore=expires any=9 | Expires: 0 | 8
C49     | ignore=vary | Cache-Control: max-age=60 ~ Vary: * | 59
C49     | ignore=vary | Cache-Control: max-age=60 ~ Vary: a | 59
C49     | ignore=cookie | Last-Modified: <-1000> ~ Set-Cookie: a=b | 99
C49     | ignore=redirect | Cache-Control: max-age=60 ~ X-Accel-Redirect: /x | 59
C49     | ignore=buffering | Cache-Control: max-age=60 ~ X-Accel-Buffering: no | 59
C40     | any=9 | Content-Type: text/plain | 8
C40     | any=9 | Last-Modified: <-1000> | 8
C40     | any=9 | Cache-Control: max-age=60 | 59
C40     | any=9 | Expires: <60> | 59
C40     | any=9 | Cache-Control: max-age=0 ~ ETag: "a" | -1
C40     | any=9 | Expires: 0 ~ ETag: "a" | -1
C40     | any=9 | Status: 500 | 8
C40     | 200=9 | Status: 500 | no: nothing allows it
C40     | 200=0 | Last-Modified: <-1000> | no: --cache-valid 0
C40     | 200=0 | Cache-Control: max-age=60 | 59
Z39     | any=9 404=5 | Status: 404 | 4
C40     | valid=9 | Status: 302 | 8
C40     | any=9 | Age: 60 | 8 age=60
C40     | any=9 | Cache-Control: no-store | no: no-store
C40     | any=9 | Cache-Control: private | no: private
C40     | any=9 | Cache-Control: must-revalidate | 8 must
C41     | any=9 | Set-Cookie: a=b | no: Set-Cookie without a lifetime
4.2.4   | use=error | Cache-Control: max-age=0 | -1
4.2.4   | use=error | Cache-Control: max-age=0, must-revalidate | no: it is stale already, and nothing to validate it by
9213 2.2 | targeted=cdn-cache-control | CDN-Cache-Control: max-age=60 ~ Cache-Control: no-store ~ Expires: 0 | 59
9213 2.2 | targeted=cdn-cache-control | CDN-Cache-Control: no-store ~ Cache-Control: max-age=60 | no: no-store
9213 2.2 | targeted=cdn-cache-control | CDN-Cache-Control: must-revalidate ~ Expires: <60> ~ Last-Modified: <-1000> | 99 must
9213 2.2 | targeted=cdn-cache-control | CDN-Cache-Control: ~ Cache-Control: max-age=60 | 59
9213 2.1 | targeted=cdn-cache-control | CDN-Cache-Control: max-age=5,, ~ Cache-Control: max-age=60 | 59
9213 2.2 | targeted=a targeted=b | B: max-age=5 ~ A: max-age=60 | 59
9213 2.2 | targeted=a targeted=b | B: max-age=60 ~ A: (( | 59
9213 2.2 | targeted=a ignore=cc | A: max-age=60 ~ Cache-Control: max-age=5 | 59
9213 2.2 | targeted=a | A: max-age=5 ~ X-Accel-Expires: 60 | 59
9213 2.2 |  | CDN-Cache-Control: max-age=5 ~ Cache-Control: max-age=60 | 59
"#,
    );
}

#[test]
fn only_what_is_for_all_is_stored() {
    let lines = "Cache-Control: max-age=60, private=\"x-me\", no-cache=\"x-now\" ~ X-Me: 1 ~ X-Now: 2 ~ X-All: 3 \
                 ~ Set-Cookie: a=b ~ Age: 5 ~ Connection: x-hop ~ X-Hop: 4 ~ Date: <-5> ~ Content-Length: 7";
    let settings = settings("");
    let stored = settings
        .book()
        .store(&request("GET /"), &head(lines), TIMES);
    let Ok(Parsed::Done(stored, _)) = parse(&stored.expect(lines).head, &mut 0) else {
        panic!("{lines}");
    };
    let names: Vec<_> = stored.fields().map(|(name, _)| name).collect();
    let expected: [&[u8]; 3] = [b"Cache-Control", b"X-All", b"Date"];
    assert_eq!(names, expected, "3.1, 5.2.2.4, 5.2.2.7");
}
