use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// The repository on this machine and its target folder.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the repository: where this crate was built, else upward from the current folder.
    ///
    /// The target folder is `CARGO_TARGET_DIR` (relative to the repository), else `target` in the repository.
    ///
    /// # Errors
    /// The program was moved away from its sources and is not run inside them either.
    pub fn locate() -> Result<Self, Error> {
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let current = env::current_dir().unwrap_or_default();
        let root = built_from
            .filter(|root| is_root(root))
            .or_else(|| current.ancestors().find(|root| is_root(root)))
            .ok_or_else(|| Error::WorkspaceNotFound { from: current.clone() })?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) if !folder.is_empty() => root.join(folder), // an absolute one replaces the root
            Some(_) | None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The folder of the root `Cargo.toml`.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where Cargo puts what it builds.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Where pinned tools are installed: `lockgate-tools` in the target folder.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.target.join("lockgate-tools")
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("Cargo.toml").is_file() && folder.join("harness").join("Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_this_crate_and_an_absolute_target_stays() {
        let workspace = Workspace::locate().unwrap();
        assert!(workspace.root().join("harness/src/workspace.rs").is_file());
        assert!(workspace.target().is_absolute());
        assert!(workspace.tools().starts_with(workspace.target()));
    }

    #[test]
    fn a_folder_elsewhere_is_no_root() {
        assert!(!is_root(Path::new("/")));
        assert!(!is_root(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")));
    }
}
