//! A linear scale from zero, with ticks at numbers that people like.

/// From zero to a round number above the largest value, onto pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    most: f64,
    step: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// The largest value that is shown, and the pixels of zero and of the scale's end.
    pub(super) fn new(largest: f64, from: f64, to: f64) -> Self {
        let largest = if largest.is_finite() && largest > 0.0 {
            largest
        } else {
            1.0
        };
        let step = round_step(largest / 4.0);
        Self {
            most: (largest / step).ceil() * step,
            step,
            from,
            to,
        }
    }

    /// Where a value stands; what is beyond the end stands at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value / self.most).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    /// Values with their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let count = (self.most / self.step).round() as i32;
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let label = |value: f64| {
            let text = format!("{value:.decimals$}");
            match text.split_once('.') {
                None => super::super::shown::grouped(value as i128),
                Some(_) => text,
            }
        };
        (0..=count)
            .map(|tick| f64::from(tick) * self.step)
            .map(|value| (value, label(value)))
            .collect()
    }
}

/// 1, 2 or 5 times a power of ten, at least so much.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors
        .into_iter()
        .find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(largest: f64) -> Vec<String> {
        let scale = Scale::new(largest, 0.0, 100.0);
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_reach_beyond_the_largest_value() {
        assert_eq!(labels(7.3), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(0.9), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(4000.0), ["0", "1,000", "2,000", "3,000", "4,000"]);
        for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(labels(nothing).last().map(String::as_str), Some("1.0"));
        }
    }

    #[test]
    fn values_stand_in_their_order_and_within_the_scale() {
        let scale = Scale::new(10.0, 200.0, 0.0);
        assert_eq!(
            [scale.at(0.0), scale.at(5.0), scale.at(99.0)],
            [200.0, 100.0, 0.0]
        );
    }
}
