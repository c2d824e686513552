use super::*;

fn secs(text: &str) -> Result<f64, &'static str> {
    time(text).map(|t| t.as_secs_f64())
}

#[test]
fn a_bare_number_counts_bytes() {
    assert_eq!(size("0"), Ok(0));
    assert_eq!(size("512"), Ok(512));
    assert_eq!(size("007"), Ok(7));
}

#[test]
fn sizes_take_one_unit_of_either_case() {
    for (text, bytes) in [
        ("8k", 8 << 10),
        ("8K", 8 << 10),
        ("3m", 3 << 20),
        ("3M", 3 << 20),
        ("2g", 2 << 30),
        ("2G", 2u64 << 30),
    ] {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused() {
    for text in [
        "", "k", "-1", "+1", "1.5k", "1kk", "1 k", " 1", "1 ", "1t", "0x10", "1µ", "é", "1k/s",
    ] {
        assert!(
            size(text).is_err_and(|e| e.starts_with("is not a size")),
            "{text}"
        );
    }
}

#[test]
fn the_largest_size_is_the_largest_number() {
    assert_eq!(size("18446744073709551615"), Ok(u64::MAX));
    assert_eq!(size("17179869183g"), Ok(!((1 << 30) - 1)));
    for text in [
        "18446744073709551616",
        "17179869184g",
        "18014398509481984k",
        "99999999999999999999m",
    ] {
        assert_eq!(size(text), Err("is too large"), "{text}");
    }
}

#[test]
fn a_rate_is_a_size_a_second() {
    assert_eq!(rate("500k"), Ok(512_000));
    assert_eq!(rate("500k/s"), Ok(512_000));
    assert_eq!(rate("0"), Ok(0));
    assert!(rate("fast").is_err_and(|e| e.starts_with("is not a rate")));
    assert_eq!(rate("99999999999999999999"), Err("is too large"));
}

#[test]
fn every_unit_of_time_has_its_length() {
    for (text, expected) in [
        ("10", 10.0),
        ("0", 0.0),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("2d", 172_800.0),
        ("1w", 604_800.0),
        ("1M", 2_592_000.0),
        ("1y", 31_536_000.0),
    ] {
        assert_eq!(secs(text), Ok(expected), "{text}");
    }
    assert_eq!(time("250us"), Ok(Duration::from_micros(250)));
    assert_eq!(time("250µs"), Ok(Duration::from_micros(250)));
    assert_eq!(time("7ns"), Ok(Duration::from_nanos(7)));
}

#[test]
fn units_are_joined_longest_first() {
    assert_eq!(secs("1h30m"), Ok(5400.0));
    assert_eq!(secs("1h 30m"), Ok(5400.0));
    assert_eq!(secs("2h45m"), Ok(9900.0));
    assert_eq!(secs("1m30"), Ok(90.0));
    assert_eq!(secs("1m 30"), Ok(90.0));
    assert_eq!(
        secs("1y1M1w1d1h1m1s500ms"),
        Ok(31_536_000.0 + 2_592_000.0 + 604_800.0 + 90_061.5)
    );
    for text in ["30m1h", "1h1h", "1s 1m", "30 1s", "1ms1s", "1us1µs1us"] {
        assert!(time(text).is_err(), "{text}");
    }
}

#[test]
fn fractions_are_exact() {
    assert_eq!(secs("1.5h"), Ok(5400.0));
    assert_eq!(time("0.25"), Ok(Duration::from_millis(250)));
    assert_eq!(time("1.000000001s"), Ok(Duration::new(1, 1)));
    assert_eq!(time("0.5us"), Ok(Duration::from_nanos(500)));
    assert!(time("1.0000000001s").is_err());
}

#[test]
fn what_is_no_time_is_refused() {
    for text in [
        "", " ", "s", "10q", "-1s", "+1s", "1,5s", ".5s", "1.", "1.s", "1S", "1H", "1 s", " 1s",
        "1s ", "1sec", "1h\t30m", "max", "1.2.3s",
    ] {
        assert!(time(text).is_err(), "{text:?}");
    }
    assert_eq!(
        time("10q"),
        Err("is not a time (examples: 30s, 1h30m, 500ms)")
    );
}

#[test]
fn a_time_ends_where_a_32_bit_clock_does() {
    assert_eq!(time("2147483647"), Ok(Duration::from_secs(2_147_483_647)));
    for text in [
        "2147483648",
        "69y",
        "99999999999999999999y",
        "340282366920938463463374607431768211455y",
        "9999999999999999999999999999999999999999999s",
    ] {
        assert_eq!(time(text), Err(TOO_LONG), "{text}");
    }
}
