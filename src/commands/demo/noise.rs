//! Noise that is the same every time, so that the demo tells one story.

/// A linear congruential generator with Knuth's constants: enough for curves that look real.
pub struct Noise(u64);

impl Noise {
    /// A stream of its own for every seed.
    pub fn new(seed: u64) -> Self {
        let mut noise = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        noise.bits();
        noise
    }

    fn bits(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// Even between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.bits()) / f64::from(u32::MAX)
    }

    /// About normal around 0, with deviation 1: a sum of twelve.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// `value`, off by a few per cent.
    pub fn about(&mut self, value: f64, relative: f64) -> f64 {
        value * (relative * self.normal()).exp()
    }

    /// 32 hexadecimal digits, as a random UUID (version 4) has them.
    pub fn uuid(&mut self) -> String {
        let [a, b, c, d] = [self.bits(), self.bits(), self.bits(), self.bits()];
        let b = (b & 0xFFFF_0FFF) | 0x4000;
        let c = (c & 0x3FFF_FFFF) | 0x8000_0000;
        format!("{a:08x}{b:08x}{c:08x}{d:08x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let first: Vec<String> = (0..20).map(|seed| Noise::new(seed).uuid()).collect();
        let again: Vec<String> = (0..20).map(|seed| Noise::new(seed).uuid()).collect();
        assert_eq!(first, again);
        let mut distinct = first.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), 20);
        assert!(first.iter().all(|id| id.len() == 32 && id.as_bytes()[12] == b'4'));
    }

    #[test]
    fn the_normal_is_centred() {
        let mut noise = Noise::new(1);
        let mean = (0..10_000).map(|_| noise.normal()).sum::<f64>() / 10_000.0;
        assert!(mean.abs() < 0.05, "{mean}");
    }
}
