//! What a provider says that it is owed: an export of its console as a table of texts.
//!
//! Columns are found by their names, in any order; others are passed over:
//!
//! | column | also as | is |
//! |---|---|---|
//! | `day` | `date`, `usage_date_utc`, `start_time_iso` | the UTC day, or a time in it |
//! | `cost` | `cost_usd`, `amount_value` | dollars as a plain decimal |
//! | `model` | `line_item` | the model, up to a comma |
//! | `provider` | | the provider, if the table is about several |
//! | `currency` | `amount_currency` | `usd`, or empty |

use std::collections::HashMap;

use iron_primitives::{Money, Timestamp};

/// The most lines that are read.
pub const MOST_LINES: usize = 100_000;

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceLine {
    /// Whose line it is, if the table says.
    pub provider: Option<String>,
    /// The begin of its day.
    pub day: Timestamp,
    /// The model, if the table says.
    pub model: Option<String>,
    /// What it costs; below zero for a credit.
    pub cost: Money,
}

/// Why a table is no invoice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    /// Not a table.
    #[error("line {line} is not a line of a table of texts separated by commas")]
    Table {
        /// Which.
        line: u64,
    },
    /// A column that is needed is not there.
    #[error("there is no column `{column}`, nor one of {also}")]
    NoColumn {
        /// Its plain name.
        column: &'static str,
        /// What it may be called, too.
        also: &'static str,
    },
    /// A day that is none.
    #[error("line {line}: expected a day such as `2026-01-31`")]
    Day {
        /// Where.
        line: u64,
    },
    /// An amount that is none.
    #[error("line {line}: expected dollars as a plain decimal such as `12.50`")]
    Cost {
        /// Where.
        line: u64,
    },
    /// Another currency.
    #[error("line {line}: amounts must be in US dollars")]
    Currency {
        /// Where.
        line: u64,
    },
    /// Too long a table.
    #[error("the table has more than {MOST_LINES} lines; split it by days")]
    TooLong,
    /// A table of nothing.
    #[error("no line of the table has a cost")]
    Empty,
}

const DAYS: &[&str] = &["day", "date", "usage_date_utc", "start_time_iso"];
const COSTS: &[&str] = &["cost", "cost_usd", "amount_value"];
const MODELS: &[&str] = &["model", "line_item"];
const PROVIDERS: &[&str] = &["provider"];
const CURRENCIES: &[&str] = &["currency", "amount_currency"];

/// Where the columns stand.
struct Columns {
    day: usize,
    cost: usize,
    model: Option<usize>,
    provider: Option<usize>,
    currency: Option<usize>,
}

impl Columns {
    fn of(headings: &csv::StringRecord) -> Result<Self, InvoiceError> {
        let places: HashMap<String, usize> = headings
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let name = name.trim_start_matches('\u{feff}').trim();
                (name.to_ascii_lowercase(), place)
            })
            .collect();
        let find = |names: &[&str]| names.iter().find_map(|name| places.get(*name)).copied();
        Ok(Columns {
            day: find(DAYS).ok_or(InvoiceError::NoColumn {
                column: "day",
                also: "`date`, `usage_date_utc`, `start_time_iso`",
            })?,
            cost: find(COSTS).ok_or(InvoiceError::NoColumn {
                column: "cost",
                also: "`cost_usd`, `amount_value`",
            })?,
            model: find(MODELS),
            provider: find(PROVIDERS),
            currency: find(CURRENCIES),
        })
    }
}

/// Reads the lines of an invoice. Lines without an amount are passed over.
///
/// # Errors
/// [`InvoiceError`] with the line that cannot be read; then nothing is taken of the table.
pub fn read_invoice(text: &str) -> Result<Vec<InvoiceLine>, InvoiceError> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let headings = reader
        .headers()
        .map_err(|_| InvoiceError::Table { line: 1 })?;
    let columns = Columns::of(headings)?;
    let mut lines = Vec::new();
    for (record, counted) in reader.records().zip(2_u64..) {
        let record = record.map_err(|_| InvoiceError::Table { line: counted })?;
        let line = record.position().map_or(counted, csv::Position::line);
        if let Some(read) = line_of(&columns, &record, line)? {
            if lines.len() == MOST_LINES {
                return Err(InvoiceError::TooLong);
            }
            lines.push(read);
        }
    }
    if lines.is_empty() {
        return Err(InvoiceError::Empty);
    }
    Ok(lines)
}

