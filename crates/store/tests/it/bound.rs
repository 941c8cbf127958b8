//! The second net: whose rows a statement may see, whatever it asks for.

use iron_primitives::{Id as _, TenantId};
use iron_store::{Db, Engine, Error, Migration, Migrations, as_here, as_platform, bound, bound_to};
use iron_store::{both_engines, sql};
use uuid::Uuid;

const NOTES: Migrations = Migrations {
    feature: "notes",
    folder: "",
    scripts: &[Migration {
        name: "0001_notes",
        sqlite: TABLE,
        postgres: TABLE,
    }],
};
const TABLE: &str = "CREATE TABLE notes (tenant_id TEXT NOT NULL, id BIGINT NOT NULL, \
     text TEXT NOT NULL, PRIMARY KEY (tenant_id, id), UNIQUE (text))";

fn ours() -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(1))
}

fn theirs() -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(2))
}

async fn with_a_note_of_each(db: &Db) {
    db.migrate(&[NOTES]).await.unwrap();
    for (tenant, text) in [(ours(), "ours"), (theirs(), "theirs")] {
        note(db, tenant, text).await.unwrap();
    }
}

async fn note(db: &Db, tenant: TenantId, text: &str) -> Result<u64, Error> {
    let insert = "INSERT INTO notes (tenant_id, id, text) VALUES ($1, 1, $2)";
    sql(insert).bind(tenant).bind(text).execute(db).await
}

/// Everything, as a statement that forgot whose rows it wants.
async fn all(db: &Db) -> Vec<String> {
    let rows = sql("SELECT text FROM notes ORDER BY text")
        .fetch_all(db)
        .await
        .unwrap();
    rows.iter().map(|row| row.get("text").unwrap()).collect()
}

/// What PostgreSQL lets such a statement see; on SQLite nothing holds it.
fn seen_of_ours(db: &Db) -> Vec<&'static str> {
    match db.engine() {
        Engine::Postgres => vec!["ours"],
        Engine::Sqlite => vec!["ours", "theirs"],
    }
}

both_engines! {
    async fn a_statement_that_forgets_the_tenant_sees_nothing_of_another(db: Db) {
        with_a_note_of_each(&db).await;
        assert_eq!(all(&db).await, ["ours", "theirs"], "the platform sees both");
        bound_to(ours(), async {
            assert_eq!(all(&db).await, seen_of_ours(&db));
            let mut tx = db.begin().await.unwrap();
            let count = sql("SELECT CAST(COUNT(*) AS BIGINT) AS many FROM notes");
            let many: i64 = count.fetch_one(&mut tx).await.unwrap().get("many").unwrap();
            assert_eq!(usize::try_from(many).unwrap(), seen_of_ours(&db).len());
            drop(tx);
            let mut snapshot = db.snapshot().await.unwrap();
            let rows = sql("SELECT text FROM notes").fetch_all(&mut snapshot).await.unwrap();
            assert_eq!(rows.len(), seen_of_ours(&db).len());
        }).await;
        assert_eq!(all(&db).await, ["ours", "theirs"], "no connection remembers it");
    }

    async fn a_change_that_forgets_the_tenant_reaches_nothing_of_another(db: Db) {
        with_a_note_of_each(&db).await;
        if db.engine() == Engine::Sqlite {
            return;
        }
        bound_to(ours(), async {
            let changed = sql("UPDATE notes SET text = 'changed by ' || text").execute(&db).await;
            assert_eq!(changed.unwrap(), 1);
            let moved = sql("UPDATE notes SET tenant_id = $1").bind(theirs()).execute(&db).await;
            assert!(matches!(moved, Err(Error::Database(_))), "{moved:?}");
            let planted = note(&db, theirs(), "planted").await;
            assert!(matches!(planted, Err(Error::Database(_))), "{planted:?}");
            assert_eq!(sql("DELETE FROM notes").execute(&db).await.unwrap(), 1);
        }).await;
        assert_eq!(all(&db).await, ["theirs"]);
    }

    async fn a_clash_is_told_with_its_columns_also_where_row_security_holds(db: Db) {
        with_a_note_of_each(&db).await;
        bound_to(ours(), async {
            let again = note(&db, ours(), "another").await.unwrap_err();
            assert!(again.is_unique("notes", "id"), "{again:?}");
            let taken = sql("UPDATE notes SET text = 'theirs' WHERE tenant_id = $1").bind(ours());
            let taken = taken.execute(&db).await.unwrap_err();
            assert!(taken.is_unique("notes", "text") && !taken.is_unique("notes", "id"), "{taken:?}");
        }).await;
    }

    async fn work_in_another_task_is_the_platforms_unless_it_is_taken_along(db: Db) {
        with_a_note_of_each(&db).await;
        bound_to(ours(), async {
            let (here, there) = (db.clone(), db.clone());
            let along = tokio::spawn(as_here(async move { (bound(), all(&here).await) }));
            assert_eq!(along.await.unwrap(), (Some(ours()), seen_of_ours(&db).iter().map(|s| (*s).to_owned()).collect()));
            let apart = tokio::spawn(async move { (bound(), all(&there).await) });
            assert_eq!(apart.await.unwrap().1, ["ours", "theirs"]);
            assert_eq!(as_platform(all(&db)).await, ["ours", "theirs"]);
            assert_eq!(bound(), Some(ours()));
        }).await;
    }

    async fn a_transaction_stays_whose_it_was_when_it_began(db: Db) {
        with_a_note_of_each(&db).await;
        let mut tx = bound_to(ours(), db.begin()).await.unwrap();
        let rows = sql("SELECT text FROM notes").fetch_all(&mut tx).await.unwrap();
        assert_eq!(rows.len(), seen_of_ours(&db).len());
        tx.commit().await.unwrap();
    }
}

#[test]
fn a_connection_that_says_nothing_sees_no_row() {
    iron_store::testing::on_postgres(|db| async move {
        with_a_note_of_each(&db).await;
        assert!(db.is_bound_by_row_security().await.unwrap());
        let mut tx = db.begin().await.unwrap();
        sql("SET LOCAL iron.tenant = ''")
            .execute(&mut tx)
            .await
            .unwrap();
        assert!(
            sql("SELECT text FROM notes")
                .fetch_all(&mut tx)
                .await
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn connections_that_died_while_idle_are_replaced() {
    iron_store::testing::on_postgres(|db| async move {
        with_a_note_of_each(&db).await;
        let open = async |db: &Db| db.begin().await.unwrap();
        let four = [
            open(&db).await,
            open(&db).await,
            open(&db).await,
            open(&db).await,
        ];
        for mut tx in four {
            let end = "SELECT pg_backend_pid()::BIGINT AS pid";
            let pid: i64 = sql(end)
                .fetch_one(&mut tx)
                .await
                .unwrap()
                .get("pid")
                .unwrap();
            drop(tx);
            end_backend(pid).await;
        }
        bound_to(ours(), async {
            for _ in 0..4 {
                assert_eq!(all(&db).await, ["ours"]);
                db.begin().await.unwrap().commit().await.unwrap();
            }
        })
        .await;
        assert_eq!(all(&db).await, ["ours", "theirs"]);
    });
}

async fn end_backend(pid: i64) {
    let url = std::env::var(iron_store::testing::POSTGRES_URL).unwrap();
    let server = Db::connect_postgres(&url).await.unwrap();
    let end = sql("SELECT pg_terminate_backend($1::INT, 5000)::INT::BIGINT AS ended").bind(pid);
    let ended: i64 = end.fetch_one(&server).await.unwrap().get("ended").unwrap();
    assert_eq!(ended, 1);
    server.close().await;
}
