//! Whatever a file holds, reading it ends with documents or with a fault.

use super::{documents, find, verify};

const SEEDS: [&str; 3] = [
    include_str!("../../../envoy.yaml"),
    include_str!("../../../tests/cases/revenue_strip/requests.yaml"),
    "{\"a\": [\"\\ud83d\\ude00\", {\"@type\": \"x/envoy.extensions.filters.http.wasm.v3.Wasm\", \"config\": {\"name\": \
     \"revenue-strip\", \"configuration\": {\"@type\": \"x/google.protobuf.StringValue\", \"value\": \"{\\\"rules\\\": 1}\"}}}]}",
];

/// Reads all that can be read of a text.
fn read(text: &str) {
    let Ok(documents) = documents(text) else { return };
    for document in &documents {
        for plugin in find(&document.root).plugins {
            let _ = verify(&plugin, document);
        }
    }
}

#[test]
fn broken_files_are_faults_and_no_panics() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 16).unwrap_or_default() % below
    };
    let signs: Vec<char> = "\n\t \"'\\{}[],:&*|>-#%@!é\u{1f600}\u{0}~0".chars().collect();
    for round in 0..ROUNDS {
        let mut text: Vec<char> = SEEDS[round % SEEDS.len()].chars().collect();
        // Mostly a short piece: faults at a file's beginning hide those after it.
        let begin = draw(text.len());
        text.drain(..begin);
        text.truncate(1 + draw(2000));
        for _ in 0..draw(4) {
            let (at, sign) = (draw(text.len()), signs[draw(signs.len())]);
            if draw(2) == 0 { text[at] = sign } else { text.insert(at, sign) }
        }
        read(&text.into_iter().collect::<String>());
    }
    for seed in SEEDS {
        read(seed);
    }
}

const ROUNDS: usize = 3_000;
