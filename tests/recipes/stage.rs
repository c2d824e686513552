//! A recipe on stage: its commands run as they stand there, but with files below a scratch directory and on ports that
//! are free, so that all of them can run at once.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::common::gate::Starter;
use crate::common::process::{self, Running, Setup, find_program};
use crate::common::{App, Client, Gate, Response, Scgi, Stream, Temp, left_out, until};

use super::readme::{self, Cmd, Recipe};

/// Where recipes keep things; here, below the scratch directory.
const PLACES: [&str; 6] = ["/run", "/srv", "/var", "/etc", "/home", "/www"];

/// Something to be done on a stage.
type Act = fn(&mut Stage);

/// A recipe, and what has been started for it.
pub struct Stage {
    recipe: Recipe,
    pub dir: Temp,
    /// The number in the README, and the port that stands for it here.
    ports: BTreeMap<String, u16>,
    /// What is done instead of commands that begin so.
    stand_ins: Vec<(String, Act)>,
    running: Vec<Running>,
    /// Kept until the end; what goes wrong in one fails the test.
    apps: Vec<App>,
    done: bool,
}

/// A gateway that a recipe has started.
pub struct Served {
    _gate: Gate,
    /// What its `--listen` say, as it is here.
    listens: Vec<String>,
}

/// Plays one recipe.
#[track_caller]
pub fn play(title: &str, test: Act) {
    let recipe = readme::recipes()
        .into_iter()
        .find(|recipe| recipe.title == title)
        .unwrap_or_else(|| panic!("the README has no recipe {title:?}"));
    let mut stage = Stage::new(recipe);
    test(&mut stage);
    assert!(stage.done, "the commands of {title:?} have not been run");
    for app in &stage.apps {
        app.check();
    }
}

/// A port below those that the system gives to outgoing connections, so that nobody takes it by accident.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Not where the other tests of the suite look for theirs first.
    let start = 5_000 + (std::process::id() % 10_000) as u16;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The directory of the Python environment with the packages from PyPI.
fn venv() -> PathBuf {
    std::env::var_os("SCGATE_TEST_VENV").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-venv"),
        PathBuf::from,
    )
}

/// The program of this name; those of the Python environment go first.
pub fn program(name: &str) -> Option<PathBuf> {
    let own = venv().join("bin").join(name);
    if own.is_file() {
        Some(own)
    } else {
        find_program(&[name])
    }
}

impl Stage {
    fn new(recipe: Recipe) -> Stage {
        let mut ports = BTreeMap::new();
        for block in recipe.blocks.iter().filter(|b| b.language == "sh") {
            for cmd in readme::commands(&block.text) {
                for digits in passed_ports(&cmd) {
                    ports.entry(digits).or_insert_with(free_port);
                }
            }
        }
        Stage {
            recipe,
            dir: Temp::new(),
            ports,
            stand_ins: Vec::new(),
            running: Vec::new(),
            apps: Vec::new(),
            done: false,
        }
    }

    /// Whether these are installed: programs, files, and packages of Python (`python:NAME`). If not, the test is left
    /// out with a word.
    #[track_caller]
    pub fn has(&mut self, wanted: &[&str]) -> bool {
        let missing = wanted.iter().find(|name| match name.split_once(':') {
            Some(("python", package)) => !has_package(package),
            _ if name.starts_with('/') => !std::path::Path::new(name).exists(),
            _ => program(name).is_none(),
        });
        if let Some(name) = missing {
            left_out(&self.recipe.title, &format!("no {name} (scripts/test)"));
            self.done = true;
        }
        missing.is_none()
    }

    /// Instead of a command that begins so, this is done.
    pub fn instead(&mut self, begin: &str, act: Act) {
        self.stand_ins.push((begin.to_owned(), act));
    }

    /// A scripted application at an address of the recipe, as it stands in the README.
    pub fn app(&mut self, address: &str, script: impl Fn(&mut Scgi) + Send + Sync + 'static) {
        let address = self.here(address);
        let app = match address.strip_prefix("unix:") {
            Some(path) => {
                self.make_parent(path);
                App::script_at(path, script)
            }
            None => App::tcp_at(address.parse().expect("an address"), script).expect("listen"),
        };
        self.apps.push(app);
    }

    /// Such an application, which answers with the parameters it gets, like [`App::echo`].
    pub fn echo(&mut self, address: &str) {
        self.app(address, |scgi| {
            let (request, body) = scgi.all();
            let mut text = String::new();
            for name in request.names() {
                text += &format!("{name}={}\n", request.get(name));
            }
            text += &format!("body: {}\n", String::from_utf8_lossy(&body));
            scgi.reply(text);
        });
    }

    /// Writes a file that the recipe takes for granted, at a path as it stands in the README.
    pub fn write(&mut self, path: &str, content: &str) -> String {
        let path = self.path(path);
        self.make_parent(&path);
        std::fs::write(&path, content).expect("write a file");
        path
    }

