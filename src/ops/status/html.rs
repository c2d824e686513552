//! The status as a page: no script, nothing loaded, readable on a phone. Cards flow into as many columns as there is room
//! for; what a colour says, a sign and a word say too.
#![forbid(unsafe_code)]

mod caches;

use super::super::escape::Out;
use super::amounts::{put_grouped, put_millis, put_size, put_time};
use super::{Snapshot, state_name};
use crate::upstream::view::{BUCKETS, GroupView, ServerView, State};

const STYLE: &str = include_str!("page.css");

/// The Content-Security-Policy of the page. Inside a foreign frame its buttons could be clicked unseen.
pub fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// How often a page that refreshes itself does, in seconds, when asked for by its own link.
const REFRESH: u32 = 5;

/// The page. `orders` gives each server its buttons; `refresh` loads the page again after so many
/// seconds; `nonce` is the one of the [`policy`].
pub fn render(snapshot: &Snapshot<'_>, orders: bool, refresh: Option<u32>, nonce: &str) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(16 * 1024));
    put_start(&mut out, "scgate on ", snapshot.hostname, refresh, nonce);
    put_header(&mut out, snapshot, refresh);
    out.raw("<main>\n<h2>Load</h2>\n");
    put_load(&mut out, snapshot);
    for group in snapshot.groups {
        put_group(&mut out, group, orders);
    }
    caches::put_caches(&mut out, snapshot.zones);
    out.raw("<h2>Clients</h2>\n<div class=\"grid\">\n");
    put_connections(&mut out, snapshot);
    put_responses(&mut out, snapshot);
    put_traffic(&mut out, snapshot);
    let totals = &snapshot.totals;
    out.raw("<section class=\"card\"><h3>Waits for a worker</h3>\n");
    put_times(&mut out, &totals.waits, totals.wait_sum);
    out.raw("</section>\n</div>\n");
    out.raw("</main>\n");
    out.0
}

/// A page that says why something was not done.
pub fn refusal(why: &str, nonce: &str) -> Vec<u8> {
    let mut out = Out::default();
    put_start(&mut out, "scgate", "", None, nonce);
    out.raw("<main class=\"card\"><h1>Not done</h1>\n<p>")
        .text(why.as_bytes());
    out.raw("</p>\n<p><a href=\"?\">Back to the status</a></p></main>\n");
    out.0
}

fn put_start(out: &mut Out, title: &str, name: &str, refresh: Option<u32>, nonce: &str) {
    out.raw("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    out.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    if let Some(seconds) = refresh {
        out.raw("<meta http-equiv=\"refresh\" content=\"");
        out.number(seconds.into()).raw("\">\n");
    }
    out.raw("<title>").raw(title).text(name.as_bytes());
    out.raw("</title>\n<link rel=\"icon\" href=\"data:,\">\n<style nonce=\"")
        .raw(nonce)
        .raw("\">")
        .raw(STYLE)
        .raw("</style>\n");
}

fn put_header(out: &mut Out, s: &Snapshot<'_>, refresh: Option<u32>) {
    out.raw("<header>\n<h1>scgate on ")
        .text(s.hostname.as_bytes());
    out.raw("</h1>\n");
    put_summary(out, s.groups);
    out.raw("<p class=\"sub\">Version ")
        .text(s.version.as_bytes())
        .raw(", process ");
    out.number(s.pid.into()).raw(", up for ");
    put_time(out, s.uptime);
    out.raw("</p>\n<nav aria-label=\"Views\">");
    match refresh {
        Some(_) => out.raw("<a href=\"?\">Stop refreshing</a>"),
        None => out
            .raw("<a href=\"?refresh=")
            .number(REFRESH.into())
            .raw("\">Refresh every ")
            .number(REFRESH.into())
            .raw(" s</a>"),
    };
    out.raw(" <a href=\"?format=json\">JSON</a> <a href=\"?format=prometheus\">Prometheus</a></nav>\n</header>\n");
}

