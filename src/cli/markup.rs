//! The light markup of the flag table's manual texts, as plain text and as mdoc.
//!
//! An empty line separates paragraphs; a paragraph that begins with `` * `word`: `` is an item of a list (items follow
//! each other by single line ends). `` `code` `` is a flag (`--x`), a variable (`$x`), an argument (`NAME`) or literal.

/// A piece of running text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Span {
    Text(String),
    Code(String),
}

enum Block {
    Paragraph(Vec<Span>),
    Item(String, Vec<Span>),
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for part in text.split("\n\n") {
        match part.strip_prefix("* ") {
            None => blocks.push(Block::Paragraph(spans(&part.replace('\n', " ")))),
            Some(items) => blocks.extend(items.split("\n* ").map(item)),
        }
    }
    blocks
}

fn item(text: &str) -> Block {
    let (head, body) = text.split_once("`: ").unwrap_or((text, ""));
    Block::Item(
        head.trim_matches('`').to_owned(),
        spans(&body.replace('\n', " ")),
    )
}

fn spans(text: &str) -> Vec<Span> {
    let pieces = text
        .split('`')
        .enumerate()
        .filter(|(_, piece)| !piece.is_empty());
    pieces
        .map(|(at, piece)| match at % 2 {
            0 => Span::Text(piece.to_owned()),
            _ => Span::Code(piece.to_owned()),
        })
        .collect()
}

/// Plain text of at most `width` columns, each line begun with `indent` blanks.
pub fn plain(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    for (at, block) in blocks(text).iter().enumerate() {
        match block {
            Block::Paragraph(spans) => {
                if at > 0 {
                    out.push('\n');
                }
                fill(&joined(spans), indent, indent, width, &mut out);
            }
            Block::Item(head, spans) => {
                let text = format!("{head}: {}", joined(spans));
                fill(&text, indent + 2, indent + 4, width, &mut out);
            }
        }
    }
    out
}

fn joined(spans: &[Span]) -> String {
    spans
        .iter()
        .map(|span| match span {
            Span::Text(text) | Span::Code(text) => text.as_str(),
        })
        .collect()
}

/// Appends `text` in lines; the first is indented by `first`, the others by `indent`.
pub fn fill(text: &str, first: usize, indent: usize, width: usize, out: &mut String) {
    let mut column = first;
    out.extend(std::iter::repeat_n(' ', first));
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !fresh && column + 1 + length > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !fresh {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        fresh = false;
    }
    out.push('\n');
}

/// mdoc source, one sentence a line.
pub fn mdoc(text: &str) -> String {
    let mut out = String::new();
    let mut in_list = false;
    for (at, block) in blocks(text).iter().enumerate() {
        let is_item = matches!(block, Block::Item(..));
        match (in_list, is_item) {
            (false, true) => out.push_str(".Bl -tag -width Ds -compact\n"),
            (true, false) => out.push_str(".El\n.Pp\n"),
            (false, false) if at > 0 => out.push_str(".Pp\n"),
            _ => {}
        }
        in_list = is_item;
        match block {
            Block::Paragraph(spans) => mdoc_spans(spans, &mut out),
            Block::Item(head, spans) => {
                out.push_str(&format!(".It {}\n", macro_call(head, "Cm")));
                mdoc_spans(spans, &mut out);
            }
        }
    }
    if in_list {
        out.push_str(".El\n");
    }
    out
}

const CLOSING: &str = ".,;:)?!";

fn mdoc_spans(spans: &[Span], out: &mut String) {
    // Text that is left over of the span before, once its punctuation has gone to the macro's line.
    let mut texts: Vec<Span> = spans.to_vec();
    let mut at = 0;
    while let Some(span) = texts.get(at).cloned() {
        at += 1;
        match span {
            Span::Text(text) => {
                let opens = text.ends_with('(') && matches!(texts.get(at), Some(Span::Code(_)));
                mdoc_text(
                    text.strip_suffix('(').filter(|_| opens).unwrap_or(&text),
                    out,
                );
                if opens {
                    out.push_str(".Pq ");
                }
            }
            Span::Code(code) => {
                let parenthesis = out.ends_with(".Pq ");
                if !parenthesis {
                    out.push('.');
                }
                out.push_str(&macro_call(&code, "Ql"));
                if let Some(Span::Text(after)) = texts.get_mut(at) {
                    let closed = after
                        .strip_prefix(')')
                        .filter(|_| parenthesis)
                        .unwrap_or(after);
                    let rest = closed.trim_start_matches(|c| CLOSING.contains(c));
                    let signs = &closed[..closed.len() - rest.len()];
                    signs.chars().for_each(|sign| out.extend([' ', sign]));
                    *after = rest.to_owned();
                }
                out.push('\n');
            }
        }
    }
}

