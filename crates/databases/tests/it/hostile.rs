//! Statements that want more than they may.

use std::time::{Duration, Instant};

use iron_net::breaker::Outcome;
use iron_runtime::databases::{NotReady, StatementFailure};
use serde_json::json;

use crate::kit::{World, both_engines, peak_kib};

both_engines! {
    async fn what_is_no_plain_statement_reaches_nobody(world: World) {
        for text in [
            "SELECT 1; DROP TABLE {}people",
            "SELECT 1; COMMIT; DELETE FROM {}people",
            "COMMIT",
            "COMMIT; BEGIN; DELETE FROM {}people; COMMIT",
            "ROLLBACK",
            "BEGIN",
            "SAVEPOINT a",
            "SET TRANSACTION READ WRITE",
            "SET statement_timeout = 0",
            "SELECT set_config('transaction_read_only', 'off', false)",
            "SELECT 1 /* hidden */",
            "SELECT 1 -- hidden",
            "SELECT 1) AS x; DELETE FROM {}people; SELECT (1",
            "SELECT 1) AS iron_row OFFSET 0) AS iron_rows; DROP TABLE {}people",
            "SELECT pg_sleep(600)",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT lo_export(1, '/tmp/x')",
            "SELECT lo_import('/etc/passwd')",
            "COPY {}people TO '/tmp/x'",
            "COPY {}people FROM PROGRAM 'id'",
            "SELECT dblink('host=127.0.0.1', 'SELECT 1')",
            "SELECT query_to_xml('DELETE FROM {}people', true, true, '')",
            "SELECT pg_terminate_backend(1)",
            "SELECT * FROM pg_shadow",
            "DO $$ BEGIN DELETE FROM {}people; END $$",
            "PREPARE a AS SELECT 1",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "SELECT * INTO copied FROM {}people",
            "ATTACH DATABASE '/tmp/other.db' AS other",
            "PRAGMA writable_schema = ON",
            "VACUUM INTO '/tmp/x.db'",
            "SELECT load_extension('/tmp/x.so')",
            "SELECT writefile('/tmp/x', 'y')",
            "SELECT readfile('/etc/passwd')",
            "WITH gone AS (DELETE FROM {}people RETURNING id) SELECT id FROM gone",
            "SELECT $1::text(') ; DELETE FROM {}people ; SELECT $1::text(')",
            "SELECT U&\"query_to\\005fxml\"('SELECT * FROM {}people',true,true,'')",
            "SELECT ts_rewrite('a'::tsquery, 'SELECT 1')",
            "SELECT pg_stat_statements_reset()",
            "SELECT * FROM pragma_database_list()",
            "SELECT * FROM pragma_database_list",
            "SELECT * FROM dbstat",
            "SELECT inet_server_addr()",
        ] {
            for access in ["read", "write"] {
                let rule = world.refused(access, text).await;
                assert!(rule.starts_with("sql_"), "{text}: {rule}");
            }
        }
        assert_eq!(world.people().await, 3);
    }

    async fn a_tool_that_reads_makes_no_changes(world: World) {
        for text in [
            "INSERT INTO {}people (id, name) VALUES (9, 'Ivo')",
            "UPDATE {}people SET name = 'x'",
            "DELETE FROM {}people",
        ] {
            assert_eq!(world.refused("read", text).await, "sql_kind", "{text}");
        }
    }

    async fn an_endless_query_is_ended(world: World) {
        let endless = match world.is_postgres() {
            true => "SELECT COUNT(*) FROM generate_series(1, 1000000000000) AS a",
            false => "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT COUNT(*) FROM t",
        };
        let arguments = json!({ "sql": endless });
        let began = Instant::now();
        let ended = world.with(&World::tool("read"), &arguments, 9).await.expect("it is made");
        assert_eq!((ended.result, ended.outcome), (Err(StatementFailure::Slow), Outcome::Success));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert_eq!(world.people().await, 3);
    }

    async fn what_is_too_large_fills_no_memory(world: World) {
        assert_eq!(world.people().await, 3);
        let before = peak_kib();
        let huge: &[&str] = match world.is_postgres() {
            true => &[
                "SELECT repeat('x', 300000000) AS a",
                "SELECT repeat('x', 60000) AS a FROM generate_series(1, 100)",
                "SELECT repeat('x', 300000000)::int AS a",
            ],
            false => &[
                "SELECT replace(replace(replace('aaaaaaaa', 'a', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'), \
                 'b', 'cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc'), \
                 'c', 'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd') AS a",
                "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t LIMIT 40) SELECT x FROM t",
                "SELECT group_concat(a.name || b.name) AS a FROM people a, people b, people c, people d, \
                 people e, people f, people g, people h, people i, people j, people k, people l, people m",
            ],
        };
        for text in huge {
            let told = world.fails("read", text).await;
            assert!(!matches!(told, StatementFailure::Failed(_)), "{text}: {told:?}");
        }
        let grown = peak_kib().saturating_sub(before);
        assert!(grown < 64 << 10, "{grown} KiB");
        assert_eq!(world.people().await, 3);
    }

    async fn a_caller_that_leaves_changes_nothing(world: World) {
        let slow = match world.is_postgres() {
            true => "INSERT INTO {}people (id, name) SELECT a + 100, 'x' FROM generate_series(1, 50000000) AS a",
            false => "INSERT INTO {}people (id, name) WITH RECURSIVE t(x) AS \
                (SELECT 100 UNION ALL SELECT x + 1 FROM t LIMIT 50000000) SELECT x, 'x' FROM t",
        };
        let arguments = json!({ "sql": world.spelled(slow) });
        let tool = World::tool("write");
        let made = world.with(&tool, &arguments, 9);
        let left = tokio::time::timeout(Duration::from_millis(300), made);
        assert!(left.await.is_err(), "it was too quick");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(world.people().await, 3);
        let insert = "INSERT INTO {}people (id, name) VALUES (4, 'Dan')";
        assert_eq!(world.write(insert, json!([])).await, json!({"rows_affected": 1}));
    }
}

