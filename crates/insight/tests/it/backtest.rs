//! Weeks held out: what each method would have said of a week that then came.
//!
//! `cargo test -p iron-insight --test it backtest -- --nocapture` prints the table.

use iron_insight::{Forecast, Method};

use crate::series::{Dice, SHAPES};

const WEEK: usize = 7;
const ROUNDS: u64 = 60;
const NINE_OF_TEN: f64 = 1.645;

#[derive(Default)]
struct Tried {
    weeks: f64,
    error: f64,
    within: f64,
}

impl Tried {
    fn weigh(&mut self, forecast: &Forecast, came: f64) {
        let said = forecast.total(WEEK, 1.0);
        self.weeks += 1.0;
        self.error += (said - came).abs() / came;
        if (said - came).abs() <= NINE_OF_TEN * forecast.deviation(WEEK, 1.0) {
            self.within += 1.0;
        }
    }

    fn error_percent(&self) -> f64 {
        100.0 * self.error / self.weeks
    }

    fn within_percent(&self) -> f64 {
        100.0 * self.within / self.weeks
    }
}

/// Every week of many series of each shape, forecast from the `history` days before it.
fn table(history: usize, forecast: impl Fn(&[f64]) -> Forecast) -> Vec<(&'static str, Tried)> {
    let mut rows = Vec::new();
    for shape in SHAPES {
        let mut tried = Tried::default();
        for round in 0..ROUNDS {
            let days = shape.days(history + WEEK, &mut Dice::new(round));
            let (known, week) = days.split_at(history);
            tried.weigh(&forecast(known), week.iter().sum());
        }
        rows.push((shape.name, tried));
    }
    rows
}

fn mean_error(rows: &[(&str, Tried)]) -> f64 {
    rows.iter()
        .map(|(_, tried)| tried.error_percent())
        .sum::<f64>()
        / rows.len() as f64
}

#[test]
fn a_week_is_foretold_within_fifteen_percent() {
    for history in [30, 16, 7] {
        println!(
            "\n{history} days of history: error of the next week, and how often it lay within 90 %"
        );
        let chosen = table(history, |days| Forecast::of(days, WEEK));
        let methods = [Method::MovingAverage, Method::Smoothing, Method::Seasonal];
        let apart = methods.map(|method| table(history, |days| Forecast::by(method, days, WEEK)));
        println!(
            "{:24}{:>16}{:>16}{:>16}{:>16}",
            "", "average", "smoothing", "seasonal", "chosen"
        );
        for (row, (name, best)) in chosen.iter().enumerate() {
            print!("{name:24}");
            for method in &apart {
                let (_, tried) = &method[row];
                print!(
                    "{:>8.1} %{:>4.0} %",
                    tried.error_percent(),
                    tried.within_percent()
                );
            }
            println!(
                "{:>8.1} %{:>4.0} %",
                best.error_percent(),
                best.within_percent()
            );
        }
        let all = mean_error(&chosen);
        println!("{:24}{:>56.1} %", "mean", all);
        assert!(all <= 15.0, "{history} days: {all:.1} %");
        if history == 30 {
            for (name, tried) in &chosen {
                assert!(
                    tried.error_percent() <= 15.0,
                    "{name}: {:.1} %",
                    tried.error_percent()
                );
            }
        }
    }
}

#[test]
fn nine_weeks_of_ten_lie_where_they_are_said_to() {
    let chosen = table(30, |days| Forecast::of(days, WEEK));
    let within: f64 = chosen.iter().map(|(_, tried)| tried.within_percent()).sum();
    let within = within / chosen.len() as f64;
    assert!((82.0..=98.0).contains(&within), "{within:.0} %");
}
