//! What is common to signing and verifying: the configuration, the secrets and the time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use lockgate::config::Environment;
use lockgate::exchange::Policy as _;
use lockgate::webhook_verify::Policy;
use serde_json::{Map, json};

/// By which scheme, with which secret.
#[derive(Args, Debug)]
pub(super) struct Given {
    /// A configuration of webhook-verify, a JSON file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["scheme", "secret_env", "format", "base_url"])]
    config: Option<PathBuf>,
    /// Instead of a configuration: the name of a preset; `lockgate webhook presets` lists them.
    #[arg(long, required_unless_present = "config", requires = "secret_env")]
    scheme: Option<String>,
    /// The environment variable with the secret.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
    /// How the variable holds the secret, such as raw, hex, base64 or whsec; absent: as the scheme says.
    #[arg(long)]
    format: Option<String>,
    /// Scheme and host as the sender knows them, where the URL is signed.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The time, in Unix seconds; absent: now.
    #[arg(long, value_name = "SECONDS")]
    now: Option<u64>,
}

/// The variables of this process.
struct Process;

impl Environment for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// The endpoint that stands for a scheme alone.
pub(super) const ENDPOINT: &str = "webhook";

impl Given {
    pub(super) fn policy(&self) -> Result<Policy, String> {
        let text = match (&self.config, &self.scheme) {
            (Some(path), _) => read(path)?,
            (None, scheme) => {
                let optional =
                    |name: &str, value: &Option<String>| value.clone().map(|value| (name.to_owned(), json!(value)));
                let secret = [("env".to_owned(), json!(self.secret_env))];
                let secret: Map<_, _> = secret.into_iter().chain(optional("format", &self.format)).collect();
                let mut endpoint = Map::from_iter(optional("base_url", &self.base_url));
                endpoint.insert("name".to_owned(), json!(ENDPOINT));
                endpoint.insert("match".to_owned(), json!({"paths": ["/**"]}));
                endpoint.insert("scheme".to_owned(), json!(scheme));
                endpoint.insert("secrets".to_owned(), json!([secret]));
                endpoint.insert("accept_weak_scheme".to_owned(), json!(true));
                json!({"endpoints": [endpoint]}).to_string().into_bytes()
            }
        };
        Policy::read(&text, &Process).map_err(|error| match &self.config {
            Some(path) => format!("{}: {error}", path.display()),
            None => error.to_string().replace("endpoints[0].", ""),
        })
    }

    /// Unix milliseconds.
    #[expect(clippy::disallowed_methods, reason = "a command may ask what time it is; the core is told")]
    pub(super) fn now_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| u64::try_from(now.as_millis()).ok());
        self.now.map_or(now.unwrap_or_default(), |now| now.saturating_mul(1000))
    }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("read {}: {error}", path.display()))
}
