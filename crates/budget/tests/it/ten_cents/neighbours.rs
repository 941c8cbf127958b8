//! Two servers on one ledger: what one of them holds for no call, the calls of the other get.

use super::*;

impl House {
    /// Another server on the same ledger.
    fn neighbour(&self) -> House {
        House {
            folder: tempfile::tempdir().expect("a folder"),
            environment: self.environment.clone(),
            instance: self.environment.new_id(),
            ledger: self.ledger.clone(),
            limits: self.limits.clone(),
            path: self.path,
            calls: AtomicU64::new(0),
        }
    }

    /// Takes the whole budget for one call.
    async fn take_all(&self, running: &Running) -> Hold {
        let whole = bound("gpt-4o", None, true);
        let hold = self.hold(&running.wallets, &whole).await;
        let hold = hold.expect("there is money");
        assert!(hold.amount.nanos() > TEN_CENTS * 99 / 100);
        hold
    }
}

iron_store::both_engines! {
    async fn a_call_gets_what_lies_idle_at_another_server(db: Db) {
        let house = House::build(db).await;
        let next_door = house.neighbour();
        let (here, there) = (house.start().await, next_door.start().await);
        let hold = house.take_all(&here).await;
        here.wallets.release_unsent(hold);
        let asked_at = Instant::now();
        let small = bound("gpt-4o-mini", Some(700), false);
        for _ in 0..3 {
            let hold = next_door.hold(&there.wallets, &small).await.expect("it is given back");
            settle(&next_door, &there, hold, 1_000);
            let hold = house.hold(&here.wallets, &small).await.expect("the rest is still here");
            settle(&house, &here, hold, 1_000);
        }
        assert!(asked_at.elapsed() < Policy::SERVER.patience, "nobody waited to the end");
        for running in [here, there] {
            assert!(running.wallets.close(Duration::from_secs(10)).await);
        }
        assert_eq!(house.agent_settled().await, (6_000, 0, 0));
    }

    async fn a_call_gets_what_a_server_without_calls_still_has(db: Db) {
        let house = House::build(db).await;
        let next_door = house.neighbour();
        let (here, there) = (house.start().await, next_door.start().await);
        let hold = house.take_all(&here).await;
        here.wallets.release_unsent(hold);
        // All that it had to tell was told long ago.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let hold = next_door.take_all(&there).await;
        settle(&next_door, &there, hold, 1_000);
        for running in [here, there] {
            assert!(running.wallets.close(Duration::from_secs(10)).await);
        }
        assert_eq!(house.agent_settled().await, (1_000, 0, 0));
    }

    async fn a_call_is_refused_at_once_where_everything_is_held(db: Db) {
        let house = House::build(db).await;
        let next_door = house.neighbour();
        let (here, there) = (house.start().await, next_door.start().await);
        let hold = house.take_all(&here).await;
        here.wallets.report().await.expect("reported");
        let asked_at = Instant::now();
        let small = bound("gpt-4o-mini", Some(700), false);
        let refusal = next_door.hold(&there.wallets, &small).await.expect_err("all is held");
        assert!(matches!(refusal, Refusal::Budget(_)), "{refusal}");
        assert!(asked_at.elapsed() < Policy::SERVER.patience / 2, "{:?}", asked_at.elapsed());
        here.wallets.release_unsent(hold);
    }
}
