//! Applications in Python.

use super::stage::Stage;

const PLUGIN: &str = "/usr/lib/uwsgi/plugins/python3_plugin.so";

pub fn uwsgi(stage: &mut Stage) {
    if !stage.has(&["uwsgi", PLUGIN]) {
        return;
    }
    let app = "def application(environ, start_response):\n    \
               start_response('200 OK', [('Content-Type', 'text/plain'), ('Location', '/elsewhere')])\n    \
               return [('hello, ' + environ['PATH_INFO']).encode()]\n";
    stage.write("app.py", app);
    let gate = stage.gate();
    let response = gate.get("/a%20b").is(200);
    assert_eq!(response.text(), "hello, /a b");
    assert_eq!(response.field("Location"), Some("/elsewhere"));
    let mut client = gate.client();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
        "x".repeat(4000)
    ));
    client.response().is(431);
}

pub fn mercurial(stage: &mut Stage) {
    if !stage.has(&["uwsgi", PLUGIN, "hg"]) {
        return;
    }
    let repository = stage.make_dir("/srv/hg/project");
    let hg = |stage: &Stage, args: &[&str]| {
        let mut command = stage.command("hg");
        command.args(args);
        stage.finish(command)
    };
    hg(stage, &["init", &repository]);
    stage.write("/srv/hg/project/file", "content\n");
    let commit = ["commit", "-q", "-A", "-u", "me", "-m", "first"];
    hg(stage, &[&["-R", &repository], &commit[..]].concat());
    let gate = stage.gate();
    let page = gate.get("/hg").is(200).text();
    assert!(page.contains("href=\"/hg/"), "links are below /hg: {page}");
    hg(
        stage,
        &["clone", "-q", &format!("{}/hg", gate.url()), "clone"],
    );
    let file = std::fs::read_to_string(stage.dir.file("clone/file")).expect("it was cloned");
    assert_eq!(file, "content\n");
    // Mercurial puts arguments into header fields: far more than uWSGI takes without --buffer-size.
    let mut client = gate.client();
    let argument = format!("X-HgArg-1: {}\r\n", "x".repeat(1000));
    let fields = argument.replace("Arg-1", "Arg-2") + &argument.replace("Arg-1", "Arg-3");
    let fields = format!("{argument}{fields}X-Other: {}\r\n", "y".repeat(8000));
    client.send(format!(
        "GET /hg?cmd=capabilities HTTP/1.1\r\nHost: a\r\n{fields}\r\n"
    ));
    let text = client.response().is(200).text();
    assert!(text.contains("unbundle"), "{text}");
}

pub fn trac(stage: &mut Stage) {
    if !stage.has(&["python:trac", "python:flup.server.scgi"]) {
        return;
    }
    let gate = stage.gate();
    let response = gate.get("/wiki").is(200);
    let page = response.text();
    assert!(
        page.contains("href=\"/wiki\"") && page.contains("Project"),
        "{page}"
    );
    assert!(!response.head.all("Set-Cookie").is_empty());
}

pub fn scgi(stage: &mut Stage) {
    if !stage.has(&["python:scgi.scgi_server"]) {
        return;
    }
    let gate = stage.gate();
    assert_eq!(gate.get("/there").is(200).text(), "hello, /there\n");
}

pub fn aioscgi(stage: &mut Stage) {
    if !stage.has(&["python:aioscgi"]) {
        return;
    }
    let app = "async def application(scope, receive, send):\n    \
               if scope['type'] != 'http':\n        raise NotImplementedError\n    \
               body = (await receive()).get('body', b'')\n    \
               await send({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-type', b'text/plain')]})\n    \
               await send({'type': 'http.response.body', 'body': b'hello, ' + scope['path'].encode() + b' ' + body})\n";
    stage.write("app.py", app);
    let gate = stage.gate();
    let response = gate.client().post("/there", b"posted").is(200);
    assert_eq!(response.text(), "hello, /there posted");
}
