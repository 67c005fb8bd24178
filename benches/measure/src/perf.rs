//! User-space instructions of a process, where the machine counts them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::Error;
use crate::modules::on_path;

const EVENT: &str = "instructions:u";

/// Whether `perf` is there and counts instructions on this machine.
pub(crate) fn counts() -> bool {
    on_path("perf").is_some_and(|perf| {
        let mut command = Command::new(perf);
        command.args(["stat", "-x", ";", "-e", EVENT, "true"]).stdout(Stdio::null());
        command.output().is_ok_and(|output| count_in(&String::from_utf8_lossy(&output.stderr), EVENT).is_some())
    })
}

/// The instructions of process `pid` while `work` is done.
pub(crate) fn count(pid: u32, work: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
    count_event(EVENT, pid, work)
}

/// `perf` counts while a program of its own runs: `cat`, which says when it has begun and ends when its input does.
fn count_event(event: &str, pid: u32, work: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
    let mut perf = Command::new("perf")
        .args(["stat", "-x", ";", "-e", event, "-p", &pid.to_string(), "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Error::io("start perf"))?;
    let (input, output) = (perf.stdin.take(), perf.stdout.take());
    let begun = input.zip(output).map(|(mut input, output)| {
        input.write_all(b"begin\n")?;
        BufReader::new(output).read_line(&mut String::new())?;
        Ok(input)
    });
    // Not held up by an early `?`: it must be waited for.
    let done = match begun {
        Some(Ok(input)) => {
            let done = work();
            drop(input);
            done
        }
        Some(Err(source)) => Err(Error::io("hear of perf")(source)),
        None => Err(Error::wrong("perf has no input")),
    };
    let output = perf.wait_with_output().map_err(Error::io("wait for perf"))?;
    done?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match count_in(&said, event) {
        Some(count) if output.status.success() => Ok(count),
        Some(_) | None => Err(Error::Failed { what: "perf stat".to_owned(), tail: said }),
    }
}

/// `123456;;instructions:u;…`
fn count_in(said: &str, event: &str) -> Option<f64> {
    said.lines().find(|line| line.contains(event))?.split(';').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::count_in;

    #[test]
    fn a_machine_that_does_not_count_says_so() {
        let count = |said| count_in(said, "instructions:u");
        assert_eq!(count("123456;;instructions:u;1000;100.00;;\n"), Some(123_456.0));
        assert_eq!(count("<not supported>;;instructions:u;0;100.00;;\n"), None);
        assert_eq!(count(""), None);
    }
}
