//! Tables of cases.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `check` on every case and fails at the end, naming all that failed.
///
/// # Panics
/// One case or more did.
pub fn each<N: Display, T>(cases: impl IntoIterator<Item = (N, T)>, mut check: impl FnMut(&str, T)) {
    let mut failed = Vec::new();
    for (name, case) in cases {
        let name = name.to_string();
        if catch_unwind(AssertUnwindSafe(|| check(&name, case))).is_err() {
            eprintln!("^^ case: {name}");
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{} cases failed: {failed:#?}", failed.len());
}
