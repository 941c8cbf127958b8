//! Every feature's tables, on both engines.

use iron_store::Migrations;

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
    iron_api::MIGRATIONS,
];

#[test]
fn all_tables_together_are_the_same_on_both_engines() {
    iron_store::testing::assert_schemas_agree(FEATURES);
}
