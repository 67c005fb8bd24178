//! What the command says of itself.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::process::Command;

fn lockgate(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lockgate")).args(args).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{args:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_command_is_listed_and_shows_an_example() {
    let list = lockgate(&["--help"]);
    for command in ["run", "check", "test", "try", "matrix", "token", "schema", "limits", "webhook", "bench"] {
        assert!(list.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{command}\n{list}");
        let help = lockgate(&[command, "--help"]);
        assert!(help.contains("Example: "), "{command}\n{help}");
        assert!(help.lines().count() < 60, "{command}: {} lines", help.lines().count());
    }
}

#[test]
fn the_filter_is_built_without_what_only_the_schema_needs() {
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--locked", "--offline", "--target", "wasm32-wasip1", "-p", "revenue-strip", "-e", "normal"]);
    let output = tree.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("lockgate-host") && !text.contains("schemars"), "{text}");
}
