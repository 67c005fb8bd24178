//! A portal that does next to nothing: fixed answers, written whole.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::error::Error;

/// Serves bodies by the last part of the path, with `content-length`, until the process ends. Where it listens.
pub(crate) fn start(bodies: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<SocketAddr, Error> {
    let answers: BTreeMap<String, Vec<u8>> =
        bodies.into_iter().map(|(name, body)| (name, answer("200 OK", &body))).collect();
    let answers = Arc::new(answers);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("listen"))?;
    let address = listener.local_addr().map_err(Error::io("listen"))?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = Arc::clone(&answers);
            // A connection that breaks ends its thread, nothing else.
            thread::spawn(move || drop(serve(stream, &answers)));
        }
    });
    Ok(address)
}

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn serve(mut stream: TcpStream, answers: &BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let missing = answer("404 Not Found", b"{}");
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(piece.get(..count).unwrap_or_default());
        if !is_whole(&request) {
            continue;
        }
        let name = name_in(&request).and_then(|name| answers.get(name));
        stream.write_all(name.unwrap_or(&missing))?;
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
