//! The OWASP API Security Top 10 of 2023, by its numbers: what the surface lets itself be made to
//! do. Each test attacks.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use iron_api::Config;
use iron_store::{Db, both_engines};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authorisation::{filled, operations};
use crate::kit::{ADMIN, World, relaxed};

both_engines! {
    async fn api4_what_a_request_may_cost_is_bounded(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let post = async |path: &str, body: String| {
            world.call(Method::POST, path).by(&admin).raw("application/json", body).send().await
        };
        let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
        post("/api/v1/agents", huge).await.is(413, "PAYLOAD_TOO_LARGE");
        let deep = format!("{{\"settings\":{}{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        post("/api/v1/agents", deep).await.is(400, "MALFORMED_REQUEST");
        let many: Vec<usize> = (0..100_000).collect();
        let reply = post("/api/v1/agents", json!({"name": "a", "budget": 1, "tags": many}).to_string()).await;
        assert!(reply.is(400, "VALIDATION_ERROR").text.len() < 20_000, "an answer longer than needed");
        let fields: String = (0..50_000).map(|field| format!("\"f{field}\":1,")).collect();
        let reply = post("/api/v1/agents", format!("{{{fields}\"name\":\"a\"}}")).await;
        assert!(reply.is(400, "VALIDATION_ERROR").text.len() < 50_000, "an answer longer than needed");
        for query in ["per_page=101", "per_page=0", "page=0", "per_page=-1", "page=99999999999999999999"] {
            let call = world.call(Method::GET, format!("/api/v1/agents?{query}")).by(&admin);
            call.send().await.is(400, "VALIDATION_ERROR");
        }
        let ids = vec![json!(world.new_id::<iron_primitives::AccessRequestId>()); 10_000];
        post("/api/v1/access-requests/bulk", json!({"ids": ids, "decision": "approve"}).to_string())
            .await.is(400, "VALIDATION_ERROR");
    }

    async fn api4_nobody_asks_without_end(db: Db) {
        let config = Config { metrics: relaxed().metrics, ..Config::default() };
        let world = World::with(db, config).await;
        let admin = world.admin().await;
        let mut allowed = 0;
        let refused = loop {
            let reply = world.call(Method::GET, "/api/v1/users/me").by(&admin).send().await;
            if reply.status == 429 {
                break reply;
            }
            // Bursts are slowed down, which is not what is asked here.
            world.time.clock.advance(Duration::from_millis(400));
            allowed += 1;
            assert!(allowed <= 1000, "no limit");
        };
        assert!(refused.head("retry-after").parse::<u64>().unwrap() >= 1);
        assert_eq!(refused.head("x-ratelimit-remaining"), "0");
    }

    async fn api7_no_address_inside_is_called_for_anybody(db: Db) {
        let world = World::guarded(db).await;
        let admin = world.admin().await;
        for url in [
            "http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "https://2852039166/",
            "https://0xa9fea9fe/", "https://0251.0376.0251.0376/", "https://169.254.43518/",
            "https://[::ffff:169.254.169.254]/", "https://[::ffff:a9fe:a9fe]/", "https://[fd00:ec2::254]/",
            "https://[fe80::1]/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/",
            "https://100.64.0.1/", "https://0.0.0.0/", "https://[::]/", "https://224.0.0.1/",
            "https://255.255.255.255/", "https://api.example.com@169.254.169.254/", "https://user:pw@example.com/",
            "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "ftp://example.com/", "http://example.com/",
            "//169.254.169.254/", "https:///x", "https://example.com\\@169.254.169.254/", "javascript:alert(1)",
        ] {
            let hook = json!({"name": "h", "kind": "webhook", "url": url});
            let call = world.call(Method::POST, "/api/v1/notification-channels").by(&admin).json(&hook);
            let reply = call.send().await;
            assert_eq!(reply.status, 400, "webhook {url}: {}", reply.text);
            reply.field("url");
            let local = json!({"name": "l", "type": "local", "base_url": url});
            let reply = world.call(Method::POST, "/api/v1/providers").by(&admin).json(&local).send().await;
            assert_eq!(reply.status, 400, "provider {url}: {}", reply.text);
            reply.field("base_url");
        }
        let mail = json!({"name": "m", "kind": "email", "email": {
            "host": "169.254.169.254", "security": "none", "from": "a@b.example", "to": ["a@b.example"]}});
        let call = world.call(Method::POST, "/api/v1/notification-channels").by(&admin).json(&mail);
        call.send().await.is(400, "VALIDATION_ERROR");
        // A change is checked as a creation is.
        let hook = json!({"name": "h", "kind": "webhook", "url": "https://example.com/hook"});
        let made = world.create(&admin, "/api/v1/notification-channels", hook).await;
        let moved = json!({"url": "https://169.254.169.254/"});
        let call = world.call(Method::PATCH, made.head("location")).by(&admin).json(&moved);
        call.send().await.is(400, "VALIDATION_ERROR").field("url");
    }

    async fn api8_answers_give_nothing_to_other_origins_and_nothing_of_the_inside(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        for (method, path) in [
            (Method::GET, "/api/v1/agents"), (Method::OPTIONS, "/api/v1/agents"), (Method::GET, "/api/v1/none"),
            (Method::GET, "/api/v1/docs"), (Method::GET, "/metrics"), (Method::GET, "/api/health"),
        ] {
            let call = world.call(method.clone(), path).by(&admin).header("origin", "https://evil.example");
            let reply = call.header("access-control-request-method", "DELETE").send().await;
            for name in reply.headers.keys() {
                let name = name.as_str();
                let tells = name.starts_with("access-control") || ["server", "x-powered-by", "via"].contains(&name);
                assert!(!tells, "{method} {path}: {name}");
            }
            assert_eq!(reply.head("x-content-type-options"), "nosniff", "{method} {path}");
        }
        for (content_type, body) in [
            ("application/json", "{\"name\": \u{0}}"), ("application/json", "{\"budget\": 1e999}"),
            ("application/json", "'; DROP TABLE agents; --"), ("application/xml", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>"),
            ("application/json", "{\"name\":\"' OR 1=1 --\",\"budget\":\"x\"}"),
        ] {
            let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
            let reply = call.raw(content_type, body).send().await;
            assert!(matches!(reply.status.as_u16(), 400 | 415), "{body}: {}", reply.text);
            for inside in ["serde", "sqlite", "postgres", "panicked", ".rs", "src/", "SELECT", "iron_"] {
                assert!(!reply.text.contains(inside), "{body}: {}", reply.text);
            }
        }
        for method in ["TRACE", "CONNECT", "PROPFIND", "DEBUG"] {
            let method: Method = method.parse().unwrap();
            let reply = world.call(method.clone(), "/api/v1/agents").by(&admin).header("x-secret", "s3cr3t").send().await;
            assert!(matches!(reply.status.as_u16(), 404 | 405), "{method}: {}", reply.text);
            assert!(!reply.text.contains("s3cr3t"), "{method} echoes");
        }
        let body = json!({"email": ADMIN, "password": crate::kit::PASSWORD, "cookie": true});
        let login = world.call(Method::POST, "/api/v1/auth/login").json(&body).send().await.ok();
        for cookie in login.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let protected = cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Strict");
            assert!(protected || cookie.starts_with("iron_csrf"), "{cookie}");
        }
    }

    async fn api9_what_is_not_in_the_document_is_not_there(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        // The gateway serves calls of tools.
        let served = operations().into_iter()
            .filter(|operation| !(operation.for_agents && operation.path.starts_with("/api/v1/tools/")));
        let paths: BTreeSet<String> = served.map(|operation| operation.path).collect();
        for path in &paths {
            let known: BTreeSet<String> = operations().iter()
                .filter(|operation| operation.path == *path)
                .map(|operation| operation.method.to_string())
                .collect();
            let asked = filled(&world, path, admin.id);
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"] {
                // Whatever answers GET answers HEAD.
                if known.contains(method) || (method == "HEAD" && known.contains("GET")) {
                    continue;
                }
                let reply = world.call(method.parse().unwrap(), asked.clone()).by(&admin).send().await;
                assert_eq!(reply.status, 405, "{method} {path} is not in the document: {}", reply.text);
                let allowed: BTreeSet<String> = reply.head("allow").split(',').map(|method| method.trim().to_owned())
                    .filter(|method| method != "HEAD" || known.contains("HEAD")).collect();
                assert_eq!(allowed, known, "{path}");
            }
        }
        for path in [
            "/", "/api", "/api/v1", "/api/v2/agents", "/api/v0/agents", "/api/agents", "/v1/agents", "/api/beta/agents",
            "/admin", "/debug/pprof", "/debug/vars", "/actuator", "/swagger.json", "/swagger-ui", "/openapi.json",
            "/api/v1/openapi.yaml", "/graphql", "/.env", "/.git/config", "/server-status", "/api/v1/internal",
            "/api/v1/test", "/api/v1/agents.bak", "/api/metrics", "/healthz", "/console",
        ] {
            world.call(Method::GET, path).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
        }
    }

    async fn api10_what_a_provider_answers_is_not_believed(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let endless = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}", "[".repeat(3_000_000));
        for (name, answer) in [
            ("redirect", "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".to_owned()),
            ("garbage", "\u{0}\u{1}not http at all\r\n\r\n".to_owned()),
            ("script", "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 25\r\n\r\n<script>alert(1)</script>".to_owned()),
            ("wrong", "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"data\":{\"id\":[1e9]}}".to_owned()),
            ("leak", "HTTP/1.1 500 Oops\r\ncontent-length: 24\r\n\r\nsk-right leaked upstream".to_owned()),
            ("endless", endless),
        ] {
            let address = answering(answer).await;
            let body = json!({"name": name, "type": "local", "base_url": address, "api_key": "sk-right"});
            let made = world.create(&admin, "/api/v1/providers", body).await;
            let path = format!("{}/test", made.head("location"));
            let reply = world.call(Method::POST, path).by(&admin).json(&json!({"model": "m"})).send().await.ok();
            assert_eq!(reply.body["ok"], false, "{name}: {}", reply.text);
            for told in ["sk-right", "<script>", "169.254", "leaked"] {
                assert!(!reply.text.contains(told), "{name}: {}", reply.text);
            }
        }
        for prices in [
            json!({"m": {"input_cost_per_token": -1, "output_cost_per_token": 1}}),
            json!({"m": {"input_cost_per_token": 1e300, "output_cost_per_token": 1e300}}),
            json!({"m": {"input_cost_per_token": "NaN"}}),
            json!({"m\u{0}": {"input_cost_per_token": 1}}),
        ] {
            let call = world.call(Method::POST, "/api/v1/models/import").by(&admin);
            let reply = call.json(&json!({"prices": prices.clone()})).send().await;
            let imported = reply.body["imported"].as_u64().unwrap_or_default();
            assert!(reply.status.as_u16() < 500 && imported == 0, "{prices}: {}", reply.text);
        }
    }
}

/// A peer that says this to whoever connects, whatever he says.
async fn answering(answer: String) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let _ = socket.read(&mut asked).await;
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}
