//! A portal that does next to nothing: fixed answers, written whole, and faults when they are asked for.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;

use crate::Error;

/// Serves bodies by the last part of the path, with `content-length`, until the process ends.
#[derive(Clone, Debug)]
pub struct Portal {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    answers: BTreeMap<String, Vec<u8>>,
    fault: AtomicU8,
    served: AtomicU64,
}

/// What a portal does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It answers.
    None,
    /// It ends the connection: before the answer, or in the middle of it, by turns.
    Resets,
    /// It answers 503.
    Unavailable,
}

impl Portal {
    /// Serves these bodies by the last part of their path.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn start(bodies: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, Error> {
        let answers = bodies.into_iter().map(|(name, body)| (name, answer("200 OK", &body))).collect();
        let state = Arc::new(State { answers, fault: AtomicU8::new(Fault::None as u8), served: AtomicU64::new(0) });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("listen"))?;
        let address = listener.local_addr().map_err(Error::io("listen"))?;
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // A connection that breaks ends its thread, nothing else.
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Ok(Self { address, state })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does from now on.
    pub fn set(&self, fault: Fault) {
        self.state.fault.store(fault as u8, Ordering::Relaxed);
    }

    /// How many requests have come.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.state.served.load(Ordering::Relaxed)
    }
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (missing, unavailable) = (answer("404 Not Found", b"{}"), answer("503 Service Unavailable", b"{}"));
    let mut request = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(piece.get(..count).unwrap_or_default());
        if !is_whole(&request) {
            continue;
        }
        let number = state.served.fetch_add(1, Ordering::Relaxed);
        let answer = name_in(&request).and_then(|name| state.answers.get(name)).unwrap_or(&missing);
        match state.fault.load(Ordering::Relaxed) {
            fault if fault == Fault::Resets as u8 => {
                let sent = if number.is_multiple_of(2) { 0 } else { answer.len() / 2 };
                return stream.write_all(answer.get(..sent).unwrap_or_default());
            }
            fault if fault == Fault::Unavailable as u8 => stream.write_all(&unavailable)?,
            _ => stream.write_all(answer)?,
        }
        request.clear();
    }
}

/// Whether the head is here and, where it says how long that is, the body.
fn is_whole(request: &[u8]) -> bool {
    let Some(at) = request.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(request.get(..at).unwrap_or_default()).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    request.len() >= at + 4 + length.unwrap_or(0)
}

/// The last part of the path in a request line.
fn name_in(request: &[u8]) -> Option<&str> {
    let target = request.split(|&byte| byte == b' ').nth(1)?;
    std::str::from_utf8(target.rsplit(|&byte| byte == b'/').next()?).ok()
}
