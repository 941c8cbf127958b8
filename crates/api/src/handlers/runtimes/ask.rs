//! What a runtime asks about its callers: who they are, whether they may go on, and the keys and
//! prices that their calls need.

use axum::extract::State;
use iron_fleet::Runtime;
use iron_net::problem::Problem;
use iron_net::sealing;
use iron_primitives::{ErrorKind, RuntimeId, Secret, TokenDigest};
use iron_runtime::authority::{AuthFailure, AuthorityError, BookCalls, End, Engaged, Principal};
use iron_runtime::remote::{bearer_of, end_word};
use iron_sdk::runtimes::{
    AskCredential, AskEnded, AskPrices, AskSubjectKey, AskToolSecret, BearerAnswer, BearerFailure,
    BookTenantCalls, CredentialAnswer, EndedAnswer, IdentifyBearer, PricesAnswer, SubjectKeyAnswer,
    TenantCallsBooked,
};

use crate::answer::Answer;
use crate::caller::Runner;
use crate::failure::Failure;
use crate::input::{Input, PathId, Upload};
use crate::state::Api;

const DAY_S: i64 = 86_400;

/// Whose token this is. What stands above its agent comes within the runtime's reach.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/bearers", tag = "runtimes",
    request_body = IdentifyBearer,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "Whose it is, or why it is not good", body = BearerAnswer),
))]
pub(crate) async fn identify_bearer(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<IdentifyBearer>,
) -> Result<Answer<BearerAnswer>, Failure> {
    let runtime = runner.enrolled(id)?;
    let digest = TokenDigest::from_bytes(bytes("digest", &body.digest)?);
    let failure = |failure| BearerAnswer {
        bearer: None,
        failure: Some(failure),
    };
    let answer = match api.far.authority.authenticate(digest).await {
        // Another tenant's token is no token here.
        Ok(principal) if principal.path.tenant != runtime.tenant => failure(BearerFailure::Unknown),
        Ok(principal) => {
            let (agent, subjects) = (principal.path.agent, subjects(&principal));
            let extended = api.far.runtimes.extend_reach(runtime, agent, subjects);
            extended.await?;
            BearerAnswer {
                bearer: Some(bearer_of(principal, &body.known_tools)),
                failure: None,
            }
        }
        Err(AuthFailure::Unknown) => failure(BearerFailure::Unknown),
        Err(AuthFailure::Expired) => failure(BearerFailure::Expired),
        Err(AuthFailure::Revoked) => failure(BearerFailure::Revoked),
        Err(AuthFailure::Unavailable) => return Err(silent(AuthorityError::Unavailable).into()),
    };
    Ok(Answer(answer))
}

/// What comes within reach with a token.
fn subjects(principal: &Principal) -> Vec<String> {
    let scopes = principal.path.scopes().map(|scope| scope.to_string());
    let routes = principal.routes.iter();
    let providers = routes.map(|route| route.provider.to_string());
    let tools = principal.tools.tools.iter();
    let tools = tools.filter(|tool| tool.secret_version.is_some());
    let tools = tools.map(|tool| tool.id.to_string());
    scopes.chain(providers).chain(tools).collect()
}

/// Whether what is under way with these tokens may go on.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/ended", tag = "runtimes",
    request_body = AskEnded,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "What has ended, in the same order", body = EndedAnswer),
))]
pub(crate) async fn ask_ended(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Upload(body): Upload<AskEnded>,
) -> Result<Answer<EndedAnswer>, Failure> {
    let runtime = runner.enrolled(id)?;
    let engaged: Vec<Engaged> = body
        .engaged
        .iter()
        .map(|one| Engaged {
            token: one.token,
            path: one.path,
            agent_ends: one.agent_ends,
        })
        .collect();
    let ends = api.far.authority.ended(&engaged).await.map_err(silent)?;
    let ends = engaged.iter().zip(ends).map(|(one, end)| {
        let ours = one.path.tenant == runtime.tenant;
        if ours { end } else { Some(End::Token) }.map(end_word)
    });
    Ok(Answer(EndedAnswer {
        ends: ends.collect(),
    }))
}

/// The key of a provider that is assigned to an agent whose token the runtime has presented.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/credentials", tag = "runtimes",
    request_body = AskCredential,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The key, sealed", body = CredentialAnswer),
))]
pub(crate) async fn ask_credential(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<AskCredential>,
) -> Result<Answer<CredentialAnswer>, Failure> {
    let runtime = runner.enrolled(id)?;
    let provider = body.provider_id;
    let asked = std::iter::once(provider.to_string()).collect();
    let runtimes = &api.far.runtimes;
    if runtimes
        .within_reach(runtime, &asked, false)
        .await?
        .is_empty()
    {
        return Err(Problem::not_found("provider", provider).into());
    }
    let found = api.far.authority.credential(runtime.tenant, provider);
    let found = found.await.map_err(silent)?;
    Ok(Answer(CredentialAnswer {
        sealed: sealed(runtime, &provider.to_string(), &found.secret)?,
        version: found.version,
    }))
}

