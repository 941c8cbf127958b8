//! Where a secret may stand, and in which dress.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use iron_store::testing::PostgresSchema;

/// Every way in which the middle of a secret may be written.
pub(super) fn dresses(secret: &str) -> Vec<Vec<u8>> {
    let middle = secret.as_bytes();
    // Three bytes are four letters, so the letters of the middle depend on where it begins.
    let shifted = (0..3).flat_map(|skip| {
        let part = middle.get(skip..).unwrap_or_default();
        let whole = part.len() - part.len() % 3;
        let part = part.get(..whole).unwrap_or_default();
        [STANDARD_NO_PAD.encode(part), URL_SAFE_NO_PAD.encode(part)]
    });
    let hex: String = middle.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut dresses: Vec<Vec<u8>> = shifted.map(String::into_bytes).collect();
    dresses.extend([
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        middle.to_vec(),
    ]);
    dresses
}

/// Every file below a folder.
pub(super) fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

pub(super) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

/// All rows of all tables as text, which shows bytes as hex.
pub(super) async fn rows(schema: &PostgresSchema) -> Vec<(String, Vec<u8>)> {
    let db = schema.connect().await.unwrap();
    let mut found = Vec::new();
    let tables = iron_store::schema::describe(&db).await.unwrap();
    let names = tables.iter().filter_map(|line| line.split_once('.'));
    let names: std::collections::BTreeSet<_> = names.map(|(table, _)| table.to_owned()).collect();
    for table in names {
        let text = format!("SELECT CAST({table} AS TEXT) AS line FROM {table}");
        let all = iron_store::sql(text.leak()).fetch_all(&db).await.unwrap();
        let lines: Vec<String> = all.iter().map(|row| row.get("line").unwrap()).collect();
        found.push((table, lines.join("\n").into_bytes()));
    }
    db.close().await;
    found
}
