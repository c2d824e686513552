//! Between the gateway and a scripted application that plays every fault: what the client gets in each case.

#[path = "../common/mod.rs"]
mod common;

mod connect;
mod early;
mod faults;
mod heads;
mod leaving;
mod params;
mod pool;
mod talking;

use common::{App, Gate, Scgi};

/// A scripted application and the gateway in front of it.
#[track_caller]
fn gate(args: &[&str], script: impl Fn(&mut Scgi) + Send + Sync + 'static) -> (App, Gate) {
    let app = App::script(script);
    let addr = app.addr();
    let gate = Gate::start(["--pass", &addr].iter().chain(args));
    (app, gate)
}

/// An application that reads the whole request and answers with these bytes.
#[track_caller]
fn answering(args: &[&str], bytes: &'static [u8]) -> (App, Gate) {
    gate(args, move |scgi| {
        scgi.all();
        let _ = scgi.try_send(bytes);
    })
}