/// The secret of a tool that is offered to an agent whose token the runtime has presented.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/tool-secrets", tag = "runtimes",
    request_body = AskToolSecret,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The secret, sealed", body = CredentialAnswer),
))]
pub(crate) async fn ask_tool_secret(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<AskToolSecret>,
) -> Result<Answer<CredentialAnswer>, Failure> {
    let runtime = runner.enrolled(id)?;
    let tool = body.tool_id;
    let asked = std::iter::once(tool.to_string()).collect();
    let runtimes = &api.far.runtimes;
    let reached = runtimes.within_reach(runtime, &asked, false).await?;
    if reached.is_empty() {
        return Err(Problem::not_found("tool", tool).into());
    }
    let found = api.far.authority.tool_secret(runtime.tenant, tool);
    let found = found.await.map_err(silent)?;
    Ok(Answer(CredentialAnswer {
        sealed: sealed(runtime, &tool.to_string(), &found.secret)?,
        version: found.version,
    }))
}

/// The key under which personal values of a data subject of the tenant are sealed in records.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/subject-keys", tag = "runtimes",
    request_body = AskSubjectKey,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The key, sealed", body = SubjectKeyAnswer),
))]
pub(crate) async fn ask_subject_key(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<AskSubjectKey>,
) -> Result<Answer<SubjectKeyAnswer>, Failure> {
    let runtime = runner.enrolled(id)?;
    let subject = bytes("subject", &body.subject)?;
    let found = api.far.authority.subject_key(runtime.tenant, subject);
    let found = found.await.map_err(silent)?;
    Ok(Answer(SubjectKeyAnswer {
        id: found.id,
        sealed: sealed(runtime, &body.subject, &Secret::new(hex::encode(found.key)))?,
    }))
}

/// Books calls of the tenant's day, ahead of need.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/calls", tag = "runtimes",
    request_body = BookTenantCalls,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "What was booked", body = TenantCallsBooked),
))]
pub(crate) async fn book_calls(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<BookTenantCalls>,
) -> Result<Answer<TenantCallsBooked>, Failure> {
    let runtime = runner.enrolled(id)?;
    let today = api.environment.now().seconds().div_euclid(DAY_S);
    if body.day.abs_diff(today) > 1 {
        let problem = format!("is not today, which is {today}; set the clock of the runtime");
        return Err(Problem::field("day", problem).into());
    }
    let ask = BookCalls {
        tenant: runtime.tenant,
        day: body.day,
        made: i64::from(body.made),
        want: body.want,
    };
    let booked = api.far.authority.book_calls(ask).await.map_err(silent)?;
    Ok(Answer(TenantCallsBooked {
        granted: booked.granted,
        booked: booked.booked,
    }))
}

/// The prices in force for the tenant, unless they are those that the runtime knows.
#[utoipa::path(post, path = "/runtimes/{runtime_id}/prices", tag = "runtimes",
    request_body = AskPrices,
    params(("runtime_id" = RuntimeId, Path, description = "The runtime")), responses(
    (status = 200, description = "The hash of the book, and the book", body = PricesAnswer),
))]
pub(crate) async fn ask_prices(
    State(api): State<Api>,
    runner: Runner,
    PathId(id): PathId<RuntimeId>,
    Input(body): Input<AskPrices>,
) -> Result<Answer<PricesAnswer>, Failure> {
    let runtime: &Runtime = runner.enrolled(id)?;
    let book = api.far.authority.prices(runtime.tenant);
    let hash = book.hash_hex();
    let is_known = body.known.as_ref() == Some(&hash);
    Ok(Answer(PricesAnswer {
        hash,
        book: (!is_known).then(|| book.to_wire()),
    }))
}

/// A secret for the process that has enrolled last, and for nobody on the way.
fn sealed(runtime: &Runtime, context: &str, secret: &Secret) -> Result<String, Problem> {
    let key = runtime.sealing_key.as_deref().unwrap_or_default();
    sealing::seal(key, context, secret).map_err(|error| {
        Problem::new(
            ErrorKind::InvalidState,
            format!("{error}; the runtime must enrol with one"),
        )
    })
}

/// Why the authority gives no answer, as a runtime is told of it.
pub(super) fn silent(error: AuthorityError) -> Problem {
    match error {
        AuthorityError::Unavailable => {
            Problem::new(ErrorKind::ServiceUnavailable, error.to_string()).retry_after(1)
        }
        AuthorityError::NotFound => Problem::new(ErrorKind::ResourceNotFound, error.to_string()),
        AuthorityError::Superseded => Problem::new(ErrorKind::InvalidState, error.to_string()),
    }
}

/// 32 bytes, written as 64 hexadecimal digits.
fn bytes(field: &'static str, text: &str) -> Result<[u8; 32], Problem> {
    let mut bytes = [0_u8; 32];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Problem::field(field, "must be 64 hexadecimal digits")),
    }
}
