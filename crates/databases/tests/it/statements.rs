//! What statements give back, on both engines.

use iron_net::breaker::Outcome;
use iron_runtime::databases::{NotReady, StatementFailure};
use serde_json::json;

use crate::kit::{World, both_engines};

both_engines! {
    async fn rows_are_objects_and_values_are_bound(world: World) {
        let text = "SELECT id, name, note FROM {}people WHERE id <= $1 ORDER BY id";
        assert_eq!(
            world.read(text, json!([2])).await,
            json!({"rows": [
                {"id": 1, "name": "Ada", "note": null},
                {"id": 2, "name": "Bob", "note": "likes tea"},
            ]})
        );
        let hostile = "x' OR '1'='1";
        let none = world.read("SELECT id FROM {}people WHERE name = $1", json!([hostile])).await;
        assert_eq!(none, json!({"rows": []}));
        let values = json!([true, 2.5, "text", null]);
        let told = world.read("SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d", values).await;
        let flag = if world.is_postgres() { json!(true) } else { json!(1) };
        assert_eq!(told["rows"][0], json!({"a": flag, "b": 2.5, "c": "text", "d": null}));
    }

    async fn changes_are_kept_and_counted(world: World) {
        let insert = "INSERT INTO {}people (id, name) VALUES ($1, $2)";
        assert_eq!(world.write(insert, json!([4, "Dan"])).await, json!({"rows_affected": 1}));
        let update = "UPDATE {}people SET note = 'x' WHERE id > $1 RETURNING id";
        let changed = world.write(update, json!([2])).await;
        assert_eq!(changed["rows"].as_array().map(Vec::len), Some(2), "{changed}");
        let delete = "DELETE FROM {}people WHERE note = 'x'";
        assert_eq!(world.write(delete, json!([])).await, json!({"rows_affected": 2}));
        assert_eq!(world.people().await, 2);
    }

    async fn what_has_failed_has_changed_nothing(world: World) {
        let twice = "INSERT INTO {}people (id, name) VALUES (7, 'Gil'), (1, 'Ada')";
        let told = world.fails("write", twice).await;
        assert!(matches!(told, StatementFailure::Told(_)), "{told:?}");
        // More rows come back than may.
        let many = json!({ "sql": world.spelled("UPDATE {}people SET name = 'X' RETURNING id") });
        let ended = world.with(&World::tool("write"), &many, 2).await.expect("it is made");
        assert!(matches!(ended.result, Err(StatementFailure::Failed(_))), "{ended:?}");
        let changed = "SELECT id FROM {}people WHERE name IN ('X', 'Gil')";
        assert_eq!(world.read(changed, json!([])).await, json!({"rows": []}));
    }

    async fn rows_have_an_end_and_names(world: World) {
        let all = json!({ "sql": world.spelled("SELECT id FROM {}people ORDER BY id") });
        let ended = world.with(&World::tool("read"), &all, 2).await.expect("it is made");
        let json = r#"{"rows":[{"id":1},{"id":2}],"truncated":true}"#;
        assert_eq!(ended.result.as_deref(), Ok(json));
        let ended = world.with(&World::tool("read"), &all, 3).await.expect("it is made");
        assert!(!ended.result.expect("rows").contains("truncated"));
        let twice = "SELECT a.id, b.id FROM {}people a, {}people b";
        let told = world.fails("read", twice).await;
        let expected = "two columns are called `id`; name one of them with `AS`";
        assert_eq!(told, StatementFailure::Unfit(expected.to_owned()));
        assert_eq!(world.people().await, 3);
    }

    async fn errors_are_told_in_the_words_of_the_database(world: World) {
        let StatementFailure::Told(said) = world.fails("read", "SELECT nam FROM {}people").await else {
            panic!("it was not told");
        };
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert!(said["message"].as_str().is_some_and(|text| text.contains("nam")), "{said}");
        assert!(said["code"].is_string(), "{said}");
        // The session is of use after that.
        assert_eq!(world.people().await, 3);
    }

    async fn arguments_are_a_statement_and_values(world: World) {
        let statement = world.spelled("SELECT id FROM {}people WHERE id = $1");
        for (arguments, pointer) in [
            (json!({}), "/sql"),
            (json!({ "sql": 1 }), "/sql"),
            (json!({ "sql": statement, "query": statement }), "/query"),
            (json!({ "sql": statement, "params": [[1]] }), "/params/0"),
            (json!({ "sql": statement, "params": [18_446_744_073_709_551_615_u64] }), "/params/0"),
            (json!({ "sql": statement, "params": { "a": 1 } }), "/params"),
            (json!({ "sql": statement, "database": "other" }), "/database"),
        ] {
            let refused = world.with(&World::tool("read"), &arguments, 9).await;
            match refused {
                Err(NotReady::Arguments(violation)) => assert_eq!(violation.pointer, pointer),
                other => panic!("{arguments}: {other:?}"),
            }
        }
        let mut of_another_kind = World::tool("read");
        of_another_kind["kind"] = json!("custom");
        let refused = world.with(&of_another_kind, &json!({ "sql": statement }), 9).await;
        assert!(matches!(refused, Err(NotReady::Tool(_))), "{refused:?}");
        // Too few values are the database's to refuse, or null.
        let few = world.with(&World::tool("read"), &json!({ "sql": statement }), 9).await;
        assert_eq!(few.expect("it is made").outcome, Outcome::Success);
    }
}
