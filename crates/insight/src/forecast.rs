//! Days to come, from days that were.

use augurs_core::{Fit as _, Forecast as Fitted, Predict as _};
use augurs_ets::AutoETS;
use augurs_mstl::stlrs::{MstlParams, StlParams};

const WEEK: usize = 7;
/// Fewer whole days than this say too little for a model.
const SMOOTHED_FROM: usize = 10;
/// Fewer whole days than this hold too few weeks to tell their days apart.
const SEASONAL_FROM: usize = 3 * WEEK;
/// From this strength on, days of the week differ clearly: 1 − Var(rest) / Var(rest + weekly)
/// (Wang, Smith and Hyndman 2006).
const CLEARLY_WEEKLY: f64 = 0.5;
/// Days further above the median than this many deviations are cut to that height.
const FAR_OUTSIDE: f64 = 8.0;
/// Makes a median absolute deviation comparable to a standard deviation.
const DEVIATION: f64 = 1.4826;
/// Of a normal distribution 68.27 % lie within one standard deviation.
const ONE_DEVIATION: f64 = 0.682_689_492_137_085_9;

/// How days to come are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// As the mean of the last days, at most a week.
    MovingAverage,
    /// By exponential smoothing with a trend where there is one.
    Smoothing,
    /// By the days of the week, and exponential smoothing of the rest.
    Seasonal,
}

impl Method {
    /// The most that this many days allow.
    pub const fn choose(days: usize) -> Method {
        match days {
            SEASONAL_FROM.. => Method::Seasonal,
            SMOOTHED_FROM.. => Method::Smoothing,
            _ => Method::MovingAverage,
        }
    }
}

/// Days to come, and how sure they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// How they were found.
    pub method: Method,
    /// Each day, the next one first; never negative.
    pub days: Vec<f64>,
    spread: Spread,
}

/// How far the days may lie from their forecast.
#[derive(Debug, Clone, PartialEq, Default)]
struct Spread {
    /// The standard deviation of one day's surprise.
    surprise: f64,
    /// Which part of a surprise is still there after one day, two days and so on.
    lasting: Vec<f64>,
    /// The standard deviation of the level itself.
    level: f64,
}

impl Forecast {
    /// Forecasts the days after these, by the best method that they allow.
    pub fn of(days: &[f64], horizon: usize) -> Forecast {
        let method = Method::choose(days.len());
        Forecast::by(method, days, horizon)
    }

    /// The same by one method; by the next simpler one where it does not apply.
    pub fn by(method: Method, days: &[f64], horizon: usize) -> Forecast {
        let cut = cut_to_size(days);
        let found = match method {
            Method::Seasonal => seasonal(&cut, horizon),
            Method::Smoothing => smoothing(&cut, horizon),
            Method::MovingAverage => Some(moving_average(&cut, horizon)),
        };
        match (found, method) {
            (Some(found), _) => found,
            (None, Method::Seasonal) => Forecast::by(Method::Smoothing, days, horizon),
            (None, _) => Forecast::by(Method::MovingAverage, days, horizon),
        }
    }

    /// The first `days` days in all, the first of them counted as the part `first` of it.
    pub fn total(&self, days: usize, first: f64) -> f64 {
        let days = self.days.iter().take(days);
        days.zip(weights(first))
            .map(|(day, weight)| day * weight)
            .sum()
    }

    /// The standard deviation of that total. A surprise of one day lasts into the following ones,
    /// so that days err together.
    pub fn deviation(&self, days: usize, first: f64) -> f64 {
        let weights: Vec<f64> = weights(first).take(days.min(self.days.len())).collect();
        let surprises: f64 = (0..weights.len())
            .map(|day| {
                let later = weights.iter().skip(day);
                let lasting = std::iter::once(&1.0).chain(&self.spread.lasting);
                let whole: f64 = later.zip(lasting).map(|(weight, part)| weight * part).sum();
                whole * whole
            })
            .sum();
        let all: f64 = weights.iter().sum();
        let level = all * self.spread.level;
        (self.spread.surprise.powi(2) * surprises + level * level).sqrt()
    }
}

fn weights(first: f64) -> impl Iterator<Item = f64> {
    std::iter::once(first).chain(std::iter::repeat(1.0))
}

fn moving_average(days: &[f64], horizon: usize) -> Forecast {
    let last = days.len().saturating_sub(WEEK);
    let last = days.get(last..).unwrap_or(days);
    let count = last.len().max(1) as f64;
    let mean = last.iter().sum::<f64>() / count;
    let squares: f64 = last.iter().map(|day| (day - mean).powi(2)).sum();
    // Too few days to tell how they differ: as if each could be nothing or the double.
    let surprise = match last.len() {
        0..3 => mean / 2.0,
        _ => (squares / (count - 1.0)).sqrt(),
    };
    Forecast {
        method: Method::MovingAverage,
        days: vec![mean; horizon],
        spread: Spread {
            surprise,
            lasting: Vec::new(),
            level: surprise / count.sqrt(),
        },
    }
}

fn smoothing(days: &[f64], horizon: usize) -> Option<Forecast> {
    let fitted = fit(days, horizon)?;
    Some(Forecast::from_fitted(
        Method::Smoothing,
        fitted,
        days.len(),
        &[],
    ))
}

