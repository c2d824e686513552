//! Smooth weighted round robin (N37, N38): the default, and what every other method falls back to.

use super::Turn;

/// The next in turn of those that `among` admits: each gains its weight, the richest wins (the first of equals), and pays what
/// all have gained.
pub fn pick(turns: &mut [Turn], among: &dyn Fn(&Turn) -> bool) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    let gained = gain(turns, among, &mut |i, current| {
        if best.is_none_or(|(_, most)| current > most) {
            best = Some((i, current));
        }
    });
    let (best, _) = best?;
    turns.get_mut(best)?.current -= gained;
    Some(best)
}

/// Accounts for a turn that `winner` got because its client is bound to it (`--sticky`), so that those who are free are
/// balanced against it. One that is in debt already is not charged again: a server with many bound clients would otherwise
/// stay closed to all others for as long (N55).
pub fn charge(turns: &mut [Turn], winner: usize) {
    if turns.get(winner).is_none_or(|turn| turn.current < 0) {
        return;
    }
    let gained = gain(turns, &|turn| turn.open, &mut |_, _| {});
    if let Some(turn) = turns.get_mut(winner) {
        turn.current -= gained;
    }
}

/// Gives each its effective weight, which grows back by one; what was given in all. `each` sees index and credit.
fn gain(
    turns: &mut [Turn],
    among: &dyn Fn(&Turn) -> bool,
    each: &mut dyn FnMut(usize, i64),
) -> i64 {
    let mut gained = 0;
    for (i, turn) in turns.iter_mut().enumerate() {
        if !among(turn) {
            continue;
        }
        // Credits are in hundredths of a weight, for the sake of `share`.
        let part = turn.effective * turn.share;
        turn.current += part;
        gained += part;
        if turn.effective < i64::from(turn.weight) {
            turn.effective += 1;
        }
        each(i, turn.current);
    }
    gained
}
