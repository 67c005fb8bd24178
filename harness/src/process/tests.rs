use super::*;

const FAR: Duration = Duration::from_secs(30);

fn shell(script: &str) -> Process {
    Process::spawn("shell", "sh", ProcessOptions::new().args(["-c", script])).unwrap()
}

#[test]
fn lines_of_both_streams_are_kept_and_awaited() {
    let process = shell("echo out; echo err >&2; exec sleep 60");
    assert_eq!(process.wait_for_line(FAR, |line| line.starts_with("ou")).unwrap(), "out");
    assert_eq!(process.wait_for_line(FAR, |line| line.starts_with("er")).unwrap(), "err");
    assert!(process.exit_status().is_none());
    process.stop();
    assert!(process.exit_status().is_some());
    process.stop();
}

#[test]
fn an_early_end_is_reported_with_the_last_lines() {
    let process = shell("echo the reason >&2; exit 3");
    let error = process.wait_ready("http://127.0.0.1:9/", FAR).unwrap_err();
    assert!(
        matches!(&error, Error::Exited { status, tail, .. } if status.code() == Some(3) && tail == "the reason"),
        "{error:?}"
    );
    let error = process.wait_for_line(FAR, |line| line == "never").unwrap_err();
    assert!(matches!(error, Error::Exited { .. }));
    assert_eq!(process.wait_exit(FAR).unwrap().code(), Some(3));
}

#[test]
fn a_missing_program_is_named() {
    let error = Process::spawn("portal", "/no/such/program", ProcessOptions::new()).unwrap_err();
    assert!(error.to_string().starts_with("cannot start portal (/no/such/program): "), "{error}");
}

#[test]
fn dropping_stops_also_on_panic() {
    let process = shell("exec sleep 60");
    let running = process.running.clone();
    let panicked = thread::spawn(move || {
        let _held = process;
        panic!("as wanted");
    });
    assert!(panicked.join().is_err());
    assert!(running.exit_status().is_some());
}

#[test]
fn a_process_that_ignores_sigterm_is_killed() {
    let process = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
    process.wait_for_line(FAR, |line| line == "ready").unwrap();
    process.running.stop_within(Duration::from_millis(100));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&process.exit_status().unwrap()), Some(9));
}

#[test]
fn environment_folder_file_and_callback_are_honoured() {
    let file = std::env::temp_dir().join(format!("lockgate-harness-{}.log", std::process::id()));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = heard.clone();
    let options = ProcessOptions::new()
        .args(["-c", "echo $LOCKGATE_WORD; pwd >&2"])
        .env("LOCKGATE_WORD", "word")
        .env_or("LOCKGATE_WORD", "another")
        .folder("/")
        .log_file(&file)
        .on_line(move |stream, line| ear.lock().unwrap().push((stream, line.to_owned())));
    assert!(!format!("{options:?}").contains("\"word\""));
    let process = Process::spawn("shell", "sh", options).unwrap();
    process.wait_exit(FAR).unwrap();
    process.stop();
    process.running.log.wait_closed(FAR);
    let mut heard = heard.lock().unwrap().clone();
    heard.sort_by_key(|(stream, _)| *stream == Stream::Err);
    assert_eq!(heard, [(Stream::Out, "word".to_owned()), (Stream::Err, "/".to_owned())]);
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains("word\n") && written.contains("/\n"));
    fs::remove_file(file).unwrap();
}

#[test]
fn cpu_time_and_memory_are_measured() {
    let process = shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exec sleep 60");
    process.wait_for_line(FAR, |line| line == "done").unwrap();
    assert!(process.cpu_time().unwrap() > Duration::ZERO);
    let rss = process.rss_bytes().unwrap();
    assert!(rss > 0 && process.peak_rss_bytes().unwrap() >= rss);
    process.forget_peak().unwrap();
    assert!(process.peak_rss_bytes().unwrap() > 0);
}
