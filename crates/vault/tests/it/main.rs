//! The vault, from the master key's file to an erased person.

#![cfg(test)]

mod master;
mod sealing;
mod subjects;

use iron_primitives::{Id as _, TenantId};
use iron_store::Db;
use iron_testkit::TestEnvironment;
use iron_vault::{MIGRATIONS, MasterKey, Vault};

async fn open(db: &Db) -> Vault {
    db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
        .await
        .unwrap();
    let world = TestEnvironment::seeded(1);
    Vault::open(
        db.clone(),
        &MasterKey::from_bytes([1; 32]),
        world.environment,
    )
    .await
    .unwrap()
}

fn tenant(seed: u64) -> TenantId {
    TenantId::from_uuid(
        TestEnvironment::seeded(seed)
            .environment
            .new_id::<TenantId>()
            .uuid(),
    )
}

#[test]
fn the_tables_are_the_same_on_both_engines() {
    iron_store::testing::assert_schemas_agree(&[MIGRATIONS]);
}