fn line_of(
    columns: &Columns,
    record: &csv::StringRecord,
    line: u64,
) -> Result<Option<InvoiceLine>, InvoiceError> {
    let cell = |place: usize| {
        let text = record.get(place).unwrap_or_default().trim();
        (!text.is_empty()).then_some(text)
    };
    let Some(cost) = cell(columns.cost) else {
        return Ok(None);
    };
    let currency = columns.currency.and_then(cell);
    if currency.is_some_and(|word| !word.eq_ignore_ascii_case("usd")) {
        return Err(InvoiceError::Currency { line });
    }
    let day = cell(columns.day).and_then(day_of);
    let model = columns.model.and_then(cell);
    // An item is a model with what was used of it: `gpt-5-mini, input`.
    let model = model.and_then(|text| text.split(',').next()).map(str::trim);
    Ok(Some(InvoiceLine {
        provider: columns.provider.and_then(cell).map(str::to_owned),
        day: day.ok_or(InvoiceError::Day { line })?,
        model: model.map(str::to_owned),
        cost: dollars(cost).ok_or(InvoiceError::Cost { line })?,
    }))
}

fn day_of(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    if !(rest.is_empty() || rest.starts_with(['T', ' '])) {
        return None;
    }
    format!("{day}T00:00:00Z").parse().ok()
}

/// Dollars with any number of decimals, rounded half up to the nano-dollar.
fn dollars(text: &str) -> Option<Money> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let kept: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let up = i64::from(
        fraction
            .as_bytes()
            .get(9)
            .is_some_and(|digit| *digit >= b'5'),
    );
    let nanos = whole
        .checked_mul(1_000_000_000)?
        .checked_add(kept.parse().ok()?)?
        .checked_add(up)?
        .checked_mul(sign)?;
    Some(Money::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn only(text: &str) -> InvoiceLine {
        let mut lines = read_invoice(text).expect("an invoice");
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    fn line(provider: Option<&str>, model: Option<&str>, nanos: i64) -> InvoiceLine {
        InvoiceLine {
            provider: provider.map(str::to_owned),
            day: "2026-01-31T00:00:00Z".parse().expect("a timestamp"),
            model: model.map(str::to_owned),
            cost: Money::from_nanos(nanos),
        }
    }

    #[test]
    fn a_plain_table_and_the_exports_of_consoles_are_read_by_their_headings() {
        let plain = "provider,day,model,cost\nmain,2026-01-31,gpt-5-mini,1.25\n";
        assert_eq!(
            only(plain),
            line(Some("main"), Some("gpt-5-mini"), 1_250_000_000)
        );
        let costs = "start_time,start_time_iso,amount_value,amount_currency,line_item,project_id\n\
             1769817600,2026-01-31T00:00:00+00:00,0.8958740000000000,usd,\"gpt-5-mini, input\",x\n\
             1769904000,2026-02-01T00:00:00+00:00,,,,\n";
        assert_eq!(only(costs), line(None, Some("gpt-5-mini"), 895_874_000));
        let console = "\u{feff}usage_date_utc,model,workspace,token_type,cost_usd\r\n\
             2026-01-31,claude-sonnet-4-5,Default,output,$0.10\r\n";
        assert_eq!(
            only(console),
            line(None, Some("claude-sonnet-4-5"), 100_000_000)
        );
        assert_eq!(
            only("DATE,COST\n2026-01-31 10:00,-2\n"),
            line(None, None, -2_000_000_000)
        );
    }

    #[test]
    fn what_is_no_invoice_is_refused_with_its_line() {
        let wrong = |text: &str| read_invoice(text).expect_err("no invoice");
        assert!(matches!(
            wrong("day,price\n"),
            InvoiceError::NoColumn { column: "cost", .. }
        ));
        assert!(matches!(
            wrong("cost\n1\n"),
            InvoiceError::NoColumn { column: "day", .. }
        ));
        assert_eq!(wrong("day,cost\n"), InvoiceError::Empty);
        assert_eq!(
            wrong("day,cost\n2026-13-01,1\n"),
            InvoiceError::Day { line: 2 }
        );
        assert_eq!(
            wrong("day,cost\n2026-01-01x,1\n"),
            InvoiceError::Day { line: 2 }
        );
        let second = "day,cost\n2026-01-01,1\n2026-01-01,1e3\n";
        assert_eq!(wrong(second), InvoiceError::Cost { line: 3 });
        let euros = "day,cost,currency\n2026-01-01,1,EUR\n";
        assert_eq!(wrong(euros), InvoiceError::Currency { line: 2 });
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_makes_the_reader_fall_over(text in ".{0,200}") {
            drop(read_invoice(&text));
            drop(read_invoice(&format!("day,cost,model\n{text}")));
        }

        #[test]
        fn an_amount_is_read_to_the_nano_dollar(nanos in -1_000_000_000_000_000_i64..1_000_000_000_000_000) {
            let money = Money::from_nanos(nanos);
            prop_assert_eq!(dollars(&money.to_string()), Some(money));
        }
    }
}
