//! `lockgate run` as a user types it: the built filter, a real Envoy, the example portals.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

#[test]
fn what_it_prints_to_try_holds_wherever_it_is_started() {
    let folder = Folder::new("elsewhere");
    let output = lockgate(&["run", "--any-port", "--once"]).current_dir(&folder.0).output().expect("it starts");
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    for line in [
        "ok   As a manager, no revenue field: 200, ",
        "ok   As a manager, personal data masked: 200, ",
        "ok   As a manager, a protected endpoint: 403: 403, ",
        "ok   As a manager, a large export, streamed: 200, ",
        "ok   As a manager, a table without its revenue columns: 200, ",
        "ok   As a manager, a record a line: 200, ",
        "ok   As a manager, events as they happen: 200, ",
        "ok   As a manager, packed for a client that asks for it: 200, ",
        "ok   As a manager, unpacked where the portal packs unasked: 200, ",
        "ok   As a manager, an answer cut short by the portal: 502: 502, ",
        "ok   As a manager, an answer that stays packed: 502: 502, ",
        "ok   As an administrator, the portal's answer, byte for byte: 200, ",
        "ok   As an administrator, the protected endpoint: 200, ",
        "ok   As an administrator, the whole table: 200, ",
        "ok   As a manager, what the portal is told of the caller: 200, ",
        "ok   As a technician, what is his: 200, ",
        "ok   As a technician, a method that is not: 403: 403, ",
        "ok   As a technician, a part of the other portal that is not: 403: 403, ",
        "ok   With a token for another gateway, good elsewhere, not here: 401: 401, ",
        "ok   With a refresh token, for the issuer only: 401: 401, ",
        "ok   As nobody, no token: 401: 401, ",
        "ok   A token is revoked: 200, and ",
        "ok   The issuer takes new keys: 25 requests with tokens of 3 keys, all of them 200",
        "ok   Payments come too fast: 1",
        "ok   A webhook, a good one: 200, ",
        "ok   A webhook, the same once more: 200 without the portal: 200, 0 bytes",
        "ok   A webhook, a forged one: 401: 401, ",
        "ok   A webhook, an old one: 401: 401, ",
        "ok   A webhook, an event that this portal does not send: 403: 403, ",
        "ok   Somebody guesses tokens: guess ",
        "All answers are as they must be.",
    ] {
        assert!(out.lines().any(|said| said.starts_with(line)), "{line}\n{out}");
    }
    assert!(!out.contains("FAIL"), "{out}");
}

#[test]
fn decisions_are_shown_until_ctrl_c() {
    let mut run = Run::start();
    let gateway = run.url_before("/api/maintenance/parts");
    let issuer = run.url_before("/token?");
    let address = issuer.strip_prefix("http://").expect("a URL");
    let token = lockgate(&["token", "--role", "MANAGER", "--issuer", address]).output().expect("it starts");
    let token = said(&token).0.trim_end().to_owned();
    assert_eq!(get(&format!("{gateway}/api/maintenance/parts?q=secret"), Some(&token)).0, 200);
    assert_eq!(get(&format!("{gateway}/api/reports/revenue"), Some(&token)).0, 403);
    assert_eq!(get(&format!("{gateway}/api/parts"), None).0, 401);
    let stripped = run.line(|line| line.starts_with("200 GET    /api/maintenance/parts  revenue: stripped, "));
    assert!(stripped.contains("caller "), "{stripped}");
    run.line(|line| line.starts_with("403 GET    /api/reports/revenue  revenue: denied"));
    run.line(|line| line == "401 GET    /api/parts  jwt_auth: refused (no_token)");
    assert!(!run.said.contains("q=secret"), "{}", run.said);
    // Forged, and as it is printed: the first and the second line that deliver a webhook.
    let webhook =
        run.said.lines().find(|line| line.contains("x-webhook-signature")).expect("it was printed").to_owned();
    let by_shell = |line: &str| said(&Command::new("sh").args(["-c", line]).output().expect("a shell")).0;
    let forged = by_shell(&webhook.replace("parts.low_stock", "fault.critical"));
    assert!(forged.starts_with("HTTP/1.1 401 "), "{forged}");
    let good = by_shell(&webhook);
    assert!(good.starts_with("HTTP/1.1 200 ") && good.ends_with("\"entityId\":7}}"), "{good}");
    run.line(|line| line == "401 POST   /api/onboarding/webhooks/maintenance  maintenance: refused (mismatch)");
    run.line(|line| line == "200 POST   /api/onboarding/webhooks/maintenance  maintenance: verified");

    run.interrupt();
    run.line(|line| line == "Stopped: everything that was started is gone.");
    assert_eq!(run.child.wait().expect("it ends").code(), Some(0));
    for url in [gateway, issuer] {
        let address = url.strip_prefix("http://").expect("a URL");
        TcpListener::bind(address).expect("nothing listens there any more");
    }
}

