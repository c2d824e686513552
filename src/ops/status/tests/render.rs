//! What the three renderings show.

use super::*;

#[test]
fn the_check_of_json_finds_faults() {
    for good in ["{}", "[1, {\"a\":null}]", "\"\\\"\"", "-1.5e3"] {
        assert_eq!(after_json(good), Ok(""), "{good}");
    }
    for bad in [
        "{", "[1,]", "{\"a\"}", "{a:1}", "\"\n\"", "nul", "[1 2]", "\"\\\"",
    ] {
        assert!(after_json(bad) != Ok(""), "{bad}");
    }
}

#[test]
fn json_is_well_formed_and_has_its_names() {
    let json = text(json::render(&snapshot(&groups())));
    assert_eq!(after_json(&json), Ok("\n"));
    for part in [
        "{\"version\":\"0.1.0\",\"hostname\":\"router\",\"pid\":4711,\"uptime_seconds\":273659,",
        "\"connections\":{\"accepted\":1234,\"max\":512,\"reading_head\":1,\"reading_body\":2,\"waiting\":3,\"running\":4,\
         \"writing\":5,\"idle\":6,\"closing\":7},\"requests\":1234567,",
        "\"responses\":{\"1xx\":0,\"2xx\":1200000,\"3xx\":30000,\"4xx\":4567,\"5xx\":89,\"none\":11},",
        "\"bytes\":{\"received\":5000000000,\"sent\":1536},",
        "\"queue\":{\"length\":2,\"max\":1000,\"wait\":{\"count\":16,\"sum_seconds\":31.234567,\"buckets\":[\
         {\"up_to_seconds\":0.001,\"count\":10},{\"up_to_seconds\":0.002,\"count\":0},",
        "{\"up_to_seconds\":null,\"count\":1}]}},\"workers\":{\"busy\":4,\"started\":8,\"max\":64},",
        "\"memory\":{\"used\":1300000,\"max\":67108864},\"temp_files\":{\"spare\":1,\"spills\":9,\"spilled_bytes\":70000000},",
        "\"groups\":[{\"name\":\"backend\",\"implicit\":false,\"balance\":\"round_robin\",\"servers\":[{\"address\":\"10.0.0.1:9000\",\
         \"text\":\"app.example:9000\",\"state\":\"up\",\"backup\":false,\"weight\":5,\"max_conns\":10,\"running\":3,\
         \"requests\":12345,\"fails\":2,\"recent_fails\":0,\"last_error\":null,\"check\":null,\"bytes\":{\"received\":987654321,\
         \"sent\":3456789},\"responses\":{\"1xx\":0,\"2xx\":12000,\"3xx\":300,\"4xx\":40,\"5xx\":3},\"time\":{\"count\":12345,\
         \"sum_seconds\":123.456,",
        "\"last_error\":{\"text\":\"connect: Connection refused\",\"seconds_ago\":95}",
        "{\"name\":\"<b>\\\"'&\\\\\\n\",\"implicit\":true,",
        "{\"name\":\"empty\",\"implicit\":false,\"balance\":\"round_robin\",\"servers\":[]}],\"caches\":[",
        "\"caches\":[{\"name\":\"app\",\"path\":\"/var/cache/app\",\"loading\":false,\"entries\":12345,\"held\":678,\
         \"open_files\":90,\"filling\":2,\"waiting\":3,\"size\":{\"used\":5000000000,\"max\":10737418240},\
         \"memory\":{\"used\":1300000,\"max\":10485760},\"results\":{\"hit\":8882,\"revalidated\":7,\"stale\":5,\
         \"updating\":6,\"miss\":1000,\"expired\":60,\"bypass\":40},\"fills\":1010,\"failed_fills\":8,\"evictions\":9,\
         \"purges\":10},",
        "\"loading\":true,\"entries\":0,",
        "\"evictions\":0,\"purges\":0}]}",
    ] {
        assert!(json.contains(part), "{part}\nis not in\n{json}");
    }
    let bare = Snapshot {
        zones: &[],
        ..snapshot(&[])
    };
    let json = text(json::render(&bare));
    assert_eq!(after_json(&json), Ok("\n"));
    assert!(json.ends_with(",\"groups\":[],\"caches\":[]}\n"), "{json}");
}

