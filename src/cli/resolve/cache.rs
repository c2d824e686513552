//! The zones, and what a location does with one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::scopes::{Scope, complain};
use crate::cli::settings::{CacheSpec, Chain, Settings, ZoneSpec};
use crate::cli::values::cache::{default_key, may_hold};
use crate::config::cache::{Cache, RuleBook, UseStale, Zone, ZoneName};
use crate::config::content::Map;
use crate::config::{Handler, Location, Match, Server};
use crate::template::{Part, Template, Var};

use super::Remarks;

const FIVE: Duration = Duration::from_secs(5);

/// Every zone of `--cache-path`, in its order. `temp`: the `--temp-path` of the http level.
pub fn zones(http: &Settings, temp: &Path, remarks: &mut Remarks) -> Vec<Zone> {
    let mut zones: Vec<Zone> = Vec::with_capacity(http.cache_paths.len());
    for spec in &http.cache_paths {
        let path = match absolute(&spec.zone.path) {
            Ok(path) => path,
            Err(why) => {
                remarks.error(complain("cache-path", Some(&spec.raw), &why));
                continue;
            }
        };
        if let Some(why) = contradiction(&spec.zone.name, &path, &zones) {
            remarks.error(complain("cache-path", Some(&spec.raw), &why));
        }
        zones.push(Zone {
            path,
            temp: temp.to_owned(),
            ..spec.zone.clone()
        });
    }
    zones
}

/// A relative path begins at the working directory; none ends in a slash (C84).
fn absolute(path: &Path) -> Result<PathBuf, String> {
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    match path.parent() {
        Some(_) => Ok(path.components().collect()),
        // Whatever had a name of the cache's kind would be removed in time.
        None => Err("/ cannot hold a cache; name a directory of its own".into()),
    }
}

/// Each zone has its own name and its own files: neither could tell those of another that lie among them.
fn contradiction(name: &str, path: &Path, before: &[Zone]) -> Option<String> {
    for zone in before {
        let mixed = zone.path.starts_with(path) || path.starts_with(&zone.path);
        if zone.name == name {
            return Some(format!("there is a zone \"{name}\" already"));
        }
        if mixed {
            let (name, path) = (&zone.name, zone.path.display());
            return Some(format!(
                "its files would mix with those of the zone \"{name}\" in {path}"
            ));
        }
    }
    None
}

/// A name without variables must be that of a zone, whether it is used or not (C10).
pub fn check_names(scopes: &[&Scope], zones: &[Zone], remarks: &mut Remarks) {
    for scope in scopes {
        if let Some(Some(CacheSpec::Named(name))) = &scope.settings.cache
            && find(name, zones).is_none()
        {
            let why = format!("there is no --cache-path with the zone \"{name}\"");
            remarks.error(complain("cache", Some(name), &why));
        }
    }
}

fn find(name: &str, zones: &[Zone]) -> Option<usize> {
    zones.iter().position(|zone| zone.name == name)
}

/// What a location that passes requests on does with a cache. `None`: nothing. `place` says where it is, as the end of a phrase.
pub fn cache(
    chain: &Chain,
    zones: &[Zone],
    place: &str,
    remarks: &mut Remarks,
) -> Option<Box<Cache>> {
    let zone = match chain.switch(|s| &s.cache, Settings::stores)? {
        CacheSpec::Named(name) => ZoneName::Fixed(find(name, zones)?),
        CacheSpec::Template(template) => ZoneName::Template(template.clone()),
    };
    if !chain.or(|s| &s.buffering, true) {
        let why = format!(
            "keeps nothing where --buffering is off, as it is{place}, unless the application turns it on"
        );
        remarks.warn(complain("cache", None, &why));
    }
    let rules = chain.or(|s| &s.cache_rules, RuleBook::Nginx);
    Some(Box::new(Cache {
        zone,
        key: chain
            .get(|s| &s.cache_key)
            .cloned()
            .unwrap_or_else(default_key),
        valid: chain.list(|s| &s.cache_valid).to_vec(),
        post: chain.or(|s| &s.cache_post, false),
        min_uses: chain.or(|s| &s.cache_min_uses, 1),
        bypass: conditions(chain.list(|s| &s.cache_bypass)),
        no_cache: conditions(chain.list(|s| &s.no_cache)),
        lock: chain.or(|s| &s.cache_lock, false),
        lock_age: chain.or(|s| &s.cache_lock_age, FIVE),
        lock_timeout: chain.or(|s| &s.cache_lock_timeout, FIVE),
        use_stale: chain.or(|s| &s.cache_use_stale, UseStale::default()),
        background_update: chain.or(|s| &s.cache_background_update, false),
        revalidate: chain.or(|s| &s.cache_revalidate, false),
        max_range_offset: chain.or(|s| &s.cache_max_range_offset, None),
        purge: conditions(chain.list(|s| &s.cache_purge)),
        status_name: chain.or(|s| &s.cache_status, None),
        targeted: chain
            .get(|s| &s.cache_targeted)
            .cloned()
            .unwrap_or_else(|| targeted(rules)),
        rules,
    }))
}

