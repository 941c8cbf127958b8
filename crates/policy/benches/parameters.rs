//! What it costs to find out what arguments name: usual calls, checked from their values.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use iron_policy::Tool;
use iron_policy::parameters::Checker;
use serde_json::{Value, json};

fn usual_calls() -> [(&'static str, Value, Value); 6] {
    [
        (
            "file",
            json!({"name": "write_file", "kind": "file",
                "schema": {"type": "object", "properties": {
                    "path": {"type": "string"}, "content": {"type": "string"}},
                    "required": ["path"], "additionalProperties": false},
                "parameters": [{"name": "path", "kind": "path", "roots": ["/data"]}]}),
            json!({"path": "reports/2026/q1.csv", "content": "a,b,c\n1,2,3\n".repeat(20)}),
        ),
        (
            "api",
            json!({"name": "fetch", "kind": "api",
                "parameters": [{"name": "url", "kind": "url", "domains": ["*.example.com"]}]}),
            json!({"url": "https://api.example.com/v1/items?page=2", "method": "GET",
                "headers": {"Accept": "application/json"}}),
        ),
        (
            "database",
            json!({"name": "query", "kind": "database", "parameters": [
                {"name": "sql", "kind": "sql", "dialect": "postgres", "tables": ["users", "orders"]}]}),
            json!({"sql": "SELECT u.name, sum(o.total) FROM users u JOIN orders o ON o.user_id = u.id \
                WHERE o.created_at >= $1 GROUP BY u.name ORDER BY 2 DESC LIMIT 10", "params": ["2026-01-01"]}),
        ),
        (
            "shell",
            json!({"name": "run", "kind": "shell",
                "parameters": [{"name": "command", "kind": "shell", "commands": ["git", "ls"]}]}),
            json!({"command": "git log --oneline -n 5 --format='%h %s' src"}),
        ),
        (
            "email",
            json!({"name": "send_email", "kind": "email",
                "parameters": [{"name": "to", "kind": "email", "recipients": ["*@example.com"]}]}),
            json!({"to": ["Ada <ada@example.com>", "bob@example.com"], "subject": "Hello",
                "body": "A message of some length. ".repeat(20)}),
        ),
        (
            "nothing_declared",
            json!({"name": "read_file", "kind": "file"}),
            json!({"file_path": "src/main.rs", "offset": 0, "limit": 200}),
        ),
    ]
}

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parameters");
    for (name, tool, arguments) in usual_calls() {
        let Ok(tool) = serde_json::from_value::<Tool>(tool) else {
            continue;
        };
        let Ok(checker) = Checker::new(&tool) else {
            continue;
        };
        assert!(checker.check(&arguments).is_ok(), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| checker.check(black_box(&arguments)))
        });
    }
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
