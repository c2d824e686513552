//! Variables of `--map`, and who the client is.

use super::*;
use crate::config::access::{Who, parse_who};
use crate::config::content::RealIpHeader;
use crate::template::{Part, Var};

const M: &str = "$uri $where /a one /B $host default other";

#[test]
fn a_map_is_a_sorted_table() {
    let c = config(&[P, "--map", "$uri $Where /b 1 /A \"2 $host\" \"\" 3"]);
    let map = &c.maps[0];
    assert_eq!(map.source.parts(), [Part::Var(Var::Uri)]);
    let values: Vec<&str> = map
        .entries
        .iter()
        .map(|(value, _)| value.as_str())
        .collect();
    assert_eq!(values, vec!["", "/a", "/b"]);
    assert_eq!(map.entries[1].1.parts().len(), 2);
    assert_eq!(map.default.literal(), Some(&b""[..]));
    let c = config(&[P, "--map", M]);
    assert_eq!(c.maps[0].default.literal(), Some(&b"other"[..]));
}

#[test]
fn a_backslash_takes_away_what_a_value_means() {
    let c = config(&[
        P,
        "--map",
        r"$uri $x \default 1 \~a 2 \hostnames 3 \\b 4 default 5",
    ]);
    let values: Vec<&str> = c.maps[0].entries.iter().map(|(v, _)| v.as_str()).collect();
    assert_eq!(values, vec!["b", "default", "hostnames", "~a"]);
}

#[test]
fn every_template_may_use_a_map_wherever_it_stands() {
    let uses = |template: &crate::template::Template| template.parts() == [Part::Var(Var::Map(1))];
    let c = config(&[
        "--root",
        "$where",
        "--param",
        "A $where",
        "--limit-rate",
        "$where",
        "--log-format",
        "f $where",
        "--access-log",
        "- f",
        "--bind",
        "$WHERE",
        "--add-header",
        "X $where",
        "--error-page",
        "404 $where",
        "--store",
        "$where",
        "--pass",
        "${Where}",
        "--upstream",
        "g unix:/g",
        "--balance",
        "g hash $where",
        "--sticky",
        "g route $where",
        "--map",
        "$uri $first default x",
        "--map",
        M,
    ]);
    assert_eq!(c.maps.len(), 2);
    let l = location(&c, 0, 0);
    let s = scgi(l);
    assert!(matches!(&s.pass, crate::config::Pass::Template(t) if uses(t)));
    assert!(l.content.root.as_ref().is_some_and(|root| uses(&root.dir)));
    assert!(s.limit_rate.as_ref().is_some_and(uses));
    assert!(uses(&l.content.add_headers[0].value));
    assert!(uses(&c.process.access_logs[0].format.template));
    let param = s.params.list().iter().find(|param| &*param.name == "A");
    assert!(param.is_some_and(|param| uses(&param.value)));
    let c = config(&["--return", "200 $where", "--map", "$uri $x a b", "--map", M]);
    let text = c.servers[0].answer.as_ref().and_then(|a| a.text.as_ref());
    assert!(text.is_some_and(uses));
}

#[test]
fn a_map_uses_only_those_before_it() {
    let c = config(&[
        P,
        "--map",
        "$uri $first a b",
        "--map",
        "$first $second b $first$host",
    ]);
    assert_eq!(c.maps[1].source.parts(), [Part::Var(Var::Map(0))]);
    for (one, two) in [
        ("$later $first a b", "$uri $later a b"),
        ("$uri $first a $later", "$uri $later a b"),
    ] {
        let text = error(&[P, "--map", one, "--map", two]);
        assert!(
            text.starts_with(&format!(
                "--map '{one}': \"$later\" is not defined before it"
            )),
            "{text}"
        );
    }
    assert!(error(&[P, "--map", "$uri $x a $x"]).contains("\"$x\" is not defined before it"));
}

