//! The page behind the link in a letter. Opening it decides nothing, since scanners of mail open
//! every link there is; the form on it does.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, StatusCode, header};
use iron_approvals::{Approval, Letter, Ruling, Way};
use iron_audit::{Credential, RequestFacts};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{ApprovalId, ErrorKind};
use iron_sdk::approvals::{ApprovalLinkForm, ApprovalLinkQuery, ApprovalVerdict};
use iron_store::bound_to;

use super::answers::{shortened, text};
use crate::caller::Facts;
use crate::failure::Failure;
use crate::input::{Params, PathId};
use crate::state::Api;
use crate::view;

/// The page behind the link in a letter: what is asked, and a form to decide it.
#[utoipa::path(get, path = "/approvals/{approval_id}/link", tag = "approvals",
    params(("approval_id" = ApprovalId, Path, description = "The approval"), ApprovalLinkQuery),
    responses((status = 200, description = "A page", body = String, content_type = "text/html")))]
pub(crate) async fn open_approval_link(
    State(api): State<Api>,
    PathId(id): PathId<ApprovalId>,
    Params(query): Params<ApprovalLinkQuery>,
) -> Response {
    match api.approvals.open_link(id, &query.token).await {
        Ok(letter) => page(StatusCode::OK, &asked(&letter.approval, &query.token)),
        Err(error) => refused(error.into()),
    }
}

/// Decides by the link in a letter, as the person to whom it went; the link is spent then.
#[utoipa::path(post, path = "/approvals/{approval_id}/link", tag = "approvals",
    request_body(content = ApprovalLinkForm, content_type = "application/x-www-form-urlencoded"),
    params(("approval_id" = ApprovalId, Path, description = "The approval")),
    responses((status = 200, description = "A page", body = String, content_type = "text/html")))]
pub(crate) async fn decide_by_link(
    State(api): State<Api>,
    Facts(facts): Facts,
    PathId(id): PathId<ApprovalId>,
    request: Request,
) -> Response {
    match decide(&api, facts, id, request).await {
        Ok(approval) => page(StatusCode::OK, &decided(&approval)),
        Err(failure) => refused(failure),
    }
}

async fn decide(
    api: &Api,
    facts: RequestFacts,
    id: ApprovalId,
    request: Request,
) -> Result<Approval, Failure> {
    let form = form_of(&text(api, request.into_body()).await?)?;
    let letter = api.approvals.open_link(id, &form.token).await?;
    let tenant = letter.approval.tenant;
    bound_to(tenant, rule(api, facts, letter, form)).await
}

async fn rule(
    api: &Api,
    facts: RequestFacts,
    letter: Letter,
    form: ApprovalLinkForm,
) -> Result<Approval, Failure> {
    let (tenant, id) = (letter.approval.tenant, letter.approval.id);
    let credential = Credential::Letter(id);
    let caller = api.identity.vouched_for(tenant, letter.user, credential);
    let caller = caller.await?;
    let permission = Permission::ApprovalDecide;
    let authorised = api.identity.authorise(&caller, permission, facts)?;
    let comment = form.comment.filter(|comment| !comment.trim().is_empty());
    let ruling = Ruling {
        approval: id,
        email: caller.user.email,
        verdict: view::verdict_of(form.decision),
        comment: comment.map(shortened),
        way: Way::Link(letter.digest),
    };
    Ok(api.approvals.decide(&authorised, ruling).await?)
}

fn form_of(body: &str) -> Result<ApprovalLinkForm, Problem> {
    let field = |wanted: &str| {
        let mut fields = form_urlencoded::parse(body.as_bytes());
        let found = fields.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    };
    let token = field("token").ok_or_else(|| Problem::field("token", "required"))?;
    let decision = field("decision").and_then(|word| ApprovalVerdict::from_word(&word));
    Ok(ApprovalLinkForm {
        token,
        decision: decision
            .ok_or_else(|| Problem::field("decision", "expected `approve` or `deny`"))?,
        comment: field("comment"),
    })
}

fn refused(failure: Failure) -> Response {
    let problem = Problem::from(failure);
    let kind = problem.kind();
    if kind == ErrorKind::Internal || kind == ErrorKind::ServiceUnavailable {
        return problem.into_response();
    }
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let message = escaped(problem.message());
    page(status, &format!("<h1>Not decided</h1><p>{message}</p>"))
}

fn asked(approval: &Approval, token: &str) -> String {
    let arguments = serde_json::to_string_pretty(&approval.arguments).unwrap_or_default();
    let mut facts = vec![
        ("agent", approval.agent_name.clone()),
        ("tool", approval.tool.clone()),
        ("risk", approval.risk_level.to_string()),
        ("asked by", approval.rules.join(", ")),
        ("until", approval.expires_at.to_string()),
    ];
    if let Some(cost) = approval.cost {
        facts.push(("cost", format!("${cost}")));
    }
    let rows = facts
        .iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>", escaped(value)));
    let rows: String = rows.collect();
    format!(
        "<h1>May this call be made?</h1><table>{rows}</table><pre>{}</pre>\
         <form method=\"post\" action=\"link\">\
         <input type=\"hidden\" name=\"token\" value=\"{}\">\
         <p><label>Comment <input name=\"comment\" maxlength=\"1000\" size=\"50\"></label></p>\
         <button name=\"decision\" value=\"approve\">Approve</button> \
         <button name=\"decision\" value=\"deny\">Deny</button></form>",
        escaped(&arguments),
        escaped(token),
    )
}

fn decided(approval: &Approval) -> String {
    let tool = escaped(&approval.tool);
    match approval.is_pending() {
        true => format!("<h1>Noted</h1><p>The call of {tool} waits for somebody else now.</p>"),
        false => format!(
            "<h1>Decided</h1><p>The call of {tool} is {}.</p>",
            approval.status
        ),
    }
}

/// A page that runs nothing, sends its form nowhere else, and tells nobody its address.
fn page(status: StatusCode, body: &str) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (HeaderName::from_static("content-security-policy"), POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Iron Cage</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{{font:16px sans-serif;margin:2em;max-width:50em}}th{{text-align:left;\
         padding-right:1em}}pre{{background:#eee;padding:1em;white-space:pre-wrap;\
         overflow-wrap:anywhere}}button{{font:inherit;padding:.5em 1.5em}}</style></head>\
         <body>{body}</body></html>"
    );
    (status, headers, text).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_write_stays_text() {
        let hostile = "</pre><script>x</script> \" ' &amp;";
        let shown = escaped(hostile);
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
    }

    #[test]
    fn a_form_says_what_it_means_or_nothing() {
        let form = form_of("token=t&decision=deny&comment=a+b%26c").expect("a form");
        assert_eq!(form.comment.as_deref(), Some("a b&c"));
        assert_eq!(form.decision, ApprovalVerdict::Deny);
        for body in ["", "token=t", "decision=approve", "token=t&decision=yes"] {
            assert!(form_of(body).is_err(), "{body}");
        }
    }
}