/// Exponential smoothing with additive errors, whose intervals are one deviation wide.
fn fit(days: &[f64], horizon: usize) -> Option<Fitted> {
    let model = AutoETS::new(1, "AZN").ok()?.fit(days).ok()?;
    model.predict(horizon, ONE_DEVIATION).ok()
}

fn seasonal(days: &[f64], horizon: usize) -> Option<Forecast> {
    if days.len() < 2 * WEEK {
        return None;
    }
    let mut parameters = MstlParams::new();
    parameters.stl_params(StlParams::new().robust(true).clone());
    let parts = parameters.fit(days, &[WEEK]).ok()?;
    let strength = parts.seasonal_strength();
    if strength
        .first()
        .is_none_or(|strength| *strength < CLEARLY_WEEKLY)
    {
        return None;
    }
    let weekly = parts.seasonal().first()?;
    let rest: Vec<f64> = days
        .iter()
        .zip(weekly)
        .map(|(day, part)| day - part)
        .collect();
    let week = weekly.get(weekly.len().checked_sub(WEEK)?..)?;
    Some(Forecast::from_fitted(
        Method::Seasonal,
        fit(&rest, horizon)?,
        days.len(),
        week,
    ))
}

impl Forecast {
    /// The weekly part goes on as it was in the last week.
    fn from_fitted(method: Method, fitted: Fitted, history: usize, week: &[f64]) -> Forecast {
        let spread = Spread::of(&fitted, history);
        let weekly = week.iter().copied().cycle().chain(std::iter::repeat(0.0));
        let days = fitted.point.iter().zip(weekly);
        Forecast {
            method,
            days: days.map(|(day, part)| finite(day + part)).collect(),
            spread,
        }
    }
}

impl Spread {
    /// Reads off the intervals how long a surprise lasts: in a linear model the variance after
    /// `h` days is σ² (1 + c₁² + … + cₕ₋₁²), where cₖ is what is left of a surprise after k days.
    fn of(fitted: &Fitted, history: usize) -> Spread {
        let Some(intervals) = &fitted.intervals else {
            return Spread::default();
        };
        let variance: Vec<f64> = fitted
            .point
            .iter()
            .zip(&intervals.upper)
            .map(|(point, upper)| finite(upper - point).powi(2))
            .collect();
        let first = variance.first().copied().unwrap_or(0.0);
        let pairs = variance.iter().zip(variance.iter().skip(1));
        let lasting = if first > 0.0 {
            pairs
                .map(|(before, after)| ((after - before).max(0.0) / first).sqrt())
                .collect()
        } else {
            Vec::new()
        };
        let surprise = first.sqrt();
        Spread {
            surprise,
            lasting,
            level: surprise / (history.max(1) as f64).sqrt(),
        }
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() {
        value.max(0.0)
    } else {
        0.0
    }
}

/// Cuts days that lie far above all others, also above those of their weekday, to the height where
/// that begins.
fn cut_to_size(days: &[f64]) -> Vec<f64> {
    let usual = median(days);
    let distances: Vec<f64> = days.iter().map(|day| (day - usual).abs()).collect();
    let most = usual + FAR_OUTSIDE * DEVIATION * median(&distances);
    // Where most days are alike the deviation is nothing and says nothing; and of a single week
    // nobody can say which of its days will come again.
    if most <= usual || days.len() < 2 * WEEK {
        return days.to_vec();
    }
    let cut = |(index, day): (usize, &f64)| {
        let weekday = days.iter().enumerate().skip(index % WEEK).step_by(WEEK);
        let others = weekday.filter(|(other, _)| *other != index);
        let highest = others.map(|(_, other)| *other).fold(0.0, f64::max);
        day.min(most.max(highest))
    };
    days.iter().enumerate().map(cut).collect()
}

/// The middle of some numbers; zero if there are none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(0.0);
    if sorted.len().is_multiple_of(2) {
        let lower = middle.checked_sub(1).and_then(|lower| sorted.get(lower));
        return lower.map_or(upper, |lower| (lower + upper) / 2.0);
    }
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_of_a_sum_counts_what_lasts() {
        let mut forecast = Forecast {
            method: Method::Smoothing,
            days: vec![10.0; 3],
            spread: Spread {
                surprise: 2.0,
                ..Spread::default()
            },
        };
        assert!((forecast.deviation(3, 1.0) - 12.0_f64.sqrt()).abs() < 1e-12);
        // A random walk: the first surprise counts three times, the second twice.
        forecast.spread.lasting = vec![1.0, 1.0];
        assert!((forecast.deviation(3, 1.0) - 2.0 * 14.0_f64.sqrt()).abs() < 1e-12);
        // Half of the first day is over.
        assert!((forecast.deviation(1, 0.5) - 1.0).abs() < 1e-12);
        assert!((forecast.total(3, 0.5) - 25.0).abs() < 1e-12);
    }

    #[test]
    fn one_wild_day_does_not_make_a_trend() {
        let mut days: Vec<f64> = (0..20).map(|day| 100.0 + f64::from(day % 3)).collect();
        days.push(5_000.0);
        let next = Forecast::of(&days, 7);
        assert!(next.total(7, 1.0) < 7.0 * 120.0, "{next:?}");
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), 3.0);
    }
}
