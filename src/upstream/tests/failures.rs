//! When an address counts as failed, when it is tried again, and what is done when all have failed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// Two servers `unix:/a`, `unix:/b` with these parameters.
fn pair(max_fails: u32, fail_timeout: u64) -> Upstreams {
    let mut servers = servers(["a", "b"]);
    for server in &mut servers {
        server.max_fails = max_fails;
        server.fail_timeout = secs(fail_timeout);
    }
    one(Balance::RoundRobin, servers)
}

const A: &str = "unix:/a";
const B: &str = "unix:/b";

#[test]
fn max_fails_within_fail_timeout_make_it_failed() {
    let (upstreams, t) = (pair(3, 10), Instant::now());
    upstreams.fail(A, t);
    upstreams.fail(A, t + secs(5));
    assert_eq!(upstreams.state(A, t + secs(5)), State::Up);
    upstreams.fail(A, t + secs(10));
    assert_eq!(upstreams.state(A, t + secs(10)), State::Failed);
    assert_eq!(upstreams.firsts(4, t + secs(11)), "bbbb");
    assert_eq!(upstreams.state(B, t + secs(11)), State::Up);
}

#[test]
fn the_window_slides() {
    let (upstreams, t) = (pair(3, 10), Instant::now());
    // Each within ten seconds of the one before, never three within ten.
    for n in 0..20 {
        upstreams.fail(A, t + secs(6 * n));
        assert_eq!(
            upstreams.state(A, t + secs(6 * n)),
            State::Up,
            "failure {n}"
        );
    }
    upstreams.fail(A, t + secs(117));
    assert_eq!(
        upstreams.state(A, t + secs(117)),
        State::Failed,
        "108, 114, 117"
    );
}

#[test]
fn a_success_does_not_empty_the_window() {
    let (upstreams, t) = (pair(2, 10), Instant::now());
    upstreams.fail(A, t);
    upstreams.succeed(A, t + secs(1));
    assert_eq!(upstreams.server(A, t + secs(1)).recent_fails, 1);
    upstreams.fail(A, t + secs(2));
    assert_eq!(upstreams.state(A, t + secs(2)), State::Failed);
}

#[test]
fn it_stays_failed_for_fail_timeout_and_is_then_probed_by_one() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    upstreams.fail(A, t);
    assert_eq!(upstreams.firsts(3, t + secs(9)), "bbb");
    let late = t + secs(10);
    assert_eq!(upstreams.state(A, late), State::Probing);
    let picked: Vec<Picked> = (0..4).map(|_| upstreams.first(late).unwrap()).collect();
    let order: String = picked.iter().map(short).collect();
    assert_eq!(order.matches('a').count(), 1, "{order}");
    assert_eq!(upstreams.state(A, late), State::Probing);
}

#[test]
fn a_probe_that_succeeds_forgets_the_failures() {
    let (upstreams, t) = (pair(2, 10), Instant::now());
    upstreams.fail(A, t);
    upstreams.fail(A, t);
    upstreams.succeed(A, t + secs(10));
    assert_eq!(upstreams.state(A, t + secs(10)), State::Up);
    assert_eq!(upstreams.server(A, t + secs(10)).recent_fails, 0);
    // One more is one of two.
    upstreams.fail(A, t + secs(10));
    assert_eq!(upstreams.state(A, t + secs(10)), State::Up);
}

#[test]
fn a_probe_that_fails_makes_it_failed_again_at_once() {
    let (upstreams, t) = (pair(3, 10), Instant::now());
    for _ in 0..3 {
        upstreams.fail(A, t);
    }
    upstreams.fail(A, t + secs(50));
    assert_eq!(upstreams.state(A, t + secs(59)), State::Failed);
    assert_eq!(upstreams.state(A, t + secs(60)), State::Probing);
}

#[test]
fn a_probe_without_a_verdict_leaves_the_place_to_the_next() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    upstreams.fail(A, t);
    let late = t + secs(10);
    for _ in 0..3 {
        // `firsts` drops each try before the next. With an effective weight of 0 its turn is not the first.
        let order = upstreams.firsts(3, late);
        assert!(order.contains('a'), "{order}");
    }
    assert_eq!(upstreams.state(A, late), State::Probing);
}

