//! Values about what becomes of a response.

use std::path::{Component, Path, PathBuf};

use super::{field, named, template};
use crate::cli::words::Value;
use crate::config::content::{InternalRedirect, Store};
use crate::template::{Part, Template};

/// `--internal-redirect`.
pub fn internal_redirect(value: &Value) -> Result<InternalRedirect, String> {
    Ok(match choice(value)? {
        Choice::Off => InternalRedirect::Off,
        Choice::On => InternalRedirect::Location,
        Choice::Other(text) => match field(text)? {
            name if name == "location" => InternalRedirect::Location,
            name => InternalRedirect::Field(name),
        },
    })
}

/// `--sendfile`: the name of the field.
pub fn sendfile(value: &Value) -> Result<Option<String>, String> {
    Ok(match choice(value)? {
        Choice::Off => None,
        Choice::On => Some("x-sendfile".into()),
        Choice::Other(text) => Some(field(text)?),
    })
}

enum Choice<'a> {
    Off,
    On,
    Other(&'a str),
}

fn choice(value: &Value) -> Result<Choice<'_>, String> {
    Ok(match value.one()? {
        "on" => Choice::On,
        "off" => Choice::Off,
        other => Choice::Other(other),
    })
}

/// `--sendfile-root`: absolute, for what X-Sendfile names is held against it, and in its plainest form.
pub fn sendfile_root(value: &Value) -> Result<PathBuf, String> {
    let text = value.one()?;
    let path = Path::new(text);
    let up = path.components().any(|part| part == Component::ParentDir);
    match path.is_absolute() && !up {
        true => Ok(path.components().collect()),
        false => Err(named(
            text,
            "is not an absolute path (one that begins with / and holds no ..)",
        )),
    }
}

/// `--store` (S1).
pub fn store(value: &Value) -> Result<Option<Store>, String> {
    match choice(value)? {
        Choice::Off => Ok(None),
        Choice::On => Ok(Some(Store::On)),
        Choice::Other("") => Err("needs on, off or the path of a file".into()),
        Choice::Other(text) => match template(value, text)? {
            place if leads_somewhere(&place) => Ok(Some(Store::At(place))),
            _ => Err(named(
                text,
                "is neither on, off nor a path that begins with / or a variable",
            )),
        },
    }
}

fn leads_somewhere(place: &Template) -> bool {
    match place.parts().first() {
        Some(Part::Text(text)) => text.starts_with(b"/"),
        Some(Part::Var(_)) => true,
        None => false,
    }
}

/// `--store-access` (S6): a mode as of chmod(2).
pub fn store_access(value: &Value) -> Result<u32, String> {
    let mut given: [Option<u32>; 3] = [None; 3];
    if value.words.is_empty() {
        return Err("needs rights (example: 'user:rw group:r all:r')".into());
    }
    for word in value.texts() {
        let (who, rights) = word.split_once(':').unwrap_or((word, ""));
        let place = ["user", "group", "all"]
            .iter()
            .position(|known| *known == who);
        let bits = match rights {
            "r" => Some(4),
            "rw" => Some(6),
            _ => None,
        };
        let slot = place.and_then(|place| given.get_mut(place));
        let (Some(slot), Some(bits)) = (slot, bits) else {
            return Err(named(
                word,
                "is not user, group or all with the rights r or rw (example: group:r)",
            ));
        };
        if slot.replace(bits).is_some() {
            return Err(format!("the rights of {who} are given twice"));
        }
    }
    let [user, group, all] = given;
    Ok(user.unwrap_or(6) << 6 | group.unwrap_or(0) << 3 | all.unwrap_or(0))
}
