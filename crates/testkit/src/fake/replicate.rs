//! Replicate: predictions that are created, streamed from another address, asked for and cancelled.
//!
//! Shapes as in Replicate's HTTP API reference and its guides to streaming and to the lifecycle of
//! predictions, read 2026-11 (by excerpts). A prediction is billed when it is created; one that is
//! cancelled, for half of its words.

use serde_json::{Value, json};

use super::bill::Work;
use super::openai::{count, tokens, words};
use super::pieces::{Piece, Reply};
use super::{Behaviour, Book, Fault, SeenRequest, UsageReport};

/// A prediction that was created.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    id: String,
    model: String,
    words: Vec<String>,
    work: Work,
    /// Its place among the bills.
    bill: usize,
    behaviour: Behaviour,
    /// How often it says that it is not over.
    busy: u32,
    cancelled: bool,
}

/// Whether a request creates a prediction, and so shows a new behaviour.
pub(super) fn creates(seen: &SeenRequest) -> bool {
    seen.method == "POST" && seen.path.ends_with("/predictions")
}

/// How what is sent behaves: the words as their prediction does, everything else well.
pub(super) fn behaves(seen: &SeenRequest, book: &Book) -> Behaviour {
    let id = seen.path.strip_prefix("/v1/files/");
    let known = id.and_then(|id| book.predictions.iter().find(|known| known.id == id));
    known.map_or_else(Behaviour::default, |known| known.behaviour.clone())
}

/// Answers one request. `at` is the address of this fake.
pub(super) fn reply(seen: &SeenRequest, book: &mut Book, behaviour: &Behaviour, at: &str) -> Reply {
    if seen.header("authorization") != Some(&format!("Bearer {}", book.key)) {
        let detail = "You did not pass a valid authentication token";
        return refusal(401, "Unauthenticated", detail);
    }
    let path = seen.path.trim_start_matches("/v1/");
    let parts: Vec<&str> = path.split('/').collect();
    match (seen.method.as_str(), parts.as_slice()) {
        ("POST", ["models", owner, name, "predictions"]) => {
            create(seen, book, behaviour, &format!("{owner}/{name}"), at)
        }
        ("POST", ["predictions"]) => create(seen, book, behaviour, "", at),
        ("GET", ["predictions", id]) => found(book, id, |prediction| {
            let is_over = prediction.busy == 0 || prediction.cancelled;
            prediction.busy = prediction.busy.saturating_sub(1);
            Reply::json(view(prediction, is_over, at), None)
        }),
        ("POST", ["predictions", id, "cancel"]) => cancel(book, id, at),
        ("GET", ["files", id]) => found(book, id, stream),
        ("GET", ["account"]) => Reply::json(json!({"type": "user", "username": "fake"}), None),
        _ => refusal(
            404,
            "Not found",
            "The requested resource could not be found.",
        ),
    }
}

fn refusal(status: u16, title: &str, detail: &str) -> Reply {
    Reply::status(
        status,
        json!({"title": title, "detail": detail, "status": status}),
    )
}

fn found(book: &mut Book, id: &str, tell: impl FnOnce(&mut Prediction) -> Reply) -> Reply {
    let found = book.predictions.iter_mut().find(|known| known.id == id);
    match found {
        Some(prediction) => tell(prediction),
        None => refusal(
            404,
            "Not found",
            "The requested resource could not be found.",
        ),
    }
}

fn create(
    seen: &SeenRequest,
    book: &mut Book,
    behaviour: &Behaviour,
    model: &str,
    at: &str,
) -> Reply {
    if let Fault::Status {
        status,
        retry_after,
    } = &behaviour.fault
    {
        let reply = refusal(
            *status,
            "Refused",
            "the fake provider refuses, as it was told",
        );
        return retry_after
            .iter()
            .fold(reply, |reply, wait| reply.header(wait.header()));
    }
    let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let Some(input) = request.get("input").filter(|input| input.is_object()) else {
        return refusal(422, "Input validation failed", "- input is required");
    };
    let said = ["prompt", "messages"].map(|name| input.get(name).map_or(0, count));
    if said == [0, 0] {
        return refusal(422, "Input validation failed", "- input.prompt is required");
    }
    let system = ["system_prompt", "system_instruction"];
    let system: u64 = system
        .iter()
        .filter_map(|name| input.get(*name))
        .map(count)
        .sum();
    let caps = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let cap = caps.iter().find_map(|name| input.get(*name)?.as_u64());
    let output = tokens(behaviour, cap.unwrap_or(512));
    let version = request.get("version").and_then(Value::as_str);
    let id = format!("fake{}", book.predictions.len());
    book.predictions.push(Prediction {
        id,
        model: version.map_or(model, |_| "somebody/something").to_owned(),
        words: words(behaviour, output),
        work: Work {
            input: said.iter().sum::<u64>() + system,
            cached: 0,
            output,
        },
        bill: book.bills.len(),
        behaviour: behaviour.clone(),
        busy: match behaviour.piece_delay_ms {
            0 => 0,
            millis => u32::try_from(millis / 20)
                .unwrap_or(u32::MAX)
                .saturating_add(2),
        },
        cancelled: false,
    });
    let Some(prediction) = book.predictions.last() else {
        return refusal(500, "Internal", "no prediction");
    };
    let waits = seen
        .header("prefer")
        .is_some_and(|word| word.starts_with("wait"));
    let is_over = waits && prediction.busy == 0;
    Reply::created(view(prediction, is_over, at), prediction.work)
}

