//! Medians and quartiles.

/// The middle of some figures and where the middle half of them lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// `None` of no figures.
    #[must_use]
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().filter(|figure| figure.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |quarters: usize| sorted.get(last * quarters / 4).copied();
        Some(Self { low: at(1)?, median: at(2)?, high: at(3)? })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_middle_half_lies_between_low_and_high() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([7.0]), Some(Spread { low: 7.0, median: 7.0, high: 7.0 }));
        let figures = [9.0, 1.0, f64::NAN, 5.0, 3.0, 7.0];
        assert_eq!(Spread::of(figures), Some(Spread { low: 3.0, median: 5.0, high: 7.0 }));
    }
}
