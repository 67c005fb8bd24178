//! User-space instructions of a process, where the machine counts them.

use std::env;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::client::Client;
use crate::error::Error;
use crate::modules::on_path;

const EVENT: &str = "instructions:u";

/// Whether `perf` is there and counts instructions on this machine.
pub(crate) fn counts() -> bool {
    on_path("perf").is_some_and(|perf| {
        let mut command = Command::new(perf);
        command.args(["stat", "-x", ";", "-e", EVENT, "true"]).stdout(Stdio::null());
        command.output().is_ok_and(|output| count_in(&String::from_utf8_lossy(&output.stderr)).is_some())
    })
}

/// The instructions of process `pid` for each of so many requests.
pub(crate) fn per_request(pid: u32, address: SocketAddr, path: &str, requests: u32) -> Result<f64, Error> {
    let program = env::current_exe().map_err(Error::io("find this program"))?;
    let output = Command::new("perf")
        .args(["stat", "-x", ";", "-e", EVENT, "-p", &pid.to_string(), "--"])
        .arg(program)
        .args(["drive", &address.to_string(), path, &requests.to_string()])
        .stdout(Stdio::null())
        .output()
        .map_err(Error::io("start perf"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match count_in(&said) {
        Some(count) if output.status.success() => Ok(count / f64::from(requests)),
        Some(_) | None => Err(Error::Failed { what: "perf stat".to_owned(), tail: said }),
    }
}

/// What `perf` runs while it counts: only requests.
pub(crate) fn drive(address: &str, path: &str, requests: &str) -> Result<(), Error> {
    let address: SocketAddr = address.parse().map_err(|_| Error::Usage)?;
    let requests: u32 = requests.parse().map_err(|_| Error::Usage)?;
    let mut client = Client::connect(address)?;
    (0..requests).try_for_each(|_| client.get(path))
}

/// `123456;;instructions:u;…`
fn count_in(said: &str) -> Option<f64> {
    said.lines().find(|line| line.contains(EVENT))?.split(';').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::count_in;

    #[test]
    fn a_machine_that_does_not_count_says_so() {
        assert_eq!(count_in("123456;;instructions:u;1000;100.00;;\n"), Some(123_456.0));
        assert_eq!(count_in("<not supported>;;instructions:u;0;100.00;;\n"), None);
        assert_eq!(count_in(""), None);
    }
}
