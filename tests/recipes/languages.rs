//! Applications in other languages.

use crate::common::Rng;

use super::stage::Stage;

pub fn perl(stage: &mut Stage) {
    if !stage.has(&["perl"]) || !has_module(stage, "SCGI") {
        return;
    }
    let gate = stage.gate();
    assert_eq!(gate.get("/there").is(200).text(), "hello, /there\n");
}

fn has_module(stage: &mut Stage, module: &str) -> bool {
    let mut command = stage.command("perl");
    let status = command.args([&format!("-M{module}"), "-e", "1"]).output();
    status.is_ok_and(|output| output.status.success())
        || stage.has(&[&format!("Perl module {module}")])
}

/// Wapp is one file that no distribution has. `SCGATE_TEST_WAPP` names it; without it there is a stand-in, which reads and
/// answers as Wapp does: the head at one go, and a status line instead of a Status field.
pub fn wapp(stage: &mut Stage) {
    if !stage.has(&["tclsh"]) {
        return;
    }
    let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/applications/wapp.tcl");
    let path = std::env::var("SCGATE_TEST_WAPP").unwrap_or_else(|_| stand_in.into());
    let wapp = std::fs::read_to_string(path).expect("wapp.tcl");
    stage.write("wapp.tcl", &wapp);
    let gate = stage.gate();
    let response = gate.get("/app/there?a=b").is(200);
    assert_eq!(response.text(), "hello, /there");
    let response = gate.client().post("/app/posted", b"a=b").is(200);
    assert_eq!(response.text(), "hello, /posted");
}

pub fn fossil(stage: &mut Stage) {
    if !stage.has(&["fossil"]) {
        return;
    }
    let fossil = |stage: &Stage, dir: &str, args: &[&str]| {
        let mut command = stage.command("fossil");
        command.args(args).current_dir(stage.dir.path().join(dir));
        stage.finish(command)
    };
    fossil(stage, "", &["init", "-A", "admin", "project.fossil"]);
    let password = ["user", "password", "admin", "secret", "-R"];
    fossil(stage, "", &[&password[..], &["project.fossil"]].concat());
    let gate = stage.gate();
    let page = gate.get("/code/timeline").is(200).text();
    let base = "<base href=\"http://test/code/timeline\"";
    assert!(page.contains(base), "no {base} in {page}");
    // One large file is one body: more than scgate lets pass without the preset.
    let url = gate.url().replace("http://", "http://admin:secret@") + "/code";
    fossil(
        stage,
        "",
        &["clone", "--save-http-password", &url, "clone.fossil"],
    );
    stage.make_dir("checkout");
    fossil(stage, "checkout", &["open", "../clone.fossil"]);
    let mut large = vec![0; 3 << 20];
    let mut rng = Rng::new(7);
    large.fill_with(|| (rng.next() >> 32) as u8);
    std::fs::write(stage.dir.file("checkout/large"), &large).expect("write a file");
    fossil(stage, "checkout", &["add", "large"]);
    fossil(
        stage,
        "checkout",
        &["commit", "-m", "large", "--no-warnings"],
    );
    let raw = gate.get("/code/raw/large?ci=tip").is(200);
    assert!(raw.body == large, "{} bytes", raw.body.len());
}

/// LuCI itself runs on OpenWrt alone. Its place is taken by a script of the same path, run by uWSGI as there.
pub fn luci(stage: &mut Stage) {
    if !stage.has(&["uwsgi", "/usr/lib/uwsgi/plugins/cgi_plugin.so"]) {
        return;
    }
    let script = "#!/bin/sh\nprintf 'Status: 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n'\n\
                  env\ntest \"${CONTENT_LENGTH:-0}\" = 0 || { printf 'body: '; head -c \"$CONTENT_LENGTH\"; }\n";
    let path = stage.write("/www/cgi-bin/luci", script);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("chmod");
    stage.write("/www/luci-static/style.css", "body {}");
    stage.make_dir("/var/run");
    let gate = stage.gate();
    let response = gate.get("/cgi-bin/luci/admin/status?a=b").is(200);
    for (name, value) in [
        ("SCRIPT_NAME", "/cgi-bin/luci"),
        ("PATH_INFO", "/admin/status"),
        ("QUERY_STRING", "a=b"),
        ("REQUEST_URI", "/cgi-bin/luci/admin/status?a=b"),
    ] {
        assert_eq!(response.param(name).as_deref(), Some(value), "{name}");
    }
    let form = gate
        .client()
        .post("/cgi-bin/luci", b"luci_username=root")
        .is(200);
    assert!(
        form.text().ends_with("body: luci_username=root"),
        "{}",
        form.text()
    );
    assert_eq!(gate.get("/luci-static/style.css").is(200).text(), "body {}");
    let response = gate.get("/").is(302);
    assert_eq!(response.field("Location"), Some("/cgi-bin/luci/"));
}
