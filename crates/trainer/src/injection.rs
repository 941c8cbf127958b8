//! The model of injections: its data and its training.

pub mod calibrate;
pub mod data;
pub mod generate;
pub mod mutate;
pub mod near;
pub mod odd;
pub mod train;
