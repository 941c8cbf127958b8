//! What a caller brings.

use bytes::Bytes;
use http::{HeaderMap, Method};
use iron_llm::{Address, Dialect};
use iron_primitives::{ProviderId, RequestId};

/// A request that wants to be governed.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// Names the call; unique.
    pub id: RequestId,
    /// The number under which the edge and the client know the request, if it is another.
    pub edge_id: Option<RequestId>,
    /// The route it came by.
    pub dialect: Dialect,
    /// The provider that it names, if it came by that one's own route.
    pub passing: Option<Box<Passing>>,
    /// All its headers; which of them go on is not for the caller to say.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub body: Bytes,
    /// What the client says about it.
    pub attribution: Attribution,
    /// The W3C trace id.
    pub trace: Option<String>,
}

/// A route of a provider that a request names.
#[derive(Debug, Clone)]
pub struct Passing {
    /// The provider.
    pub provider: ProviderId,
    /// The method.
    pub method: Method,
    /// The path below the provider's address, as [`iron_llm::Passage::of`] has taken it.
    pub path: String,
    /// The query, without what could be a credential.
    pub query: Option<String>,
    /// What the address says in Gemini's dialect.
    pub address: Option<Address>,
}

impl Passing {
    /// What the price of a route is found by, and what it is called in records.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// What the client says about a call in headers; it decides nothing and is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribution {
    /// For whom the call is made.
    pub end_user: Option<String>,
    /// To which thread it belongs.
    pub conversation: Option<String>,
    /// What is being done.
    pub operation: Option<String>,
    /// Free labels.
    pub tags: Vec<String>,
}
