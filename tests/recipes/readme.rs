//! The README as data: its recipes, and the commands in them as a shell reads them.

/// A part of the README that begins with a name in bold: what it is for, and the blocks of code in it.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A block of code.
#[derive(Clone, Debug)]
pub struct Block {
    /// `sh`: commands. Of any other the first line is a comment that names the file.
    pub language: String,
    pub text: String,
}

/// One command of a block for the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    pub words: Vec<String>,
    /// It ends in `&`.
    pub background: bool,
}

pub fn text() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    std::fs::read_to_string(path).expect("the README")
}

/// What stands below a heading of the second level.
pub fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, section) = text
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    section.split("\n## ").next().unwrap_or_default()
}

/// All recipes, in order.
pub fn recipes() -> Vec<Recipe> {
    let text = text();
    let mut recipes: Vec<Recipe> = Vec::new();
    let mut open: Option<Block> = None;
    for line in section(&text, "Recipes").lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => {
                let recipe = recipes.last_mut().expect("a block belongs to a recipe");
                recipe.blocks.extend(open.take());
            }
            (Some(language), None) => {
                open = Some(Block {
                    language: language.trim().to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => block.text.extend([line, "\n"]),
            (None, None) => recipes.extend(title(line).map(|title| Recipe {
                title,
                blocks: Vec::new(),
            })),
        }
    }
    assert!(open.is_none(), "a block without an end");
    recipes
}

/// The words in bold at the beginning of a line, without the full stop.
fn title(line: &str) -> Option<String> {
    let (title, _) = line.strip_prefix("**")?.split_once("**")?;
    Some(title.trim_end_matches('.').to_owned())
}

/// The commands of a block: words with quotes, comments, lines that go on after a backslash, `&` and `&&`.
pub fn commands(text: &str) -> Vec<Cmd> {
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\\') => assert_eq!(chars.next(), Some('\n'), "only ends of lines: {text}"),
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, '\n' | '&' | ';') => {
                words.extend(word.take());
                let twice = c == '&' && chars.next_if_eq(&'&').is_some();
                if !words.is_empty() {
                    commands.push(Cmd {
                        words: std::mem::take(&mut words),
                        background: c == '&' && !twice,
                    });
                }
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    assert!(
        quote.is_none() && word.is_none() && words.is_empty(),
        "{text}"
    );
    commands
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let cmd = |words: &[&str], background| Cmd {
        words: words.iter().map(|w| w.to_string()).collect(),
        background,
    };
    let text = "a 'b c' \\\n  \"\" d\"e\"'f' # no\n# neither\nx &\ny && z\n";
    let expected = [
        cmd(&["a", "b c", "", "def"], false),
        cmd(&["x"], true),
        cmd(&["y"], false),
        cmd(&["z"], false),
    ];
    assert_eq!(commands(text), expected);
}
