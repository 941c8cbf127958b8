//! Statements, values and errors mean the same on both engines.

use iron_primitives::{Money, Scope, Timestamp, TokenDigest, UserId};
use iron_store::{Db, Error, Json, Rows, ToColumn as _, Tx, both_engines, sql, sql_per_engine};

const USER: &str = "user_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";

async fn make_table(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    sql_per_engine(
        "CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, name TEXT,
         count INTEGER CHECK (count >= 0), bytes BLOB, parent TEXT REFERENCES things (id),
         UNIQUE (tenant, name)) STRICT",
        "CREATE TABLE things (id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, name TEXT,
         count BIGINT CHECK (count >= 0), bytes BYTEA, parent TEXT REFERENCES things (id),
         UNIQUE (tenant, name))",
    )
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

async fn insert(tx: &mut Tx, id: &str, name: &str) -> Result<u64, Error> {
    sql("INSERT INTO things (id, tenant, name) VALUES ($1, $2, $3)")
        .bind(id)
        .bind("t1")
        .bind(name)
        .execute(tx)
        .await
}

both_engines! {
    async fn every_kind_of_value_reads_back_as_it_was_bound(db: Db) {
        make_table(&db).await;
        let user: UserId = USER.parse().unwrap();
        let scope = Scope::User(user);
        let digest = TokenDigest::of("secret");
        let instant = Timestamp::from_micros(1_765_362_645_123_456);
        let mut tx = db.begin().await.unwrap();
        sql("INSERT INTO things (id, tenant, name, count, bytes) VALUES ($1, $2, $3, $4, $5)")
            .bind(user)
            .bind(scope)
            .bind(Json(vec!["a", "b"]))
            .bind(instant)
            .bind(digest)
            .execute(&mut tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let row = sql("SELECT *, 1 = 1 AS truth FROM things WHERE id = $1")
            .bind(user).fetch_one(&db).await.unwrap();
        assert_eq!(row.get::<UserId>("id").unwrap(), user);
        assert_eq!(row.get::<Scope>("tenant").unwrap(), scope);
        assert_eq!(row.get::<Json<Vec<String>>>("name").unwrap().0, ["a", "b"]);
        assert_eq!(row.get::<Timestamp>("count").unwrap(), instant);
        assert_eq!(row.get::<Money>("count").unwrap().nanos(), instant.micros());
        assert_eq!(row.get::<TokenDigest>("bytes").unwrap(), digest);
        assert_eq!(row.get::<Option<String>>("parent").unwrap(), None);
        assert!(row.get::<bool>("truth").unwrap());
    }

    async fn a_missing_value_can_be_bound_to_any_kind_of_column(db: Db) {
        make_table(&db).await;
        let changed = sql("INSERT INTO things (id, tenant, name, count, bytes) VALUES ('a', 't', $1, $2, $3)")
            .bind(None::<String>)
            .bind(None::<i64>)
            .bind(None::<Vec<u8>>)
            .execute(&db)
            .await
            .unwrap();
        assert_eq!(changed, 1);
        let row = sql("SELECT name, count, bytes FROM things").fetch_one(&db).await.unwrap();
        assert_eq!(row.get::<Option<String>>("name").unwrap(), None);
        assert!(matches!(row.get::<String>("name"), Err(Error::Value { column, .. }) if column == "name"));
        assert!(matches!(row.get::<i64>("nothing"), Err(Error::Column { .. })));
    }

    async fn a_parameter_may_repeat_and_stand_in_any_order(db: Db) {
        make_table(&db).await;
        let row = sql("INSERT INTO things (id, tenant, count) VALUES ($2, $1, 7)
             ON CONFLICT (id) DO UPDATE SET count = things.count + 1 RETURNING id, tenant, count")
            .bind("tenant").bind("id");
        let mut tx = db.begin().await.unwrap();
        let row = row.fetch_one(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(row.get::<String>("id").unwrap(), "id");
        assert_eq!(row.get::<String>("tenant").unwrap(), "tenant");
        let found = sql("SELECT id FROM things WHERE id = $1 OR tenant = $1").bind("tenant")
            .fetch_all(&db).await.unwrap();
        assert_eq!(found.len(), 1);
    }

    async fn a_column_of_another_kind_is_refused_and_not_converted(db: Db) {
        make_table(&db).await;
        sql("INSERT INTO things (id, tenant, name, count) VALUES ('1', 't', '12', 3)")
            .execute(&db).await.unwrap();
        let row = sql("SELECT name, count FROM things").fetch_one(&db).await.unwrap();
        assert!(row.get::<i64>("name").is_err());
        assert!(row.get::<String>("count").is_err());
        assert!(row.get::<bool>("count").is_err());
        assert!(row.get::<UserId>("name").is_err());
    }

    async fn a_clash_names_the_table_and_the_columns(db: Db) {
        make_table(&db).await;
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, "a", "same").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let by_name = insert(&mut tx, "b", "same").await.unwrap_err();
        assert!(matches!(&by_name, Error::Unique { table, columns }
            if table == "things" && columns == &["tenant", "name"]), "{by_name:?}");
        assert!(by_name.is_unique("things", "name"));
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        let by_id = insert(&mut tx, "a", "other").await.unwrap_err();
        assert!(by_id.is_unique("things", "id") && !by_id.is_unique("things", "name"));
    }

    async fn broken_references_and_checks_are_told_apart(db: Db) {
        make_table(&db).await;
        let orphan = sql("INSERT INTO things (id, tenant, parent) VALUES ('a', 't', 'none')")
            .execute(&db).await;
        assert!(matches!(orphan, Err(Error::ForeignKey(_))), "{orphan:?}");
        let negative = sql("INSERT INTO things (id, tenant, count) VALUES ('a', 't', -1)")
            .execute(&db).await;
        assert!(matches!(negative, Err(Error::Check(_))), "{negative:?}");
        let empty = sql("INSERT INTO things (id, tenant) VALUES ('a', $1)")
            .bind(None::<String>).execute(&db).await;
        assert!(matches!(empty, Err(Error::Check(_))), "{empty:?}");
        assert!(matches!(sql("SELECT id FROM things").fetch_one(&db).await, Err(Error::NotFound)));
        assert!(matches!(sql("SELECT nonsense").fetch_one(&db).await, Err(Error::Database(_))));
    }

    async fn an_uncommitted_transaction_leaves_nothing(db: Db) {
        make_table(&db).await;
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, "a", "dropped").await.unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, "b", "rolled back").await.unwrap();
        tx.rollback().await.unwrap();
        assert!(sql("SELECT id FROM things").fetch_all(&db).await.unwrap().is_empty());
    }

    async fn a_snapshot_does_not_see_what_is_committed_after_it_began(db: Db) {
        make_table(&db).await;
        let mut snapshot = db.snapshot().await.unwrap();
        let before = sql("SELECT id FROM things").fetch_all(&mut snapshot).await.unwrap().len();
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, "a", "new").await.unwrap();
        tx.commit().await.unwrap();
        let after = sql("SELECT id FROM things").fetch_all(&mut snapshot).await.unwrap().len();
        assert_eq!((before, after), (0, 0));
        snapshot.commit().await.unwrap();
        assert_eq!(sql("SELECT id FROM things").fetch_all(&db).await.unwrap().len(), 1);
    }

    async fn a_snapshot_refuses_to_write(db: Db) {
        make_table(&db).await;
        let mut snapshot = db.snapshot().await.unwrap();
        assert!(insert(&mut snapshot, "a", "x").await.is_err());
    }
}

