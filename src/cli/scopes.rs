//! From flags in order to scopes: position decides which level a flag belongs to.

use std::rc::Rc;

use crate::config::Match;

use super::args::Given;
use super::presets::Preset;
use super::settings::{Chain, Settings};
use super::table::{Flag, Role};
use super::words::{MapNames, Value, printable};

/// A flag with its value, as it stood at one level.
pub struct Said {
    pub flag: &'static Flag,
    /// Empty for a flag without a value.
    pub value: Value,
}

/// One level: what stood there, and what that means.
#[derive(Default)]
pub struct Scope {
    pub said: Vec<Said>,
    pub settings: Settings,
    /// What `--preset` of this level stands for, as if it were a level just outside of this one.
    pub preset: Option<Box<Scope>>,
}

impl Scope {
    /// A level at which nothing stands. Not inlined: there are very many settings to be empty.
    #[inline(never)]
    fn new() -> Scope {
        Scope::default()
    }
}

pub struct ServerScope {
    /// `None`: no `--server` opened it.
    pub names: Option<Value>,
    pub scope: Scope,
    pub locations: Vec<LocationScope>,
}

pub struct LocationScope {
    /// `None`: no `--location` opened it.
    pub opened: Option<Value>,
    pub matching: Match,
    pub scope: Scope,
}

/// The whole command line.
#[derive(Default)]
pub struct Tree {
    pub http: Scope,
    pub servers: Vec<ServerScope>,
    /// Flags of [`Role::Command`], by their long names, with their values.
    pub commands: Vec<(&'static str, Option<String>)>,
    /// Without the program's name in front.
    pub errors: Vec<String>,
    /// What `--map` defines anywhere; usable are those before the flag that is being read.
    maps: MapNames,
}

/// One step of the way from a location outwards.
pub struct Step<'a> {
    pub scope: &'a Scope,
    /// Which of the levels it belongs to.
    pub level: usize,
    /// The preset that the scope is the expansion of.
    pub preset: Option<&'static Preset>,
}

/// The levels that hold at one place, innermost first, each followed by its preset. Of presets only the innermost holds:
/// it is for another application than those further out.
pub fn steps<'a>(levels: impl IntoIterator<Item = &'a Scope>) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let mut preset = None;
    for (level, scope) in levels.into_iter().enumerate() {
        let step = |scope, preset| Step {
            scope,
            level,
            preset,
        };
        steps.push(step(scope, None));
        if let (None, Some(expanded)) = (preset, &scope.preset) {
            preset = scope.settings.preset;
            steps.push(step(expanded, preset));
        }
    }
    steps
}

/// The settings of these levels and of their preset.
pub fn chain<'a>(levels: impl IntoIterator<Item = &'a Scope>) -> Chain<'a> {
    Chain(steps(levels).iter().map(|s| &s.scope.settings).collect())
}

/// Which level the builder stands at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Http,
    Server,
    Location,
}

/// `--flag 'value': why`.
#[cold]
#[inline(never)]
pub fn complain(flag: &str, raw: Option<&str>, why: &str) -> String {
    match raw {
        Some(raw) => format!("--{flag} '{}': {}", printable(raw), printable(why)),
        None => format!("--{flag}: {}", printable(why)),
    }
}

/// Sorts flags into scopes; afterwards every server has a location, and there is a server.
pub fn build(given: Vec<Given>) -> Tree {
    let mut tree = Tree::default();
    tree.maps.all = Rc::new(map_names(&given));
    for one in given {
        tree.take(one);
    }
    tree.check_levels();
    tree.add_implicit();
    tree
}

/// The variables that `--map` defines, so that flags before it may use them too. A broken one keeps its place under a
/// name that no variable has.
fn map_names(given: &[Given]) -> Vec<String> {
    let name = |given: &Given| {
        let value = Value::parse(given.value.as_deref()?).ok()?;
        let name = value.word(1)?.strip_prefix('$')?;
        Some(name.to_ascii_lowercase())
    };
    given
        .iter()
        .filter(|given| given.flag.long == "map")
        .map(|given| name(given).unwrap_or_default())
        .collect()
}

