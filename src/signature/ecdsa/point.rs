//! Points of a curve, and products of them with numbers.

use super::curves::Parameters;
use super::field::{Number, Prime as _, from_hex};

type Coordinate<C, const N: usize> = Number<<C as Parameters<N>>::Field, N>;

/// A point that is not at infinity, by its coordinates.
pub(super) struct Affine<C: Parameters<N>, const N: usize> {
    x: Coordinate<C, N>,
    y: Coordinate<C, N>,
}

impl<C: Parameters<N>, const N: usize> Clone for Affine<C, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Parameters<N>, const N: usize> Copy for Affine<C, N> {}

impl<C: Parameters<N>, const N: usize> Affine<C, N> {
    /// The point with these coordinates, big-endian; `None` when they are not below p, or not on the curve.
    pub(super) fn new(x: &[u8], y: &[u8]) -> Option<Self> {
        let (x, y) = (Number::plain(x)?.into_form(), Number::plain(y)?.into_form());
        let three_x = x.doubled().plus(&x);
        let right = x.squared().times(&x).minus(&three_x).plus(&constant::<C, N>(C::B));
        y.squared().equals(&right).then_some(Self { x, y })
    }
}

fn constant<C: Parameters<N>, const N: usize>(hex: &str) -> Coordinate<C, N> {
    Number::plain_limbs(from_hex(hex, C::Field::BITS)).into_form()
}

/// A point in Jacobian coordinates: x / z^2 and y / z^3; z is 0 at infinity.
pub(super) struct Point<C: Parameters<N>, const N: usize> {
    x: Coordinate<C, N>,
    y: Coordinate<C, N>,
    z: Coordinate<C, N>,
}

impl<C: Parameters<N>, const N: usize> Clone for Point<C, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Parameters<N>, const N: usize> Copy for Point<C, N> {}

impl<C: Parameters<N>, const N: usize> Point<C, N> {
    fn infinity() -> Self {
        Self { x: Number::one(), y: Number::one(), z: Number::ZERO }
    }

    fn of(point: &Affine<C, N>) -> Self {
        Self { x: point.x, y: point.y, z: Number::one() }
    }

    /// `dbl-2001-b` of the Explicit-Formulas Database; right for infinity as well, and no point has order two.
    fn doubled(&self) -> Self {
        let delta = self.z.squared();
        let gamma = self.y.squared();
        let beta = self.x.times(&gamma);
        let alpha = self.x.minus(&delta).times(&self.x.plus(&delta));
        let alpha = alpha.doubled().plus(&alpha);
        let beta_4 = beta.doubled().doubled();
        let x = alpha.squared().minus(&beta_4.doubled());
        let z = self.y.plus(&self.z).squared().minus(&gamma).minus(&delta);
        let gamma_squared_8 = gamma.squared().doubled().doubled().doubled();
        let y = alpha.times(&beta_4.minus(&x)).minus(&gamma_squared_8);
        Self { x, y, z }
    }

    /// The sum, for any two points.
    fn plus(&self, other: &Affine<C, N>) -> Self {
        if self.z.is_zero() {
            return Self::of(other);
        }
        let z_squared = self.z.squared();
        let h = other.x.times(&z_squared).minus(&self.x);
        let r = other.y.times(&self.z).times(&z_squared).minus(&self.y);
        if h.is_zero() {
            return if r.is_zero() { self.doubled() } else { Self::infinity() };
        }
        let h_squared = h.squared();
        let h_cubed = h.times(&h_squared);
        let v = self.x.times(&h_squared);
        let x = r.squared().minus(&h_cubed).minus(&v.doubled());
        let y = r.times(&v.minus(&x)).minus(&self.y.times(&h_cubed));
        Self { x, y, z: self.z.times(&h) }
    }

    /// Whether the point's x, as a number below p, is `r` modulo the order.
    pub(super) fn has_x(&self, r: &Number<C::Order, N>) -> bool {
        if self.z.is_zero() {
            return false;
        }
        // Without division: x = r z^2, or (r + n) z^2, if that is below p.
        let z_squared = self.z.squared();
        let is_x = |x: Number<C::Field, N>| x.into_form().times(&z_squared).equals(&self.x);
        r.modulo().is_some_and(is_x) || r.plus_prime_below().is_some_and(is_x)
    }

    /// The points' coordinates, with one division for all; `None` when one is at infinity.
    fn to_affine(points: &[Self]) -> Option<Vec<Affine<C, N>>> {
        let mut product = Number::one();
        let mut before = Vec::with_capacity(points.len());
        for point in points {
            before.push(product);
            product = product.times(&point.z);
        }
        if product.is_zero() {
            return None;
        }
        let mut inverse = product.inverted();
        let mut affine = Vec::with_capacity(points.len());
        for (point, before) in points.iter().zip(&before).rev() {
            let z = inverse.times(before);
            inverse = inverse.times(&point.z);
            let z_squared = z.squared();
            affine.push(Affine { x: point.x.times(&z_squared), y: point.y.times(&z_squared).times(&z) });
        }
        affine.reverse();
        Some(affine)
    }
}

/// The teeth of a comb.
const TEETH: u32 = 6;

/// Sums of a point's multiples, so that its product with a number takes a sixth of the doublings (Lim and Lee's comb): the
/// place `t` is the sum of 2^(i · d) times the point for all bits i of `t`, where d is the distance of the teeth.
pub(super) struct Comb<C: Parameters<N>, const N: usize>(Vec<Affine<C, N>>);

impl<C: Parameters<N>, const N: usize> Comb<C, N> {
    const DISTANCE: u32 = C::ORDER_BITS.div_ceil(TEETH);

    /// `None` only for what is not a point of the curve.
    pub(super) fn new(point: Affine<C, N>) -> Option<Self> {
        let mut tooth = Point::of(&point);
        // At the place 0 stands the point itself, which nobody asks for.
        let mut sums = vec![tooth];
        for _ in 0..TEETH {
            let single = *Point::to_affine(&[tooth])?.first()?;
            let more: Vec<_> = sums.iter().skip(1).map(|sum| sum.plus(&single)).collect();
            sums.push(Point::of(&single));
            sums.extend(more);
            for _ in 0..Self::DISTANCE {
                tooth = tooth.doubled();
            }
        }
        Point::to_affine(&sums).map(Self)
    }

    pub(super) fn of_generator() -> Self {
        let generator = Affine { x: constant::<C, N>(C::X), y: constant::<C, N>(C::Y) };
        // The generator is a point of the curve.
        Self::new(generator).unwrap_or(Self(Vec::new()))
    }

    /// a · the generator + b · the point, for plain numbers.
    pub(super) fn sum_of_products(&self, a: &Number<C::Order, N>, b: &Number<C::Order, N>) -> Point<C, N> {
        let generator = C::generator();
        let mut sum = Point::infinity();
        for column in (0..Self::DISTANCE).rev() {
            sum = sum.doubled();
            for (comb, number) in [(generator, a), (self, b)] {
                let place = (0..TEETH)
                    .fold(0, |place, tooth| place | usize::from(number.bit(column + tooth * Self::DISTANCE)) << tooth);
                if let Some(point) = comb.0.get(place).filter(|_| place > 0) {
                    sum = sum.plus(point);
                }
            }
        }
        sum
    }
}
