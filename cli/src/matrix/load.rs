//! The matrix of a configuration: a file of its own, or a plugin's in a file for Envoy or what stands on it; alone or in a chain.

use std::path::Path;

use lockgate::config::ConfigError;
use lockgate::jwt_auth::access::Access;
use serde_json::Value;

use crate::configuration::find_block;
use crate::filter::Filter;

/// A matrix, and the configuration that it was read from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) access: Access,
    pub(crate) json: Value,
}

/// Reads a file; `plugin` chooses among several.
///
/// # Errors
/// There is no such configuration in it, or it is refused: file, line, field and the way out.
pub(crate) fn load(path: &Path, plugin: Option<&str>) -> Result<Loaded, String> {
    let found = find_block(path, Filter::JwtAuth, &["access"], plugin)?;
    read(&found.block.text).map_err(|error| found.refused(&error))
}

fn read(text: &str) -> Result<Loaded, ConfigError> {
    let access = Access::from_json(text.as_bytes())?;
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    // A whole configuration is one that the filter accepts; the matrix alone may be looked at, too.
    if json.get("providers").is_some() {
        Filter::JwtAuth.check(text.as_bytes())?;
    }
    Ok(Loaded { access, json })
}
