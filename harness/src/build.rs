//! What ships, built by Cargo as a user would, once a process.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Error, Progress, Workspace, tools};

/// Builds a filter package in release for `wasm32-wasip1` and returns its `.wasm`. The target is added with rustup if it is
/// missing.
///
/// Nothing that the caller's own build was given reaches it (`RUSTFLAGS` and the like): what is built is what ships.
///
/// # Errors
/// The target is missing and cannot be added, or Cargo failed.
pub fn filter(workspace: &Workspace, package: &str, progress: Progress<'_>) -> Result<PathBuf, Error> {
    once(&format!("wasm {package}"), || {
        ensure_wasm_target(workspace, progress)?;
        let mut cargo = cargo(workspace);
        cargo.args(["build", "--release", "--target", WASM_TARGET, "--locked", "--package", package]);
        for variable in NOT_INHERITED {
            cargo.env_remove(variable);
        }
        artifact(cargo, package, "wasm module", progress, |path| path.extension().is_some_and(|kind| kind == "wasm"))
    })
}

/// Builds a program for this machine and returns its path.
///
/// # Errors
/// Cargo failed, or the package has no such program.
pub fn binary(
    workspace: &Workspace,
    package: &str,
    program: &str,
    profile: Profile,
    progress: Progress<'_>,
) -> Result<PathBuf, Error> {
    once(&format!("{profile:?} {package} {program}"), || {
        let mut cargo = cargo(workspace);
        cargo.args(["build", "--locked", "--package", package, "--bin", program]);
        match profile {
            Profile::Dev => {}
            Profile::Release => {
                cargo.arg("--release");
            }
        }
        artifact(cargo, package, program, progress, |path| path.file_name().is_some_and(|name| name == program))
    })
}

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quickly.
    Dev,
    /// As it ships.
    Release,
}

/// Adds the Wasm target to the toolchain of the repository if it is missing.
///
/// # Errors
/// It is missing, and there is no rustup or it failed.
pub fn ensure_wasm_target(workspace: &Workspace, progress: Progress<'_>) -> Result<(), Error> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = tools::run(
        Command::new(rustc).args(["--print", "sysroot"]).current_dir(workspace.root()),
        "rustc (is Rust installed?)",
    )?;
    let sysroot = String::from_utf8_lossy(&sysroot.stdout);
    if Path::new(sysroot.trim()).join("lib/rustlib").join(WASM_TARGET).join("lib").is_dir() {
        return Ok(());
    }
    let rustup = tools::on_path("rustup").ok_or(Error::NoWasmTarget)?;
    progress("adding Rust's Wasm target (rustup target add wasm32-wasip1)");
    let output =
        tools::run(Command::new(rustup).args(["target", "add", WASM_TARGET]).current_dir(workspace.root()), "rustup")?;
    if output.status.success() { Ok(()) } else { Err(Error::TargetAddFailed { tail: tools::last_lines(&output) }) }
}

fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace.root()).env("CARGO_TARGET_DIR", workspace.target());
    cargo
}

/// Runs Cargo, hands its lines to `progress`, and returns the file of `package` that `wanted` accepts.
fn artifact(
    mut cargo: Command,
    package: &str,
    wanted_name: &str,
    progress: Progress<'_>,
    wanted: impl Fn(&Path) -> bool,
) -> Result<PathBuf, Error> {
    cargo.arg("--message-format=json-render-diagnostics").stdin(Stdio::null());
    let mut child = cargo
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("start cargo (is Rust installed?)"))?;
    let messages = child.stdout.take().map(|mut stdout| {
        thread::spawn(move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).map(|_| text)
        })
    });
    let mut said = String::new();
    for line in child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
        progress(line.trim());
        said.push_str(&line);
        said.push('\n');
    }
    let status = child.wait().map_err(Error::io("wait for cargo"))?;
    if !status.success() {
        return Err(Error::BuildFailed { package: package.to_owned(), tail: tools::tail(&said, TAIL_LINES) });
    }
    let messages = messages.and_then(|thread| thread.join().ok()).and_then(Result::ok).unwrap_or_default();
    files_of(&String::from_utf8_lossy(&messages), package)
        .into_iter()
        .find(|path| wanted(path))
        .ok_or_else(|| Error::NoArtifact { package: package.to_owned(), wanted: wanted_name.to_owned() })
}

/// The files that Cargo's messages name for `package`.
fn files_of(messages: &str, package: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
        let field = |name: &str| message.get(name);
        let is_artifact = field("reason").is_some_and(|reason| reason == "compiler-artifact");
        if is_artifact && field("package_id").and_then(|id| id.as_str()).is_some_and(|id| names(id, package)) {
            let named = field("filenames").and_then(|files| files.as_array()).into_iter().flatten();
            files.extend(named.filter_map(|file| file.as_str()).map(PathBuf::from));
        }
    }
    files
}

/// Whether a package id of Cargo is that of `package`: `path+file:///…/folder#name@1.0.0`, or `…/name#1.0.0` when the folder
/// is called as the package.
fn names(id: &str, package: &str) -> bool {
    let Some((source, last)) = id.rsplit_once('#') else {
        return false;
    };
    match last.split_once('@') {
        Some((name, _)) => name == package,
        None => source.rsplit('/').next() == Some(package),
    }
}

/// The first call does the work, later ones (and those that come meanwhile) get its answer.
fn once(key: &str, work: impl FnOnce() -> Result<PathBuf, Error>) -> Result<PathBuf, Error> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = built.get(key) {
        return answer.clone();
    }
    let answer = work();
    built.insert(key.to_owned(), answer.clone());
    answer
}

/// Held while Cargo runs: it would build one after another anyway.
static BUILT: Mutex<BTreeMap<String, Result<PathBuf, Error>>> = Mutex::new(BTreeMap::new());

const WASM_TARGET: &str = "wasm32-wasip1";
/// They would replace the flags of `.cargo/config.toml`.
const NOT_INHERITED: [&str; 5] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS",
];
const TAIL_LINES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_those_of_the_package() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///r/filters/revenue-strip#0.1.0","filenames":["/t/revenue_strip.wasm"]}"#,
            "\n",
            r#"{"reason":"compiler-artifact","package_id":"path+file:///r#lockgate@0.1.0","filenames":["/t/liblockgate.rlib"]}"#,
            "\nnot json\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(files_of(messages, "revenue-strip"), [PathBuf::from("/t/revenue_strip.wasm")]);
        assert_eq!(files_of(messages, "lockgate"), [PathBuf::from("/t/liblockgate.rlib")]);
        assert_eq!(files_of(messages, "strip"), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_work_is_done_once() {
        let mut calls = 0;
        for _ in 0..2 {
            let path = once("a test", || {
                calls += 1;
                Ok(PathBuf::from("built"))
            });
            assert_eq!(path.unwrap(), PathBuf::from("built"));
        }
        assert_eq!(calls, 1);
    }

    #[test]
    fn an_unknown_package_is_cargos_message() {
        let workspace = Workspace::locate().unwrap();
        let error = binary(&workspace, "no-such-package", "x", Profile::Dev, &|_| {}).unwrap_err();
        assert!(matches!(&error, Error::BuildFailed { tail, .. } if tail.contains("no-such-package")), "{error}");
    }
}
