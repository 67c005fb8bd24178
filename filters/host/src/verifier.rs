//! Signatures verified by Envoy's foreign function `verify_signature`.

use std::cell::Cell;

use lockgate::host::{Check, CheckHash};
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

const FUNCTION: &str = "verify_signature";

/// Fields of `envoy.source.extensions.common.wasm.VerifySignatureArguments`, all of them with a length.
const HASH_FUNCTION: u8 = 1;
const PUBLIC_KEY: u8 = 2;
const SIGNATURE: u8 = 3;
const CLEAR_TEXT: u8 = 4;

/// The function, as long as the host has it.
#[derive(Default)]
pub(crate) struct Verifier {
    missing: Cell<bool>,
}

impl Verifier {
    /// `None`: the host cannot say.
    pub(crate) fn verify(&self, check: &Check<'_>) -> Option<bool> {
        if self.missing.get() {
            return None;
        }
        match hostcalls::call_foreign_function(FUNCTION, Some(&arguments(check))) {
            Ok(result) => Some(is_true(&result.unwrap_or_default())),
            // No such function, now or ever.
            Err(Status::NotFound) => {
                self.missing.set(true);
                None
            }
            Err(status) => {
                log::warn!("{FUNCTION}: {status:?}");
                None
            }
        }
    }
}

/// The arguments as protobuf.
fn arguments(check: &Check<'_>) -> Vec<u8> {
    let hash = match check.hash {
        CheckHash::Sha256 => "sha256",
        CheckHash::Sha384 => "sha384",
        CheckHash::Sha512 => "sha512",
    };
    let fields = [
        (HASH_FUNCTION, hash.as_bytes()),
        (PUBLIC_KEY, check.key_der),
        (SIGNATURE, check.signature),
        (CLEAR_TEXT, check.message),
    ];
    let length: usize = fields.iter().map(|(_, bytes)| bytes.len() + FIELD_BYTES).sum();
    let mut text = Vec::with_capacity(length);
    for (number, bytes) in fields {
        // Wire type 2: length, then bytes.
        text.push(number << 3 | 2);
        push_varint(&mut text, bytes.len());
        text.extend_from_slice(bytes);
    }
    text
}

/// A tag and a length of up to 35 bits.
const FIELD_BYTES: usize = 6;

fn push_varint(text: &mut Vec<u8>, value: usize) {
    let mut left = value;
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        if left == 0 {
            return text.push(low & 0x7f);
        }
        text.push(low | 0x80);
    }
}

/// Whether `VerifySignatureResult` begins with `result: true`. Field 1 comes first where it is true; what does not begin so
/// says false, or something that we do not know.
fn is_true(result: &[u8]) -> bool {
    matches!(result, [0x08, 0x01, ..])
}
