//! Every feature's tables, on both engines.

use iron_store::{Db, Migrations, sql};

const FEATURES: &[Migrations] = &[
    iron_audit::MIGRATIONS,
    iron_vault::MIGRATIONS,
    iron_identity::MIGRATIONS,
    iron_budget::MIGRATIONS,
    iron_catalog::MIGRATIONS,
    iron_fleet::MIGRATIONS,
    iron_insight::MIGRATIONS,
    iron_approvals::MIGRATIONS,
    iron_settings::MIGRATIONS,
    iron_custody::MIGRATIONS,
    iron_rules::MIGRATIONS,
    iron_api::MIGRATIONS,
];

/// Tables that belong to no tenant, with what is in them.
const OF_THE_PLATFORM: &[(&str, &str)] = &[
    ("schema_migrations", "what this schema is made of"),
    ("journal_offsets", "how far the journals are projected"),
    ("instances", "the servers"),
    ("ledger_generation", "one number"),
    ("settings_head", "one number"),
    ("vault_master", "a proof of the master key"),
    (
        "login_locks",
        "keyed hashes of addresses that are nobody's yet",
    ),
    ("login_failures", "network addresses"),
];

#[test]
fn all_tables_together_are_the_same_on_both_engines() {
    iron_store::testing::assert_schemas_agree(FEATURES);
}

#[test]
fn every_table_of_tenants_has_a_policy_that_binds_its_owner_too() {
    let bare = iron_store::testing::on_postgres(|db| async move {
        db.migrate(FEATURES).await.unwrap();
        unguarded(&db).await
    });
    let known: Vec<_> = OF_THE_PLATFORM.iter().map(|(table, _)| *table).collect();
    let forgotten: Vec<_> = bare
        .iter()
        .filter(|table| !known.contains(&table.as_str()))
        .collect();
    assert!(
        forgotten.is_empty(),
        "no row security holds for {forgotten:?}"
    );
    let gone: Vec<_> = known
        .iter()
        .filter(|table| !bare.iter().any(|bare| bare == *table))
        .collect();
    assert!(
        gone.is_empty(),
        "these are of tenants, or are no tables: {gone:?}"
    );
}

#[test]
fn nothing_of_a_tenant_is_seen_by_a_connection_that_says_nothing() {
    iron_store::testing::on_postgres(|db| async move {
        db.migrate(FEATURES).await.unwrap();
        let policies = sql("SELECT c.relname::TEXT AS name, \
               pg_get_expr(p.polqual, p.polrelid) AS holds FROM pg_policy p \
             JOIN pg_class c ON c.oid = p.polrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema()")
        .fetch_all(&db)
        .await
        .unwrap();
        assert!(policies.len() > 40, "{}", policies.len());
        for policy in policies {
            let (table, holds): (String, String) =
                (policy.get("name").unwrap(), policy.get("holds").unwrap());
            let public = holds == "(tenant_id IS NULL)";
            assert!(
                holds.contains("current_setting('iron.tenant'") || public,
                "{table}: {holds}"
            );
        }
    });
}

/// Tables that row security does not hold for, or not for their owner, or that have no policy.
async fn unguarded(db: &Db) -> Vec<String> {
    let rows = sql("SELECT c.relname::TEXT AS name FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') \
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity \
             AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid))")
    .fetch_all(db)
    .await
    .unwrap();
    rows.iter().map(|row| row.get("name").unwrap()).collect()
}