/// What is told of a prediction.
fn view(prediction: &Prediction, is_over: bool, at: &str) -> Value {
    let Prediction { id, work, .. } = prediction;
    let fails = matches!(
        prediction.behaviour.fault,
        Fault::ErrorInOk | Fault::OverloadedAfter(_)
    );
    let status = match (is_over, prediction.cancelled) {
        (false, _) => "processing",
        (true, true) => "canceled",
        (true, false) if fails => "failed",
        (true, false) => "succeeded",
    };
    let billed = if prediction.cancelled {
        work.output / 2
    } else {
        work.output
    };
    let metrics = match prediction.behaviour.usage {
        UsageReport::Missing => json!({}),
        UsageReport::Wrong { input, output } => {
            json!({"input_token_count": input, "output_token_count": output})
        }
        UsageReport::True => json!({"input_token_count": work.input,
            "output_token_count": billed, "predict_time": 0.75, "total_time": 0.8}),
    };
    let stream = match &prediction.behaviour.fault {
        Fault::StreamElsewhere(address) => address.clone(),
        Fault::StreamExpired => format!("http://{at}/v1/files/gone"),
        _ => format!("http://{at}/v1/files/{id}"),
    };
    let output = (status == "succeeded").then(|| prediction.words.clone());
    json!({
        "id": id, "model": prediction.model, "version": "hidden", "status": status, "logs": "",
        "input": {}, "output": output, "data_removed": false,
        "error": (status == "failed").then_some("the fake provider failed, as it was told"),
        "created_at": "2026-11-23T09:00:00.000Z",
        "metrics": if is_over { metrics } else { json!({}) },
        "urls": {"get": format!("http://{at}/v1/predictions/{id}"),
            "cancel": format!("http://{at}/v1/predictions/{id}/cancel"), "stream": stream},
    })
}

/// Half of the words are billed of what is cancelled.
fn cancel(book: &mut Book, id: &str, at: &str) -> Reply {
    let prices = book.prices;
    let Some(prediction) = book.predictions.iter_mut().find(|known| known.id == id) else {
        return refusal(
            404,
            "Not found",
            "The requested resource could not be found.",
        );
    };
    prediction.cancelled = true;
    let view = view(prediction, true, at);
    if let Some(bill) = book.bills.get_mut(prediction.bill) {
        bill.output = prediction.work.output / 2;
        let total = prices
            .input
            .times(bill.input)
            .plus(prices.output.times(bill.output));
        bill.nanos = total.ceil().map_or(i64::MAX, |money| money.nanos());
    }
    Reply::json(view, None)
}

fn stream(prediction: &mut Prediction) -> Reply {
    let event = |kind: &str, data: &str| {
        let lines: String = data
            .split('\n')
            .map(|line| format!("data: {line}\n"))
            .collect();
        Piece::new(format!("event: {kind}\nid: 1:0\n{lines}\n"), 0)
    };
    let mut pieces: Vec<Piece> = prediction
        .words
        .iter()
        .map(|word| event("output", word))
        .collect();
    match prediction.behaviour.fault {
        Fault::OverloadedAfter(count) => {
            pieces.truncate(count);
            pieces.push(event("error", r#"{"detail":"the model failed"}"#));
            pieces.push(event("done", r#"{"reason":"error"}"#));
        }
        _ => pieces.push(event("done", "{}")),
    }
    Reply::stream(
        pieces,
        Work {
            input: 0,
            cached: 0,
            output: 0,
        },
    )
}