#[test]
fn odd_maps_are_refused() {
    for (value, part) in [
        ("", "needs a source"),
        ("$uri", "needs a source"),
        ("$uri $x", "needs at least one value and its result"),
        ("$uri x a b", "is not the name of a variable"),
        ("$uri $ a b", "is not the name of a variable"),
        ("$uri $x-y a b", "is not the name of a variable"),
        ("$uri ${x} a b", "is not the name of a variable"),
        ("$uri $host a b", "\"$host\" is a variable already"),
        ("$uri $HTTP_X a b", "\"$HTTP_X\" is a variable already"),
        ("$uri $arg_x a b", "is a variable already"),
        ("$uri $x a", "\"a\" lacks its result"),
        ("$uri $x a b c", "\"c\" lacks its result"),
        ("$uri $x a b A c", "\"A\" is given twice"),
        ("$uri $x default a default b", "default is given twice"),
        ("$uri $x ~a b", "is a regular expression"),
        ("$uri $x hostnames b", "write \\hostnames for the value"),
        ("$nope $x a b", "unknown variable"),
        ("$uri $x a $nope", "unknown variable"),
    ] {
        let text = error(&[P, "--map", value]);
        assert!(
            text.starts_with(&format!("--map '{value}': ")) && text.contains(part),
            "{value}: {text}"
        );
    }
    assert!(
        error(&[P, "--map", "$uri $x a b", "--map", "$args $X a b"])
            .contains("\"$X\" is defined by another --map already")
    );
    assert!(error(&["--location", "/", P, "--map", M]).contains("at the http level only"));
}

#[test]
fn a_broken_map_breaks_no_other_flag() {
    let text = error(&[P, "--param", "A $x", "--map", "$uri $x a", "--map", M]);
    assert!(text.contains("lacks its result"), "{text}");
}

#[test]
fn proxies_are_believed_where_they_are_named() {
    let c = config(&[
        "--real-ip-from",
        "10.0.0.1/8",
        "--real-ip-from",
        "unix:",
        "--server",
        "a",
        P,
        "--server",
        "b",
        "--real-ip-from",
        "2001:db8::/32",
        "--real-ip-header",
        "X-Forwarded-For",
        P,
    ]);
    let real = |at: usize| c.servers[at].real_ip.clone().expect("a believed peer");
    let net = |text: &str| parse_who(text).expect("a network");
    assert_eq!(real(0).from, vec![net("10.0.0.0/8"), Who::Unix]);
    assert_eq!(real(0).header, RealIpHeader::Field("x-real-ip".into()));
    assert_eq!(real(1).from, vec![net("2001:db8::/32")]);
    assert_eq!(
        real(1).header,
        RealIpHeader::Field("x-forwarded-for".into())
    );
    assert!(config(&[P]).servers[0].real_ip.is_none());
}

#[test]
fn a_believed_header_needs_someone_to_believe() {
    let (c, warnings) = ok(&[P, "--real-ip-header", "X-Forwarded-For"]);
    assert!(c.servers[0].real_ip.is_none());
    assert_eq!(
        warnings,
        vec!["--real-ip-header: has no effect without --real-ip-from"]
    );
    for (value, part) in [
        ("all", "all would believe every client"),
        ("10.0.0.0/33", "is not the length of a prefix"),
        ("proxy", "is not an address"),
        ("", "needs a value"),
    ] {
        let text = error(&[P, "--real-ip-from", value]);
        assert!(
            text.starts_with(&format!("--real-ip-from '{value}': ")) && text.contains(part),
            "{text}"
        );
    }
    assert!(error(&[P, "--real-ip-header", "a b"]).contains("takes one word"));
    assert!(error(&[P, "--real-ip-header", "a:b"]).contains("is not the name of a field"));
}

#[test]
fn the_proxy_protocol_is_of_the_address() {
    let c = config(&[
        "--real-ip-from",
        "127.0.0.1",
        "--real-ip-header",
        "PROXY_protocol",
        "--server",
        "a",
        "-l",
        "127.0.0.1:81",
        "-l",
        "127.0.0.1:82",
        P,
        "--server",
        "b",
        "-l",
        "127.0.0.1:81 proxy_protocol",
        P,
    ]);
    let proxied: Vec<bool> = c.listens.iter().map(|l| l.proxy_protocol).collect();
    assert_eq!(proxied, vec![true, false]);
    let real = c.servers[0].real_ip.as_ref();
    assert_eq!(real.map(|r| &r.header), Some(&RealIpHeader::ProxyProtocol));
    let (_, warnings) = ok(&[
        P,
        "--real-ip-from",
        "127.0.0.1",
        "--real-ip-header",
        "proxy_protocol",
    ]);
    assert_eq!(
        warnings,
        vec!["--real-ip-header 'proxy_protocol': no --listen says proxy_protocol"]
    );
    let believing = [
        "--real-ip-from=127.0.0.1",
        "--real-ip-header=proxy_protocol",
    ];
    let servers = [
        "--server=a",
        "--listen=127.0.0.1:81",
        P,
        "--server=b",
        "--listen=127.0.0.1:82 proxy_protocol",
        P,
    ];
    let (_, warnings) = ok(&[&believing[..], &servers].concat());
    let why = "--real-ip-header 'proxy_protocol': no --listen of --server a says proxy_protocol";
    assert_eq!(warnings, vec![why]);
}
