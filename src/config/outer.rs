//! What the server that called the program (`--cgi`) says of its request, where a connection of our own would say something
//! else or nothing. Made once, when the environment is read.

use crate::template::Var;

/// The words of the server in front.
#[derive(Debug, Default)]
pub struct Outer {
    /// SCRIPT_NAME, decoded: the path of this program there. Ours begin behind it.
    pub script_name: Vec<u8>,
    /// PATH_INFO was empty; `/` stands for it where a location is chosen.
    pub no_path: bool,
    /// Values that hold in place of our own. Few: looked through in order.
    pub values: Vec<(Var, Vec<u8>)>,
}

impl Outer {
    /// The value of a variable, where that server said it.
    pub fn value(&self, var: &Var) -> Option<&[u8]> {
        let mut values = self.values.iter();
        values
            .find(|(known, _)| known == var)
            .map(|(_, text)| &**text)
    }
}
