//! Batches of OpenAI and of Anthropic, which end when the test says so, and how it says.
//!
//! Shapes as in the types of OpenAI's and Anthropic's SDKs and their API references, read 2026-11.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bill::{Bill, Work};
use super::openai::count;
use super::pieces::Reply;
use super::stored::{CREATED, Stored, missing};
use super::{Prices, SeenRequest, anthropic, openai};

/// How batches end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchEnd {
    /// `completed`, `expired`, `cancelled` or `failed`; `completed` if empty.
    pub status: String,
    /// Lines that fail, by their names.
    pub failing: Vec<String>,
    /// Lines that are not begun before the batch ends.
    pub unfinished: Vec<String>,
    /// Lines that are answered and billed, and whose results tell no usage.
    pub without_usage: Vec<String>,
    /// Lines that are answered and billed, and whose results are lost.
    pub lost: Vec<String>,
    /// The results come in the opposite order.
    pub backwards: bool,
    /// How many tokens each answer would like to have.
    pub output_tokens: u64,
    /// What answers say, by the names of their lines.
    pub says: BTreeMap<String, String>,
    /// The tool that answers call besides, by the names of their lines.
    pub calls: BTreeMap<String, String>,
}

/// One request of a batch.
#[derive(Debug, Clone)]
struct Line {
    name: String,
    request: Value,
}

/// A batch.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) id: String,
    is_anthropic: bool,
    endpoint: String,
    input_file: String,
    lines: Vec<Line>,
    status: String,
    answered: u64,
    failed: u64,
    output_file: Option<String>,
    error_file: Option<String>,
    results: String,
    wish: Value,
}

impl Batch {
    /// A batch of OpenAI as its file says, or why it is none.
    pub(super) fn of_openai(id: String, request: &Value, file: &[u8]) -> Result<Batch, String> {
        let text = |name: &str| text_of(request, name);
        let endpoint = text("endpoint");
        if text("completion_window") != "24h" {
            return Err("'completion_window' must be '24h'".to_owned());
        }
        let mut lines = Vec::new();
        for line in String::from_utf8_lossy(file).lines() {
            let line: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
            if text_of(&line, "url") != endpoint || text_of(&line, "method") != "POST" {
                return Err("the URL of a line is not that of the batch".to_owned());
            }
            lines.push(Line {
                name: text_of(&line, "custom_id").to_owned(),
                request: line.get("body").cloned().unwrap_or_default(),
            });
        }
        Ok(Batch {
            input_file: text("input_file_id").to_owned(),
            ..Batch::new(id, false, endpoint, lines, request)
        })
    }

    /// A batch of Anthropic, or why it is none.
    pub(super) fn of_anthropic(id: String, request: &Value) -> Result<Batch, String> {
        let requests = request.get("requests").and_then(Value::as_array);
        let requests = requests.filter(|requests| !requests.is_empty());
        let requests = requests.ok_or("requests: List should have at least 1 item")?;
        let mut lines = Vec::new();
        for request in requests {
            let params = request.get("params").cloned().unwrap_or_default();
            if params.get("max_tokens").is_none() {
                return Err("requests.0.params.max_tokens: Field required".to_owned());
            }
            lines.push(Line {
                name: text_of(request, "custom_id").to_owned(),
                request: params,
            });
        }
        Ok(Batch::new(id, true, "/v1/messages", lines, request))
    }

    fn new(
        id: String,
        is_anthropic: bool,
        endpoint: &str,
        lines: Vec<Line>,
        wish: &Value,
    ) -> Batch {
        Batch {
            id,
            is_anthropic,
            endpoint: endpoint.to_owned(),
            input_file: String::new(),
            lines,
            status: "in_progress".to_owned(),
            answered: 0,
            failed: 0,
            output_file: None,
            error_file: None,
            results: String::new(),
            wish: wish.clone(),
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.status.as_str(), "in_progress" | "cancelling")
    }

