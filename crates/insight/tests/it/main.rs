//! Forecasts of series whose continuation is known.
// What the tests share is test code, too.
#![cfg(test)]

mod backtest;
mod projections;
mod series;
