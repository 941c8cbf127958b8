//! Schemas move forward only, and alike on both engines.

use iron_store::{
    Db, Engine, Error, Migration, MigrationError, Migrations, both_engines, schema, sql,
};

const FIRST: Migration = Migration {
    name: "0001_parents",
    sqlite: "CREATE TABLE parents (id TEXT NOT NULL PRIMARY KEY, count INTEGER, data BLOB) STRICT;
             CREATE UNIQUE INDEX parents_count ON parents (count) WHERE count IS NOT NULL;",
    postgres: "CREATE TABLE parents (id TEXT NOT NULL PRIMARY KEY, count BIGINT, data BYTEA);
               CREATE UNIQUE INDEX parents_count ON parents (count) WHERE count IS NOT NULL;",
};

const SECOND: Migration = Migration {
    name: "0002_children",
    sqlite: "CREATE TABLE children (number INTEGER PRIMARY KEY,
             parent TEXT NOT NULL REFERENCES parents (id) ON DELETE CASCADE) STRICT;
             CREATE INDEX children_parent ON children (parent, number);",
    postgres: "CREATE TABLE children (number BIGINT PRIMARY KEY,
               parent TEXT NOT NULL REFERENCES parents (id) ON DELETE CASCADE);
               CREATE INDEX children_parent ON children (parent, number);",
};

const fn set(scripts: &'static [Migration]) -> Migrations {
    Migrations {
        feature: "family",
        folder: "",
        scripts,
    }
}

const ONE: Migrations = set(&[FIRST]);
const BOTH: Migrations = set(&[FIRST, SECOND]);

both_engines! {
    async fn pending_scripts_apply_once_and_in_order(db: Db) {
        db.migrate(&[ONE]).await.unwrap();
        sql("INSERT INTO parents (id) VALUES ('kept')").execute(&db).await.unwrap();
        db.migrate(&[BOTH]).await.unwrap();
        db.migrate(&[BOTH]).await.unwrap();
        sql("INSERT INTO children (number, parent) VALUES (1, 'kept')").execute(&db).await.unwrap();
    }

    async fn an_edited_script_stops_the_start(db: Db) {
        db.migrate(&[ONE]).await.unwrap();
        const EDITED: Migration = Migration { name: "0001_parents", sqlite: "SELECT 1", postgres: "SELECT 1" };
        let outcome = db.migrate(&[set(&[EDITED])]).await;
        assert!(matches!(outcome, Err(Error::Migration(MigrationError::Changed { .. }))), "{outcome:?}");
    }

    async fn a_database_of_a_newer_version_stops_the_start(db: Db) {
        db.migrate(&[BOTH]).await.unwrap();
        let outcome = db.migrate(&[ONE]).await;
        assert!(matches!(outcome, Err(Error::Migration(MigrationError::Unknown { name, .. })) if name == "0002_children"));
    }

    async fn a_failing_script_leaves_nothing_of_the_whole_start(db: Db) {
        const BROKEN: Migration = Migration { name: "0002_broken", sqlite: "CREATE TABLE", postgres: "CREATE TABLE" };
        assert!(db.migrate(&[set(&[FIRST, BROKEN])]).await.is_err());
        assert!(sql("SELECT id FROM parents").fetch_all(&db).await.is_err());
        db.migrate(&[BOTH]).await.unwrap();
    }

    async fn several_processes_may_migrate_at_once(db: Db) {
        let starts: Vec<_> = (0..4).map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.migrate(&[BOTH]).await })
        }).collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
    }

    async fn the_description_of_the_schema_is_the_same_on_both_engines(db: Db) {
        db.migrate(&[BOTH]).await.unwrap();
        let lines = schema::describe(&db).await.unwrap();
        let family: Vec<_> = lines.iter().filter(|line| !line.starts_with("schema_")).collect();
        assert_eq!(family, [
            "children.number: integer, required",
            "children.parent: refers to parents, on delete cascade",
            "children.parent: text, required",
            "children: index (parent, number)",
            "children: unique index (number)",
            "parents.count: integer, optional",
            "parents.data: bytes, optional",
            "parents.id: text, required",
            "parents: unique index (count) where …",
            "parents: unique index (id)",
        ], "{:?}", db.engine());
    }

    async fn a_difference_between_the_engines_shows(db: Db) {
        const APART: Migration = Migration {
            name: "0001_apart",
            sqlite: "CREATE TABLE apart (at TEXT)",
            postgres: "CREATE TABLE apart (at TIMESTAMPTZ)",
        };
        db.migrate(&[set(&[APART])]).await.unwrap();
        let lines = schema::describe(&db).await.unwrap();
        let expected = match db.engine() {
            Engine::Sqlite => "apart.at: text, optional",
            Engine::Postgres => "apart.at: TIMESTAMP WITH TIME ZONE, optional",
        };
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }
}

#[test]
fn numbers_must_ascend() {
    iron_store::testing::on_sqlite(|db| async move {
        let outcome = db.migrate(&[set(&[SECOND, FIRST])]).await;
        assert!(matches!(
            outcome,
            Err(Error::Migration(MigrationError::Order {
                name: "0001_parents",
                ..
            }))
        ));
    });
}

const BESIDE: Migration = Migration {
    name: "0001_beside",
    sqlite: "CREATE TABLE beside (id TEXT NOT NULL PRIMARY KEY, at INTEGER) STRICT",
    postgres: "CREATE TABLE beside (id TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL)",
};

#[test]
#[should_panic(expected = "beside.at: integer, optional")]
fn engines_that_differ_in_one_column_do_not_agree() {
    const SETS: &[Migrations] = &[set(&[BESIDE])];
    iron_store::testing::assert_schemas_agree(SETS);
}
