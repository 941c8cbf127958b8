//! The trainer of names: the same data gives the same weights, and they find names.

use std::path::Path;

use iron_guard::Entity;
use iron_guard::names::Names;
use iron_guard::names::model::Trained;
use iron_trainer::names::examples::{HeldOut, Maker};
use iron_trainer::names::fill::templates;
use iron_trainer::names::measure::Data;
use iron_trainer::names::sources::Sources;
use iron_trainer::random::Random;

const EXPORT: &str = r#"{"locale":"en_US","kind":"given","values":["Alma","Boris","Clara","Dorian"]}
{"locale":"en_US","kind":"family","values":["Quimby","Rosser","Stanwick","Tolliver"]}
{"locale":"en_US","kind":"city","values":["Millbrook","Ashford"]}
{"locale":"en_US","kind":"street","values":["Tanner Lane","Copper Street"]}
{"locale":"en_US","kind":"company","values":["Rosser and Sons"]}
{"locale":"en_US","kind":"word","values":["table","window","garden","quick"]}
"#;

const SILVER: &str = r#"{"text":"The garden has a table. Boris Stanwick sat there.","file":"t0_big","source":"x","entities":[[24,38,"PERSON"]]}
{"text":"Write a function that reads a file and counts the lines.","file":"cse_instruct","source":"x","entities":[]}
"#;

fn files(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (export, silver) = (folder.join("export.jsonl"), folder.join("silver.jsonl"));
    std::fs::write(&export, EXPORT).unwrap();
    std::fs::write(&silver, SILVER).unwrap();
    (export, silver)
}

#[test]
fn the_same_data_gives_the_same_weights_and_they_find_names() {
    let folder = tempfile::tempdir().unwrap();
    let (export, silver) = files(folder.path());
    let train = || {
        let data = Data::read(&export, &silver).unwrap();
        data.train(250, &HeldOut::default()).write()
    };
    let weights = train();
    assert!(weights == train());

    let names = Names::with(&Trained::read(&weights).unwrap());
    let text = "My name is Clara Tolliver.";
    let mut found = Vec::new();
    names.scan(text, 0, true, &mut found);
    let told: Vec<_> = found
        .iter()
        .map(|finding| (finding.entity, text.get(finding.span.clone()).unwrap()))
        .collect();
    assert_eq!(told, [(Entity::Person, "Clara Tolliver")]);
}

#[test]
fn a_damaged_file_of_weights_is_refused() {
    assert!(Trained::read(b"").is_none());
    assert!(Trained::read(b"ICN1\xff\xff\xff\xff").is_none());
    assert!(Trained::read(b"ICN2\0\0\0\0").is_none());
}

#[test]
fn texts_out_of_templates_know_where_their_names_are() {
    let folder = tempfile::tempdir().unwrap();
    let (export, _) = files(folder.path());
    let sources = Sources::read(&export).unwrap();
    let maker = Maker::new(&sources, &templates(), |_| true, |_| true);
    let mut random = Random::new(7);
    for _ in 0..500 {
        let known = maker.make(&mut random);
        let mut end = 0;
        for (_, span) in &known.spans {
            assert!(span.start >= end, "{known:?}");
            let value = known.text.get(span.clone()).unwrap();
            assert!(!value.is_empty() && value.trim() == value, "{known:?}");
            end = span.end;
        }
    }
}
