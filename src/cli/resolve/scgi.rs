//! The settings of a location that has an application.

use std::time::Duration;

use crate::cli::scopes::complain;
use crate::cli::settings::{Chain, Settings};
use crate::config::content::{InternalRedirect, NextUpstream, SendFile, Store, StoreSettings};
use crate::config::{Pass, PathInfo, Scgi};
use crate::scgi::request::Params;

use super::{Remarks, SIXTY, Sizes, params};

/// The settings of a location that passes requests on, without its cache. `place` says where that is, as the end of a phrase.
pub fn scgi(chain: &Chain, pass: Pass, sizes: Sizes, place: &str, remarks: &mut Remarks) -> Scgi {
    let path_info = chain.or(|s| &s.path_info, PathInfo::On);
    let list = params::list(chain, &path_info, remarks);
    let auth = params::asks_password(chain);
    let pass_headers = chain.or(|s| &s.pass_request_headers, true);
    let max = chain.or(|s| &s.params_max, None);
    Scgi {
        pass,
        bind: chain.or(|s| &s.bind, None),
        socket_keepalive: chain.or(|s| &s.socket_keepalive, false),
        socket_rcvbuf: chain.or(|s| &s.socket_rcvbuf, 0),
        socket_sndbuf: chain.or(|s| &s.socket_sndbuf, 0),
        connect_timeout: chain.or(|s| &s.connect_timeout, SIXTY),
        send_timeout: chain.or(|s| &s.send_timeout, SIXTY),
        read_timeout: chain.or(|s| &s.read_timeout, SIXTY),
        buffering: chain.or(|s| &s.buffering, true),
        buffer_size: sizes.buffer_size,
        buffers: sizes.buffers,
        buffers_size: sizes.buffers_size,
        busy_buffers_size: sizes.busy,
        max_temp_file_size: sizes.max_temp,
        temp_file_write_size: sizes.temp_write,
        limit_rate: chain.or(|s| &s.limit_rate, None),
        request_buffering: chain.or(|s| &s.request_buffering, true),
        pass_request_body: chain.or(|s| &s.pass_request_body, true),
        params: Params::new(list, pass_headers, max).without(auth.then_some("HTTP_AUTHORIZATION")),
        path_info,
        hidden: hidden(chain),
        ignore: chain.or(|s| &s.ignore, Default::default()),
        ignore_client_abort: chain.or(|s| &s.ignore_client_abort, false),
        next_upstream: chain.or(|s| &s.next_upstream, NextUpstream::default()),
        next_upstream_tries: chain.or(|s| &s.next_upstream_tries, 0),
        next_upstream_timeout: chain.or(|s| &s.next_upstream_timeout, Duration::ZERO),
        connection_drop: chain.or(|s| &s.connection_drop, None),
        intercept_errors: chain.or(|s| &s.intercept_errors, false),
        force_ranges: chain.or(|s| &s.force_ranges, false),
        internal_redirect: chain.or(|s| &s.internal_redirect, follows(chain)),
        sendfile: sendfile(chain, place, remarks),
        store: store(chain, place, remarks),
        cache: None,
    }
}

/// The paths of an application are those of the server that clients see. Under `--cgi` that is not this one.
fn follows(chain: &Chain) -> InternalRedirect {
    match chain.cgi() {
        true => InternalRedirect::Off,
        false => InternalRedirect::Location,
    }
}

fn sendfile(chain: &Chain, place: &str, remarks: &mut Remarks) -> Option<SendFile> {
    let field = chain.or(|s| &s.sendfile, None)?;
    let roots = chain.list(|s| &s.sendfile_roots).to_vec();
    if roots.is_empty() {
        let why =
            format!("there is no --sendfile-root{place}, so every {field} is refused with 502");
        remarks.warn(complain("sendfile", None, &why));
    }
    Some(SendFile { field, roots })
}

fn store(chain: &Chain, place: &str, remarks: &mut Remarks) -> Option<StoreSettings> {
    let store = chain.switch(|s| &s.store, Settings::caches)?.clone();
    if matches!(store, Store::On) && chain.get(|s| &s.root).is_none() {
        let why = format!("needs --root or --alias{place}");
        remarks.error(complain("store", Some("on"), &why));
    }
    if !chain.or(|s| &s.buffering, true) {
        // Where an application turns it on by X-Accel-Buffering, something is stored all the same (Z24).
        let why = format!("keeps nothing where --buffering is off, as it is{place}");
        remarks.warn(complain("store", None, &why));
    }
    Some(StoreSettings {
        place: store,
        mode: chain.or(|s| &s.store_access, 0o600),
    })
}

/// The six of R23 and `--hide-header`, less `--pass-header`; the two lists are inherited each by itself (R25).
fn hidden(chain: &Chain) -> Vec<String> {
    const ALWAYS: [&str; 6] = [
        "status",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-expires",
        "x-accel-limit-rate",
        "x-accel-redirect",
    ];
    let show = chain.list(|s| &s.show);
    let hide = chain.list(|s| &s.hide).iter().cloned();
    let always = ALWAYS.iter().map(|name| name.to_string());
    let mut names: Vec<String> = Vec::new();
    for name in always.chain(hide).filter(|name| !show.contains(name)) {
        if let Err(at) = names.binary_search(&name) {
            names.insert(at, name);
        }
    }
    names
}
