//! Starting the binary, and the smallest HTTP client that shows how an answer is framed.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

/// One running process for all tests that leave its data as they found it. It is never stopped by hand: it goes when this
/// process, and with it the other end of its stdin, goes.
pub(crate) static SHARED: LazyLock<Portals> = LazyLock::new(Portals::start);

/// A running `portals` process; killed on drop.
pub(crate) struct Portals {
    pub(crate) child: Child,
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) ready: Value,
}

impl Portals {
    /// Starts it on free ports and waits for its ready line.
    pub(crate) fn start() -> Self {
        let mut child = command(&[]).spawn().unwrap();
        let stdin = child.stdin.take();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the ready line is whole: {line:?}");
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, stdin, ready }
    }

    pub(crate) fn address(&self, listener: &str) -> &str {
        self.ready[listener].as_str().unwrap()
    }

    pub(crate) fn fetch(&self, listener: &str, path: &str) -> Answer {
        self.send(listener, "GET", path, &[], "")
    }

    /// The JSON of a 200.
    pub(crate) fn json(&self, listener: &str, path: &str) -> Value {
        let answer = self.fetch(listener, path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        answer.json()
    }

    pub(crate) fn send(&self, listener: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut socket = TcpStream::connect(self.address(listener)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let length = body.len();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        Answer::read(BufReader::new(socket))
    }
}

impl Drop for Portals {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command, with free ports unless `more` says otherwise; the last of a repeated flag counts.
pub(crate) fn command(more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portals"));
    for flag in ["--onboarding", "--maintenance", "--issuer"] {
        if !more.contains(&flag) {
            command.args([flag, "127.0.0.1:0"]);
        }
    }
    command.arg("--exit-with-stdin").args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Sizes of the chunks, when the answer was chunked.
    pub(crate) chunks: Vec<usize>,
}

impl Answer {
    fn read(mut from: impl BufRead) -> Self {
        let status_line = line(&mut from);
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut head = Vec::new();
        loop {
            let field = line(&mut from);
            let Some((name, value)) = field.split_once(": ") else {
                assert_eq!(field, "");
                break;
            };
            head.push((name.to_owned(), value.to_owned()));
        }
        let mut answer = Self { status, head, body: Vec::new(), chunks: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.read_chunks(&mut from);
        } else {
            from.read_to_end(&mut answer.body).unwrap();
        }
        answer
    }

    fn read_chunks(&mut self, from: &mut impl BufRead) {
        loop {
            let size = usize::from_str_radix(&line(from), 16).unwrap();
            let before = self.body.len();
            from.take(size as u64).read_to_end(&mut self.body).unwrap();
            assert_eq!(self.body.len() - before, size, "the chunk is whole");
            assert_eq!(line(from), "");
            if size == 0 {
                return;
            }
            self.chunks.push(size);
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.head.iter().filter(|(field, _)| field == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks that this is a problem (RFC 9457) and returns its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// Whether a member of this name stands anywhere in the JSON.
pub(crate) fn has_member(json: &Value, name: &str) -> bool {
    match json {
        Value::Object(members) => members.iter().any(|(key, value)| key == name || has_member(value, name)),
        Value::Array(items) => items.iter().any(|item| has_member(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line.strip_suffix("\r\n").unwrap().to_owned()
}

/// How long an answer may take before a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);
