//! Routes of providers under `/providers/{name}/…`, where the name is that of one of the agent's
//! providers.
//!
//! An SDK of the provider works with nothing but another base URL and the agent's token for a key.
//! What a route is, [`iron_llm::Passage`] says: one that is known is governed as our own, one that
//! is not known is sent only where its tenant has set a price for it.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use iron_llm::{Address, Dialect, ErrorShape, Kept, Passage, ProviderKind};
use iron_primitives::Refusal;
use iron_runtime::call::{
    Authenticated, BatchErrand, Errand, FileErrand, Named, Passing, Reply, StoredAction,
};

use crate::Gateway;
use crate::calls::{Asked, Visit};
use crate::credential::presented;
use crate::shape_of;

/// Names of a query under which clients send credentials.
const CREDENTIALS: [&str; 4] = ["key", "api_key", "apikey", "access_token"];

/// `/providers/{name}/{route}`, any method.
pub(crate) async fn pass(
    State(gateway): State<Gateway>,
    Path((name, _)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let shape = shape_of(&parts);
    let mut visit = Visit::new(&parts, shape, gateway.runtime.environment());
    match gateway.pass(&mut visit, &name, parts, body).await {
        Ok(reply) => visit.reader.reply(reply),
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}

/// How a request is worked on.
enum Way {
    /// As a call of a model, or of a route with a price.
    Call,
    /// As something that costs nothing.
    Errand(Errand),
    /// As something with files, whose bytes nobody holds.
    File(FileErrand),
}

impl Gateway {
    async fn pass(
        &self,
        visit: &mut Visit,
        name: &str,
        parts: Parts,
        body: axum::body::Body,
    ) -> Result<Reply, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let found = authenticated.provider(name);
        if let Some(provider) = found {
            visit.reader.shape = shape_at(provider.kind);
        }
        let (way, asked) = match found.map(|provider| way(provider, &parts)) {
            Some(Ok(found)) => found,
            Some(Err(refusal)) => {
                return Err(self.refuse(visit, parts, authenticated, refusal).await);
            }
            None => {
                let resource = "provider among those of the agent";
                let refusal = Refusal::NotFound { resource };
                return Err(self.refuse(visit, parts, authenticated, refusal).await);
            }
        };
        let errand = match way {
            Way::File(errand) => {
                return self
                    .file(visit, asked, parts, body, authenticated, errand)
                    .await;
            }
            Way::Errand(errand) => Some(errand),
            Way::Call => None,
        };
        let (authenticated, request, _room) = self
            .receive(visit, asked, parts, body, authenticated)
            .await?;
        match errand {
            None => self.runtime.call(authenticated, request).await,
            Some(errand) => self.runtime.run(authenticated, request, errand).await,
        }
    }

    /// Refuses what is not read to its end; its record tells why.
    async fn refuse(
        &self,
        visit: &Visit,
        parts: Parts,
        authenticated: Authenticated,
        refusal: Refusal,
    ) -> Refusal {
        let asked = Asked::from(Dialect::Passthrough);
        let environment = self.runtime.environment();
        let request = visit.request(asked, parts.headers, Default::default(), environment);
        self.runtime.refuse(authenticated, request, refusal).await
    }
}

/// What a request to a provider's route is, and how it is worked on.
fn way(provider: Named<'_>, parts: &Parts) -> Result<(Way, Asked), Refusal> {
    if is_upgrade(&parts.headers) {
        return Err(Refusal::InvalidField {
            field: "Upgrade".to_owned(),
            problem: "a connection that goes on in another protocol is not passed on; ask over \
                      HTTP"
                .to_owned(),
        });
    }
    if let Some(name) = guarded(provider.kind, &parts.headers) {
        return Err(Refusal::InvalidField {
            field: name.to_owned(),
            problem: "what it costs is not held, so it is not passed on; leave it out".to_owned(),
        });
    }
    let path = path_of(&parts.uri);
    let query = query_of(&parts.uri, presented(&parts.headers));
    let method = parts.method.as_str();
    let passage = Passage::of(
        provider.kind,
        provider.config,
        method,
        path,
        query.as_deref(),
    )?;
    let passing = |address: Option<Address>| {
        Some(Box::new(Passing {
            provider: provider.id,
            method: parts.method.clone(),
            path: path.to_owned(),
            query: query.clone(),
            address,
        }))
    };
    let (way, dialect, address) = match passage {
        Passage::Call { dialect, address } => (Way::Call, dialect, address),
        Passage::Priced => (Way::Call, Dialect::Passthrough, None),
        Passage::Free => {
            let dialect = provider.kind.mother_tongue(Dialect::OpenAiChat);
            (Way::Errand(Errand::Free), dialect, None)
        }
        Passage::Batch(route) => {
            let (kind, query) = (provider.kind, query.clone());
            let dialect = kind.mother_tongue(Dialect::OpenAiChat);
            let errand = BatchErrand { kind, route, query };
            (Way::Errand(Errand::Batch(errand)), dialect, None)
        }
        Passage::File(route) => {
            let (kind, query, upload) = (provider.kind, query.clone(), None);
            let dialect = kind.mother_tongue(Dialect::OpenAiChat);
            let errand = FileErrand {
                kind,
                route,
                query,
                upload,
            };
            (Way::File(errand), dialect, None)
        }
        Passage::CountTokens => {
            let errand = Errand::CountTokens;
            (Way::Errand(errand), Dialect::AnthropicMessages, None)
        }
        Passage::Stored { id, action } => {
            let (action, query) = (action_of(action), query.clone());
            let errand = Errand::Stored { action, id, query };
            (Way::Errand(errand), Dialect::OpenAiResponses, None)
        }
    };
    let passing = passing(address);
    Ok((way, Asked { dialect, passing }))
}

const fn action_of(kept: Kept) -> StoredAction {
    match kept {
        Kept::Retrieve => StoredAction::Retrieve,
        Kept::Delete => StoredAction::Delete,
        Kept::Cancel => StoredAction::Cancel,
    }
}

/// How clients of a provider read errors.
const fn shape_at(kind: ProviderKind) -> ErrorShape {
    kind.mother_tongue(Dialect::OpenAiChat).error_shape()
}

/// A header by which Bedrock is asked for more than an answer: a guardrail, another tier.
fn guarded(kind: ProviderKind, headers: &HeaderMap) -> Option<&str> {
    let mut names = headers.keys().map(http::HeaderName::as_str);
    let asks = |name: &&str| {
        name.starts_with("x-amzn-bedrock-")
            && !name.ends_with("-accept")
            && !name.ends_with("-trace")
    };
    names.find(|name| kind == ProviderKind::AwsBedrock && asks(name))
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let connection = headers.get_all(header::CONNECTION);
    let asks = |value: &http::HeaderValue| {
        let value = value.as_bytes().to_ascii_lowercase();
        value.windows(7).any(|word| word == b"upgrade")
    };
    headers.contains_key(header::UPGRADE) || connection.iter().any(asks)
}

/// The path behind the provider's name, as it was sent: nothing in it is unescaped.
fn path_of(uri: &Uri) -> &str {
    let below = uri.path().strip_prefix("/providers/").unwrap_or_default();
    below.find('/').map_or("", |at| below.split_at(at).1)
}

/// The query without what could be a credential.
fn query_of(uri: &Uri, token: Option<&str>) -> Option<String> {
    let pairs = uri.query()?.split('&');
    let harmless = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        !CREDENTIALS.contains(&name.as_str()) && token.is_none_or(|token| !pair.contains(token))
    };
    let kept: Vec<&str> = pairs.filter(harmless).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &'static str) -> Uri {
        Uri::from_static(text)
    }

    #[test]
    fn the_path_behind_the_name_is_taken_as_it_was_sent() {
        for (text, path) in [
            ("/providers/openai/v1/models", "/v1/models"),
            ("/providers/a%2Fb/v1/%2e%2e/x", "/v1/%2e%2e/x"),
            ("/providers/openai//v1", "//v1"),
            ("/providers/openai", ""),
        ] {
            assert_eq!(path_of(&uri(text)), path);
        }
    }

    #[test]
    fn no_credential_leaves_in_a_query() {
        let asked = uri("/providers/google/x?key=1&alt=sse&ACCESS_TOKEN=2&q=ic_secret&page=3");
        let kept = query_of(&asked, Some("ic_secret"));
        assert_eq!(kept.as_deref(), Some("alt=sse&page=3"));
        assert_eq!(query_of(&uri("/providers/google/x?key=1"), None), None);
    }
}
