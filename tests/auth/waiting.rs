//! What happens while a password is being checked: sam's takes seconds.

use crate::common::{Client, Gate, Temp, until};
use crate::{ANN, House, JOE, SLOW, checks, get, says, send};

/// sam's file for `/`, and beside it a page without a password and one for joe and ann by another file.
fn gate(house: &House, args: &[&str]) -> Gate {
    let (flag, pass) = (house.flag("home"), house.app.addr());
    let theirs = house.dir.write("theirs", &format!("{JOE}{ANN}"));
    let theirs = format!("theirs {theirs}");
    let own = [
        "--log-level",
        "debug",
        "--location",
        "/",
        "--pass",
        &pass,
        "--auth-basic",
        &flag,
        "--location",
        "/open",
        "--pass",
        &pass,
        "--location",
        "/theirs",
        "--pass",
        &pass,
        "--auth-basic",
        &theirs,
    ];
    Gate::start(args.iter().chain(&own))
}

/// Clients whose passwords are checked one after the other, for longer than a test lasts. There are 16 places for one address.
fn slow_ones(gate: &Gate) -> Vec<Client> {
    let ask = |number: usize| {
        let mut client = gate.client();
        send(&mut client, "GET", "/", &says("sam", &number.to_string()));
        client
    };
    let clients = (0..12).map(ask).collect();
    gate.has_read_everything();
    clients
}

#[track_caller]
fn still_wait(clients: &[Client]) {
    let last = clients.last().expect("clients");
    assert!(!last.stream().is_readable(), "the last has its answer");
}

#[test]
fn a_slow_check_delays_nobody_who_needs_none() {
    let house = House::new(SLOW);
    let gate = gate(&house, &[]);
    get(&gate, "/theirs", &says("joe", "secret")).is(200);
    let slow = slow_ones(&gate);
    for _ in 0..5 {
        get(&gate, "/open", "").is(200);
        // Asked for a password, or known by it.
        get(&gate, "/theirs", "").is(401);
        get(&gate, "/theirs", "Authorization: Basic x\r\n").is(401);
        get(&gate, "/none\0", "").is(400);
    }
    still_wait(&slow);
}

#[test]
fn the_same_question_is_one_check() {
    let house = House::new(JOE);
    let gate = gate(&house, &[]);
    let mut herd: Vec<Client> = (0..200).map(|_| gate.client()).collect();
    for client in &mut herd {
        send(client, "GET", "/", &says("joe", "wrong"));
    }
    for client in &mut herd {
        client.response().is(401);
    }
    assert_eq!(checks(&gate), 1);
}

#[test]
fn too_many_questions_are_turned_away() {
    let house = House::new(SLOW);
    let gate = gate(&house, &[]);
    let mut slow = slow_ones(&gate);
    for number in 12..200 {
        let mut client = gate.client();
        send(&mut client, "GET", "/", &says("sam", &number.to_string()));
        slow.push(client);
    }
    gate.has_read_everything();
    let mut turned_away = 0;
    for client in &mut slow[50..] {
        if client.stream().is_readable() {
            let response = client.response().is(503);
            assert_eq!(response.field("retry-after"), Some("1"));
            assert!(response.text().contains("AUTH"));
            turned_away += 1;
        }
    }
    // 16 wait, and as many more came in as have been checked meanwhile.
    assert!(turned_away > 0);
    // A question that is asked already takes no place.
    let mut client = gate.client();
    send(&mut client, "GET", "/", &says("sam", "11"));
    gate.has_read_everything();
    assert!(!client.stream().is_readable());
    gate.logs("too many passwords wait to be checked: 503");
}

#[test]
fn a_client_that_leaves_leaves_its_place() {
    let house = House::new(SLOW);
    let log = [
        "--log-format",
        "own $remote_user $request_uri $status",
        "--access-log",
        "- own",
    ];
    let gate = gate(&house, &log);
    let slow = slow_ones(&gate);
    // Together more than there are places.
    for batch in 1..=10 {
        let leaving = (0..4).map(|number| {
            let mut client = gate.client();
            let password = format!("{batch} {number}");
            send(&mut client, "GET", "/left", &says("sam", &password));
            client
        });
        let leaving: Vec<Client> = leaving.collect();
        gate.has_read_everything();
        assert!(leaving.iter().all(|client| !client.stream().is_readable()));
        drop(leaving);
        until("all to have left", || {
            gate.stderr()
                .matches("it ended while its password was checked")
                .count()
                == 4 * batch
        });
    }
    still_wait(&slow);
    until("the access log", || {
        gate.stdout().matches("sam /left 499\n").count() == 40
    });
    assert_eq!(gate.stdout().matches("/left").count(), 40);
}

#[test]
fn nobody_is_told_to_go_on_before_the_check() {
    let house = House::new(&format!("{SLOW}{JOE}"));
    let gate = gate(&house, &[]);
    let ask = |user: &str, password: &str| {
        let mut client = gate.client();
        let fields = format!(
            "Expect: 100-continue\r\nContent-Length: 5\r\n{}",
            says(user, password)
        );
        send(&mut client, "POST", "/", &fields);
        client
    };
    let mut right = ask("joe", "secret");
    assert_eq!(right.some(), b"HTTP/1.1 100 Continue\r\n\r\n");
    right.send("hello");
    assert!(right.response().is(200).text().ends_with("body: hello\n"));
    let response = ask("joe", "wrong").response().is(401);
    assert_eq!(
        (response.head.interim.len(), response.head.closes()),
        (0, true)
    );
    let slow = slow_ones(&gate);
    let waiting = ask("sam", "y");
    gate.has_read_everything();
    assert!(!waiting.stream().is_readable());
    still_wait(&slow);
}

#[test]
fn a_body_is_not_read_before_the_check() {
    let house = House::new(SLOW);
    let gate = gate(&house, &["--client-max-body-size", "1g"]);
    let slow = slow_ones(&gate);
    let mut client = gate.client();
    send(
        &mut client,
        "POST",
        "/",
        &format!("Content-Length: 1000000000\r\n{}", says("sam", "z")),
    );
    // As much as fits between the two; were it read, all of it would.
    client
        .stream()
        .set_limit(std::time::Duration::from_millis(300));
    let block = vec![0; 1 << 20];
    let sent = (0..200)
        .take_while(|_| client.try_send(&block).is_ok())
        .count();
    assert!(sent < 200, "{sent} MiB");
    still_wait(&slow);
}

#[test]
fn it_ends_in_order_while_passwords_wait() {
    let house = House::new(SLOW);
    let gate = gate(&house, &["--shutdown-timeout", "1s"]);
    let mut slow = slow_ones(&gate);
    gate.stop();
    assert!(slow.pop().expect("a client").try_response("GET").is_err());
}

#[test]
fn only_who_needs_it_has_the_thread() {
    let threads = |gate: &Gate| {
        gate.has_read_everything();
        let tasks = std::fs::read_dir(format!("/proc/{}/task", gate.pid())).expect("tasks");
        let names = tasks
            .flatten()
            .map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
        names.filter(|name| name.trim() == "passwords").count()
    };
    let house = House::new(JOE);
    // A thread gives itself its name.
    let gate = house.gate(&[]);
    until("the thread to have its name", || threads(&gate) == 1);
    let root = Temp::new();
    let root = root.path().to_str().expect("text");
    assert_eq!(
        threads(&Gate::start(["--root", root, "--auth-basic", "off"])),
        0
    );
}
