//! Lists that mostly have one element, for which nothing is set aside.

/// In order of being added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Few<T> {
    /// At most one.
    One(Option<T>),
    /// However many.
    More(Vec<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<T> Few<T> {
    /// Adds one; there is room for `most` when it is the second.
    pub(crate) fn push(&mut self, item: T, most: usize) {
        match self {
            Self::One(one) if one.is_none() => *one = Some(item),
            Self::One(one) => {
                let mut all = Vec::with_capacity(most.max(2));
                all.extend(one.take());
                all.push(item);
                *self = Self::More(all);
            }
            Self::More(all) => all.push(item),
        }
    }

    #[inline(always)]
    pub(crate) fn all(&self) -> &[T] {
        match self {
            Self::One(one) => one.as_slice(),
            Self::More(all) => all,
        }
    }

    #[inline(always)]
    pub(crate) fn all_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(one) => one.as_mut_slice(),
            Self::More(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Few;

    #[test]
    fn what_is_added_stays_in_order() {
        let mut few = Few::default();
        for n in 0..5 {
            let before: Vec<i32> = (0..n).collect();
            assert_eq!(few.all(), before);
            assert_eq!(few.all_mut(), before);
            few.push(n, 3);
        }
    }
}
