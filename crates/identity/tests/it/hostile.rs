//! Whatever is shown as a credential or typed into a field.

use iron_identity::{Error, NewUser, Permission, Presented};
use iron_store::{Db, both_engines};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::{PASSWORD, World};

both_engines! {
    async fn tokens_of_the_wrong_kind_or_shape_are_told_apart(db: Db) {
        let world = World::new(db).await;
        let show = async |text: &str| world.identity.authenticate(Presented::Bearer(text)).await.unwrap_err();
        let record = "ic_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
        assert!(matches!(show("ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await, Error::WrongTokenType));
        for text in ["", " ", "at_", record, "at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\u{e9}",
            "a.b.c", "....", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(100_000)] {
            assert!(matches!(show(text).await, Error::InvalidToken), "{text:.40}");
        }
    }

    async fn an_access_token_of_another_server_is_refused(db: Db) {
        let world = World::new(db).await;
        let token = world.sign_in(crate::ADMIN, PASSWORD).await.unwrap().access_token;
        let audit = iron_audit::Audit::new(world.db.clone(), world.time.environment.new_id(), world.time.environment.clone());
        let config = iron_identity::Config { password_cost: iron_identity::PasswordCost::LOWEST, ..Default::default() };
        let other = iron_identity::Identity::new(world.db.clone(), audit, world.time.environment.clone(), config, &[1; 32]).unwrap();
        let outcome = other.authenticate(Presented::Bearer(token.expose())).await;
        assert!(matches!(outcome, Err(Error::InvalidToken)));
    }

    async fn texts_that_are_no_addresses_make_no_users(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin(Permission::UserManage).await;
        for email in ["", "@", "a@", "@b", "a b@c", "a@b@c", "plain", "a\u{0}@b", &format!("{}@b", "a".repeat(300))] {
            let new = NewUser { email: email.to_owned(), name: "X".to_owned(), role: iron_audit::Role::Viewer, password: None };
            let mut tx = world.tx().await;
            let refused = world.identity.create_user(&mut tx, &admin, new).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "email", .. })), "{email}");
        }
    }

    async fn passwords_too_short_or_too_long_are_refused(db: Db) {
        let world = World::new(db).await;
        for (text, good) in [("1234567", false), ("12345678", true), ("ääääääää", true)] {
            let outcome = world.identity.hash_password(None, "password", crate::secret(text)).await;
            assert_eq!(outcome.is_ok(), good, "{text}");
        }
        let long = world.identity.hash_password(None, "password", crate::secret(&"x".repeat(1001))).await;
        assert!(matches!(long, Err(Error::Invalid { field: "password", .. })));
    }
}

#[test]
fn no_text_signs_in_or_is_a_token_unless_it_was_handed_out() {
    iron_store::testing::on_sqlite(|db| async move {
        let world = World::new(db).await;
        let handle = tokio::runtime::Handle::current();
        tokio::task::block_in_place(|| {
            let mut runner = TestRunner::new(ProptestConfig::with_cases(64));
            let texts = (
                prop_oneof![
                    "\\PC{0,60}",
                    "(at|ic|rt)_[A-Za-z0-9_-]{30,36}",
                    "[a-z' ]{1,9}@[a-z;-]{1,9}"
                ],
                "\\PC{0,40}",
            );
            runner
                .run(&texts, |(text, password)| {
                    handle.block_on(async {
                        // Time goes on, so that no lock hides what would come after it.
                        world.pass(3600);
                        assert!(
                            world
                                .identity
                                .authenticate(Presented::Bearer(&text))
                                .await
                                .is_err()
                        );
                        assert!(
                            world
                                .identity
                                .refresh(&crate::secret(&text), &world.request())
                                .await
                                .is_err()
                        );
                        assert!(world.sign_in(&text, &password).await.is_err());
                        assert!(
                            password == PASSWORD
                                || world.sign_in(crate::ADMIN, &password).await.is_err()
                        );
                    });
                    Ok(())
                })
                .unwrap();
        });
    });
}
