//! Bakes into the binary what it was built from.
//!
//! `IRON_COMMIT` and `SOURCE_DATE_EPOCH` are believed where the builder sets them. Else both come
//! from the checkout's HEAD, so that the same source gives the same binary; and where there is
//! no checkout of this repository, they are `unknown`. Runs again only when HEAD moves.

use std::path::{Path, PathBuf};
use std::process::Command;

const UNKNOWN: &str = "unknown";

fn main() {
    for variable in ["IRON_COMMIT", "SOURCE_DATE_EPOCH"] {
        tell(&format!("rerun-if-env-changed={variable}"));
    }
    let checkout = Checkout::here();
    for file in checkout.iter().flat_map(Checkout::moves_with_head) {
        tell(&format!("rerun-if-changed={}", file.display()));
    }
    let git = |arguments: &[&str]| checkout.as_ref().and_then(|here| here.git(arguments));
    let commit = given("IRON_COMMIT").or_else(|| git(&["rev-parse", "HEAD"]));
    let commit = commit.unwrap_or_else(|| UNKNOWN.to_owned());
    let seconds = given("SOURCE_DATE_EPOCH").or_else(|| git(&["show", "-s", "--format=%ct"]));
    let time = seconds.and_then(|text| text.parse().ok()).map(utc);
    tell(&format!("rustc-env=IRON_BUILD_COMMIT={commit}"));
    let short: String = commit.chars().take(12).collect();
    tell(&format!("rustc-env=IRON_BUILD_COMMIT_SHORT={short}"));
    let time = time.unwrap_or_else(|| UNKNOWN.to_owned());
    tell(&format!("rustc-env=IRON_BUILD_TIME={time}"));
}

/// Standard output is how a build script speaks to cargo.
fn tell(instruction: &str) {
    println!("cargo::{instruction}");
}

fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}

/// A checkout of this very repository.
struct Checkout(PathBuf);

impl Checkout {
    /// None in an unpacked archive, even if that lies inside a checkout of something else.
    fn here() -> Option<Self> {
        let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR")?).join("../..");
        let root = root.canonicalize().ok()?;
        let checkout = Checkout(root);
        let top = PathBuf::from(checkout.git(&["rev-parse", "--show-toplevel"])?);
        (top.canonicalize().ok()? == checkout.0).then_some(checkout)
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("git");
        let output = command.arg("-C").arg(&self.0).args(arguments).output();
        let output = output.ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The log of HEAD grows with each commit and each switch, and with nothing else. Where none
    /// is kept, HEAD and what it names must do.
    fn moves_with_head(&self) -> Vec<PathBuf> {
        let path = |name: &str| {
            let path = self.0.join(self.git(&["rev-parse", "--git-path", name])?);
            // Cargo would run this each time for a file that is not there.
            path.is_file().then_some(path)
        };
        if let Some(log) = path("logs/HEAD") {
            return vec![log];
        }
        let branch = self.git(&["symbolic-ref", "--quiet", "HEAD"]);
        let named = [
            Some("HEAD".to_owned()),
            branch,
            Some("packed-refs".to_owned()),
        ];
        named
            .iter()
            .flatten()
            .filter_map(|name| path(name))
            .collect()
    }
}

/// Seconds since 1970 as an instant in UTC, such as `2026-11-22T04:05:06Z`.
fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Eras of 400 years that begin on 1 March, so that a leap day comes last.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{:02}Z",
        second % 60
    )
}
