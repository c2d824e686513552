use super::*;

const JOE: &str = "joe:$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW\n"; // secret

fn who(password: usize) -> Credentials {
    Credentials {
        user: b"joe".to_vec(),
        password: password.to_string().into_bytes(),
    }
}

/// One that nobody works for.
fn idle() -> Verifier {
    Verifier::new(Box::leak(Box::new([PathBuf::from("/none")])), 4)
}

#[track_caller]
fn ticket(asked: Asked) -> Ticket {
    match asked {
        Asked::Wait(ticket) => ticket,
        Asked::Known(verdict) => panic!("{verdict:?}"),
    }
}

#[test]
fn the_same_question_waits_for_one_check() {
    let (verifier, now) = (idle(), Instant::now());
    let first = ticket(verifier.ask(0, who(1), None, None, now));
    let second = ticket(verifier.ask(0, who(1), None, None, now));
    let other = ticket(verifier.ask(0, who(2), None, None, now));
    assert_eq!(verifier.lock().queue.len(), 2);
    // It is joined while it runs, too.
    let (_, _, whose) = verifier.next();
    assert_eq!(whose.password, b"1");
    let third = ticket(verifier.ask(0, who(1), None, None, now));
    verifier.announce(Verdict::Wrong);
    for asked in [first, second, third] {
        assert_eq!(verifier.take(asked), Some(Verdict::Wrong));
        assert_eq!(verifier.take(asked), None, "it is given once");
    }
    assert_eq!(verifier.take(other), None);
    assert!(verifier.lock().answers.is_empty());
}

#[test]
fn whoever_leaves_leaves_nothing() {
    let (verifier, now) = (idle(), Instant::now());
    let both = [0, 1].map(|_| ticket(verifier.ask(0, who(1), None, None, now)));
    verifier.leave(both[0]);
    assert_eq!(verifier.lock().queue.len(), 1, "another waits");
    verifier.leave(both[1]);
    assert!(verifier.lock().queue.is_empty());
    let running = ticket(verifier.ask(0, who(1), None, None, now));
    verifier.next();
    verifier.leave(running);
    verifier.announce(Verdict::Right);
    assert!(verifier.lock().answers.is_empty());
    let over = ticket(verifier.ask(0, who(2), None, None, now));
    verifier.next();
    verifier.announce(Verdict::Right);
    verifier.leave(over);
    assert!(verifier.lock().answers.is_empty());
}

#[test]
fn the_queue_has_an_end() {
    let (verifier, now) = (idle(), Instant::now());
    let mut all: Vec<Ticket> = (0..QUEUE)
        .map(|number| ticket(verifier.ask(0, who(number), None, None, now)))
        .collect();
    let full = verifier.ask(0, who(QUEUE), None, None, now);
    assert_eq!(full, Asked::Known(Verdict::Busy));
    ticket(verifier.ask(0, who(0), None, None, now));
    verifier.leave(all.pop().unwrap());
    ticket(verifier.ask(0, who(QUEUE), None, None, now));
}

#[test]
fn one_address_has_a_share_and_no_more_than_every_other_turn() {
    let (verifier, now) = (idle(), Instant::now());
    let ask = |number, address: &str| {
        let from = address.parse().ok();
        verifier.ask(0, who(number), from, None, now)
    };
    for number in 0..SHARE {
        ticket(ask(number, &format!("2001:db8::{number}")));
    }
    let busy = Asked::Known(Verdict::Busy);
    assert_eq!(ask(100, "2001:db8::100"), busy);
    for (number, address) in [(200, "2001:db8:0:1::"), (201, "192.0.2.1")] {
        ticket(ask(number, address));
    }
    let next = || {
        let (_, _, who) = verifier.next();
        verifier.announce(Verdict::Wrong);
        String::from_utf8(who.password).unwrap()
    };
    // The first of the guesses, both others, and the guesses again, of which there may be as many more.
    let order: Vec<String> = (0..5).map(|_| next()).collect();
    assert_eq!(order, ["0", "200", "1", "201", "2"]);
    ticket(ask(100, "2001:db8::100"));
}

