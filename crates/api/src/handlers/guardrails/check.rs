//! What guardrails say about a text, for people and for agents.

use axum::extract::State;
use iron_guard::{Judgement, Pseudonyms, Verdict};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_rules::{Chosen, Named};
use iron_runtime::authority::Guardrails;
use iron_sdk::guardrails::{CheckGuardrails, GuardrailsChecked, TextTooLong};

use crate::agent::{Agent, Asker};
use crate::answer::Answer;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Input;
use crate::state::Api;
use crate::view;

/// Checks a text, as if it stood in a call; nothing is recorded, and the text is kept nowhere.
///
/// People check by the profile that they name, or by the default of the tenant. A token of an agent
/// (`ic_…`) checks by the agent's own profile, and counts for its team and for the day of its tenant
/// as a call does.
#[utoipa::path(post, path = "/guardrails/check", tag = "guardrails",
    request_body = CheckGuardrails, responses(
    (status = 200, description = "What would become of the text", body = GuardrailsChecked),
))]
pub(crate) async fn check_guardrails(
    State(api): State<Api>,
    asker: Asker,
    Input(body): Input<CheckGuardrails>,
) -> Result<Answer<GuardrailsChecked>, Failure> {
    let channel = view::channel_of(body.direction, body.channel)?;
    let chosen = match &asker {
        Asker::Person(caller) => of_person(&api, caller, &body).await?,
        Asker::Agent(agent) => of_agent(&api, agent, &body).await?,
    };
    let text = body.text;
    let begun = api.environment.boot();
    let guard = api.profiles.guard(&chosen).await?;
    // A long text takes milliseconds, in which nobody else should wait.
    let judging = tokio::task::spawn_blocking(move || {
        let judgement = guard.judge(&text, channel, &mut Pseudonyms::default());
        let of_user = channel == iron_guard::Channel::User;
        let too_long = guard.too_long(&text).filter(|_| of_user);
        (text, judgement, too_long)
    });
    let (text, judgement, too_long) = judging.await.map_err(Problem::internal)?;
    let took = api.environment.boot().since(begun);
    let too_long = too_long.map(|(chars, most)| TextTooLong {
        chars: u64::try_from(chars).unwrap_or(u64::MAX),
        most: u64::try_from(most).unwrap_or(u64::MAX),
    });
    Ok(Answer(GuardrailsChecked {
        verdict: view::verdict_word(verdict(&judgement, too_long)),
        severity: view::gravest(&judgement),
        findings: view::findings(&text, &judgement),
        too_long,
        text: judgement.apply(&text).into_owned(),
        profile_id: chosen.id,
        profile_version: chosen.version,
        took_ms: milliseconds(took),
    }))
}

fn verdict(judgement: &Judgement, too_long: Option<TextTooLong>) -> Verdict {
    match too_long {
        Some(_) => Verdict::Block,
        None => judgement.verdict(),
    }
}

/// The profile by which a person checks.
async fn of_person(api: &Api, caller: &Caller, body: &CheckGuardrails) -> Result<Chosen, Failure> {
    let authorised = caller.may(Permission::GuardrailRead)?;
    match body.profile_id {
        Some(id) => {
            let profile = api.profiles.get(&authorised, id).await?;
            Ok(Chosen::from(profile))
        }
        None => {
            let named = Named::default();
            Ok(api.profiles.chosen(authorised.tenant, named).await?)
        }
    }
}

/// The profile by which an agent's texts are judged, if it may call at all.
async fn of_agent(api: &Api, agent: &Agent, body: &CheckGuardrails) -> Result<Chosen, Failure> {
    agent.may_act()?;
    if body.profile_id.is_some() {
        let problem = "an agent is checked by its own profile; leave it out";
        return Err(Problem::field("profile_id", problem).into());
    }
    api.count_agent(agent).await?;
    let Guardrails {
        profile_id,
        version,
        profile,
    } = agent.principal().guardrails.clone();
    Ok(Chosen {
        id: profile_id,
        version,
        profile,
    })
}

fn milliseconds(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 1_000_000.0).round() / 1000.0
}
