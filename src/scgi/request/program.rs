//! The configured part of a block, compiled: runs of bytes, and the values to evaluate between them.

use super::{EncodeError, Param, no_nul};
use crate::template::{Template, Values};

/// What to append, in order.
#[derive(Clone, Debug)]
pub struct Program {
    steps: Box<[Step]>,
}

#[derive(Clone, Debug)]
enum Step {
    /// Names, literal values and their NULs, as long as nothing has to be evaluated.
    Text(Box<[u8]>),
    /// A value; its name and both NULs stand in the texts around it.
    Value { name: Box<str>, value: Template },
    /// A whole pair that is left out when its value is empty (P9); `name` ends with its NUL.
    Optional { name: Box<str>, value: Template },
}

impl Program {
    /// Begins with the NUL that ends the value of CONTENT_LENGTH, and SCGI.
    pub fn compile(list: &[Param]) -> Program {
        let mut steps = Vec::new();
        let mut text = b"\0SCGI\x001\0".to_vec();
        for param in list.iter().filter(|param| !is_never_sent(param)) {
            compile_one(param, &mut steps, &mut text);
        }
        flush(&mut steps, &mut text);
        Program {
            steps: steps.into(),
        }
    }

    /// Appends the pairs of one request.
    pub fn run(&self, values: &dyn Values, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        for step in &self.steps {
            match step {
                Step::Text(text) => out.extend_from_slice(text),
                Step::Value { name, value } => {
                    let value_at = out.len();
                    value.render(values, out);
                    no_nul(out, value_at, || name.clone())?;
                }
                Step::Optional { name, value } => run_optional(name, value, values, out)?,
            }
        }
        Ok(())
    }
}

fn run_optional(
    name: &str,
    value: &Template,
    values: &dyn Values,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let pair_at = out.len();
    out.extend_from_slice(name.as_bytes());
    let value_at = out.len();
    value.render(values, out);
    if out.len() == value_at {
        out.truncate(pair_at);
        return Ok(());
    }
    no_nul(out, value_at, || name.trim_end_matches('\0').into())?;
    out.push(0);
    Ok(())
}

/// A literally empty value sends nothing where the name stands for a client's field, which it then only suppresses
/// (P11), and under `if_not_empty` (P9).
fn is_never_sent(param: &Param) -> bool {
    param.value.literal() == Some(b"")
        && (param.if_not_empty || client_field(&param.name).is_some())
}

fn compile_one(param: &Param, steps: &mut Vec<Step>, text: &mut Vec<u8>) {
    match param.value.literal() {
        Some(literal) if !literal.contains(&0) => {
            text.extend_from_slice(param.name.as_bytes());
            text.push(0);
            text.extend_from_slice(literal);
            text.push(0);
        }
        _ if param.if_not_empty => {
            flush(steps, text);
            let name = format!("{}\0", param.name).into();
            steps.push(Step::Optional {
                name,
                value: param.value.clone(),
            });
        }
        _ => {
            text.extend_from_slice(param.name.as_bytes());
            text.push(0);
            flush(steps, text);
            steps.push(Step::Value {
                name: param.name.clone(),
                value: param.value.clone(),
            });
            text.push(0);
        }
    }
}

fn flush(steps: &mut Vec<Step>, text: &mut Vec<u8>) {
    if !text.is_empty() {
        steps.push(Step::Text(std::mem::take(text).into()));
    }
}

/// The part after `HTTP_` of a parameter that stands for a client's field (P10).
pub fn client_field(name: &str) -> Option<&str> {
    name.strip_prefix("HTTP_").filter(|rest| !rest.is_empty())
}

/// `list` without the names that the codec sends itself or that cannot be represented (P2), each name once: the value
/// of the last at the place of the first.
pub fn unique(list: Vec<Param>) -> Vec<Param> {
    let mut kept: Vec<Param> = Vec::with_capacity(list.len());
    for param in list {
        if matches!(&*param.name, "" | "CONTENT_LENGTH" | "SCGI") || param.name.contains('\0') {
            continue;
        }
        match kept.iter_mut().find(|earlier| earlier.name == param.name) {
            Some(earlier) => *earlier = param,
            None => kept.push(param),
        }
    }
    kept
}
