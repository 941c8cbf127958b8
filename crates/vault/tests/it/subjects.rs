//! The keys of persons.

use std::collections::HashSet;

use iron_store::{Db, both_engines};
use iron_vault::Error;

use crate::{open, tenant};

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

        let mut tx = db.begin().await.unwrap();
        assert!(vault.erase_subject(&mut tx, tenant(1), [1; 32]).await.unwrap());
        assert!(!vault.erase_subject(&mut tx, tenant(1), [1; 32]).await.unwrap());
        assert!(!vault.erase_subject(&mut tx, tenant(2), [1; 32]).await.unwrap());
        tx.commit().await.unwrap();

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
