//! Sealed values open in their place only.

use iron_primitives::Secret;
use iron_store::{Db, both_engines};
use iron_testkit::TestEnvironment;
use iron_vault::{Error, MasterKey, Place, Vault};
use proptest::prelude::*;

use crate::{open, tenant};

async fn seal(db: &Db, vault: &Vault, place: Place<'_>, text: &str) -> Vec<u8> {
    let mut tx = db.begin().await.unwrap();
    let sealed = vault
        .seal(&mut tx, place, &Secret::new(text.to_owned()))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    sealed
}

both_engines! {
    async fn a_secret_opens_again_also_after_a_restart(db: Db) {
        let vault = open(&db).await;
        let place = Place { tenant: tenant(1), id: "ip_1", version: 1 };
        let sealed = seal(&db, &vault, place, "sk-very-secret").await;
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(vault.unseal(place, &sealed).await.unwrap().expose(), "sk-very-secret");
        let restarted = open(&db).await;
        assert_eq!(restarted.unseal(place, &sealed).await.unwrap().expose(), "sk-very-secret");
    }

    async fn two_sealed_values_cannot_be_swapped_and_an_old_one_cannot_come_back(db: Db) {
        let vault = open(&db).await;
        let here = Place { tenant: tenant(1), id: "ip_1", version: 2 };
        let sealed = seal(&db, &vault, here, "sk-one").await;
        let elsewhere = Place { tenant: tenant(2), ..here };
        seal(&db, &vault, elsewhere, "sk-other").await;
        for place in [elsewhere, Place { id: "ip_2", ..here }, Place { version: 3, ..here }] {
            let outcome = vault.unseal(place, &sealed).await;
            assert!(matches!(outcome, Err(Error::Sealed)), "{place:?}: {outcome:?}");
        }
    }

    async fn every_changed_byte_and_every_cut_is_noticed(db: Db) {
        let vault = open(&db).await;
        let place = Place { tenant: tenant(1), id: "ip_1", version: 1 };
        let sealed = seal(&db, &vault, place, "sk").await;
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(vault.unseal(place, &changed).await.is_err(), "byte {position}");
            assert!(vault.unseal(place, &sealed[..position]).await.is_err(), "cut at {position}");
        }
    }

    async fn a_key_that_was_rolled_back_is_not_used_again(db: Db) {
        let vault = open(&db).await;
        let place = Place { tenant: tenant(1), id: "ip_1", version: 1 };
        let mut tx = db.begin().await.unwrap();
        let lost = vault.seal(&mut tx, place, &Secret::new("lost".to_owned())).await.unwrap();
        tx.rollback().await.unwrap();
        assert!(matches!(vault.unseal(place, &lost).await, Err(Error::Sealed)));
        let kept = seal(&db, &vault, place, "kept").await;
        assert_eq!(vault.unseal(place, &kept).await.unwrap().expose(), "kept");
    }

    async fn another_master_key_stops_the_start(db: Db) {
        open(&db).await;
        let world = TestEnvironment::new();
        let outcome = Vault::open(db, &MasterKey::from_bytes([9; 32]), world.environment).await;
        assert!(matches!(outcome, Err(Error::WrongMasterKey)), "{outcome:?}");
    }
}

#[test]
fn any_text_seals_and_opens_and_never_twice_to_the_same_bytes() {
    iron_store::testing::on_sqlite(|db| async move {
        let vault = open(&db).await;
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
        let handle = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            runner
                .run(
                    &(".{0,300}", "[a-z_0-9]{1,40}", any::<i64>()),
                    |(text, id, version)| {
                        let place = Place {
                            tenant: tenant(5),
                            id: &id,
                            version,
                        };
                        let (once, twice, opened) = handle.block_on(async {
                            let once = seal(&db, &vault, place, &text).await;
                            let twice = seal(&db, &vault, place, &text).await;
                            let opened = vault.unseal(place, &once).await.unwrap();
                            (once, twice, opened)
                        });
                        prop_assert_eq!(opened.expose(), text);
                        prop_assert_ne!(once, twice);
                        Ok(())
                    },
                )
                .unwrap();
        });
    });
}
