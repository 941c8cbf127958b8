//! Prices of the book, of imports and of tenants.

use std::time::Duration;

use iron_audit::Reach;
use iron_catalog::{PriceOrigin, Prices};
use iron_llm::ProviderKind::{Local, OpenAi, Together};
use iron_llm::Usage;
use iron_primitives::{ErrorKind, Money};
use iron_store::Db;
use serde_json::json;

use crate::World;

fn prices(input: &str, output: &str) -> Prices {
    Prices {
        input_per_million: input.to_owned(),
        output_per_million: output.to_owned(),
        ..Prices::default()
    }
}

fn cost(world: &World, kind: iron_llm::ProviderKind, model: &str) -> Money {
    let usage = Usage {
        input: 1_000,
        output: 1_000,
        ..Usage::default()
    };
    world
        .models
        .book(world.tenant)
        .lookup(kind, model)
        .unwrap()
        .cost(&usage)
        .unwrap()
}

iron_store::both_engines! {
    async fn a_tenants_price_counts_for_that_tenant_from_its_date_on(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let before = cost(&world, OpenAi, "gpt-4o-mini");
        let later = world.environment.now().plus(Duration::from_secs(3_600));
        let mut tx = world.db.begin().await.unwrap();
        let now = world.models.set_price(&mut tx, &admin, OpenAi, "gpt-4o-mini", &prices("1", "2"), None).await;
        now.unwrap();
        let then = Some(later);
        world.models.set_price(&mut tx, &admin, OpenAi, "gpt-4o-mini", &prices("0", "0"), then).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(cost(&world, OpenAi, "gpt-4o-mini"), before, "not before the refresh");

        assert!(world.models.refresh().await.unwrap());
        assert_eq!(cost(&world, OpenAi, "gpt-4o-mini"), Money::from_nanos(3_000_000));
        let listed = world.models.price(&admin, Some(OpenAi), "gpt-4o-mini").unwrap();
        assert_eq!(listed.price.origin, PriceOrigin::Override);
        assert!(!world.models.refresh().await.unwrap(), "nothing has changed since");

        world.kit.clock.advance(Duration::from_secs(3_601));
        assert!(world.models.refresh().await.unwrap());
        assert_eq!(cost(&world, OpenAi, "gpt-4o-mini"), Money::ZERO, "an explicit 0 is a price");

        let other = world.caller(world.environment.new_id(), Reach::Tenant);
        let theirs = world.models.price(&other, Some(OpenAi), "gpt-4o-mini").unwrap();
        assert_eq!(theirs.price.origin, PriceOrigin::Book);
    }
}

iron_store::both_engines! {
    async fn an_imported_list_prices_new_models_and_names_what_it_left_out(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let list = json!({
            "my-own-model": {
                "litellm_provider": "openai", "mode": "chat", "max_output_tokens": 4096,
                "input_cost_per_token": 1.5e-7, "output_cost_per_token": 6e-07,
            },
            "somebody/elses": {
                "litellm_provider": "amazon_nova", "mode": "chat",
                "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
            },
        });
        let mut tx = world.db.begin().await.unwrap();
        let list = list.as_object().unwrap();
        let imported = world.models.import(&mut tx, &admin, list).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!((imported.imported, imported.skipped.len()), (1, 1));
        world.models.refresh().await.unwrap();
        assert_eq!(cost(&world, OpenAi, "my-own-model"), Money::from_nanos(750_000));
        let listed = world.models.price(&admin, None, "my-own-model").unwrap();
        assert_eq!(listed.price.origin, PriceOrigin::Import);
    }
}

iron_store::both_engines! {
    async fn a_model_nobody_knows_gets_a_price_and_one_without_has_none(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin();
        let none = world.models.price(&admin, Some(OpenAi), "brand-new").unwrap_err();
        assert_eq!(none.kind(), ErrorKind::ResourceNotFound);
        let mut tx = world.db.begin().await.unwrap();
        for (kind, model) in [(Local, "brand-new"), (Together, "brand-new"), (OpenAi, "own"), (Local, "own")] {
            world.models.set_price(&mut tx, &admin, kind, model, &prices("3", "4"), None).await.unwrap();
        }
        tx.commit().await.unwrap();
        world.models.refresh().await.unwrap();
        assert_eq!(cost(&world, Local, "brand-new"), Money::from_nanos(7_000_000));
        let ambiguous = world.models.price(&admin, None, "brand-new").unwrap_err();
        assert_eq!(ambiguous.field().as_deref(), Some("provider_type"));
        // Who makes it is meant where others serve it, too.
        assert_eq!(world.models.price(&admin, None, "own").unwrap().model.kind, OpenAi);
        assert_eq!(world.models.list(&admin, &[], Some("BRAND")).len(), 2);
        assert_eq!(world.models.list(&admin, &[Local], Some("brand")).len(), 1);
    }
}
