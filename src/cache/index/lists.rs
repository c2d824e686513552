//! The lists that nodes are in, linked through the nodes themselves.

use super::{Index, NONE};

/// The two links of a node in a list.
pub(super) const NEWER: usize = 0;
pub(super) const OLDER: usize = 1;

/// Which list of nodes.
#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    /// All of them, by last use.
    Used,
    /// Those whose entry is held with its body, and those whose entry keeps a file open. No node is in both.
    Bodies,
    Files,
}

impl List {
    /// Which of a node's links the list has.
    pub(super) fn links(self) -> usize {
        match self {
            List::Used => 0,
            List::Bodies | List::Files => 1,
        }
    }
}

impl Index {
    /// Puts a node into a list, as the newest.
    pub(super) fn link(&mut self, list: List, at: u32) {
        let [newest, _] = self.ends[list as usize];
        self.link_between(list, at, [NONE, newest]);
    }

    /// Puts a node into a list, as the oldest.
    pub(super) fn link_last(&mut self, list: List, at: u32) {
        let [_, oldest] = self.ends[list as usize];
        self.link_between(list, at, [oldest, NONE]);
    }

    fn link_between(&mut self, list: List, at: u32, neighbours: [u32; 2]) {
        if let Some(node) = self.node_mut(at) {
            node.links[list.links()] = neighbours;
        }
        self.join(list, neighbours, [at; 2]);
    }

    pub(super) fn unlink(&mut self, list: List, at: u32) {
        let Some(node) = self.node_mut(at) else {
            return;
        };
        let [newer, older] = std::mem::replace(&mut node.links[list.links()], [NONE; 2]);
        self.join(list, [newer, older], [older, newer]);
    }

    /// Tells a newer and an older node, or the ends of the list, who their neighbours are.
    fn join(&mut self, list: List, [newer, older]: [u32; 2], [below, above]: [u32; 2]) {
        match self.node_mut(newer) {
            Some(node) => node.links[list.links()][OLDER] = below,
            None => self.ends[list as usize][0] = below,
        }
        match self.node_mut(older) {
            Some(node) => node.links[list.links()][NEWER] = above,
            None => self.ends[list as usize][1] = above,
        }
    }
}
