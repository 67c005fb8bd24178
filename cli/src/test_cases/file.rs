//! A file of policy tests, ready to run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate::replay::{Answer, Content, Fields, Request};
use serde_json::value::RawValue;

use crate::configuration::{
    Document, Plugin, Settings, Wrong, block_of, documents, find, text_of, verify, verify_settings, verify_text,
    with_way_out,
};
use crate::filter::{Filter, Variables};
use crate::place;
use crate::try_case::{CallWire, Case};
use crate::yaml::Value;

use super::expect::{Expect, ExpectBody, ExpectForwarded};
use super::headers::Headers;
use super::wire::{AnswerWire, CaseWire, ExpectWire, FileWire};

/// The tests of one document.
#[derive(Debug)]
pub(super) struct Tests {
    pub(super) filter: Filter,
    pub(super) cases: Vec<Test>,
}

/// One test.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
    pub(super) chunk: Option<usize>,
    /// How often the request is made.
    pub(super) times: u32,
    pub(super) case: Case,
    pub(super) expect: Expect,
}

/// Why a file cannot be run: the file that is at fault (not always that of the tests), the line, the field, what to do.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) file: String,
    pub(super) line: Option<usize>,
    pub(super) field: String,
    pub(super) message: String,
}

/// Reads a file of policy tests with all that it names.
pub(super) fn read(path: &Path) -> Result<Vec<Tests>, Fault> {
    let file = path.display().to_string();
    let whole = |message: String| Fault { file: file.clone(), line: None, field: String::new(), message };
    let text = text_of(path).map_err(whole)?;
    let documents = documents(&text).map_err(|fault| Fault {
        line: Some(fault.line),
        ..whole(format!("is no YAML here: {}; correct the text at this place", fault.message))
    })?;
    if documents.is_empty() {
        return Err(whole("is empty; `lockgate schema test` shows what may stand in it".to_owned()));
    }
    documents.iter().map(|document| Reader { path, file: &file, document }.tests()).collect()
}

/// Reads one document of a file.
struct Reader<'a> {
    path: &'a Path,
    file: &'a str,
    document: &'a Document,
}