#[test]
fn a_database_inside_is_reached_only_where_an_operator_names_it() {
    crate::kit::on_sqlite(|mut world| async move {
        // None of these names is among the hosts of this world.
        for address in [
            "postgres://a:b@127.0.0.1:5432/c",
            "postgres://a:b@localhost/c",
            "postgres://a@[::1]/c",
        ] {
            world.address = address.to_owned();
            let refused = world
                .with(&World::tool("read"), &json!({ "sql": "SELECT 1" }), 9)
                .await;
            assert!(
                matches!(refused, Err(NotReady::Tool(_))),
                "{address}: {refused:?}"
            );
        }
        for address in [
            "postgres://a:b@10.0.0.1/c",
            "postgres://a:b@169.254.169.254/c",
            "postgres://a:b@2130706433/c",
            "postgres://a:b@0x7f.1/c",
        ] {
            world.address = address.to_owned();
            let ended = world
                .with(&World::tool("read"), &json!({ "sql": "SELECT 1" }), 9)
                .await;
            let ended = ended.expect("it is made");
            let expected = StatementFailure::Failed("the database cannot be reached");
            assert_eq!(
                (ended.result, ended.outcome),
                (Err(expected), Outcome::Failure),
                "{address}"
            );
        }
    });
}

/// What the file holds comes to this process in one piece and cannot be ended within one step.
#[test]
fn one_step_is_short_and_needs_little_memory() {
    crate::kit::on_sqlite(|world| async move {
        let slow = "SELECT instr(printf('%.4000000c','a'), printf('%.2000000cb','a')) AS a";
        assert_eq!(world.refused("read", slow).await, "sql_function");
        let before = peak_kib();
        let wide: Vec<String> = (0..90)
            .map(|number| format!("printf('%.100000c','x') AS c{number}"))
            .collect();
        let wide = wide.join(", ");
        let sorted = "WITH RECURSIVE t(x) AS (SELECT printf('%.100000c','a') UNION ALL \
            SELECT x FROM t) SELECT x FROM t ORDER BY x";
        for (text, expected) in [
            (&*format!("SELECT {wide}"), "TooLarge"),
            (sorted, "memory"),
            (
                "INSERT INTO people (name) WITH RECURSIVE t(x) AS (SELECT printf('%.100000c','a') \
                 UNION ALL SELECT x FROM t) SELECT x FROM t",
                "memory",
            ),
        ] {
            let began = Instant::now();
            let told = format!("{:?}", world.fails("write", text).await);
            // Whichever bound is met first: that of time or that of memory.
            assert!(told.contains(expected) || told == "Slow", "{text}: {told}");
            assert!(began.elapsed() < Duration::from_secs(5), "{text}");
        }
        let grown = peak_kib().saturating_sub(before);
        assert!(grown < 96 << 10, "{grown} KiB");
        assert_eq!(world.people().await, 3);
    });
}

/// As if nobody had judged it before.
#[test]
fn sqlite_itself_holds_a_session_to_one_statement_about_rows() {
    crate::kit::on_sqlite(|world| async move {
        let mut tool = World::tool("write");
        tool["parameters"][0]["functions"] = json!(["pragma_table_info"]);
        let pragma = json!({ "sql": "SELECT name FROM pragma_table_info('people')" });
        let ended = world.with(&tool, &pragma, 9).await.expect("it is made");
        assert!(ended.result.is_err(), "{ended:?}");
        assert_eq!(world.people().await, 3);
    });
}

/// Four statements that nobody waits for hold their seats until they have ended.
#[test]
fn a_seat_is_free_when_the_work_has_ended() {
    crate::kit::on_sqlite(|world| async move {
        let endless = json!({ "sql": "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) \
            SELECT COUNT(*) AS n FROM t" });
        let tool = World::tool("read");
        for _ in 0..3 {
            let asked = (0..4).map(|_| world.with(&tool, &endless, 9));
            let asked = futures_util::future::join_all(asked);
            let left = tokio::time::timeout(Duration::from_millis(50), asked);
            assert!(left.await.is_err(), "it was too quick");
        }
        assert_eq!(world.people().await, 3);
    });
}
