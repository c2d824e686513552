//! Buffers and spool files.

use crate::cli::table::{Flag, ROW, Role, Topic};
use crate::cli::values::{buffers, bytes, on_off, put, quantity, size, temp_path};
use crate::units;

const BASE: Flag = Flag {
    topic: Topic::Buffers,
    ..ROW
};

pub const FLAGS: &[Flag] = &[
    Flag {
        long: "buffering",
        arg: "on|off",
        default: "on",
        brief: "take the response in faster than the client reads it",
        manual: "With `on` the response is taken from the application as fast as it comes, into memory and then into a \
            file, so that the application is free as soon as it has ended. With `off` each piece goes to the client \
            as it comes, and the application waits for the client. A response may choose for itself by X-Accel-Buffering \
            with yes or no. A response of type text/event-stream is never held back.",
        role: Role::Set(|s, v| put(&mut s.buffering, on_off(v))),
        ..BASE
    },
    Flag {
        long: "buffer-size",
        arg: "SIZE",
        default: "4k",
        brief: "room for the head of the response",
        manual: "The head of the response must fit into this much; a larger head is answered with 502. It is also the \
            unit of reading when `--buffering` is off.",
        role: Role::Set(|s, v| put(&mut s.buffer_size, bytes(v, 256))),
        ..BASE
    },
    Flag {
        long: "buffers",
        arg: "NUMBER SIZE",
        default: "8 4k",
        brief: "memory for one response",
        manual: "How many buffers of which size one response may take in memory. At least 2. Where this flag is not given \
            but `--buffer-size` or `--busy-buffers-size` is, the 8 buffers grow to fit.",
        role: Role::Set(|s, v| put(&mut s.buffers, buffers(v))),
        ..BASE
    },
    Flag {
        long: "busy-buffers-size",
        arg: "SIZE",
        default: "twice the larger of --buffer-size and one of the buffers",
        brief: "how much may be on its way to the client",
        manual: "How much of the memory may be on its way to the client while the response is still being read. At \
            least the larger of `--buffer-size` and one of the buffers, and at most all buffers but one.",
        role: Role::Set(|s, v| put(&mut s.busy_buffers_size, bytes(v, 256))),
        ..BASE
    },
    Flag {
        long: "max-temp-file-size",
        arg: "SIZE",
        default: "1024m",
        brief: "spill at most SIZE of a response to disk",
        manual: "Once the memory is full, the response goes on to an unlinked file below `--temp-path` until that has this \
            size; then the application waits for the client. The value `0` turns spilling off. Else it is at least the \
            larger of `--buffer-size` and one of the buffers.",
        role: Role::Set(|s, v| put(&mut s.max_temp_file_size, size(v))),
        ..BASE
    },
    Flag {
        long: "temp-file-write-size",
        arg: "SIZE",
        default: "twice the larger of --buffer-size and one of the buffers",
        brief: "write to the spool file in pieces of SIZE",
        manual: "How much is written to a spool file at a time. At least the larger of `--buffer-size` and one of the \
            buffers.",
        role: Role::Set(|s, v| put(&mut s.temp_file_write_size, bytes(v, 256))),
        ..BASE
    },
    Flag {
        long: "temp-path",
        arg: "DIRECTORY",
        default: "$TMPDIR or /tmp",
        brief: "where spool files are made",
        manual: "Where responses and request bodies go that do not fit into memory. Up to three numbers may follow: the \
            digits of the names of directories below it, over which the files are spread. Files have mode 0600 and are \
            unlinked at once. The directory is not touched before the first file is needed.",
        role: Role::Set(|s, v| put(&mut s.temp_path, temp_path(v))),
        ..BASE
    },
    Flag {
        long: "limit-rate",
        arg: "RATE",
        default: "0",
        brief: "pace of reading from the application",
        manual: "Reads the response from the application at this many bytes a second at most, for each request. The value \
            may contain variables. The value `0`, or an empty one, sets no limit.",
        role: Role::Set(|s, v| put(&mut s.limit_rate, quantity(v, units::rate))),
        ..BASE
    },
];
