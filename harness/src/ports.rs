//! Loopback ports.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// An address on 127.0.0.1 that nothing listens on now, and that this process was not given before.
///
/// Another program can take it before it is used: where a server can report the port it got, let it choose (port 0).
///
/// # Errors
/// The operating system has no port left.
pub fn free() -> Result<SocketAddr, Error> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut address = any_free()?;
    for _ in 0..MAX_TRIES {
        if given.insert(address.port()) {
            break;
        }
        address = any_free()?;
    }
    Ok(address)
}

/// Whether a server could listen on this port of 127.0.0.1.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Says which of the `ports` of 127.0.0.1 is taken, if one is.
///
/// # Errors
/// [`Error::PortTaken`] with the first that is.
pub fn require_free(ports: &[u16]) -> Result<(), Error> {
    match ports.iter().find(|port| !is_free(**port)) {
        Some(port) => Err(Error::PortTaken { address: (Ipv4Addr::LOCALHOST, *port).into() }),
        None => Ok(()),
    }
}

fn any_free() -> Result<SocketAddr, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(Error::io("find a free port"))
}

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
/// After so many repetitions a port may come twice.
const MAX_TRIES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ_and_a_taken_one_is_named() {
        let (one, two) = (free().unwrap(), free().unwrap());
        assert_ne!(one, two);
        assert!(one.ip().is_loopback() && is_free(one.port()));
        let listener = TcpListener::bind(one).unwrap();
        assert!(!is_free(one.port()));
        let error = require_free(&[two.port(), one.port()]).unwrap_err();
        assert!(matches!(error, Error::PortTaken { address } if address == one));
        drop(listener);
        require_free(&[one.port(), two.port()]).unwrap();
    }
}
