//! A real nginx, on a Unix socket, so that no port has to be guessed.

use std::os::unix::net::UnixStream;
use std::process::Command;

use super::gate::Front;
use super::process::{self, Running, Setup};
use super::{Client, Stream, Temp, until};

pub struct Nginx {
    _running: Running,
    socket: String,
    _dir: Temp,
}

impl Nginx {
    /// Runs with what `http` puts into its `http` block, whose argument is the value of `listen`. `None` where nginx is not
    /// installed.
    #[track_caller]
    pub fn start(http: impl FnOnce(&str) -> String) -> Option<Nginx> {
        let program = process::find_program(&["nginx"])?;
        let dir = Temp::new();
        let socket = dir.file("front");
        let here = dir.path().display();
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .collect();
        let http = http(&format!("unix:{socket}"));
        let config = dir.write(
            "nginx.conf",
            &format!(
                "daemon off; master_process off; pid {here}/pid; error_log {here}/log; user root;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ access_log off; {temps}\n{http}\n}}\n"
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
            process::listens(&format!("unix:{socket}"))
        });
        Some(Nginx {
            _running: running,
            socket,
            _dir: dir,
        })
    }

    /// The same with one server of this content, which knows three types of files.
    #[track_caller]
    pub fn serve(server: &str) -> Option<Nginx> {
        Nginx::start(|listen| {
            format!(
                "default_type text/plain; types {{ text/plain txt; text/html html; text/css css; }}\n\
                 absolute_redirect off;\nserver {{ listen {listen}; server_name test;\n{server}\n }}"
            )
        })
    }

    pub fn front(&self) -> Front {
        Front::Unix(self.socket.clone())
    }

    /// A new connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        let stream = UnixStream::connect(&self.socket).expect("connect to nginx");
        Client::new(Stream::Unix(stream))
    }
}
