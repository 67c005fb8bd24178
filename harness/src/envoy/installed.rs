//! An Envoy that is there already.

use std::env;
use std::fs;
use std::path::PathBuf;

use super::{EnvoyBinary, IN_PACKAGE, PYPI_PACKAGE};
use crate::{Error, Workspace, tools};

/// Finds Envoy as [`super::find`] does, and installs nothing: the variable `ENVOY`, then `envoy` on `PATH`, then the newest
/// one that was installed into the target folder.
///
/// # Errors
/// `ENVOY` names no program, or what was found is not Envoy.
pub fn installed(workspace: Option<&Workspace>) -> Result<Option<EnvoyBinary>, Error> {
    if let Some(path) = env::var_os("ENVOY").filter(|path| !path.is_empty()).map(PathBuf::from) {
        if !tools::is_program(&path) {
            return Err(Error::EnvoyVariable { path });
        }
        return EnvoyBinary::at(&path).map(Some);
    }
    let found = tools::on_path("envoy").or_else(|| in_tools(workspace?));
    found.map(|path| EnvoyBinary::at(&path)).transpose()
}

fn in_tools(workspace: &Workspace) -> Option<PathBuf> {
    let folders = fs::read_dir(workspace.tools()).ok()?.flatten();
    let programs = folders
        .filter(|folder| folder.file_name().to_string_lossy().starts_with(PYPI_PACKAGE))
        .map(|folder| folder.path().join(IN_PACKAGE))
        .filter(|program| tools::is_program(program));
    programs.max()
}
