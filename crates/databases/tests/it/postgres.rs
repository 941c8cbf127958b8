//! What only PostgreSQL has.

use iron_net::breaker::Outcome;
use iron_runtime::databases::StatementFailure;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::kit::{World, on_postgres, server};

#[test]
fn each_type_is_told_as_the_server_writes_it() {
    on_postgres(|world| async move {
        let text = "SELECT 12345678901234567890.123456789::numeric AS money, 'a'::char(3) AS fixed, \
            '6f1c0b52-5f0e-4b0f-9f3c-0d8a3e6f7a11'::uuid AS id, \
            '2026-03-01T12:00:00Z'::timestamptz AS at, '2026-03-01'::date AS day, \
            '{\"a\": [1, 2]}'::jsonb AS tree, decode('6869', 'hex') AS bytes, ARRAY[1, 2] AS list, \
            '10.1.2.3'::inet AS host, 'NaN'::float8 AS none, true AS flag, '1 day'::interval AS span";
        let written = world.read(text, json!([])).await["rows"][0].clone();
        assert_eq!(written["id"], "6f1c0b52-5f0e-4b0f-9f3c-0d8a3e6f7a11");
        assert_eq!(written["at"], "2026-03-01T12:00:00+00:00");
        assert_eq!(
            (&written["day"], &written["bytes"]),
            (&json!("2026-03-01"), &json!("\\x6869"))
        );
        assert_eq!(
            (&written["tree"], &written["list"]),
            (&json!({"a": [1, 2]}), &json!([1, 2]))
        );
        assert_eq!(
            (&written["host"], &written["none"]),
            (&json!("10.1.2.3"), &json!("NaN"))
        );
        assert_eq!(
            (&written["flag"], &written["span"]),
            (&json!(true), &json!("1 day"))
        );
        // Numbers keep their digits.
        let arguments = json!({ "sql": "SELECT 12345678901234567890.123456789::numeric AS n" });
        let ended = world
            .with(&World::tool("read"), &arguments, 9)
            .await
            .expect("it is made");
        let json = r#"{"rows":[{"n":12345678901234567890.123456789}]}"#;
        assert_eq!(ended.result.as_deref(), Ok(json));
        let typed = "SELECT id FROM {}people WHERE name = ANY(string_to_array($1, ',')) AND $2::date < now()";
        let found = world.read(typed, json!(["Ada,Eve", "2020-01-01"])).await;
        assert_eq!(found["rows"].as_array().map(Vec::len), Some(2));
    });
}

#[test]
fn the_server_itself_holds_a_tool_that_reads() {
    on_postgres(|world| async move {
        let mut connection = PgConnection::connect(&server()).await.expect("connects");
        let make = sqlx::AssertSqlSafe(world.spelled("CREATE SEQUENCE {}numbers"));
        sqlx::raw_sql(make)
            .execute(&mut connection)
            .await
            .expect("makes it");
        let mut tool = World::tool("read");
        tool["parameters"][0]["functions"] = json!(["set_config", "nextval"]);
        for text in [
            &*world.spelled("SELECT nextval('{}numbers') AS a"),
            "SELECT set_config('transaction_read_only', 'off', true) AS a",
        ] {
            let ended = world
                .with(&tool, &json!({ "sql": text }), 9)
                .await
                .expect("it is made");
            let Err(StatementFailure::Told(said)) = ended.result else {
                panic!("{text}: {ended:?}");
            };
            assert!(
                said.contains("read-only") || said.contains("read-write"),
                "{said}"
            );
        }
        // What a statement sets does not outlive it.
        let settings = "SELECT set_config('search_path', 'pg_temp', false) AS a";
        world
            .with(&tool, &json!({ "sql": settings }), 9)
            .await
            .expect("it is made")
            .result
            .expect("it is set");
        let path = world
            .read("SELECT current_setting('search_path') AS a", json!([]))
            .await;
        assert_ne!(path["rows"][0]["a"], "pg_temp");
    });
}

#[test]
fn a_constraint_that_is_checked_at_the_end_undoes_all() {
    on_postgres(|world| async move {
        let mut connection = PgConnection::connect(&server()).await.expect("connects");
        let defer =
            "ALTER TABLE {}people ADD CONSTRAINT one UNIQUE (note) DEFERRABLE INITIALLY DEFERRED";
        let defer = sqlx::AssertSqlSafe(world.spelled(defer));
        sqlx::raw_sql(defer)
            .execute(&mut connection)
            .await
            .expect("alters");
        let told = world
            .fails("write", "UPDATE {}people SET note = 'same'")
            .await;
        assert!(
            matches!(&told, StatementFailure::Told(said) if said.contains("23505")),
            "{told:?}"
        );
        let same = "SELECT id FROM {}people WHERE note = 'same'";
        assert_eq!(world.read(same, json!([])).await, json!({"rows": []}));
    });
}

async fn session(world: &World) -> Value {
    let told = world
        .read("SELECT pg_backend_pid() AS pid", json!([]))
        .await;
    told["rows"][0]["pid"].clone()
}

#[test]
fn sessions_are_used_again_until_the_tool_changes_or_they_end() {
    on_postgres(|mut world| async move {
        let first = session(&world).await;
        assert_eq!(session(&world).await, first);
        // The server ends it: the next statement does not notice.
        let mut connection = PgConnection::connect(&server()).await.expect("connects");
        let end = format!("SELECT pg_terminate_backend({first})");
        let end = sqlx::raw_sql(sqlx::AssertSqlSafe(end));
        end.execute(&mut connection).await.expect("it is ended");
        let second = session(&world).await;
        assert_ne!(second, first);
        world.version = 2;
        assert_ne!(session(&world).await, second);
    });
}

#[test]
fn what_cannot_be_reached_is_told_without_its_address() {
    on_postgres(|mut world| async move {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = closed.local_addr().expect("an address").port();
        drop(closed);
        let asked = json!({ "sql": "SELECT 1" });
        world.address = format!("postgres://crm:hush@127.0.0.1:{port}/crm");
        let ended = world
            .with(&World::tool("read"), &asked, 9)
            .await
            .expect("it is made");
        let expected = StatementFailure::Failed("the database cannot be reached");
        assert_eq!(
            (ended.result, ended.outcome),
            (Err(expected), Outcome::Failure)
        );
        let host = server().rsplit('@').next().unwrap_or_default().to_owned();
        world.version = 2;
        world.address = format!("postgres://nobody-here:hush@{host}");
        let ended = world
            .with(&World::tool("read"), &asked, 9)
            .await
            .expect("it is made");
        assert_eq!(ended.outcome, Outcome::Failure);
        let told = format!("{:?}", ended.result.expect_err("it is refused"));
        assert!(
            told.contains("refuses") && !told.contains("nobody-here"),
            "{told}"
        );
    });
}

#[test]
fn nothing_is_left_of_the_way_to_a_server() {
    on_postgres(|world| async move {
        session(&world).await;
        let own = format!("iron-{}-", std::process::id());
        let left = std::fs::read_dir(std::env::temp_dir()).expect("a folder");
        let left = left
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&own));
        assert_eq!(left.count(), 0);
    });
}
