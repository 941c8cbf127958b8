//! The typed client: what the command line and the tests speak with; one method for each
//! operation, under the operation's own name.

mod access;
mod agents;
mod analytics;
mod approvals;
mod budget_requests;
mod catalog;
mod error;
mod guardrails;
mod notifications;
mod people;
mod pools;
mod reconciliations;
mod records;
mod runtimes;
mod settings;
mod teams;
mod tools;
mod transport;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use iron_primitives::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::{Error, Refused};
pub use settings::SettingsOf;
pub use transport::Transport;

/// How often a read is tried in all.
const READ_ATTEMPTS: u32 = 3;
/// The longest answer that is read.
const MOST_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long a file may take.
const MOST_DOWNLOAD: Duration = Duration::from_secs(3600);

/// Fetches a fresh access token when the present one has expired; none if there is no way.
pub type Refresher =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Secret>> + Send>> + Send + Sync>;

/// A client of one control plane; cheap to clone, shared credential.
///
/// Reads are repeated when the server cannot be reached or says that it is unavailable;
/// nothing else ever is, except after a `TOKEN_EXPIRED`, which says that nothing was done.
#[derive(Clone)]
pub struct Client {
    base: String,
    patience: Duration,
    http: Arc<RwLock<reqwest::Client>>,
    credential: Arc<RwLock<Option<Secret>>>,
    refresher: Option<Refresher>,
}

/// One request: method, path below `/api/v1`, query and body.
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    idempotency_key: Option<String>,
    unwritable: Option<serde_json::Error>,
}

impl Call {
    fn new(method: Method, path: &str) -> Self {
        Call {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            body: None,
            idempotency_key: None,
            unwritable: None,
        }
    }

    /// Adds the fields of a flat object as parameters.
    fn query(mut self, query: &impl Serialize) -> Self {
        match serde_json::to_value(query) {
            Ok(serde_json::Value::Object(fields)) => {
                self.query
                    .extend(fields.into_iter().map(|(name, value)| match value {
                        serde_json::Value::String(text) => (name, text),
                        other => (name, other.to_string()),
                    }));
            }
            Ok(_) => {}
            Err(error) => self.unwritable = Some(error),
        }
        self
    }

    /// Under this key the operation is done once.
    fn once(mut self, key: Option<&str>) -> Self {
        self.idempotency_key = key.map(str::to_owned);
        self
    }

    fn body(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => self.body = Some(bytes),
            Err(error) => self.unwritable = Some(error),
        }
        self
    }
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    // A dot is escaped too, or `..` would climb.
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut escaped, byte| {
            if keep(byte) {
                escaped.push(char::from(byte));
            } else {
                escaped.push_str(&format!("%{byte:02X}"));
            }
            escaped
        })
}

impl Client {
    /// A client for the server at this address, such as `http://127.0.0.1:4000`.
    ///
    /// # Errors
    /// [`Error::Setup`] if the platform offers no way to make connections.
    pub fn new(address: &str) -> Result<Self, Error> {
        Client::with_patience(address, Duration::from_secs(60))
    }

    /// As [`Client::new`], for callers that wait no longer than this for an answer.
    ///
    /// # Errors
    /// [`Error::Setup`] if the platform offers no way to make connections.
    pub fn with_patience(address: &str, patience: Duration) -> Result<Self, Error> {
        Client::over(address, patience, &Transport::default())
    }

    /// As [`Client::with_patience`], with certificates of one's own.
    ///
    /// # Errors
    /// [`Error::Setup`] if the certificates do not read.
    pub fn over(address: &str, patience: Duration, transport: &Transport) -> Result<Self, Error> {
        let base = format!("{}/api/v1", address.trim_end_matches('/'));
        Ok(Client {
            base,
            patience,
            http: Arc::new(RwLock::new(transport.client(patience)?)),
            credential: Arc::default(),
            refresher: None,
        })
    }

    /// Uses this access token or API token from now on; clones of the client too.
    #[must_use]
    pub fn with_credential(self, credential: Secret) -> Self {
        self.set_credential(Some(credential));
        self
    }

    /// Replaces the credential.
    pub fn set_credential(&self, credential: Option<Secret>) {
        *self
            .credential
            .write()
            .unwrap_or_else(PoisonError::into_inner) = credential;
    }

