//! What the status shows of checks.

use crate::common::until;
use crate::{ERROR, ILL, Server, check, gate, wait_state};

#[test]
fn the_json_tells_of_checks() {
    let (a, b) = (Server::new("a", ERROR), Server::new("b", ERROR));
    a.set(ILL);
    let gate = gate(&[(&a, ""), (&b, "")], "");
    wait_state(&gate, &a.addr(), "unhealthy");
    b.wait_checks(2);
    // The last check of one may have come too late.
    until("each check to have its result", || {
        let text = |server: &Server| {
            let found = check(&gate, &server.addr());
            let last = found.get("last");
            assert!(last.get("seconds_ago").count() < 60);
            (
                last.get("passed").bool(),
                last.get("text").text().to_owned(),
            )
        };
        text(&a) == (false, "status 500".into()) && text(&b) == (true, "status 200".into())
    });
    let (ill, well) = (check(&gate, &a.addr()), check(&gate, &b.addr()));
    assert!(!ill.get("healthy").bool() && well.get("healthy").bool());
    assert_eq!(ill.get("checks").count(), ill.get("failures").count());
    assert!(well.get("failures").count() < well.get("checks").count());
}

#[test]
fn the_page_and_the_metrics_tell_of_checks() {
    let (a, b) = (
        Server::new("a", "Status: 503 <b>\r\n\r\n"),
        Server::new("b", ERROR),
    );
    a.set(ILL);
    let gate = gate(&[(&a, ""), (&b, "")], "");
    wait_state(&gate, &a.addr(), "unhealthy");
    b.wait_checks(2);
    let page = gate.get("/status").is(200).text();
    for part in [
        "unhealthy</span>",
        "1 of 2 servers in use, 1 failed",
        "<span class=\"failed\">Last check</span> ",
        "ago: status 503</p>",
        "<p>Last check ",
        "ago: status 200</p>",
        "<dt>Checks</dt>",
    ] {
        assert!(page.contains(part), "{part}\nis not in\n{page}");
    }
    let metrics = gate.get("/status?format=prometheus").is(200).text();
    let server = |server: &Server| format!("group=\"g\",server=\"{}\"", server.addr());
    for sample in [
        format!(
            "scgate_server_state{{{},state=\"unhealthy\"}} 1\n",
            server(&a)
        ),
        format!(
            "scgate_server_state{{{},state=\"unhealthy\"}} 0\n",
            server(&b)
        ),
        format!("scgate_server_healthy{{{}}} 0\n", server(&a)),
        format!("scgate_server_healthy{{{}}} 1\n", server(&b)),
        format!("scgate_server_check_passed{{{}}} 0\n", server(&a)),
        format!("scgate_server_check_passed{{{}}} 1\n", server(&b)),
        format!("scgate_server_check_failures_total{{{}}} ", server(&b)),
        "# TYPE scgate_server_checks_total counter\n".into(),
    ] {
        assert!(metrics.contains(&sample), "{sample}\nis not in\n{metrics}");
    }
}
