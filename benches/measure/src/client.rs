//! A client on one connection that is kept: one request after another.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Error;

/// A keep-alive connection, opened with the first request and again when it broke.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    headers: Vec<(String, String)>,
    /// What bodies are read into, to be thrown away.
    buffer: Vec<u8>,
}

/// What is asked, beside what the client sends with each request.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The path with its query.
    pub path: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// `None` is a GET, a body a POST.
    pub body: Option<Vec<u8>>,
}

impl Client {
    /// Does not connect yet.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(HANGS_AFTER))
            .user_agent("bench/1")
            .max_redirects(0)
            .max_idle_age(HANGS_AFTER * 10) // between one turn and the next
            .proxy(None) // what HTTP_PROXY says is not meant for loopback
            .build()
            .into();
        Self { agent, base: format!("http://{address}"), headers: Vec::new(), buffer: vec![0; 64 * 1024] }
    }

    /// Sends this field with each request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks and reads the whole answer: its status.
    ///
    /// # Errors
    /// There was no whole answer.
    pub fn send(&mut self, ask: &Ask) -> Result<u16, Error> {
        self.exchange(ask, None)
    }

    /// The same with the body.
    ///
    /// # Errors
    /// There was no whole answer.
    pub fn send_for_body(&mut self, ask: &Ask) -> Result<(u16, Vec<u8>), Error> {
        let mut body = Vec::new();
        let status = self.exchange(ask, Some(&mut body))?;
        Ok((status, body))
    }

    /// Sends GET and reads the answer, which must be 200.
    ///
    /// # Errors
    /// There was no whole answer, or another one.
    pub fn get(&mut self, path: &str) -> Result<(), Error> {
        self.expect(&Ask { path: path.to_owned(), ..Ask::default() }, 200)
    }

    /// Sends a request and reads the answer, which must have this status.
    ///
    /// # Errors
    /// There was no whole answer, or another one.
    pub fn expect(&mut self, ask: &Ask, status: u16) -> Result<(), Error> {
        match self.send(ask)? {
            got if got == status => Ok(()),
            got => Err(Error::wrong(format!("{}: {got}, must be {status}", ask.path))),
        }
    }

    fn exchange(&mut self, ask: &Ask, mut sink: Option<&mut Vec<u8>>) -> Result<u16, Error> {
        let url = format!("{}{}", self.base, ask.path);
        let fields = self.headers.iter().chain(&ask.headers);
        let sent = match &ask.body {
            None => fields.fold(self.agent.get(&url), |request, (name, value)| request.header(name, value)).call(),
            Some(body) => {
                fields.fold(self.agent.post(&url), |request, (name, value)| request.header(name, value)).send(&body[..])
            }
        };
        let broken = |why: String| Error::Broken { path: ask.path.clone(), why };
        let response = sent.map_err(|error| broken(error.to_string()))?;
        let status = response.status().as_u16();
        let mut body = response.into_body().into_reader();
        loop {
            match body.read(&mut self.buffer).map_err(|error| broken(error.to_string()))? {
                0 => return Ok(status),
                count => {
                    if let Some(sink) = &mut sink {
                        sink.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
                    }
                }
            }
        }
    }
}

/// Also an Envoy under valgrind answers sooner.
const HANGS_AFTER: Duration = Duration::from_mins(2);