    /// Makes new connections with these certificates from now on; clones of the client too.
    ///
    /// # Errors
    /// [`Error::Setup`] if the certificates do not read; then those before are used on.
    pub fn set_transport(&self, transport: &Transport) -> Result<(), Error> {
        let http = transport.client(self.patience)?;
        *self.http.write().unwrap_or_else(PoisonError::into_inner) = http;
        Ok(())
    }

    /// Asks this for a fresh access token when the present one has expired.
    #[must_use]
    pub fn with_refresher(mut self, refresher: Refresher) -> Self {
        self.refresher = Some(refresher);
        self
    }

    /// Sends a request, repeats it where that is safe, and reads the answer.
    async fn send<T: DeserializeOwned>(&self, mut call: Call) -> Result<T, Error> {
        if let Some(error) = call.unwritable.take() {
            return Err(Error::Unwritable(error));
        }
        let mut attempt = 1;
        let mut refreshed = false;
        loop {
            let error = match self.attempt(&call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = if !refreshed && error.is_code("TOKEN_EXPIRED") && self.renew().await {
                refreshed = true;
                Duration::ZERO
            } else if call.method == Method::GET && attempt < READ_ATTEMPTS && error.is_passing() {
                Duration::from_millis(100) * 4_u32.pow(attempt - 1)
            } else {
                return Err(error);
            };
            attempt += 1;
            tokio::time::sleep(pause).await;
        }
    }

    async fn renew(&self) -> bool {
        let Some(refresher) = &self.refresher else {
            return false;
        };
        let fresh = refresher().await;
        let got_one = fresh.is_some();
        if got_one {
            self.set_credential(fresh);
        }
        got_one
    }

    async fn attempt<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let (status, body) = self.answer(call).await?;
        serde_json::from_slice(&body).map_err(|source| Error::Unreadable {
            status: status.as_u16(),
            source,
        })
    }

    /// A file, as it comes.
    async fn download(&self, mut call: Call) -> Result<Download, Error> {
        if let Some(error) = call.unwritable.take() {
            return Err(Error::Unwritable(error));
        }
        let patience = Some(MOST_DOWNLOAD);
        let mut answer = self.begin(&call, patience).await;
        if let Err(error) = &answer
            && error.is_code("TOKEN_EXPIRED")
            && self.renew().await
        {
            answer = self.begin(&call, patience).await;
        }
        answer.map(|response| Download { response })
    }

    /// The body of an answer that is no refusal.
    async fn answer(&self, call: &Call) -> Result<(StatusCode, Bytes), Error> {
        let response = self.begin(call, None).await?;
        let status = response.status();
        Ok((status, whole(response).await?))
    }

    /// The head of an answer that is no refusal.
    async fn begin(&self, call: &Call, patience: Option<Duration>) -> Result<Response, Error> {
        let url = format!("{}{}", self.base, call.path);
        let http = self
            .http
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut request = http.request(call.method.clone(), url).query(&call.query);
        if let Some(patience) = patience {
            request = request.timeout(patience);
        }
        if let Some(value) = self.authorization() {
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() || is_report(status, &call.path) {
            return Ok(response);
        }
        let headers = response.headers().clone();
        Err(Error::from_answer(
            status,
            &headers,
            &whole(response).await?,
        ))
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let credential = self
            .credential
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let text = format!("Bearer {}", credential.as_ref()?.expose());
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// A file that is being received.
#[derive(Debug)]
pub struct Download {
    response: Response,
}

impl Download {
    /// The next piece; none at the end of the file.
    ///
    /// # Errors
    /// [`Error`], if the file broke off: what was received is not the whole of it.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(self.response.chunk().await?)
    }
}

async fn whole(mut response: Response) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await? {
        if body.len() + piece.len() > MOST_ANSWER_BYTES {
            return Err(Error::TooLong {
                limit_bytes: MOST_ANSWER_BYTES,
            });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// An unhealthy server answers 503 with the same report as a healthy one.
fn is_report(status: StatusCode, path: &str) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE && path == "/health"
}

/// A header as text.
fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(segment("meta/llama-3.1"), "meta%2Fllama-3%2E1");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("gpt-5"), "gpt-5");
    }

    #[test]
    fn a_client_does_not_show_its_credential() {
        let client = Client::new("http://localhost:1")
            .expect("a client")
            .with_credential(Secret::new("at_secret".to_owned()));
        assert!(!format!("{client:?}").contains("secret"));
    }
}
