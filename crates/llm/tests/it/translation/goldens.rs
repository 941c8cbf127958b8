//! Every fixture is run and gives exactly what its file says.

use std::fs;

use super::fixture::{all, frames, root, stream};

#[test]
fn every_case_gives_what_its_fixture_says() {
    let record = std::env::var_os("IRON_RECORD_FIXTURES").is_some();
    let mut wrong = Vec::new();
    for (path, mut fixture) in all() {
        for (number, case) in fixture.cases.iter_mut().enumerate() {
            let is = case.run(fixture.client);
            let text =
                |case: &super::fixture::Case| serde_json::to_string_pretty(case).expect("JSON");
            if text(&is) != text(case) {
                wrong.push(format!(
                    "{path} case {number} gives\n{}\nnot\n{}",
                    text(&is),
                    text(case)
                ));
            }
            *case = is;
        }
        if record {
            let text = serde_json::to_string_pretty(&fixture).expect("JSON");
            fs::write(root().join(format!("{path}.json")), format!("{text}\n")).expect("writable");
        }
    }
    assert!(
        record || wrong.is_empty(),
        "{} cases:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn every_case_shows_something() {
    for (path, fixture) in all() {
        assert!(!fixture.cases.is_empty(), "{path} has no case");
        assert!(
            !fixture.source.is_empty() && fixture.read.starts_with("20"),
            "{path} cites nothing"
        );
        for (number, case) in fixture.cases.iter().enumerate() {
            let shows = case.refused.is_some()
                || case.invalid.is_some()
                || case.sent.is_some()
                || case.given.is_some()
                || case.streamed.is_some()
                || case.rendered.is_some();
            assert!(shows, "{path} case {number} shows nothing");
        }
    }
}

#[test]
fn what_a_cell_promises_its_cases_keep() {
    for (path, fixture) in all() {
        let understood = fixture
            .cases
            .iter()
            .filter(|case| case.refused.is_none())
            .count();
        match fixture.cell.as_str() {
            "refused" => assert_eq!(understood, 0, "{path} is refused, but a case is not"),
            "equal" | "converted" => assert_ne!(understood, 0, "{path} is understood in no case"),
            other => panic!("{path}: `{other}` is no word for a cell"),
        }
    }
}

#[test]
fn a_stream_is_the_same_wherever_its_bytes_are_split() {
    for (path, fixture) in all() {
        for case in fixture.cases.iter().filter(|case| case.stream.is_some()) {
            let plan = case.plan(fixture.client).expect("a plan");
            let bytes = case.stream_bytes();
            let whole = frames(&stream(&plan, &[&bytes]));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(
                frames(&stream(&plan, &single)),
                whole,
                "{path}, byte by byte"
            );
            for at in 0..=bytes.len() {
                let (first, second) = bytes.split_at(at);
                assert_eq!(
                    frames(&stream(&plan, &[first, second])),
                    whole,
                    "{path}, split at {at}"
                );
            }
        }
    }
}

#[test]
fn a_stream_with_other_line_ends_is_the_same() {
    for (path, fixture) in all() {
        for case in fixture.cases.iter().filter(|case| case.stream.is_some()) {
            let plan = case.plan(fixture.client).expect("a plan");
            let text = String::from_utf8(case.stream_bytes()).expect("UTF-8");
            let crlf = text.replace('\n', "\r\n");
            assert_eq!(
                frames(&stream(&plan, &[crlf.as_bytes()])),
                frames(&stream(&plan, &[text.as_bytes()])),
                "{path}"
            );
        }
    }
}
