//! Tools that make statements.

use serde_json::{Value, json};

use super::invoke;
use crate::kit::{Home, text};

/// A file with one person in it.
fn file(path: &std::path::Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let db = iron_store::Db::open_sqlite(path).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for statement in [
            "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, mail TEXT)",
            "INSERT INTO people VALUES (1, 'Ada', 'AKIAQ3EGRZ7XWV2YF5TN')",
        ] {
            iron_store::sql(statement).execute(&mut tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        db.close().await;
    });
}

/// The body of an answer, as it was written.
fn whole(home: &Home, token: &str, tool: &str, body: &Value) -> String {
    use std::io::{Read as _, Write as _};
    let body = body.to_string();
    let mut stream = std::net::TcpStream::connect(&home.address).unwrap();
    write!(
        stream,
        "POST /api/v1/tools/{tool}/invoke HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        home.address,
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    for header in ["x-content-type-options: nosniff", "cache-control: no-store"] {
        assert!(answer.to_lowercase().contains(header), "{answer}");
    }
    answer
}

#[test]
fn statements_are_judged_paid_for_made_and_scanned() {
    let postgres = std::env::var("IRON_TEST_POSTGRES_URL").expect("a server for tests");
    let host = postgres
        .rsplit('@')
        .next()
        .and_then(|rest| rest.split('/').next());
    let home = Home::new().with_admin();
    let files = home.path("files");
    let home = home
        .with("IRON_TOOLS_SQLITE_FOLDER", files.to_str().unwrap())
        .with("IRON_TOOLS_INSIDE_HOSTS", host.unwrap());
    let _server = home.serve();
    home.sign_in();
    let tool = |name: &str, access: &str, secret: &str| {
        json!({
            "name": name, "kind": "database", "access": access, "cost": "0.001",
            "parameters": [{ "name": "sql", "kind": "sql", "statements": ["select", "insert"] }],
            "run": { "type": "sql", "max_rows": 50 }, "secret": secret,
        })
    };
    let declared = json!([
        tool("crm/ask", "read", "sqlite:crm.db"),
        tool("crm/add", "write", "sqlite:crm.db"),
        tool("billing/ask", "read", &postgres),
    ]);
    let tools = home.path("tools.yaml");
    std::fs::write(&tools, declared.to_string()).unwrap();
    home.json(&["tools", "create", "--file", tools.to_str().unwrap()]);
    let agent = home.json(&[
        "agents", "create", "--name", "clerk", "--budget", "1", "--token",
    ]);
    let token = text(&agent, "/ic_token/token");
    let tenant = text(&home.json(&["tenants", "list"]), "/data/0/id").to_owned();
    file(&files.join(tenant).join("crm.db"));

    let asked =
        json!({ "arguments": { "sql": "SELECT * FROM people WHERE id = $1", "params": [1] } });
    let (status, told) = invoke(&home, token, "crm%2Fask", "k1", &asked);
    assert_eq!((status, text(&told, "/status")), (200, "success"), "{told}");
    assert_eq!(text(&told, "/output/rows/0/name"), "Ada");
    assert_eq!(
        (text(&told, "/verdict"), &told["cost_micros"]),
        ("redact", &json!(1_000))
    );
    assert!(!told.to_string().contains("AKIA"), "{told}");

    let insert = json!({ "arguments": { "sql": "INSERT INTO people (name) VALUES ('Bob')" } });
    let (_, told) = invoke(&home, token, "crm%2Fask", "k2", &insert);
    assert_eq!(
        (text(&told, "/decision"), text(&told, "/code")),
        ("deny", "PARAMETER_INVALID")
    );
    let (_, told) = invoke(&home, token, "crm%2Fadd", "k3", &insert);
    assert_eq!(
        told.pointer("/output/rows_affected"),
        Some(&json!(1)),
        "{told}"
    );
    // Kept once, whatever is asked twice.
    invoke(&home, token, "crm%2Fadd", "k3", &insert);
    let count = json!({ "arguments": { "sql": "SELECT COUNT(*) AS n FROM people" } });
    let (_, told) = invoke(&home, token, "crm%2Fask", "k4", &count);
    assert_eq!(told.pointer("/output/rows/0/n"), Some(&json!(2)), "{told}");

    // What a database says of an error is looked at like all that a tool gives back.
    let asked =
        json!({ "arguments": { "sql": "SELECT CAST('AKIAQ3EGRZ7XWV2YF5TN' AS integer) AS n" } });
    let (_, told) = invoke(&home, token, "billing%2Fask", "k5", &asked);
    assert_eq!(
        (text(&told, "/status"), text(&told, "/output/code")),
        ("error", "22P02"),
        "{told}"
    );
    assert!(!told.to_string().contains("AKIA"), "{told}");
    let asked = json!({ "arguments": { "sql": "SELECT $1 || 'x' AS joined", "params": ["ä"] } });
    let (_, told) = invoke(&home, token, "billing%2Fask", "k6", &asked);
    assert_eq!(
        told.pointer("/output"),
        Some(&json!({"rows": [{"joined": "äx"}]})),
        "{told}"
    );
    // Numbers keep their digits.
    let asked =
        json!({ "arguments": { "sql": "SELECT 12345678901234567890.12345678901234567890 AS n" } });
    let told = whole(&home, token, "billing%2Fask", &asked);
    assert!(
        told.contains(r#""output":{"rows":[{"n":12345678901234567890.12345678901234567890}]}"#),
        "{told}"
    );
    let complaints = home.complaints();
    assert!(
        !complaints.contains("postgres@") && !complaints.contains("SELECT"),
        "{complaints}"
    );
    assert!(
        home.json(&["tools", "calls"])
            .pointer("/data/5")
            .is_some_and(Value::is_object)
    );
}
