//! Bytes on a socket: sent piece by piece, read with a deadline.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing takes so long unless something hangs.
pub const HANGS_AFTER: Duration = Duration::from_secs(10);

/// A header name and its value, as bytes.
pub type Field = (Vec<u8>, Vec<u8>);

/// Why no more bytes came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The peer closed or reset the connection.
    Closed,
    /// Nothing came for [`HANGS_AFTER`].
    Hung,
}

/// Writes at once what is given, and waits until the peer has taken it out of its socket, so that the next piece is a read of
/// its own there. `false` when the peer is gone.
pub fn send_piece(stream: &mut TcpStream, piece: &[u8]) -> bool {
    stream.write_all(piece).and_then(|()| stream.flush()).is_ok() && {
        wait_until_read(stream);
        true
    }
}

/// Waits until the peer, a process on this machine, has read all that we sent: its receive queue in `/proc/net/tcp` is
/// empty. Where there is no such file, returns at once. A peer that does not want to read is waited for only briefly.
fn wait_until_read(stream: &TcpStream) {
    let (Ok(own), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return };
    let (own, peer) = (in_proc(own), in_proc(peer));
    let deadline = Instant::now() + Duration::from_millis(200);
    while Instant::now() < deadline {
        let Ok(table) = fs::read_to_string("/proc/net/tcp") else { return };
        let queue = |local: &str, remote: &str| {
            table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>()).find_map(|fields| {
                (fields.get(1) == Some(&local) && fields.get(2) == Some(&remote))
                    .then(|| fields.get(4).copied().unwrap_or_default().to_owned())
            })
        };
        let sent = queue(&own, &peer).is_none_or(|queues| queues.starts_with("00000000:"));
        let read = queue(&peer, &own).is_none_or(|queues| queues.ends_with(":00000000"));
        if sent && read {
            return;
        }
        thread::yield_now();
    }
}

/// `0100007F:1F90` for 127.0.0.1:8080.
fn in_proc(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => {
            format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
        }
        SocketAddr::V6(_) => String::new(), // tests use 127.0.0.1
    }
}

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Incoming {
    stream: TcpStream,
    /// Read and not yet asked for.
    ahead: Vec<u8>,
    /// Every byte that ever came.
    pub all: Vec<u8>,
}

impl Incoming {
    /// Reads from a connection of its own handle.
    ///
    /// # Panics
    /// The socket refuses a time limit.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        Self { stream, ahead: Vec::new(), all: Vec::new() }
    }

    /// The next line without its end.
    ///
    /// # Errors
    /// The connection ended or hangs.
    pub fn line(&mut self) -> Result<Vec<u8>, Gone> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.ahead.drain(..=end).collect();
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            self.more()?;
        }
    }

    /// Appends the next `count` bytes to `out`; when fewer come, those.
    ///
    /// # Errors
    /// The connection ended or hangs.
    pub fn exactly(&mut self, count: usize, out: &mut Vec<u8>) -> Result<(), Gone> {
        let mut left = count;
        loop {
            let now = left.min(self.ahead.len());
            out.extend(self.ahead.drain(..now));
            left -= now;
            if left == 0 {
                return Ok(());
            }
            self.more()?;
        }
    }

    /// Appends all that comes until the end.
    pub fn rest(&mut self, out: &mut Vec<u8>) -> Gone {
        loop {
            out.append(&mut self.ahead);
            if let Err(gone) = self.more() {
                return gone;
            }
        }
    }

    /// Header lines up to the empty one.
    ///
    /// # Errors
    /// The connection ended or hangs.
    pub fn fields(&mut self) -> Result<Vec<Field>, Gone> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let value = line.get(colon + 1..).unwrap_or_default();
            fields.push((line[..colon].to_ascii_lowercase(), value.trim_ascii().to_vec()));
        }
    }

    /// A chunked body, appended to `out` as far as it comes, and its trailers.
    ///
    /// # Errors
    /// The connection ended or hangs before the last chunk.
    pub fn chunked(&mut self, out: &mut Vec<u8>) -> Result<Vec<Field>, Gone> {
        loop {
            let line = String::from_utf8_lossy(&self.line()?).into_owned();
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Gone::Closed)?;
            if size == 0 {
                return self.fields();
            }
            self.exactly(size, out)?;
            self.line()?;
        }
    }

    fn more(&mut self) -> Result<(), Gone> {
        let mut buffer = [0; 65_536];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Gone::Closed),
                Ok(count) => {
                    self.ahead.extend_from_slice(&buffer[..count]);
                    self.all.extend_from_slice(&buffer[..count]);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(Gone::Hung);
                }
                Err(_) => return Err(Gone::Closed),
            }
        }
    }
}

/// All values of a header, in order.
pub fn values<'a>(fields: &'a [Field], name: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|(field, _)| field == name.as_bytes()).map(|(_, value)| value.as_slice()).collect()
}

/// All values of a header joined as one list, or `None` when there is none.
pub fn joined(fields: &[Field], name: &str) -> Option<String> {
    let values = values(fields, name);
    (!values.is_empty()).then(|| String::from_utf8_lossy(&values.join(&b", "[..])).into_owned())
}

/// Whether `wanted` occurs in `bytes`.
pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len().max(1)).any(|window| window == wanted)
}
