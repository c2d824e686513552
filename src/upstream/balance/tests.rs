//! The methods against sequences worked out by hand.

use std::time::{Duration, Instant};

use super::*;

/// Open turns of these weights.
fn turns(weights: &[u32]) -> Vec<Turn> {
    let new = |(line, weight): (usize, &u32)| Turn {
        open: true,
        ..Turn::new(*weight, line)
    };
    weights.iter().enumerate().map(new).collect()
}

/// So many choices by a method that needs no key, as letters.
fn chosen(turns: &mut [Turn], method: &Balance, count: usize) -> String {
    let letter = |i: Option<usize>| i.map_or('-', |i| char::from(b'a' + i as u8));
    (0..count).map(|_| letter(in_turn(turns, method))).collect()
}

#[test]
fn smooth_round_robin_spreads_the_turns_of_the_heavy_one() {
    let mut turns = turns(&[5, 1, 1]);
    assert_eq!(
        chosen(&mut turns, &Balance::RoundRobin, 14),
        "aabacaaaabacaa"
    );
    assert!(turns.iter().all(|turn| turn.current == 0), "a whole round");
}

#[test]
fn equals_take_turns_from_the_first() {
    let mut turns = turns(&[1, 1, 1]);
    assert_eq!(chosen(&mut turns, &Balance::RoundRobin, 7), "abcabca");
}

#[test]
fn a_closed_one_is_left_out_and_gathers_no_credit() {
    let mut turns = turns(&[1, 3, 1]);
    turns[1].open = false;
    assert_eq!(chosen(&mut turns, &Balance::RoundRobin, 4), "acac");
    turns[1].open = true;
    assert_eq!(chosen(&mut turns, &Balance::RoundRobin, 5), "babcb");
}

#[test]
fn with_none_open_there_is_no_choice() {
    let methods = [
        Balance::RoundRobin,
        Balance::LeastConn,
        Balance::ByRequests,
        Balance::ByTraffic,
        Balance::ByBusyness,
    ];
    for method in methods {
        let mut turns = turns(&[1, 2]);
        turns.iter_mut().for_each(|turn| turn.open = false);
        assert_eq!(in_turn(&mut turns, &method), None, "{method:?}");
        assert_eq!(in_turn(&mut [], &method), None, "{method:?}");
    }
}

#[test]
fn a_failure_takes_its_part_of_the_weight_which_grows_back_by_one_a_round() {
    let mut turns = turns(&[6, 6]);
    turns[0].weaken(1);
    assert_eq!(turns[0].effective, 0);
    // Credits after the gain of each round: 0 6, 1 6, 3 5, 6 3, 1 9, 6 5, 1 11, 7 5.
    assert_eq!(chosen(&mut turns, &Balance::RoundRobin, 8), "bbbababa");
    assert_eq!(turns[0].effective, 6, "recovered");
    turns[0].weaken(2);
    assert_eq!(turns[0].effective, 3);
    turns[0].weaken(1);
    turns[0].weaken(1);
    assert_eq!(turns[0].effective, 0, "never below nothing");
    turns[1].weaken(100);
    assert_eq!(turns[1].effective, 6, "a part of less than one is none");
}

#[test]
fn a_share_of_the_weight_gets_its_share_of_the_turns() {
    let mut turns = turns(&[1, 1]);
    turns[1].share = 25;
    let order = chosen(&mut turns, &Balance::RoundRobin, 10);
    assert_eq!(order.matches('b').count(), 2, "{order}");
}

#[test]
fn a_bound_turn_is_charged_but_only_while_it_has_credit() {
    let mut turns = turns(&[1, 1]);
    charge(&mut turns, 0);
    // As if a had had its turn: b is next.
    assert_eq!((turns[0].current, turns[1].current), (-100, 100));
    charge(&mut turns, 0);
    assert_eq!((turns[0].current, turns[1].current), (-100, 100));
    assert_eq!(chosen(&mut turns, &Balance::RoundRobin, 3), "bab");
}

#[test]
fn least_conn_compares_exchanges_for_the_weight() {
    let mut turns = turns(&[1, 2, 4]);
    (turns[0].running, turns[1].running, turns[2].running) = (2, 3, 7);
    // 2, 1.5, 1.75
    assert_eq!(chosen(&mut turns, &Balance::LeastConn, 1), "b");
    turns[1].open = false;
    assert_eq!(chosen(&mut turns, &Balance::LeastConn, 1), "c");
}

