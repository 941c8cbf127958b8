//! What the journal costs: nanoseconds for each append, and how many writers a group commit
//! serves. `cargo run -p iron-journal --example append_cost [FOLDER]`; give a folder on the disk
//! that is to be measured. The disk's own `fsync` of the same run stands beside the numbers.

use std::error::Error;
use std::fs::File;
use std::io::{Write, stdout};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use iron_journal::{Durability, FrameKind, Journal, JournalKeys, Options, canonical};
use iron_primitives::{InstanceId, TenantId};
use iron_testkit::TestEnvironment;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir(),
    };
    let folder = tempfile::tempdir_in(folder)?;
    let mut out = stdout().lock();
    let fsync = fsync_median(&folder.path().join("probe"))?;
    writeln!(out, "the disk's fsync, median          {fsync:>10.3} ms")?;

    let bench = Bench::new(folder.path(), Durability::Relaxed)?;
    let reserve = vec![7_u8; 200];
    let per_reserve = nanos_each(100_000, || {
        bench.journal.append(FrameKind::Reserve, &reserve)?;
        Ok(())
    })?;
    writeln!(
        out,
        "append, 200 bytes                 {per_reserve:>10} ns"
    )?;
    let body = bench.body()?;
    let per_record = nanos_each(50_000, || {
        bench.journal.append_record(bench.tenant, &body)?;
        Ok(())
    })?;
    writeln!(
        out,
        "append_record, {} bytes         {per_record:>10} ns",
        body.len()
    )?;
    let per_canonical = nanos_each(50_000, || {
        std::hint::black_box(canonical::from_json(&body)?);
        Ok(())
    })?;
    writeln!(
        out,
        "canonical form of it              {per_canonical:>10} ns"
    )?;
    bench.journal.close()?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for writers in [1, 16, 256] {
        let bench = Bench::new(
            &folder.path().join(format!("{writers}")),
            Durability::Strict,
        )?;
        let rate = runtime.block_on(bench.group_commit(writers))?;
        writeln!(
            out,
            "durable records, {writers:>3} writers      {rate:>10} /s"
        )?;
        bench.journal.close()?;
    }
    Ok(())
}

struct Bench {
    journal: Journal,
    tenant: TenantId,
}

impl Bench {
    fn new(folder: &Path, durability: Durability) -> Outcome<Bench> {
        let environment = TestEnvironment::seeded(1).environment;
        let instance: InstanceId = environment.new_id();
        let mut options = Options::new(instance, 1, JournalKeys::new([1; 32], [2; 32], [3; 32]));
        options.durability = durability;
        let tenant = environment.new_id();
        let (journal, _) = Journal::open(&folder.join("journal"), options, environment)?;
        Ok(Bench { journal, tenant })
    }

    /// Something of the size and shape of a call's record.
    fn body(&self) -> Outcome<canonical::Object> {
        let fields: serde_json::Map<String, serde_json::Value> = (0..30)
            .map(|number| {
                (
                    format!("field_{number:02}"),
                    format!("value of the field {number}").into(),
                )
            })
            .chain(
                (0..20).map(|number| (format!("number_{number:02}"), (number * 1_234_567).into())),
            )
            .collect();
        Ok(canonical::to_vec(&fields)?)
    }

    /// How many records a second become durable when so many wait at a time.
    async fn group_commit(&self, writers: u64) -> Outcome<u64> {
        const LASTS: Duration = Duration::from_secs(2);
        let body = self.body()?;
        let begun = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|_| {
                let (journal, tenant, body) = (self.journal.clone(), self.tenant, body.clone());
                tokio::spawn(async move {
                    let mut count = 0_u64;
                    while begun.elapsed() < LASTS {
                        let appended = journal.append_record(tenant, &body)?;
                        journal.durable(appended.position).await?;
                        count += 1;
                    }
                    Ok::<u64, iron_journal::Stopped>(count)
                })
            })
            .collect();
        let mut count = 0;
        for task in tasks {
            count += task.await??;
        }
        Ok(count * 1_000 / u64::try_from(begun.elapsed().as_millis())?.max(1))
    }
}

fn nanos_each(times: u32, mut body: impl FnMut() -> Outcome<()>) -> Outcome<u128> {
    let begun = Instant::now();
    for _ in 0..times {
        body()?;
    }
    Ok(begun.elapsed().as_nanos() / u128::from(times))
}

/// The median of fifty appends of 4 KiB, each with its `fdatasync`, in milliseconds.
fn fsync_median(path: &Path) -> Outcome<f64> {
    let file = File::create(path)?;
    let mut times = Vec::new();
    for number in 0..50 {
        file.write_all_at(&[1; 4_096], number * 4_096)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times
        .get(times.len() / 2)
        .map_or(0.0, |time| time.as_secs_f64() * 1_000.0))
}
