//! A file's documents, those included that a ConfigMap carries as text.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;

use crate::yaml::{self, Fault, Node, Value};

/// A document and the text that it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    pub(crate) source: Rc<str>,
    /// Lines of the file before those of `source`.
    pub(crate) before: usize,
}

/// Reads a file of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// It cannot be read, or is too large or no text.
pub(crate) fn text_of(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot read {shown}: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{shown} has more than {MAX_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown} is no UTF-8 text"))
}

/// The documents of a file.
///
/// # Errors
/// It is no YAML.
pub(crate) fn documents(source: &str) -> Result<Vec<Document>, Fault> {
    let source: Rc<str> = yaml::joined(source).into();
    let mut documents = Vec::new();
    for root in yaml::read(&source)? {
        let document = Document { root, source: source.clone(), before: 0 };
        documents.extend(carried(&document)?);
        documents.push(document);
    }
    Ok(documents)
}

/// What a ConfigMap carries: files of Envoy's as texts.
fn carried(map: &Document) -> Result<Vec<Document>, Fault> {
    let mut documents = Vec::new();
    if map.root.text_at("kind") != Some("ConfigMap") {
        return Ok(documents);
    }
    for entry in map.root.field("data").map(Node::entries).unwrap_or_default() {
        let Value::Text(text) = &entry.value.value else { continue };
        if !text.as_str().contains("envoy.extensions.filters.http.wasm.v3") {
            continue;
        }
        let before = text.line_of(0, &map.source).saturating_sub(1);
        let source: Rc<str> = text.as_str().into();
        let roots = yaml::read(&source).map_err(|fault| Fault { line: before + fault.line, ..fault })?;
        documents.extend(roots.into_iter().map(|root| Document { root, source: source.clone(), before }));
    }
    Ok(documents)
}

/// The largest file of Envoy's or Kubernetes' that is read.
pub(crate) const MAX_FILE_BYTES: u64 = 16 << 20;
