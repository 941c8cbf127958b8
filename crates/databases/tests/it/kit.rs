//! A tool with a database of its own, of either engine.

use std::path::PathBuf;
use std::time::Duration;

use iron_databases::TenantDatabases;
use iron_net::egress::AddressRules;
use iron_policy::Tool;
use iron_primitives::{Environment, Secret, TenantId, ToolId};
use iron_runtime::ToolPlaces;
use iron_runtime::databases::{
    AskStatement, Databases as _, NotReady, StatementBounds, StatementEnd, StatementFailure,
};
use iron_testkit::TestEnvironment;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

const MAKE: &str = "CREATE TABLE {}people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);
    INSERT INTO {}people VALUES (1, 'Ada', NULL), (2, 'Bob', 'likes tea'), (3, 'Eve', 'listens')";

/// The test on both engines.
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: World) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn test($world: World) $body

            #[test]
            fn on_sqlite() {
                crate::kit::on_sqlite(test);
            }

            #[test]
            fn on_postgres() {
                crate::kit::on_postgres(test);
            }
        }
    )+};
}
pub(crate) use both_engines;

/// A tool and the database it is for.
pub(crate) struct World {
    pub(crate) databases: TenantDatabases,
    pub(crate) tenant: TenantId,
    pub(crate) id: ToolId,
    pub(crate) version: i64,
    pub(crate) address: String,
    pub(crate) environment: Environment,
    /// Where files of SQLite are.
    pub(crate) folder: PathBuf,
    /// What stands before the names of tables.
    prefix: String,
    _temporary: tempfile::TempDir,
}

fn world(inside: &[&str]) -> World {
    let TestEnvironment { environment, .. } = TestEnvironment::new();
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = temporary.path().canonicalize().expect("a path");
    let inside = inside.iter().map(|host| (*host).to_owned());
    let places = ToolPlaces::new(AddressRules::default(), inside);
    World {
        databases: TenantDatabases::new(places, Some(folder.clone()), environment.clone()),
        tenant: environment.new_id(),
        id: environment.new_id(),
        version: 1,
        address: String::new(),
        environment,
        folder,
        prefix: String::new(),
        _temporary: temporary,
    }
}

fn runs<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test)
}

/// The test with a file of three people.
pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    runs(async {
        let mut world = world(&[]);
        let folder = world.folder.join(world.tenant.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        world.address = "sqlite:crm.db".to_owned();
        let url = format!("sqlite:{}?mode=rwc", folder.join("crm.db").display());
        let mut connection = SqliteConnection::connect(&url).await.expect("opens");
        let make = AssertSqlSafe(MAKE.replace("{}", ""));
        sqlx::raw_sql(make)
            .execute(&mut connection)
            .await
            .expect("makes tables");
        connection.close().await.expect("closes");
        test(world).await;
    });
}

/// The address of a server for tests.
pub(crate) fn server() -> String {
    std::env::var("IRON_TEST_POSTGRES_URL").expect("set IRON_TEST_POSTGRES_URL")
}

/// The test with a schema of three people.
pub(crate) fn on_postgres<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(World) -> F) {
    runs(async {
        let mut world = world(&["127.0.0.1", "localhost"]);
        let schema = format!("t_{:032x}", rand_name(&world));
        let mut connection = PgConnection::connect(&server()).await.expect("connects");
        let make = format!("CREATE SCHEMA {schema}; {MAKE}").replace("{}", &format!("{schema}."));
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(make)))
            .await
            .expect("makes tables");
        world.address = server();
        world.prefix = format!("{schema}.");
        let ended = tokio::spawn(test(world)).await;
        let drop = AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
        connection.execute(drop).await.expect("drops the schema");
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    });
}

fn rand_name(world: &World) -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    let half = |text: &str| u128::from(RandomState::new().hash_one((text, world.version)));
    half("a") << 64 | half("b")
}

impl World {
    pub(crate) fn is_postgres(&self) -> bool {
        self.address.starts_with("postgres")
    }

    /// A statement with the tables where they are.
    pub(crate) fn spelled(&self, text: &str) -> String {
        text.replace("{}", &self.prefix)
    }

    /// A tool of this access that makes statements of all kinds.
    pub(crate) fn tool(access: &str) -> Value {
        json!({
            "name": "crm/ask", "kind": "database", "access": access,
            "parameters": [{ "name": "sql", "kind": "sql",
                "statements": ["select", "insert", "update", "delete"],
                "functions": ["pg_backend_pid", "current_setting"] }],
        })
    }

    /// Makes a statement with a tool.
    pub(crate) async fn with(
        &self,
        tool: &Value,
        arguments: &Value,
        max_rows: u32,
    ) -> Result<StatementEnd, NotReady> {
        let tool: Tool = serde_json::from_value(tool.clone()).expect("a tool");
        let statement = self.databases.prepare(AskStatement {
            tenant: self.tenant,
            id: self.id,
            tool: &tool,
            arguments: arguments.as_object().expect("an object"),
            address: &Secret::new(self.address.clone()),
            address_version: self.version,
            max_rows,
        })?;
        let bounds = StatementBounds {
            patience: Duration::from_secs(2),
            answer_bytes: 64 << 10,
        };
        Ok(statement.run(bounds).await)
    }

    async fn made(
        &self,
        access: &str,
        text: &str,
        params: Value,
    ) -> Result<Value, StatementFailure> {
        let arguments = json!({ "sql": self.spelled(text), "params": params });
        let tool = World::tool(access);
        let ended = self.with(&tool, &arguments, 100).await;
        let told = ended
            .unwrap_or_else(|refused| panic!("{text}: {refused:?}"))
            .result;
        told.map(|json| serde_json::from_str(&json).expect("JSON"))
    }

    /// What a tool that reads gives back.
    pub(crate) async fn read(&self, text: &str, params: Value) -> Value {
        let made = self.made("read", text, params).await;
        made.unwrap_or_else(|failure| panic!("{text}: {failure:?}"))
    }

    /// What a tool that writes gives back.
    pub(crate) async fn write(&self, text: &str, params: Value) -> Value {
        let made = self.made("write", text, params).await;
        made.unwrap_or_else(|failure| panic!("{text}: {failure:?}"))
    }

    /// Why a statement has failed.
    pub(crate) async fn fails(&self, access: &str, text: &str) -> StatementFailure {
        let made = self.made(access, text, json!([])).await;
        made.expect_err(text)
    }

    /// The rule by which a statement is refused before anybody hears of it.
    pub(crate) async fn refused(&self, access: &str, text: &str) -> &'static str {
        let arguments = json!({ "sql": self.spelled(text) });
        match self.with(&World::tool(access), &arguments, 100).await {
            Err(NotReady::Arguments(violation)) => violation.rule,
            other => panic!("{text}: {other:?}"),
        }
    }

    pub(crate) async fn people(&self) -> i64 {
        let counted = self
            .read("SELECT COUNT(*) AS n FROM {}people", json!([]))
            .await;
        counted["rows"][0]["n"].as_i64().expect("a count")
    }
}

/// The most memory that this process has used, in KiB.
pub(crate) fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    digits
        .and_then(|digits| digits.parse().ok())
        .expect("a number")
}
