//! The rules of nginx, read once more: from the whole stored response, with everything computed anew at each use.

use super::words::{Accel, Answer, Control};
use super::{Fate, Kept, Settings};
use crate::cache::rules::Trouble;

/// What fields say about the time of validity.
enum Says {
    No,
    Past,
    Until(i64),
    Nothing,
}

fn control(settings: &Settings, answer: &Answer) -> (Control, bool) {
    match (&answer.targeted, &answer.control) {
        (Some(targeted), _) if !settings.cache.targeted.is_empty() => (targeted.clone(), true),
        (_, Some(control)) if !settings.ignore.cache_control => (control.clone(), false),
        _ => (Control::default(), false),
    }
}

/// C38, C42 to C47, Z42.
fn says(settings: &Settings, kept: &Kept) -> Says {
    let answer = &kept.answer;
    let received = kept.received as i64;
    match answer.accel.filter(|_| !settings.ignore.accel_expires) {
        Some(Accel::Seconds(0)) => return Says::No,
        Some(Accel::Seconds(seconds)) => return Says::Until(received + seconds as i64),
        Some(Accel::At(at)) => return Says::Until(at as i64),
        None => {}
    }
    let (control, is_targeted) = control(settings, answer);
    if control.no_store || control.no_cache || control.private {
        return Says::No;
    }
    if let Some(seconds) = control.s_maxage.or(control.max_age) {
        let left = i64::from(seconds.unwrap_or(0)) - kept.initial_age();
        return match left > 0 {
            true => Says::Until(received + left),
            false => Says::Past,
        };
    }
    match answer.expires {
        _ if is_targeted || settings.ignore.expires => Says::Nothing,
        Some(Some(at)) if at >= kept.received => Says::Until(at as i64),
        Some(_) => Says::Past,
        None => Says::Nothing,
    }
}

/// The last second of validity, by the fields or the settings; `None`: not stored.
fn until(settings: &Settings, kept: &Kept) -> Option<i64> {
    let by_status = || {
        let time = settings.cache.valid_for(kept.answer.status)?;
        let seconds = time.as_secs() as i64;
        (seconds > 0).then_some(kept.received as i64 + seconds)
    };
    let past = kept.received as i64 - 1;
    // What came with a 304 goes before what was stored, and what is validated stays, if only as expired (C58, C60).
    if let Some(newer) = &kept.newer {
        if let Says::Until(at) = says(settings, newer) {
            return Some(at);
        }
        return match says(settings, kept) {
            Says::Until(at) => Some(at),
            Says::Past => Some(past),
            Says::Nothing => Some(by_status().unwrap_or(past)),
            Says::No => None,
        };
    }
    match says(settings, kept) {
        Says::Until(at) => Some(at),
        Says::Nothing => by_status(),
        Says::No | Says::Past => None,
    }
}

/// C33 and Z40: the windows, if it may be used stale at all.
fn windows(settings: &Settings, kept: &Kept) -> Option<(i64, i64)> {
    let (control, _) = control(settings, &kept.answer);
    let while_updating = control.stale_while.unwrap_or(0);
    let on_error = control.stale_error.unwrap_or(while_updating);
    let is_strict = control.must_revalidate || control.proxy_revalidate;
    (!is_strict).then_some((i64::from(while_updating), i64::from(on_error)))
}

pub fn stores(settings: &Settings, kept: &Kept) -> bool {
    let answer = &kept.answer;
    answer.status != 206
        && (!answer.cookie || settings.ignore.set_cookie)
        && (!answer.vary_all || settings.ignore.vary)
        && until(settings, kept).is_some()
}

/// C21, C30.
pub fn reuse(settings: &Settings, kept: &Kept, now: u64) -> &'static str {
    let until = until(settings, kept).unwrap_or(-1);
    let now = now as i64;
    match windows(settings, kept) {
        _ if now <= until => "fresh",
        Some((window, _)) if settings.cache.use_stale.updating || now <= until + window => "may",
        _ => "ask",
    }
}

/// C31, C32, Z41.
pub fn stale_on(settings: &Settings, kept: &Kept, trouble: Trouble, now: u64) -> bool {
    let Some((_, window)) = windows(settings, kept) else {
        return false;
    };
    let allowed = &settings.cache.use_stale;
    // Without a window nothing that is asked about is stale and good at once.
    let in_window = window > 0 && now as i64 <= until(settings, kept).unwrap_or(-1) + window;
    match trouble {
        Trouble::Error => allowed.error || in_window,
        Trouble::Timeout => allowed.timeout || in_window,
        Trouble::InvalidHeader => allowed.invalid_header || in_window,
        Trouble::Status(status @ (500 | 502..=504)) => allowed.lists(status) || in_window,
        Trouble::Status(status) => allowed.lists(status),
    }
}

/// C58, Z43.
pub fn freshen(settings: &Settings, kept: &Kept, newer: &Kept) -> Fate {
    if let Says::No = says(settings, newer) {
        return Fate::Dropped;
    }
    let merged = Kept {
        answer: kept.answer.with(&newer.answer),
        len: kept.len,
        newer: Some(Box::new(newer.clone())),
        ..newer.clone()
    };
    let varies = merged.answer.vary_all && !settings.ignore.vary;
    match until(settings, &merged) {
        Some(_) if !varies => Fate::Renewed(Box::new(merged)),
        _ => Fate::Dropped,
    }
}
