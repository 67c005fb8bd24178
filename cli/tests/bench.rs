//! `lockgate bench` as a user types it: in a real Envoy, quickly.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn lockgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lockgate")).args(args).output().expect("it starts")
}

#[test]
fn wrong_arguments_are_named_with_the_right_ones_before_anything_is_built() {
    let cases: [(&[&str], &[&str]); 10] = [
        (&["--variants", "kong"], &["no variant of this name", "jwt-auth", "native-scan"]),
        (&["--variants", "chain,"], &["no variant of this name"]),
        (&["--bodies", "2k"], &["no body of this name", "0, 1k, 100k, 1300k, 20m, hook"]),
        (&["--tokens", "old"], &["warm, cold"]),
        (&["--workers", "0"], &["--workers", "1..=64"]),
        (&["--workers", "1,65"], &["--workers", "1..=64"]),
        (&["--rounds", "0"], &["--rounds", "1..=1000"]),
        (&["--instructions", "me"], &["perf, valgrind, off"]),
        (&["soak", "--seconds", "4"], &["--seconds", "5..=86400"]),
        (&["steady", "--rate", "0"], &["--rate", "1..=100000"]),
    ];
    for (args, wanted) in cases {
        let output = lockgate(&[&["bench"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
        for part in wanted {
            assert!(said.contains(part), "{args:?}: {part}\n{said}");
        }
    }
    let output = lockgate(&["bench", "--quick", "soak"]);
    assert_eq!(output.status.code(), Some(2), "what is compared has no place in a soak");
}

#[test]
fn a_quick_run_gives_what_it_promises() {
    let chart = std::env::temp_dir().join(format!("lockgate-bench-{}.svg", std::process::id()));
    let path = chart.to_str().expect("text");
    let output = lockgate(&[
        "bench",
        "--quick",
        "--variants",
        "chain,local_ratelimit",
        "--bodies",
        "hook,1k",
        "--tokens",
        "warm,cold",
        "--rounds",
        "2",
        "--instructions",
        "off",
        "--loading",
        "1",
        "--format",
        "json",
        "--chart",
        path,
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    for name in ["commit", "processor", "envoy"] {
        assert!(report[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {report:#}");
    }
    assert_eq!(report["counted_with"], Value::Null);
    let rows = report["rows"].as_array().expect("rows");
    let text =
        |row: &Value| ["body", "variant", "token"].map(|name| row[name].as_str().unwrap_or("-").to_owned()).join(" ");
    // What is compared, with what everything is compared with, and each only where it has something to do.
    let wanted = [
        "1k none warm",
        "1k chain warm",
        "1k chain cold",
        "1k local_ratelimit warm",
        "hook none warm",
        "hook chain warm",
    ];
    assert_eq!(rows.iter().map(text).collect::<Vec<_>>(), wanted);
    for row in rows {
        let number = |path: &str| row.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let [p50, p95, p99] = ["/latency_ms/p50", "/latency_ms/p95", "/latency_ms/p99"].map(number);
        assert!(0.0 < p50 && p50 <= p95 && p95 <= p99, "{row}");
        assert!(number("/per_second") > 0.0 && number("/requests") >= 2.0 && number("/cpu_us/least") > 0.0, "{row}");
        let [low, median, high] = ["/cpu_us/added/low", "/cpu_us/added/median", "/cpu_us/added/high"].map(number);
        assert!(low <= median && median <= high, "{row}");
        let of_itself = row["variant"] == "chain" && row["token"] == "warm";
        assert_eq!(row["times_chain"] == 1.0, of_itself || text(row) == "1k chain cold", "{row}");
    }
    let loading = report["loading"].as_array().expect("loading");
    assert_eq!(loading.len(), 3, "none, chain, local_ratelimit");
    assert!(loading.iter().all(|row| row["ready_ms"].as_f64() > Some(0.0) && row["rss_bytes"].as_f64() > Some(1e7)));
    let svg = fs::read_to_string(&chart).expect("a chart");
    assert!(svg.starts_with("<svg") && svg.contains("chain, cold token"), "{svg}");
    fs::remove_file(&chart).expect("removed");
}
