//! The value of a flag as words, by the quoting rules of nginx.conf: white space separates, `"…"` and `'…'` keep a
//! word together, `\` escapes a quote or itself.

use std::rc::Rc;

/// One word of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// It stood in quotes.
    pub quoted: bool,
}

/// The variables that `--map` defines, as far as one value may use them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapNames {
    /// All of the command line, lowercased, in its order; shared by every value.
    pub all: Rc<Vec<String>>,
    /// How many of them are usable: all, but in a `--map` only those before it.
    pub usable: usize,
}

impl MapNames {
    /// The place of a name, usable or not.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.all
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
    }
}

/// What was given to a flag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// As it stood on the command line.
    pub raw: String,
    pub words: Vec<Word>,
    pub maps: MapNames,
}

impl Value {
    /// # Errors
    /// A phrase about the quoting.
    pub fn parse(raw: &str) -> Result<Value, String> {
        Ok(Value {
            raw: raw.to_owned(),
            words: split(raw)?,
            maps: MapNames::default(),
        })
    }

    /// The text of a word, if there are that many.
    pub fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(|word| word.text.as_str())
    }

    /// The only word.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn one(&self) -> Result<&str, String> {
        match self.words.as_slice() {
            [word] => Ok(&word.text),
            [] => Err("needs a value".into()),
            _ => Err("takes one word; put quotes inside the value where it contains blanks".into()),
        }
    }

    /// All texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|word| word.text.as_str())
    }
}

fn split(raw: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = raw.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => quoted(&rest[1..], first)?,
            _ => bare(rest),
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// A word in quotes; `text` begins after the opening one.
fn quoted(text: &str, quote: char) -> Result<(Word, &str), String> {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            let rest = &text[at + 1..];
            if rest.starts_with(|c: char| !c.is_whitespace()) {
                return Err(format!(
                    "text follows the closing {quote} without a blank between them"
                ));
            }
            return Ok((
                Word {
                    text: out,
                    quoted: true,
                },
                rest,
            ));
        }
        match (c, chars.peek()) {
            ('\\', Some((_, next @ ('"' | '\'' | '\\')))) => {
                out.push(*next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    Err(format!("a {quote} is not closed"))
}

/// A word without quotes; a quote inside it stands for itself.
fn bare(text: &str) -> (Word, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_whitespace() {
            return (
                Word {
                    text: out,
                    quoted: false,
                },
                &text[at..],
            );
        }
        match (c, chars.peek()) {
            ('\\', Some((_, next @ ('"' | '\'' | '\\')))) => {
                out.push(*next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    (
        Word {
            text: out,
            quoted: false,
        },
        "",
    )
}

/// The text so that a POSIX shell reads it back as one word.
pub fn shell_quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The text on one line, for a message: control characters are escaped.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c.is_control() {
            true => c.escape_default().collect::<Vec<char>>(),
            false => vec![c],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(raw: &str) -> Result<Vec<String>, String> {
        Value::parse(raw).map(|value| value.texts().map(str::to_owned).collect())
    }

    #[test]
    fn white_space_separates_words() {
        assert_eq!(
            texts("200 302\t10m"),
            Ok(vec!["200".into(), "302".into(), "10m".into()])
        );
        assert_eq!(texts("  a  "), Ok(vec!["a".into()]));
        assert_eq!(texts(""), Ok(vec![]));
        assert_eq!(texts(" \n "), Ok(vec![]));
    }

    #[test]
    fn quotes_keep_a_word_together() {
        assert_eq!(
            texts(r#"a "b c" 'd "e"'"#),
            Ok(vec!["a".into(), "b c".into(), "d \"e\"".into()])
        );
        assert_eq!(texts(r#""" ''"#), Ok(vec!["".into(), "".into()]));
        assert_eq!(texts("é \"ü ö\""), Ok(vec!["é".into(), "ü ö".into()]));
    }

    #[test]
    fn a_backslash_escapes_a_quote_or_itself_only() {
        assert_eq!(
            texts(r#""a\"b" 'a\'b' a\\b \"a a\nb"#),
            Ok(vec![
                "a\"b".into(),
                "a'b".into(),
                "a\\b".into(),
                "\"a".into(),
                "a\\nb".into()
            ])
        );
        assert_eq!(texts("a\\"), Ok(vec!["a\\".into()]));
    }

    #[test]
    fn a_quote_inside_a_bare_word_is_text() {
        assert_eq!(
            texts(r#"{"a":1} it's"#),
            Ok(vec![r#"{"a":1}"#.into(), "it's".into()])
        );
    }

    #[test]
    fn broken_quotes_are_errors() {
        assert!(texts("\"a").is_err());
        assert!(texts("'a\"").is_err());
        assert!(texts(r#""a\""#).is_err());
        assert!(texts("'a'b").is_err());
    }

    #[test]
    fn one_wants_exactly_one_word() {
        let one = |raw: &str| Value::parse(raw).and_then(|v| v.one().map(str::to_owned));
        assert_eq!(one("a"), Ok("a".into()));
        assert_eq!(one("\"\""), Ok("".into()));
        assert!(one("").is_err());
        assert!(one("a b").is_err());
    }

    #[test]
    fn texts_are_quoted_for_the_shell() {
        assert_eq!(shell_quote("8k"), "8k");
        assert_eq!(shell_quote(""), "''");
        assert_eq!(shell_quote("it's $x"), r"'it'\''s $x'");
    }
}
