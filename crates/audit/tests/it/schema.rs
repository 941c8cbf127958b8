//! Both engines have the same tables.

use iron_audit::MIGRATIONS;
use iron_store::{schema, testing};

#[test]
fn both_engines_have_the_same_schema() {
    let describe = |db: iron_store::Db| async move {
        db.migrate(&[MIGRATIONS]).await.unwrap();
        schema::describe(&db).await.unwrap()
    };
    assert_eq!(testing::on_sqlite(describe), testing::on_postgres(describe));
}
