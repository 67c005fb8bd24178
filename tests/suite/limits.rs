//! Series of thousands of requests, with clocks that jump both ways and windows that end at any edge, are decided as a plain limiter
//! decides them: `targets/rate_limit_decisions.rs` has it.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::targets;

/// Requests of a series, three bytes each.
const REQUESTS: usize = 3_000;

fn decide(figures: &str, steps: &[u8]) {
    targets::run("rate_limit_decisions", &[figures.as_bytes(), b"\n", steps].concat());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_series_is_decided_as_by_a_plain_limiter(
        figures in "[0-7][0-5][01][0-3][0-3][0-7][0-5][01][0-3][0-3]",
        steps in vec(any::<u8>(), 0..3 * REQUESTS),
    ) {
        decide(&figures, &steps);
    }

    /// One caller of both policies, who mostly stands still: quotas are used up and come back.
    #[test]
    fn a_busy_caller_is_decided_as_by_a_plain_limiter(
        figures in "[0-5][0-5][01][0-3][0-3][0-5][0-5][01][0-3][0-3]",
        moves in vec(prop_oneof![8 => Just(b'0'), 4 => Just(b'1'), 3 => b'2'..=b'7', 1 => b'8'..=b'9', 1 => b'a'..=b'f'], 0..REQUESTS),
    ) {
        let steps: Vec<u8> = moves.into_iter().flat_map(|step| [step, b'0', b'0']).collect();
        decide(&figures, &steps);
    }
}
