//! A real nginx with a server of our making, on a Unix socket.

use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::common::process::{self, Running, Setup};
use crate::common::{Client, Stream, Temp, until};

pub struct Nginx {
    _running: Running,
    socket: String,
    _dir: Temp,
}

impl Nginx {
    /// Runs with `server` inside its `server` block; `None` where nginx is not installed.
    pub fn start(server: &str) -> Option<Nginx> {
        let program = process::find_program(&["nginx"])?;
        let dir = Temp::new();
        let socket = dir.file("front");
        let here = dir.path().display();
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .collect();
        let config = dir.write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; pid {here}/pid; error_log {here}/log; user root;\n\
                 events {{}}\n\
                 http {{ access_log off; {temps} default_type text/plain;\n\
                 types {{ text/plain txt; text/html html; text/css css; }}\n\
                 absolute_redirect off;\n\
                 server {{ listen unix:{socket}; server_name test;\n{server}\n }} }}\n"
            ),
        );
        let log = dir.file("log");
        let mut command = Command::new(program);
        command.args(["-e", &log, "-p", &here.to_string(), "-c", &config]);
        let mut running = process::start("nginx", command, Setup::default());
        until("nginx to listen", || {
            if let Some(status) = running.ended() {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                panic!(
                    "nginx ended at once ({}):\n{}{log}",
                    process::describe(status),
                    running.stderr()
                );
            }
            UnixStream::connect(&socket).is_ok()
        });
        Some(Nginx {
            _running: running,
            socket,
            _dir: dir,
        })
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        let stream = UnixStream::connect(&self.socket).expect("connect to nginx");
        Client::new(Stream::Unix(stream))
    }
}
