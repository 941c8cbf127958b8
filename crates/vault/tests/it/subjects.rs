//! The keys of persons.

use std::collections::HashSet;

use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_primitives::TenantId;
use iron_store::{Db, both_engines, sql};
use iron_testkit::TestEnvironment;
use iron_vault::Error;

use crate::{open, tenant};

fn evidence(tenant: TenantId, reach: Reach) -> Authorised {
    let environment = TestEnvironment::new().environment;
    Authorised::attest(Grounds {
        tenant,
        user: environment.new_id(),
        role: Role::Admin,
        credential: Credential::Session(environment.new_id()),
        reach,
        platform_admin: false,
        request: RequestFacts {
            request_id: environment.new_id(),
            method: "DELETE".to_owned(),
            endpoint: "/api/v1/data-subjects".to_owned(),
            ip: None,
            user_agent: None,
            trace_id: None,
        },
    })
}

both_engines! {
    async fn a_subject_has_one_key_however_many_ask_at_once(db: Db) {
        let vault = open(&db).await;
        let asks: Vec<_> = (0..6).map(|_| {
            let vault = vault.clone();
            tokio::spawn(async move { vault.subject_key(tenant(1), [1; 32]).await.unwrap() })
        }).collect();
        let mut keys = HashSet::new();
        for ask in asks {
            let key = ask.await.unwrap();
            keys.insert((key.id, *key.key));
        }
        assert_eq!(keys.len(), 1);
        let other = vault.subject_key(tenant(2), [1; 32]).await.unwrap();
        assert!(!keys.contains(&(other.id, *other.key)), "another tenant, another key");
    }

    async fn an_erased_subject_leaves_nothing_to_open_and_may_begin_anew(db: Db) {
        let vault = open(&db).await;
        let before = vault.subject_key(tenant(1), [1; 32]).await.unwrap();
        let found = vault.subject_key_by_id(tenant(1), &before.id).await.unwrap();
        assert_eq!(*found.key, *before.key);

        let environment = TestEnvironment::seeded(5).environment;
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        let admin = evidence(tenant(1), Reach::Tenant);
        let stranger = evidence(tenant(2), Reach::Tenant);
        let developer = evidence(tenant(1), Reach::Own(environment.new_id()));
        let mut tx = db.begin().await.unwrap();
        assert!(!vault.erase_subject(&mut tx, &audit, &stranger, [1; 32]).await.unwrap());
        let refused = vault.erase_subject(&mut tx, &audit, &developer, [1; 32]).await;
        assert!(matches!(refused, Err(Error::OutOfReach)), "{refused:?}");
        assert!(vault.erase_subject(&mut tx, &audit, &admin, [1; 32]).await.unwrap());
        assert!(!vault.erase_subject(&mut tx, &audit, &admin, [1; 32]).await.unwrap());
        tx.commit().await.unwrap();

        let entries = sql("SELECT entry FROM audit_outbox").fetch_all(&db).await.unwrap();
        assert_eq!(entries.len(), 1, "one erasure, one entry");
        let gone = vault.subject_key_by_id(tenant(1), &before.id).await;
        assert!(matches!(gone, Err(Error::Erased)), "{gone:?}");
        let after = vault.subject_key(tenant(1), [1; 32]).await.unwrap();
        assert_ne!((after.id, *after.key), (before.id, *before.key));
    }

    async fn a_key_is_not_found_under_another_tenant(db: Db) {
        let vault = open(&db).await;
        let key = vault.subject_key(tenant(1), [1; 32]).await.unwrap();
        let foreign = vault.subject_key_by_id(tenant(2), &key.id).await;
        assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    }
}
