//! What an RSA signature must hold: EMSA-PKCS1-v1_5 and EMSA-PSS (RFC 8017, section 9).

use sha1::{Digest as _, Sha1};

use crate::signature::algorithm::Hash;

/// `DigestInfo` (RFC 8017, section 9.2, note 1), up to the digest.
const fn digest_info(hash: Hash) -> [u8; 19] {
    let (id, length) = match hash {
        Hash::Sha256 => (1, 32),
        Hash::Sha384 => (2, 48),
        Hash::Sha512 => (3, 64),
    };
    [0x30, 17 + length, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, id, 5, 0, 4, length]
}

/// Whether `encoded` is the one encoding of the message's hash: nothing is parsed.
pub(super) fn is_pkcs1(encoded: &[u8], hash: Hash, message: &[u8]) -> bool {
    is_pkcs1_of(encoded, &digest_info(hash), &hash.digest(&[message]))
}

/// The same with SHA-1.
pub(super) fn is_pkcs1_sha1(encoded: &[u8], message: &[u8]) -> bool {
    let info = [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 20];
    is_pkcs1_of(encoded, &info, &Sha1::digest(message))
}

fn is_pkcs1_of(encoded: &[u8], info: &[u8], digest: &[u8]) -> bool {
    // 0x00 0x01 0xff… 0x00; at least eight times 0xff, which any modulus that we take has room for.
    let Some(filling) = encoded.len().checked_sub(3 + info.len() + digest.len()).filter(|&filling| filling >= 8) else {
        return false;
    };
    let mut want = vec![0xff; 2 + filling];
    want.splice(..2, [0, 1]);
    want.push(0);
    want.extend_from_slice(info);
    want.extend_from_slice(digest);
    encoded == want
}

/// Whether `encoded`, a number of at most `bits` bits, is an encoding of the message's hash with a salt as long as that.
pub(super) fn is_pss(encoded: &[u8], bits: usize, hash: Hash, message: &[u8]) -> bool {
    check_pss(encoded, bits, hash, message).is_some()
}

fn check_pss(encoded: &[u8], bits: usize, hash: Hash, message: &[u8]) -> Option<()> {
    // The encoding may be a byte shorter than the modulus, where that is one bit longer than full bytes.
    let length = bits.div_ceil(8);
    let (front, encoded) = encoded.split_at_checked(encoded.len().checked_sub(length)?)?;
    let (masked, rest) = encoded.split_at_checked(length.checked_sub(hash.bytes() + 1)?)?;
    let (digest, trailer) = rest.split_at_checked(hash.bytes())?;
    let unused = !(u8::MAX >> (8 * length - bits));
    let clear = front.iter().all(|&byte| byte == 0) && masked.first()? & unused == 0;
    if trailer != [0xbc] || !clear {
        return None;
    }
    let mut block = masked.to_vec();
    unmask(&mut block, digest, hash);
    *block.first_mut()? &= !unused;
    let (zeros, salt) = block.split_at_checked(block.len().checked_sub(hash.bytes())?)?;
    let (one, zeros) = zeros.split_last()?;
    if *one != 1 || zeros.iter().any(|&byte| byte != 0) {
        return None;
    }
    (hash.digest(&[&[0; 8], &hash.digest(&[message]), salt]) == digest).then_some(())
}

/// MGF1 (RFC 8017, appendix B.2.1), applied.
fn unmask(block: &mut [u8], seed: &[u8], hash: Hash) {
    for (counter, piece) in (0_u32..).zip(block.chunks_mut(hash.bytes())) {
        let mask = hash.digest(&[seed, &counter.to_be_bytes()]);
        piece.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}
