//! What is shown of a cache: one miss and two hits, in each of the three forms.

use crate::common::status::{STATUS, json};
use crate::common::{App, Gate, Temp, until};
use crate::{ask_python, gate};

/// A gateway with a zone `z` in front of an application, whose response can be kept.
fn cached(app: &App, dir: &Temp) -> Gate {
    let zone = format!("{} keys_zone=z:1m max_size=8m", dir.file("<cache>"));
    let addr = app.addr();
    let mut args = vec!["--cache-path", &zone];
    args.extend(STATUS);
    args.extend(["--location", "/", "--pass", &addr, "--cache", "z"]);
    Gate::start(args)
}

#[test]
fn a_zone_is_on_the_page_in_json_and_for_prometheus() {
    let app = App::script(|scgi| {
        scgi.all();
        let _ = scgi.try_send("Cache-Control: max-age=3600\r\nContent-Length: 5\r\n\r\nhello");
    });
    let dir = Temp::new();
    let gate = cached(&app, &dir);
    gate.get("/").is(200);
    // It is on the disk a little after the client has it.
    until("the entry to be stored", || {
        let status = json(&gate);
        status.get("caches").list()[0]
            .get("size")
            .get("used")
            .count()
            > 0
    });
    gate.get("/").is(200);
    gate.get("/").is(200);
    let status = json(&gate);
    let [zone] = status.get("caches").list() else {
        panic!("not one zone: {status:?}");
    };
    assert_eq!(zone.get("name").text(), "z");
    assert_eq!(zone.get("path").text(), dir.file("<cache>"));
    assert_eq!(zone.get("entries").count(), 1);
    assert_eq!(zone.get("size").get("max").count(), 8 << 20);
    assert_eq!(zone.get("memory").get("max").count(), 1 << 20);
    assert!(zone.get("memory").get("used").count() > 0);
    assert_eq!(zone.get("waiting").count(), 0);
    let requests = zone.get("results");
    for (result, n) in [("miss", 1), ("hit", 2), ("expired", 0), ("bypass", 0)] {
        assert_eq!(requests.get(result).count(), n, "{result} of {requests:?}");
    }

    let page = gate.get("/status").is(200).text();
    assert!(page.contains("&lt;cache&gt;</code>"), "{page}");
    assert!(page.contains("From the cache"), "{page}");
    let test = "a_zone_is_on_the_page_in_json_and_for_prometheus";
    ask_python(test, "html.parser", "structure.py", &page);

    let exposition = gate.get("/status?format=prometheus").is(200).text();
    for line in [
        "scgate_cache_requests_total{zone=\"z\",result=\"hit\"} 2",
        "scgate_cache_requests_total{zone=\"z\",result=\"miss\"} 1",
        "scgate_cache_fills_total{zone=\"z\"} 1",
    ] {
        assert!(exposition.lines().any(|l| l == line), "{exposition}");
    }
    ask_python(test, "prometheus_client", "exposition.py", &exposition);
    gate.stop().clean();
}

#[test]
fn who_waits_for_a_fill_is_counted() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let app = App::script(move |scgi| {
        scgi.all();
        let _ = gone.lock().expect("lock").recv();
        let _ = scgi.try_send("Cache-Control: max-age=3600\r\nContent-Length: 5\r\n\r\nhello");
    });
    let dir = Temp::new();
    let zone = format!("{} keys_zone=z:1m", dir.file("cache"));
    let addr = app.addr();
    let mut args = vec!["--cache-path", &zone];
    args.extend(STATUS);
    args.extend(["--location", "/", "--pass", &addr, "--cache", "z"]);
    args.extend(["--cache-lock", "on", "--cache-lock-timeout", "600s"]);
    args.extend(["--cache-lock-age", "600s"]);
    let gate = Gate::start(args);
    let counted = |name: &str, n: u64| {
        until(&format!("{n} {name}"), || {
            json(&gate).get("caches").list()[0].get(name).count() == n
        });
    };
    let mut clients = Vec::new();
    for n in 0..3 {
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        clients.push(client);
        counted("waiting", n);
        counted("filling", 1);
    }
    go.send(()).expect("go");
    for client in &mut clients {
        client.response().is(200);
    }
    counted("waiting", 0);
    counted("filling", 0);
    gate.stop().clean();
}

#[test]
fn without_a_zone_no_cache_is_spoken_of() {
    let app = App::echo();
    let gate = gate(&[&app], &STATUS);
    assert!(json(&gate).get("caches").list().is_empty());
    assert!(!gate.get("/status").is(200).text().contains("<h2>Cache"));
    let exposition = gate.get("/status?format=prometheus").is(200).text();
    assert!(!exposition.contains("scgate_cache_"), "{exposition}");
    gate.stop().clean();
}
