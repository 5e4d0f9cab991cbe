//! The exported page in a real browser: it opens from a file, its slider takes a click, its screens change, and it looks like
//! something.
//!
//! The browser is headless Chromium, driven over WebDriver. Where either is missing the test says so and passes: the gate
//! installs them.
#![cfg(unix)]

#[expect(dead_code, reason = "this test needs less of the shell than the others")]
mod shell;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use shell::{Folder, text, trial};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Arrow keys, as WebDriver names them.
const LEFT: char = '\u{e012}';
const UP: char = '\u{e013}';
const RIGHT: char = '\u{e014}';
const DOWN: char = '\u{e015}';

/// A browser with one window.
struct Browser {
    driver: Child,
    /// What the driver says: it has to be able to.
    _said: BufReader<ChildStdout>,
    port: u16,
    session: String,
}

impl Browser {
    /// None where there is no browser, or no driver for it.
    #[expect(clippy::print_stdout, reason = "whoever reads the test's output must see that it looked at nothing")]
    fn open() -> Option<Browser> {
        let has = |name: &str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
        if !has("chromium") || !has("chromedriver") {
            println!("skipped: this test needs chromium and chromedriver, and they are not here");
            return None;
        }
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the driver starts");
        let mut said = BufReader::new(driver.stdout.take().expect("it speaks"));
        let port =
            said.by_ref().lines().map_while(Result::ok).find_map(|line| {
                line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
            });
        let port = port.expect("the driver says its port");
        let mut browser = Browser { driver, _said: said, port, session: String::new() };
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1300,1000"];
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } } });
        let opened = browser.ask("POST", "/session", &wanted);
        browser.session = opened["sessionId"].as_str().expect("a session").to_owned();
        Some(browser)
    }

    /// One question to the driver, and the value of its answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("the driver listens");
        // The driver keeps the connection open: an answer ends where its head says.
        let mut answer = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(answer.read_line(&mut head).expect("the driver answers") > 0, "it ends in its head: {head}");
        }
        let lowered = head.to_lowercase();
        let length = lowered.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let mut body = vec![0; length.expect("an answer says its length")];
        answer.read_exact(&mut body).expect("the driver answers");
        let body: Value = serde_json::from_slice(&body).expect("an answer is JSON");
        assert!(head.contains(" 200 "), "{method} {path}: {body}");
        body["value"].clone()
    }

    fn of_session(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("/session/{}{path}", self.session), body)
    }

    fn go(&self, file: &Path) {
        self.of_session("POST", "/url", &json!({ "url": format!("file://{}", file.display()) }));
    }

    /// The number of the first element that a selector finds.
    fn element(&self, selector: &str) -> String {
        let found = self.of_session("POST", "/element", &json!({ "using": "css selector", "value": selector }));
        let number = found.as_object().and_then(|found| found.values().next()?.as_str());
        number.unwrap_or_else(|| panic!("there is no {selector}: {found}")).to_owned()
    }

    fn text(&self, selector: &str) -> String {
        let text = self.of_session("GET", &format!("/element/{}/text", self.element(selector)), &Value::Null);
        text.as_str().expect("a text").to_owned()
    }

    /// A click in the middle of an element.
    fn click(&self, selector: &str) {
        self.of_session("POST", &format!("/element/{}/click", self.element(selector)), &json!({}));
    }

    /// Presses a key on an element, and tells which of the moments is shown then.
    fn moment_behind(&self, selector: &str, key: char) -> u64 {
        let typed = json!({ "text": key.to_string() });
        self.of_session("POST", &format!("/element/{}/value", self.element(selector)), &typed);
        let shown = self.of_session("POST", "/execute/sync", &json!({ "script": "return index", "args": [] }));
        shown.as_u64().expect("a number")
    }

    /// What somebody sees, as the text of a PNG in base 64.
    fn screenshot(&self) -> String {
        self.of_session("GET", "/screenshot", &Value::Null).as_str().expect("a picture").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.of_session("DELETE", "", &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
fn the_page_opens_from_a_file_and_its_slider_and_screens_take_clicks() {
    let Some(browser) = Browser::open() else { return };
    let folder = Folder::new("page");
    let path = folder.path("page.html");
    let made = trial(&["export", "scenarios/lessons/02-log-end-and-high-watermark.toml", "--html", &path]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    browser.go(Path::new(&path));
    assert_eq!(browser.text("#time"), "0.000 s");
    assert!(browser.text("#picture").contains("PARTITIONS"), "{}", browser.text("#picture"));
    let before = browser.screenshot();
    browser.click("#slider");
    let time = browser.text("#time");
    assert_ne!(time, "0.000 s", "a click in the middle of the slider goes there");
    assert!(browser.text("#picture").contains(&time), "the picture is of the time that is told");
    let middle = browser.screenshot();
    assert!(middle.starts_with("iVBORw0KGgo"), "a PNG");
    assert_ne!(before, middle, "one sees that time has passed");
    browser.click("button:nth-of-type(3)");
    assert!(browser.text("#picture").contains("LANES"), "{}", browser.text("#picture"));
    assert_eq!(browser.text("#time"), time, "another screen is at the same time");
    // All four arrows go from moment to moment; without them an arrow on a slider is a hundredth of it, or none.
    let [first, left, up, right, down] =
        [LEFT, LEFT, UP, RIGHT, DOWN].map(|arrow| browser.moment_behind("#slider", arrow));
    assert_eq!((left + 1, up, right, down), (first, first, first + 1, first), "left, up, right and down");
    // Nothing of it is wider than the window, nothing failed, and nothing was fetched.
    let script = json!({
        "script": "return [document.documentElement.scrollWidth <= window.innerWidth, performance.getEntriesByType('resource').length]",
        "args": []
    });
    assert_eq!(browser.of_session("POST", "/execute/sync", &script), json!([true, 0]));
}

#[test]
fn the_page_of_a_broken_promise_opens_there_and_its_marks_lead_to_what_was_done() {
    let Some(browser) = Browser::open() else { return };
    let folder = Folder::new("broken-page");
    let path = folder.path("page.html");
    let made = trial(&["export", "tests/tests/planted/high-watermark-monotonic.toml", "--html", &path]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    browser.go(Path::new(&path));
    let shown = browser.text("#picture");
    assert!(shown.contains("WHAT MUST NEVER HAPPEN") && shown.contains("broken at "), "{shown}");
    let time = browser.text("#time");
    assert!(shown.contains(&format!("broken at {time}")), "it stands at {time}:\n{shown}");
    assert!(browser.text("body").contains("✗ a promise broken."), "the legend is read");
    browser.click("#marks li.done button");
    let done = browser.text("#time");
    let said = browser.of_session(
        "GET",
        &format!("/element/{}/computedlabel", browser.element("#marks li.done button")),
        &Value::Null,
    );
    assert!(
        said.as_str().is_some_and(|said| said.starts_with(&format!("{done} done to the world: "))),
        "{said} at {done}"
    );
    assert_ne!(done, time);
    browser.click("#marks li.broken button");
    assert_eq!(browser.text("#time"), time, "and back");
}
