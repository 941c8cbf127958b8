//! Who asks, under which number, as part of which trace.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use iron_primitives::{Environment, RequestId};

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What the edge knows about a request; an extension of each one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestContext {
    /// The number under which the client, the log and the records know the request.
    pub id: RequestId,
    /// Our place in the trace: the caller's trace, or a new one.
    pub trace: TraceContext,
    /// The client's address, if the request came over a socket: that of the connection, or what
    /// trusted proxies say.
    pub address: Option<IpAddr>,
}

impl RequestContext {
    /// Reads the context from the head of a request; what is absent or malformed is made anew.
    pub fn read(headers: &http::HeaderMap, peer: Option<Peer>, environment: &Environment) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
        };
        let id = text("x-request-id").and_then(|id| id.parse().ok());
        let trace = text("traceparent").and_then(|parent| parent.parse::<TraceContext>().ok());
        RequestContext {
            id: id.unwrap_or_else(|| environment.new_id()),
            trace: match trace {
                Some(parent) => parent.child(environment),
                None => TraceContext::new(environment),
            },
            address: peer.map(|peer| peer.0.ip().to_canonical()),
        }
    }

    /// What one client is counted by: its IPv4 address, or the /64 of its IPv6 address.
    pub fn address_group(&self) -> IpAddr {
        match self.address {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Some(address) => address,
            None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }
}

/// A W3C trace context: the trace, the present span, and whether it is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

/// The text is not a `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `00-<32 hex>-<16 hex>-<2 hex>`")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// A new trace, not sampled.
    pub fn new(environment: &Environment) -> Self {
        TraceContext {
            trace: u128::from_be_bytes(environment.random()).max(1),
            span: u64::from_be_bytes(environment.random()).max(1),
            flags: 0,
        }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self, environment: &Environment) -> Self {
        TraceContext {
            span: u64::from_be_bytes(environment.random()).max(1),
            ..self
        }
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// The `traceparent` header's value.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace, self.span, self.flags
        )
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;
    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let lower = |part: &str, length| {
            part.len() == length
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(InvalidTraceparent);
        };
        if !lower(trace, 32) || !lower(span, 16) || !lower(flags, 2) {
            return Err(InvalidTraceparent);
        }
        let invalid = |_| InvalidTraceparent;
        let context = TraceContext {
            trace: u128::from_str_radix(trace, 16).map_err(invalid)?,
            span: u64::from_str_radix(span, 16).map_err(invalid)?,
            flags: u8::from_str_radix(flags, 16).map_err(invalid)?,
        };
        if context.trace == 0 || context.span == 0 {
            Err(InvalidTraceparent)
        } else {
            Ok(context)
        }
    }
}

/// Says, among the extensions of an answer, that the request has led to nothing: it may be sent again
/// with the same idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NothingDone;

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_reads_back_what_it_prints() {
        let context: TraceContext = PARENT.parse().expect("well-formed");
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn malformed_traceparents_are_refused() {
        for wrong in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(
                wrong.parse::<TraceContext>(),
                Err(InvalidTraceparent),
                "{wrong}"
            );
        }
    }
}
