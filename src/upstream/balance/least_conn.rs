//! The fewest running exchanges for the weight (N39).

use super::{Turn, weighted};

/// The least busy for its weight; of several equals the next in turn.
pub fn pick(turns: &mut [Turn]) -> Option<usize> {
    let mut best: Option<(usize, &Turn)> = None;
    let mut equals = false;
    for (i, turn) in turns.iter().enumerate().filter(|(_, turn)| turn.open) {
        match best {
            Some((_, least)) if load(turn, least) == load(least, turn) => equals = true,
            Some((_, least)) if load(turn, least) > load(least, turn) => {}
            _ => {
                best = Some((i, turn));
                equals = false;
            }
        }
    }
    let (index, least) = best?;
    if !equals {
        return Some(index);
    }
    let least = least.clone();
    weighted::pick(turns, &|turn| {
        turn.open && load(turn, &least) == load(&least, turn)
    })
}

/// The load of `turn` against that of `other`, without a division: running × the other's weight.
pub fn load(turn: &Turn, other: &Turn) -> u128 {
    let weight = i64::from(other.weight) * other.share;
    u128::from(turn.running) * u128::from(weight.unsigned_abs())
}
