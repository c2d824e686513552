//! The HTTP/1.1 front end, seen from the client and from the application.

#[path = "../common/mod.rs"]
mod common;

mod exchange;
mod framing;
mod limits;
mod listen;
mod routing;
mod shares;

use common::{App, Gate};

/// An application that echoes its parameters, and the gateway in front of it.
#[track_caller]
fn echo(args: &[&str]) -> (App, Gate) {
    let app = App::echo();
    let addr = app.addr();
    let gate = Gate::start(["--pass", &addr].iter().chain(args));
    (app, gate)
}