#[test]
fn the_page_escapes_what_comes_from_outside() {
    let groups = groups();
    let mut snapshot = snapshot(&groups);
    (snapshot.hostname, snapshot.version) = (NASTY, NASTY);
    let page = text(html::render(&snapshot, true, Some(7), "n0"));
    assert!(!page.contains("<b>") && !page.contains("\"'&"), "{page}");
    // Title, headline, version; the group's headline and its form; name and error of a server; name and path of a zone.
    assert_eq!(page.matches("&lt;b&gt;&quot;&#39;&amp;\\").count(), 9);
    assert!(!text(html::refusal(NASTY, "n0")).contains("<b>"));
}

#[test]
fn the_page_needs_no_script_and_loads_nothing() {
    let page = text(html::render(&snapshot(&groups()), true, None, "n0"));
    for no in [
        "<script",
        "javascript:",
        "http://",
        "https://",
        "url(",
        "@import",
    ] {
        assert!(!page.contains(no), "{no}");
    }
    let handlers = page.split(" on").skip(1).filter(|text| is_handler(text));
    assert_eq!(handlers.count(), 0);
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert!(
        page.contains("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
    );
    assert!(!page.contains("http-equiv"));
    let page = text(html::render(&snapshot(&groups()), false, Some(7), "n0"));
    assert!(page.contains("<meta http-equiv=\"refresh\" content=\"7\">"));
}

/// What follows the ` on` of ` onclick=` and the like.
fn is_handler(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    name.len() < text.len() && name.bytes().all(|b| b.is_ascii_lowercase())
}

#[test]
fn what_is_open_is_closed() {
    let page = text(html::render(&snapshot(&groups()), true, None, "n0"));
    for tag in [
        "main", "header", "nav", "div", "section", "dl", "dt", "dd", "table", "form", "button",
        "details", "h1", "h2", "h3",
    ] {
        let count = |start: &str| page.matches(&format!("{start}{tag}>")).count();
        let opened = count("<") + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, count("</"), "{tag}");
    }
}

#[test]
fn a_state_is_a_word_and_a_sign_as_well_as_a_colour() {
    let states = [
        (State::Up, "up", "\u{25cf}"),
        (State::Failed, "failed", "\u{2715}"),
        (State::Unhealthy, "unhealthy", "\u{2715}"),
        (State::Probing, "probing", "\u{25d0}"),
        (State::Starting, "starting", "\u{25b2}"),
        (State::Draining, "draining", "\u{25bc}"),
        (State::Down, "down", "\u{25cb}"),
    ];
    for (state, name, sign) in states {
        let mut groups = groups();
        groups.truncate(1);
        groups[0].servers.truncate(1);
        groups[0].servers[0].state = state;
        let page = text(html::render(&snapshot(&groups), false, None, "n0"));
        let badge = format!(
            "<span class=\"state {name}\"><span aria-hidden=\"true\">{sign}</span> {name}</span>"
        );
        assert!(page.contains(&badge), "{badge}");
    }
}

#[test]
fn the_headline_says_how_many_servers_are_in_use() {
    let line = |states: &[State]| {
        let servers = states.iter().map(|state| ServerView {
            state: *state,
            ..server("a:1")
        });
        let groups = [GroupView {
            name: "g".into(),
            implicit: false,
            balance: "random",
            servers: servers.collect(),
        }];
        let page = text(html::render(&snapshot(&groups), false, None, "n0"));
        let start = page.find("<p class=\"state")?;
        let line = page[start..]
            .split("</p>")
            .next()?
            .rsplit("</span> ")
            .next()?;
        Some(line.to_owned())
    };
    let all = [
        State::Up,
        State::Failed,
        State::Probing,
        State::Starting,
        State::Draining,
        State::Down,
    ];
    assert_eq!(
        line(&all).as_deref(),
        Some("3 of 6 servers in use, 1 failed")
    );
    assert_eq!(line(&[State::Up]).as_deref(), Some("1 of 1 server in use"));
    assert_eq!(
        line(&[State::Down, State::Up]).as_deref(),
        Some("1 of 2 servers in use")
    );
    assert_eq!(line(&[]), None);
}

