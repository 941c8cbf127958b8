//! What every request of the control plane passes, in this order:
//!
//! 1. **identify**: whose credential is it? First, because the next step counts by user.
//! 2. **rate**: is there room in his windows? Before anything that costs.
//! 3. **bind**: from here on the database shows him the rows of his tenant alone, unless the
//!    operation is one that takes no credential: what it is given says itself whose it is.
//! 4. **route**: a route that takes a credential refuses here who has none, so that nobody
//!    learns from the order of errors what he may not see.
//! 5. **query**: are the parameters those that the operation declares?
//!
//! Then comes the idempotency key, and then the handler.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, header};
use iron_net::RequestContext;
use iron_net::problem::Problem;
use iron_net::rate::{Standing, Verdict};
use iron_primitives::{ErrorKind, TenantId};
use iron_store::bound_to;

use crate::agent;
use crate::caller::{self, Caller, Who};
use crate::deprecation;
use crate::deprecation::uses::{self, Noted};
use crate::input::{self, CONTRACT};
use crate::state::Api;

/// Nobody counts it here.
const FREELY: Verdict = Verdict::Admitted {
    wait: std::time::Duration::ZERO,
};

/// Lets a request pass, or answers it.
pub(crate) async fn pass(State(api): State<Api>, request: Request, next: Next) -> Response {
    match is_exempt(request.uri().path()) {
        true => next.run(request).await,
        false => passed(api, request, next).await,
    }
}

