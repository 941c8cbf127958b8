//! What is remembered, on both engines.
// What the tests share is test code, too.
#![cfg(test)]

use iron_custody::Files;
use iron_primitives::ProviderId;
use iron_runtime::custody::{AskFiles, FilePlace, KeptFile, Owner};
use iron_store::{Db, testing};
use iron_testkit::TestEnvironment;

struct World {
    files: Files,
    own: TestEnvironment,
    provider: ProviderId,
}

impl World {
    async fn new(db: Db) -> World {
        db.migrate(&[iron_custody::MIGRATIONS])
            .await
            .expect("migrates");
        let own = TestEnvironment::new();
        World {
            files: Files::new(db, own.environment.clone()),
            provider: own.environment.new_id(),
            own,
        }
    }

    fn owner(&self) -> Owner {
        Owner {
            tenant: self.own.environment.new_id(),
            agent: self.own.environment.new_id(),
        }
    }

    fn file(&self, original: &str) -> KeptFile {
        KeptFile {
            place: FilePlace {
                provider: self.provider,
                original: original.to_owned(),
            },
            purpose: Some("batch".to_owned()),
            size_bytes: Some(7),
            told: format!(r#"{{"id":"{original}"}}"#),
            created_at: self.own.environment.now(),
            ends_at: None,
        }
    }

    fn ask(&self) -> AskFiles {
        AskFiles {
            providers: vec![self.provider],
            purpose: None,
            after: None,
            newest_first: true,
            limit: 10,
        }
    }

    async fn names(&self, owner: Owner, ask: &AskFiles) -> Vec<String> {
        let files = self.files.list(owner, ask).await.expect("lists");
        files.into_iter().map(|file| file.place.original).collect()
    }
}

fn on_both<F: Future<Output = ()> + Send + 'static>(test: fn(World) -> F) {
    testing::on_sqlite(move |db| async move { test(World::new(db).await).await });
    testing::on_postgres(move |db| async move { test(World::new(db).await).await });
}

#[test]
fn an_owner_finds_its_own_files_page_by_page() {
    on_both(|world| async move {
        let (owner, other) = (world.owner(), world.owner());
        let neighbour = Owner {
            tenant: owner.tenant,
            ..other
        };
        for name in ["a", "b", "c", "d"] {
            // Two of each moment: their ids decide.
            if name == "c" {
                world.own.clock.advance(std::time::Duration::from_secs(1));
            }
            let file = world.file(name);
            world.files.keep(owner, &file).await.expect("keeps");
        }
        let all = world.ask();
        assert_eq!(world.names(owner, &all).await, ["d", "c", "b", "a"]);
        assert_eq!(world.names(other, &all).await, [""; 0]);
        assert_eq!(world.names(neighbour, &all).await, [""; 0]);
        let mut seen = Vec::new();
        let mut ask = AskFiles {
            limit: 1,
            newest_first: false,
            ..world.ask()
        };
        loop {
            let page = world.files.list(owner, &ask).await.expect("lists");
            let Some(last) = page.last() else { break };
            ask.after = Some(last.place.clone());
            seen.push(last.place.original.clone());
        }
        assert_eq!(seen, ["a", "b", "c", "d"]);
        ask.after = Some(world.file("of nobody").place);
        assert_eq!(world.names(owner, &ask).await, [""; 0]);
        let ask = AskFiles {
            purpose: Some("vision".to_owned()),
            ..world.ask()
        };
        assert_eq!(world.names(owner, &ask).await, [""; 0]);
        let ask = AskFiles {
            providers: vec![world.own.environment.new_id()],
            ..world.ask()
        };
        assert_eq!(world.names(owner, &ask).await, [""; 0]);
    });
}

#[test]
fn a_file_is_remembered_once_and_forgotten_by_its_owner_alone() {
    on_both(|world| async move {
        let (owner, other) = (world.owner(), world.owner());
        let file = world.file("a");
        world.files.keep(owner, &file).await.expect("keeps");
        let again = KeptFile {
            size_bytes: None,
            ..file.clone()
        };
        world.files.keep(owner, &again).await.expect("keeps");
        let found = world.files.list(owner, &world.ask()).await.expect("lists");
        assert_eq!(found.first(), Some(&file));
        assert_eq!(found.len(), 1);
        let theirs = Owner {
            tenant: owner.tenant,
            ..other
        };
        world
            .files
            .forget(theirs, &file.place)
            .await
            .expect("nothing");
        assert_eq!(world.names(owner, &world.ask()).await, ["a"]);
        for _ in 0..2 {
            world
                .files
                .forget(owner, &file.place)
                .await
                .expect("forgets");
            assert_eq!(world.names(owner, &world.ask()).await, [""; 0]);
        }
    });
}

#[test]
fn what_has_ended_is_not_shown() {
    on_both(|world| async move {
        let owner = world.owner();
        let hour = std::time::Duration::from_secs(3_600);
        let file = KeptFile {
            ends_at: Some(world.own.environment.now().plus(hour)),
            ..world.file("a")
        };
        world.files.keep(owner, &file).await.expect("keeps");
        assert_eq!(world.names(owner, &world.ask()).await, ["a"]);
        world.own.clock.advance(hour);
        assert_eq!(world.names(owner, &world.ask()).await, [""; 0]);
    });
}