impl Reader<'_> {
    fn tests(&self) -> Result<Tests, Fault> {
        let json = self.document.root.to_json();
        let mut deserializer = serde_json::Deserializer::from_str(&json);
        let wire: FileWire = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            let field = path.trim_matches(['.', '?']).to_owned();
            let message = error.inner().to_string();
            self.fault(&field, with_way_out(&field, place::without_place(&message)))
        })?;
        let filter = wire.filter;
        let config = self.config(&wire)?;
        let variables = wire.env.unwrap_or_default();
        let calls: Vec<_> = wire.answers.unwrap_or_default().into_iter().map(CallWire::result).collect();
        if wire.cases.is_empty() {
            return Err(self.fault("cases", "is empty; add a case".to_owned()));
        }
        let mut cases: Vec<Test> = Vec::new();
        for (n, case) in wire.cases.into_iter().enumerate() {
            let field = format!("cases[{n}]");
            if let Some(first) = cases.iter().find(|other| other.name == case.name) {
                let message =
                    format!("`{}` is already the name of the case in line {}; choose another", case.name, first.line);
                return Err(self.fault(&format!("{field}.name"), message));
            }
            let mut test = self.test(&field, case, &config)?;
            test.case.variables.clone_from(&variables);
            test.case.calls.clone_from(&calls);
            cases.push(test);
        }
        Ok(Tests { filter, cases })
    }

    /// The text of the configuration, which the filter accepts.
    fn config(&self, wire: &FileWire) -> Result<String, Fault> {
        let in_file = |file: &Path, wrong: Wrong| Fault {
            file: file.display().to_string(),
            line: Some(wrong.line),
            field: wrong.path,
            message: wrong.message,
        };
        if wire.plugin.is_some() && wire.envoy.is_none() {
            let message = "chooses a plugin of the file in `envoy`, which is absent; take it out";
            return Err(self.fault("plugin", message.to_owned()));
        }
        match (&wire.config, &wire.config_file, &wire.envoy) {
            (Some(_), None, None) => {
                let Some(node) = self.document.root.field("config") else { return Ok(String::new()) };
                let settings = match &node.value {
                    Value::Text(text) => Settings::Text(text),
                    _ => Settings::Tree(node),
                };
                match verify_settings(wire.filter, settings, self.document) {
                    Ok(json) => Ok(json.into_owned()),
                    Err(wrong) => {
                        let path = wrong
                            .path
                            .strip_prefix("(configuration)")
                            .map_or(format!("config.{}", wrong.path), |_| "config".to_owned());
                        Err(in_file(self.path, Wrong { path, ..wrong }))
                    }
                }
            }
            (None, Some(file), None) => {
                let path = self.beside(file);
                let text = text_of(&path).map_err(|message| self.fault("config_file", message))?;
                verify_text(wire.filter, &text).map_err(|wrong| in_file(&path, wrong))?;
                Ok(text)
            }
            (None, None, Some(file)) => {
                let path = self.beside(file);
                let text = text_of(&path).map_err(|message| self.fault("envoy", message))?;
                let documents = documents(&text)
                    .map_err(|fault| self.fault("envoy", format!("{}: {fault}; correct that file", path.display())))?;
                let plugins = documents.iter().flat_map(|document| {
                    find(&document.root).plugins.into_iter().map(move |plugin| (plugin, document))
                });
                let fits = |plugin: &Plugin<'_>| {
                    // Itself, or a block of the chain that it is.
                    let has = plugin.filter == wire.filter || block_of(plugin, wire.filter).is_some();
                    has && (wire.plugin.is_none() || plugin.name == wire.plugin.as_deref())
                };
                let plugins: Vec<_> = plugins.filter(|(plugin, _)| fits(plugin)).collect();
                match plugins.as_slice() {
                    [(plugin, document)] => {
                        let whole = verify(plugin, document).map_err(|wrong| in_file(&path, wrong))?;
                        let block = block_of(plugin, wire.filter).filter(|_| plugin.filter != wire.filter);
                        Ok(block.map_or_else(|| whole.into_owned(), |block| block.text))
                    }
                    [] => {
                        let field = if wire.plugin.is_some() { "plugin" } else { "envoy" };
                        let message =
                            format!("{} has no such {} plugin; correct the name", path.display(), wire.filter.name());
                        Err(self.fault(field, message))
                    }
                    several => {
                        let names: Vec<&str> = several.iter().filter_map(|(plugin, _)| plugin.name).collect();
                        let message = format!(
                            "{} has several {} plugins; choose one with `plugin: <name>`, of {}",
                            path.display(),
                            wire.filter.name(),
                            names.join(", ")
                        );
                        Err(self.fault("envoy", message))
                    }
                }
            }
            (_, _, _) => {
                let message = "the configuration must stand in exactly one of config, config_file and envoy";
                Err(self.fault("", message.to_owned()))
            }
        }
    }

    fn test(&self, field: &str, wire: CaseWire, config: &str) -> Result<Test, Fault> {
        let CaseWire { name, identity, now, chunk, address, session, times, request, response, expect } = wire;
        let times = times.unwrap_or(1);
        if !(1..=MAX_TIMES).contains(&times) {
            return Err(self.fault(&format!("{field}.times"), format!("is {times} and must be 1..={MAX_TIMES}")));
        }
        let place = format!("{field}.request");
        let body = [request.body, request.body_b64, request.body_file];
        let request = Request {
            method: request.method.unwrap_or_else(|| "GET".to_owned()),
            path: request.path,
            content: self.content(&place, request.headers, body, request.json, request.trailers)?,
        };
        let place = format!("{field}.response");
        let answer = match response {
            None => Answer::Response { status: 200, content: Content::default(), cut: false },
            Some(AnswerWire::Reset) => Answer::Reset,
            Some(AnswerWire::Timeout) => Answer::Timeout,
            Some(AnswerWire::Response(response)) => {
                let body = [response.body, response.body_b64, response.body_file];
                let status = response.status.unwrap_or(200);
                if !(200..=599).contains(&status) {
                    let message = format!("is {status} and must be 200..=599");
                    return Err(self.fault(&format!("{place}.status"), message));
                }
                let content = self.content(&place, response.headers, body, response.json, response.trailers)?;
                Answer::Response { status, content, cut: response.cut }
            }
        };
        let expect = self.expect(&format!("{field}.expect"), expect)?;
        let case = Case {
            config: config.to_owned(),
            now_ms: now.map(|seconds| seconds.saturating_mul(1000)),
            session,
            request,
            answer,
            identity,
            address,
            variables: Variables::default(),
            calls: Vec::new(),
        };
        Ok(Test { line: self.line(field), name, chunk, times, case, expect })
    }

    fn content(
        &self,
        place: &str,
        headers: Headers,
        body: [Option<String>; 3],
        json: Option<Box<RawValue>>,
        trailers: Headers,
    ) -> Result<Content, Fault> {
        let mut headers = self.fields(&format!("{place}.headers"), headers)?;
        if json.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        }
        let body = match (self.bytes(place, body, json.is_some())?, json) {
            (Some(bytes), _) => bytes,
            (None, Some(json)) => json.get().as_bytes().to_vec(),
            (None, None) => Vec::new(),
        };
        Ok(Content { headers, body, chunk: 0, trailers: self.fields(&format!("{place}.trailers"), trailers)? })
    }

    /// The bytes of `body`, `body_b64` or `body_file`, of which one may be there, and none beside `json`.
    fn bytes(&self, place: &str, body: [Option<String>; 3], json: bool) -> Result<Option<Vec<u8>>, Fault> {
        if body.iter().flatten().count() + usize::from(json) > 1 {
            let message = "has several of body, json, body_b64 and body_file; keep one";
            return Err(self.fault(place, message.to_owned()));
        }
        let [text, base64, file] = body;
        if let Some(base64) = base64 {
            let field = format!("{place}.body_b64");
            return STANDARD.decode(base64).map(Some).map_err(|error| {
                self.fault(&field, format!("is no Base64: {error}; write it with padding and without line ends"))
            });
        }
        if let Some(file) = file {
            let path = self.beside(&file);
            let field = format!("{place}.body_file");
            let fault = |why: String| self.fault(&field, format!("{}: {why}; correct the name", path.display()));
            let mut bytes = Vec::new();
            let opened = File::open(&path).map_err(|error| fault(error.to_string()))?;
            opened.take(MAX_BODY_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fault(error.to_string()))?;
            if bytes.len() as u64 > MAX_BODY_BYTES {
                return Err(fault(format!("has more than {MAX_BODY_BYTES} bytes")));
            }
            return Ok(Some(bytes));
        }
        Ok(text.map(String::into_bytes))
    }

    fn expect(&self, place: &str, wire: ExpectWire) -> Result<Expect, Fault> {
        let ExpectWire { outcome, status, reason, headers, body, json, body_file, body_b64, absent, forwarded } = wire;
        let body = self.expected_body(place, [body, body_b64, body_file], json, absent)?;
        let forwarded = match forwarded {
            None => None,
            Some(None) => Some(None),
            Some(Some(wire)) => {
                let place = format!("{place}.forwarded");
                let bytes = [wire.body, wire.body_b64, wire.body_file];
                Some(Some(ExpectForwarded {
                    method: wire.method,
                    path: wire.path,
                    headers: wire.headers.0,
                    body: self.expected_body(&place, bytes, wire.json, wire.absent)?,
                }))
            }
        };
        let expect = Expect { outcome, status, reason, headers: headers.0, body, forwarded };
        if expect.is_empty() {
            let message = "expects nothing, so the case could not fail; add what must come out, such as status";
            return Err(self.fault(place, message.to_owned()));
        }
        Ok(expect)
    }

    fn expected_body(
        &self,
        place: &str,
        body: [Option<String>; 3],
        json: Option<Box<RawValue>>,
        absent: Vec<String>,
    ) -> Result<ExpectBody, Fault> {
        let bytes = self.bytes(place, body, json.is_some())?;
        let json = json
            .map(|json| serde_json::from_str(json.get()))
            .transpose()
            .map_err(|error| self.fault(&format!("{place}.json"), format!("{error}; write a JSON value")))?;
        Ok(ExpectBody { bytes, json, absent })
    }

    /// Each character of a value is one byte.
    fn fields(&self, place: &str, Headers(fields): Headers) -> Result<Fields, Fault> {
        let field = |(name, value): (String, String)| {
            let bytes: Option<Vec<u8>> = value.chars().map(|letter| u8::try_from(letter).ok()).collect();
            let message = "has a character beyond U+00FF; each character of a header's value is one byte";
            let bytes = bytes.ok_or_else(|| self.fault(&format!("{place}.{name}"), message.to_owned()))?;
            Ok((name, bytes))
        };
        fields.into_iter().map(field).collect()
    }

    fn fault(&self, field: &str, message: String) -> Fault {
        Fault { file: self.file.to_owned(), line: Some(self.line(field)), field: field.to_owned(), message }
    }

    fn line(&self, field: &str) -> usize {
        place::in_tree(&self.document.root, field) + self.document.before
    }

    /// A file that is named from where the tests are.
    fn beside(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }
}

/// Most requests of one case.
const MAX_TIMES: u32 = 100_000;
/// The largest body that is read from a file.
const MAX_BODY_BYTES: u64 = 64 << 20;
