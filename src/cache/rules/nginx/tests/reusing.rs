//! What answers fresh, and what answers stale.

use super::*;

#[test]
fn fresh_ones_answer_and_expired_ones_may_while_somebody_asks() {
    // Rule, settings, the entry, seconds later, whether it is fresh, or may answer while the application is asked.
    let table = r#"
C21 |                       | fresh=10 | 0 | fresh
C21 |                       | fresh=10 | 9 | fresh
C21 |                       | fresh=10 | 10 | fresh
C21 |                       | fresh=10 | 11 | ask
C21 |                       | fresh=0 | 0 | fresh
C21 |                       | fresh=0 | 1 | ask
C21 |                       | fresh=10 must | 10 | fresh
C30 | use=updating          | fresh=10 | 10 | fresh
C30 | use=updating          | fresh=10 | 11 | may
C30 | use=updating          | fresh=10 | 99999 | may
C30 | use=error use=timeout | fresh=10 | 11 | ask
C30 |                       | fresh=10 while=5 | 11 | may
C30 |                       | fresh=10 while=5 | 15 | may
C30 |                       | fresh=10 while=5 | 16 | ask
C30 |                       | fresh=10 error=5 | 11 | ask
C30 | use=updating          | fresh=10 while=5 | 16 | may
Z40 | use=updating          | fresh=10 must | 11 | ask
Z40 |                       | fresh=10 while=5 must | 11 | ask
Z40 | use=updating          | fresh=10 no-cache | 5 | ask
Z40 |                       | fresh=10 while=5 no-cache | 12 | ask
"#;
    for [rule, words, entry, later, expected] in rows(table) {
        let settings = Settings::of(words);
        let now = NOW + later.parse::<u64>().expect("seconds");
        // C48: what the request says (no-store here) means nothing.
        let reuse = settings.book().reuse(&meta(entry), &request("GET"), now);
        assert_eq!(
            reused(reuse),
            expected,
            "{rule}: [{words}] {entry} +{later}"
        );
    }
}

#[test]
fn stale_ones_answer_in_place_of_the_troubles_that_are_listed() {
    // Rule, settings, the entry, the trouble, seconds later, whether it answers.
    let table = r#"
C29 |                    | fresh=10 | error | 99 | no
C29 |                    | fresh=10 | timeout | 99 | no
C29 |                    | fresh=10 | invalid_header | 99 | no
C29 |                    | fresh=10 | 500 | 99 | no
C29 | use=error          | fresh=10 | error | 99 | stale
C29 | use=error          | fresh=10 | timeout | 99 | no
C29 | use=error          | fresh=10 | invalid_header | 99 | no
C29 | use=error          | fresh=10 | 500 | 99 | no
C29 | use=timeout        | fresh=10 | timeout | 99 | stale
C29 | use=timeout        | fresh=10 | error | 99 | no
C29 | use=invalid_header | fresh=10 | invalid_header | 99 | stale
C29 | use=invalid_header | fresh=10 | error | 99 | no
C29 | use=updating       | fresh=10 | error | 99 | no
C32 | use=500            | fresh=10 | 500 | 99 | stale
C32 | use=500            | fresh=10 | 503 | 99 | no
C32 | use=503            | fresh=10 | 503 | 99 | stale
C32 | use=403            | fresh=10 | 403 | 99 | stale
C32 | use=404            | fresh=10 | 404 | 99 | stale
C32 | use=429            | fresh=10 | 429 | 99 | stale
C32 | use=404            | fresh=10 | 410 | 99 | no
C32 | use=500 use=503    | fresh=10 | 502 | 99 | no
C31 |                    | fresh=10 error=5 | error | 15 | stale
C31 |                    | fresh=10 error=5 | error | 16 | no
C31 |                    | fresh=10 error=5 | timeout | 15 | stale
C31 |                    | fresh=10 error=5 | invalid_header | 15 | stale
C31 |                    | fresh=10 while=5 | error | 12 | no
C31 | use=error          | fresh=10 error=5 | error | 99 | stale
Z41 |                    | fresh=10 error=5 | 500 | 15 | stale
Z41 |                    | fresh=10 error=5 | 502 | 15 | stale
Z41 |                    | fresh=10 error=5 | 503 | 15 | stale
Z41 |                    | fresh=10 error=5 | 504 | 15 | stale
Z41 |                    | fresh=10 error=5 | 500 | 16 | no
Z41 |                    | fresh=10 error=5 | 501 | 15 | no
Z41 |                    | fresh=10 error=5 | 404 | 15 | no
Z41 |                    | fresh=10 error=5 | 403 | 15 | no
Z40 | use=error          | fresh=10 must | error | 12 | no
Z40 | use=500            | fresh=10 must | 500 | 12 | no
Z40 |                    | fresh=10 error=5 must | error | 12 | no
Z40 |                    | fresh=10 error=5 must | 503 | 12 | no
Z40 | use=error          | fresh=10 no-cache | error | 12 | no
"#;
    for [rule, words, entry, what, later, expected] in rows(table) {
        let settings = Settings::of(words);
        let now = NOW + later.parse::<u64>().expect("seconds");
        let may = settings
            .book()
            .stale_on(&meta(entry), &request("GET"), trouble(what), now);
        let outcome = if may { "stale" } else { "no" };
        assert_eq!(
            outcome, expected,
            "{rule}: [{words}] {entry} {what} +{later}"
        );
    }
}

/// What came when the clock was ahead is not fresh, and its windows are as little known.
#[test]
fn what_is_of_the_future_answers_only_where_the_settings_let_it() {
    // Settings, the entry, whether it may answer while the application is asked, or in place of an error.
    let table = r#"
           | fresh=10                 | ask | no
           | fresh=10 while=5 error=5 | ask | no
use=updating | fresh=10               | may | no
use=error  | fresh=10                 | ask | stale
"#;
    for [words, entry, while_asked, on_error] in rows(table) {
        let settings = Settings::of(words);
        let (meta, now) = (meta(entry), NOW - 1000);
        let reuse = settings.book().reuse(&meta, &request("GET"), now);
        assert_eq!(reused(reuse), while_asked, "[{words}] {entry}");
        let may = settings
            .book()
            .stale_on(&meta, &request("GET"), trouble("error"), now);
        let outcome = if may { "stale" } else { "no" };
        assert_eq!(outcome, on_error, "[{words}] {entry}");
    }
}
