//! For how long a response is good, end to end (C38 to C50); the rules' own tables are with the rules.

use super::{Cached, Origin, date, seconds_from_now};

/// Asks twice and says what the second request met.
#[track_caller]
fn second(cached: &Cached, origin: &Origin, fields: &str) -> String {
    let path = format!("/{}", origin.asked_at_all());
    origin.says(&path, fields, "{n}");
    assert_eq!(cached.get(&path).cache, "MISS", "{fields:?}");
    cached.get(&path).cache
}

#[track_caller]
fn table(flags: &[&str], rows: &[(String, &str)]) {
    let origin = Origin::new();
    let cached = Cached::start(&origin, flags);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(fields, right)| {
            let got = second(&cached, &origin, fields);
            (got != *right).then(|| format!("{fields:?}: {got} instead of {right}"))
        })
        .collect();
    assert!(wrong.is_empty(), "with {flags:?}:\n{}", wrong.join("\n"));
}

/// C38, C43 to C47.
#[test]
fn the_fields_of_the_response_give_the_time() {
    let (past, future) = (date(-100), date(100));
    let soon = seconds_from_now(100);
    let rows = [
        (String::new(), "MISS"),
        ("Cache-Control: max-age=100\r\n".into(), "HIT"),
        ("Cache-Control: MAX-AGE=100\r\n".into(), "HIT"),
        ("Cache-Control: max-age=0\r\n".into(), "MISS"),
        ("Cache-Control: s-maxage=100, max-age=0\r\n".into(), "HIT"),
        ("Cache-Control: max-age=100, s-maxage=0\r\n".into(), "MISS"),
        (
            "Cache-Control: max-age=99999999999999999999\r\n".into(),
            "HIT",
        ),
        ("Cache-Control: max-age=many\r\n".into(), "MISS"),
        ("Cache-Control: public\r\n".into(), "MISS"),
        (format!("Expires: {future}\r\n"), "HIT"),
        (format!("Expires: {past}\r\n"), "MISS"),
        ("Expires: 0\r\n".into(), "MISS"),
        ("X-Accel-Expires: 100\r\n".into(), "HIT"),
        ("X-Accel-Expires: 0\r\n".into(), "MISS"),
        (format!("X-Accel-Expires: @{soon}\r\n"), "HIT"),
        ("X-Accel-Expires: @1\r\n".into(), "EXPIRED"),
        // C38: which goes before which.
        (
            "X-Accel-Expires: 0\r\nCache-Control: max-age=100\r\n".into(),
            "MISS",
        ),
        (
            format!("Expires: {past}\r\nCache-Control: max-age=100\r\n"),
            "HIT",
        ),
        (
            format!("Cache-Control: max-age=100\r\nExpires: {past}\r\n"),
            "HIT",
        ),
        (
            format!("Expires: {past}\r\nX-Accel-Expires: 100\r\n"),
            "HIT",
        ),
        // C45: a later field cannot take back what an earlier one forbids, X-Accel-Expires can.
        (
            "Cache-Control: no-cache\r\nCache-Control: max-age=100\r\n".into(),
            "MISS",
        ),
        (
            "Cache-Control: no-cache\r\nX-Accel-Expires: 100\r\n".into(),
            "HIT",
        ),
        (
            "X-Accel-Expires: 100\r\nCache-Control: no-cache\r\n".into(),
            "HIT",
        ),
        // C48: no effect.
        (
            "Pragma: no-cache\r\nCache-Control: max-age=100\r\n".into(),
            "HIT",
        ),
        (
            "Cache-Control: max-age=100, must-revalidate, immutable\r\n".into(),
            "HIT",
        ),
    ];
    table(&[], &rows);
}

/// C41, C42, C51: what forbids storing although the settings have a time.
#[test]
fn some_fields_forbid_storing() {
    let rows = [
        (String::new(), "HIT"),
        ("Cache-Control: public\r\n".into(), "HIT"),
        ("Cache-Control: no-store\r\n".into(), "MISS"),
        ("Cache-Control: No-Cache\r\n".into(), "MISS"),
        ("Cache-Control: private\r\n".into(), "MISS"),
        ("Cache-Control: public, private\r\n".into(), "MISS"),
        ("Set-Cookie: a=b\r\n".into(), "MISS"),
        ("Vary: *\r\n".into(), "MISS"),
        ("Expires: never\r\n".into(), "MISS"),
    ];
    table(&["--cache-valid", "200 10m"], &rows);
}

