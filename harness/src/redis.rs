//! A Redis of our own, for tests of what gateways share.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::folder::Folder;
use crate::{Error, Process, ProcessOptions, ports};

/// A running `redis-server` on a free port of 127.0.0.1 that keeps nothing. Dropping it stops it.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    process: Process,
    _folder: Folder,
}

impl Redis {
    /// Starts the `redis-server` that is on `PATH` (Debian's package `redis-server`).
    ///
    /// # Errors
    /// There is none, or it does not start.
    pub fn start() -> Result<Self, Error> {
        let mut last = Self::start_once();
        for _ in 1..MAX_TRIES {
            match last {
                // Somebody else took the port meanwhile.
                Err(Error::Exited { .. }) => last = Self::start_once(),
                Ok(_) | Err(_) => break,
            }
        }
        last
    }

    fn start_once() -> Result<Self, Error> {
        let (address, folder) = (ports::free()?, Folder::create()?);
        let options = ProcessOptions::new()
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"])
            .args(["--port", &address.port().to_string()])
            .arg("--dir")
            .arg(folder.path());
        let process = Process::spawn("redis-server", "redis-server", options).map_err(|error| match error {
            Error::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound => Error::NoRedis,
            error => error,
        })?;
        process.wait_until("an answer to PING", READY_WITHIN, || answers(address).then_some(()))?;
        Ok(Self { address, process, _folder: folder })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process, to look at.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Whether Redis answers there.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut socket = TcpStream::connect_timeout(&address, ASK_FOR)?;
        socket.set_read_timeout(Some(ASK_FOR))?;
        socket.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        socket.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    };
    ask().unwrap_or(false)
}

const READY_WITHIN: Duration = Duration::from_secs(20);
const ASK_FOR: Duration = Duration::from_secs(1);
/// How many ports are tried.
const MAX_TRIES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_answers_until_it_is_dropped() {
        let redis = Redis::start().unwrap();
        let address = redis.address();
        assert!(answers(address));
        drop(redis);
        assert!(!answers(address));
    }
}
