use super::*;
use std::io::Read;
use std::net::Shutdown;

/// A running application with short pauses, and its directory.
struct Demo {
    handle: Option<DemoHandle>,
    dir: PathBuf,
}

impl Demo {
    fn start(name: &str) -> Demo {
        let dir = std::env::temp_dir().join(format!("scgate-demo-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a scratch directory");
        let handle = start_with(&dir.join("s"), Duration::from_millis(5)).expect("started");
        Demo {
            handle: Some(handle),
            dir,
        }
    }

    /// Sends a request of these parameters (`A=1|B=2` after the two that must be), and returns the answer.
    fn ask(&self, params: &str, body: &[u8]) -> String {
        let head = format!("CONTENT_LENGTH={}|SCGI=1|{params}", body.len());
        let block: String = head
            .split('|')
            .map(|p| p.replacen('=', "\0", 1) + "\0")
            .collect();
        let mut bytes = format!("{}:{block},", block.len()).into_bytes();
        bytes.extend_from_slice(body);
        self.send(&bytes)
    }

    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.dir.join("s")).expect("connected");
        stream.write_all(bytes).expect("sent");
        stream.shutdown(Shutdown::Write).expect("half closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.handle.take());
        assert!(!self.dir.join("s").exists(), "the socket is removed");
        std::fs::remove_dir_all(&self.dir).expect("removed");
    }
}

const GET: &str = "REQUEST_METHOD=GET|SCRIPT_NAME=|PATH_INFO=/";

#[test]
fn the_page_shows_the_parameters_escaped() {
    let demo = Demo::start("page");
    let answer = demo.ask(&format!("{GET}|HTTP_X=<script>alert('\"&')</script>"), b"");
    let (head, page) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("Status: 200 OK\r\nContent-Type: text/html"));
    assert!(head.contains(&format!("Content-Length: {}\r\n", page.len())));
    assert!(
        page.contains("<td>HTTP_X<td>&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;")
    );
    assert!(
        !page.contains("<script>"),
        "only the script with the nonce is one"
    );
    assert!(page.contains(":CONTENT_LENGTH\u{2400}0\u{2400}SCGI\u{2400}1\u{2400}"));
    assert!(page.contains("href=\"./stream\""));
    let nonce = page
        .split_once("<script nonce=\"")
        .and_then(|(_, rest)| rest.get(..16))
        .expect("a nonce");
    assert!(head.contains(&format!("script-src 'nonce-{nonce}'")));
    assert!(
        !demo.ask(GET, b"").contains(nonce),
        "each answer has its own"
    );
}

#[test]
fn programs_get_json() {
    let demo = Demo::start("json");
    let post =
        "REQUEST_METHOD=POST|SCRIPT_NAME=/app|PATH_INFO=/x|HTTP_ACCEPT=application/json;q=0.9, */*";
    let answer = demo.ask(post, "{\"h\": \"\u{e4}\"}".as_bytes());
    assert!(answer.contains("Content-Type: application/json\r\n"));
    assert!(answer.contains(
        "\"params\":{\"CONTENT_LENGTH\":\"11\",\"SCGI\":\"1\",\"REQUEST_METHOD\":\"POST\","
    ));
    assert!(answer.contains("\"body\":{\"length\":11,\"crc32\":\""));
    assert!(answer.ends_with("\"text\":\"{\\\"h\\\": \\\"\u{e4}\\\"}\",\"parts\":[]}}\n"));
    assert!(demo.ask(post, b"\xff\x00").contains("\"hex\":\"FF00\""));
    let browser = format!("{GET}|HTTP_ACCEPT=text/html,application/json");
    assert!(demo.ask(&browser, b"").contains("text/html; charset"));
}

#[test]
fn forms_and_files_are_shown() {
    let demo = Demo::start("forms");
    let post = "REQUEST_METHOD=POST|SCRIPT_NAME=|PATH_INFO=/|CONTENT_TYPE=";
    let answer = demo.ask(
        &format!("{post}application/x-www-form-urlencoded"),
        b"text=a%3Cb+c&x",
    );
    assert!(answer.contains("<tr><td>text<td>a&lt;b c\n<tr><td>x<td>\n"));
    let form = b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"<f>\"\r\n\r\n123456789\r\n--B--\r\n";
    let answer = demo.ask(&format!("{post}multipart/form-data; boundary=B"), form);
    assert!(answer.contains("<tr><td>f<td>&lt;f&gt;<td>9<td>cbf43926\n"));
    let large = vec![0xe9; 300_000];
    let answer = demo.ask(&format!("{post}application/octet-stream"), &large);
    assert!(answer.contains("<p>300000 bytes, CRC-32"));
    assert!(answer.contains("Its first 4096 bytes"));
    assert!(answer.contains("00016  E9 E9"));
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let demo = Demo::start("head");
    let answer = demo.ask("REQUEST_METHOD=HEAD|SCRIPT_NAME=|PATH_INFO=/", b"");
    assert!(answer.ends_with("\r\n\r\n") && answer.contains("Content-Length: "));
    assert!(
        demo.ask("REQUEST_METHOD=HEAD|SCRIPT_NAME=|PATH_INFO=/stream", b"")
            .ends_with("\r\n\r\n")
    );
}

#[test]
fn the_stream_has_ten_lines_plain_or_as_events() {
    let demo = Demo::start("stream");
    let plain = demo.ask("REQUEST_METHOD=GET|SCRIPT_NAME=/app|PATH_INFO=/stream", b"");
    assert!(plain.contains("Content-Type: text/plain"));
    assert!(!plain.contains("Content-Length"));
    assert_eq!(plain.lines().filter(|l| l.starts_with("line ")).count(), 10);
    let events = demo.ask(
        "REQUEST_METHOD=GET|DOCUMENT_URI=/stream|HTTP_ACCEPT=text/event-stream",
        b"",
    );
    assert!(events.contains("Content-Type: text/event-stream"));
    assert_eq!(events.matches("\n\ndata: line ").count(), 9);
}

#[test]
fn what_is_not_scgi_is_told_so() {
    let demo = Demo::start("bad");
    let answer = demo.send(b"GET / HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("Status: 400 Bad Request\r\n"));
    assert!(answer.ends_with("not a netstring.\n"));
    assert_eq!(demo.send(b""), "");
    assert_eq!(demo.send(b"10:CONT"), "");
}

#[test]
fn the_threads_end_with_the_handle() {
    let demo = Demo::start("end");
    let shared = Arc::downgrade(&demo.handle.as_ref().expect("running").shared);
    demo.ask(GET, b"");
    drop(demo);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while shared.strong_count() > 0 {
        assert!(std::time::Instant::now() < deadline, "threads are left");
        std::thread::yield_now();
    }
}

#[test]
fn a_socket_that_exists_is_not_taken_over() {
    let demo = Demo::start("taken");
    assert!(start(&demo.dir.join("s")).is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse));
}
