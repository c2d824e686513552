//! What is stored, and for how long.

use super::*;

/// Rule, settings, lines of the head, outcome.
#[track_caller]
fn check(table: &str) {
    for [rule, words, lines, expected] in rows(table) {
        let settings = Settings::of(words);
        let stored = settings.book().store(&request("GET"), &head(lines), TIMES);
        let outcome = match &stored {
            Ok(storable) => line(storable),
            Err(why) => format!("no: {why}"),
        };
        assert_eq!(outcome, expected, "{rule}: [{words}] {lines}");
    }
}

#[test]
fn directives_give_the_time_or_forbid() {
    check(
        r#"
C43 |       | Cache-Control: max-age=60 | 60
C43 |       | Cache-Control: MAX-AGE=60 | 60
C43 |       | Cache-Control: s-maxage=60 | 60
C43 |       | Cache-Control: max-age=1, s-maxage=60 | 60
C43 |       | Cache-Control: s-maxage=60, max-age=1 | 60
C43 |       | Cache-Control: max-age=1 ~ Cache-Control: s-maxage=60 | 60
C43 |       | Cache-Control: max-age=60; public | 60
C43 |       | Cache-Control: max-age=60 public | 60
C43 |       | Cache-Control: public,max-age=60 | 60
C43 |       | Cache-Control: max-age=060 | 60
C43 |       | Cache-Control: max-age=0 | no: max-age is 0
C43 |       | Cache-Control: s-maxage=0, max-age=60 | no: max-age is 0
C43 | any=9 | Cache-Control: max-age=0 | no: max-age is 0
C43 |       | Cache-Control: max-age= | no: max-age is no number
C43 |       | Cache-Control: max-age | no: max-age is no number
C43 |       | Cache-Control: max-age=-1 | no: max-age is no number
C43 |       | Cache-Control: max-age=1.5 | no: max-age is no number
C43 |       | Cache-Control: max-age=60s | no: max-age is no number
C43 | any=9 | Cache-Control: max-age=x | no: max-age is no number
C43 |       | Cache-Control: s-maxage=x, max-age=60 | no: max-age is no number
C43 |       | Cache-Control: max-age =60 | no: max-age is no number
C43 |       | Cache-Control: max-age=99999999999999999999 | 2147483648
C43 |       | Cache-Control: max-age=4294967296 | 2147483648
Z40 |       | Cache-Control: max-age="60" | 60
Z40 |       | Cache-Control: max-age=60, max-age=1 | 60
Z40 |       | Cache-Control: max-age=60 ~ Cache-Control: max-age=0 | 60
Z40 |       | Cache-Control: max-age=x, max-age=60 | no: max-age is no number
C42 |       | Cache-Control: no-store | no: no-store
C42 |       | Cache-Control: no-cache | no: no-cache
C42 |       | Cache-Control: private | no: private
C42 |       | Cache-Control: No-Store, Max-Age=60 | no: no-store
C42 |       | Cache-Control: max-age=60, no-cache | no: no-cache
C42 |       | Cache-Control: max-age=60, private | no: private
C42 | any=9 | Cache-Control: private | no: private
C42 |       | Cache-Control: max-age=60; private | no: private
C42 |       | Cache-Control: max-age=60 private | no: private
C42 |       | Cache-Control: no-store=1, max-age=60 | no: no-store
C42 |       | Cache-Control: private="", max-age=60 | no: private
C42 |       | Cache-Control: private="a, max-age=60 | no: private
C45 |       | Cache-Control: no-cache ~ Cache-Control: max-age=60 | no: no-cache
C45 |       | Cache-Control: max-age=60 ~ Cache-Control: no-store | no: no-store
Z40 |       | Cache-Control: no-cache="Set-Cookie", max-age=60 | 60
Z40 |       | Cache-Control: private="X-User", max-age=60 | 60
Z40 |       | Cache-Control: private=x-user, max-age=60 | 60
Z40 |       | Cache-Control: no-cache=a, no-cache, max-age=60 | no: no-cache
Z40 |       | Cache-Control: x-no-store-please, max-age=60 | 60
Z40 |       | Cache-Control: community="private", max-age=60 | 60
Z40 |       | Cache-Control: x="max-age=5", max-age=60 | 60
Z40 |       | Cache-Control: x="a\", no-store", max-age=60 | 60
Z40 |       | Cache-Control: x-max-age=5 | no: nothing gives it a time
Z40 |       | Cache-Control: max-age=60, must-revalidate | 60 must
Z40 |       | Cache-Control: max-age=60, proxy-revalidate | 60 must
Z40 | any=9 | Cache-Control: must-revalidate | 9 must
C48 |       | Cache-Control: public | no: nothing gives it a time
C48 |       | Cache-Control: immutable | no: nothing gives it a time
C48 |       | Pragma: no-cache ~ Cache-Control: max-age=60 | 60
C48 |       | Cache-Control: max-age=60, no-transform, immutable | 60
C48 |       | Cache-Control: max-age=60, s-maxage=60, must-understand | 60
"#,
    );
}