impl Tree {
    fn take(&mut self, given: Given) {
        let Given { flag, value: raw } = given;
        if matches!(flag.role, Role::Command) {
            return self.commands.push((flag.long, raw));
        }
        let maps = self.usable_maps(flag);
        let value = match Value::parse(raw.as_deref().unwrap_or("")) {
            Ok(value) => Value { maps, ..value },
            Err(why) => {
                self.errors.push(complain(flag.long, raw.as_deref(), &why));
                return self.open_broken(flag);
            }
        };
        match flag.role {
            Role::Scope if flag.long == "server" => self.open_server(value),
            Role::Scope => self.open_location(value),
            Role::Set(set) => self.set(flag, value, set),
            Role::Command => {}
        }
    }

    /// A map may use those before it, every other flag all of them.
    fn usable_maps(&mut self, flag: &Flag) -> MapNames {
        let usable = match flag.long {
            "map" => self.maps.usable,
            _ => self.maps.all.len(),
        };
        self.maps.usable += usize::from(flag.long == "map");
        MapNames {
            all: Rc::clone(&self.maps.all),
            usable,
        }
    }

    /// A scope whose value is broken is opened all the same, or what follows would seem misplaced.
    fn open_broken(&mut self, flag: &Flag) {
        match (flag.role, flag.long) {
            (Role::Scope, "server") => self.push_server(Some(Value::default())),
            (Role::Scope, _) => self.push_location(Value::default(), self.broken()),
            _ => {}
        }
    }

    /// A match that equals no other, so that one mistake is reported once.
    fn broken(&self) -> Match {
        Match::Named(format!("broken {}", self.errors.len()))
    }

    fn open_server(&mut self, value: Value) {
        if value.words.is_empty() {
            let why = "needs at least one name (_ where no name matters)";
            self.errors.push(complain("server", Some(&value.raw), why));
        }
        self.push_server(Some(value));
    }

    fn push_server(&mut self, names: Option<Value>) {
        self.servers.push(ServerScope {
            names,
            scope: Scope::new(),
            locations: Vec::new(),
        });
    }

    fn open_location(&mut self, value: Value) {
        match matching(&value) {
            Ok(matching) => self.push_location(value, matching),
            Err(why) => {
                self.errors
                    .push(complain("location", Some(&value.raw), &why));
                self.push_location(value, self.broken());
            }
        }
    }

    fn push_location(&mut self, value: Value, matching: Match) {
        if self.servers.is_empty() {
            self.push_server(None);
        }
        let Some(server) = self.servers.last_mut() else {
            return;
        };
        if server
            .locations
            .iter()
            .any(|known| known.matching == matching)
        {
            let why = "stands in its server twice";
            self.errors
                .push(complain("location", Some(&value.raw), why));
        }
        server.locations.push(LocationScope {
            opened: Some(value),
            matching,
            scope: Scope::new(),
        });
    }

    fn set(&mut self, flag: &'static Flag, value: Value, set: super::table::Setter) {
        let raw = value.raw.clone();
        let raw = flag.takes_value().then_some(raw.as_str());
        let scope = self.current();
        let before = scope
            .said
            .iter()
            .find(|said| said.flag.long == flag.long && !flag.many);
        let twice = before.map(|said| {
            format!(
                "given twice on one level (first '{}')",
                printable(&said.value.raw)
            )
        });
        let result = match twice {
            Some(why) if flag.takes_value() => Err(why),
            Some(_) => Err("given twice".into()),
            None => set(&mut scope.settings, &value),
        };
        scope.said.push(Said { flag, value });
        if flag.long == "preset" {
            scope.preset = scope.settings.preset.map(|preset| Box::new(preset.scope()));
        }
        if let Err(why) = result {
            self.errors.push(complain(flag.long, raw, &why));
        }
    }