/// Z40: directives are read by their grammar, not searched for.
#[test]
fn a_word_inside_another_directive_forbids_nothing() {
    let rows = [
        (
            "Cache-Control: max-age=100, x-private-use\r\n".into(),
            "HIT",
        ),
        (
            "Cache-Control: max-age=100, note=\"no-store, private\"\r\n".into(),
            "HIT",
        ),
        (
            "Cache-Control: max-age=100, no-cache=\"Set-Cookie\"\r\n".into(),
            "HIT",
        ),
        ("Cache-Control: x-max-age=100\r\n".into(), "MISS"),
    ];
    table(&[], &rows);
}

/// C49: ignoring a field takes exactly its effect.
#[test]
fn ignored_fields_have_no_effect() {
    let all = "Cache-Control Expires X-Accel-Expires Set-Cookie Vary";
    let rows = [
        ("Cache-Control: no-store\r\n".into(), "HIT"),
        (format!("Expires: {}\r\n", date(-100)), "HIT"),
        ("X-Accel-Expires: 0\r\n".into(), "HIT"),
        ("Set-Cookie: a=b\r\n".into(), "HIT"),
        ("Vary: *\r\n".into(), "HIT"),
    ];
    table(
        &["--ignore-headers", all, "--cache-valid", "200 10m"],
        &rows,
    );
    let rows = [
        ("Cache-Control: max-age=100\r\n".into(), "MISS"),
        ("X-Accel-Expires: 100\r\n".into(), "MISS"),
    ];
    table(&["--ignore-headers", all], &rows);
    let rows = [
        (
            "Cache-Control: no-store\r\nX-Accel-Expires: 0\r\n".into(),
            "MISS",
        ),
        (
            "Cache-Control: no-store\r\nX-Accel-Expires: 100\r\n".into(),
            "HIT",
        ),
    ];
    table(&["--ignore-headers", "Cache-Control"], &rows);
}

/// Z42: a response that is old already when it arrives.
#[test]
fn the_age_of_a_response_counts() {
    let origin = Origin::new();
    let cached = Cached::start(&origin, &[]);
    let old = [
        "Age: 200\r\nCache-Control: max-age=100\r\n".to_owned(),
        format!("Date: {}\r\nCache-Control: max-age=100\r\n", date(-200)),
    ];
    for fields in old {
        assert_ne!(second(&cached, &origin, &fields), "HIT", "{fields:?}");
    }
    let young = "Age: 50\r\nCache-Control: max-age=100\r\n";
    assert_eq!(second(&cached, &origin, young), "HIT");
}

/// Z42: hits say how old they are, by the application's own count.
#[test]
fn a_hit_has_an_age() {
    let origin = Origin::new();
    let fields = "Age: 500\r\nCache-Control: max-age=10000\r\n";
    origin.says("/old", fields, "old");
    let cached = Cached::start(&origin, &["--cache-valid", "200 10m"]);
    let age = |path: &str| -> Option<u64> {
        let got = cached.get(path);
        got.field("age").map(|age| age.parse().expect("a number"))
    };
    assert_eq!(age("/new"), None);
    assert!(age("/new").is_some_and(|age| age < 60));
    assert_eq!(age("/old"), Some(500));
    assert!(age("/old").is_some_and(|age| (500..560).contains(&age)));
}

/// C50: Date is the stored one.
#[test]
fn a_hit_has_the_date_of_the_response() {
    let origin = Origin::new();
    let sent = date(-50);
    origin.says(
        "/a",
        &format!("Date: {sent}\r\nCache-Control: max-age=1000\r\n"),
        "a",
    );
    let cached = Cached::start(&origin, &[]);
    let first = cached.get("/a").is("MISS", "a");
    let second = cached.get("/a").is("HIT", "a");
    assert_eq!(first.field("date"), Some(sent.as_str()));
    assert_eq!(second.field("date"), Some(sent.as_str()));
    let age: u64 = second
        .field("age")
        .and_then(|a| a.parse().ok())
        .expect("an age");
    assert!((50..110).contains(&age), "{age}");
}
