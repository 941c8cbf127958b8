//! The network edge, against real sockets.

mod egress;
