//! The pooled client.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use super::{AddressRules, Answer};

/// How the client is set up.
#[derive(Debug, Clone)]
pub struct EgressOptions {
    /// Which addresses may be called.
    pub rules: AddressRules,
    /// How long a connection may take, the TLS handshake included.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub keep_alive: Duration,
    /// How many unused connections are kept for one host.
    pub idle_connections_per_host: usize,
    /// The `User-Agent`.
    pub user_agent: HeaderValue,
}

impl Default for EgressOptions {
    fn default() -> Self {
        EgressOptions {
            rules: AddressRules::default(),
            connect_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(60),
            idle_connections_per_host: 512,
            user_agent: HeaderValue::from_static(concat!("iron-cage/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// How long one call may wait, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the start of the call to the head of the answer.
    pub first_byte: Duration,
    /// Between two chunks of the answer.
    pub idle: Duration,
}

/// A request on its way out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The whole address, made by [`super::BaseUrl::join`].
    pub uri: Uri,
    /// The headers that were decided to leave.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection came about; not a byte of the request was sent.
    #[error("no connection")]
    NotConnected(#[source] hyper_util::client::legacy::Error),
    /// The request may have been sent, but no head came back in time.
    #[error("no answer within {} ms", limit.as_millis())]
    FirstByte {
        /// The limit for the head of the answer.
        limit: Duration,
    },
    /// The request may have been sent, but the connection broke.
    #[error("the connection broke before the answer")]
    Broken(#[source] hyper_util::client::legacy::Error),
    /// The parts do not make a request; nothing was sent.
    #[error("not a request")]
    NotARequest(#[source] http::Error),
}

impl SendError {
    /// Whether no byte of the request can have reached the peer.
    pub fn nothing_was_sent(&self) -> bool {
        matches!(self, SendError::NotConnected(_) | SendError::NotARequest(_))
    }
}

/// The client; cheap to clone, all clones share one pool.
#[derive(Clone)]
pub struct Egress {
    client: Client<Connector, Sending>,
    options: Arc<EgressOptions>,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Egress {
    /// A client with an empty pool.
    ///
    /// # Errors
    /// If the cryptographic provider offers no usable protocol version.
    pub fn new(options: EgressOptions) -> Result<Self, rustls::Error> {
        let resolver = GuardedResolver {
            inner: GaiResolver::new(),
            rules: options.rules,
        };
        let mut http = HttpConnector::new_with_resolver(resolver);
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(options.keep_alive));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.keep_alive)
            .pool_max_idle_per_host(options.idle_connections_per_host)
            .http2_adaptive_window(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(Duration::from_secs(10))
            .build(Connector {
                inner: https,
                limit: options.connect_timeout,
            });
        Ok(Egress {
            client,
            options: Arc::new(options),
        })
    }

    /// Which addresses may be called.
    pub fn rules(&self) -> AddressRules {
        self.options.rules
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// A connection from the pool that turns out to be closed before anything was written
    /// to it is replaced without a word.
    ///
    /// # Errors
    /// [`SendError`] tells whether anything can have been sent.
    pub async fn send(&self, mut outgoing: Outgoing, wait: Timeouts) -> Result<Answer, SendError> {
        let body = Either::Left(Full::new(std::mem::take(&mut outgoing.body)));
        self.put(outgoing, body, wait).await
    }

    /// As [`Egress::send`], with a body that comes while it is sent; that of `outgoing` is left
    /// out. A body that fails breaks the connection.
    ///
    /// # Errors
    /// [`SendError`] tells whether anything can have been sent.
    pub async fn send_stream<B>(
        &self,
        outgoing: Outgoing,
        body: B,
        wait: Timeouts,
    ) -> Result<Answer, SendError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxedError>,
    {
        let body = body.map_err(Into::into).boxed_unsync();
        self.put(outgoing, Either::Right(body), wait).await
    }

    async fn put(
        &self,
        outgoing: Outgoing,
        body: Sending,
        wait: Timeouts,
    ) -> Result<Answer, SendError> {
        let mut request = Request::builder()
            .method(outgoing.method)
            .uri(outgoing.uri)
            .body(body)
            .map_err(SendError::NotARequest)?;
        *request.headers_mut() = outgoing.headers;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, self.options.user_agent.clone());
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        match tokio::time::timeout(wait.first_byte, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(Answer::new(response, wait.idle)),
            Ok(Err(error)) if error.is_connect() => Err(SendError::NotConnected(error)),
            Ok(Err(error)) => Err(SendError::Broken(error)),
            Err(_) => Err(SendError::FirstByte {
                limit: wait.first_byte,
            }),
        }
    }
}

type BoxedError = Box<dyn Error + Send + Sync>;
/// What is here, or what comes while it is sent.
type Sending = Either<Full<Bytes>, UnsyncBoxBody<Bytes, BoxedError>>;
type Inner = HttpsConnector<HttpConnector<GuardedResolver>>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxedError>> + Send>>;

/// Connects, TLS included, within a limit.
#[derive(Clone)]
struct Connector {
    inner: Inner,
    limit: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", limit.as_millis())]
struct ConnectTimeout {
    limit: Duration,
}

impl Service<Uri> for Connector {
    type Response = <Inner as Service<Uri>>::Response;
    type Error = BoxedError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxedError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = self.limit;
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            tokio::time::timeout(limit, connecting)
                .await
                .unwrap_or_else(|_| Err(Box::new(ConnectTimeout { limit })))
        })
    }
}

/// Resolves names and drops the addresses that may not be called.
#[derive(Clone)]
struct GuardedResolver {
    inner: GaiResolver,
    rules: AddressRules,
}

#[derive(Debug, thiserror::Error)]
#[error("the name resolves only to addresses that may not be called")]
struct ForbiddenAddress;

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxedError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxedError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let rules = self.rules;
        let host = name.as_str().to_owned();
        let resolving = self.inner.call(name);
        Box::pin(async move {
            let admitted: Vec<SocketAddr> = resolving
                .await?
                .filter(|found| rules.admit(&host, found.ip()))
                .collect();
            if admitted.is_empty() {
                return Err(Box::new(ForbiddenAddress) as BoxedError);
            }
            Ok(admitted.into_iter())
        })
    }
}
