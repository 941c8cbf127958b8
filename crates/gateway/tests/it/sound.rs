//! Speech and transcripts: what they are held for, and that the bill is the record's.

use iron_llm::{PriceBook, ProviderConfig, ProviderKind};
use iron_primitives::UnitPrice;
use iron_runtime::record::Settlement;
use iron_testkit::{FakeUpstream, Prices};
use serde_json::json;

use crate::front::{Front, Got, behind, behind_configured};

/// A WAV of so many seconds, of 8000 samples with 16 bits each.
fn wav(seconds: usize) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data\0\0\0\0");
    file.resize(44 + seconds * 16_000, 0);
    file
}

fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!(
            "--border\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        body.extend(part.into_bytes());
    }
    body.extend(
        b"--border\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
          Content-Type: audio/wav\r\n\r\n",
    );
    body.extend(file);
    body.extend(b"\r\n--border--\r\n");
    body
}

async fn hear(front: &Front, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Got {
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "multipart/form-data; boundary=border"),
    ];
    front
        .send("POST", path, &headers, &form(fields, file))
        .await
}

/// A fake that charges so much for each unit of what it is sent, and of what it says.
fn charge(fake: &FakeUpstream, unit: UnitPrice, output: UnitPrice) {
    fake.set_prices(Prices {
        input: unit,
        cached: unit,
        output,
    });
}

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

#[tokio::test]
async fn speech_costs_its_characters() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let book = PriceBook::builtin();
    let model = book.lookup(ProviderKind::OpenAi, "tts-1").expect("priced");
    charge(&fake, model.price.character, UnitPrice::FREE);
    let body = json!({"model": "tts-1", "voice": "alloy", "input": "Grüße \u{1F980}"});
    let got = front.post("/v1/audio/speech", &body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.header("content-type"), Some("audio/mpeg"));
    assert!(got.body.starts_with("ID3"));
    let record = front.world.record().await;
    assert_eq!(record.dialect, "openai_speech");
    assert_eq!(record.tokens.characters, 7);
    assert_eq!(record.cost_nanos, fake.billed_nanos());
    assert_eq!(record.attempts[0].hold.amount_nanos, record.cost_nanos);
    let strange = json!({"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "hi"});
    let got = front.post("/v1/audio/speech", &strange.to_string()).await;
    assert_eq!(got.status, 400, "{}", got.body);
}

#[tokio::test]
async fn a_recording_costs_its_seconds() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let book = PriceBook::builtin();
    let model = book
        .lookup(ProviderKind::OpenAi, "whisper-1")
        .expect("priced");
    charge(&fake, model.price.second, UnitPrice::FREE);
    for path in [TRANSCRIPTIONS, "/v1/audio/translations"] {
        let before = fake.billed_nanos();
        let got = hear(&front, path, &[("model", "whisper-1")], &wav(7)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(got.json()["text"], "w0 w1");
        let records = front.world.records().await;
        let record = records.last().expect("a record");
        assert_eq!(record.tokens.seconds, 7);
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert!(record.attempts[0].hold.amount_nanos >= record.cost_nanos);
    }
    // Subtitles do not tell how long the recording was, and what a file says of itself may deceive.
    let asked = fake.requests().len();
    let fields = [("model", "whisper-1"), ("response_format", "srt")];
    let got = hear(&front, TRANSCRIPTIONS, &fields, &wav(7)).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("verbose_json"), "{}", got.body);
    assert_eq!(fake.requests().len(), asked);
}

#[tokio::test]
async fn a_recording_that_does_not_say_how_long_it_is_needs_a_model_with_an_end() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let got = hear(
        &front,
        TRANSCRIPTIONS,
        &[("model", "whisper-1")],
        b"OggS...",
    )
    .await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("WAV or MP3"), "{}", got.body);
    assert!(fake.requests().is_empty());
    let book = PriceBook::builtin();
    let model = book
        .lookup(ProviderKind::OpenAi, "gpt-4o-transcribe")
        .expect("priced");
    let rates = model.price.rates(iron_llm::ServiceTier::Standard, 0);
    charge(&fake, rates.of_input_audio(), rates.output);
    for stream in ["false", "true"] {
        let fields = [("model", "gpt-4o-transcribe"), ("stream", stream)];
        let before = fake.billed_nanos();
        let got = hear(&front, TRANSCRIPTIONS, &fields, &wav(3)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let records = front.world.records().await;
        let record = records.last().expect("a record");
        assert_eq!(record.stream, stream == "true");
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert!(record.attempts[0].hold.amount_nanos > 30_000_000);
    }
}

#[tokio::test]
async fn what_is_sent_is_what_was_understood() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let fields = [("model", "whisper-1"), ("model", "gpt-4o-transcribe")];
    let got = hear(&front, TRANSCRIPTIONS, &fields, &wav(1)).await;
    assert_eq!(got.status, 400, "{}", got.body);
    let got = hear(&front, TRANSCRIPTIONS, &[], &wav(1)).await;
    assert!(got.body.contains("model"), "{}", got.body);
    assert!(fake.requests().is_empty());

    let config = ProviderConfig {
        deployments: [("ears".to_owned(), "whisper-1".to_owned())].into(),
        ..ProviderConfig::default()
    };
    let (fake, front) = behind_configured(ProviderKind::AzureOpenAi, config).await;
    let got = hear(&front, TRANSCRIPTIONS, &[("model", "whisper-1")], &wav(1)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let requests = fake.requests();
    let sent = String::from_utf8_lossy(&requests[0].body).into_owned();
    assert!(
        sent.contains("\r\n\r\nears\r\n"),
        "the name of the deployment"
    );
    assert_eq!(requests[0].path, "/openai/v1/audio/transcriptions");
}