#[test]
fn a_probe_that_takes_longer_than_fail_timeout_does_not_keep_others_out() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    upstreams.fail(A, t);
    let mut long = None;
    upstreams.at(A, t + secs(10), |_| {});
    let mut run = upstreams.g().begin(b"", None);
    while let Some(picked) = run.next(None, t + secs(10)) {
        if short(&picked) == "a" {
            long = Some(picked);
            break;
        }
    }
    assert_eq!(upstreams.firsts(4, t + secs(19)), "bbbb");
    assert!(upstreams.firsts(4, t + secs(20)).contains('a'));
    // The long one's verdict counts still.
    long.unwrap().succeeded(t + secs(25));
    assert_eq!(upstreams.state(A, t + secs(25)), State::Up);
}

#[test]
fn a_probe_that_was_given_up_forgives_no_failure_that_came_after_it() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    upstreams.fail(A, t);
    let mut run = upstreams.g().begin(b"", None);
    let mut tries = std::iter::from_fn(|| run.next(None, t + secs(10)));
    let first = tries.find(|picked| short(picked) == "a").unwrap();
    // Its place is another's by now, which has found the server failed still.
    upstreams.fail(A, t + secs(20));
    first.succeeded(t + secs(21));
    assert_eq!(upstreams.state(A, t + secs(21)), State::Failed);
    // A probe of its own time passes.
    upstreams.succeed(A, t + secs(30));
    assert_eq!(upstreams.state(A, t + secs(30)), State::Up);
}

