//! Forecasts of series whose continuation is known.

mod backtest;
mod projections;
mod series;