#[test]
fn least_conn_takes_equals_in_turn_by_weight() {
    let mut turns = turns(&[1, 2, 1]);
    turns[2].running = 1;
    // a and b are idle: smooth round robin of 1 and 2.
    assert_eq!(chosen(&mut turns, &Balance::LeastConn, 6), "babbab");
    assert_eq!(turns[2].current, 0, "who is busier takes no part");
}

#[test]
fn least_conn_sees_a_growing_weight() {
    let mut turns = turns(&[1, 1]);
    turns[1].share = 10;
    (turns[0].running, turns[1].running) = (5, 1);
    assert_eq!(
        chosen(&mut turns, &Balance::LeastConn, 1),
        "a",
        "5 against 10"
    );
    turns[0].running = 11;
    assert_eq!(chosen(&mut turns, &Balance::LeastConn, 1), "b");
}

#[test]
fn byrequests_is_smooth_and_does_not_look_at_failures() {
    let mut turns = turns(&[5, 1, 1]);
    turns[0].weaken(1);
    assert_eq!(chosen(&mut turns, &Balance::ByRequests, 7), "aabacaa");
}

#[test]
fn bytraffic_takes_the_fewest_bytes_for_the_weight() {
    let mut turns = turns(&[1, 4, 1]);
    assert_eq!(
        chosen(&mut turns, &Balance::ByTraffic, 2),
        "aa",
        "the first of equals"
    );
    (turns[0].traffic, turns[1].traffic, turns[2].traffic) = (100, 300, 80);
    assert_eq!(
        chosen(&mut turns, &Balance::ByTraffic, 1),
        "b",
        "100, 75, 80"
    );
    turns[1].traffic = 400;
    assert_eq!(
        chosen(&mut turns, &Balance::ByTraffic, 1),
        "c",
        "100, 100, 80"
    );
}

#[test]
fn bybusyness_takes_the_idlest_and_equals_by_requests() {
    let mut turns = turns(&[2, 1, 1]);
    assert_eq!(chosen(&mut turns, &Balance::ByBusyness, 4), "abca");
    (turns[0].running, turns[1].running, turns[2].running) = (1, 2, 1);
    // b gains credit all the while, but is busier.
    let order = chosen(&mut turns, &Balance::ByBusyness, 3);
    assert_eq!(order, "aca");
}

#[test]
fn crc32_is_the_one_of_ieee() {
    assert_eq!(crc32::of(b"123456789"), 0xcbf4_3926);
    assert_eq!(crc32::of(b""), 0);
    let halves = crc32::update(crc32::update(crc32::START, b"1234"), b"56789");
    assert_eq!(!halves, 0xcbf4_3926);
}

#[test]
fn the_second_round_of_a_hash_begins_with_its_number() {
    // crc32("k") is 0x862575d, of which 0x862 counts; crc32("1k") is 0x5de4ad9d: 0x5de4.
    let mut turns = turns(&[1; 1000]);
    let (first, second) = (146, 182);
    let mut misses = 0;
    let mut place = hash::Place::new(b"k");
    assert_eq!(place.pick(&turns, &mut misses), Some(first));
    assert_eq!(place.pick(&turns, &mut misses), Some(second));
    turns[first].open = false;
    let mut place = hash::Place::new(b"k");
    assert_eq!(place.pick(&turns, &mut misses), Some(second));
    assert_eq!(misses, 1);
}

#[test]
fn a_hash_gives_up_after_twenty_closed_ones_and_the_turn_decides() {
    let mut turns = turns(&[1000, 1]);
    turns[0].open = false;
    let mut rng = Rng::fixed();
    let key = crate::template::Template::text(b"");
    for method in [
        Balance::IpHash,
        Balance::Random { two: false },
        Balance::Random { two: true },
        Balance::Hash {
            key: key.clone(),
            consistent: false,
        },
    ] {
        let ring = Ring::default();
        let mut cursor = Cursor::new(&method, &ring, b"abcd");
        let mut means = Means {
            method: &method,
            ring: &ring,
            rng: &mut rng,
        };
        assert_eq!(cursor.pick(&mut turns, &mut means), Some(1), "{method:?}");
    }
}

#[test]
fn ip_hash_takes_three_bytes_of_ipv4_and_all_of_ipv6() {
    let turns = turns(&[1; 500]);
    let slot = |address: &[u8]| ip_hash::Place::new(address).pick(&turns, &mut 0);
    assert_eq!(slot(&[192, 0, 2, 1]), slot(&[192, 0, 2, 99]));
    assert_ne!(slot(&[192, 0, 2, 1]), slot(&[192, 0, 3, 1]));
    // 89 -> 3787 -> 1505 -> 751.
    assert_eq!(slot(&[1, 2, 3, 4]), Some(751 % 500));
    let mut v6 = [7; 16];
    let one = slot(&v6);
    v6[15] = 8;
    assert_ne!(slot(&v6), one);
}

