//! The curves of FIPS 186-5 (SP 800-186, section 3.2.1) that JOSE knows: y^2 = x^3 - 3 x + b.

use std::sync::LazyLock;

use super::field::{Prime, from_hex};
use super::point::Comb;

/// A curve over a field whose numbers have `N` limbs, and whose order's have, too.
pub(super) trait Parameters<const N: usize>: Sized + 'static {
    type Field: Prime<N>;
    type Order: Prime<N>;
    /// The length of a coordinate.
    const BYTES: usize;
    /// The bits of the order.
    const ORDER_BITS: u32;
    /// b, and the generator's coordinates.
    const B: &str;
    const X: &str;
    const Y: &str;

    /// Sums of the generator's multiples: a constant, which is computed when it is first needed.
    fn generator() -> &'static Comb<Self, N>;
}

macro_rules! curve {
    (
        $(#[$doc:meta])* $curve:ident, $field:ident, $order:ident, limbs: $limbs:literal of $bits:literal bits, bytes: $bytes:literal,
        order_bits: $order_bits:literal, p: $p:literal, n: $n:literal, b: $b:literal, x: $x:literal, y: $y:literal
    ) => {
        $(#[$doc])*
        pub(super) struct $curve;
        pub(super) struct $field;
        pub(super) struct $order;

        impl Prime<$limbs> for $field {
            const BITS: u32 = $bits;
            const P: [u32; $limbs] = from_hex($p, $bits);
        }

        impl Prime<$limbs> for $order {
            const BITS: u32 = $bits;
            const P: [u32; $limbs] = from_hex($n, $bits);
        }

        impl Parameters<$limbs> for $curve {
            type Field = $field;
            type Order = $order;
            const BYTES: usize = $bytes;
            const ORDER_BITS: u32 = $order_bits;
            const B: &str = $b;
            const X: &str = $x;
            const Y: &str = $y;

            fn generator() -> &'static Comb<Self, $limbs> {
                static GENERATOR: LazyLock<Comb<$curve, $limbs>> = LazyLock::new(Comb::of_generator);
                &GENERATOR
            }
        }
    };
}

curve! {
    P256, P256Field, P256Order, limbs: 9 of 29 bits, bytes: 32, order_bits: 256,
    p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    x: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    y: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
}

curve! {
    P384, P384Field, P384Order, limbs: 14 of 28 bits, bytes: 48, order_bits: 384,
    p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
    n: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    x: "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
    y: "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
}

curve! {
    P521, P521Field, P521Order, limbs: 19 of 28 bits, bytes: 66, order_bits: 521,
    p: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    n: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    b: "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
    x: "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
    y: "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650"
}