/// Running text, a line for each sentence, and shorter lines where one is long.
fn mdoc_text(text: &str, out: &mut String) {
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (sentence, after) = match rest.find(". ").or_else(|| rest.find("; ")) {
            Some(end) => rest.split_at(end + 1),
            None => (rest, ""),
        };
        let mut lines = String::new();
        fill(&escape(sentence), 0, 0, 78, &mut lines);
        for line in lines.lines() {
            if line.starts_with(['.', '\'']) {
                out.push_str("\\&");
            }
            out.push_str(line);
            out.push('\n');
        }
        rest = after.trim_start();
    }
}

/// The macro for a piece of code, with its arguments; `other` is the macro for what is none of the known kinds.
fn macro_call(code: &str, other: &str) -> String {
    if let Some(flag) = code.strip_prefix("--") {
        return match flag.split_once(' ') {
            // The macro would put a dash before the value too.
            Some((flag, value)) => format!("Fl -{flag} Cm {}", escape(value)),
            None => format!("Fl -{}", escape(flag)),
        };
    }
    let argument = code.len() > 1 && code.bytes().all(|b| b.is_ascii_uppercase() || b == b' ');
    let name = match (code.starts_with('$'), argument) {
        (true, _) => "Va",
        (false, true) => "Ar",
        (false, false) => other,
    };
    let words: Vec<String> = code.split(' ').map(word).collect();
    match words.len() > 1 && name == "Ql" {
        true => format!("{name} \"{}\"", words.join(" ")),
        false => format!("{name} {}", words.join(" ")),
    }
}

/// One argument of a macro: a lone sign must not be taken for punctuation.
pub fn word(text: &str) -> String {
    let sign = text.chars().count() == 1 && "()[].,;:?!|".contains(text);
    match (sign, text.ends_with(|c| CLOSING.contains(c))) {
        (true, _) => format!("\\&{text}"),
        (false, true) => format!("{}\\&", escape(text)),
        (false, false) => escape(text),
    }
}

/// Text in which no character means something to roff.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '^' => out.push_str("\\(ha"),
            '~' => out.push_str("\\(ti"),
            '`' => out.push_str("\\(ga"),
            '\'' => out.push_str("\\(aq"),
            '"' => out.push_str("\\(dq"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_filled_and_lists_are_indented() {
        let text = "One two `three`\nfour.\n\n* `a`: first.\n* `b`: second.\n\nEnd.";
        assert_eq!(
            plain(text, 2, 12),
            "  One two\n  three\n  four.\n    a:\n      first.\n    b:\n      second.\n\n  End.\n"
        );
    }

    #[test]
    fn code_becomes_the_macro_of_its_kind() {
        let text = "See `--listen`, `$host` (`on`) and `NAME`. Then `x y`; end.";
        let expected = "See\n.Fl -listen ,\n.Va $host\n.Pq Ql on\nand\n.Ar NAME .\nThen\n.Ql \"x y\" ;\nend.\n";
        assert_eq!(mdoc(text), expected);
        assert_eq!(mdoc("As `--store on`."), "As\n.Fl -store Cm on .\n");
    }

    #[test]
    fn roff_never_sees_its_own_signs() {
        assert_eq!(
            mdoc("a ' \\ \" ~ ^ b."),
            "a \\(aq \\e \\(dq \\(ti \\(ha b.\n"
        );
        assert_eq!(mdoc("`.` x"), ".Ql \\&.\nx\n");
    }
}