both_engines! {
    async fn many_rows_are_one_statement(db: Db) {
        let mut tx = db.begin().await.expect("begins");
        let table = "CREATE TABLE sums (name TEXT PRIMARY KEY, amount BIGINT, note TEXT)";
        sql(table).execute(&mut tx).await.expect("is made");
        let add = |amounts: &[(&str, Option<i64>)]| {
            let rows = amounts.iter().fold(
                Rows::new("INSERT INTO sums (name, amount, note) VALUES "),
                |rows, (name, amount)| {
                    rows.row([name.to_column(), amount.to_column(), None::<&str>.to_column()])
                },
            );
            rows.then_per_engine(
                " ON CONFLICT (name) DO UPDATE SET amount = sums.amount + excluded.amount, note = 'sqlite'",
                " ON CONFLICT (name) DO UPDATE SET amount = sums.amount + excluded.amount, note = 'postgres'",
            )
        };
        assert!(add(&[]).is_empty());
        for amounts in [&[("a", Some(1)), ("b", None)][..], &[("c", Some(7)), ("a", Some(2))]] {
            add(amounts).statement().execute(&mut tx).await.expect("are added");
        }
        let rows = sql("SELECT name, amount, note FROM sums ORDER BY name");
        let rows = rows.fetch_all(&mut tx).await.expect("is read");
        let read: Vec<(String, Option<i64>, bool)> = rows
            .iter()
            .map(|row| {
                let note: Option<String> = row.get("note").expect("a text");
                (row.get("name").expect("a name"), row.get("amount").expect("a sum"), note.is_some())
            })
            .collect();
        assert_eq!(
            read,
            [("a".into(), Some(3), true), ("b".into(), None, false), ("c".into(), Some(7), false)]
        );
    }
}
