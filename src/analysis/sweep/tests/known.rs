//! Small sweeps whose answer is plain.

use crate::analysis::sweep::{Outcome, Setting, Trial};

/// The noise of generated sweeps.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        let mut noise = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        noise.unit();
        noise
    }

    /// Even between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normal with deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.unit(), self.unit());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

pub fn number(number: f64) -> Setting {
    Setting::Number(number)
}

pub fn trial(settings: &[(&str, Setting)], value: f64) -> Trial {
    Trial {
        settings: settings.iter().map(|(key, s)| ((*key).to_owned(), s.clone())).collect(),
        outcomes: vec![if value.is_nan() { Outcome::Failed } else { Outcome::Value(value) }],
    }
}
