//! From the text of a template to its parts.

use super::Template;

/// Why a text is not a template: a phrase that completes "… is not a template: ".
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateError(pub String);

pub(super) fn parse(
    _text: &str,
    _map: &dyn Fn(&str) -> Option<usize>,
) -> Result<Template, TemplateError> {
    todo!()
}