#[test]
fn no_bad_answer_of_the_portal_tells_a_manager_anything() {
    let run = Run::start();
    let (gateway, issuer) = (run.url_before("/api/maintenance/parts"), run.url_before("/token?"));
    let token = get(&format!("{issuer}/token?role=MANAGER"), None).1;
    let kinds = get(&format!("{gateway}/api/maintenance/test/bad"), Some(&token)).1;
    let kinds: Vec<String> = serde_json::from_str(&kinds).expect("a list of names");
    assert!(kinds.len() > 20, "{kinds:?}");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    for kind in kinds {
        let request = agent.get(format!("{gateway}/api/maintenance/test/bad/{kind}"));
        // Some are broken off after their head.
        let Ok(mut answer) = request.header("authorization", format!("Bearer {token}")).call() else { continue };
        assert!(!answer.headers().contains_key("x-profit-margin"), "{kind}");
        let mut body = Vec::new();
        drop(answer.body_mut().as_reader().read_to_end(&mut body));
        body.retain(|byte| *byte != 0); // UTF-16
        let text = String::from_utf8_lossy(&body);
        for secret in ["120.5", "12.5", "135.5"] {
            assert!(!text.contains(secret), "{kind}: {text}");
        }
        assert!(!body.starts_with(b"\x1f\x8b"), "{kind} is still packed");
    }
}

#[test]
fn a_token_of_the_issuers_next_key_passes_at_once() {
    let run = Run::start();
    let (gateway, issuer) = (run.url_before("/api/maintenance/parts"), run.url_before("/token?"));
    let passes = |token: &str| get(&format!("{gateway}/api/invoices"), Some(token)).0;
    let token = || get(&format!("{issuer}/token?role=MANAGER"), None).1;
    let first = token();
    ureq::post(format!("{issuer}/rotate")).send_empty().expect("the issuer hears");
    assert_eq!((passes(&token()), passes(&first)), (200, 200));
}

#[test]
fn it_says_so_when_envoy_ends() {
    let mut run = Run::start();
    let admin = run.url_before("/stats");
    ureq::post(format!("{admin}/quitquitquit")).send_empty().expect("Envoy hears");
    assert_eq!(run.child.wait().expect("it ends").code(), Some(1));
    let err = run.errors();
    assert!(err.contains("envoy has ended by itself"), "{err}");
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    // Taken by us, or by somebody else: either way it is not free.
    let _held = TcpListener::bind("127.0.0.1:8080");
    refused(&mut lockgate(&[]), &["port 8080 is in use", "--any-port"]);
}

#[test]
fn a_wrong_configuration_is_refused_in_the_filters_words() {
    let folder = Folder::new("configuration");
    let cases = [
        (
            "an unknown field",
            "\"action\": \"remove\"",
            "\"acton\": \"remove\"",
            "rules[0].acton: unknown field `acton`",
        ),
        ("a wrong type", "\"issuer\": \"", "\"issuer\": 5, \"x\": \"", "providers[0].issuer: invalid type"),
        ("a Struct", "google.protobuf.StringValue", "google.protobuf.Struct", "Envoy refuses"),
        ("a field Envoy lacks", "normalize_path:", "normalise_path:", "normalise_path"),
        ("another port", "port_value: 8080 }", "port_value: 8443 }", "has no `port_value: 8080 }`"),
        (
            "no module",
            "release/lockgate.wasm",
            "release/other.wasm",
            "has no `target/wasm32-wasip1/release/lockgate.wasm`",
        ),
    ];
    for (name, from, to, want) in cases {
        let path = folder.reference_with(from, to);
        // Within the repository it is shown from there.
        let file = path.file_name().and_then(|file| file.to_str()).expect("a plain name");
        let path = path.to_str().expect("a plain path");
        refused(&mut lockgate(&["run", "--any-port", "--config", path]), &[want, file]);
        if !name.contains("port") {
            refused(&mut lockgate(&["run", "--validate", "--config", path]), &[want, file]);
        }
    }
    refused(&mut lockgate(&["run", "--any-port", "--config", "/no/such/file"]), &["cannot read /no/such/file"]);
}

