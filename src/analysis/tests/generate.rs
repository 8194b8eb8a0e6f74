//! Curves made by formula, with noise that is the same everywhere.

use crate::analysis::{
    diagnose::{Diagnosis, diagnose},
    finding::{Kind, Severity, Verdict},
    run::{Options, RunFacts, Scalar, Status},
    series::Series,
};

/// Normal noise: twelve hashed uniforms of seed and index.
pub fn noise(seed: u64, i: usize) -> f64 {
    let uniform = |k: u64| {
        let mut x = seed ^ (i as u64 * 12 + k).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..12).map(uniform).sum::<f64>() - 6.0
}

/// A usual training loss: from about 3 to about 1.
pub fn decay(i: usize, n: usize) -> f64 {
    1.0 + 2.0 * (-6.0 * i as f64 / n as f64).exp()
}

/// A run put together metric by metric.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    pub metrics: Vec<(String, Series)>,
    pub system: Vec<(String, Series)>,
    pub config: Vec<(String, Scalar)>,
    pub status: Status,
    pub options: Options,
}

impl Recording {
    pub fn new() -> Self {
        Self::default()
    }

    /// `n` points, one a step and a second.
    pub fn metric(self, name: &str, n: usize, f: impl Fn(usize) -> f64) -> Self {
        self.every(name, n, 1, f)
    }

    /// `n` points, one every `stride` steps and seconds.
    pub fn every(mut self, name: &str, n: usize, stride: usize, f: impl Fn(usize) -> f64) -> Self {
        let mut series = Series::default();
        for i in 0..n {
            let step = (i * stride) as f64;
            series.push(step, 1e9 + step, f(i));
        }
        self.metrics.push((name.to_owned(), series));
        self
    }

    pub fn number(mut self, key: &str, value: f64) -> Self {
        self.config.push((key.to_owned(), Scalar::Number(value)));
        self
    }

    pub fn diagnose(&self) -> Diagnosis {
        let facts = RunFacts {
            metrics: &self.metrics,
            system: &self.system,
            config: &self.config,
            status: self.status,
            now: Some(2e9),
        };
        diagnose(&facts, &self.options)
    }

    pub fn verdict(&self) -> Verdict {
        self.diagnose().verdict
    }

    /// Fails unless the verdict is `verdict` and, if it is a healthy one, nothing warns.
    #[track_caller]
    pub fn expect(&self, verdict: Verdict) -> Diagnosis {
        let found = self.diagnose();
        assert_eq!(found.verdict, verdict, "{found:#?}");
        if verdict == Verdict::Healthy {
            let warning = found.findings.iter().find(|f| f.severity != Severity::Info);
            assert!(warning.is_none(), "{warning:#?}");
        }
        found
    }

    /// The severity of `kind`, if it was found.
    pub fn severity(&self, kind: Kind) -> Option<Severity> {
        self.diagnose().findings.iter().find(|f| f.kind == kind).map(|f| f.severity)
    }
}
