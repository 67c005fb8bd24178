//! `lockgate run` as a user types it.

use std::net::TcpListener;
use std::process::{Command, Output};

fn lockgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockgate")).args(args).output().expect("lockgate starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_it_prints_to_try_holds() {
    let output = lockgate(&["run", "--any-port", "--once"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(out.lines().filter(|line| line.starts_with("ok  ")).count(), 8, "{out}");
    assert!(!out.contains("FAIL"), "{out}");
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    // Taken by us, or by somebody else: either way it is not free.
    let _held = TcpListener::bind("127.0.0.1:8080");
    let output = lockgate(&[]);
    let err = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("port 8080 is in use"), "{err}");
    assert!(err.contains("--any-port"), "{err}");
}