#[test]
fn a_ring_moves_only_the_keys_of_the_server_that_goes() {
    let names = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"];
    let all = Ring::new(names.iter().enumerate().map(|(i, name)| (*name, i, 1)));
    let less = Ring::new(
        names
            .iter()
            .enumerate()
            .take(2)
            .map(|(i, name)| (*name, i, 1)),
    );
    let mut turns = turns(&[1, 1, 1]);
    let mut moved = 0;
    for i in 0..500 {
        let hash = crc32::of(format!("k{i}").as_bytes());
        let mut server = |ring: &Ring| ring.pick(&mut turns, &mut ring.find(hash), &mut 0);
        let (before, after) = (server(&all), server(&less));
        match before {
            Some(2) => moved += 1,
            _ => assert_eq!(before, after, "key {i}"),
        }
    }
    assert!((100..250).contains(&moved), "about a third: {moved}");
}

#[test]
fn an_empty_ring_chooses_none() {
    let ring = Ring::default();
    assert_eq!(ring.pick(&mut turns(&[1]), &mut ring.find(5), &mut 0), None);
}

#[test]
fn random_keeps_to_the_weights() {
    let turns = turns(&[1, 3]);
    let mut rng = Rng::fixed();
    let draws = (0..4000).map(|_| random::pick(&turns, false, &mut rng, &mut 0).unwrap());
    let heavy: usize = draws.sum();
    assert!((2900..3100).contains(&heavy), "about 3000: {heavy}");
}

#[test]
fn random_two_takes_the_less_busy_of_two_different_ones() {
    let mut turns = turns(&[1, 1, 1]);
    turns[0].running = 9;
    turns[1].running = 5;
    let mut rng = Rng::fixed();
    let mut seen = [0; 3];
    for _ in 0..300 {
        let mut misses = 0;
        if let Some(i) = random::pick(&turns, true, &mut rng, &mut misses) {
            seen[i] += 1;
        }
    }
    // a never wins; b only against a, which is one pair of three.
    assert_eq!(seen[0], 0, "{seen:?}");
    assert!((60..140).contains(&seen[1]) && seen[2] > 160, "{seen:?}");
}

#[test]
fn two_generators_differ() {
    assert_ne!(Rng::new().next(), Rng::new().next());
    assert_eq!(Rng::fixed().next(), Rng::fixed().next());
}

#[test]
fn a_weight_grows_from_one_percent_to_all() {
    let (over, start) = (Duration::from_secs(10), Instant::now());
    let at = |ms| start + Duration::from_millis(ms);
    let mut growth = Growth::default();
    assert_eq!(growth.share(over, start), 100, "never began");
    growth.begin(start);
    let shares: Vec<i64> = [0, 99, 100, 250, 5000, 9999]
        .map(|ms| growth.share(over, at(ms)))
        .into();
    assert_eq!(shares, [1, 1, 1, 2, 50, 99]);
    assert_eq!(growth.share(over, at(10_000)), 100);
    assert_eq!(growth.share(over, at(1)), 100, "the growth is over");
}

#[test]
fn a_failure_sets_the_growth_back_by_its_part() {
    let (over, start) = (Duration::from_secs(10), Instant::now());
    let at = |secs| start + Duration::from_secs(secs);
    let mut growth = Growth::default();
    growth.begin(start);
    growth.set_back(over, 5, at(6));
    assert_eq!(growth.share(over, at(6)), 40, "60 less 20");
    growth.set_back(over, 2, at(6));
    assert_eq!(growth.share(over, at(6)), 1, "not below the start");
    growth.begin(start);
    assert_eq!(growth.share(over, at(20)), 100);
    growth.set_back(over, 4, at(20));
    assert_eq!(growth.share(over, at(20)), 75, "from the full weight");
    growth.stop();
    assert_eq!(growth.share(over, at(20)), 100);
}

#[test]
fn each_recovery_begins_the_growth_once() {
    let (over, start) = (Duration::from_secs(10), Instant::now());
    let mut growth = Growth::default();
    growth.recovered(None);
    assert_eq!(growth.share(over, start), 100);
    growth.recovered(Some(start));
    assert_eq!(growth.share(over, start + over), 100);
    growth.recovered(Some(start));
    assert_eq!(growth.share(over, start), 100, "seen before");
    growth.recovered(Some(start + over));
    assert_eq!(growth.share(over, start + over), 1);
}
