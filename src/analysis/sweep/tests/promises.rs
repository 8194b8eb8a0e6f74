//! What the tests of a sweep promise, over many generated sweeps: a strong effect is found, and
//! nothing is claimed where nothing is.

use crate::analysis::sweep::permutation::{ALPHA, Chance, chances, turned};
use crate::analysis::sweep::tests::known::{Noise, number, trial};
use crate::analysis::sweep::{Keys, Trial};

const RATES: [f64; 8] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2];

/// A sweep of 16 runs: four learning rates by four batch sizes, or eight learning rates twice;
/// `effect` of the place
/// of the learning rate, scaled to half of the variance.
fn sweep(rates: usize, noise: &mut Noise, effect: &dyn Fn(f64) -> f64) -> Vec<Trial> {
    let effects: Vec<f64> = (0..rates).map(|i| effect(i as f64)).collect();
    let mean = effects.iter().sum::<f64>() / rates as f64;
    let variance = effects.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / rates as f64;
    let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
    (0..16)
        .map(|run| {
            let rate = run % rates;
            let batch = [16.0, 32.0, 64.0, 128.0][run / 4 % 4];
            let value = scale * (effects[rate] - mean) + noise.normal();
            let batch = if rates == 4 { batch } else { 32.0 };
            let settings = [
                ("lr", number(RATES[rate * 8 / rates])),
                ("batch_size", number(batch)),
                ("seed", number(run as f64)),
            ];
            trial(&settings, value)
        })
        .collect()
}

fn claims(trials: &[Trial]) -> Vec<(String, Chance)> {
    let keys = Keys::of(trials);
    let varied: Vec<_> = keys.varied.iter().collect();
    let chances = chances(&varied, &turned(trials, true));
    let named = varied.iter().zip(chances).map(|(key, chance)| (key.name.clone(), chance));
    named.filter(|(_, chance)| chance.p <= ALPHA).collect()
}

/// In how many of so many sweeps something is claimed, of `lr` or of any key.
fn count(sweeps: usize, rates: usize, effect: &dyn Fn(f64) -> f64, key: Option<&str>) -> usize {
    let mut noise = Noise::new(rates as u64 + 1);
    (0..sweeps)
        .filter(|_| {
            let claims = claims(&sweep(rates, &mut noise, effect));
            claims.iter().any(|(name, _)| key.is_none_or(|key| key == name))
        })
        .count()
}

#[test]
fn an_effect_of_half_the_variance_is_found() {
    for rates in [4, 8] {
        let found = count(200, rates, &|place| place, Some("lr"));
        assert!(found >= 160, "{found} of 200 with {rates} rates");
    }
}

#[test]
fn a_valley_of_half_the_variance_is_found() {
    for rates in [4, 8] {
        let middle = (rates as f64 - 1.0) / 2.0;
        let found = count(200, rates, &|place| (place - middle).powi(2), Some("lr"));
        assert!(found >= 160, "{found} of 200 with {rates} rates");
    }
}

#[test]
fn nothing_is_claimed_where_nothing_is() {
    let claimed = count(1_000, 4, &|_| 0.0, None);
    assert!(claimed <= 50, "{claimed} of 1,000");
}