#[test]
fn a_zone_shows_sizes_for_people_and_how_much_it_saves() {
    let page = text(html::render(&snapshot(&[]), false, None, "n0"));
    let (busy, nasty) = page.split_once("&lt;b&gt;").expect("both zones");
    for part in [
        "<h2>Caches</h2>",
        "<h3>app</h3></div>\n<p class=\"sub\"><code>/var/cache/app</code></p>",
        "<dt>Responses</dt><dd>12,345</dd>",
        "<dt>On the disk</dt><dd>4.6 GiB <small>of 10 GiB</small></dd>",
        "<dt>Memory</dt><dd>1.2 MiB <small>of 10 MiB</small></dd>",
        "<dt>From the cache</dt><dd>89 %</dd>",
        "<th scope=\"row\">Hits<td>8,882\n",
        "<th scope=\"row\">Passed by<td>40\n",
        "<th scope=\"row\">Purged<td>10\n",
    ] {
        assert!(busy.contains(part), "{part}\nis not in\n{busy}");
    }
    assert!(!busy.contains(" loading</span>"));
    for part in [
        "<span class=\"state starting\"><span aria-hidden=\"true\">\u{25b2}</span> loading</span>",
        "<dt>On the disk</dt><dd>0 B</dd>",
        "<dt>From the cache</dt><dd>no requests yet</dd>",
    ] {
        assert!(nasty.contains(part), "{part}\nis not in\n{nasty}");
    }
    let bare = Snapshot {
        zones: &[],
        ..snapshot(&[])
    };
    assert!(!text(html::render(&bare, false, None, "n0")).contains("Caches"));
    assert!(!text(prometheus::render(&bare)).contains("scgate_cache"));
}