#[test]
fn the_reference_configuration_is_valid() {
    let output = lockgate(&["run", "--validate"]).output().expect("it starts");
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(out, "envoy.yaml is good: Envoy and the filter accept it.\n");
    let single = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/single-filters/envoy.yaml");
    let output = lockgate(&["run", "--validate", "--config"]).arg(single).output().expect("it starts");
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
}

#[test]
fn what_is_missing_is_named_with_the_way_out() {
    let folder = Folder::new("missing");
    let empty = folder.0.to_str().expect("a plain path");
    let nothing = |command: &mut Command| {
        command.env("PATH", empty).env("CARGO_TARGET_DIR", empty).env_remove("ENVOY").env_remove("LOCKGATE_ENVOY");
    };
    let mut no_python = lockgate(&["run", "--any-port"]);
    nothing(&mut no_python);
    refused(&mut no_python, &["no python3", "set ENVOY"]);

    let mut wrong_envoy = lockgate(&["run", "--any-port"]);
    wrong_envoy.env("ENVOY", "/no/such/envoy").env_remove("LOCKGATE_ENVOY");
    refused(&mut wrong_envoy, &["ENVOY is set to /no/such/envoy", "correct or unset it"]);

    let mut no_target = lockgate(&["run", "--any-port"]);
    nothing(&mut no_target);
    no_target.env("ENVOY", folder.script("envoy", "echo 'envoy  version: 0/1.40.0/Clean/RELEASE/BoringSSL'"));
    no_target.env("RUSTC", folder.script("rustc", "echo /no/such/sysroot"));
    refused(&mut no_target, &["wasm32-wasip1 is missing", "install rustup"]);
}

/// A running `lockgate run --any-port` that has said what to try.
struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    said: String,
}

impl Run {
    fn start() -> Self {
        let mut command = lockgate(&["run", "--any-port"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut run = Self { child, lines, said: String::new() };
        run.line(|line| line.ends_with("Ctrl-C stops everything."));
        run
    }

    /// The next line that `wanted` accepts.
    fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        for line in self.lines.by_ref() {
            let line = line.expect("text");
            self.said.push_str(&line);
            self.said.push('\n');
            if wanted(&line) {
                return line;
            }
        }
        let (said, err) = (self.said.clone(), self.errors());
        panic!("the awaited line did not come\n{said}\n{err}")
    }

    /// `http://address` as it was printed before a path.
    fn url_before(&self, path: &str) -> String {
        let (before, _) = self.said.split_once(path).expect("it was printed");
        let (_, address) = before.rsplit_once("http://").expect("a URL");
        format!("http://{address}")
    }

    fn interrupt(&self) {
        let done = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("kill starts");
        assert!(done.success());
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().expect("read once");
        stderr.read_to_string(&mut text).expect("text");
        text
    }
}

impl Drop for Run {
    /// With the signal that lets it stop what it started.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.interrupt();
            drop(self.child.wait());
        }
    }
}

/// A folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// envoy.yaml with one text replaced where it stands first.
    fn reference_with(&self, from: &str, to: &str) -> PathBuf {
        let text = include_str!("../../envoy.yaml");
        assert!(text.contains(from), "{from}");
        let path = self.0.join("changed.yaml");
        fs::write(&path, text.replacen(from, to, 1)).expect("written");
        path
    }

    fn script(&self, name: &str, line: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn lockgate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockgate"));
    command.args(args);
    command
}

/// Exit code 2, and these words on the terminal.
fn refused(command: &mut Command, wanted: &[&str]) {
    let output = command.output().expect("it starts");
    let (out, err) = said(&output);
    assert_eq!(output.status.code(), Some(2), "{command:?}\n{out}\n{err}");
    let reason = err.split_once("lockgate: ").map_or("", |(_, reason)| reason);
    for part in wanted {
        assert!(reason.contains(part), "{command:?} lacks {part:?}\n{err}");
    }
}

fn get(url: &str, token: Option<&str>) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut response = request.call().expect("an answer");
    (response.status().as_u16(), response.body_mut().read_to_string().expect("text"))
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
