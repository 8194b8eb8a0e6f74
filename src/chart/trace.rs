//! Which points of a line are drawn.

/// Of neighbouring points in one column the first, the lowest, the highest and the last, in their
/// order: M4 (Jugel et al., 2014), which draws as all points would. Non-finite points part the
/// line, and so does a step back: the first of each stretch is kept, and the last.
pub fn thin(
    points: impl IntoIterator<Item = (f64, f64)>,
    column: impl Fn(f64) -> i64,
) -> Vec<(f64, f64)> {
    let mut thinned = Vec::new();
    let mut group: Option<Group> = None;
    for point in points {
        let key = (column(point.0), point.1.is_finite());
        match &mut group {
            Some(open) if open.key == key && point.0 >= open.last.0 => open.push(point),
            _ => {
                group.take().into_iter().for_each(|group| group.flush(&mut thinned));
                group = Some(Group::of(key, point));
            }
        }
    }
    group.into_iter().for_each(|group| group.flush(&mut thinned));
    thinned
}

/// Neighbouring points of one column.
struct Group {
    key: (i64, bool),
    first: (f64, f64),
    low: (usize, (f64, f64)),
    high: (usize, (f64, f64)),
    last: (f64, f64),
    length: usize,
}

impl Group {
    fn of(key: (i64, bool), point: (f64, f64)) -> Self {
        Self { key, first: point, low: (0, point), high: (0, point), last: point, length: 1 }
    }

    fn push(&mut self, point: (f64, f64)) {
        if point.1 < self.low.1.1 {
            self.low = (self.length, point);
        }
        if point.1 > self.high.1.1 {
            self.high = (self.length, point);
        }
        self.last = point;
        self.length += 1;
    }

    fn flush(self, into: &mut Vec<(f64, f64)>) {
        let mut kept = [(0, self.first), self.low, self.high, (self.length - 1, self.last)];
        kept.sort_by_key(|(place, _)| *place);
        let mut before = None;
        for (place, point) in kept {
            if before != Some(place) {
                into.push(point);
            }
            before = Some(place);
        }
    }
}

/// Neighbours that are joined: a stretch ends where a point has no place, and where x goes back.
pub fn stretches(
    points: &[(f64, f64)],
    place: impl Fn((f64, f64)) -> Option<(f32, f32)>,
) -> Vec<Vec<(f32, f32)>> {
    let mut stretches = Vec::new();
    let mut open: Vec<(f32, f32)> = Vec::new();
    let mut before = f64::NEG_INFINITY;
    for &point in points {
        let placed = place(point);
        if (placed.is_none() || point.0 < before) && !open.is_empty() {
            stretches.push(std::mem::take(&mut open));
        }
        open.extend(placed);
        before = point.0;
    }
    if !open.is_empty() {
        stretches.push(open);
    }
    stretches
}

/// Where y is not finite: the first and the last x of each stretch.
pub fn holes(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut holes: Vec<(f64, f64)> = Vec::new();
    let mut is_open = false;
    for &(x, y) in points {
        match holes.last_mut().filter(|_| is_open) {
            _ if y.is_finite() => is_open = false,
            Some((_, to)) if x >= *to => *to = x,
            _ => {
                holes.push((x, x));
                is_open = true;
            }
        }
    }
    holes
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn line(values: &[f64]) -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(i, value)| (i as f64, *value)).collect()
    }

    #[test]
    fn a_column_keeps_its_ends_and_extremes_in_order() {
        let points = line(&[3.0, 9.0, 4.0, 1.0, 2.0, 5.0, 5.0]);
        let thinned = thin(points, |x| i64::from(x >= 5.0));
        assert_eq!(
            thinned,
            [(0.0, 3.0), (1.0, 9.0), (3.0, 1.0), (4.0, 2.0), (5.0, 5.0), (6.0, 5.0)]
        );
        assert!(thin([], |_| 0).is_empty());
    }

    #[test]
    fn a_million_points_keep_every_spike_and_hole() {
        let mut points = line(&vec![1.0; 1_000_000]);
        points[543_210].1 = 50.0;
        points[700_000].1 = NAN;
        let thinned = thin(points, |x| (x / 1_000.0) as i64);
        assert!(thinned.len() < 3_000, "{}", thinned.len());
        assert!(thinned.contains(&(543_210.0, 50.0)));
        assert_eq!(holes(&thinned), [(700_000.0, 700_000.0)]);
    }

    #[test]
    fn lines_break_at_holes_and_steps_back() {
        let points = [(0.0, 1.0), (1.0, NAN), (2.0, 1.0), (3.0, 1.0), (2.0, 4.0), (3.0, 4.0)];
        let place = |(x, y): (f64, f64)| y.is_finite().then_some((x as f32, y as f32));
        let found = stretches(&points, place);
        let expected: [&[(f32, f32)]; 3] =
            [&[(0.0, 1.0)], &[(2.0, 1.0), (3.0, 1.0)], &[(2.0, 4.0), (3.0, 4.0)]];
        assert_eq!(found, expected);
    }

    #[test]
    fn holes_are_told_from_their_first_to_their_last() {
        let points = line(&[NAN, f64::INFINITY, 1.0, NAN, 1.0, NAN]);
        assert_eq!(holes(&points), [(0.0, 1.0), (3.0, 3.0), (5.0, 5.0)]);
    }
}
