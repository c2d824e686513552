//! `--auth-basic`: who is let in, who is asked, and what waits meanwhile.
#![cfg(feature = "auth")]

#[path = "../common/mod.rs"]
mod common;

mod asking;
mod files;
mod inside;
mod start;
mod waiting;

use common::{App, Client, Gate, Response, Temp};

/// joe's password is "secret", as `htpasswd -nbBC 4` has it.
const JOE: &str = "joe:$2y$04$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW\n";
/// ann's too, as `openssl passwd -5` has it.
const ANN: &str = "ann:$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.\n";
/// Of joe and the password "other".
const OTHER: &str = "joe:$2y$04$ljGUVbvpL2G/5ociedlGBue5ZPMEfBGSjwY9JiL3Rm9GiRSszh/gq\n";
/// To check sam's password takes seconds where it takes anything, and no password is right.
const SLOW: &str = "sam:$2y$16$5ZsEWJwUS5pvZWUv0WKAluq3P0.qWjRSpMWF4HTSQPmcFmG6NPaqW\n";

/// The field by which a client says who it is.
fn says(user: &str, password: &str) -> String {
    let text = format!("{user}:{password}");
    format!("Authorization: Basic {}\r\n", base64(text.as_bytes()))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            match at <= group.len() {
                true => text.push(LETTERS[(bits >> (18 - 6 * at) & 63) as usize] as char),
                false => text.push('='),
            }
        }
    }
    text
}

fn send(client: &mut Client, method: &str, target: &str, fields: &str) {
    client.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"
    ));
}

/// One GET with these fields, on a connection of its own.
#[track_caller]
fn get(gate: &Gate, target: &str, fields: &str) -> Response {
    let mut client = gate.client();
    send(&mut client, "GET", target, fields);
    client.response()
}

/// A scratch directory with a password file in it, and an application.
struct House {
    dir: Temp,
    app: App,
}

impl House {
    fn new(users: &str) -> House {
        let dir = Temp::new();
        dir.write("users", users);
        House {
            dir,
            app: App::echo(),
        }
    }

    fn users(&self, text: &str) {
        self.dir.write("users", text);
    }

    /// The value of the flag, with this realm as a word.
    fn flag(&self, realm: &str) -> String {
        format!("{realm} {}", self.dir.file("users"))
    }

    /// The application behind a password.
    fn gate(&self, args: &[&str]) -> Gate {
        let (flag, pass) = (self.flag("home"), self.app.addr());
        let own = [
            "--auth-basic",
            &flag,
            "--pass",
            &pass,
            "--log-level",
            "debug",
        ];
        Gate::start(own.iter().chain(args))
    }
}

/// How many passwords have been checked by their hash.
fn checks(gate: &Gate) -> usize {
    gate.stderr().matches("a password checked").count()
}
