//! How to find a limit, and what can not be left out, with few questions. Pure: the questions are a function's.

/// The largest size that passes, narrowed down by halves. Invariant: `good` passes, `bad` does not, `good < bad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub good: usize,
    pub bad: usize,
}

impl Limit {
    /// The size to try next; `None`: `good` is the limit. Nothing under `least` can be tried.
    pub fn next(self, least: usize) -> Option<usize> {
        let middle = (self.good + (self.bad - self.good) / 2).max(least);
        (middle > self.good && middle < self.bad).then_some(middle)
    }

    pub fn told(&mut self, size: usize, passes: bool) {
        match passes {
            true => self.good = size,
            false => self.bad = size,
        }
    }
}

/// What can not be left out: one thing, or several of which one must stay. With what happens without.
pub type Needed<T> = (Vec<usize>, T);

/// Finds what of `set` is needed. `without` says what happens when these are left out: `None`, nothing. Costs one question
/// where nothing is needed, else about twice the logarithm for each that is.
///
/// # Errors
/// Those of `without`, which end the search; what was found so far is in `found`.
pub fn needed<T, E>(
    set: &[usize],
    without: &mut dyn FnMut(&[usize]) -> Result<Option<T>, E>,
    found: &mut Vec<Needed<T>>,
) -> Result<(), E> {
    let Some(effect) = without(set)? else {
        return Ok(());
    };
    if set.len() > 1 {
        let before = found.len();
        let (left, right) = set.split_at(set.len() / 2);
        needed(left, without, found)?;
        needed(right, without, found)?;
        if found.len() > before {
            return Ok(());
        }
    }
    found.push((least(set, without)?, effect));
    Ok(())
}

/// What of `set` can not be left out together, and no more than that: one of it must stay.
fn least<T, E>(
    set: &[usize],
    without: &mut dyn FnMut(&[usize]) -> Result<Option<T>, E>,
) -> Result<Vec<usize>, E> {
    let mut kept = set.to_vec();
    for one in set.iter().filter(|_| set.len() > 1) {
        let others: Vec<usize> = kept.iter().copied().filter(|other| other != one).collect();
        if without(&others)?.is_some() {
            kept = others;
        }
    }
    Ok(kept)
}
