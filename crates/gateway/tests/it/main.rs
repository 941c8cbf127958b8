//! The gateway's routes, over real sockets, with fake providers behind them.

mod answers;
mod front;
mod hostile;
#[path = "../../../runtime/tests/it/kit.rs"]
mod kit;
