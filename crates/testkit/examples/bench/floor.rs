//! The floor: a hyper proxy that passes bytes through and does nothing else.

use std::convert::Infallible;
use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Serves until the process ends.
pub(crate) async fn run(listen: SocketAddr, upstream: String) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(listen).await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    let upstream: &'static str = upstream.leak();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let client = client.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| pass(client.clone(), upstream, request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn pass(
    client: Client<HttpConnector, Incoming>,
    upstream: &'static str,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Infallible> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::builder()
        .scheme("http")
        .authority(upstream)
        .path_and_query(path)
        .build()
        .unwrap();
    Ok(client.request(request).await.expect("the upstream answers"))
}