#[test]
fn whoever_was_right_goes_before_a_full_queue() {
    let (verifier, now) = (idle(), Instant::now());
    ticket(verifier.ask(0, who(1000), None, None, now));
    verifier.next();
    verifier.announce(Verdict::Right);
    for number in 0..QUEUE {
        ticket(verifier.ask(0, who(number), None, None, now));
    }
    // The last look at the file was long ago, and the answer's time is over too.
    let later = now + Duration::from_secs(1000);
    ticket(verifier.ask(0, who(1000), None, None, later));
    let full = verifier.ask(0, who(QUEUE), None, None, later);
    assert_eq!(full, Asked::Known(Verdict::Busy));
    assert_eq!(verifier.next().2.password, b"1000");
}

#[test]
fn what_was_begun_before_a_signal_is_neither_remembered_nor_joined() {
    let (verifier, now) = (idle(), Instant::now());
    let before = ticket(verifier.ask(0, who(1), None, None, now));
    verifier.next();
    verifier.forget();
    let after = ticket(verifier.ask(0, who(1), None, None, now));
    verifier.announce(Verdict::Right);
    assert_eq!(verifier.take(before), Some(Verdict::Right));
    assert_eq!(verifier.take(after), None);
    verifier.lock().files[0].looked = Some(now);
    ticket(verifier.ask(0, who(1), None, None, now));
}

#[test]
fn memory_holds_as_long_as_the_last_look() {
    let (verifier, now) = (idle(), Instant::now());
    ticket(verifier.ask(0, who(1), None, None, now));
    verifier.next();
    verifier.announce(Verdict::Right);
    verifier.lock().files[0].looked = Some(now);
    let known = |verdict| Asked::Known(verdict);
    let almost = now + LOOK - Duration::from_millis(1);
    assert_eq!(
        verifier.ask(0, who(1), None, None, almost),
        known(Verdict::Right)
    );
    verifier.lock().files[0].broken = true;
    assert_eq!(
        verifier.ask(0, who(1), None, None, now),
        known(Verdict::Broken)
    );
    assert_eq!(
        verifier.ask(0, who(2), None, None, now),
        known(Verdict::Broken)
    );
    ticket(verifier.ask(0, who(1), None, None, now + LOOK));
}

#[test]
fn guesses_never_hold_all_workers() {
    let (verifier, now) = (idle(), Instant::now());
    ticket(verifier.ask(0, who(1000), None, None, now));
    verifier.next();
    verifier.announce(Verdict::Right);
    let later = now + Duration::from_secs(1000);
    // Half of the four wait.
    verifier.lock().waiting = 2;
    let guess = ticket(verifier.ask(0, who(1), None, None, later));
    assert_eq!(verifier.wait(guess), Verdict::Busy);
    assert!(verifier.lock().queue.is_empty(), "it is not checked either");
    assert_eq!(verifier.lock().waiting, 2);
    let right = ticket(verifier.ask(0, who(1000), None, None, later));
    assert!(verifier.lock().may_wait(right, verifier.patient));
    let guess = ticket(verifier.ask(0, who(1), None, None, later));
    verifier.lock().waiting = 1;
    assert!(verifier.lock().may_wait(guess, verifier.patient));
    verifier.next();
    verifier.announce(Verdict::Right);
    verifier.next();
    verifier.announce(Verdict::Wrong);
    // What is known by now is not waited for.
    verifier.lock().waiting = 2;
    assert_eq!(verifier.wait(right), Verdict::Right);
    assert_eq!(verifier.wait(guess), Verdict::Wrong);
}

#[test]
fn whoever_may_wait_has_the_answer() {
    let path = std::env::temp_dir().join(format!("scgate-test-wait-{}", std::process::id()));
    std::fs::write(&path, JOE).unwrap();
    let paths: &'static [PathBuf] = Box::leak(Box::new([path.clone()]));
    let verifier = Verifier::start(paths, 4).unwrap();
    let ask = |password: &str| {
        let who = Credentials {
            user: b"joe".to_vec(),
            password: password.as_bytes().to_vec(),
        };
        match verifier.ask(0, who, None, None, Instant::now()) {
            Asked::Known(verdict) => verdict,
            Asked::Wait(ticket) => verifier.wait(ticket),
        }
    };
    assert_eq!(
        (ask("secret"), ask("wrong")),
        (Verdict::Right, Verdict::Wrong)
    );
    std::fs::remove_file(&path).unwrap();
    verifier.forget();
    assert_eq!(
        (ask("secret"), ask("wrong")),
        (Verdict::Broken, Verdict::Broken)
    );
    assert!(Verifier::start(paths, 4).is_err());
}