/// How many servers take requests: the first thing that whoever opens the page wants to know.
fn put_summary(out: &mut Out, groups: &[GroupView]) {
    let servers = || groups.iter().flat_map(|group| &group.servers);
    let count = |wanted: fn(State) -> bool| servers().filter(|s| wanted(s.state)).count();
    let all = servers().count();
    let failed = count(|state| matches!(state, State::Failed | State::Unhealthy));
    let out_of_use = failed + count(|state| matches!(state, State::Draining | State::Down));
    let (class, sign) = match (failed, out_of_use) {
        (0, 0) => ("up", State::Up),
        (0, _) => ("draining", State::Draining),
        _ => ("failed", State::Failed),
    };
    if all == 0 {
        return;
    }
    out.raw("<p class=\"state ")
        .raw(class)
        .raw("\"><span aria-hidden=\"true\">");
    out.raw(state_sign(sign)).raw("</span> ");
    put_count(out, all - out_of_use);
    out.raw(" of ");
    put_count(out, all);
    out.raw(if all > 1 {
        " servers in use"
    } else {
        " server in use"
    });
    if failed > 0 {
        out.raw(", ");
        put_count(out, failed);
        out.raw(" failed");
    }
    out.raw("</p>\n");
}

fn put_load(out: &mut Out, s: &Snapshot<'_>) {
    out.raw("<section class=\"card\"><dl class=\"big\">");
    let connections = usize::try_from(s.census.total()).unwrap_or(usize::MAX);
    gauge(out, "Connections", connections, s.max_connections);
    gauge(out, "Waiting requests", s.queue_length, s.max_queue);
    gauge(out, "Busy workers", s.workers_busy, s.max_workers);
    item(out, "Buffer memory", &|out| {
        put_size(out, wide(s.memory_used));
        put_limit(out, s.max_memory, |out, n| put_size(out, wide(n)));
    });
    out.raw("</dl>\n<p class=\"sub\">");
    put_count(out, s.workers_started);
    out.raw(" workers started, ");
    put_count(out, s.spare_files);
    out.raw(" spare temp files</p></section>\n");
}

fn put_connections(out: &mut Out, s: &Snapshot<'_>) {
    out.raw("<section class=\"card\"><h3>Connections</h3>\n");
    begin_table(out, "By what they do now", "rows");
    for (state, n) in s.census.states() {
        let name = match state {
            "reading_head" => "A request begins to come",
            "reading_body" => "A request's body is coming",
            "waiting" => "A request waits for a worker",
            "running" => "A request is being answered",
            "writing" => "The response is being sent",
            "idle" => "Idle, kept for the next request",
            _ => "Closing",
        };
        row(out, name).number(n.into()).raw("\n");
    }
    out.raw("</table></div></section>\n");
}

fn put_traffic(out: &mut Out, s: &Snapshot<'_>) {
    let totals = &s.totals;
    out.raw("<section class=\"card\"><h3>Traffic</h3>\n<p class=\"sub\">Since the start</p>\n<dl class=\"big\">");
    for (name, n, put) in [
        (
            "Connections",
            totals.connections,
            put_grouped as fn(&mut Out, u64),
        ),
        ("Requests", totals.requests, put_grouped),
        ("Received", totals.received, put_size),
        ("Sent", totals.sent, put_size),
        ("Written to temp files", totals.spilled, put_size),
        ("Temp files used", totals.spills, put_grouped),
    ] {
        item(out, name, &|out| put(out, n));
    }
    out.raw("</dl></section>\n");
}

fn put_responses(out: &mut Out, s: &Snapshot<'_>) {
    out.raw("<section class=\"card\"><h3>Responses</h3>\n");
    begin_table(out, "By status class, since the start", "rows");
    let rest = [("No response", s.totals.unanswered)];
    for (class, n) in CLASSES.into_iter().zip(s.totals.responses).chain(rest) {
        put_grouped(row(out, class), n);
        out.raw("\n");
    }
    out.raw("</table></div></section>\n");
}

const CLASSES: [&str; 5] = [
    "1xx",
    "2xx: success",
    "3xx: elsewhere",
    "4xx: the client's error",
    "5xx: our error",
];

fn put_group(out: &mut Out, group: &GroupView, orders: bool) {
    out.raw("<h2>").raw(if group.implicit {
        "Application "
    } else {
        "Group "
    });
    out.text(group.name.as_bytes()).raw(" <small>");
    out.raw(group.balance)
        .raw("</small></h2>\n<div class=\"grid\">\n");
    if group.servers.is_empty() {
        out.raw("<p>It has no server now.</p>\n");
    }
    for server in &group.servers {
        put_server(out, server, orders.then_some(group.name.as_str()));
    }
    out.raw("</div>\n");
}