async fn passed(api: Api, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let context = context(&api, &parts);
    // Whoever speaks the budget protocol is an agent; the token may also stand in the body.
    let protocol = agent::is_protocol(parts.uri.path());
    let asking = agent::is_asking(parts.uri.path(), &parts.headers);
    let who = match protocol || asking {
        true => agent::identify(&api, &parts.headers).await,
        false => caller::identify(&api, &parts, &context).await,
    };
    let (verdict, standing) = match (&who, protocol) {
        (Who::Nobody, true) => (FREELY, None),
        _ => count(&api, &who, &context).await,
    };
    let mut response = match verdict {
        Verdict::Refused { retry_after } => {
            api.metrics.http.rate_limited.inc();
            too_many(retry_after.as_millis().div_ceil(1000)).into_response()
        }
        Verdict::Admitted { wait } => {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let tenant = tenant_of(&who, &parts);
            parts.extensions.insert(who);
            let rest = watched(&api, parts, body, next);
            match tenant {
                Some(tenant) => bound_to(tenant, rest).await,
                None => rest.await,
            }
        }
    };
    if let Some(standing) = standing {
        standing.write_unless_told(response.headers_mut());
    }
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where the admins of the platform look at tenants that are not theirs.
const OF_THE_PLATFORM: [&str; 3] = [
    "/api/v1/tenants",
    "/api/v1/settings/system",
    "/api/v1/config",
];

/// Whose rows alone the rest of the request may see; none for what nobody known asks, for what
/// says itself whose it is, such as a password or an invitation, and for the platform's own admins
/// where they look after all tenants.
fn tenant_of(who: &Who, parts: &Parts) -> Option<TenantId> {
    let matched = parts.extensions.get::<MatchedPath>();
    if matched.is_some_and(|path| CONTRACT.is_public(&parts.method, path.as_str())) {
        return None;
    }
    let path = parts.uri.path();
    match who {
        Who::Nobody | Who::Refused(_) => None,
        Who::Known(caller) => {
            let platform = caller.known().user.platform_admin
                && OF_THE_PLATFORM.iter().any(|begin| path.starts_with(begin));
            (!platform).then(|| caller.tenant())
        }
        Who::Runtime(runner) => Some(runner.runtime().tenant),
        Who::Agent(agent) => Some(agent.principal().path.tenant),
    }
}

/// Lets it enter, and tells of what it has used that goes away.
async fn watched(api: &Api, mut parts: Parts, body: Body, next: Next) -> Response {
    let noted = Noted::default();
    parts.extensions.insert(noted.clone());
    let caller = match parts.extensions.get::<Who>() {
        Some(Who::Known(caller)) => Some(caller.clone()),
        _ => None,
    };
    let path = parts.uri.path().to_owned();
    let mut response = enter(api, parts, body, next, &noted).await;
    for deprecated in noted.taken() {
        deprecated.announce(&path, &mut response);
        uses::count(api, deprecated, caller.as_ref()).await;
    }
    response
}

/// Checks that need no body.
async fn enter(api: &Api, mut parts: Parts, body: Body, next: Next, noted: &Noted) -> Response {
    let path = parts
        .extensions
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    if let Some(deprecated) = path.and_then(|path| deprecation::operation(&parts.method, path)) {
        noted.note(deprecated);
        if deprecated.is_over(api.environment.now()) {
            return deprecated.gone().into_response();
        }
    }
    // What runtimes ask says itself that it is for them.
    let for_runtimes = matches!(parts.extensions.get::<Who>(), Some(Who::Runtime(_)))
        && path.is_some_and(|path| path.starts_with("/api/v1/runtimes/"));
    // An agent is heard in few places, and there its token was looked at.
    let for_agents = matches!(parts.extensions.get::<Who>(), Some(Who::Agent(_)));
    let elsewhere = |path: &&str| !for_runtimes && !for_agents && !agent::is_protocol(path);
    let path = path.filter(elsewhere);
    if path.is_some_and(|path| CONTRACT.needs_credential(&parts.method, path)) {
        use axum::extract::FromRequestParts as _;
        if let Err(problem) = Caller::from_request_parts(&mut parts, &()).await {
            return problem.into_response();
        }
    }
    match input::checked_query(&parts) {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

/// Probes and scrapers ask often and must get an answer.
fn is_exempt(path: &str) -> bool {
    let system = path
        .strip_prefix("/api/v1")
        .or_else(|| path.strip_prefix("/api"));
    path == "/metrics"
        || system.is_some_and(|path| {
            matches!(
                path,
                "/health" | "/health/live" | "/health/ready" | "/version"
            )
        })
}

fn context(api: &Api, parts: &Parts) -> RequestContext {
    let known = parts.extensions.get::<RequestContext>().copied();
    known.unwrap_or_else(|| RequestContext::read(&parts.headers, None, &api.environment))
}

async fn count(api: &Api, who: &Who, context: &RequestContext) -> (Verdict, Option<Standing>) {
    match who {
        Who::Known(caller) => {
            let user = &caller.known().user;
            api.count_user(user.tenant_id, caller.user()).await
        }
        // Known by its key, and asks as often as its calls need it.
        Who::Runtime(_) => (FREELY, None),
        // What an agent has spent is never refused for coming too often.
        Who::Agent(_) => (FREELY, None),
        Who::Nobody | Who::Refused(_) => api.count_address(context.address_group()).await,
    }
}

pub(crate) fn too_many(seconds: u128) -> Problem {
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    let message = format!("too many requests; try again in {seconds} s");
    Problem::new(ErrorKind::RateLimitExceeded, message)
        .detail("retry_after_seconds", seconds)
        .retry_after(seconds)
}

/// The answer to a route that does not exist.
pub(crate) async fn no_route(request: Request) -> Problem {
    let path = request.uri().path();
    let message = format!("no route `{path}`; `/api/v1/docs` lists them all");
    Problem::new(ErrorKind::ResourceNotFound, message)
        .detail("resource_type", "route")
        .detail("id", path)
}

/// The answer to a route that exists with other methods only.
pub(crate) async fn no_method(request: Request) -> Problem {
    let method = request.method();
    let message = format!("the route exists, but not with `{method}`; see the `Allow` header");
    Problem::new(ErrorKind::MethodNotAllowed, message)
}
