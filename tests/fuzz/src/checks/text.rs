//! Words of the command line: templates, sizes, rates and times.

use std::time::Duration;

use crate::template::{Part, Template, Values, Var};
use crate::units;

/// A text with variables.
pub fn template(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let map = |name: &str| (name == "mine").then_some(7);
    let template = match Template::parse(text, &map) {
        Err(error) => {
            assert!(text.contains('$') && !error.to_string().is_empty());
            return false;
        }
        Ok(template) => template,
    };
    let mut literals = Vec::new();
    let mut variables = 0;
    for part in template.parts() {
        match part {
            Part::Text(text) => {
                assert!(!text.is_empty() && !text.contains(&b'$'));
                literals.extend_from_slice(text);
            }
            Part::Var(_) => variables += 1,
        }
    }
    assert_eq!(variables, text.matches('$').count());
    assert_eq!(template.literal().is_some(), variables == 0);
    if variables == 0 {
        assert_eq!(template.literal(), Some(data));
    }
    // Unset variables leave the text between them; set ones stand where their names stood.
    assert_eq!(rendered(&template, &Same(b"")), literals);
    let marked = rendered(&template, &Same(b"$"));
    assert_eq!(marked.len(), literals.len() + variables);
    assert_eq!(marked.iter().filter(|&&b| b == b'$').count(), variables);
    true
}

fn rendered(template: &Template, values: &dyn Values) -> Vec<u8> {
    let mut out = Vec::new();
    template.render(values, &mut out);
    out
}

/// The same value for each variable; the empty one means that none is set.
struct Same(&'static [u8]);

impl Values for Same {
    fn put(&self, _: &Var, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.0);
        !self.0.is_empty()
    }
}

/// A size, a rate or a time.
pub fn units(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let size = units::size(text);
    assert_eq!(size.ok(), size_by_hand(text), "{text:?}");
    let without = text.strip_suffix("/s").unwrap_or(text);
    assert_eq!(units::rate(text).ok(), size_by_hand(without), "{text:?}");
    let time = units::time(text);
    if let Ok(time) = time {
        time_makes_sense(text, time);
    }
    size.is_ok() || time.is_ok()
}

/// The same grammar in other words.
fn size_by_hand(text: &str) -> Option<u64> {
    let letters = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - letters.len()];
    let unit: u128 = match letters {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    let number: u128 = digits.parse::<u64>().ok()?.into();
    u64::try_from(number * unit).ok()
}

fn time_makes_sense(text: &str, time: Duration) {
    assert!(
        time <= Duration::new(i32::MAX as u64, 999_999_999),
        "{text:?}"
    );
    let written = format!("{}s{}ns", time.as_secs(), time.subsec_nanos());
    assert_eq!(units::time(&written), Ok(time), "{text:?}");
    if let Ok(seconds) = text.parse::<u64>() {
        assert_eq!(time, Duration::from_secs(seconds), "{text:?}");
    }
}
