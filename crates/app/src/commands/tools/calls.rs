//! `iron tools calls`.

use iron_sdk::Client;
use iron_sdk::tool_calls::{ToolCallQuery, ToolCallView, ToolDecisionWord};

use crate::args::Tools;
use crate::commands::resolve::agent;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Tools, client: &Client, console: Console) -> Outcome {
    let Tools::Calls {
        agent: by,
        tool,
        decision,
        conversation,
        from,
        to,
        paging,
    } = verb
    else {
        return Ok(());
    };
    let query = ToolCallQuery {
        page: Some(paging.page),
        per_page: Some(paging.per_page),
        agent_id: match by {
            Some(name) => Some(agent(client, &name).await?),
            None => None,
        },
        tool,
        decision: decision.as_deref().map(word).transpose()?,
        conversation_id: conversation,
        start_date: from,
        end_date: to,
    };
    let list = client.list_tool_calls(&query).await?;
    console.show(&list, || table(console, &list.data))
}

fn word(text: &str) -> Outcome<ToolDecisionWord> {
    ToolDecisionWord::from_word(text).ok_or_else(|| {
        let words = ToolDecisionWord::ALL.iter().map(|word| word.as_str());
        let words = words.collect::<Vec<_>>().join(", ");
        Failure::usage(format!("`--decision` is one of {words}"))
    })
}

fn table(console: Console, calls: &[ToolCallView]) -> String {
    let rows = calls.iter().map(|one| {
        let result = one.result.as_ref().map(|result| result.status.clone());
        vec![
            one.started_at.to_string(),
            one.agent_id.to_string(),
            one.tool.clone(),
            one.decision.as_str().to_owned(),
            one.code.clone().unwrap_or_else(|| one.rules.join(", ")),
            result.unwrap_or_default(),
            one.cost.to_string(),
            one.id.to_string(),
        ]
    });
    let headings = [
        "started", "agent", "tool", "decision", "because", "result", "cost", "call",
    ];
    console.table(&headings, rows.collect())
}
