//! `iron models`.

use std::path::Path;

use iron_sdk::Client;
use iron_sdk::decimal::Decimal;
use iron_sdk::models::{ImportPrices, ModelQuery, PriceQuery, PriceView, SetPrice};

use crate::args::{Models, PriceArgs};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Models, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Models::List { name, paging } => {
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = ModelQuery {
                model: name,
                page,
                per_page,
                ..ModelQuery::default()
            };
            let list = client.list_models(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|model| {
                    vec![
                        model.model.clone(),
                        model.provider_type.to_string(),
                        model.price.input_per_million.clone(),
                        model.price.output_per_million.clone(),
                        model.price.source.to_string(),
                    ]
                });
                let headings = ["model", "type", "input $/m", "output $/m", "source"];
                console.table(&headings, rows.collect())
            })
        }
        Models::Price(price) => self::price(&client, *price, console).await,
        Models::Import { file, force } => import(&client, &file, force, console).await,
    }
}

async fn price(client: &Client, args: PriceArgs, console: Console) -> Outcome {
    let Some(input) = args.input else {
        let query = PriceQuery {
            provider_type: args.kind.map(Into::into),
        };
        let view = client.get_model_price(&args.model, &query).await?;
        return console.show(&view, || facts(console, &view));
    };
    let Some(output) = args.output else {
        return Err(Failure::usage("`--output` is missing: a price has both"));
    };
    let body = SetPrice {
        provider_type: args.kind.map(Into::into),
        input_per_million: Decimal(input),
        output_per_million: Decimal(output),
        cached_per_million: args.cached.map(Decimal),
        cache_write_5m_per_million: None,
        cache_write_1h_per_million: None,
        reasoning_per_million: args.reasoning.map(Decimal),
        per_query: args.per_query.map(Decimal),
        per_search: args.per_search.map(Decimal),
        per_image: args.per_image.map(Decimal),
        per_second: args.per_second.map(Decimal),
        per_character: args.per_character.map(Decimal),
        tiers: None,
        effective_from: None,
    };
    let view = client.set_model_price(&args.model, &body).await?;
    console.show(&view, || facts(console, &view))
}

async fn import(client: &Client, file: &Path, force: bool, console: Console) -> Outcome {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", file.display())))?;
    let prices: serde_json::Map<_, _> = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "`{}` is not a JSON object of models: {error}",
            file.display()
        ))
    })?;
    let question = format!(
        "import the prices of {} models over the present ones?",
        prices.len()
    );
    console.confirm(&question, force)?;
    let imported = client.import_prices(&ImportPrices { prices }).await?;
    console.show(&imported, || {
        let skipped = imported
            .skipped
            .iter()
            .map(|one| format!("  {}: {}", one.model, one.reason));
        let head = format!(
            "imported {}, skipped {}",
            imported.imported, imported.skipped_count
        );
        std::iter::once(head)
            .chain(skipped)
            .collect::<Vec<_>>()
            .join("\n")
    })
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn facts(console: Console, price: &PriceView) -> String {
    console.facts(&[
        ("input per million", price.input_per_million.clone()),
        ("output per million", price.output_per_million.clone()),
        (
            "cached per million",
            or_dash(price.cached_per_million.clone()),
        ),
        (
            "reasoning per million",
            or_dash(price.reasoning_per_million.clone()),
        ),
        ("per call", or_dash(price.per_query.clone())),
        ("per search", or_dash(price.per_search.clone())),
        ("per picture", or_dash(price.per_image.clone())),
        ("per second", or_dash(price.per_second.clone())),
        ("per character", or_dash(price.per_character.clone())),
        ("tiers", price.tiers.len().to_string()),
        (
            "from",
            price
                .effective_from
                .map_or("built in".to_owned(), |at| at.to_string()),
        ),
        ("source", price.source.to_string()),
    ])
}