#[test]
fn buttons_are_for_those_who_may_press_them() {
    let buttons = |state, orders| {
        let groups = [GroupView {
            name: "g".into(),
            implicit: false,
            balance: "random",
            servers: vec![ServerView {
                state,
                ..server("a:1")
            }],
        }];
        let page = text(html::render(&snapshot(&groups), orders, None, "n0"));
        let values = page.split("name=\"action\" value=\"").skip(1);
        values
            .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(buttons(State::Up, false), [""; 0]);
    assert_eq!(buttons(State::Up, true), ["drain", "down"]);
    assert_eq!(buttons(State::Failed, true), ["revive", "drain", "down"]);
    assert_eq!(buttons(State::Draining, true), ["revive", "down"]);
    assert_eq!(buttons(State::Down, true), ["revive"]);
    for (writable, explicit) in [(false, true), (true, false), (true, true)] {
        let get = request("GET /status HTTP/1.1\nHost: a");
        let answer = answer(
            &get,
            b"",
            &snapshot(&groups()),
            writable,
            explicit,
            &|_, _, _| Ok(()),
        );
        assert_eq!(text(answer.body).contains("<button"), writable && explicit);
    }
}

#[test]
fn prometheus_text_has_each_family_once_and_each_sample_once() {
    let exposition = text(prometheus::render(&snapshot(&groups())));
    let mut families: Vec<&str> = Vec::new();
    let mut samples: Vec<&str> = Vec::new();
    for line in exposition.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(!families.contains(&name) && !help.contains('\\'), "{name}");
            families.push(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(families.last(), Some(&name));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let family = families.last().expect("a family before its samples");
            let name = series.split('{').next().unwrap_or_default();
            let suffix = name.strip_prefix(family).expect("a sample of the family");
            assert!(
                ["", "_bucket", "_sum", "_count"].contains(&suffix),
                "{line}"
            );
            assert!(!samples.contains(&series), "{series} is there twice");
            samples.push(series);
        }
    }
    assert!(families.len() > 20 && samples.len() > 100);
    let server = "{group=\"backend\",server=\"10.0.0.1:9000\",name=\"app.example:9000\"";
    for line in [
        "scgate_build_info{version=\"0.1.0\"} 1".into(),
        "scgate_connections{state=\"reading_body\"} 2".into(),
        "scgate_responses_total{class=\"none\"} 11".into(),
        format!("scgate_server_state{server},state=\"up\"}} 1"),
        format!("scgate_server_state{server},state=\"down\"}} 0"),
        format!("scgate_server_responses_total{server},class=\"2xx\"}} 12000"),
        "scgate_cache_entries{zone=\"app\"} 12345".into(),
        "scgate_cache_size_bytes{zone=\"app\"} 5000000000".into(),
        "scgate_cache_size_max_bytes{zone=\"<b>\\\"'&\\\\\\n\"} 0".into(),
        "scgate_cache_requests_total{zone=\"app\",result=\"hit\"} 8882".into(),
        "scgate_cache_requests_total{zone=\"app\",result=\"bypass\"} 40".into(),
        "scgate_cache_failed_fills_total{zone=\"app\"} 8".into(),
        "scgate_server_running{group=\"<b>\\\"'&\\\\\\n\",server=\"[2001:db8::1]:9000\",name=\"<b>\\\"'&\\\\\\n\"} 0".into(),
    ] {
        assert!(exposition.lines().any(|l| l == line), "{line}\nis not in\n{exposition}");
    }
}

#[test]
fn buckets_are_cumulative_and_in_seconds() {
    let exposition = text(prometheus::render(&snapshot(&[])));
    let lines: Vec<&str> = exposition.lines().collect();
    let at = lines
        .iter()
        .position(|l| l.starts_with("scgate_queue_wait_seconds_bucket"));
    let bounds = [
        "0.001", "0.002", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1", "5", "30", "+Inf",
    ];
    let counts = [10, 10, 15, 15, 15, 15, 15, 15, 15, 15, 15, 16];
    let mut expected: Vec<String> = Vec::new();
    for (bound, count) in bounds.iter().zip(counts) {
        expected.push(format!(
            "scgate_queue_wait_seconds_bucket{{le=\"{bound}\"}} {count}"
        ));
    }
    expected.push("scgate_queue_wait_seconds_sum 31.234567".into());
    expected.push("scgate_queue_wait_seconds_count 16".into());
    let found = lines.iter().skip(at.expect("the histogram"));
    let found: Vec<&str> = found.take(expected.len()).copied().collect();
    assert_eq!(found, expected);
}

#[test]
fn an_address_that_stands_twice_in_a_group_makes_two_series() {
    let twin = || server("a:1");
    let group = |name: &str, servers| GroupView {
        name: name.into(),
        implicit: false,
        balance: "random",
        servers,
    };
    let groups = [
        group("g", vec![twin(), twin(), twin()]),
        group("h", vec![twin()]),
    ];
    let exposition = text(prometheus::render(&snapshot(&groups)));
    let weights: Vec<&str> = exposition
        .lines()
        .filter(|l| l.starts_with("scgate_server_weight{"))
        .collect();
    assert_eq!(
        weights,
        [
            "scgate_server_weight{group=\"g\",server=\"a:1\"} 1",
            "scgate_server_weight{group=\"g\",server=\"a:1\",copy=\"2\"} 1",
            "scgate_server_weight{group=\"g\",server=\"a:1\",copy=\"3\"} 1",
            "scgate_server_weight{group=\"h\",server=\"a:1\"} 1",
        ]
    );
}
