//! Path leases alone: what a foreign runtime may and may not do.

mod bank;

use iron_budget::{Error, Final, Lent, PathState, Reservation, SetBudget};
use iron_primitives::{Money, Period, Scope, TokenKind, TokenValue};
use iron_store::Db;

pub(crate) use bank::{Bank, UNIT};

fn pass_of(lent: &Lent) -> TokenValue {
    lent.pass.as_ref().expect("a pass").value.clone()
}

fn units(nanos: Money) -> i64 {
    nanos.nanos() / UNIT
}

iron_store::both_engines! {
    async fn a_grant_is_the_same_on_every_level_and_no_more_than_the_tightest_has(db: Db) {
        let bank = Bank::open(db, 1_000, 1_500, Period::None).await;
        let first = bank.shake(0, "a", 5_000).await.expect("is lent");
        assert_eq!((units(first.granted), units(first.agent_remaining.expect("a limit"))), (1_000, 0));
        assert_eq!(bank.levels(0).await, vec![(0, 1_000, 0); 4]);
        let second = bank.shake(1, "b", 800).await.expect("is lent");
        assert_eq!(units(second.granted), 500, "what the tenant has left");
        assert!(matches!(bank.shake(1, "c", 1).await, Err(Error::Short(short))
            if short.scope == Scope::Tenant(bank.agents[0].tenant)));
        assert!(pass_of(&first).kind() == TokenKind::Pass);
        assert_eq!(bank.status(Scope::Agent(bank.agents[0].agent)).await.reserved(), Money::from_nanos(1_000 * UNIT));
    }

    async fn a_call_counts_once_however_often_it_is_told_of(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lease = bank.shake(0, "a", 600).await.expect("is lent").lease.id;
        let (one, two) = (bank.request(), bank.request());
        let told = bank.tell(0, lease, &[(one, 100_500), (two, 7), (one, 100_500)]).await.expect("is booked");
        assert_eq!((told.accepted, told.duplicates), (2, 1));
        assert_eq!(told.lent.lease.settled, Money::from_nanos(100_507));
        let again = bank.tell(0, lease, &[(two, 7), (one, 999_999)]).await.expect("is booked");
        assert_eq!((again.accepted, again.duplicates), (0, 2));
        assert_eq!(again.lent.lease.settled, Money::from_nanos(100_507));
        assert_eq!(units(again.lent.lease.remaining()), 598);
        // Another agent's calls have numbers of their own, and its lease is nobody else's.
        assert!(matches!(bank.tell(1, lease, &[(one, 1)]).await, Err(Error::NoLease { .. })));
    }

    async fn what_is_given_back_is_free_and_what_comes_late_is_an_overdraft(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lease = bank.shake(0, "a", 1_000).await.expect("is lent").lease.id;
        bank.tell(0, lease, &[(bank.request(), 100 * UNIT)]).await.expect("is booked");
        let speaker = bank.speaker(0);
        let spent = Some(Money::from_nanos(300 * UNIT));
        let back = bank.paths.give_back(&speaker, lease, &Final { spent, ..Final::default() }).await.expect("closes");
        assert_eq!((back.lease.state, units(back.lease.returned)), (PathState::Closed, 700));
        let again = bank.paths.give_back(&speaker, lease, &Final::default()).await.expect("closes");
        assert_eq!(again, back, "the same answer");
        assert_eq!(bank.levels(0).await, vec![(300, 0, 0); 4]);
        // The final account had spoken of two hundred of it.
        let late = bank.tell(0, lease, &[(bank.request(), 250 * UNIT)]).await.expect("is booked");
        assert_eq!((late.accepted, late.lent.lease.state), (1, PathState::Closed));
        assert_eq!(bank.levels(0).await, vec![(350, 0, 0); 4]);
        assert!(matches!(bank.more(0, lease, 1).await, Err(Error::PathEnded { state: PathState::Closed })));
        // All that is left is lent, and then a late call is more than the limit.
        bank.shake(0, "a", 1_000).await.expect("is lent");
        bank.tell(0, lease, &[(bank.request(), 10 * UNIT)]).await.expect("is booked");
        let agent = bank.status(Scope::Agent(bank.agents[0].agent)).await;
        assert_eq!((units(agent.settled), units(agent.overdraft)), (360, 10));
    }

    async fn the_money_of_a_batch_is_for_no_runtime_and_for_no_sweep(db: Db) {
        let bank = Bank::open(db.clone(), 1_000, 5_000, Period::None).await;
        let reservation = |units: i64, name: &'static str| Reservation {
            path: bank.agents[0],
            token: bank.world.environment.new_id(),
            provider: bank.world.environment.new_id(),
            model: None,
            name,
            amount: Money::from_nanos(units * UNIT),
        };
        let mut tx = db.begin().await.expect("begins");
        let lease = bank.paths.reserve(&mut tx, &reservation(600, "one")).await.expect("is set aside");
        tx.commit().await.expect("commits");
        assert_eq!(bank.levels(0).await, vec![(0, 600, 0); 4]);
        let mut tx = db.begin().await.expect("begins");
        let short = bank.paths.reserve(&mut tx, &reservation(401, "two")).await;
        assert!(matches!(short, Err(Error::Short(_))), "all of it or nothing");
        drop(tx);
        let speaker = bank.speaker(0);
        let back = bank.paths.give_back(&speaker, lease, &Final::default()).await;
        assert!(matches!(back, Err(Error::NoLease { .. })));
        let told = bank.tell(0, lease, &[(bank.request(), 1)]).await;
        assert!(matches!(told, Err(Error::NoLease { .. })));
        assert!(matches!(bank.more(0, lease, 1).await, Err(Error::NoLease { .. })));
        let named = bank.shake(0, "ironcage/batch:one", 1).await;
        assert!(matches!(named, Err(Error::NameReserved)));
        bank.pass(40 * 24 * 3_600);
        bank.ledger.sweep().await.expect("sweeps");
        assert_eq!(bank.levels(0).await, vec![(0, 600, 0); 4]);
        let mut tx = db.begin().await.expect("begins");
        let cost = Money::from_nanos(250 * UNIT);
        bank.paths.settle_reservation(&mut tx, lease, cost).await.expect("is booked");
        tx.commit().await.expect("commits");
        assert_eq!(bank.levels(0).await, vec![(250, 0, 0); 4]);
    }

    async fn a_lease_is_refreshed_within_its_grace_and_orphaned_after_it(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lease = bank.shake(0, "a", 400).await.expect("is lent").lease.id;
        bank.pass(3_650);
        let told = bank.tell(0, lease, &[(bank.request(), 50 * UNIT)]).await.expect("is booked");
        assert_eq!((told.lent.lease.state, told.lent.pass.is_some()), (PathState::Expired, false));
        let lent = bank.more(0, lease, 100).await.expect("in time");
        assert_eq!((lent.lease.state, units(lent.lease.granted)), (PathState::Active, 500));
        bank.pass(3_661);
        bank.ledger.sweep().await.expect("sweeps");
        assert_eq!(bank.levels(0).await, vec![(50, 0, 450); 4], "nothing is refunded by time");
        assert!(matches!(bank.more(0, lease, 0).await, Err(Error::PathEnded { state: PathState::Orphaned })));
        // Its owner's final account frees what was not spent.
        bank.tell(0, lease, &[(bank.request(), 30 * UNIT)]).await.expect("is booked");
        let back = bank.paths.give_back(&bank.speaker(0), lease, &Final::default()).await.expect("closes");
        assert_eq!(units(back.lease.returned), 420);
        assert_eq!(bank.levels(0).await, vec![(80, 0, 0); 4]);
    }

    async fn a_lease_that_is_used_up_has_expired(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lease = bank.shake(0, "a", 400).await.expect("is lent").lease.id;
        let told = bank.tell(0, lease, &[(bank.request(), 400 * UNIT)]).await.expect("is booked");
        assert_eq!(told.lent.lease.state, PathState::Expired);
        assert!(matches!(bank.more(0, lease, 0).await, Err(Error::Short(_))), "a pass for nothing");
        assert_eq!(bank.more(0, lease, 9).await.expect("in time").lease.state, PathState::Active);
        bank.tell(0, lease, &[(bank.request(), 9 * UNIT)]).await.expect("is booked");
        bank.pass(61);
        assert!(matches!(bank.more(0, lease, 9).await, Err(Error::PathEnded { state: PathState::Orphaned })));
    }

    async fn a_newer_process_fences_and_one_of_the_same_moment_shares(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let first = bank.shake(0, "a", 300).await.expect("is lent");
        let shared = bank.shake(0, "a", 300).await.expect("shares");
        assert_eq!((shared.lease.id, units(shared.granted)), (first.lease.id, 0));
        assert_ne!(pass_of(&shared), pass_of(&first), "each thread has a pass of its own");
        let other = bank.shake(0, "b", 100).await.expect("is lent");
        assert_ne!(other.lease.id, first.lease.id);
        bank.pass(3);
        let second = bank.shake(0, "a", 300).await.expect("is lent");
        assert_eq!(bank.levels(0).await, vec![(0, 400, 300); 4]);
        let told = bank.tell(0, first.lease.id, &[(bank.request(), UNIT)]).await.expect("is booked");
        assert_eq!(told.lent.lease.state, PathState::Orphaned);
        assert_ne!(second.lease.id, first.lease.id);
    }

    async fn a_lower_limit_takes_the_lease_away_at_the_next_word(db: Db) {
        // Limits that people set are whole cents: a hundred units.
        let bank = Bank::open(db, 500, 900, Period::None).await;
        let lent = bank.shake(0, "a", 300).await.expect("is lent");
        let scope = Scope::Agent(bank.agents[0].agent);
        let to = |cents| SetBudget {
            limit: Some(Some(Money::from_cents(cents).expect("in range"))),
            ..SetBudget::default()
        };
        bank.limits.put(&bank.authorised, scope, &to(3)).await.expect("is set");
        let told = bank.tell(0, lent.lease.id, &[(bank.request(), 5)]).await.expect("is booked");
        assert_eq!(told.lent.lease.state, PathState::Active, "it fits");
        bank.limits.put(&bank.authorised, scope, &to(2)).await.expect("is set");
        let pass = pass_of(&told.lent);
        let hold = bank.hold_of(&pass, bank.request(), 1);
        assert!(matches!(bank.paths.hold(&hold).await, Err(Error::Short(_))), "at once");
        let told = bank.tell(0, lent.lease.id, &[(bank.request(), 5)]).await.expect("is booked");
        assert_eq!((told.lent.lease.state, told.lent.pass.is_some()), (PathState::Revoked, false));
        assert_eq!(told.lent.lease.remaining(), Money::ZERO);
        let agent = bank.status(scope).await;
        assert_eq!((agent.settled.nanos(), agent.escrow.nanos()), (10, 0));
        assert_eq!(agent.suspense.nanos(), 300 * UNIT - 10);
    }

    async fn a_revoke_or_a_kill_takes_all_levels_and_a_reconcile_closes_them(db: Db) {
        let bank = Bank::open(db.clone(), 1_000, 5_000, Period::None).await;
        let first = bank.shake(0, "a", 300).await.expect("is lent").lease.id;
        let second = bank.shake(0, "b", 200).await.expect("is lent").lease.id;
        let boss = &bank.authorised;
        assert!(matches!(bank.ledger.reconcile_lease(boss, first, None, "r").await, Err(Error::LeaseOpen)));
        let lease = bank.ledger.revoke_lease(boss, first, "r").await.expect("is revoked");
        let path = lease.path.expect("a part of a path");
        assert_eq!((path.id, path.state), (first, PathState::Revoked));
        assert_eq!(bank.levels(0).await, vec![(0, 200, 300); 4]);
        let mut tx = db.begin().await.expect("begins");
        let scope = Scope::Agent(bank.agents[0].agent);
        let count = bank.ledger.revoke_leases(&mut tx, bank.agents[0].tenant, scope).await;
        tx.commit().await.expect("commits");
        assert_eq!(count.expect("is done"), 1);
        assert_eq!(bank.levels(0).await, vec![(0, 0, 500); 4]);
        let spent = Some(Money::from_nanos(70 * UNIT));
        bank.ledger.reconcile_lease(boss, second, spent, "invoice").await.expect("closes");
        assert_eq!(bank.levels(0).await, vec![(70, 0, 300); 4]);
        bank.ledger.reconcile_lease(boss, first, None, "unused").await.expect("closes");
        assert_eq!(bank.levels(0).await, vec![(70, 0, 0); 4]);
        assert!(matches!(bank.ledger.reconcile_lease(boss, first, None, "r").await, Err(Error::LeaseClosed)));
    }

    async fn a_pass_is_good_for_one_call_and_its_report_moves_nothing(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lent = bank.shake(0, "a", 300).await.expect("is lent");
        let (pass, call) = (pass_of(&lent), bank.request());
        assert!(bank.paths.pass(pass.digest()).await.expect("is read").expect("a pass").good);
        let (held, legs) = bank.paths.hold(&bank.hold_of(&pass, call, 200)).await.expect("holds");
        assert_eq!((units(held), legs[0].0, legs.len()), (200, lent.lease.id, 4));
        assert!(!bank.paths.pass(pass.digest()).await.expect("is read").expect("a pass").good);
        let other = bank.hold_of(&pass, bank.request(), 10);
        assert!(matches!(bank.paths.hold(&other).await, Err(Error::PassSpent)));
        let tenant = bank.agents[0].tenant;
        for _ in 0..2 {
            let costs = [(1, Money::from_nanos(150 * UNIT))];
            bank.paths.settle(tenant, call, &costs).await.expect("is booked");
        }
        let told = bank.tell(0, lent.lease.id, &[(call, 999 * UNIT)]).await.expect("is booked");
        assert_eq!((told.accepted, units(told.lent.lease.settled)), (1, 150), "labels only");
        let again = bank.tell(0, lent.lease.id, &[(call, 1)]).await.expect("is booked");
        assert_eq!((again.accepted, again.duplicates), (0, 1));
        assert_eq!(units(again.lent.lease.remaining()), 150);
        let next = pass_of(&again.lent);
        let too_much = bank.hold_of(&next, bank.request(), 151);
        assert!(matches!(bank.paths.hold(&too_much).await, Err(Error::Short(_))));
        bank.pass(301);
        let late = bank.hold_of(&next, bank.request(), 1);
        assert!(matches!(bank.paths.hold(&late).await, Err(Error::PassSpent)));
        assert_eq!(bank.levels(0).await, vec![(150, 150, 0); 4]);
    }

    async fn what_a_call_by_pass_holds_outlives_the_return(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lent = bank.shake(0, "a", 300).await.expect("is lent");
        let call = bank.request();
        bank.paths.hold(&bank.hold_of(&pass_of(&lent), call, 200)).await.expect("holds");
        let speaker = bank.speaker(0);
        let back = bank.paths.give_back(&speaker, lent.lease.id, &Final::default()).await.expect("closes");
        assert_eq!(units(back.lease.returned), 100);
        assert_eq!(bank.levels(0).await, vec![(0, 0, 200); 4]);
        let costs = [(1, Money::from_nanos(120 * UNIT))];
        bank.paths.settle(bank.agents[0].tenant, call, &costs).await.expect("is booked");
        assert_eq!(bank.levels(0).await, vec![(120, 0, 0); 4]);
    }

    async fn what_a_dead_gateway_held_is_booked_at_its_bound(db: Db) {
        let bank = Bank::open(db, 1_000, 5_000, Period::None).await;
        let lent = bank.shake(0, "a", 300).await.expect("is lent");
        let hold = bank.hold_of(&pass_of(&lent), bank.request(), 200);
        bank.paths.hold(&hold).await.expect("holds");
        let lost = |incarnation| bank.paths.settle_lost(hold.sender.0, incarnation);
        assert_eq!(lost(1).await.expect("is asked"), 0, "it lives");
        assert_eq!(lost(2).await.expect("is asked"), 1);
        assert_eq!(lost(2).await.expect("is asked"), 0);
        assert_eq!(bank.levels(0).await, vec![(200, 100, 0); 4]);
    }
}
