//! Variables that `--map` defines.
#![forbid(unsafe_code)]

use super::Facts;
use crate::template::Values;

impl Facts<'_> {
    /// The result of the map's value. `from` gives the variables of its source, and `to` those of its results; they name
    /// only maps before this one, so this comes to an end. A map's variable is always set, if to nothing.
    pub fn put_map(
        &self,
        index: usize,
        from: &dyn Values,
        to: &dyn Values,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(map) = self.config.maps.get(index) else {
            return false;
        };
        let mut source = Vec::new();
        map.source.render(from, &mut source);
        source.make_ascii_lowercase();
        let found = map
            .entries
            .binary_search_by(|(value, _)| value.as_bytes().cmp(&source));
        let entry = found.ok().and_then(|at| map.entries.get(at));
        let result = entry.map_or(&map.default, |(_, result)| result);
        result.render(to, out);
        true
    }
}