    /// Makes a directory that the recipe takes for granted.
    pub fn make_dir(&mut self, path: &str) -> String {
        let path = self.path(path);
        std::fs::create_dir_all(&path).expect("make a directory");
        path
    }

    /// Ends all applications, so that the recipe can be run with others.
    pub fn clear(&mut self) {
        self.running.clear();
        self.apps.drain(..).for_each(|app| app.check());
        let _ = std::fs::remove_dir_all(self.here("/run"));
        self.done = false;
    }

    fn path(&self, path: &str) -> String {
        match path.strip_prefix("~/") {
            Some(rest) => self.dir.file(rest),
            None if path.starts_with('/') => self.here(path),
            None => self.dir.file(path),
        }
    }

    fn make_parent(&self, path: &str) {
        let parent = std::path::Path::new(path).parent().expect("a directory");
        std::fs::create_dir_all(parent).expect("make a directory");
    }

    /// A text of the README as it is here: other directories, other ports.
    pub fn here(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let inside = out.ends_with(|c: char| c.is_alphanumeric() || "./-_".contains(c));
            let digits = rest.find(|c: char| !c.is_ascii_digit());
            let digits = &rest[..digits.unwrap_or(rest.len())];
            let taken = match (inside, self.ports.get(digits)) {
                (false, Some(port)) => {
                    out += &port.to_string();
                    digits.len()
                }
                (false, None) if is_place(rest) => {
                    out += self.dir.path().to_str().expect("scratch paths are text");
                    out.push(c);
                    c.len_utf8()
                }
                _ => {
                    out.push(c);
                    c.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        out
    }

    /// Runs all commands of the recipe in order and returns the gateways. Whatever a gateway passes to listens before
    /// it is started.
    #[track_caller]
    pub fn run(&mut self) -> Vec<Served> {
        self.done = true;
        self.files();
        let mut served = Vec::new();
        let blocks = self.recipe.blocks.clone();
        for block in blocks.iter().filter(|block| block.language == "sh") {
            for cmd in readme::commands(&block.text) {
                let line = cmd.words.join(" ");
                let stand_in = self
                    .stand_ins
                    .iter()
                    .find(|(begin, _)| line.starts_with(begin.as_str()));
                match (stand_in.map(|(_, act)| *act), cmd.words[0].as_str()) {
                    (Some(act), _) => act(self),
                    (None, "scgate") => served.push(self.gateway(&cmd)),
                    (None, _) => self.other(&cmd),
                }
            }
        }
        served
    }

    /// Runs the recipe, whose last command is the one gateway in it.
    #[track_caller]
    pub fn gate(&mut self) -> Served {
        let mut served = self.run();
        assert_eq!(served.len(), 1, "one gateway");
        served.remove(0)
    }

    /// Starts a gateway with the arguments that the recipe has in `SCGATE_ARGS`, as systemd would: quotes hold words
    /// together, line ends are blanks.
    #[track_caller]
    pub fn service(&mut self) -> Served {
        let blocks = self.recipe.blocks.clone();
        let value = blocks
            .iter()
            .find_map(|block| Some(block.text.split_once("SCGATE_ARGS=\"")?.1));
        let (args, _) = value
            .expect("SCGATE_ARGS")
            .split_once('"')
            .expect("a quote");
        let line = format!(
            "scgate {}\n",
            args.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        self.gateway(&readme::commands(&line)[0])
    }

    /// The text of the first block in a language.
    pub fn block(&self, language: &str) -> String {
        let mut blocks = self.recipe.blocks.iter();
        let found = blocks.find(|block| block.language == language);
        found.map_or_else(String::new, |block| block.text.clone())
    }

    /// Writes the files that the recipe shows; `run` does so too.
    pub fn files(&mut self) {
        for block in self.recipe.blocks.clone() {
            if block.language != "sh" {
                self.write_block(&block.text);
            }
        }
    }

    fn write_block(&mut self, text: &str) {
        let first = text.lines().next().unwrap_or_default();
        let name = first.trim_start_matches(['#', ';', '/', ' ']);
        let name = name.split([',', ':']).next().unwrap_or_default().trim();
        assert!(!name.is_empty(), "a block names its file first: {text}");
        let text = self.here(text);
        self.write(name, &text);
    }

    /// Starts the program of a command here.
    pub fn command(&self, name: &str) -> Command {
        let path = program(name).unwrap_or_else(|| panic!("{name} is not installed"));
        let mut command = Command::new(path);
        let dirs = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{}/bin:{dirs}", venv().display()))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOME", self.dir.path())
            .env("FOSSIL_HOME", self.dir.path())
            .env("HGRCPATH", "")
            .env("USER", "tester")
            .env("TERM", "dumb")
            .current_dir(self.dir.path());
        command
    }

    /// Starts a program that is to go on running.
    pub fn start(&mut self, name: &str, command: Command) {
        self.running
            .push(process::start(name, command, Setup::default()));
    }

    /// Runs a program to its end and returns what it says.
    #[track_caller]
    pub fn finish(&self, mut command: Command) -> String {
        let output = command.stdin(Stdio::null()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}{errors}");
        said
    }

    #[track_caller]
    fn other(&mut self, cmd: &Cmd) {
        let mut command = self.command(&cmd.words[0]);
        for word in &cmd.words[1..] {
            let word = self.here(word);
            if word.contains(&*self.dir.path().to_string_lossy()) {
                self.make_parent(word.trim_start_matches("unix:"));
            }
            command.arg(word);
        }
        if cmd.background {
            self.start(&cmd.words[0], command);
        } else {
            self.finish(command);
        }
    }

    #[track_caller]
    fn gateway(&mut self, cmd: &Cmd) -> Served {
        let mut args: Vec<String> = Vec::new();
        let mut listens = Vec::new();
        for word in &cmd.words[1..] {
            let word = match args.last().map(String::as_str) {
                Some("--listen") => self.listen(word, &mut listens),
                // Who runs the tests may not be able to become somebody else.
                Some("--user") => {
                    args.pop();
                    continue;
                }
                _ => self.here(word),
            };
            args.push(word);
        }
        for address in passed(cmd) {
            let address = self.here(&address);
            if address.starts_with("unix:") || address.starts_with("127.0.0.1:") {
                self.wait_for(&address);
            }
        }
        let gate = Starter::new()
            .without_listener()
            .env("TMPDIR", self.dir.path().to_str().expect("text"))
            .args(&args)
            .start();
        for listen in &listens {
            until("the gateway to listen", || process::listens(listen));
        }
        Served {
            _gate: gate,
            listens,
        }
    }

    /// The value of `--listen` as it is here; where that is goes to the list.
    fn listen(&mut self, value: &str, listens: &mut Vec<String>) -> String {
        let (address, options) = value.split_once(' ').unwrap_or((value, ""));
        let address = match address.starts_with("unix:") {
            true => self.here(address),
            false => format!("127.0.0.1:{}", free_port()),
        };
        if let Some(path) = address.strip_prefix("unix:") {
            self.make_parent(path);
        }
        listens.push(address.clone());
        format!("{address} {options}")
    }

    /// Waits until somebody listens at an address of this machine.
    #[track_caller]
    pub fn wait_for(&mut self, address: &str) {
        until(&format!("{address} to be served"), || {
            for running in &mut self.running {
                if let Some(status) = running.ended() {
                    panic!(
                        "ended at once ({}):\n{}{}",
                        process::describe(status),
                        running.stdout(),
                        running.stderr()
                    );
                }
            }
            process::listens(address)
        });
    }
}

/// Whether a text begins with one of the [`PLACES`].
fn is_place(text: &str) -> bool {
    let mut after = PLACES.iter().filter_map(|place| text.strip_prefix(place));
    after.any(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the Python environment has this package.
fn has_package(package: &str) -> bool {
    let Some(python) = program("python3") else {
        return false;
    };
    let import = format!("import {package}");
    let status = Command::new(python)
        .args(["-c", &import])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The addresses that a command of ours passes requests to.
fn passed(cmd: &Cmd) -> Vec<String> {
    let mut addresses = Vec::new();
    for pair in cmd.words.windows(2).filter(|_| cmd.words[0] == "scgate") {
        let word = match pair[0].as_str() {
            "--pass" => pair[1].split(' ').next(),
            "--upstream" => pair[1].split(' ').nth(1),
            _ => None,
        };
        addresses.extend(word.map(str::to_owned));
    }
    addresses
}

/// The ports of those that are on this machine.
fn passed_ports(cmd: &Cmd) -> Vec<String> {
    let local = |address: &String| address.strip_prefix("127.0.0.1:").map(str::to_owned);
    passed(cmd).iter().filter_map(local).collect()
}

impl Served {
    /// A new connection to the listener of this number.
    #[track_caller]
    pub fn client_at(&self, number: usize) -> Client {
        let listen = &self.listens[number];
        match listen.strip_prefix("unix:") {
            Some(path) => Client::new(Stream::Unix(UnixStream::connect(path).expect("connect"))),
            None => Client::tcp(listen.parse::<SocketAddr>().expect("an address")),
        }
    }

    #[track_caller]
    pub fn client(&self) -> Client {
        self.client_at(0)
    }

    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.client().get(target)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listens[0])
    }
}

#[test]
fn a_command_may_be_done_in_another_way() {
    let text = "unknown-program --it 'is not there'\ncp /srv/a /srv/b\n".to_owned();
    let language = "sh".to_owned();
    let mut stage = Stage::new(Recipe {
        title: "none".into(),
        blocks: vec![readme::Block { language, text }],
    });
    stage.instead("unknown-program --it", |stage| {
        stage.write("/srv/a", "done");
    });
    assert!(stage.run().is_empty());
    let copy = std::fs::read_to_string(stage.here("/srv/b")).expect("it was copied");
    assert_eq!(copy, "done");
}
