//! The rules of failover as a pure function: from one combination of what can be combined to what must come of it.
//! Nothing here knows the program; `matrix` compares.

/// What is wrong with the first of two servers. The second is a backup and answers 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A socket file that nobody listens on; a port that nobody listens on.
    RefusedUnix,
    RefusedTcp,
    /// Accepts, and closes without reading.
    Shut,
    /// Reads the whole request, and closes without a byte.
    Empty,
    /// Closes, or resets the connection, within the response head.
    EndInHead,
    ResetInHead,
    Malformed,
    TooLarge,
    /// Reads the request and says nothing.
    ReadTimeout,
    /// Answers with this status.
    Status(u16),
    /// The same, but leaves a part of the request unread, so that its close is a reset.
    Early(u16),
    /// A head, a part of the body, and the end; or nothing more.
    BodyCut,
    BodyTimeout,
}

pub const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FROB",
];

/// How the request's body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    None,
    /// Taken in before a server is chosen: can be sent again.
    Held,
    /// Passed on as it comes.
    Streamed,
}

pub const BODIES: [Body; 3] = [Body::None, Body::Held, Body::Streamed];

/// One value of `--next-upstream`.
#[derive(Clone, Debug)]
pub struct Setting {
    /// `None`: the flag is not given.
    pub flag: Option<String>,
    listed: Vec<&'static str>,
    non_idempotent: bool,
}

const CONDITIONS: [&str; 8] = [
    "error",
    "timeout",
    "invalid_header",
    "http_500",
    "http_503",
    "http_403",
    "http_404",
    "http_429",
];

/// The default, `off`, nothing, and each condition alone; all with and without `non_idempotent`.
pub fn settings() -> Vec<Setting> {
    let setting = |flag: &str, listed: &[&'static str], non_idempotent| Setting {
        flag: Some(flag.to_owned()).filter(|f| !f.is_empty()),
        listed: listed.to_vec(),
        non_idempotent,
    };
    let mut all = vec![
        setting("", &["error", "timeout"], false),
        setting("error timeout non_idempotent", &["error", "timeout"], true),
        setting("off", &[], false),
        // N2: it cancels the rest.
        setting("off non_idempotent", &[], false),
        setting("non_idempotent", &[], true),
    ];
    for condition in CONDITIONS {
        all.push(setting(condition, &[condition], false));
        all.push(setting(
            &format!("{condition} non_idempotent"),
            &[condition],
            true,
        ));
    }
    all
}

/// One combination.
#[derive(Clone, Debug)]
pub struct Cell {
    pub phase: Phase,
    pub method: &'static str,
    pub setting: Setting,
    pub body: Body,
}

/// All combinations for one phase.
pub fn cells(phase: Phase) -> Vec<Cell> {
    let mut all = Vec::new();
    for setting in settings() {
        for method in METHODS {
            for body in BODIES {
                all.push(Cell {
                    phase,
                    method,
                    setting: setting.clone(),
                    body,
                });
            }
        }
    }
    all
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 of the second server.
    Second,
    /// The first server's own answer, with its status.
    Own(u16),
    /// The gateway's page.
    Gateway(u16),
    /// The head of the first server's answer, and a visible cut.
    Cut,
}

/// What must come of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Servers that saw the request: a connection, and bytes that were or could have been read.
    pub first_saw: bool,
    pub second_saw: bool,
    pub answer: Answer,
    /// The first server was counted as failed.
    pub counted: bool,
}

/// RFC 9110 9.2.2, as far as we know what a method means (Z31).
fn is_idempotent(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].contains(&method)
}

impl Phase {
    fn is_refused(self) -> bool {
        matches!(self, Phase::RefusedUnix | Phase::RefusedTcp)
    }

