//! Information about the program and the command line.

use crate::cli::table::{ALL, Flag, ROW, Role, Topic};

const BASE: Flag = Flag {
    topic: Topic::Info,
    levels: ALL,
    role: Role::Command,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "test",
        short: Some('t'),
        brief: "check the command line, addresses and directories",
        manual: "Checks the command line, addresses and directories, and ends with status 0 or 2.",
        ..BASE
    },
    Flag {
        long: "print-config",
        short: Some('T'),
        brief: "as -t, and print every effective setting",
        manual: "Checks as `--test` does, then prints the settings that hold in every scope as flags, each with its origin: \
            given, inherited, derived from other sizes, or default. Put into an array of the shell, the lines are the same \
            command line again.",
        ..BASE
    },
    Flag {
        long: "probe",
        arg: "ADDRESS [URI]",
        brief: "find out what an application needs and bears",
        manual: "Asks the SCGI application at this address for the URI (`/` where none is given), prints what it needs and \
            bears and the flags that follow from it, and ends. Where there is no answer it says why, and what to do. It sends \
            some dozens of requests, GET and POST, one of them with a body of 1 MiB, and takes 15 seconds at most; choose a \
            URI at which a POST does no harm. The status is 0 when there was an answer, else 1.\n\n\
            Beside it may stand `--bind`, `--connect-timeout` (here 3s unless given), `--default-params`, `--param`, \
            `--path-info` and `--read-timeout` (5s), and no other flag.",
        ..BASE
    },
    Flag {
        long: "help",
        short: Some('h'),
        arg: "[FLAG]",
        brief: "list the flags, or explain one",
        manual: "Lists all flags. With the name of a flag it prints the manual of that flag.",
        ..BASE
    },
    Flag {
        long: "version",
        short: Some('V'),
        brief: "print the version",
        manual: "Prints the version.",
        ..BASE
    },
    Flag {
        long: "completions",
        arg: "bash|zsh|fish",
        hidden: true,
        brief: "print the completions for a shell",
        manual: "Prints the completions for a shell.",
        ..BASE
    },
    Flag {
        long: "man-options",
        hidden: true,
        brief: "print the option list of the manual page",
        manual: "Prints the option list of the manual page.",
        ..BASE
    },
];
