//! Two sides that take turns, and the middle of what they did.

/// One quantity over the rounds of a run.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<f64>);

/// The middle of a series and its middle half.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Spread {
    /// A quarter of the rounds were below.
    pub low: f64,
    /// Half of the rounds were below.
    pub median: f64,
    /// A quarter of the rounds were above.
    pub high: f64,
}

impl Series {
    /// Adds what one round gave.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// What each round gave.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The middle of the rounds; not a number when there were none.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.spread().median
    }

    /// The middle and the middle half.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        Spread {
            low: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            high: quantile(&sorted, 0.75),
        }
    }

    /// Each round of this series over the same round of `baseline`: what drifts over a run, such as
    /// the clock of a busy machine, drifts for both.
    #[must_use]
    pub fn over(&self, baseline: &Self) -> Self {
        let pairs = self.0.iter().zip(&baseline.0);
        Self(pairs.map(|(this, that)| this / that).collect())
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The value below which `share` of `sorted` lies, interpolated.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = share * last as f64;
    let (below, above) = (position.floor() as usize, position.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values_they_are_between() {
        let series: Series = [4.0, 1.0, 3.0, 2.0].into_iter().collect();
        let spread = series.spread();
        assert_eq!((spread.low, spread.median, spread.high), (1.75, 2.5, 3.25));
        assert!(Series::default().median().is_nan());
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let fast: Series = [1.0, 10.0, 3.0].into_iter().collect();
        let slow: Series = [2.0, 20.0, 6.0].into_iter().collect();
        assert_eq!(fast.over(&slow).spread().high, 0.5);
    }
}
