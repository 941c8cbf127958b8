//! A journal that was damaged while nobody looked.

use std::process::{Command, Output};

use crate::kit::House;
use crate::server::Server;

const CHAT: &str = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hi"}]}"#;

fn iron(server: &Server, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iron"))
        .args(arguments)
        .arg("--data")
        .arg(server.data_folder())
        .output()
        .expect("the command runs")
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Flips a bit in the middle of the oldest segment.
fn damage(server: &Server) {
    let folder = server.data_folder().join("journal");
    let mut segments: Vec<_> = std::fs::read_dir(folder)
        .expect("a journal")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "segment"))
        .collect();
    segments.sort();
    let oldest = segments.first().expect("a segment");
    let mut bytes = std::fs::read(oldest).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(oldest, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_stops_the_start_until_the_damage_is_given_up() {
    let mut house = House::simulated().await;
    for _ in 0..60 {
        let got = house.post("/v1/chat/completions", CHAT.as_bytes()).await;
        assert_eq!(got.status, 200, "{}", got.body);
    }
    house.server.kill();
    damage(&house.server);
    assert!(house.server.fails_to_restart());
    let checked = iron(&house.server, &["audit", "verify"]);
    assert_eq!(checked.status.code(), Some(9), "{}", text(&checked));

    let repaired = iron(&house.server, &["audit", "repair", "--force"]);
    assert!(repaired.status.success(), "{}", text(&repaired));
    assert!(
        text(&repaired).contains("given up from"),
        "{}",
        text(&repaired)
    );
    house.server.restart().await;
    let got = house.post("/v1/chat/completions", CHAT.as_bytes()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert!(house.server.call_records().len() >= 58);
    let checked = iron(&house.server, &["audit", "verify"]);
    assert!(checked.status.success(), "{}", text(&checked));
    assert!(
        text(&checked).contains("but for what was given up"),
        "{}",
        text(&checked)
    );

    // What the lost part may have spent is not free again.
    let budget = house.server.budget(&house.admin, &house.agent).await;
    assert!(budget["spent_micros"].is_i64(), "{budget}");
}
