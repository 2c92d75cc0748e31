//! Where the names of limits stand: where they cover least.

/// Height of a label.
const HIGH: f64 = 13.0;

/// Between a label and its limit, or the end of the panel.
const GAP: f64 = 5.0;

/// How far apart lines are looked at, and how many times between two points.
const STEP: f64 = 5.0;
const STEPS: u32 = 200;

/// A place on paper.
type Place = (f64, f64);

/// The rectangle of a text.
#[derive(Clone, Copy)]
struct Rectangle {
    left: f64,
    top: f64,
    width: f64,
}

/// The room in a panel, with what is drawn there.
pub(super) struct Labels {
    across: (f64, f64),
    down: (f64, f64),
    drawn: Vec<Place>,
    taken: Vec<Rectangle>,
}

impl Labels {
    /// A panel from left to right and from top to bottom, with lines.
    pub(super) fn new(
        across: (f64, f64),
        down: (f64, f64),
        lines: impl Iterator<Item = Vec<Place>>,
    ) -> Self {
        Self {
            across,
            down,
            drawn: lines.flat_map(|line| pieces(&line)).collect(),
            taken: Vec::new(),
        }
    }

    /// The left end of the line that a text of this width stands on: above or
    /// below its limit, to the right or to the left.
    pub(super) fn place(&mut self, limit: f64, width: f64) -> Place {
        let (left, right) = (self.across.0 + GAP, self.across.1 - GAP - width);
        let (above, below) = (limit - GAP - HIGH + 2.0, limit + 3.0);
        let places = [(right, above), (left, above), (right, below), (left, below)];
        let places = places.map(|(left, top)| Rectangle { left, top, width });
        let mut best = Rectangle {
            left: right,
            top: above,
            width,
        };
        let mut least = usize::MAX;
        for one in places {
            let covered = self.covered(one);
            if covered < least {
                (best, least) = (one, covered);
            }
        }
        self.taken.push(best);
        (best.left, best.top + HIGH - 2.0)
    }

    /// What a text there would cover. Another text, or the end of the panel,
    /// is worse than any line.
    fn covered(&self, place: Rectangle) -> usize {
        let worse = self.drawn.len().saturating_add(1);
        let out = place.top < self.down.0 || place.top + HIGH > self.down.1;
        let taken = self.taken.iter().filter(|other| place.meets(**other));
        let points = self.drawn.iter().filter(|point| place.holds(**point));
        let texts = taken.count() + usize::from(out);
        points.count() + texts.saturating_mul(worse)
    }
}

impl Rectangle {
    fn holds(self, (x, y): Place) -> bool {
        let across = (self.left..=self.left + self.width).contains(&x);
        across && (self.top..=self.top + HIGH).contains(&y)
    }

    fn meets(self, other: Self) -> bool {
        let across = self.left < other.left + other.width && other.left < self.left + self.width;
        across && (self.top - other.top).abs() < HIGH
    }
}

/// Points along a line.
fn pieces(line: &[Place]) -> Vec<Place> {
    let pairs = line.iter().zip(line.iter().skip(1));
    let between = |(one, other): (&Place, &Place)| {
        let (one, other) = (*one, *other);
        let (right, down) = (other.0 - one.0, other.1 - one.1);
        let length = libm::hypot(right, down);
        let along = (0..STEPS).map(|step| STEP * f64::from(step));
        let along = along.take_while(move |at| *at < length);
        along.map(move |at| (one.0 + at / length * right, one.1 + at / length * down))
    };
    pairs
        .flat_map(between)
        .chain(line.last().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lines: Vec<Vec<Place>>) -> Labels {
        Labels::new((0.0, 400.0), (0.0, 100.0), lines.into_iter())
    }

    #[test]
    fn a_label_goes_where_no_line_is() {
        let along = |y: f64| vec![(0.0, y), (400.0, y)];
        // Above and to the right where nothing is in the way.
        assert_eq!(labels(vec![]).place(50.0, 60.0), (335.0, 45.0));
        // A line just above sends it below.
        let (_, y) = labels(vec![along(42.0)]).place(50.0, 60.0);
        assert!(y > 50.0, "{y}");
        // One that ends on the right sends it to the left.
        let rise = vec![(300.0, 42.0), (400.0, 40.0)];
        let (x, y) = labels(vec![rise]).place(50.0, 60.0);
        assert!(x < 100.0 && y < 50.0, "{x} {y}");
        // No label leaves the panel.
        let (_, y) = labels(vec![]).place(4.0, 60.0);
        assert!(y > 4.0, "{y}");
        let (_, y) = labels(vec![]).place(100.0, 60.0);
        assert!(y < 100.0, "{y}");
    }

    #[test]
    fn two_labels_do_not_cover_each_other() {
        let mut labels = labels(vec![]);
        let (one, other) = (labels.place(50.0, 60.0), labels.place(54.0, 60.0));
        let apart = (one.0 - other.0).abs() > 60.0 || (one.1 - other.1).abs() > HIGH;
        assert!(apart, "{one:?} {other:?}");
    }
}
