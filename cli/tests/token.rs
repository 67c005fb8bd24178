//! `lockgate token`: the token alone on standard output, or a sentence that says what to do.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

/// Answers one request; gives back its first line.
fn issuer(status: u16, body: &str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("it reads") == 1 {
            head.extend(byte);
        }
        stream.write_all(answer.as_bytes()).expect("it writes");
        String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned()
    });
    (address, served)
}

#[test]
fn the_token_alone_is_printed() {
    let (address, served) = issuer(200, "aaa.bbb.ccc");
    let args = ["token", "--role", "MANAGER", "--ttl-s", "60", "--age-s", "5", "--issuer", &address.to_string()];
    assert_eq!(said(&lockgate(&args, "")), (0, "aaa.bbb.ccc\n".to_owned(), String::new()));
    assert_eq!(served.join().expect("it served"), "GET /token?role=MANAGER&ttl_s=60&age_s=5 HTTP/1.1");
}

#[test]
fn without_a_token_nothing_is_printed_and_the_way_out_is_named() {
    let problem = json!({"title": "Bad Request", "detail": "role must be one of A, B"}).to_string();
    for (status, body, want) in [
        (400, problem.as_str(), "answers 400: role must be one of A, B"),
        (404, "nothing here", "answers 404: what listens there is no issuer"),
        (200, "<html>a.b.c</html>", "answers 200: what listens there is no issuer"),
    ] {
        let (address, served) = issuer(status, body);
        let (code, out, err) = said(&lockgate(&["token", "--role", "X", "--issuer", &address.to_string()], ""));
        assert!(code == 1 && out.is_empty() && err.contains(want), "{err}");
        served.join().expect("it served");
    }
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let (code, out, err) = said(&lockgate(&["token", "--role", "X", "--issuer", &free.to_string()], ""));
    assert!(code == 1 && out.is_empty(), "{err}");
    assert!(err.contains(&format!("does not answer on {free}")) && err.contains("lockgate run"), "{err}");
}

#[test]
fn wrong_usage_is_refused() {
    for (args, want) in [
        (&["token"][..], "--role"),
        (&["token", "--role", "a&b=c"], "--role: a role has letters"),
        (&["token", "--role", "A", "--decode", "x"], "cannot be used with"),
        (&["token", "--role", "A", "--issuer", "nowhere"], "--issuer"),
        (&["token", "--decode", "secret"], "has 1 parts"),
    ] {
        let (code, out, err) = said(&lockgate(args, ""));
        assert!(code == 2 && out.is_empty() && err.contains(want), "{args:?}: {err}");
    }
}

#[test]
fn a_token_is_shown_and_not_trusted() {
    // {"alg":"none"} and {"sub":"a"}
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.";
    for (args, input) in [(["token", "--decode", token], ""), (["token", "--decode", "-"], token)] {
        let (code, out, err) = said(&lockgate(&args, input));
        let shown: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((code, shown), (0, json!({"header": {"alg": "none"}, "claims": {"sub": "a"}})));
        assert!(err.contains("not verified"), "{err}");
    }
}

fn lockgate(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lockgate"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A command that reads nothing may be gone already.
    drop(child.stdin.take().expect("piped").write_all(input.as_bytes()));
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
