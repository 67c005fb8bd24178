//! Envoy's own verdict on a file.

use std::path::{Path, PathBuf};

use lockgate_harness::envoy::{self, EnvoyBinary};
use lockgate_harness::{Envoy, EnvoyConfig, Error, Workspace};

use crate::configuration::Document;
use crate::place;
use crate::refusal;
use crate::yaml::{Node, Value};

use super::finding::{Report, Severity};

/// The Envoy of this machine; none is installed for it.
///
/// # Errors
/// What there is cannot be used.
pub(super) fn found() -> Result<Option<EnvoyBinary>, String> {
    envoy::installed(Workspace::locate().ok().as_ref()).map_err(|error| error.to_string())
}

/// Whether a file is one that Envoy starts from.
pub(super) fn is_bootstrap(documents: &[Document]) -> bool {
    let [document] = documents else { return false };
    ["static_resources", "dynamic_resources"].iter().any(|field| document.root.field(field).is_some())
}

/// Has Envoy check a file; whether it was asked and accepts it.
pub(super) fn ask(binary: &EnvoyBinary, path: &Path, document: &Document, report: &mut Report) -> bool {
    if let Some((missing, line)) = missing_module(&document.root) {
        let message = format!(
            "{} is not there (seen from the current folder), so Envoy is not asked; build it with \
             `cargo build --release --target wasm32-wasip1 -p revenue-strip`, or say --no-envoy",
            missing.display()
        );
        report.push(Severity::Note, Some(line), "code.local.filename", message);
        return false;
    }
    if let Some((name, line)) = missing_variable(&document.root) {
        let message = format!(
            "{name} is not set here, and Envoy would refuse the file without it, so Envoy is not asked; set it to a secret of the \
             format that is meant, or say --no-envoy"
        );
        report.push(Severity::Note, Some(line), "environment_variables.host_env_keys", message);
        return false;
    }
    match Envoy::validate(binary, &EnvoyConfig::File(path.to_owned()), [("", ""); 0]) {
        Ok(()) => return true,
        Err(Error::EnvoyRefused { why, .. }) => {
            // Protobuf puts spaces in at random, so that nobody relies on its words.
            let why = refusal::reasons(&why).join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
            let message = format!("Envoy {} refuses the file: {why}; correct what it names", binary.version);
            match field_in(&why) {
                Some(field) => {
                    let line = place::in_tree(&document.root, &field);
                    report.push(Severity::Error, Some(line), &field, message);
                }
                None => report.push(Severity::Error, None, "", message),
            }
        }
        Err(other) => report.push(Severity::Error, None, "", other),
    }
    false
}

/// The field that Envoy's words name: `… @ static_resources.listeners[0].address.<any>: … no such field: 'x'`.
fn field_in(why: &str) -> Option<String> {
    let (_, after) = why.split_once(" @ ")?;
    let (path, rest) = after.split_once(':')?;
    let mut field = path.replace(".<any>", "");
    if let Some((_, name)) = rest.split_once("no such field:") {
        field.push('.');
        field.push_str(name.trim_start().trim_start_matches('\'').split('\'').next()?);
    }
    field.bytes().all(|byte| byte.is_ascii_graphic()).then_some(field)
}

/// Says what an old Envoy lacks.
pub(super) fn check_version(binary: &EnvoyBinary, report: &mut Report) {
    let mut parts = binary.version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < OLDEST {
        let (major, minor) = OLDEST;
        let message = format!(
            "Envoy {} is older than {major}.{minor}, the oldest that Lockgate is tested with; take a newer one",
            binary.version
        );
        report.push(Severity::Note, None, "", message);
    }
}

/// A module that a file names and that is not there, with its line.
fn missing_module(root: &Node) -> Option<(PathBuf, usize)> {
    first(root, &|node| {
        let file = node.at(&["code", "local", "filename"])?;
        let name = file.text()?;
        (!Path::new(name).is_file()).then(|| (name.into(), file.line))
    })
}

/// A variable that a filter is to get of Envoy's environment and that this one lacks, with its line.
fn missing_variable(root: &Node) -> Option<(String, usize)> {
    first(root, &|node| {
        let names = node.at(&["environment_variables", "host_env_keys"])?.items();
        let missing = |name: &&Node| name.text().is_some_and(|name| std::env::var_os(name).is_none());
        names.iter().find(missing).and_then(|name| Some((name.text()?.to_owned(), name.line)))
    })
}

/// What is first found in a mapping of the tree.
fn first<T>(root: &Node, found: &dyn Fn(&Node) -> Option<T>) -> Option<T> {
    match &root.value {
        Value::Map(entries) => found(root).or_else(|| entries.iter().find_map(|entry| first(&entry.value, found))),
        Value::List(items) => items.iter().find_map(|item| first(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => None,
    }
}

/// Major and minor version.
const OLDEST: (u32, u32) = (1, 36);

#[cfg(test)]
mod tests {
    use super::field_in;

    #[test]
    fn envoys_words_name_the_field() {
        for (why, want) in [
            ("invalid JSON in x @ a.b[0].c: uint32, near 1:2: invalid number", Some("a.b[0].c")),
            (
                "invalid JSON in x @ a[0].typed_config.<any>: message y: no such field: 'z') has",
                Some("a[0].typed_config.z"),
            ),
            ("no such cluster", None),
        ] {
            assert_eq!(field_in(why).as_deref(), want, "{why}");
        }
    }
}