fn put_server(out: &mut Out, server: &ServerView, group: Option<&str>) {
    out.raw("<section class=\"card\"><div class=\"top\"><h3><code>")
        .text(server.address.as_bytes());
    out.raw("</code></h3><span class=\"state ")
        .raw(state_name(server.state));
    out.raw("\"><span aria-hidden=\"true\">")
        .raw(state_sign(server.state))
        .raw("</span> ");
    out.raw(state_name(server.state))
        .raw("</span></div>\n<p class=\"sub\">");
    if server.text != server.address {
        out.text(server.text.as_bytes()).raw(", ");
    }
    out.raw(if server.backup {
        "backup, weight "
    } else {
        "weight "
    });
    out.number(server.weight.into()).raw("</p>\n");
    if let Some((what, ago)) = &server.last_error {
        out.raw("<p><span class=\"failed\">Last error</span> ");
        put_time(out, *ago);
        out.raw(" ago: ").text(what.as_bytes()).raw("</p>\n");
    }
    if let Some((passed, what, ago)) = server.check.as_ref().and_then(|c| c.last.as_ref()) {
        out.raw(match passed {
            true => "<p>Last check ",
            false => "<p><span class=\"failed\">Last check</span> ",
        });
        put_time(out, *ago);
        out.raw(" ago: ").text(what.as_bytes()).raw("</p>\n");
    }
    out.raw("<dl>");
    gauge(
        out,
        "Running now",
        narrow(server.running),
        narrow(server.max_conns),
    );
    item(out, "Requests", &|out| put_grouped(out, server.requests));
    item(out, "Failures", &|out| {
        put_grouped(out, server.fails);
        out.raw(" <small>(")
            .number(server.recent_fails.into())
            .raw(" recent)</small>");
    });
    if let Some(check) = &server.check {
        item(out, "Checks", &|out| {
            put_grouped(out, check.checks);
            put_grouped(out.raw(" <small>("), check.failures);
            out.raw(" failed)</small>");
        });
    }
    item(out, "Received", &|out| put_size(out, server.bytes_received));
    item(out, "Sent", &|out| put_size(out, server.bytes_sent));
    out.raw("</dl>\n");
    if server.responses.iter().any(|n| *n > 0) {
        put_classes(out, &server.responses);
    }
    put_times(out, &server.times, server.time_sum);
    if let Some(group) = group {
        put_buttons(out, group, server);
    }
    out.raw("</section>\n");
}

/// A line of counts below their classes; the first is left out, which is always none.
fn put_classes(out: &mut Out, responses: &[u64; 5]) {
    begin_table(out, "Responses", "rows across");
    out.raw("<tr>");
    for class in ["2xx", "3xx", "4xx", "5xx"] {
        out.raw("<th scope=\"col\">").raw(class);
    }
    out.raw("\n<tr>");
    for n in responses.iter().skip(1) {
        put_grouped(out.raw("<td>"), *n);
    }
    out.raw("\n</table></div>\n");
}

/// The orders that would change something.
fn put_buttons(out: &mut Out, group: &str, server: &ServerView) {
    out.raw("<form method=\"post\" aria-label=\"Orders for ")
        .text(server.address.as_bytes());
    for (name, value) in [("group", group), ("server", server.address.as_str())] {
        out.raw("\"><input type=\"hidden\" name=\"").raw(name);
        out.raw("\" value=\"").text(value.as_bytes());
    }
    out.raw("\">");
    let (drain, down, revive) = match server.state {
        State::Up | State::Starting => (true, true, false),
        State::Failed | State::Probing | State::Unhealthy => (true, true, true),
        State::Draining => (false, true, true),
        State::Down => (false, false, true),
    };
    for (shown, value, label) in [
        (revive, "revive", "Revive"),
        (drain, "drain", "Drain"),
        (down, "down", "Take down"),
    ] {
        if shown {
            out.raw("<button name=\"action\" value=\"")
                .raw(value)
                .raw("\">")
                .raw(label)
                .raw("</button>");
        }
    }
    out.raw("</form>\n");
}

