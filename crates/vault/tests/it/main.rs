//! The vault, from the master key's file to an erased person.

mod master;
mod sealing;
mod subjects;

use iron_primitives::{Id as _, TenantId};
use iron_store::Db;
use iron_testkit::TestEnvironment;
use iron_vault::{MIGRATIONS, MasterKey, Vault};

async fn open(db: &Db) -> Vault {
    db.migrate(&[MIGRATIONS]).await.unwrap();
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
