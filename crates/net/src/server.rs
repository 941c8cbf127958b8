//! A server that hostile and slow clients cannot hold, and that drains before it leaves.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::header::CONNECTION;
use http::{HeaderValue, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use crate::context::Peer;
use crate::tls::{ClientCertificate, ServerTls};

/// What one server allows its clients.
#[derive(Clone)]
pub struct ServerConfig {
    /// The most connections at one time; further ones are closed at once.
    pub max_connections: usize,
    /// The most headers of one request.
    pub max_headers: usize,
    /// The most bytes of one request's head.
    pub max_head_bytes: u32,
    /// The longest that a request's head may take; also the idle time of a kept connection.
    pub head_timeout: Duration,
    /// The longest that calls under way may take after the signal to stop.
    pub drain_timeout: Duration,
    /// How connections are encrypted; not at all if there is none.
    pub tls: Option<ServerTls>,
    /// While this says so, each answer ends its connection, so that clients that keep theirs open
    /// go elsewhere before the server does.
    pub leaving: Option<Leaving>,
    /// Told when connections come, go or are refused.
    pub observer: Option<Arc<dyn ConnectionObserver>>,
}

/// Whether the server is about to stop; asked at each answer.
pub type Leaving = Arc<dyn Fn() -> bool + Send + Sync>;

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            max_connections: 10_000,
            max_headers: 100,
            max_head_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            tls: None,
            leaving: None,
            observer: None,
        }
    }
}

/// Counts connections.
pub trait ConnectionObserver: Send + Sync {
    /// A connection was accepted.
    fn opened(&self);
    /// A connection ended.
    fn closed(&self);
    /// A connection was closed at once, because there are too many.
    fn refused(&self);
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection came to its end.
    Complete,
    /// The time was up; what was still under way has been cut.
    TimedOut,
}

/// Serves HTTP/1.1 and HTTP/2 (prior knowledge) on the listener until `shutdown` resolves,
/// then stops accepting, lets requests finish, and cuts what is left after the drain time.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: ServerConfig,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let server = Server {
        builder: builder(&config),
        router,
        slots: Arc::new(Semaphore::new(config.max_connections)),
        config,
    };
    let graceful = GracefulShutdown::new();
    let mut connections = tokio::task::JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    server.welcome(stream, address, graceful.watcher(), &mut connections);
                }
                Err(error) => pause_after(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let drained = tokio::time::timeout(server.config.drain_timeout, graceful.shutdown()).await;
    connections.abort_all();
    if drained.is_ok() {
        Drained::Complete
    } else {
        Drained::TimedOut
    }
}

/// Out of file descriptors, most likely: waiting frees some, spinning does not.
async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!(%error, "cannot accept a connection; trying again in 100 ms");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn builder(config: &ServerConfig) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let head_bytes = usize::try_from(config.max_head_bytes)
        .unwrap_or(usize::MAX)
        .max(8192);
    builder
        .http1()
        .timer(TokioTimer::new())
        .max_headers(config.max_headers)
        .max_buf_size(head_bytes)
        .header_read_timeout(config.head_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(config.max_head_bytes)
        .max_concurrent_streams(250)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

struct Server {
    builder: Builder<TokioExecutor>,
    router: Router,
    slots: Arc<Semaphore>,
    config: ServerConfig,
}

impl Server {
    fn welcome(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        watcher: Watcher,
        connections: &mut tokio::task::JoinSet<()>,
    ) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            if let Some(observer) = &self.config.observer {
                observer.refused();
            }
            return;
        };
        // Answers are small and often end in a flush: never wait to fill a packet.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            builder: self.builder.clone(),
            router: self.router.clone(),
            address,
            head_timeout: self.config.head_timeout,
            tls: self.config.tls.clone(),
            leaving: self.config.leaving.clone(),
            occupied: Occupied::new(slot, self.config.observer.clone()),
        };
        connections.spawn(connection.run(stream, watcher));
    }
}

struct Connection {
    builder: Builder<TokioExecutor>,
    router: Router,
    address: SocketAddr,
    head_timeout: Duration,
    tls: Option<ServerTls>,
    leaving: Option<Leaving>,
    occupied: Occupied,
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: Watcher) {
        let Some(tls) = &self.tls else {
            return self.serve(stream, None, watcher).await;
        };
        match tokio::time::timeout(self.head_timeout, tls.accept(stream)).await {
            Ok(Ok((stream, certificate))) => self.serve(stream, certificate, watcher).await,
            // The client is told why, too.
            Ok(Err(error)) => {
                tracing::info!(client = %self.address, %error, "no TLS with a client");
            }
            Err(_) => {}
        }
    }

    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        certificate: Option<ClientCertificate>,
        watcher: Watcher,
    ) {
        let spoke = Arc::new(AtomicBool::new(false));
        let (router, address, heard) = (self.router, self.address, Arc::clone(&spoke));
        let leaving = self.leaving;
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            heard.store(true, Ordering::Relaxed);
            let mut request: Request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(Peer(address));
            if let Some(certificate) = certificate {
                request.extensions_mut().insert(certificate);
            }
            let (router, leaving) = (router.clone(), leaving.clone());
            async move {
                // HTTP/2 says goodbye by itself, once for the whole connection.
                let single = request.version() < Version::HTTP_2;
                let mut response = router.oneshot(request).await?;
                if single && leaving.is_some_and(|leaving| leaving()) {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(response)
            }
        });
        let serving = self.builder.serve_connection(TokioIo::new(stream), service);
        let serving = watcher.watch(serving.into_owned());
        tokio::pin!(serving);
        // The protocol is told by the first bytes, and waiting for these has no limit of its
        // own: a client that has not finished one head within the time is not a client.
        tokio::select! {
            _ = &mut serving => return,
            () = tokio::time::sleep(self.head_timeout) => {}
        }
        if spoke.load(Ordering::Relaxed) {
            // Errors here are clients that left or spoke nonsense: nothing to tell anyone.
            let _ = serving.await;
        }
        drop(self.occupied);
    }
}

/// One of the connections that are allowed; given back when dropped.
struct Occupied {
    _slot: OwnedSemaphorePermit,
    observer: Option<Arc<dyn ConnectionObserver>>,
}

impl Occupied {
    fn new(slot: OwnedSemaphorePermit, observer: Option<Arc<dyn ConnectionObserver>>) -> Self {
        if let Some(observer) = &observer {
            observer.opened();
        }
        Occupied {
            _slot: slot,
            observer,
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.closed();
        }
    }
}
