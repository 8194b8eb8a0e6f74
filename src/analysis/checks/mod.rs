//! The checks, one family a file. Each asks for an effect, more than noise, that lasts: never for
//! a p-value alone.

pub mod divergence;
pub mod gradient;
pub mod learning_rate;
pub mod logging;
pub mod non_finite;
pub mod overfitting;
pub mod preference;
pub mod progress;
pub mod reinforcement;
pub mod speed;
pub mod spikes;
pub mod status;
pub mod steps;

mod scale;

use super::{
    finding::Report,
    run::{Family, Run},
};

/// Every check that fits the run's family, causes before what is derived from them.
pub fn all(run: &Run<'_>) -> Report {
    let mut report = of_curves(run);
    learning_rate::check(run, &mut report);
    steps::check(run, &mut report);
    speed::check(run, &mut report);
    status::check(run, &mut report);
    logging::check(run, &mut report);
    report
}

/// Those alone that judge the curves' values, not when and how they were logged.
pub fn of_curves(run: &Run<'_>) -> Report {
    let mut report = Report::default();
    non_finite::check(run, &mut report);
    match run.family {
        Family::Supervised => {
            divergence::check(run, &mut report);
            spikes::check(run, &mut report);
            overfitting::check(run, &mut report);
            progress::check(run, &mut report);
        }
        Family::Preference => preference::check(run, &mut report),
        Family::Reinforcement => reinforcement::check(run, &mut report),
    }
    gradient::check(run, &mut report);
    report
}
