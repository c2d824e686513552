//! The standard, read once more: from the whole stored response, with everything computed anew at each use.

use super::words::{Accel, Answer, Asked, Control};
use super::{Fate, Kept, Settings};
use crate::cache::rules::Trouble;
use crate::config::cache::UseStale;

/// Who gives the lifetime.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Accel,
    Fields,
    Settings,
    Guess,
}

/// The directives that count, and whether they are a targeted field's.
fn control(settings: &Settings, answer: &Answer) -> (Control, bool) {
    match (&answer.targeted, &answer.control) {
        (Some(targeted), _) if !settings.cache.targeted.is_empty() => (targeted.clone(), true),
        (_, Some(control)) if !settings.ignore.cache_control => (control.clone(), false),
        _ => (Control::default(), false),
    }
}

/// 4.2.1 and 4.2.2: the freshness lifetime. What counts from the time of arrival has the age of then added, for the age is
/// compared with it. `None`: there is none, and it is not to be stored.
fn lifetime(settings: &Settings, kept: &Kept) -> Option<(i64, By)> {
    let answer = &kept.answer;
    let (control, is_targeted) = control(settings, answer);
    let from_now = |seconds: i64| seconds + kept.initial_age();
    match answer.accel.filter(|_| !settings.ignore.accel_expires) {
        Some(Accel::Seconds(0)) => return None,
        Some(Accel::Seconds(seconds)) => return Some((from_now(seconds as i64), By::Accel)),
        Some(Accel::At(at)) => {
            return Some((from_now(at as i64 - kept.received as i64), By::Accel));
        }
        None => {}
    }
    if let Some(seconds) = control.s_maxage.or(control.max_age) {
        return Some((i64::from(seconds.unwrap_or(0)), By::Fields));
    }
    let date = answer.date.unwrap_or(kept.received) as i64;
    if let Some(expires) = answer.expires
        && !is_targeted
        && !settings.ignore.expires
    {
        let seconds = expires.map_or(0, |expires| (expires as i64 - date).max(0));
        return Some((seconds, By::Fields));
    }
    if let Some(time) = settings.cache.valid_for(answer.status) {
        let seconds = time.as_secs() as i64;
        return (seconds > 0).then(|| (from_now(seconds), By::Settings));
    }
    if !control.public && ![200, 404].contains(&answer.status) {
        return None;
    }
    let unmodified = answer.modified.map_or(0, |modified| date - modified as i64);
    Some(((unmodified.max(0) / 10).min(86400), By::Guess))
}

/// 4.2.4: it is never used stale.
fn is_strict(control: &Control) -> bool {
    control.must_revalidate || control.proxy_revalidate || control.s_maxage.is_some()
}

/// 5.2.2.4; X-Accel-Expires goes before it.
fn is_validated(settings: &Settings, kept: &Kept) -> bool {
    let by = lifetime(settings, kept).map(|(_, by)| by);
    control(settings, &kept.answer).0.no_cache && by != Some(By::Accel)
}

/// Whether a response may stay, whatever the request was.
fn may_stay(settings: &Settings, kept: &Kept) -> bool {
    let answer = &kept.answer;
    let (control, _) = control(settings, answer);
    let Some((lifetime, by)) = lifetime(settings, kept) else {
        return false;
    };
    if by != By::Accel {
        let is_understood = answer.status != 299;
        let is_kept_out = control.no_store && !(control.must_understand && is_understood);
        if is_kept_out || control.private || (control.must_understand && !is_understood) {
            return false;
        }
    }
    if answer.vary_all && !settings.ignore.vary {
        return false;
    }
    // Not of the standard: what can never be used is not stored.
    let has_window = control.stale_while.is_some_and(|n| n > 0)
        || control.stale_error.is_some_and(|n| n > 0)
        || settings.cache.use_stale != UseStale::default();
    let is_usable = lifetime > kept.initial_age() || (!is_strict(&control) && has_window);
    kept.has_validator() || (is_usable && !is_validated(settings, kept))
}

/// 3.5.
fn is_for_all(control: &Control) -> bool {
    control.public || control.must_revalidate || matches!(control.s_maxage, Some(Some(_)))
}

/// 3: the response to a GET.
pub fn stores(settings: &Settings, asked: &Asked, kept: &Kept) -> bool {
    let answer = &kept.answer;
    let is_explicit =
        lifetime(settings, kept).is_some_and(|(_, by)| matches!(by, By::Accel | By::Fields));
    let is_secret = answer.cookie && !settings.ignore.set_cookie && !is_explicit;
    asked.method == "GET"
        && !asked.no_store
        && answer.status != 206
        && !is_secret
        && (!asked.authorization || is_for_all(&control(settings, answer).0))
        && may_stay(settings, kept)
}