#[test]
fn stale_windows_are_those_of_the_directives() {
    check(
        r#"
C33 |                 | Cache-Control: max-age=60, stale-while-revalidate=5 | 60 while=5 error=5
C33 |                 | Cache-Control: max-age=60, stale-if-error=7 | 60 error=7
C33 |                 | Cache-Control: max-age=60, stale-if-error=7, stale-while-revalidate=5 | 60 while=5 error=7
C33 |                 | Cache-Control: max-age=60, stale-while-revalidate=5, stale-if-error=7 | 60 while=5 error=7
C33 |                 | Cache-Control: max-age=60, stale-while-revalidate=5 ~ Cache-Control: stale-if-error=0 | 60 while=5
C33 |                 | Cache-Control: max-age=60, stale-while-revalidate=x | 60
C33 |                 | Cache-Control: max-age=60, stale-if-error | 60
C33 | any=9           | Cache-Control: stale-while-revalidate=5 | 9 while=5 error=5
C33 |                 | Expires: <60> ~ Cache-Control: stale-if-error=5 | 60 error=5
C45 |                 | X-Accel-Expires: 60 ~ Cache-Control: no-store, stale-if-error=5 | 60 error=5
C45 |                 | X-Accel-Expires: 60 ~ Cache-Control: max-age=9, stale-while-revalidate=5 | 60 while=5 error=5
C49 | any=9 ignore=cc | Cache-Control: max-age=60, stale-if-error=5 | 9
Z40 |                 | Cache-Control: max-age=60, must-revalidate, stale-if-error=5 | 60 error=5 must
"#,
    );
}

#[test]
fn accel_expires_goes_before_all() {
    check(
        r#"
C38 |              | X-Accel-Expires: 60 | 60
C38 |              | X-Accel-Expires: 60 ~ Cache-Control: max-age=5 | 60
C38 |              | Cache-Control: max-age=5 ~ X-Accel-Expires: 60 | 60
C38 |              | X-Accel-Expires: 60 ~ Expires: <5> | 60
C38 | any=9        | X-Accel-Expires: 60 | 60
C38 |              | X-Accel-Expires: 0 | no: X-Accel-Expires: 0
C38 | any=9        | X-Accel-Expires: 0 ~ Cache-Control: max-age=5 | no: X-Accel-Expires: 0
C38 |              | Cache-Control: max-age=5 ~ X-Accel-Expires: 000 | no: X-Accel-Expires: 0
C45 |              | X-Accel-Expires: 60 ~ Cache-Control: no-cache | 60
C45 |              | Cache-Control: no-cache ~ X-Accel-Expires: 60 | 60
C45 |              | Cache-Control: no-store ~ X-Accel-Expires: 60 | 60
C45 |              | Cache-Control: private ~ X-Accel-Expires: 60 | 60
C45 |              | Cache-Control: max-age=0 ~ X-Accel-Expires: 60 | 60
C45 |              | Cache-Control: max-age=x ~ X-Accel-Expires: 60 | 60
C45 |              | Cache-Control: must-revalidate ~ X-Accel-Expires: 60 | 60 must
C46 |              | Expires: 0 ~ X-Accel-Expires: 60 | 60
C47 |              | X-Accel-Expires: @1000000060 | 60
C47 |              | X-Accel-Expires: @1000000000 | 0
C47 |              | X-Accel-Expires: @999999990 | -10
C47 | any=9        | X-Accel-Expires: @999999990 | -10
C47 |              | X-Accel-Expires: @1 ~ Cache-Control: no-store | -999999999
C38 |              | X-Accel-Expires: x | no: nothing gives it a time
C38 | any=9        | X-Accel-Expires: off | 9
C38 |              | X-Accel-Expires: -1 ~ Cache-Control: max-age=5 | 5
C38 |              | X-Accel-Expires: 1m ~ Cache-Control: max-age=5 | 5
C38 |              | X-Accel-Expires: @ ~ Cache-Control: max-age=5 | 5
C38 |              | X-Accel-Expires: @-5 ~ Cache-Control: max-age=5 | 5
C38 |              | X-Accel-Expires: ~ Cache-Control: no-store | no: no-store
C38 |              | X-Accel-Expires: 99999999999999999999 ~ Cache-Control: max-age=5 | 5
R19 |              | X-Accel-Expires: 60 ~ X-Accel-Expires: 5 | 60
C49 | ignore=accel | X-Accel-Expires: 60 | no: nothing gives it a time
C49 | ignore=accel | X-Accel-Expires: 0 ~ Cache-Control: max-age=5 | 5
C49 | ignore=accel | X-Accel-Expires: 60 ~ Cache-Control: private | no: private
"#,
    );
}

