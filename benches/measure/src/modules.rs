//! What is measured, built: the filters as they ship, and what they are compared with as fast as it can be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lockgate_harness::{Workspace, build};

use crate::Error;

/// Builds Wasm modules.
#[derive(Debug)]
pub struct Modules<'a> {
    workspace: &'a Workspace,
}

/// Which instructions a module may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// `simd128`, as what ships.
    Simd,
    /// The scalar ones only.
    Scalar,
}

impl Instructions {
    /// As reports name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Simd => "simd128",
            Self::Scalar => "scalar",
        }
    }
}

impl<'a> Modules<'a> {
    /// Those of this repository.
    #[must_use]
    pub fn new(workspace: &'a Workspace) -> Self {
        Self { workspace }
    }

    /// The module of a filter's package, exactly as it ships: what `lockgate run` loads.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn filter(&self, package: &str) -> Result<PathBuf, Error> {
        Ok(build::filter(self.workspace, package, &say)?)
    }

    /// The size of a filter's module.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn bytes(&self, package: &str) -> Result<u64, Error> {
        let path = self.filter(package)?;
        Ok(fs::metadata(&path).map_err(Error::io(format!("read {}", path.display())))?.len())
    }

    /// A filter that does nothing.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn empty(&self) -> Result<PathBuf, Error> {
        self.filter("empty-filter")
    }

    /// The comparison filter.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn serde_strip(&self) -> Result<PathBuf, Error> {
        self.build(&["--package", "serde-strip"], "serde_strip.wasm", Instructions::Simd)
    }

    /// The program for Wasm without a proxy.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn strip_wasm(&self, instructions: Instructions) -> Result<PathBuf, Error> {
        self.build(&["--package", "strip-work", "--bin", "strip-wasm"], "strip-wasm.wasm", instructions)
    }

    /// Builds without the memory ceiling of what ships, and with the comparison's crates optimised for speed, which in
    /// what ships only read configuration. A target folder for each kind, so that nothing of what ships is built anew.
    fn build(&self, what: &[&str], file: &str, instructions: Instructions) -> Result<PathBuf, Error> {
        build::ensure_wasm_target(self.workspace, &say)?;
        let folder = self.workspace.target().join("lockgate-bench").join(instructions.name());
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--locked", "--quiet", "--target", TARGET, "--target-dir"]).arg(&folder);
        cargo.args(what).current_dir(self.workspace.root());
        for package in FOR_SPEED {
            cargo.arg("--config").arg(format!("profile.release.package.{package}.opt-level=3"));
        }
        for variable in ["CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(variable);
        }
        cargo.env(
            "RUSTFLAGS",
            match instructions {
                Instructions::Simd => "-C target-feature=+simd128",
                Instructions::Scalar => "-C target-feature=-simd128",
            },
        );
        say(&format!("building {file} ({})", instructions.name()));
        run(&mut cargo, "cargo build")?;
        Ok(folder.join(TARGET).join("release").join(file))
    }

    /// A script of the repository.
    #[must_use]
    pub fn script(&self, path: &str) -> PathBuf {
        self.workspace.root().join(path)
    }
}

/// Runs a program to its end: what it wrote to standard output.
///
/// # Errors
/// It cannot be started, or it ended badly.
pub fn run(command: &mut Command, name: &str) -> Result<String, Error> {
    let output = command.output().map_err(Error::io(format!("start {name}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = text(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
    Err(Error::Failed { what: name.to_owned(), tail })
}

/// Tells what is going on, on standard error.
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// The first of these on `PATH`.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|found: &PathBuf| Path::is_file(found))
}

const TARGET: &str = "wasm32-wasip1";
const FOR_SPEED: [&str; 5] = ["serde_json", "serde_core", "regex-automata", "regex-syntax", "proxy-wasm"];