/// 4.
pub fn reuse(settings: &Settings, asked: &Asked, kept: &Kept, now: u64) -> &'static str {
    let (control, _) = control(settings, &kept.answer);
    let age = kept.age(now);
    let lifetime = lifetime(settings, kept).map_or(0, |(lifetime, _)| lifetime);
    // 5.2.1.1, 5.2.1.4, 5.2.2.4.
    let is_too_old = asked
        .max_age
        .is_some_and(|limit| limit == 0 || age > i64::from(limit));
    if asked.wants_validation() || is_too_old || is_validated(settings, kept) {
        return "ask";
    }
    // 5.2.1.3.
    if let Some(seconds) = asked.min_fresh
        && seconds > 0
        && lifetime < age + i64::from(seconds)
    {
        return "ask";
    }
    if lifetime > age {
        return "fresh";
    }
    if is_strict(&control) {
        return "ask";
    }
    // 5.2.1.2.
    let staleness = age - lifetime;
    match asked.max_stale {
        Some(None) => return "stale",
        Some(Some(limit)) if staleness <= i64::from(limit) => return "stale",
        None if asked.max_age.is_some() => return "ask",
        _ => {}
    }
    let window = i64::from(control.stale_while.unwrap_or(0));
    match settings.cache.use_stale.updating || staleness < window {
        true => "may",
        false => "ask",
    }
}

/// 4.2.4, RFC 5861 4.
pub fn stale_on(
    settings: &Settings,
    asked: &Asked,
    kept: &Kept,
    trouble: Trouble,
    now: u64,
) -> bool {
    let (control, _) = control(settings, &kept.answer);
    if is_strict(&control) || is_validated(settings, kept) || asked.wants_validation() {
        return false;
    }
    let allowed = &settings.cache.use_stale;
    let is_listed = match trouble {
        Trouble::Error => allowed.error,
        Trouble::Timeout => allowed.timeout,
        Trouble::InvalidHeader => allowed.invalid_header,
        Trouble::Status(status) => allowed.lists(status),
    };
    let is_failure =
        !matches!(trouble, Trouble::Status(status) if ![500, 502, 503, 504].contains(&status));
    let staleness = kept.age(now) - lifetime(settings, kept).map_or(0, |(lifetime, _)| lifetime);
    let windows = [control.stale_error, asked.stale_if_error];
    let is_open = |seconds: u32| seconds > 0 && staleness < i64::from(seconds);
    is_listed || (is_failure && windows.into_iter().flatten().any(is_open))
}

/// 4.3.4.
pub fn freshen(settings: &Settings, asked: &Asked, kept: &Kept, newer: &Kept) -> Fate {
    let (old, new) = (&kept.answer, &newer.answer);
    let is_about = match (new.etag, new.modified) {
        (Some((false, number)), _) => old.etag == Some((false, number)),
        (Some((true, number)), modified) => match old.etag {
            Some((_, old)) => old == number,
            None => modified.is_some() && modified == old.modified,
        },
        (None, Some(modified)) => old.modified == Some(modified),
        // By the letter nothing with an ETag is meant; but only this one was asked about.
        (None, None) => true,
    };
    match is_about {
        true => renewed(settings, asked, kept, newer).unwrap_or(Fate::Same),
        false => Fate::Dropped,
    }
}

/// 4.3.5.
pub fn head_seen(settings: &Settings, asked: &Asked, kept: &Kept, newer: &Kept) -> Option<Fate> {
    let (old, new) = (&kept.answer, &newer.answer);
    if new.status != 200 {
        return None;
    }
    let is_same = old.status == 200
        && (new.etag.is_none() || new.etag == old.etag)
        && (new.modified.is_none() || new.modified == old.modified)
        && new.length.is_none_or(|length| length == kept.len);
    match is_same {
        true => renewed(settings, asked, kept, newer),
        false => Some(Fate::Dropped),
    }
}

/// `None`: nothing of the newer response may be stored.
fn renewed(settings: &Settings, asked: &Asked, kept: &Kept, newer: &Kept) -> Option<Fate> {
    let is_kept_out = asked.authorization && !is_for_all(&control(settings, &newer.answer).0);
    if asked.no_store || is_kept_out {
        return None;
    }
    let merged = Kept {
        answer: kept.answer.with(&newer.answer),
        len: kept.len,
        ..newer.clone()
    };
    Some(match may_stay(settings, &merged) {
        true => Fate::Renewed(Box::new(merged)),
        false => Fate::Dropped,
    })
}
