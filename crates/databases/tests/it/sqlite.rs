//! What only SQLite has.

use iron_databases::TenantDatabases;
use iron_primitives::TenantId;
use iron_runtime::ToolPlaces;
use iron_runtime::databases::{NotReady, StatementFailure};
use serde_json::json;

use crate::kit::{World, on_sqlite};

#[test]
fn values_are_told_by_what_they_are() {
    on_sqlite(|world| async move {
        let text = "SELECT 9007199254740993 AS whole, 0.5 AS half, 'ä' AS text, x'6869' AS bytes, \
            NULL AS none, 9e999 AS endless";
        assert_eq!(
            world.read(text, json!([])).await["rows"][0],
            json!({
                "whole": 9_007_199_254_740_993_i64, "half": 0.5, "text": "ä", "bytes": "\\x6869",
                "none": null, "endless": "inf",
            })
        );
    });
}

async fn reached(world: &World) -> Result<String, StatementFailure> {
    let asked = json!({ "sql": "SELECT COUNT(*) AS n FROM people" });
    let ended = world.with(&World::tool("read"), &asked, 9).await;
    ended.expect("it is made").result
}

#[test]
fn a_file_lies_below_the_folder_of_its_tenant() {
    on_sqlite(|mut world| async move {
        assert!(reached(&world).await.is_ok());
        let own = world.folder.join(world.tenant.to_string());
        // By a link to a file, by a link to a folder, by nothing.
        let outside = world.folder.join("outside.db");
        std::fs::copy(own.join("crm.db"), &outside).expect("copies");
        std::os::unix::fs::symlink(&outside, own.join("link.db")).expect("links");
        std::os::unix::fs::symlink(&world.folder, own.join("up")).expect("links");
        for (version, address) in ["sqlite:link.db", "sqlite:up/outside.db", "sqlite:none.db"]
            .iter()
            .enumerate()
        {
            world.version = i64::try_from(version).unwrap_or_default() + 2;
            world.address = (*address).to_owned();
            let refused = reached(&world).await;
            assert!(
                matches!(refused, Err(StatementFailure::Failed(_))),
                "{address}: {refused:?}"
            );
        }
        assert!(!own.join("none.db").exists());
        // Of another tenant it is none.
        world.version = 9;
        world.address = "sqlite:crm.db".to_owned();
        world.tenant = world.environment.new_id::<TenantId>();
        assert!(reached(&world).await.is_err());
    });
}

#[test]
fn without_a_folder_there_are_no_files() {
    on_sqlite(|mut world| async move {
        world.databases =
            TenantDatabases::new(ToolPlaces::default(), None, world.environment.clone());
        let asked = json!({ "sql": "SELECT 1" });
        let refused = world.with(&World::tool("read"), &asked, 9).await;
        assert!(matches!(refused, Err(NotReady::Tool(_))), "{refused:?}");
    });
}

#[test]
fn a_file_that_is_written_by_somebody_else_is_waited_for() {
    on_sqlite(|world| async move {
        let own = world.folder.join(world.tenant.to_string());
        let url = format!("sqlite:{}", own.join("crm.db").display());
        let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
            .await
            .expect("opens");
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut other)
            .await
            .expect("begins");
        let insert = "INSERT INTO people (id, name) VALUES (8, 'Hal')";
        let told = world.fails("write", insert).await;
        assert!(matches!(told, StatementFailure::Failed(_)), "{told:?}");
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut other)
            .await
            .expect("ends");
        assert_eq!(
            world.write(insert, json!([])).await,
            json!({"rows_affected": 1})
        );
    });
}