/// RFC 9213 3.1 names the one field that every shared cache may obey.
fn targeted(rules: RuleBook) -> Vec<String> {
    match rules {
        RuleBook::Nginx => Vec::new(),
        RuleBook::Rfc9111 => vec!["cdn-cache-control".into()],
    }
}

/// Those that can hold at all.
fn conditions(given: &[Template]) -> Vec<Template> {
    given.iter().filter(|one| may_hold(one)).cloned().collect()
}

/// What is allowed in a location but hardly meant.
pub fn warn(location: &Location, maps: &[Map], place: &str, remarks: &mut Remarks) {
    let Some(cache) = cache_of(location) else {
        return;
    };
    // An exact location has one resource, for which one key may do.
    if cache.key.literal().is_some() && !matches!(location.matching, Match::Exact(_)) {
        let why = format!("holds no variable, so all requests share one response{place}");
        remarks.warn(complain("cache-key", None, &why));
    }
    let denies = location.access.rules.iter().any(|(allow, _)| !allow);
    let known = telling(maps);
    let by_client = |condition: &Template| !tells_who(condition, &known);
    let guarded = denies || location.auth.is_some() || location.internal;
    if cache.purge.iter().any(by_client) && !guarded {
        let why = format!("no --deny holds{place}, so any client may remove what is kept");
        remarks.warn(complain("cache-purge", None, &why));
    }
}

/// Whether a condition goes by who the client is, or where it has come in, and not by what it has sent alone, as the name in
/// `$remote_user` is.
fn tells_who(condition: &Template, maps: &[bool]) -> bool {
    condition.parts().iter().any(|part| match part {
        Part::Var(Var::RemoteAddr | Var::BinaryRemoteAddr | Var::ServerAddr | Var::ServerPort) => {
            true
        }
        Part::Var(Var::Map(at)) => maps.get(*at).is_some_and(|tells| *tells),
        Part::Var(_) | Part::Text(_) => false,
    })
}

/// Of each map whether it tells that. A map uses only those before it, so each is looked at once.
fn telling(maps: &[Map]) -> Vec<bool> {
    let mut known = Vec::with_capacity(maps.len());
    for map in maps {
        let results = map.entries.iter().map(|(_, result)| result);
        let mut texts = results.chain([&map.source, &map.default]);
        let tells = texts.any(|text| tells_who(text, &known));
        known.push(tells);
    }
    known
}

/// A zone that nothing is kept in is a mistake, most likely.
pub fn warn_of_unused(
    specs: &[ZoneSpec],
    servers: &[Server],
    zones: &[Zone],
    remarks: &mut Remarks,
) {
    let locations = servers.iter().flat_map(|server| &server.locations);
    let caches = locations.filter_map(cache_of);
    let mut used: Vec<bool> = vec![false; zones.len()];
    for cache in caches {
        match &cache.zone {
            ZoneName::Fixed(at) => used
                .iter_mut()
                .skip(*at)
                .take(1)
                .for_each(|used| *used = true),
            // It may name any.
            ZoneName::Template(_) => return,
        }
    }
    for (spec, _) in specs.iter().zip(&used).filter(|(_, used)| !**used) {
        let why = format!("no location uses the zone \"{}\"", spec.zone.name);
        remarks.warn(complain("cache-path", Some(&spec.raw), &why));
    }
}

fn cache_of(location: &Location) -> Option<&Cache> {
    match &location.handler {
        Handler::Scgi(scgi) => scgi.cache.as_deref(),
        Handler::Files | Handler::Return(_) | Handler::Status { .. } => None,
    }
}
