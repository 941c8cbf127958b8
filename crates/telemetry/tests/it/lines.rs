//! What reaches the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use iron_telemetry::logging::{Config, Error, Redacting, init};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_careless_line_does_not_leak_a_key() {
    let captured = Captured::default();
    let sink = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Redacting(move || sink.clone()))
        .json()
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(
            key = "sk-live-0123456789abcdef",
            "calling with Bearer abcdefghijkl"
        );
    });
    let line = String::from_utf8(captured.0.lock().expect("not poisoned").clone()).expect("utf-8");
    assert!(
        line.contains("sk-***") && line.contains("Bearer ***"),
        "{line}"
    );
    assert!(
        !line.contains("0123456789abcdef") && !line.contains("abcdefghijkl"),
        "{line}"
    );
}

#[test]
fn a_filter_that_does_not_read_is_named() {
    let config = Config {
        filter: "iron=loud".to_owned(),
        ..Config::default()
    };
    let error = init(&config).expect_err("no such level");
    assert!(matches!(&error, Error::Filter { filter, .. } if filter == "iron=loud"));
}
