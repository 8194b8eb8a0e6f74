//! The one input type of every analysis.

/// One metric of one run, in the order in which it was logged.
///
/// The three vectors have the same length. A value may be NaN or infinite: what that means is
/// for the checks to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Training steps, as logged: they may repeat, go back, be negative or fractional.
    pub steps: Vec<f64>,
    /// Unix time in seconds; NaN where the row's timestamp cannot be read.
    pub times: Vec<f64>,
    /// The values, non-finite ones included.
    pub values: Vec<f64>,
}

impl Series {
    /// The number of points.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Adds a point at the end.
    pub fn push(&mut self, step: f64, time: f64, value: f64) {
        self.steps.push(step);
        self.times.push(time);
        self.values.push(value);
    }
}
