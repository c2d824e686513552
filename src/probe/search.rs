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

/// Says what happens when these are left out: `None`, nothing.
type Without<'a, T, E> = dyn FnMut(&[usize]) -> Result<Option<T>, E> + 'a;

/// Finds what of `all` is needed. Costs one question where nothing is, else about twice the logarithm for each thing that
/// is, and one for each of `all` where one of several is.
///
/// # Errors
/// Those of `without`, which end the search; what was found so far is in `found`.
pub fn needed<T, E>(
    all: &[usize],
    without: &mut Without<T, E>,
    found: &mut Vec<Needed<T>>,
) -> Result<(), E> {
    if without(all)?.is_none() {
        return Ok(());
    }
    let (left, right) = all.split_at(all.len() / 2);
    singles(left, without, found)?;
    singles(right, without, found)?;
    // Each round finds one more, or ends it.
    for _ in 0..all.len() {
        // Enough, if what is known is: of several, one.
        let kept = |one: &usize| found.iter().any(|(set, _)| set.first() == Some(one));
        let mut rest: Vec<usize> = all.iter().copied().filter(|one| !kept(one)).collect();
        let Some(mut effect) = without(&rest)? else {
            break;
        };
        for one in rest.clone().iter().filter(|_| all.len() > 1) {
            let fewer: Vec<usize> = rest.iter().copied().filter(|other| other != one).collect();
            if let Some(other) = without(&fewer)? {
                (rest, effect) = (fewer, other);
            }
        }
        found.push((rest, effect));
    }
    Ok(())
}

/// What is needed by itself, by halves.
fn singles<T, E>(
    set: &[usize],
    without: &mut Without<T, E>,
    found: &mut Vec<Needed<T>>,
) -> Result<(), E> {
    match (without(set)?, set.len()) {
        (None, _) | (_, 0) => {}
        (Some(effect), 1) => found.push((set.to_vec(), effect)),
        (Some(_), len) => {
            let (left, right) = set.split_at(len / 2);
            singles(left, without, found)?;
            singles(right, without, found)?;
        }
    }
    Ok(())
}
