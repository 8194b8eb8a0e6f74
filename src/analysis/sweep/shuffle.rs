//! Shuffles that are the same every time for the same values.

/// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014): small, and good enough to shuffle by.
pub struct Shuffler(u64);

impl Shuffler {
    /// A stream of its own for all values: with one stream for all, its luck would repeat itself
    /// from sweep to sweep.
    pub fn of(values: &[f64]) -> Self {
        let mut shuffler = Self(0x5EED);
        for value in values {
            shuffler.0 ^= value.to_bits();
            shuffler.0 = shuffler.next();
        }
        shuffler
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Puts `values` into a random order (Fisher and Yates).
    pub fn shuffle(&mut self, values: &mut [f64]) {
        for last in (1..values.len()).rev() {
            let other = ((u128::from(self.next()) * (last as u128 + 1)) >> 64) as usize;
            values.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_as_likely_as_any_other() {
        let mut counts = std::collections::BTreeMap::new();
        let mut shuffler = Shuffler::of(&[1.0]);
        for _ in 0..6_000 {
            let mut values = [1.0, 2.0, 3.0];
            shuffler.shuffle(&mut values);
            *counts.entry(values.map(|v| v as u8)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (880..1_120).contains(count)), "{counts:?}");
    }
}
