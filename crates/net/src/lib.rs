//! The HTTP edge, in and out.
//!
//! **Ingress** is what every request passes whichever face of the server it is for:
//! [`server::serve`] accepts connections with limits on their number, heads and patience and
//! drains them at the end; [`edge::wrap`] gives each request a number and a place in a trace,
//! catches panics and writes the causes of server errors to the log; [`problem::Problem`] is
//! the one shape of errors; [`rate`] counts requests in sliding windows; [`body`] reads bodies
//! with an end.
//!
//! [`tls`] encrypts connections and says which certificate their clients have shown.
//!
//! **Egress** ([`egress`]) is the pooled client for providers, with time limits on connecting,
//! on the first byte and between bytes; [`breaker`] leaves peers alone that do not answer. [`sealing`] keeps secrets for one process far away from
//! whoever carries them.
//!
//! Invariants: every answer carries `X-Request-Id`; a message to a client never holds a
//! cause; a client can hold neither a connection without speaking nor memory without bound.
//!
//! ```
//! use std::time::Duration;
//!
//! use iron_net::rate::{Quota, RateLimiter, Verdict};
//! use iron_primitives::{BootInstant, Timestamp};
//!
//! let limiter = RateLimiter::new(Quota { per_minute: 1, ..Quota::default() });
//! let (boot, now) = (BootInstant::from_nanos(5_000_000_000), Timestamp::from_seconds(1_000));
//! let (verdict, standing) = limiter.check("ada", boot, now);
//! assert_eq!(verdict, Verdict::Admitted { wait: Duration::ZERO });
//! assert_eq!(standing.map(|standing| standing.remaining), Some(0));
//! let (verdict, _) = limiter.check("ada", boot, now);
//! assert!(matches!(verdict, Verdict::Refused { .. }));
//! ```

pub mod body;
pub mod breaker;
pub mod context;
pub mod edge;
pub mod egress;
pub mod problem;
mod proxies;
pub mod rate;
pub mod sealing;
pub mod server;
pub mod tls;

pub use context::{Peer, RequestContext, TraceContext};
pub use problem::Problem;
pub use proxies::{InvalidNetwork, TrustedProxies};
pub use server::{Drained, ServerConfig, serve};
pub use tls::{ClientCertificate, ServerTls};
