//! What a 304 does to what is stored.

use super::*;

#[test]
fn a_304_gives_new_times_or_ends_the_entry() {
    // Rule, settings, lines of the stored head and of the 304, outcome.
    let table = r#"
C58      |                 | ETag: "a" ~ Cache-Control: max-age=60 | ETag: "a" | 60
C58      | any=9           | ETag: "a" ~ Cache-Control: max-age=60 |  | 60
C58      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: max-age=5 | 5
C58      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: s-maxage=5 | 5
C58      |                 | ETag: "a" ~ Cache-Control: max-age=60 | X-Accel-Expires: 5 | 5
C58      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Expires: <5> | 5
C58      |                 | X-Accel-Expires: 60 ~ Cache-Control: private | Cache-Control: max-age=5 | 5
C58      |                 | X-Accel-Expires: 60 |  | 60
C58      |                 | X-Accel-Expires: @999999999 |  | -1
C58      |                 | Expires: <60> |  | 60
C58      |                 | ETag: "a" | Expires: <5> | 5
C58      | any=9           | ETag: "a" | ETag: "a" | 9
C58      | 200=9           | ETag: "a" |  | 9
C58      | 304=9           | ETag: "a" |  | -1
C60      |                 | ETag: "a" | ETag: "a" | -1
C60      |                 | ETag: "a" | Cache-Control: max-age=0 | -1
C60      | any=9           | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: max-age=0 | -1
C60      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: max-age=x | -1
C60      |                 | Expires: <-5> |  | -1
C60      |                 | ETag: "a" | Expires: 0 | -1
C58      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Expires: 0 | 60
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: no-store | drop
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: private | drop
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: no-cache | drop
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: max-age=60, No-Store | drop
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | X-Accel-Expires: 0 | drop
Z43      |                 | X-Accel-Expires: 60 ~ Cache-Control: private | Cache-Control: private | drop
Z43      |                 | X-Accel-Expires: 60 ~ Cache-Control: private |  | 60
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: no-cache="x", max-age=5 | 5
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: no-store ~ X-Accel-Expires: 5 | 5
Z43      | ignore=cc any=9 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: no-store | 9
Z43      | ignore=accel    | ETag: "a" ~ Cache-Control: max-age=60 | X-Accel-Expires: 0 | 60
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Vary: * | drop
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Vary: Accept | 60 vary=accept
Z43      |                 | Vary: b ~ Cache-Control: max-age=60 |  | 60 vary=b
Z43      |                 | Vary: b ~ Cache-Control: max-age=60 | Vary: a | 60 vary=a
C59      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Set-Cookie: a=b | 60
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: max-age=5, must-revalidate | 5 must
Z43      |                 | Cache-Control: max-age=60, must-revalidate |  | 60 must
Z43      |                 | Cache-Control: max-age=60, must-revalidate | Cache-Control: max-age=5 | 5
Z43      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: stale-if-error=5 | -1 error=5
C33      |                 | Cache-Control: max-age=60, stale-if-error=5 |  | 60 error=5
Z42      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Age: 10 | 50 age=10
Z42      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Date: <-10> | 50 age=10
Z42      |                 | Date: <-99> ~ Cache-Control: max-age=60 |  | 60
Z42      |                 | Date: <-99> ~ Cache-Control: max-age=60 | Date: <0> | 60
Z42      |                 | ETag: "a" ~ Cache-Control: max-age=60 | Cache-Control: max-age=5 ~ Age: 9 | -1 age=9
RFC 9213 | targeted=t      | ETag: "a" ~ Cache-Control: max-age=60 | T: max-age=5 | 5
RFC 9213 | targeted=t      | ETag: "a" ~ Cache-Control: max-age=60 | T: no-store | drop
RFC 9213 | targeted=t      | T: max-age=60 | Cache-Control: max-age=5 | 5
RFC 9213 | targeted=t      | T: max-age=60 |  | 60
"#;
    for [rule, words, stored, lines, expected] in rows(table) {
        let settings = Settings::of(words);
        let newer = head(&format!("Status: 304\n{lines}"));
        let outcome = settings
            .book()
            .freshen(&request("GET"), &entry(stored), &newer, TIMES);
        let outcome = freshened(&outcome);
        assert_eq!(outcome, expected, "{rule}: [{words}] {stored} {lines}");
    }
}

#[test]
fn the_fields_of_a_304_are_stored() {
    let settings = Settings::of("");
    let entry = entry("Status: 200 Fine\nCache-Control: max-age=60\nX-A: old\nX-B: old");
    let newer = head("Status: 304\nX-A: new\nSet-Cookie: a=b\nDate: <0>");
    let freshened = settings
        .book()
        .freshen(&request("GET"), &entry, &newer, TIMES);
    let Freshened::Update(storable) = freshened else {
        panic!("{freshened:?}");
    };
    assert_eq!(
        String::from_utf8_lossy(&storable.head),
        "HTTP/1.1 200 Fine\r\nCache-Control: max-age=60\r\nX-B: old\r\nX-A: new\r\n\
         Date: Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\n"
    );
}

#[test]
fn a_head_says_nothing_about_what_is_stored() {
    let settings = Settings::of("");
    let seen = settings.book().head_seen(
        &request("HEAD"),
        &entry("Cache-Control: max-age=60"),
        &head("Cache-Control: no-store"),
        TIMES,
    );
    assert_eq!(seen, None, "Z38");
}
