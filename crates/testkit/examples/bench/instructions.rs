//! Instructions per call, counted by callgrind: the one figure that a noisy machine repeats.
//!
//! The server runs twice under callgrind, with few calls and with many; the difference is what
//! the calls cost, without start and end.

use std::path::Path;
use std::time::Duration;

use crate::governed;
use crate::load::{Shape, Target, calls};
use crate::upstream;

const FEW: usize = 200;
const MANY: usize = 1_200;

/// Counts and prints.
///
/// `keep`: a folder for the files of callgrind, to look into with `callgrind_annotate`.
pub(crate) async fn count(iron: &str, keep: Option<&Path>) {
    println!("Instructions per call (callgrind, {} calls)", MANY - FEW);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = keep.unwrap_or_else(|| folder.path());
    for (name, file, shape) in [
        ("whole answer", "whole", Shape::Whole),
        (
            "stream of 20 chunks",
            "stream",
            Shape::Stream { chunks: 20 },
        ),
    ] {
        let file = |number| folder.join(format!("callgrind.{file}.{number}"));
        let few = of(iron, shape, FEW, &file(FEW)).await;
        let many = of(iron, shape, MANY, &file(MANY)).await;
        let each = many.saturating_sub(few) / (MANY - FEW) as u64;
        println!("{name:<24} {each:>12}");
    }
}

/// All instructions of a server that answers so many calls.
async fn of(iron: &str, shape: Shape, number: usize, file: &Path) -> u64 {
    let upstream = upstream::start(Duration::ZERO).await;
    let output = format!("--callgrind-out-file={}", file.display());
    let runner = ["valgrind", "--quiet", "--tool=callgrind", &output];
    let mut governed = governed::start_under(&runner, iron, "relaxed", &[&upstream]).await;
    let target: Target = governed.targets().remove(0);
    calls(&target, shape, number).await;
    governed.process.end();
    total(file)
}

/// The sum over all threads, each of which may have a file of its own.
fn total(file: &Path) -> u64 {
    let text = std::fs::read_to_string(file).expect("callgrind has written its file");
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("totals: ")
                .or_else(|| line.strip_prefix("summary: "))
        })
        .filter_map(|number| number.trim().parse::<u64>().ok())
        .max()
        .expect("a total")
}
