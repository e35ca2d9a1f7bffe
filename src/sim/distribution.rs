//! How long things take in a simulation: named distributions, each with its mean.

use std::time::Duration;

use super::random::Random;

/// A way in which lengths are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All the same.
    Fixed,
    /// Without memory: as calls and short requests are.
    Exponential,
    /// Many short and some long ones; the standard deviation of the logarithm.
    Lognormal {
        /// Above 0.
        sigma: f64,
    },
    /// Heavy-tailed: a few that are very long hold most of the time, as downloads and websockets are.
    Pareto {
        /// The index of the tail, above 1: the smaller the heavier.
        alpha: f64,
    },
}

/// A distribution of lengths of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    /// How they are spread.
    pub shape: Shape,
    /// What they are on average.
    pub mean: Duration,
}

/// Two to the power of 53: what fits into a fraction.
const FRACTION: f64 = 9_007_199_254_740_992.0;

impl Distribution {
    /// Draws one, in milliseconds.
    pub(super) fn draw(&self, random: &mut Random) -> u64 {
        let mean = self.mean.as_secs_f64() * 1e3;
        let drawn = match self.shape {
            Shape::Fixed => mean,
            Shape::Exponential => -mean * uniform(random).ln(),
            Shape::Lognormal { sigma } => {
                // Two uniform numbers make a normal one (Box and Muller).
                let radius = (-2.0 * uniform(random).ln()).sqrt();
                let normal = radius * (std::f64::consts::TAU * uniform(random)).cos();
                (mean.ln() - sigma * sigma / 2.0 + sigma * normal).exp()
            }
            Shape::Pareto { alpha } => {
                let least = mean * (alpha - 1.0) / alpha;
                least * uniform(random).powf(-1.0 / alpha)
            }
        };
        milliseconds(drawn)
    }
}

/// A number above 0, and at most 1.
fn uniform(random: &mut Random) -> f64 {
    let bits = u32::try_from(random.next() >> 32).unwrap_or_default();
    let more = u32::try_from(random.next() >> 43).unwrap_or_default();
    (f64::from(bits) * 2_097_152.0 + f64::from(more) + 1.0) / FRACTION
}

/// Whole milliseconds; what no clock reaches is the longest that one does.
fn milliseconds(length: f64) -> u64 {
    Duration::try_from_secs_f64(length / 1e3)
        .ok()
        .and_then(|length| u64::try_from(length.as_millis()).ok())
        .unwrap_or(u64::MAX >> 8)
}

#[cfg(test)]
mod tests {
    use super::{Distribution, Shape};
    use crate::sim::random::Random;
    use std::time::Duration;

    fn drawn(shape: Shape) -> Vec<u64> {
        let mut random = Random::new(7);
        let distribution = Distribution {
            shape,
            mean: Duration::from_secs(10),
        };
        let mut all: Vec<u64> = (0..100_000)
            .map(|_| distribution.draw(&mut random))
            .collect();
        all.sort_unstable();
        all
    }

    /// Within three hundredths of what theory has for a quantile.
    fn is_near(all: &[u64], percent: usize, seconds: f64) {
        let found = all[percent * 1_000] as f64 / 1e3;
        assert!(
            (found / seconds - 1.0).abs() < 0.03,
            "{percent} %: {found} s, not {seconds} s"
        );
    }

    fn mean(all: &[u64]) -> f64 {
        all.iter().map(|length| *length as f64).sum::<f64>() / 1e5 / 1e3
    }

    #[test]
    fn a_hundred_thousand_draws_are_spread_as_they_are_named() {
        assert_eq!(drawn(Shape::Fixed), vec![10_000; 100_000]);
        // The quantile p of an exponential is -mean * ln(1 - p).
        let all = drawn(Shape::Exponential);
        is_near(&all, 50, 10.0 * std::f64::consts::LN_2);
        is_near(&all, 90, 10.0 * 10.0_f64.ln());
        assert!((mean(&all) - 10.0).abs() < 0.15, "{}", mean(&all));
        // The median of a lognormal is exp(mu) = mean * exp(-sigma^2 / 2); the quantile 0.9 lies 1.2816 sigma above.
        let all = drawn(Shape::Lognormal { sigma: 1.0 });
        is_near(&all, 50, 10.0 * (-0.5_f64).exp());
        is_near(&all, 90, 10.0 * (-0.5 + 1.2816_f64).exp());
        assert!((mean(&all) - 10.0).abs() < 0.3, "{}", mean(&all));
        // The quantile p of a Pareto is least * (1 - p)^(-1 / alpha).
        let all = drawn(Shape::Pareto { alpha: 2.5 });
        is_near(&all, 50, 6.0 * 2.0_f64.powf(0.4));
        is_near(&all, 99, 6.0 * 100.0_f64.powf(0.4));
        assert!((mean(&all) - 10.0).abs() < 0.3, "{}", mean(&all));
        assert!(all[0] >= 5_999, "{}", all[0]);
        let heavy = drawn(Shape::Pareto { alpha: 1.5 });
        is_near(&heavy, 50, 10.0 / 3.0 * 2.0_f64.powf(2.0 / 3.0));
        is_near(&heavy, 90, 10.0 / 3.0 * 10.0_f64.powf(2.0 / 3.0));
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        assert_eq!(drawn(Shape::Exponential), drawn(Shape::Exponential));
    }
}
