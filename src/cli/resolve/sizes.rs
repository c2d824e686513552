//! The sizes of a response's buffers: what was not set follows from what was, then the relations of B2 are checked.

use crate::cli::settings::Chain;

use super::{PAGE, Remarks};

const DEFAULT_MAX_TEMP: u64 = 1 << 30;
const DEFAULT_BUFFERS: usize = 8;

/// Bytes, except `buffers`, which is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub buffer_size: usize,
    pub buffers: usize,
    pub buffers_size: usize,
    pub busy: usize,
    pub max_temp: u64,
    pub temp_write: usize,
}

/// Derives and checks the sizes that hold at one place.
pub fn sizes(chain: &Chain, remarks: &mut Remarks) -> Sizes {
    let given = Given {
        buffer_size: chain.get(|s| &s.buffer_size).copied(),
        buffers: chain.get(|s| &s.buffers).copied(),
        busy: chain.get(|s| &s.busy_buffers_size).copied(),
        max_temp: chain.get(|s| &s.max_temp_file_size).copied(),
        temp_write: chain.get(|s| &s.temp_file_write_size).copied(),
    };
    let sizes = given.derive();
    for error in sizes.check() {
        remarks.error(error);
    }
    sizes
}

#[derive(Default)]
struct Given {
    buffer_size: Option<usize>,
    buffers: Option<(usize, usize)>,
    busy: Option<usize>,
    max_temp: Option<u64>,
    temp_write: Option<usize>,
}

impl Given {
    /// Unset sizes follow from set ones (Z26), so that raising one alone just works.
    fn derive(&self) -> Sizes {
        let buffer_size = self.buffer_size.unwrap_or_else(|| match self.buffers {
            // All buffers but one must hold at least as much as the head's.
            Some((number, size)) => PAGE.min(number.saturating_sub(1).saturating_mul(size)),
            None => PAGE,
        });
        let (buffers, buffers_size) = self.buffers.unwrap_or_else(|| {
            // Seven of the eight must be able to hold what is busy.
            let busy = self.busy.unwrap_or(0).div_ceil(DEFAULT_BUFFERS - 1);
            let busy = busy.checked_next_multiple_of(PAGE).unwrap_or(busy);
            (DEFAULT_BUFFERS, PAGE.max(buffer_size).max(busy))
        });
        let larger = buffer_size.max(buffers_size);
        let most = buffers.saturating_sub(1).saturating_mul(buffers_size);
        Sizes {
            buffer_size,
            buffers,
            buffers_size,
            busy: self
                .busy
                .unwrap_or_else(|| larger.saturating_mul(2).min(most)),
            max_temp: self
                .max_temp
                .unwrap_or_else(|| DEFAULT_MAX_TEMP.max(larger as u64)),
            temp_write: self.temp_write.unwrap_or_else(|| larger.saturating_mul(2)),
        }
    }
}

impl Sizes {
    /// The relations of B2, each error with both numbers.
    fn check(&self) -> Vec<String> {
        let Sizes {
            buffer_size,
            buffers,
            buffers_size,
            busy,
            max_temp,
            temp_write,
        } = *self;
        let larger = buffer_size.max(buffers_size);
        let most = buffers.saturating_sub(1).saturating_mul(buffers_size);
        let of = format!(
            "the larger of --buffer-size ({buffer_size}) and one of the --buffers ({buffers_size})"
        );
        let mut errors = Vec::new();
        if most < larger {
            // No --busy-buffers-size could satisfy both of its bounds, so these two are what contradicts.
            errors.push(format!(
                "--buffers: all but one ({} x {buffers_size}) are {most} bytes but must be at least {larger}, the --buffer-size",
                buffers.saturating_sub(1)
            ));
        } else if busy < larger {
            errors.push(format!(
                "--busy-buffers-size is {busy} bytes but must be at least {larger}, {of}"
            ));
        } else if busy > most {
            let how = format!(
                "all --buffers but one ({} x {buffers_size})",
                buffers.saturating_sub(1)
            );
            errors.push(format!(
                "--busy-buffers-size is {busy} bytes but must be at most {most}, {how}"
            ));
        }
        if temp_write < larger {
            errors.push(format!(
                "--temp-file-write-size is {temp_write} bytes but must be at least {larger}, {of}"
            ));
        }
        if max_temp != 0 && max_temp < larger as u64 {
            errors.push(format!(
                "--max-temp-file-size is {max_temp} bytes but must be 0 or at least {larger}, {of}"
            ));
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(given: Given) -> Sizes {
        let sizes = given.derive();
        assert_eq!(sizes.check(), Vec::<String>::new());
        sizes
    }

    #[test]
    fn the_defaults_are_those_of_the_manual() {
        let expected = Sizes {
            buffer_size: 4096,
            buffers: 8,
            buffers_size: 4096,
            busy: 8192,
            max_temp: 1 << 30,
            temp_write: 8192,
        };
        assert_eq!(ok(Given::default()), expected);
    }

    #[test]
    fn one_size_alone_just_works() {
        let raised = ok(Given {
            buffer_size: Some(64 << 10),
            ..Given::default()
        });
        assert_eq!(
            (raised.buffers, raised.buffers_size, raised.busy),
            (8, 64 << 10, 128 << 10)
        );
        for shift in 8..30 {
            ok(Given {
                buffer_size: Some(1 << shift),
                ..Given::default()
            });
            ok(Given {
                buffers: Some((2, 1 << shift)),
                ..Given::default()
            });
            ok(Given {
                buffers: Some((64, 1 << shift)),
                ..Given::default()
            });
        }
        for busy in (4096..1_000_000).step_by(997) {
            ok(Given {
                busy: Some(busy),
                ..Given::default()
            });
        }
        assert_eq!(
            ok(Given {
                max_temp: Some(0),
                ..Given::default()
            })
            .max_temp,
            0
        );
    }

    #[test]
    fn contradictions_are_reported_with_both_numbers() {
        let wrong = |given: Given| given.derive().check().join("\n");
        let text = wrong(Given {
            busy: Some(2048),
            ..Given::default()
        });
        assert!(
            text.contains("2048") && text.contains("at least 4096"),
            "{text}"
        );
        let text = wrong(Given {
            busy: Some(65536),
            buffers: Some((8, 4096)),
            ..Given::default()
        });
        assert!(
            text.contains("65536") && text.contains("at most 28672") && text.contains("7 x 4096"),
            "{text}"
        );
        let text = wrong(Given {
            temp_write: Some(1000),
            ..Given::default()
        });
        assert!(
            text.contains("--temp-file-write-size is 1000") && text.contains("4096"),
            "{text}"
        );
        let text = wrong(Given {
            max_temp: Some(4095),
            ..Given::default()
        });
        assert!(
            text.contains("--max-temp-file-size is 4095") && text.contains("0 or at least 4096"),
            "{text}"
        );
        let text = wrong(Given {
            buffer_size: Some(65536),
            buffers: Some((2, 4096)),
            ..Given::default()
        });
        assert!(text.contains("at least 65536"), "{text}");
        assert_eq!(
            wrong(Given {
                busy: Some(28672),
                buffers: Some((8, 4096)),
                ..Given::default()
            }),
            ""
        );
    }
}