/// How long something took: three numbers, and the histogram for those who want it. `sum` is in microseconds.
fn put_times(out: &mut Out, counts: &[u64; BUCKETS.len() + 1], sum: u64) {
    let total = counts.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
    if total == 0 {
        out.raw("<p class=\"sub\">No times yet.</p>\n");
        return;
    }
    out.raw("<dl>");
    for (name, share) in [("Half within", 50), ("95 % within", 95)] {
        item(out, name, &|out| put_reach(out, counts, total, share));
    }
    item(out, "Mean", &|out| match sum / total {
        // Servers' times are no more exact than that.
        0..1000 => drop(out.raw("under 1 ms")),
        mean => put_millis(out, mean),
    });
    out.raw("</dl>\n<details><summary>Histogram</summary>\n");
    begin_table(out, "How many took how long", "rows");
    let most = counts.iter().copied().max().unwrap_or(1);
    let first = counts.iter().position(|n| *n > 0).unwrap_or(0);
    let last = counts.iter().rposition(|n| *n > 0).unwrap_or(0);
    for (at, n) in counts.iter().enumerate().take(last + 1).skip(first) {
        out.raw("<tr><th scope=\"row\">");
        match (BUCKETS.get(at), BUCKETS.last()) {
            (Some(ms), _) => put_millis(out.raw("to "), ms * 1000),
            (None, Some(ms)) => put_millis(out.raw("over "), ms * 1000),
            (None, None) => {}
        }
        out.raw("<td class=\"bar\"><svg aria-hidden=\"true\"><rect height=\"100%\" width=\"")
            .number(percent(*n, most))
            .raw("%\"/></svg><td>");
        put_grouped(out, *n);
        out.raw("\n");
    }
    out.raw("</table></div></details>\n");
}

/// The bound within which so many percent of all stayed.
fn put_reach(out: &mut Out, counts: &[u64; BUCKETS.len() + 1], total: u64, share: u64) {
    let mut sum: u64 = 0;
    let at = counts.iter().position(|n| {
        sum = sum.saturating_add(*n);
        percent(sum, total) >= share
    });
    match (at.and_then(|at| BUCKETS.get(at)), BUCKETS.last()) {
        (Some(ms), _) => put_millis(out, ms * 1000),
        (None, Some(ms)) => put_millis(out.raw("over "), ms * 1000),
        (None, None) => {}
    }
}

/// Rounded down, so that 95 % is reached by 95 of 100 and not before.
fn percent(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 100 / u128::from(whole.max(1))).unwrap_or(100)
}

fn state_sign(state: State) -> &'static str {
    match state {
        State::Up => "\u{25cf}",
        State::Failed | State::Unhealthy => "\u{2715}",
        State::Probing => "\u{25d0}",
        State::Starting => "\u{25b2}",
        State::Draining => "\u{25bc}",
        State::Down => "\u{25cb}",
    }
}

/// An entry of a list of facts.
fn item(out: &mut Out, name: &str, value: &dyn Fn(&mut Out)) {
    out.raw("<div><dt>").raw(name).raw("</dt><dd>");
    value(out);
    out.raw("</dd></div>\n");
}

/// An entry with a count and its limit.
fn gauge(out: &mut Out, name: &str, n: usize, limit: usize) {
    item(out, name, &|out| {
        put_count(out, n);
        put_limit(out, limit, put_count);
    });
}

/// Begins a table, in a box that scrolls should it be too wide after all.
fn begin_table(out: &mut Out, caption: &str, class: &str) {
    out.raw("<div class=\"")
        .raw(class)
        .raw("\"><table><caption>");
    out.raw(caption).raw("</caption>\n");
}

/// Begins a row; its value follows.
fn row<'a>(out: &'a mut Out, name: &str) -> &'a mut Out {
    out.raw("<tr><th scope=\"row\">").raw(name).raw("<td>")
}

/// ` of 512`, where there is a limit.
fn put_limit(out: &mut Out, limit: usize, put: fn(&mut Out, usize)) {
    if limit > 0 {
        out.raw(" <small>of ");
        put(out, limit);
        out.raw("</small>");
    }
}

fn put_count(out: &mut Out, n: usize) {
    put_grouped(out, wide(n));
}

fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn narrow(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_reached_by_the_bound_that_holds_it() {
        let mut counts = [0; BUCKETS.len() + 1];
        (counts[0], counts[3], counts[11]) = (50, 45, 5);
        let reach = |share| {
            let mut out = Out::default();
            put_reach(&mut out, &counts, 100, share);
            String::from_utf8(out.0).expect("text")
        };
        assert_eq!(
            [reach(50), reach(51), reach(95)],
            ["1 ms", "10 ms", "10 ms"]
        );
        assert_eq!(reach(96), "over 30 s");
    }
}
