//! Writers stand in line, and none of them is lost.

use iron_store::{Db, both_engines, sql};

async fn add_one(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    // Read, then write: what a transaction that begins without the lock would lose.
    let row = sql("UPDATE counter SET value = value WHERE id = 1 RETURNING value")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    sql("UPDATE counter SET value = $1 WHERE id = 1")
        .bind(row.get::<i64>("value").unwrap() + 1)
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

both_engines! {
    async fn increments_of_many_tasks_are_all_counted(db: Db) {
        sql("CREATE TABLE counter (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)")
            .execute(&db).await.unwrap();
        sql("INSERT INTO counter (id, value) VALUES (1, 0)").execute(&db).await.unwrap();
        let tasks: Vec<_> = (0..8).map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    add_one(&db).await;
                }
            })
        }).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let row = sql("SELECT value FROM counter").fetch_one(&db).await.unwrap();
        assert_eq!(row.get::<i64>("value").unwrap(), 40);
    }

    async fn readers_go_on_while_a_writer_holds_its_transaction(db: Db) {
        sql("CREATE TABLE counter (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)")
            .execute(&db).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        sql("INSERT INTO counter (id, value) VALUES (1, 0)").execute(&mut tx).await.unwrap();
        assert!(sql("SELECT value FROM counter").fetch_all(&db).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        assert_eq!(sql("SELECT value FROM counter").fetch_all(&db).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn another_process_reaches_the_same_schema_by_its_address() {
    let schema = iron_store::testing::PostgresSchema::create().await.unwrap();
    let here = schema.connect().await.unwrap();
    let there = Db::connect_postgres(&schema.url()).await.unwrap();
    sql("CREATE TABLE met (id BIGINT PRIMARY KEY)")
        .execute(&here)
        .await
        .unwrap();
    sql("INSERT INTO met (id) VALUES (7)")
        .execute(&there)
        .await
        .unwrap();
    let row = sql("SELECT id, current_setting('synchronous_commit') AS synchronous FROM met")
        .fetch_one(&there)
        .await
        .unwrap();
    assert_eq!(row.get::<i64>("id").unwrap(), 7);
    assert_eq!(row.get::<String>("synchronous").unwrap(), "on");
    here.close().await;
    there.close().await;
    schema.drop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_as_not_available() {
    let nobody = Db::connect_postgres("postgres://postgres@127.0.0.1:1/postgres").await;
    assert!(
        matches!(nobody, Err(iron_store::Error::Unavailable(_))),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn a_closed_database_says_so_and_a_reopened_one_has_kept_everything() {
    let folder = std::env::temp_dir().join(format!("iron_store_reopen_{}", std::process::id()));
    let file = folder.join("deep").join("iron.db");
    let db = Db::open_sqlite(&file).await.unwrap();
    sql("CREATE TABLE kept (id INTEGER PRIMARY KEY) STRICT")
        .execute(&db)
        .await
        .unwrap();
    sql("INSERT INTO kept (id) VALUES (1)")
        .execute(&db)
        .await
        .unwrap();
    db.close().await;
    assert!(matches!(
        db.ping().await,
        Err(iron_store::Error::Unavailable(_))
    ));
    let again = Db::open_sqlite(&file).await.unwrap();
    assert_eq!(
        sql("SELECT id FROM kept")
            .fetch_all(&again)
            .await
            .unwrap()
            .len(),
        1
    );
    again.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