    /// As its provider tells of it.
    pub(super) fn shown(&self) -> Value {
        let total = self.lines.len() as u64;
        let rest = total
            .saturating_sub(self.answered)
            .saturating_sub(self.failed);
        if !self.is_anthropic {
            return json!({"id": self.id, "object": "batch", "endpoint": self.endpoint,
                "errors": null, "input_file_id": self.input_file, "completion_window": "24h",
                "status": self.status, "output_file_id": self.output_file,
                "error_file_id": self.error_file, "created_at": CREATED,
                "metadata": self.wish.get("metadata"),
                "request_counts": {"total": total, "completed": self.answered,
                    "failed": total.saturating_sub(self.answered).min(self.failed)}});
        }
        let (status, url) = match self.status.as_str() {
            "in_progress" => ("in_progress", Value::Null),
            "cancelling" => ("canceling", Value::Null),
            _ => {
                let url = "https://api.anthropic.com/v1/messages/batches";
                ("ended", json!(format!("{url}/{}/results", self.id)))
            }
        };
        let (expired, canceled) = match self.status.as_str() {
            "expired" => (rest, 0),
            "cancelled" => (0, rest),
            _ => (0, 0),
        };
        let processing = if status == "ended" { 0 } else { total };
        json!({"id": self.id, "type": "message_batch", "processing_status": status,
            "created_at": "2026-03-04T05:06:07Z", "expires_at": "2026-03-05T05:06:07Z",
            "archived_at": null, "cancel_initiated_at": null, "ended_at": null,
            "request_counts": {"processing": processing, "succeeded": self.answered,
                "errored": self.failed, "canceled": canceled, "expired": expired},
            "results_url": url})
    }

    pub(super) fn cancel(&mut self) {
        if self.is_under_way() {
            self.status = "cancelling".to_owned();
        }
    }

    pub(super) fn results(&self) -> Option<Reply> {
        let ended = !self.is_under_way();
        ended.then(|| Reply::file("application/x-jsonl", self.results.as_bytes()))
    }

    /// Ends it; gives what it is billed.
    fn end(&mut self, end: &BatchEnd, stored: &mut Files<'_>, prices: Prices) -> Vec<Bill> {
        let is_in = |list: &[String], line: &Line| list.contains(&line.name);
        self.status = match end.status.as_str() {
            "" if self.status == "cancelling" => "cancelled".to_owned(),
            "" => "completed".to_owned(),
            status => status.to_owned(),
        };
        let (mut good, mut bad, mut bills) = (Vec::new(), Vec::new(), Vec::new());
        for line in &self.lines {
            if self.status == "failed" {
                break;
            }
            if is_in(&end.unfinished, line) || is_in(&end.failing, line) {
                self.failed += u64::from(is_in(&end.failing, line));
                bad.push(self.unanswered(line, is_in(&end.failing, line)));
                continue;
            }
            let work = work(line, end.output_tokens);
            bills.push(Bill::whole(work, prices));
            self.answered += 1;
            if !is_in(&end.lost, line) {
                let said = end.says.get(&line.name).map_or("w0", String::as_str);
                let called = end.calls.get(&line.name).map(String::as_str);
                let without_usage = is_in(&end.without_usage, line);
                good.push(self.answer(line, (said, called), work, without_usage));
            }
        }
        if end.backwards {
            good.reverse();
        }
        let text = |lines: &[String]| lines.concat();
        if self.is_anthropic {
            good.extend(bad);
            self.results = text(&good);
        } else {
            self.output_file = (!good.is_empty()).then(|| stored.write("out", text(&good)));
            self.error_file = (!bad.is_empty()).then(|| stored.write("err", text(&bad)));
        }
        bills
    }

    fn unanswered(&self, line: &Line, failed: bool) -> String {
        if self.is_anthropic {
            let result = match (failed, self.status.as_str()) {
                (true, _) => json!({"type": "errored", "error": {"type": "error",
                    "error": {"type": "invalid_request_error", "message": "bad"}}}),
                (false, "cancelled") => json!({"type": "canceled"}),
                _ => json!({"type": "expired"}),
            };
            return format!("{}\n", json!({"custom_id": line.name, "result": result}));
        }
        let response = failed.then(|| {
            json!({"status_code": 400, "request_id": "req_fake",
                "body": {"error": {"message": "bad", "type": "invalid_request_error"}}})
        });
        let error = (!failed).then(|| json!({"code": "batch_expired", "message": "too late"}));
        let result = json!({"id": "batch_req_fake", "custom_id": line.name,
            "response": response, "error": error});
        format!("{result}\n")
    }

