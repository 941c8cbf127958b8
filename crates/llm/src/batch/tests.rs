use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::bound::Assumptions;
use crate::envelope::Envelope;
use crate::kind::ProviderKind;
use crate::prices::PriceBook;

fn line(name: &str, url: &str) -> String {
    let body = json!({"model": "gpt-4o-mini", "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi"}]});
    json!({"custom_id": name, "method": "POST", "url": url, "body": body}).to_string()
}

#[test]
fn a_file_is_read_line_by_line_and_a_wrong_line_is_named() {
    let chat = Dialect::OpenAiChat;
    let good = format!("{}\n\n{}\n", line("a", chat.path()), line("b", chat.path()));
    let lines = read_openai(&good.into(), chat).expect("reads");
    let names: Vec<_> = lines.iter().map(|line| line.custom_id.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(Envelope::read(chat, lines[0].body.clone()).is_ok());
    for (second, word) in [
        (line("a", chat.path()), "stands twice"),
        (line("", chat.path()), "1 to 512"),
        (line("b", "/v1/embeddings"), "endpoint"),
        ("{}".to_owned(), "missing field"),
        ("nonsense".to_owned(), "no request of a batch"),
        (
            r#"{"custom_id":"b","custom_id":"c"}"#.to_owned(),
            "duplicate field",
        ),
    ] {
        let file = format!("{}\n{second}", line("a", chat.path()));
        let refused = read_openai(&file.into(), chat)
            .expect_err("refused")
            .to_string();
        assert!(
            refused.starts_with("line 2: ") && refused.contains(word),
            "{refused}"
        );
    }
    assert!(matches!(
        read_openai(&Bytes::from_static(b"\n \n"), chat),
        Err(BatchError::Whole(_))
    ));
}

#[test]
fn a_list_of_messages_is_read_and_a_wrong_one_is_named() {
    let request = |name: &str| json!({"custom_id": name, "params": {"model": "m"}});
    let batch = |requests: Value| json!({ "requests": requests }).to_string();
    let lines = read_anthropic(&batch(json!([request("a"), request("b")])).into());
    assert_eq!(lines.expect("reads")[1].body, r#"{"model":"m"}"#);
    let twice = read_anthropic(&batch(json!([request("a"), request("a")])).into());
    assert!(twice.expect_err("refused").to_string().contains("line 2"));
    for whole in [batch(json!([])), "[]".to_owned(), "{}".to_owned()] {
        let refused = read_anthropic(&whole.clone().into());
        assert!(matches!(refused, Err(BatchError::Whole(_))), "{whole}");
    }
}

#[test]
fn lines_are_written_anew_where_they_stand_and_nowhere_else() {
    let chat = Dialect::OpenAiChat;
    let file = format!(
        "{}\r\n\n {}",
        line("a", chat.path()),
        line("b", chat.path())
    );
    let file = Bytes::from(file);
    let mut lines = read_openai(&file, chat).expect("reads");
    assert_eq!(rewritten(&file, &lines), file);
    lines[0].body = Bytes::from_static(b"{\"model\":\"m\"}");
    let text = String::from_utf8(rewritten(&file, &lines).to_vec()).expect("UTF-8");
    let old = String::from_utf8(file.to_vec()).expect("UTF-8");
    assert_eq!(
        text.split_once("\r\n").map(|it| it.1),
        old.split_once("\r\n").map(|it| it.1)
    );
    let again = read_openai(&text.into(), chat).expect("reads");
    assert_eq!(again[0].body, lines[0].body);
    assert_eq!(again[1].body, lines[1].body);
}

#[test]
fn a_line_of_results_tells_where_its_answer_stands() {
    let of_openai = |object: &str| {
        let body = json!({"object": object, "said": "words"});
        json!({"id": "r", "custom_id": "a", "response": {"status_code": 200, "body": body}})
            .to_string()
    };
    for (object, dialect) in [
        ("chat.completion", Dialect::OpenAiChat),
        ("response", Dialect::OpenAiResponses),
        ("list", Dialect::OpenAiEmbeddings),
        ("text_completion", Dialect::OpenAiCompletions),
        ("news", Dialect::OpenAiChat),
    ] {
        let line = of_openai(object);
        let read = BatchResult::read(ProviderKind::OpenAi, line.as_bytes()).expect("reads");
        let [(place, found)] = &read.said[..] else {
            panic!("{read:?}");
        };
        assert_eq!(*found, Some(dialect));
        assert!(line[place.clone()].starts_with("{\"object\""));
        let other = (place.clone(), Bytes::from_static(b"{\"x\":1}"));
        let other = BatchResult::with(line.as_bytes(), &[other]);
        let value: Value = serde_json::from_slice(&other).expect("JSON");
        assert_eq!(value["response"]["body"], json!({"x": 1}));
        assert_eq!(value["custom_id"], json!("a"));
    }
    let errored = json!({"custom_id": "a", "result": {"type": "expired"}}).to_string();
    let read = BatchResult::read(ProviderKind::Anthropic, errored.as_bytes()).expect("reads");
    assert_eq!(read.said, []);
    assert_eq!(BatchResult::with(errored.as_bytes(), &[]), errored);
    let words = |kind: ProviderKind, line: &Value| -> Vec<String> {
        let line = line.to_string();
        let read = BatchResult::read(kind, line.as_bytes()).expect("reads");
        let said = read
            .said
            .into_iter()
            .filter(|(_, dialect)| dialect.is_none());
        said.map(|(place, _)| line[place].to_owned()).collect()
    };
    let wrong = json!({"message": "why"});
    let result = json!({"type": "errored", "error": wrong});
    assert_eq!(
        words(
            ProviderKind::Anthropic,
            &json!({"custom_id": "a", "result": result})
        ),
        [wrong.to_string()]
    );
    let response = json!({"status_code": 400, "body": wrong});
    assert_eq!(
        words(
            ProviderKind::OpenAi,
            &json!({"custom_id": "a", "response": response, "error": 1})
        ),
        [wrong.to_string(), "1".to_owned()]
    );
    for kind in [ProviderKind::OpenAi, ProviderKind::Anthropic] {
        assert_eq!(BatchResult::read(kind, b"nonsense"), None);
    }
    let why = Refusal::AuthorityUnavailable;
    let withheld = BatchResult::withheld(ProviderKind::Anthropic, Some("a"), &why, "req");
    let withheld: Value = serde_json::from_str(&withheld).expect("JSON");
    assert_eq!(withheld["result"]["type"], json!("errored"));
    assert_eq!(
        withheld["result"]["error"]["error"]["message"],
        json!(why.to_string())
    );
    let withheld = BatchResult::withheld(ProviderKind::OpenAi, Some("a"), &why, "req");
    let withheld: Value = serde_json::from_str(&withheld).expect("JSON");
    assert_eq!(withheld["error"]["message"], json!(why.to_string()));
    assert_eq!(
        (&withheld["custom_id"], &withheld["response"]),
        (&json!("a"), &Value::Null)
    );
}

/// A plan of so many lines of chat.
fn plan(lines: usize) -> (BatchPlan, Money) {
    let book = PriceBook::builtin();
    let known = book
        .lookup(ProviderKind::OpenAi, "gpt-4o-mini")
        .expect("known");
    let model = Arc::new(known.at_batch_prices());
    let mut planning = Planning::new(Dialect::OpenAiChat);
    for index in 0..lines {
        let text = "x".repeat(index + 1);
        let body = json!({"model": "gpt-4o-mini", "max_tokens": 10 + index,
            "messages": [{"role": "user", "content": text}]});
        let body = Bytes::from(body.to_string());
        let envelope = Envelope::read(Dialect::OpenAiChat, body).expect("reads");
        let bound = Bound::quick_of(&model, &envelope, &Assumptions::default()).expect("bounded");
        planning
            .add(format!("n{index}"), &bound, false)
            .expect("in range");
    }
    planning.finish()
}

fn result(index: usize, usage: Option<(u64, u64)>) -> String {
    let usage = usage.map(|(input, output)| {
        json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
    });
    let body = json!({"id": "c", "object": "chat.completion", "model": "gpt-4o-mini",
        "choices": [], "usage": usage});
    let response = json!({"status_code": 200, "request_id": "r", "body": body});
    json!({"id": "b", "custom_id": format!("n{index}"), "response": response, "error": null})
        .to_string()
}

fn failed(index: usize) -> String {
    let error = json!({"code": "batch_expired", "message": "too late"});
    json!({"id": "b", "custom_id": format!("n{index}"), "response": null, "error": error})
        .to_string()
}

fn total(plan: &BatchPlan, results: &[String], answered: Option<u64>) -> Total {
    let mut tally = Tally::new(plan);
    for result in results {
        tally.take(result.as_bytes());
    }
    tally.finish(answered)
}

#[test]
fn the_rates_are_those_of_batches() {
    let book = PriceBook::builtin();
    let model = book
        .lookup(ProviderKind::OpenAi, "gpt-4o-mini")
        .expect("known");
    let (plan, held) = plan(1);
    let whole = total(&plan, &[result(0, Some((8, 10)))], Some(1));
    // $0.075 and $0.30 for a million tokens: half of the ordinary price.
    assert_eq!(whole.cost, Money::from_nanos(8 * 75 + 10 * 300));
    assert!(whole.cost <= held);
    let usage = crate::Usage {
        input: 8,
        output: 10,
        ..crate::Usage::default()
    };
    assert_eq!(
        model.cost(&usage).expect("in range").nanos(),
        whole.cost.nanos() * 2
    );
}

#[test]
fn a_line_without_a_usage_costs_its_bound_and_a_failed_one_nothing() {
    let (plan, held) = plan(3);
    let bounds: Vec<i64> = plan.lines.iter().map(|line| line.bound_nanos).collect();
    assert_eq!(held.nanos(), bounds.iter().sum::<i64>());
    let ended = total(&plan, &[result(1, None), failed(0), failed(2)], Some(1));
    assert_eq!((ended.cost.nanos(), ended.estimated), (bounds[1], 1));
    // Nothing was seen, and the provider says that two were answered: the dearest two.
    assert_eq!(
        total(&plan, &[], Some(2)).cost.nanos(),
        bounds[1] + bounds[2]
    );
    assert_eq!(total(&plan, &[], None).cost, held);
    assert_eq!(total(&plan, &[], Some(0)).cost, Money::ZERO);
    let absurd = total(&plan, &[result(0, Some((u64::MAX / 4, 1)))], Some(1));
    assert_eq!(absurd.cost.nanos(), bounds[0]);
    let strange = [
        "{}".to_owned(),
        "nonsense".to_owned(),
        result(9, Some((1, 1))),
    ];
    let told = total(&plan, &strange, Some(0));
    assert_eq!((told.strange, told.cost), (3, Money::ZERO));
}

proptest! {
    /// Results may come in any order, twice, or not at all.
    #[test]
    fn no_order_of_results_costs_more_than_was_held(
        fates in prop::collection::vec((0_u8..4, 0_u64..4, 0_u64..8), 1..12),
        seed in any::<u64>(),
    ) {
        let (plan, held) = plan(fates.len());
        let mut results = Vec::new();
        let mut answered = 0;
        for (index, (fate, input, output)) in fates.iter().enumerate() {
            answered += u64::from(*fate < 3);
            match fate {
                0 => results.push(result(index, Some((*input, *output)))),
                1 => results.push(result(index, None)),
                2 => {}
                _ => results.push(failed(index)),
            }
        }
        let once = total(&plan, &results, Some(answered));
        prop_assert!(once.cost <= held);
        prop_assert_eq!(once.answered, answered);
        let mut shuffled = results.clone();
        shuffled.extend(results.iter().take(usize::try_from(seed % 5).expect("small")).cloned());
        let turns = usize::try_from(seed % 7).expect("small").min(shuffled.len());
        shuffled.rotate_left(turns);
        if seed % 2 == 0 {
            shuffled.reverse();
        }
        prop_assert_eq!(total(&plan, &shuffled, Some(answered)), once);
        let text = serde_json::to_string(&plan).expect("writes");
        let again: BatchPlan = serde_json::from_str(&text).expect("reads");
        prop_assert_eq!(total(&again, &shuffled, Some(answered)), once);
    }
}