#[test]
fn expires_comes_after_directives_and_settings_last() {
    check(
        r#"
C38 |                          | Expires: <60> | 60
C38 | any=9                    | Expires: <60> | 60
C21 |                          | Expires: <0> | 0
C46 |                          | Expires: <-1> | no: Expires is past
C46 |                          | Expires: 0 | no: Expires is past
C46 |                          | Expires: -1 | no: Expires is past
C46 |                          | Expires: | no: Expires is past
C46 | any=9                    | Expires: never | no: Expires is past
C46 |                          | Expires: Thu, 01 Jan 1970 00:00:00 GMT | no: Expires is past
C44 |                          | Expires: <60> ~ Cache-Control: max-age=5 | 5
C44 |                          | Cache-Control: max-age=5 ~ Expires: <60> | 5
C44 |                          | Expires: <-9> ~ Cache-Control: max-age=5 | 5
C44 |                          | Cache-Control: max-age=5 ~ Expires: 0 | 5
C44 |                          | Expires: <60> ~ Cache-Control: max-age=0 | no: max-age is 0
C44 |                          | Expires: <60> ~ Cache-Control: no-store | no: no-store
C44 |                          | Expires: <60> ~ Cache-Control: public | 60
C44 |                          | Expires: <60> ~ Cache-Control: must-revalidate | 60 must
R19 |                          | Expires: <60> ~ Expires: <5> | 60
C49 | ignore=expires           | Expires: <60> | no: nothing gives it a time
C49 | ignore=expires any=9     | Expires: 0 | 9
C49 | ignore=expires           | Expires: 0 ~ Cache-Control: max-age=5 | 5
C49 | ignore=cc                | Cache-Control: no-store ~ Expires: <60> | 60
C49 | ignore=cc any=9          | Cache-Control: max-age=60 | 9
C49 | ignore=cc any=9          | Cache-Control: private, must-revalidate | 9
C49 | ignore=cc ignore=expires | Cache-Control: max-age=5 ~ Expires: <60> | no: nothing gives it a time
C38 |                          | X-Nothing: said | no: nothing gives it a time
C38 |                          | Last-Modified: <-90000> | no: nothing gives it a time
C38 | any=9                    | X-Nothing: said | 9
C40 | valid=9                  | X-Nothing: said | 9
C40 | valid=9                  | Status: 301 | 9
C40 | valid=9                  | Status: 302 | 9
C40 | valid=9                  | Location: http://b/ | 9
C40 | valid=9                  | Status: 404 | no: nothing gives it a time
C40 | valid=9                  | Status: 303 | no: nothing gives it a time
C40 | 404=5                    | Status: 404 | 5
C40 | 404=5                    | Status: 200 | no: nothing gives it a time
C40 | 200=0 any=9              | Status: 200 | no: nothing gives it a time
C40 | any=0                    | Status: 200 | no: nothing gives it a time
C40 | any=0                    | Status: 200 ~ Cache-Control: max-age=5 | 5
C40 | 404=5 404=8              | Status: 404 | 5
Z39 | any=9 404=5              | Status: 404 | 5
Z39 | any=9 404=0              | Status: 404 | no: nothing gives it a time
Z39 | any=9 valid=5            | Status: 301 | 5
Z39 | any=9 valid=5            | Status: 500 | 9
"#,
    );
}