#[test]
fn of_many_threads_exactly_one_probes() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    for round in 1..=20 {
        let now = t + secs(100 * round);
        upstreams.fail(A, now - secs(50));
        let (probes, others) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let start = std::sync::Barrier::new(8);
        let picked: Vec<Picked> = thread::scope(|scope| {
            let work = || {
                start.wait();
                let picked = upstreams.first(now).unwrap();
                let counter = if short(&picked) == "a" {
                    &probes
                } else {
                    &others
                };
                counter.fetch_add(1, Ordering::Relaxed);
                picked
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(probes.into_inner(), 1, "round {round}");
        assert_eq!(others.into_inner(), 7, "round {round}");
        let probe = picked.iter().find(|picked| short(picked) == "a");
        probe.unwrap().succeeded(now);
    }
}

#[test]
fn late_failures_do_not_make_the_time_longer() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    let late: Vec<Picked> = (0..6).map(|_| upstreams.first(t).unwrap()).collect();
    upstreams.fail(A, t);
    for picked in late.iter().filter(|picked| short(picked) == "a") {
        picked.failed("it hung", t + secs(9));
    }
    assert_eq!(upstreams.state(A, t + secs(10)), State::Probing);
    // Their successes prove nothing about now either.
    late.iter()
        .for_each(|picked| picked.succeeded(t + secs(10)));
    assert_eq!(upstreams.state(A, t + secs(10)), State::Probing);
}

#[test]
fn max_fails_0_switches_that_off() {
    let (upstreams, t) = (pair(0, 10), Instant::now());
    for _ in 0..100 {
        upstreams.fail(A, t);
    }
    assert_eq!(upstreams.state(A, t), State::Up);
    assert_eq!(upstreams.firsts(4, t), "abab");
    let view = upstreams.server(A, t);
    assert_eq!(
        (view.fails, view.recent_fails),
        (100, 64),
        "as many as are kept"
    );
}

#[test]
fn when_all_have_failed_the_one_that_failed_longest_ago_is_tried() {
    let mut servers = servers(["a", "b", "c", "d"]);
    servers[3].backup = true;
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    for (n, address) in ["unix:/c", "unix:/a", "unix:/d", "unix:/b"]
        .into_iter()
        .enumerate()
    {
        upstreams.fail(address, t + secs(n as u64));
    }
    let now = t + secs(4);
    assert_eq!(
        upstreams.g().begin(b"", None).rest(None, now),
        "cadb",
        "each once"
    );
    // A failure puts it last.
    upstreams.fail("unix:/c", now);
    assert_eq!(
        upstreams.g().begin(b"", None).rest(None, now + secs(1)),
        "adbc"
    );
    // A success ends the misery.
    upstreams.succeed("unix:/d", now + secs(1));
    assert_eq!(upstreams.firsts(3, now + secs(1)), "ddd");
}

#[test]
fn what_is_down_drained_or_full_is_not_tried_even_when_all_have_failed() {
    let mut servers = servers(["a", "b", "c", "d"]);
    servers[3].max_conns = 1;
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    for name in ["a", "b", "c", "d"] {
        upstreams.fail(&format!("unix:/{name}"), t);
    }
    use super::super::view::Order;
    upstreams.order("g", "unix:/a", Order::Down).unwrap();
    upstreams.order("g", "unix:/b", Order::Drain).unwrap();
    let mut run = upstreams.g().begin(b"", None);
    let tries = [run.next(None, t).unwrap(), run.next(None, t).unwrap()];
    assert_eq!(tries.iter().map(short).collect::<String>(), "cd");
    assert!(run.next(None, t).is_none());
    // d is full now.
    assert_eq!(upstreams.g().begin(b"", None).rest(None, t), "c");
}

#[test]
fn a_server_that_is_well_goes_before_any_that_has_failed() {
    let (upstreams, t) = (pair(1, 10), Instant::now());
    upstreams.fail(A, t);
    assert_eq!(upstreams.g().begin(b"", None).rest(None, t), "ba");
}

#[test]
fn the_only_address_of_a_group_is_always_tried() {
    let (upstreams, t) = (one(Balance::RoundRobin, servers(["a"])), Instant::now());
    for _ in 0..5 {
        upstreams.fail(A, t);
    }
    let view = upstreams.server(A, t);
    assert_eq!((view.state, view.fails), (State::Failed, 5));
    let mut run = upstreams.g().begin(b"", None);
    assert_eq!(run.rest(None, t), "a", "and once");
    upstreams.succeed(A, t + secs(1));
    assert_eq!(upstreams.state(A, t + secs(1)), State::Up);
}

#[test]
fn a_failure_takes_turns_away_until_it_is_forgotten() {
    let mut servers = servers(["a", "b"]);
    for server in &mut servers {
        server.weight = 4;
        server.max_fails = 2;
    }
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    upstreams.first(t).unwrap().failed("once", t);
    // The effective weight of a is 2, then 3, then 4; credits after the gain of each round: -2 8, 1 6, 5 3, 1 7, 5 3, 1 7.
    assert_eq!(upstreams.firsts(6, t), "bbabab");
}

#[test]
fn slow_start_gives_a_recovered_server_few_turns_at_first() {
    let mut servers = servers(["a", "b"]);
    servers[0].slow_start = secs(100);
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    let count = |at: Instant| upstreams.firsts(100, at).matches('a').count();
    assert_eq!(count(t), 50, "not at the start of the program");
    upstreams.fail(A, t);
    let back = t + secs(10);
    upstreams.succeed(A, back);
    assert_eq!(upstreams.state(A, back), State::Starting);
    let early = count(back + secs(10));
    assert!((8..=10).contains(&early), "10 to 100: {early}");
    let later = count(back + secs(50));
    assert!((32..=35).contains(&later), "50 to 100: {later}");
    assert_eq!(upstreams.state(A, back + secs(99)), State::Starting);
    assert_eq!(upstreams.state(A, back + secs(100)), State::Up);
    assert_eq!(count(back + secs(100)), 50);
}

#[test]
fn slow_start_works_for_least_conn() {
    let mut servers = servers(["a", "b"]);
    servers[0].slow_start = secs(100);
    let (upstreams, t) = (one(Balance::LeastConn, servers), Instant::now());
    upstreams.fail(A, t);
    upstreams.succeed(A, t + secs(10));
    let now = t + secs(30);
    let running: Vec<Picked> = (0..12).map(|_| upstreams.first(now).unwrap()).collect();
    let a = running.iter().filter(|picked| short(picked) == "a").count();
    assert_eq!(a, 2, "20 to 100");
}

#[test]
fn with_slow_start_a_failure_sets_the_growth_back() {
    let mut servers = servers(["a", "b"]);
    servers[0].slow_start = secs(100);
    servers[0].max_fails = 4;
    let (upstreams, t) = (one(Balance::RoundRobin, servers), Instant::now());
    upstreams.fail(A, t);
    // A quarter of the weight is gone, and grows back in a quarter of the time.
    assert_eq!(upstreams.state(A, t), State::Starting);
    let a = upstreams.firsts(70, t).matches('a').count();
    assert!((29..=31).contains(&a), "75 to 100: {a}");
    assert_eq!(upstreams.state(A, t + secs(25)), State::Up);
}
