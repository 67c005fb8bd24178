//! A client that costs little: one connection, one request after another, bodies thrown away unless wanted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::Error;

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// What has come and was not yet used: `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Further lines of the head.
    headers: String,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Error> {
        let open = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(HANGS_AFTER))?;
            Ok(stream)
        };
        let stream = open().map_err(Error::io(format!("connect to {address}")))?;
        Ok(Self { stream, buffer: vec![0; 256 * 1024], start: 0, end: 0, headers: String::new() })
    }

    /// Sends these lines with each request, each with its line end.
    pub(crate) fn with_header(mut self, lines: &str) -> Self {
        self.headers.push_str(lines);
        self
    }

    /// Asks as a manager and reads the answer, which must be 200.
    pub(crate) fn get(&mut self, path: &str) -> Result<(), Error> {
        self.ask(path, None)
    }

    /// The same with the body.
    pub(crate) fn get_body(&mut self, path: &str) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        self.ask(path, Some(&mut body))?;
        Ok(body)
    }

    /// Sends a body with these lines in the head, and reads the answer, which must be 200.
    pub(crate) fn post(&mut self, path: &str, lines: &str, body: &[u8]) -> Result<(), Error> {
        let head = format!("POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-length: {}\r\n{lines}\r\n", body.len());
        let request = [head.as_bytes(), body].concat();
        self.stream.write_all(&request).map_err(Error::io("send a request"))?;
        self.answer(path, None)
    }

    fn ask(&mut self, path: &str, sink: Option<&mut Vec<u8>>) -> Result<(), Error> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nx-bench-roles: MANAGER\r\n{}\r\n", self.headers);
        self.stream.write_all(request.as_bytes()).map_err(Error::io("send a request"))?;
        self.answer(path, sink)
    }

    fn answer(&mut self, path: &str, mut sink: Option<&mut Vec<u8>>) -> Result<(), Error> {
        let status = self.line()?;
        if status.get(9..12) != Some("200") {
            return Err(Error::wrong(format!("{path}: {status}")));
        }
        let mut length = None;
        let mut chunked = false;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse::<usize>().ok(),
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
                None => break,
            }
        }
        match (chunked, length) {
            (false, Some(length)) => self.body(length, &mut sink),
            (false, None) => Err(Error::wrong(format!("{path}: an answer without an end"))),
            (true, _) => loop {
                let line = self.line()?;
                let size = usize::from_str_radix(line.trim(), 16)
                    .map_err(|_| Error::wrong(format!("{path}: `{line}` is no chunk size")))?;
                if size == 0 {
                    self.line()?;
                    return Ok(());
                }
                self.body(size, &mut sink)?;
                self.line()?;
            },
        }
    }

    fn line(&mut self) -> Result<String, Error> {
        loop {
            let come = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(at) = come.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(come.get(..at).unwrap_or_default()).trim_end().to_owned();
                self.start += at + 1;
                return Ok(line);
            }
            self.fill()?;
        }
    }

    fn body(&mut self, mut left: usize, sink: &mut Option<&mut Vec<u8>>) -> Result<(), Error> {
        while left != 0 {
            if self.start == self.end {
                self.fill()?;
            }
            let come = self.buffer.get(self.start..self.end).unwrap_or_default();
            let part = come.get(..left.min(come.len())).unwrap_or_default();
            if let Some(sink) = sink {
                sink.extend_from_slice(part);
            }
            left -= part.len();
            self.start += part.len();
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Error> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(room).map_err(Error::io("read an answer"))? {
            0 => Err(Error::wrong("the connection ended inside an answer")),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }
}

/// Also an Envoy under valgrind answers sooner.
const HANGS_AFTER: Duration = Duration::from_mins(2);
