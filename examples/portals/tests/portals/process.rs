//! Starting and stopping.

use std::io::Read as _;
use std::net::TcpListener;

use crate::client::{Portals, SHARED, command};

#[test]
fn the_ready_line_names_three_listeners_that_answer() {
    let ready = SHARED.ready.as_object().unwrap();
    let mut names: Vec<_> = ready.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["issuer", "maintenance", "onboarding"]);
    for name in names {
        let health = SHARED.fetch(name, "/healthz");
        assert_eq!((health.status, health.text()), (200, "ok"), "{name}");
        let detail = SHARED.fetch(name, "/nothing").problem(404);
        assert_eq!(detail, "there is nothing at this path", "{name}");
    }
}

#[test]
fn the_end_of_stdin_stops_it() {
    let mut portals = Portals::start();
    drop(portals.stdin.take());
    assert!(portals.child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_termination_signal_stops_it() {
    for signal in ["TERM", "INT"] {
        let mut portals = Portals::start();
        let id = portals.child.id().to_string();
        let kill = std::process::Command::new("kill").args(["-s", signal, &id]).status();
        assert!(kill.unwrap().success());
        assert!(portals.child.wait().unwrap().success(), "{signal}");
    }
}

#[test]
fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for flag in ["--onboarding", "--maintenance", "--issuer"] {
        let (code, stderr) = failure(&[flag, &address.to_string()]);
        assert_eq!(code, Some(2), "{flag}");
        let want = format!(
            "portals: port {} is taken: stop what listens there, or choose another with `{flag} 127.0.0.1:PORT` (0 = any free port)\n",
            address.port()
        );
        assert_eq!(stderr, want);
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:3001"] {
        let (code, stderr) = failure(&["--maintenance", address]);
        assert_eq!(code, Some(2), "{address}");
        assert!(stderr.contains("listen on loopback only"), "{stderr}");
    }
}

fn failure(more: &[&str]) -> (Option<i32>, String) {
    let mut child = command(more).spawn().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code(), stderr)
}
