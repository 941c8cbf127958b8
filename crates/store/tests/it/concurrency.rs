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