    /// The conditions any one of which moves the request on.
    fn conditions(self) -> &'static [&'static str] {
        match self {
            Phase::RefusedUnix | Phase::RefusedTcp => &["error"],
            // Z19: no byte at all is either.
            Phase::Shut | Phase::Empty => &["error", "invalid_header"],
            Phase::EndInHead | Phase::ResetInHead => &["error"],
            Phase::Malformed | Phase::TooLarge => &["invalid_header"],
            Phase::ReadTimeout => &["timeout"],
            Phase::Status(500) | Phase::Early(500) => &["http_500"],
            Phase::Status(503) | Phase::Early(503) => &["http_503"],
            Phase::Status(403) | Phase::Early(403) => &["http_403"],
            Phase::Status(404) | Phase::Early(404) => &["http_404"],
            Phase::Status(429) | Phase::Early(429) => &["http_429"],
            Phase::Status(_) | Phase::Early(_) => &[],
            // N6: nothing is moved on once there is a head.
            Phase::BodyCut | Phase::BodyTimeout => &[],
        }
    }

    /// What the client gets where the request is not moved on.
    fn answer(self, is_head: bool) -> Answer {
        match self {
            Phase::ReadTimeout => Answer::Gateway(504),
            Phase::Status(code) | Phase::Early(code) => Answer::Own(code),
            // A HEAD has what it asked for with the head; the body is not waited for (R34).
            Phase::BodyCut | Phase::BodyTimeout if is_head => Answer::Own(200),
            Phase::BodyCut | Phase::BodyTimeout => Answer::Cut,
            _ => Answer::Gateway(502),
        }
    }

    /// Whether the server is counted as failed, `listed` being whether the phase's condition is.
    fn is_counted(self, listed: bool, is_head: bool) -> bool {
        match self {
            // N17, N25: 403 and 404 speak of the request, not of the server. N16: what is not listed is an answer. Z32: whether
            // another server is left to be tried makes no difference.
            Phase::Status(code) | Phase::Early(code) => listed && [500, 503, 429].contains(&code),
            // Z18.
            Phase::BodyCut | Phase::BodyTimeout => !is_head,
            // N17: listed or not.
            _ => true,
        }
    }
}

/// The reference.
pub fn expect(cell: &Cell) -> Expect {
    let conditions = cell.phase.conditions();
    let listed = conditions.iter().any(|c| cell.setting.listed.contains(c));
    // N4: nothing has reached a server that refused the connection, so that anything may go to the next.
    let begun = !cell.phase.is_refused();
    let may_repeat = is_idempotent(cell.method) || cell.setting.non_idempotent;
    // Z34: what has gone past can not be sent again.
    let can_repeat = cell.body != Body::Streamed;
    let moved = listed && (!begun || may_repeat && can_repeat);
    let is_head = cell.method == "HEAD";
    Expect {
        first_saw: begun,
        second_saw: moved,
        answer: if moved {
            Answer::Second
        } else {
            cell.phase.answer(is_head)
        },
        counted: cell.phase.is_counted(listed, is_head),
    }
}

/// The table is not all of one kind: a mistake that made it so would make the matrix worthless.
#[test]
fn the_reference_knows_every_outcome() {
    let of = |phase| -> Vec<Expect> { cells(phase).iter().map(expect).collect() };
    let moved = |phase| of(phase).iter().filter(|e| e.second_saw).count();
    // `error` is listed in 4 of 21 settings, in all of which everything may be moved on.
    assert_eq!(moved(Phase::RefusedUnix), 4 * 8 * 3);
    // Of bodies that are not streamed: five methods in 2 settings, all eight in 2.
    assert_eq!(moved(Phase::EndInHead), 2 * 5 * 2 + 2 * 8 * 2);
    // Two more settings with each.
    assert_eq!(moved(Phase::Empty), 3 * 5 * 2 + 3 * 8 * 2);
    assert_eq!(moved(Phase::Status(404)), 5 * 2 + 8 * 2);
    assert_eq!(moved(Phase::BodyCut), 0);
    let counted = |phase| of(phase).iter().filter(|e| e.counted).count();
    assert_eq!(counted(Phase::Malformed), 21 * 8 * 3);
    assert_eq!(counted(Phase::Status(503)), 2 * 8 * 3);
    assert_eq!(counted(Phase::Status(404)), 0);
    assert_eq!(counted(Phase::Early(401)), 0);
    assert_eq!(counted(Phase::BodyCut), 21 * 7 * 3);
}
