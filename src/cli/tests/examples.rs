//! The examples of the manual page are command lines.

use super::*;

/// The words of a command as a POSIX shell sees them, as far as the examples need.
fn shell_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            _ if quoted => word.get_or_insert_default().push(c),
            // Only the ends of lines are escaped.
            '\\' => assert_eq!(chars.next(), Some('\n'), "{text}"),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    assert!(!quoted, "{text}");
    words.extend(word);
    words
}

/// Every command of the section on examples.
fn examples() -> Vec<Vec<String>> {
    let page = include_str!("../../../man/scgate.8");
    let (_, section) = page.split_once("\n.Sh EXAMPLES\n").expect("the section");
    let (section, _) = section.split_once("\n.Sh ").expect("its end");
    let blocks = section.split("\n.Bd ").skip(1).map(|block| {
        let (_, block) = block.split_once('\n').expect("the end of the macro's line");
        block.split_once("\n.Ed").expect("the end of the block").0
    });
    let lines = section.lines().filter_map(|line| line.strip_prefix(".Dl "));
    blocks
        .chain(lines)
        // Whether that name exists is not ours to test.
        .map(|text| {
            text.replace("\\e", "\\")
                .replace("app.example.org", "localhost")
        })
        .map(|text| shell_words(&text))
        .collect()
}

#[test]
fn every_example_is_accepted_without_a_warning() {
    let examples = examples();
    assert!(examples.len() >= 9, "{examples:?}");
    for words in &examples {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some(("scgate", args)) = words.split_first().map(|(first, rest)| (*first, rest)) else {
            panic!("{words:?}");
        };
        match run(args) {
            Action::Run(_, warnings) | Action::Test(_, _, warnings) => {
                assert_eq!(warnings, Vec::<String>::new(), "{args:?}");
            }
            other => panic!("{args:?}: {other:?}"),
        }
    }
}