#[test]
fn the_age_of_a_response_is_a_part_of_its_time() {
    check(
        r#"
Z42 |        | Cache-Control: max-age=60 ~ Age: 10 | 50 age=10
Z42 |        | Cache-Control: s-maxage=60 ~ Age: 10 | 50 age=10
Z42 |        | Cache-Control: max-age=60 ~ Age: 59 | 1 age=59
Z42 |        | Cache-Control: max-age=60 ~ Age: 60 | no: it is older than its max-age
Z42 |        | Cache-Control: max-age=60 ~ Age: 99999999999 | no: it is older than its max-age
Z42 |        | Cache-Control: max-age=60 ~ Age: x | 60
Z42 |        | Cache-Control: max-age=60 ~ Age: -5 | 60
Z42 |        | Cache-Control: max-age=60 ~ Age: 5, 20 | 55 age=5
Z42 |        | Cache-Control: max-age=60 ~ Date: <0> | 60
Z42 |        | Cache-Control: max-age=60 ~ Date: <-20> | 40 age=20
Z42 |        | Cache-Control: max-age=60 ~ Date: <-20> ~ Age: 30 | 30 age=30
Z42 |        | Cache-Control: max-age=60 ~ Date: <-20> ~ Age: 3 | 40 age=20
Z42 |        | Cache-Control: max-age=60 ~ Date: <50> | 60
Z42 |        | Cache-Control: max-age=60 ~ Date: yesterday | 60
Z42 |        | X-Accel-Expires: 60 ~ Age: 10 | 60 age=10
Z42 | any=60 | Age: 10 | 60 age=10
Z42 | any=60 | Date: <-20> | 60 age=20
Z42 |        | Expires: <60> ~ Age: 10 | 60 age=10
"#,
    );
}

#[test]
fn some_responses_are_never_stored() {
    check(
        r#"
C41 |                        | Cache-Control: max-age=60 ~ Set-Cookie: a=b | no: Set-Cookie
C41 | any=9                  | set-cookie: a=b | no: Set-Cookie
C41 |                        | X-Accel-Expires: 60 ~ Set-Cookie: a=b | no: Set-Cookie
C41 | ignore=cookie          | Cache-Control: max-age=60 ~ Set-Cookie: a=b | 60
C41 |                        | Cache-Control: max-age=60, no-cache="set-cookie" ~ Set-Cookie: a=b | no: Set-Cookie
Z50 |                        | Status: 206 ~ Cache-Control: max-age=60 | no: the response is a part
Z50 | 206=9                  | Status: 206 | no: the response is a part
C39 | any=9                  | Status: 304 | no: the response is a 304
C39 |                        | Status: 404 ~ Cache-Control: max-age=60 | 60
C39 |                        | Status: 500 ~ Cache-Control: max-age=60 | 60
C39 |                        | Status: 204 ~ Expires: <60> | 60
C39 |                        | Status: 599 ~ X-Accel-Expires: 60 | 60
C19 | any=9                  | X-Accel-Redirect: /x | no: X-Accel-Redirect
C19 | any=9 ignore=redirect  | X-Accel-Redirect: /x | 9
C19 | any=9                  | X-Accel-Buffering: no | no: X-Accel-Buffering: no
C19 | any=9                  | X-Accel-Buffering: yes | 9
C19 | any=9 ignore=buffering | X-Accel-Buffering: no | 9
"#,
    );
}

#[test]
fn vary_is_kept_as_names() {
    check(
        r#"
C52 | any=9             | Vary: Accept | 9 vary=accept
C52 | any=9             | Vary: B ~ Vary: A | 9 vary=a,b
C52 | any=9             | Vary: | 9
C51 | any=9             | Vary: * | no: Vary has *
Z44 | any=9             | Vary: Accept, * | no: Vary has *
Z44 | any=9             | Vary: b, A,b,,a | 9 vary=a,b
C51 | any=9             | Vary: a b | no: Vary has what is no field name
C49 | any=9 ignore=vary | Vary: Accept | 9
C49 | any=9 ignore=vary | Vary: * | 9
"#,
    );
}