    fn answer(
        &self,
        line: &Line,
        (said, called): (&str, Option<&str>),
        work: Work,
        without_usage: bool,
    ) -> String {
        if self.is_anthropic {
            let usage = json!({"input_tokens": work.input, "output_tokens": work.output,
                "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                "service_tier": "batch"});
            let mut content = vec![json!({"type": "text", "text": said})];
            content.extend(called.map(
                |name| json!({"type": "tool_use", "id": "toolu_fake", "name": name, "input": {}}),
            ));
            let stop = if called.is_some() {
                "tool_use"
            } else {
                "end_turn"
            };
            let mut message = json!({"id": "msg_fake", "type": "message", "role": "assistant",
                "model": line.request.get("model"), "stop_reason": stop, "stop_sequence": null,
                "content": content, "usage": usage});
            if let (true, Some(message)) = (without_usage, message.as_object_mut()) {
                message.remove("usage");
            }
            let result = json!({"type": "succeeded", "message": message});
            return format!("{}\n", json!({"custom_id": line.name, "result": result}));
        }
        let usage = json!({"prompt_tokens": work.input, "completion_tokens": work.output,
            "total_tokens": work.input + work.output});
        let call = |name: &str| {
            let function = json!({"name": name, "arguments": "{}"});
            json!([{"id": "call_fake", "type": "function", "function": function}])
        };
        let (message, stop) = match called {
            None => (json!({"role": "assistant", "content": said}), "stop"),
            Some(name) => (
                json!({"role": "assistant", "content": said, "tool_calls": call(name)}),
                "tool_calls",
            ),
        };
        let choice = json!({"index": 0, "message": message, "finish_reason": stop});
        let mut body = json!({"id": "chatcmpl-fake", "object": "chat.completion",
            "model": line.request.get("model"), "choices": [choice], "usage": usage});
        if let (true, Some(body)) = (without_usage, body.as_object_mut()) {
            body.remove("usage");
        }
        let response = json!({"status_code": 200, "request_id": "req_fake", "body": body});
        let result = json!({"id": "batch_req_fake", "custom_id": line.name,
            "response": response, "error": null});
        format!("{result}\n")
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    let text = value.get(name).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// What a line comes to.
fn work(line: &Line, wished: u64) -> Work {
    let fields = ["messages", "system", "input", "tools"];
    let input = fields.iter().filter_map(|field| line.request.get(*field));
    let caps = ["max_completion_tokens", "max_tokens", "max_output_tokens"];
    let cap = caps.iter().find_map(|cap| line.request.get(*cap)?.as_u64());
    Work {
        input: input.map(count).sum(),
        cached: 0,
        output: wished.min(cap.unwrap_or(u64::MAX)),
    }
}

/// Where results are written.
pub(super) struct Files<'a>(pub(super) &'a mut Stored);

impl Files<'_> {
    fn write(&mut self, name: &str, text: String) -> String {
        self.0.write_output(name, text.into_bytes())
    }
}

impl Stored {
    /// Ends all batches that are under way; gives what they are billed.
    pub(super) fn end_batches(&mut self, end: &BatchEnd, prices: Prices) -> Vec<Bill> {
        let mut batches = std::mem::take(&mut self.batches);
        let mut bills = Vec::new();
        for batch in batches.iter_mut().filter(|batch| batch.is_under_way()) {
            bills.extend(batch.end(end, &mut Files(self), prices));
        }
        self.batches = batches;
        bills
    }

    pub(super) fn openai_batch(&mut self, seen: &SeenRequest, at: &str) -> Reply {
        let wrong = |message: &str| openai::error(400, "invalid_request_error", "invalid", message);
        match (seen.method.as_str(), at.split_once('/')) {
            ("POST", None) if at.is_empty() => {
                let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
                let file = text_of(&request, "input_file_id");
                let Some(content) = self.batch_input(file) else {
                    return wrong("no such file with the purpose 'batch'");
                };
                let id = self.name("batch_");
                match Batch::of_openai(id, &request, &content) {
                    Ok(batch) => self.add_batch(batch),
                    Err(why) => wrong(&why),
                }
            }
            _ => self.known_batch(seen, at, false),
        }
    }

    pub(super) fn anthropic_batch(&mut self, seen: &SeenRequest, at: &str) -> Reply {
        if (seen.method.as_str(), at) != ("POST", "") {
            return self.known_batch(seen, at, true);
        }
        let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let id = self.name("msgbatch_");
        match Batch::of_anthropic(id, &request) {
            Ok(batch) => self.add_batch(batch),
            Err(why) => anthropic::error(400, "invalid_request_error", &why),
        }
    }

    fn add_batch(&mut self, batch: Batch) -> Reply {
        let shown = batch.shown();
        self.batches.push(batch);
        Reply::json(shown, None)
    }

    fn known_batch(&mut self, seen: &SeenRequest, at: &str, is_anthropic: bool) -> Reply {
        let (id, tail) = at.split_once('/').unwrap_or((at, ""));
        let found = self.batches.iter_mut().find(|batch| batch.id == id);
        let Some(batch) = found else {
            return missing(is_anthropic);
        };
        match (seen.method.as_str(), tail) {
            ("GET", "") => Reply::json(batch.shown(), None),
            ("POST", "cancel") => {
                batch.cancel();
                Reply::json(batch.shown(), None)
            }
            ("GET", "results") if is_anthropic => {
                batch.results().unwrap_or_else(|| missing(is_anthropic))
            }
            _ => missing(is_anthropic),
        }
    }
}
