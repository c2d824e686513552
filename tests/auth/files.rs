//! A password file that changes while the program runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::{Gate, cannot_here, is_root, until};
use crate::{ANN, House, JOE, OTHER, checks, get, says};

#[test]
fn a_file_that_changes_holds_within_a_second() {
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    let (old, new) = (says("joe", "secret"), says("joe", "other"));
    get(&gate, "/", &old).is(200);
    get(&gate, "/", &new).is(401);
    house.users(OTHER);
    // Though the one is remembered as right and the other as wrong.
    until("the old password to be refused", || {
        get(&gate, "/", &old).status == 401
    });
    get(&gate, "/", &new).is(200);
    gate.logs("has been read again");
    // Another file in its place, as editors make it.
    let next = house.dir.write("next", JOE);
    fs::rename(next, house.dir.file("users")).expect("rename");
    until("the new password to be refused", || {
        get(&gate, "/", &new).status == 401
    });
    get(&gate, "/", &old).is(200);
}

#[test]
fn a_file_without_users_lets_nobody_in_and_is_complained_of() {
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    get(&gate, "/", &says("joe", "secret")).is(200);
    house.users("joe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    until("joe to be refused", || {
        get(&gate, "/", &says("joe", "secret")).status == 401
    });
    let line = gate.logs("line 1: user \"joe\" has a hash of another kind");
    assert!(line.contains(" warn "), "{line}");
    gate.logs("has no user with a hash");
}

#[test]
fn a_file_that_has_gone_lets_nobody_in_until_it_is_back() {
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    let right = says("joe", "secret");
    get(&gate, "/", &right).is(200);
    fs::remove_file(house.dir.file("users")).expect("remove");
    until("a check to fail", || get(&gate, "/", &right).status == 500);
    // For everybody, and each is told of in the log.
    let asked = ["joe", "nobody"];
    for user in asked {
        let response = get(&gate, "/", &says(user, "x")).is(500);
        assert_eq!(response.field("www-authenticate"), None);
        assert!(response.text().contains("AUTH"), "{}", response.text());
    }
    until("all to be told of", || {
        let told = gate.stderr();
        told.matches("passwords can not be checked: 500").count() > asked.len()
    });
    gate.logs("No such file");
    get(&gate, "/", "").is(401);
    house.users(ANN);
    until("ann to be let in", || {
        get(&gate, "/", &says("ann", "secret")).status == 200
    });
    get(&gate, "/", &right).is(401);
}

#[test]
fn a_file_that_may_not_be_read_any_more_lets_nobody_in() {
    if is_root() {
        return cannot_here(
            "a_file_that_may_not_be_read_any_more_lets_nobody_in",
            "root reads everything",
        );
    }
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    get(&gate, "/", &says("joe", "secret")).is(200);
    let path = house.dir.file("users");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("chmod");
    until("a check to fail", || {
        get(&gate, "/", &says("joe", "secret")).status == 500
    });
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
    until("joe to be let in", || {
        get(&gate, "/", &says("joe", "secret")).status == 200
    });
}

#[test]
fn a_signal_makes_it_forget() {
    let house = House::new(JOE);
    let gate = house.gate(&[]);
    for _ in 0..3 {
        get(&gate, "/", &says("joe", "secret")).is(200);
    }
    assert_eq!(checks(&gate), 1);
    gate.signal(libc::SIGHUP);
    until("joe's password to be checked again", || {
        get(&gate, "/", &says("joe", "secret")).is(200);
        checks(&gate) == 2
    });
}

#[test]
fn a_file_is_what_one_may_be_known_by() {
    let house = House::new(JOE);
    let other = house.dir.write("others", ANN);
    let (pass, theirs) = (house.app.addr(), format!("there {other}"));
    let gate = Gate::start([
        "--auth-basic",
        &house.flag("home"),
        "--location",
        "/",
        "--pass",
        &pass,
        "--location",
        "/there",
        "--pass",
        &pass,
        "--auth-basic",
        &theirs,
    ]);
    for (user, here, there) in [("joe", 200, 401), ("ann", 401, 200), ("joe", 200, 401)] {
        get(&gate, "/", &says(user, "secret")).is(here);
        get(&gate, "/there", &says(user, "secret")).is(there);
    }
}
