//! Apache's methods (N63). `weight` is its loadfactor.

use super::Turn;

/// Each open one gains its weight; of those that are as good as the best by `better` the richest wins and pays for all.
fn richest(turns: &mut [Turn], better: fn(&Turn, &Turn) -> std::cmp::Ordering) -> Option<usize> {
    let mut best: Option<(usize, &Turn)> = None;
    let mut gained = 0;
    for (i, turn) in turns.iter_mut().enumerate().filter(|(_, turn)| turn.open) {
        turn.current += i64::from(turn.weight);
        gained += i64::from(turn.weight);
        let turn = &*turn;
        let wins = |least: &Turn| better(turn, least).then(least.current.cmp(&turn.current));
        if best.is_none_or(|(_, least)| wins(least).is_lt()) {
            best = Some((i, turn));
        }
    }
    let (best, _) = best?;
    turns.get_mut(best)?.current -= gained;
    Some(best)
}

/// In turn by weight: smooth round robin whose weights do not fall with failures.
pub fn by_requests(turns: &mut [Turn]) -> Option<usize> {
    richest(turns, |_, _| std::cmp::Ordering::Equal)
}

/// The fewest running exchanges, whatever the weight; of equals the next by [`by_requests`].
pub fn by_busyness(turns: &mut [Turn]) -> Option<usize> {
    richest(turns, |a, b| a.running.cmp(&b.running))
}

/// The fewest bytes for the weight.
pub fn by_traffic(turns: &mut [Turn]) -> Option<usize> {
    let open = turns.iter().enumerate().filter(|(_, turn)| turn.open);
    let cost = |a: &Turn, b: &Turn| u128::from(a.traffic) * u128::from(b.weight);
    let least = open.min_by(|(_, a), (_, b)| cost(a, b).cmp(&cost(b, a)));
    least.map(|(i, _)| i)
}
