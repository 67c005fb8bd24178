//! Bytes on a socket: sent piece by piece, read with a deadline.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
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

/// Waits until the peer, a process on this machine, has read all that we sent: the kernel is asked for the receive queue of
/// its socket. A peer that does not want to read is waited for only briefly; where the kernel does not say, nobody waits.
fn wait_until_read(stream: &TcpStream) {
    let (Ok(own), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else {
        return;
    };
    let Some(kernel) = queue::Kernel::open() else {
        return;
    };
    let deadline = Instant::now() + Duration::from_millis(100);
    let pending = || {
        let under_way = kernel.lengths(own, peer).is_some_and(|lengths| lengths.unacknowledged > 0);
        under_way || kernel.lengths(peer, own).is_some_and(|lengths| lengths.unread > 0)
    };
    while pending() && Instant::now() < deadline {
        thread::yield_now();
    }
}

/// How full a TCP socket of this machine is, by `sock_diag` (netlink), a few microseconds a question.
mod queue {
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::{AsRawFd, OwnedFd};

    use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

    pub(super) struct Kernel(OwnedFd);

    pub(super) struct Lengths {
        /// Bytes that its owner has not read.
        pub(super) unread: u32,
        /// Bytes that its peer has not acknowledged.
        pub(super) unacknowledged: u32,
    }

    impl Kernel {
        pub(super) fn open() -> Option<Self> {
            let flags = SockFlag::SOCK_CLOEXEC;
            let protocol = SockProtocol::NetlinkSockDiag;
            socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol).ok().map(Self)
        }

        /// `None` when there is no such connection any more, or no answer.
        pub(super) fn lengths(&self, local: SocketAddr, remote: SocketAddr) -> Option<Lengths> {
            let (IpAddr::V4(local_ip), IpAddr::V4(remote_ip)) = (local.ip(), remote.ip()) else {
                return None; // tests use 127.0.0.1
            };
            // struct nlmsghdr, then struct inet_diag_req_v2
            let mut question = Vec::with_capacity(QUESTION_BYTES);
            question.extend((QUESTION_BYTES as u32).to_ne_bytes());
            question.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
            question.extend(NLM_F_REQUEST.to_ne_bytes());
            question.extend([0; 8]); // sequence, port
            question.extend([AF_INET, IPPROTO_TCP, 0, 0]);
            question.extend(u32::MAX.to_ne_bytes()); // in any state
            question.extend(local.port().to_be_bytes());
            question.extend(remote.port().to_be_bytes());
            for ip in [local_ip, remote_ip] {
                question.extend(ip.octets());
                question.extend([0; 12]);
            }
            question.extend(0_u32.to_ne_bytes()); // interface
            question.extend([0xff; 8]); // no cookie

            let descriptor = self.0.as_raw_fd();
            send(descriptor, &question, MsgFlags::empty()).ok()?;
            let mut answer = [0; 4096];
            let count = recv(descriptor, &mut answer, MsgFlags::empty()).ok()?;
            let answer = answer.get(..count)?;
            let number = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
            let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
            if kind != SOCK_DIAG_BY_FAMILY {
                return None;
            }
            // struct inet_diag_msg after the header: 4 bytes, the 48 of the id, the expiry, then the two queues
            Some(Lengths { unread: number(72)?, unacknowledged: number(76)? })
        }
    }

    const QUESTION_BYTES: usize = 72;
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NLM_F_REQUEST: u16 = 1;
    const AF_INET: u8 = 2;
    const IPPROTO_TCP: u8 = 6;
}

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Incoming {
    stream: TcpStream,
    /// Read and not yet asked for.
    ahead: Vec<u8>,
    /// Every byte that ever came, unless that is not wanted.
    pub all: Vec<u8>,
    keeps_all: bool,
}

impl Incoming {
    /// Reads from a connection of its own handle.
    ///
    /// # Panics
    /// The socket refuses a time limit.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        Self { stream, ahead: Vec::new(), all: Vec::new(), keeps_all: true }
    }

    /// For bodies that are too large to be kept: [`Incoming::all`] gets nothing more.
    pub fn keep_nothing(&mut self) {
        self.keeps_all = false;
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
        self.exactly_to(count, &mut |bytes| out.extend_from_slice(bytes))
    }

    fn exactly_to(&mut self, count: usize, take: &mut dyn FnMut(&[u8])) -> Result<(), Gone> {
        let mut left = count;
        loop {
            let now = left.min(self.ahead.len());
            take(&self.ahead[..now]);
            self.ahead.drain(..now);
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
        self.chunked_to(&mut |bytes| out.extend_from_slice(bytes))
    }

    /// A chunked body, handed over as it comes, and its trailers.
    ///
    /// # Errors
    /// The connection ended or hangs before the last chunk.
    pub fn chunked_to(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<Vec<Field>, Gone> {
        loop {
            let line = String::from_utf8_lossy(&self.line()?).into_owned();
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| Gone::Closed)?;
            if size == 0 {
                return self.fields();
            }
            self.exactly_to(size, take)?;
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
                    if self.keeps_all {
                        self.all.extend_from_slice(&buffer[..count]);
                    }
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
