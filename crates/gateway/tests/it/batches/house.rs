//! An agent in front of a provider that works on batches.

use iron_llm::ProviderKind::{self, Anthropic};
use iron_primitives::{Money, UnitPrice};
use iron_runtime::record::CallRecord;
use iron_testkit::{FakeUpstream, Prices};
use serde_json::{Value, json};

use crate::files::Desk;
use crate::front::{Front, Got, behind};

pub(super) fn line(name: &str, body: &Value) -> Value {
    json!({"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body})
}

pub(super) fn chat(text: &str) -> Value {
    json!({"model": "gpt-4o-mini", "max_tokens": 20, "messages": [{"role": "user", "content": text}]})
}

fn message(text: &str) -> Value {
    json!({"model": "claude-haiku-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": text}]})
}

/// An agent with one provider, whose prices are those of batches.
pub(super) struct House {
    pub(super) fake: FakeUpstream,
    pub(super) front: Front,
    pub(super) kind: ProviderKind,
}

impl House {
    pub(super) async fn of(kind: ProviderKind) -> House {
        let (fake, front) = behind(kind).await;
        // In dollars for a million tokens: $0.075 and $0.30, or $0.50 and $2.50.
        let (input, output) = match kind {
            Anthropic => (500_000, 2_500_000),
            _ => (75_000, 300_000),
        };
        fake.set_prices(Prices {
            input: UnitPrice::from_picos(input),
            cached: UnitPrice::from_picos(input),
            output: UnitPrice::from_picos(output),
        });
        House { fake, front, kind }
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk::of(&self.front, self.kind)
    }

    pub(super) fn root(&self) -> &'static str {
        match self.kind {
            Anthropic => "/v1/messages/batches",
            _ => "/v1/batches",
        }
    }

    /// Makes a batch of lines with these names.
    pub(super) async fn make(&self, names: &[&str]) -> Got {
        match self.kind {
            Anthropic => {
                let requests = names
                    .iter()
                    .map(|name| json!({"custom_id": name, "params": message(name)}));
                let body = json!({"requests": requests.collect::<Vec<_>>()});
                self.desk()
                    .send("POST", self.root(), &[], &body.to_string())
                    .await
            }
            _ => {
                let lines = names.iter().map(|name| line(name, &chat(name)));
                self.make_of(&lines.collect::<Vec<_>>()).await
            }
        }
    }

    /// Makes a batch of OpenAI of these lines, if they can be stored.
    pub(super) async fn make_of(&self, lines: &[Value]) -> Got {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let stored = self.desk().upload("in.jsonl", "batch", &text).await;
        if stored.status != 200 {
            return stored;
        }
        let stored = stored.json();
        let wish = json!({"input_file_id": stored["id"], "endpoint": "/v1/chat/completions",
            "completion_window": "24h", "metadata": {"night": "3"}});
        self.desk()
            .send("POST", self.root(), &[], &wish.to_string())
            .await
    }

    pub(super) async fn settle(&self) -> usize {
        let settled = self.front.world.runtime.look_after_batches().await;
        settled.expect("is asked")
    }

    /// What was held for the last batch, what it was settled at, and its record.
    pub(super) fn last(&self) -> (Money, Money, CallRecord) {
        let plane = self.front.world.authority.plane();
        let batch = plane.batches.last().expect("a batch");
        assert_eq!(batch.settled.len(), 1, "settled once");
        let settled = &batch.settled[0];
        let (_, record) = settled.record.clone().expect("a record");
        let record: CallRecord = serde_json::from_value(record).expect("of a call");
        assert_eq!(record.request, Some(batch.new.id));
        assert_eq!(record.cost_nanos, settled.cost.nanos());
        (batch.new.amount, settled.cost, record)
    }
}
