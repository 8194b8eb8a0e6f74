//! How sure an effect is: 95 % intervals.

/// The normal quantile of a two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;
/// What lies outside on each side.
const TAIL: f64 = 0.025;

/// The interval of a rank correlation of `n` pairs: Fisher's transformation, with the standard
/// error for ranks of Bonett & Wright (Psychometrika 65, 2000).
pub fn of_rank_correlation(rho: f64, n: usize) -> (f64, f64) {
    let error = ((1.0 + rho * rho / 2.0) / (n as f64 - 3.0).max(1.0)).sqrt();
    let z = rho.clamp(-0.999_999, 0.999_999).atanh();
    ((z - Z * error).tanh().min(rho), (z + Z * error).tanh().max(rho))
}

/// The interval of a share of variance between `groups` of `n` values, ε² for ranks: the
/// non-central F distributions that would just give it (Smithson, Educ. Psychol. Meas. 61, 2001).
pub fn of_share(share: f64, groups: usize, n: usize) -> (f64, f64) {
    let (d1, d2) = (groups as f64 - 1.0, n as f64 - groups as f64);
    if d1 < 1.0 || d2 < 1.0 {
        return (0.0, 1.0);
    }
    let below = Below::of(share.clamp(1e-9, 1.0 - 1e-9), d1 / 2.0, d2 / 2.0);
    let n = n as f64;
    let as_share = |lambda: f64| lambda / (lambda + n);
    let (low, high) = (below.lambda(1.0 - TAIL, n), below.lambda(TAIL, n));
    (as_share(low).min(share), as_share(high).max(share))
}

/// The chances that a non-central F stays below what was found, one for each number of extra
/// degrees of freedom, with the logarithm of that number's factorial.
struct Below(Vec<(f64, f64)>);

impl Below {
    /// `x` is the share; the chances are incomplete beta functions `I_x(a + j, b)`, each from the
    /// one before: `I_x(a+1, b) = I_x(a, b) - x^a (1-x)^b / (a B(a, b))`.
    fn of(x: f64, a: f64, b: f64) -> Self {
        let (mut chances, mut ln_factorial) = (Vec::new(), 0.0);
        let mut term =
            (a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a + 1.0) - ln_gamma(b))
                .exp();
        let mut chance = incomplete_beta(x, a, b);
        for j in 0..100_000 {
            if chance < 1e-9 {
                break;
            }
            chances.push((chance, ln_factorial));
            chance -= term;
            ln_factorial += f64::from(j + 1).ln();
            let a = a + f64::from(j);
            term *= x * (a + b) / (a + 1.0);
        }
        Self(chances)
    }

    /// The chance at the non-centrality `lambda`: a Poisson mixture.
    fn at(&self, lambda: f64) -> f64 {
        let mean = lambda / 2.0;
        if mean <= 0.0 {
            return self.0.first().map_or(0.0, |(chance, _)| *chance);
        }
        let (ln_mean, mut sum) = (mean.ln(), 0.0);
        for (j, (chance, ln_factorial)) in self.0.iter().enumerate() {
            sum += (j as f64 * ln_mean - mean - ln_factorial).exp() * chance;
        }
        sum
    }

    /// The non-centrality at which the chance has fallen to `wanted`; 0 where it is lower at once.
    fn lambda(&self, wanted: f64, n: f64) -> f64 {
        if self.at(0.0) <= wanted {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, n);
        while self.at(high) > wanted && high < 1e6 {
            (low, high) = (high, high * 2.0);
        }
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if self.at(middle) > wanted { low = middle } else { high = middle }
        }
        low
    }
}

/// The regularised incomplete beta function: the continued fraction of Press et al., "Numerical
/// Recipes", §6.4, on the side where it converges fast.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front =
        (a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b)).exp() / a;
    let away_from_zero = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for step in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + step * d);
            c = away_from_zero(1.0 + step / c);
            change = d * c;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-12 {
            break;
        }
    }
    front * fraction
}

/// The logarithm of the gamma function for `x > 0` (Lanczos, as in "Numerical Recipes", §6.1).
pub fn ln_gamma(x: f64) -> f64 {
    const C: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.120_865_097_386_617_9e-2,
        -0.539_523_938_495_3e-5,
    ];
    let base = x + 5.5;
    let series = C
        .iter()
        .enumerate()
        .fold(1.000_000_000_190_015, |sum, (j, c)| sum + c / (x + 1.0 + j as f64));
    (x + 0.5) * base.ln() - base + (2.506_628_274_631_000_5 * series / x).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, within: f64) -> bool {
        (a - b).abs() < within
    }

    #[test]
    fn special_functions_have_their_known_values() {
        // I_x(1/2, 1/2) is the arcsine law.
        let arcsine = 2.0 / std::f64::consts::PI * 0.3_f64.sqrt().asin();
        assert!(near(incomplete_beta(0.3, 0.5, 0.5), arcsine, 1e-9));
        assert!(near(incomplete_beta(0.25, 1.0, 3.0), 1.0 - 0.75_f64.powi(3), 1e-9));
        assert!(near(incomplete_beta(0.9, 2.0, 1.0), 0.81, 1e-9));
        assert!(near(ln_gamma(5.0), 24.0_f64.ln(), 1e-9));
        assert!(near(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-9));
    }

    #[test]
    fn intervals_hold_the_effect_and_narrow_with_n() {
        let mut widths = Vec::new();
        for n in [10, 40, 160] {
            let (low, high) = of_share(0.5, 4, n);
            assert!((0.0..0.5).contains(&low) && (0.5..1.0).contains(&high), "{n}: {low} {high}");
            widths.push(high - low);
        }
        assert!(widths.is_sorted_by(|a, b| a > b), "{widths:?}");
        let (low, high) = of_rank_correlation(-0.7, 16);
        assert!(near(low, -0.90, 0.02) && near(high, -0.25, 0.06), "{low} {high}");
    }

    #[test]
    fn what_chance_gives_is_not_above_zero() {
        // The share that four groups of four take of pure noise.
        assert_eq!(of_share(0.2, 4, 16).0, 0.0);
        assert_eq!(of_share(0.0, 4, 16).0, 0.0);
        assert!(of_share(0.8, 4, 16).0 > 0.3);
    }
}
