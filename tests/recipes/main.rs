//! The recipes of the README: each command of each is run here, with the real application where it is installed, and a
//! request shows that it works. A recipe without a line in `recipes!` fails [`every_recipe_has_a_test`].

#[path = "../common/mod.rs"]
mod common;

mod languages;
mod limits;
mod python;
mod readme;
mod sites;
mod stage;
mod tables;
mod torrents;

/// `test_name: "Title in the README" => function` for each recipe. The function gets a [`stage::Stage`], prepares what the
/// recipe takes for granted, calls `run` or `gate`, and sends requests.
macro_rules! recipes {
    ($($name:ident: $title:literal => $test:path,)*) => {
        const KNOWN: &[&str] = &[$($title),*];
        $(
            #[test]
            fn $name() {
                stage::play($title, $test);
            }
        )*
    };
}

recipes! {
    rtorrent: "rTorrent" => torrents::rpc,
    rtorrent_and_trust: "rTorrent for a network, and for those who may do all" => torrents::trust,
    rtorrent_and_password: "rTorrent behind a password" => torrents::password,
    uwsgi: "uWSGI" => python::uwsgi,
    mercurial: "Mercurial" => python::mercurial,
    trac: "Trac" => python::trac,
    python_scgi: "Python, package `scgi`" => python::scgi,
    aioscgi: "ASGI applications" => python::aioscgi,
    perl: "Perl, module `SCGI`" => languages::perl,
    wapp: "Tcl, Wapp" => languages::wapp,
    fossil: "Fossil" => languages::fossil,
    luci: "LuCI" => languages::luci,
    several_servers: "Several servers behind one path" => sites::several,
    files_first: "Files in front of an application" => sites::files_first,
    cache: "A cache in front of an application" => sites::cache,
    downloads: "Downloads that an application allows" => sites::downloads,
    behind_a_proxy: "Behind HAProxy, hitch or stunnel" => sites::behind_a_proxy,
    service: "As a service (systemd)" => sites::service,
    cgi: "As a CGI program: uhttpd, BusyBox httpd" => sites::cgi,
}

#[test]
fn every_recipe_has_a_test() {
    for recipe in readme::recipes() {
        assert!(
            KNOWN.contains(&recipe.title.as_str()),
            "nothing runs the recipe {:?}: add it to recipes! in tests/recipes/main.rs",
            recipe.title
        );
    }
}
