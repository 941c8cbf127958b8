//! People and their tokens, on both engines.

#![cfg(test)]

mod api_tokens;
mod hostile;
mod ic_tokens;
mod invitations;
mod isolation;
mod login;
mod permissions;
mod sessions;
mod tenants;
mod users;

use std::time::Duration;

use iron_audit::{Audit, Authorised, RequestFacts, Role};
use iron_identity::{
    Bootstrap, Caller, Config, Error, Identity, Login, MIGRATIONS, NewUser, PasswordCost,
    Permission, Presented, SignedIn, TenantCreated, User,
};
use iron_primitives::Secret;
use iron_store::{Db, Tx, sql};
use iron_testkit::TestEnvironment;

const ADMIN: &str = "admin@example.com";
const PASSWORD: &str = "correct horse battery";

/// A platform with one tenant and its admin, who has signed in.
struct World {
    db: Db,
    identity: Identity,
    time: TestEnvironment,
    made: TenantCreated,
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

impl World {
    async fn new(db: Db) -> World {
        Self::with(
            db,
            Config {
                password_cost: PasswordCost::LOWEST,
                ..Config::default()
            },
        )
        .await
    }

    async fn with(db: Db, config: Config) -> World {
        db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
            .await
            .unwrap();
        let time = TestEnvironment::seeded(7);
        let environment = time.environment.clone();
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        let identity = Identity::new(db.clone(), audit, environment, config, &[9; 32]).unwrap();
        let wish = Bootstrap {
            email: ADMIN.to_owned(),
            password: Some(secret(PASSWORD)),
        };
        let prepared = identity.prepare_bootstrap(wish).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let made = identity
            .bootstrap(&mut tx, &prepared)
            .await
            .unwrap()
            .unwrap()
            .made;
        tx.commit().await.unwrap();
        World {
            db,
            identity,
            time,
            made,
        }
    }

    fn pass(&self, seconds: u64) {
        self.time.clock.advance(Duration::from_secs(seconds));
    }

    fn request_from(&self, ip: &str) -> RequestFacts {
        RequestFacts {
            request_id: self.time.environment.new_id(),
            method: "POST".to_owned(),
            endpoint: "/api/v1/test".to_owned(),
            ip: Some(ip.to_owned()),
            user_agent: Some("test".to_owned()),
            trace_id: None,
        }
    }

    fn request(&self) -> RequestFacts {
        self.request_from("192.0.2.1")
    }

    fn login_of(&self, email: &str, password: &str) -> Login {
        Login {
            email: email.to_owned(),
            password: secret(password),
            tenant: None,
            cookie: false,
            request: self.request(),
        }
    }

    async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn, Error> {
        self.identity.login(self.login_of(email, password)).await
    }

    async fn caller(&self, access: &Secret) -> Result<Caller, Error> {
        self.identity
            .authenticate(Presented::Bearer(access.expose()))
            .await
    }

    /// The evidence of whoever signs in with this address, for one permission.
    async fn may(&self, email: &str, permission: Permission) -> Authorised {
        self.try_may(email, permission).await.unwrap()
    }

    async fn try_may(&self, email: &str, permission: Permission) -> Result<Authorised, Error> {
        let signed_in = self.sign_in(email, PASSWORD).await?;
        let caller = self.caller(&signed_in.access_token).await?;
        self.identity.authorise(&caller, permission, self.request())
    }

    async fn admin(&self, permission: Permission) -> Authorised {
        self.may(ADMIN, permission).await
    }

    async fn tx(&self) -> Tx {
        self.db.begin().await.unwrap()
    }

    /// A user with the usual password, which he need not change.
    async fn user(&self, email: &str, role: Role) -> User {
        let by = self.admin(Permission::UserManage).await;
        self.user_by(&by, email, role).await
    }

    async fn user_by(&self, by: &Authorised, email: &str, role: Role) -> User {
        let hash = self
            .identity
            .hash_password(None, "password", secret(PASSWORD))
            .await
            .unwrap();
        let new = NewUser {
            email: email.to_owned(),
            name: email.split('@').next().unwrap().to_owned(),
            role,
            password: Some(hash.clone()),
        };
        let mut tx = self.tx().await;
        let user = self.identity.create_user(&mut tx, by, new).await.unwrap();
        let user = self
            .identity
            .reset_password(&mut tx, by, user.id, &hash, false)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        user
    }

    /// The actions that have left an entry, in order.
    async fn actions(&self) -> Vec<String> {
        let rows = sql("SELECT entry FROM audit_outbox ORDER BY id")
            .fetch_all(&self.db)
            .await
            .unwrap();
        let mut entries: Vec<(i64, String)> = Vec::new();
        for row in rows {
            let entry: serde_json::Value =
                serde_json::from_str(&row.get::<String>("entry").unwrap()).unwrap();
            entries.push((0, entry["action"].as_str().unwrap().to_owned()));
        }
        entries.into_iter().map(|(_, action)| action).collect()
    }

    async fn entries_of(&self, action: &str) -> usize {
        self.actions()
            .await
            .iter()
            .filter(|known| *known == action)
            .count()
    }
}

#[test]
fn the_tables_are_the_same_on_both_engines() {
    iron_store::testing::assert_schemas_agree(&[MIGRATIONS]);
}
