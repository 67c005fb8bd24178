//! Folders for the time that something runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, process};

use crate::Error;

/// A folder of our own among the temporary files, removed when dropped and when the program is stopped by a signal.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn create() -> Result<Self, Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("lockgate-envoy-{}-{number}", process::id()));
        drop(fs::remove_dir_all(&path)); // left by a dead process that had our id
        fs::create_dir(&path).map_err(Error::io_at("create", &path))?;
        existing().insert(path.clone());
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        existing().remove(&self.0);
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Before the program ends without dropping what it has.
pub(crate) fn remove_all() {
    for path in existing().iter() {
        drop(fs::remove_dir_all(path));
    }
}

fn existing() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    EXISTING.lock().unwrap_or_else(PoisonError::into_inner)
}

static EXISTING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_apart_and_go_when_dropped() {
        let (one, two) = (Folder::create().unwrap(), Folder::create().unwrap());
        assert_ne!(one.path(), two.path());
        fs::write(one.path().join("file"), "x").unwrap();
        let path = one.path().to_owned();
        drop(one);
        assert!(!path.exists() && two.path().is_dir());
    }
}
