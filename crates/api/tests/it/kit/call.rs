//! A request in a line, and its answer.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use iron_net::{ClientCertificate, Peer};
use iron_primitives::Id;
use iron_primitives::UserId;
use serde_json::Value;
use tower::ServiceExt as _;

use super::World;

/// Somebody who has signed in.
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) token: String,
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    pub(super) world: &'a World,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<IpAddr>,
    pub(super) certificate: Option<ClientCertificate>,
    pub(super) body: Vec<u8>,
}

impl Call<'_> {
    pub(crate) fn by(self, user: &User) -> Self {
        let value = format!("Bearer {}", user.token);
        self.header("authorization", &value)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// Over a connection from this address.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.peer = Some(address.parse().unwrap());
        self
    }

    /// Over a connection whose client has shown this certificate.
    pub(crate) fn showing(mut self, certificate: ClientCertificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    pub(crate) fn raw(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers
            .insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .body(Body::from(self.body));
        *request.as_mut().unwrap().headers_mut() = self.headers;
        if let Some(address) = self.peer {
            let peer = Peer(SocketAddr::new(address, 4_000));
            request.as_mut().unwrap().extensions_mut().insert(peer);
        }
        if let Some(certificate) = self.certificate {
            request
                .as_mut()
                .unwrap()
                .extensions_mut()
                .insert(certificate);
        }
        let response = self
            .world
            .router
            .clone()
            .oneshot(request.unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 * 1024 * 1024).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Reply {
    /// Insists on a status and, for an error, its code.
    #[track_caller]
    pub(crate) fn is(self, status: u16, code: &str) -> Self {
        let found = self.body["error"]["code"].as_str().unwrap_or_default();
        assert_eq!(
            (self.status.as_u16(), found),
            (status, code),
            "{}",
            self.text
        );
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.is(200, "")
    }

    /// The problem with a field.
    #[track_caller]
    pub(crate) fn field(&self, path: &str) -> &str {
        let found = self.body["error"]["fields"][path].as_str();
        found.unwrap_or_else(|| panic!("no problem with `{path}` in {}", self.text))
    }

    #[track_caller]
    pub(crate) fn text_of(&self, field: &str) -> &str {
        self.body[field]
            .as_str()
            .unwrap_or_else(|| panic!("no `{field}` in {}", self.text))
    }

    #[track_caller]
    pub(crate) fn id<I: Id>(&self, field: &str) -> I {
        self.text_of(field).parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn head(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no `{name}`"))
            .to_str()
            .unwrap()
    }
}
