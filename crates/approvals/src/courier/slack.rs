//! What an incoming webhook of Slack understands.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use iron_net::egress::{AddressRules, Outgoing};
use serde_json::{Value, json};

use super::Parcel;
use super::outcome::Failed;
use crate::Topic;
use crate::channels::address;
use crate::notice::Said;

/// Slack shows no more of one block.
const MOST_OF_A_BLOCK: usize = 3_000;

pub(super) fn request(
    rules: AddressRules,
    url: &str,
    parcel: &Parcel,
    interactive: bool,
) -> Result<Outgoing, Failed> {
    let uri = address(rules, url).map_err(|error| Failed::finally(error.to_string()))?;
    let asks = interactive && parcel.topic == Topic::ApprovalRequested;
    let approval = parcel.said.data.get("approval_id").and_then(Value::as_str);
    let body = match approval.filter(|_| asks) {
        Some(approval) => with_buttons(&text(&parcel.said), approval).to_string(),
        None => json!({ "text": text(&parcel.said) }).to_string(),
    };
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    Ok(Outgoing {
        method: Method::POST,
        uri,
        headers,
        body: Bytes::from(body),
    })
}

/// The text with a button for each answer; `text` is what is read out and stands in notifications.
fn with_buttons(text: &str, approval: &str) -> Value {
    let button = |action: &str, label: &str, style: &str| {
        json!({
            "type": "button",
            "action_id": action,
            "value": approval,
            "style": style,
            "text": { "type": "plain_text", "text": label },
        })
    };
    let shown: String = text.chars().take(MOST_OF_A_BLOCK).collect();
    json!({
        "text": text,
        "blocks": [
            { "type": "section", "text": { "type": "mrkdwn", "text": shown } },
            {
                "type": "actions",
                "elements": [
                    button("approve", "Approve", "primary"),
                    button("deny", "Deny", "danger"),
                ],
            },
        ],
    })
}

fn text(said: &Said) -> String {
    let mut text = format!("*{}*", escaped(&said.title));
    for (name, value) in &said.facts {
        text.push_str(&format!("\n{}: {}", escaped(name), escaped(value)));
    }
    text
}

/// Slack reads `<!channel>`, `<@U1>` and `<https://…|…>` as commands, unless these three are
/// escaped.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use crate::{Notice, Topic};

    use super::*;

    #[test]
    fn nobody_is_shouted_at_by_the_name_of_an_agent() {
        let notice = Notice::new(Topic::BudgetWarning, "agent <!channel> & co")
            .fact("use", "<https://evil.example|click>");
        let shown = text(&notice.said);
        assert_eq!(
            shown,
            "*agent &lt;!channel&gt; &amp; co*\nuse: &lt;https://evil.example|click&gt;"
        );
    }
}