    /// The scope that was opened last.
    fn current(&mut self) -> &mut Scope {
        match self.servers.last_mut() {
            None => &mut self.http,
            Some(server) => match server.locations.last_mut() {
                None => &mut server.scope,
                Some(location) => &mut location.scope,
            },
        }
    }

    /// Complains of flags at a level that is not theirs, and of locations before the first server.
    fn check_levels(&mut self) {
        let mut errors = Vec::new();
        let explicit = self.servers.iter().any(|server| server.names.is_some());
        let no_location = self
            .servers
            .iter()
            .all(|server| server.locations.is_empty());
        check_scope(
            &self.http,
            Level::Http,
            !explicit,
            self.servers.is_empty() && no_location,
            &mut errors,
        );
        for server in &self.servers {
            if explicit && server.names.is_none() {
                for location in server
                    .locations
                    .iter()
                    .filter_map(|location| location.opened.as_ref())
                {
                    errors.push(complain(
                        "location",
                        Some(&location.raw),
                        "stands before the first --server; put it after one",
                    ));
                }
            }
            check_scope(
                &server.scope,
                Level::Server,
                false,
                server.locations.is_empty(),
                &mut errors,
            );
            for location in &server.locations {
                check_scope(&location.scope, Level::Location, false, false, &mut errors);
            }
        }
        self.errors.append(&mut errors);
    }

    /// The server and the locations that nobody opened but that are there.
    fn add_implicit(&mut self) {
        if self.servers.is_empty() {
            self.servers.push(ServerScope {
                names: None,
                scope: Scope::new(),
                locations: Vec::new(),
            });
        }
        for server in self
            .servers
            .iter_mut()
            .filter(|server| server.locations.is_empty())
        {
            server.locations.push(LocationScope {
                opened: None,
                matching: Match::Prefix("/".into()),
                scope: Scope::new(),
            });
        }
    }
}

/// `no_server`: flags of a server may stand here, for there is one implicit server; `no_location` likewise.
fn check_scope(
    scope: &Scope,
    level: Level,
    no_server: bool,
    no_location: bool,
    errors: &mut Vec<String>,
) {
    for said in &scope.said {
        let levels = said.flag.levels;
        let here = match level {
            Level::Http => levels.http,
            Level::Server => levels.server,
            Level::Location => levels.location,
        };
        let implicit = (levels.server && no_server) || (levels.location && no_location);
        if !here && !implicit {
            let raw = said.flag.takes_value().then_some(said.value.raw.as_str());
            errors.push(complain(said.flag.long, raw, levels.advice()));
        }
    }
}

/// The value of `--location`.
fn matching(value: &Value) -> Result<Match, String> {
    let path = |text: &str| match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "\"{text}\" does not begin with / (forms: /prefix, '= /exact', '^~ /prefix', @name)"
        )),
    };
    let regex = || Err("regular expressions are not supported; use prefixes".into());
    match (value.word(0), value.word(1), value.words.len()) {
        (Some("="), Some(exact), 2) => path(exact).map(Match::Exact),
        (Some("^~"), Some(prefix), 2) => path(prefix).map(Match::Prefix),
        (Some("~" | "~*"), ..) => regex(),
        (Some(one), None, 1) => match (one.strip_prefix('='), one.strip_prefix('@')) {
            (Some(exact), _) => path(exact).map(Match::Exact),
            (None, Some("")) => Err("needs a name after the @".into()),
            (None, Some(_)) => Ok(Match::Named(one.to_owned())),
            (None, None) => match one.starts_with('~') {
                true => regex(),
                false => path(one.strip_prefix("^~").unwrap_or(one)).map(Match::Prefix),
            },
        },
        _ => Err("needs one path (forms: /prefix, '= /exact', '^~ /prefix', @name)".into()),
    }
}
