//! Our RSA and ECDSA against RustCrypto's.

use proptest::prelude::*;
use rsa::traits::PublicKeyParts as _;

use crate::signature::rsa::Modulus;
use crate::signature::{Algorithm, Curve, VerifyingKey};

/// A test of a curve: what the crate signs verifies, and with any one bit changed it does not.
macro_rules! signs {
    ($name:ident, $crate_name:ident, $curve:expr, $algorithm:expr) => {
        fn $name(secret: &[u8], message: &[u8], bit: usize) {
            use $crate_name::ecdsa::signature::Signer as _;
            use $crate_name::ecdsa::{Signature, SigningKey};

            // Some secrets are no keys: zero, or not below the order.
            let Ok(key) = SigningKey::from_slice(secret) else { return };
            let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
            let (x, y) = point[1..].split_at($curve.bytes());
            let ours = VerifyingKey::ec($curve, x, y).unwrap();
            let signature: Signature = key.sign(message);
            let mut signature = signature.to_bytes().to_vec();
            assert!(ours.verify($algorithm, message, &signature));
            let bit = bit % (signature.len() * 8);
            signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!ours.verify($algorithm, message, &signature), "bit {bit}");
        }
    };
}

signs!(p256_signs, p256, Curve::P256, Algorithm::Es256);
signs!(p384_signs, p384, Curve::P384, Algorithm::Es384);
signs!(p521_signs, p521, Curve::P521, Algorithm::Es512);

/// Wide enough for any curve; the first byte of P-521's numbers is 0 or 1.
fn secret() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 66).prop_map(|mut bytes| {
        bytes[0] &= 1;
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_the_crates_sign_verifies(
        secret in secret(),
        message in prop::collection::vec(any::<u8>(), 0..200),
        bit in any::<usize>(),
    ) {
        p256_signs(&secret[34..], &message, bit);
        p384_signs(&secret[18..], &message, bit);
        p521_signs(&secret, &message, bit);
    }

    #[test]
    fn powers_are_those_of_another_implementation(
        mut modulus in prop::collection::vec(any::<u8>(), 256..=512),
        base in prop::collection::vec(any::<u8>(), 512),
        exponent in prop_oneof![Just(3_u64), Just(65537), (1_u64..1 << 32).prop_map(|half| 2 * half + 1)],
    ) {
        modulus[0] |= 1;
        *modulus.last_mut().unwrap() |= 1;
        let mut base = base[..modulus.len()].to_vec();
        base[0] = 0;
        let got = Modulus::new(&modulus).unwrap().power(&base, exponent);

        let number = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
        let key = rsa::PublicKey::new(number(&modulus), rsa::BoxedUint::from(exponent)).unwrap();
        let want = rsa::hazmat::rsa_encrypt(&key, &number(&base)).unwrap().to_be_bytes();
        let zeros = want.len().saturating_sub(key.size());
        prop_assert_eq!(got, &want[zeros..]);
    }
}

/// Keys for which the two combs' points are the same, or opposite: sums of equal points, and at infinity.
#[test]
fn the_generator_is_a_key_like_any_other() {
    let order_less_one = [
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52972",
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386408",
    ];
    let tests: [fn(&[u8], &[u8], usize); 3] = [p256_signs, p384_signs, p521_signs];
    for (test, hex) in tests.into_iter().zip(order_less_one) {
        let minus_one: Vec<u8> =
            (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
        for small in [1_u8, 2, 3, 0x40] {
            let mut secret = vec![0; minus_one.len()];
            *secret.last_mut().unwrap() = small;
            test(&secret, b"message", usize::from(small) * 31);
        }
        test(&minus_one, b"message", 5);
    }
}
