//! What every request passes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use iron_net::body::BodyLimit;
use iron_net::edge::{self, Edge, Observer};
use iron_net::{Problem, RequestContext, TrustedProxies};
use iron_testkit::TestEnvironment;
use tower::ServiceExt as _;

#[derive(Default)]
struct Heard {
    answers: Mutex<Vec<(String, u16)>>,
    panics: Mutex<u32>,
}

impl Observer for Heard {
    fn answered(&self, path: &str, status: u16, _took: Duration) {
        self.answers
            .lock()
            .expect("not poisoned")
            .push((path.to_owned(), status));
    }
    fn panicked(&self) {
        *self.panics.lock().expect("not poisoned") += 1;
    }
}

async fn seen(request: Request) -> String {
    let context = request
        .extensions()
        .get::<RequestContext>()
        .expect("a context");
    format!("{} {}", context.id, context.trace.trace_id())
}

async fn fails() -> Problem {
    Problem::internal(std::io::Error::other("table `users` is gone"))
}

async fn panics() -> &'static str {
    panic!("the password is hunter2")
}

async fn reads(request: Request) -> Result<String, Problem> {
    let limit = BodyLimit {
        bytes: 8,
        timeout: Duration::from_millis(50),
    };
    let body = limit.read(request.into_body()).await?;
    Ok(body.len().to_string())
}

fn router(heard: &Arc<Heard>) -> Router {
    let router = Router::new()
        .route("/seen", get(seen))
        .route("/fails", get(fails))
        .route("/panics", get(panics))
        .route("/reads", post(reads));
    let environment = TestEnvironment::new().environment;
    edge::wrap(
        router,
        Edge {
            environment,
            proxies: TrustedProxies::default(),
            observer: Some(Arc::clone(heard) as Arc<dyn Observer>),
        },
    )
}

async fn send(router: &Router, request: Request) -> (Response, String) {
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 65_536).await.expect("a body");
    (
        Response::from_parts(parts, Body::empty()),
        String::from_utf8(body.to_vec()).expect("utf-8"),
    )
}

fn get_of(path: &str) -> Request {
    Request::get(path).body(Body::empty()).expect("a request")
}

#[tokio::test]
async fn a_well_formed_request_id_and_trace_are_kept() {
    let router = router(&Arc::default());
    let id = "req_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut request = get_of("/seen");
    request
        .headers_mut()
        .insert("x-request-id", id.parse().expect("a value"));
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    request
        .headers_mut()
        .insert("traceparent", parent.parse().expect("a value"));
    let (response, body) = send(&router, request).await;
    assert_eq!(body, format!("{id} {trace}"));
    assert_eq!(response.headers()["x-request-id"], id);
    let ours = response.headers()["traceparent"].to_str().expect("ascii");
    assert!(
        ours.starts_with(&format!("00-{trace}-")) && ours != parent,
        "{ours}"
    );
}

#[tokio::test]
async fn a_malformed_request_id_is_replaced() {
    let router = router(&Arc::default());
    for wrong in [
        "7",
        "req_1",
        "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f",
        "req_;DROP",
    ] {
        let mut request = get_of("/seen");
        request
            .headers_mut()
            .insert("x-request-id", wrong.parse().expect("a value"));
        let (response, _) = send(&router, request).await;
        let given = response.headers()["x-request-id"].to_str().expect("ascii");
        assert!(
            given.starts_with("req_") && given.len() == 40 && given != wrong,
            "{given}"
        );
    }
}

#[tokio::test]
async fn causes_and_panics_stay_inside() {
    let heard = Arc::new(Heard::default());
    let router = router(&heard);
    for path in ["/fails", "/panics"] {
        let (response, body) = send(&router, get_of(path)).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key("x-request-id"));
        assert!(body.contains("INTERNAL_ERROR"), "{body}");
        assert!(
            !body.contains("users") && !body.contains("hunter2"),
            "{body}"
        );
    }
    assert_eq!(*heard.panics.lock().expect("not poisoned"), 1);
    let answers = heard.answers.lock().expect("not poisoned").clone();
    assert_eq!(
        answers,
        [("/fails".to_owned(), 500), ("/panics".to_owned(), 500)]
    );
}

#[tokio::test]
async fn bodies_end_at_the_limit_and_with_patience() {
    let router = router(&Arc::default());
    let post = |body| Request::post("/reads").body(body).expect("a request");
    let (response, body) = send(&router, post(Body::from("12345678"))).await;
    assert_eq!((response.status(), body.as_str()), (StatusCode::OK, "8"));
    let (response, _) = send(&router, post(Body::from("123456789"))).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("12345"), Ok("6789")]);
    let (response, _) = send(&router, post(Body::from_stream(chunks))).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let endless = futures_util::stream::pending::<Result<&str, std::io::Error>>();
    let (response, body) = send(&router, post(Body::from_stream(endless))).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(body.contains("did not arrive"), "{body}");
}