#[test]
fn a_targeted_field_stands_in_for_the_others() {
    check(
        r#"
RFC 9213 |                                      | T: max-age=60 | no: nothing gives it a time
RFC 9213 | targeted=t                           | T: max-age=60 | 60
RFC 9213 | targeted=t                           | T: max-age=60 ~ Cache-Control: no-store | 60
RFC 9213 | targeted=t                           | T: no-store ~ Cache-Control: max-age=60 | no: no-store
RFC 9213 | targeted=t                           | T: max-age=60 ~ Expires: 0 | 60
RFC 9213 | targeted=t                           | T: public ~ Expires: <60> | no: nothing gives it a time
RFC 9213 | targeted=t                           | T: max-age=60, &&& ~ Cache-Control: max-age=5 | 5
RFC 9213 | targeted=t                           | T: max-age="60" ~ Cache-Control: max-age=5 | no: max-age is no number
RFC 9213 | targeted=t                           | T: ~ Cache-Control: max-age=5 | 5
RFC 9213 | targeted=t                           | T: no-store=?0, max-age=60 | 60
RFC 9213 | targeted=t                           | T: max-age=60;x=1, must-revalidate | 60 must
RFC 9213 | targeted=u targeted=t                | T: max-age=60 ~ U: max-age=7 | 7
RFC 9213 | targeted=u targeted=t                | T: max-age=60 ~ U: Max | 60
C38      | targeted=t                           | T: no-store ~ X-Accel-Expires: 9 | 9
C49      | ignore=cc targeted=t | T: max-age=60 | 60
"#,
    );
}

#[test]
fn methods_are_those_of_the_settings() {
    // Rule, settings, method, part.
    let rows = [
        ("C9", "", "GET", Part::Takes),
        ("C9", "", "HEAD", Part::Takes),
        ("C9", "", "POST", Part::None),
        ("C9", "post", "POST", Part::Takes),
        ("C9", "post", "PUT", Part::None),
        ("C9", "", "DELETE", Part::None),
        ("C9", "", "OPTIONS", Part::None),
        ("C9", "", "PURGE", Part::None),
        ("C9", "", "get", Part::None),
    ];
    for (rule, words, method, part) in rows {
        let settings = Settings::of(words);
        let (book, request) = (settings.book(), request(method));
        assert_eq!(book.part(&request), part, "{rule} {method}");
        let head = head("Cache-Control: max-age=60");
        let stored = book.store(&request, &head, TIMES);
        assert_eq!(stored.is_ok(), part == Part::Takes, "{rule} {method}");
        assert!(!book.only_if_cached(&request), "C48");
        assert_eq!(
            book.invalidates(&request, &head),
            None,
            "Z54 is no option here"
        );
        assert!(book.converts_head(), "Z38");
    }
}

#[test]
fn what_only_some_may_see_is_not_kept() {
    // Rule, settings, a field that is gone, lines of the head.
    let table = r#"
Z50 | ignore=cookie | set-cookie | Cache-Control: max-age=9 ~ Set-Cookie: a=b
Z40 |               | x-user | Cache-Control: max-age=9, private="x-user, y" ~ X-User: me
Z40 |               | x-user | Cache-Control: max-age=9, no-cache="y,X-User" ~ X-User: me
Z40 |               | x-user | Cache-Control: private=x-user ~ X-Accel-Expires: 9 ~ X-User: me
Z42 |               | age | Cache-Control: max-age=9 ~ Age: 5
3.1 |               | content-length | Cache-Control: max-age=9 ~ Content-Length: 5
3.1 |               | connection | Cache-Control: max-age=9 ~ Connection: close
"#;
    for [rule, words, gone, lines] in rows(table) {
        let settings = Settings::of(words);
        let stored = settings.book().store(&request("GET"), &head(lines), TIMES);
        let Ok(Parsed::Done(head, _)) = parse(&stored.expect(lines).head, &mut 0) else {
            panic!("{rule}: {lines}");
        };
        assert_eq!(head.field(gone), None, "{rule}");
        assert!(head.field("date").is_some(), "{rule}");
    }
}
