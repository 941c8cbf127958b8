//! The governed call, with a real journal, real wallets, real sockets.

mod calls;
mod endings;
mod kit;
