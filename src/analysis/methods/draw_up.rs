//! The largest rise after a low.

/// A rise: from a low to the highest point that comes later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawUp {
    /// Index of the low.
    pub from: usize,
    /// Index of the high.
    pub to: usize,
    /// How much higher it is.
    pub rise: f64,
}

/// `max_j (y_j - min_{i<j} y_i)`: the mirror of finance's maximum draw-down. It sees a slow
/// instability that no window takes for a spike. `None` with fewer than two values.
pub fn draw_up(values: &[f64]) -> Option<DrawUp> {
    let mut low = (0, *values.first()?);
    let mut best: Option<DrawUp> = None;
    for (to, &value) in values.iter().enumerate().skip(1) {
        let rise = value - low.1;
        if best.is_none_or(|b| rise > b.rise) {
            best = Some(DrawUp { from: low.0, to, rise });
        }
        if value < low.1 {
            low = (to, value);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rise_starts_at_the_low_before_it() {
        let found = draw_up(&[5.0, 2.0, 3.0, 1.0, 4.5, 0.0]).unwrap();
        assert_eq!(found, DrawUp { from: 3, to: 4, rise: 3.5 });
    }

    #[test]
    fn a_falling_curve_never_rises() {
        assert!(draw_up(&[3.0, 2.0, 1.0]).unwrap().rise < 0.0);
        assert_eq!(draw_up(&[1.0]), None);
    }
}
