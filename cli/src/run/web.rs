use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use ureq::http::Request;
use ureq::{Agent, AsSendBody};

/// Asks the gateway, the portals and the issuer. Loopback only, so no TLS and no proxy.
pub(super) struct Client(Agent);

/// An answer, whole.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// From the request to the first byte of the body.
    pub(super) first_byte_after: Duration,
    /// From the request to the end of the body.
    pub(super) whole_after: Duration,
}

impl Client {
    pub(super) fn new() -> Self {
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(WITHIN));
        Self(config.build().into())
    }

    /// A token, such as `role=MANAGER`.
    ///
    /// # Errors
    /// The issuer gives none.
    pub(super) fn token(&self, issuer: SocketAddr, query: &str) -> Result<String, String> {
        let answer = self.get(issuer, &format!("/token?{query}"), None, None)?;
        match String::from_utf8(answer.body) {
            Ok(token) if answer.status == 200 => Ok(token),
            Ok(_) | Err(_) => Err(format!("the issuer gives no token for {query} (status {})", answer.status)),
        }
    }

    /// Asks with a token and an `accept-encoding`, if any. The body stays packed.
    ///
    /// # Errors
    /// There is no answer, or it breaks off.
    pub(super) fn get(
        &self,
        address: SocketAddr,
        path: &str,
        token: Option<&str>,
        accepted: Option<&str>,
    ) -> Result<Answer, String> {
        self.ask("GET", address, path, token, accepted)
    }

    /// Sends a body, and gives back the status.
    ///
    /// # Errors
    /// There is no answer.
    pub(super) fn post(&self, address: SocketAddr, path: &str, body: &str) -> Result<u16, String> {
        let url = format!("http://{address}{path}");
        let answer = self.0.post(&url).send(body).map_err(|error| format!("POST {url}: {error}"))?;
        Ok(answer.status().as_u16())
    }

    /// Delivers a webhook.
    ///
    /// # Errors
    /// There is no answer, or it breaks off.
    pub(super) fn deliver(
        &self,
        address: SocketAddr,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Result<Answer, String> {
        let url = format!("http://{address}{path}");
        let mut request = Request::builder().method("POST").uri(&url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.answer(&format!("POST {url}"), request.body(body))
    }

    /// The same as [`Client::get`] with another method that has no body.
    ///
    /// # Errors
    /// There is no answer, or it breaks off.
    pub(super) fn ask(
        &self,
        method: &str,
        address: SocketAddr,
        path: &str,
        token: Option<&str>,
        accepted: Option<&str>,
    ) -> Result<Answer, String> {
        let url = format!("http://{address}{path}");
        let mut request = Request::builder().method(method).uri(&url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(accepted) = accepted {
            request = request.header("accept-encoding", accepted);
        }
        self.answer(&format!("{method} {url}"), request.body(()))
    }

    fn answer(&self, what: &str, request: ureq::http::Result<Request<impl AsSendBody>>) -> Result<Answer, String> {
        let fault = |error: &dyn std::fmt::Display| format!("{what}: {error}");
        let request = request.map_err(|error| fault(&error))?;
        let begin = Instant::now();
        let mut response = self.0.run(request).map_err(|error| fault(&error))?;
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let mut reader = response.body_mut().as_reader();
        let mut body = vec![0];
        let read = reader.read(&mut body).map_err(|error| fault(&error))?;
        let first_byte_after = begin.elapsed();
        body.truncate(read);
        reader.read_to_end(&mut body).map_err(|error| fault(&error))?;
        Ok(Answer { status, headers, body, first_byte_after, whole_after: begin.elapsed() })
    }
}

impl Answer {
    pub(super) fn has_header(&self, name: &str) -> bool {
        self.header(name).is_some()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The same with its body unpacked, if it is packed at all.
    pub(super) fn unpacked(&self) -> io::Result<Self> {
        let mut plain = self.clone();
        if self.has_header("content-encoding") {
            plain.body.clear();
            GzDecoder::new(self.body.as_slice()).read_to_end(&mut plain.body)?;
        }
        Ok(plain)
    }

    /// Whether a word stands in a header's name or in the body, whatever its case.
    pub(super) fn names(&self, word: &str) -> bool {
        let in_head = self.headers.iter().any(|(name, _)| name.replace('-', "_").contains(word));
        in_head || String::from_utf8_lossy(&self.body).to_lowercase().contains(word)
    }
}

/// For the largest answer on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);
