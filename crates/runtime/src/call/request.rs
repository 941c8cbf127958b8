//! What a caller brings.

use bytes::Bytes;
use http::HeaderMap;
use iron_llm::Dialect;
use iron_primitives::RequestId;

/// A request that wants to be governed.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// Names the call; unique.
    pub id: RequestId,
    /// The number under which the edge and the client know the request, if it is another.
    pub edge_id: Option<RequestId>,
    /// The route it came by.
    pub dialect: Dialect,
    /// All its headers; which of them go on is not for the caller to say.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub body: Bytes,
    /// What the client says about it.
    pub attribution: Attribution,
    /// The W3C trace id.
    pub trace: Option<String>,
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
