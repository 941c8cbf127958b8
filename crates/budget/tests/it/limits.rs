//! Budgets as people set and see them.

use iron_audit::Authorised;
use iron_budget::{Error, Limits, SetBudget, Standing};
use iron_primitives::{ActorPath, Money, Period, Scope};
use iron_store::{Db, Page, sql};
use iron_testkit::TestEnvironment;

use crate::world::{admin, custom, ledger_in, path_in};

struct Office {
    db: Db,
    limits: Limits,
    authorised: Authorised,
    path: ActorPath,
    world: TestEnvironment,
}

impl Office {
    async fn open(db: Db) -> Office {
        let world = TestEnvironment::new();
        let ledger = ledger_in(&db, &world, world.environment.new_id()).await;
        let limits = Limits::new(ledger);
        let path = path_in(&world, None);
        let mut tx = db.begin().await.expect("begins");
        for scope in path.scopes() {
            limits
                .create_row(&mut tx, path.tenant, scope, None, Period::None)
                .await
                .expect("is born");
        }
        tx.commit().await.expect("commits");
        let authorised = admin(&world, path.tenant);
        Office {
            db,
            limits,
            authorised,
            path,
            world,
        }
    }

    fn agent(&self) -> Scope {
        Scope::Agent(self.path.agent)
    }

    async fn set(&self, dollars: &str, period: Option<Period>) -> Result<bool, Error> {
        let limit = Some(dollars.parse().expect("dollars"));
        let set = SetBudget {
            limit: limit.map(Some),
            period,
            reason: Some("spring".to_owned()),
            ..SetBudget::default()
        };
        self.limits
            .put(&self.authorised, self.agent(), &set)
            .await
            .map(|changed| changed.changed)
    }

    async fn spend(&self, nanos: i64) {
        let statement = sql("UPDATE budget_periods SET settled = $1 WHERE scope = $2");
        statement
            .bind(nanos)
            .bind(self.agent())
            .execute(&self.db)
            .await
            .expect("spends");
    }

    async fn audited(&self) -> i64 {
        let count = sql("SELECT CAST(COUNT(*) AS BIGINT) AS n FROM budget_changes");
        count
            .fetch_one(&self.db)
            .await
            .expect("counts")
            .get("n")
            .expect("a number")
    }
}

iron_store::both_engines! {
    async fn a_budget_is_born_without_a_limit_and_gets_one_with_its_history(db: Db) {
        let office = Office::open(db).await;
        let born = office.limits.get(&office.authorised, office.agent()).await.expect("a budget");
        assert_eq!((born.limit, born.remaining(), born.standing()), (None, None, Standing::Ok));
        assert!(office.set("100.50", None).await.expect("is set"));
        assert!(!office.set("100.50", None).await.expect("is set"), "an equal value changes nothing");
        assert!(office.set("90.00", Some(Period::Monthly)).await.expect("is set"));
        let history = office
            .limits
            .history(&office.authorised, office.agent(), Page::default())
            .await
            .expect("a history");
        assert_eq!((history.total, office.audited().await), (2, 2));
        let newest = history.items.first().expect("an entry");
        assert_eq!(newest.previous_limit, Some("100.50".parse().expect("dollars")));
        assert_eq!((&newest.previous_period, &newest.new_period), (&Period::None, &Period::Monthly));
        assert_eq!(newest.reason.as_deref(), Some("spring"));
        assert_eq!(newest.modified_by, office.authorised.user);
    }

    async fn limits_out_of_range_are_refused(db: Db) {
        let office = Office::open(db).await;
        for wrong in ["0.00", "0.009999999", "-1.00", "1000000.00"] {
            let outcome = office.set(wrong, None).await;
            assert!(matches!(outcome, Err(Error::LimitOutOfRange)), "{wrong}");
        }
        assert!(office.set("0.01", None).await.expect("is set"));
        assert!(office.set("999999.99", None).await.expect("is set"));
    }

    async fn another_tenants_budget_does_not_exist(db: Db) {
        let office = Office::open(db).await;
        let stranger = admin(&office.world, office.world.environment.new_id());
        let read = office.limits.get(&stranger, office.agent()).await;
        assert!(matches!(read, Err(Error::NotFound)));
        let set = SetBudget { limit: Some(Some(Money::from_nanos(10_000_000))), ..SetBudget::default() };
        let write = office.limits.put(&stranger, office.agent(), &set).await;
        assert!(matches!(write, Err(Error::NotFound)));
    }

    async fn a_limit_below_what_is_spent_is_an_overdraft(db: Db) {
        let office = Office::open(db).await;
        office.set("10.00", None).await.expect("is set");
        office.spend(4_000_000_000).await;
        office.set("1.00", None).await.expect("is set");
        let status = office.limits.get(&office.authorised, office.agent()).await.expect("a budget");
        assert_eq!(status.overdraft, Money::from_nanos(3_000_000_000));
        assert_eq!(status.remaining(), Some(Money::ZERO));
        assert_eq!(status.standing(), Standing::Exhausted);
    }

    async fn ninety_percent_is_a_warning_and_all_of_it_is_the_end(db: Db) {
        let office = Office::open(db).await;
        office.set("10.00", None).await.expect("is set");
        let mut seen = Vec::new();
        for nanos in [8_999_999_999, 9_000_000_000, 9_999_999_999, 10_000_000_000] {
            office.spend(nanos).await;
            let status = office.limits.get(&office.authorised, office.agent()).await.expect("is read");
            seen.push((status.percentage_used_hundredths(), status.standing().as_str()));
        }
        assert_eq!(
            seen,
            [(8_999, "ok"), (9_000, "warning"), (9_999, "warning"), (10_000, "exhausted")]
        );
    }

    async fn a_new_month_begins_at_nothing_and_the_old_one_is_kept(db: Db) {
        let office = Office::open(db).await;
        office.set("10.00", Some(Period::Monthly)).await.expect("is set");
        office.spend(5_000_000_000).await;
        let april = "2026-04-01T00:00:00Z".parse().expect("a timestamp");
        let status = office.limits.get(&office.authorised, office.agent()).await.expect("a budget");
        assert_eq!(status.next_reset_at(), Some(april));
        office.world.clock.set_wall(april);
        let status = office.limits.get(&office.authorised, office.agent()).await.expect("a budget");
        assert_eq!((status.settled, status.limit), (Money::ZERO, Some("10.00".parse().expect("dollars"))));
    }

    async fn a_schedule_is_kept_with_its_history_and_another_one_begins_anew(db: Db) {
        let office = Office::open(db).await;
        let get = || office.limits.get(&office.authorised, office.agent());
        let mondays = custom("0 9 * * MON", "Europe/Berlin");
        assert!(office.set("10.00", Some(mondays.clone())).await.expect("is set"));
        assert!(!office.set("10.00", Some(mondays.clone())).await.expect("is set"), "the same one");
        office.spend(5_000_000_000).await;
        let status = get().await.expect("a budget");
        assert_eq!((&status.period, status.spent()), (&mondays, Money::from_nanos(5_000_000_000)));
        let monday = status.next_reset_at().expect("an end");
        assert!(monday.to_string().ends_with("T08:00:00.000Z"), "{monday}");
        let of_pages = office.limits.get_all(&office.authorised, &[office.agent()]).await;
        assert_eq!(of_pages.expect("is read"), [status]);
        // Under another schedule counting begins anew; what was spent is still there under the old.
        let tuesdays = custom("0 9 * * TUE", "Europe/Berlin");
        assert!(office.set("10.00", Some(tuesdays.clone())).await.expect("is set"));
        assert_eq!(get().await.expect("a budget").spent(), Money::ZERO);
        assert!(office.set("10.00", Some(mondays.clone())).await.expect("is set"));
        assert_eq!(get().await.expect("a budget").spent(), Money::from_nanos(5_000_000_000));
        let history = office.limits.history(&office.authorised, office.agent(), Page::default());
        let newest = history.await.expect("a history").items.swap_remove(0);
        assert_eq!((newest.previous_period, newest.new_period), (tuesdays, mondays));
    }

    async fn a_scope_is_born_once(db: Db) {
        let office = Office::open(db).await;
        let mut tx = office.db.begin().await.expect("begins");
        let again = office
            .limits
            .create_row(&mut tx, office.path.tenant, office.agent(), None, Period::None)
            .await;
        assert!(matches!(again, Err(Error::Store(iron_store::Error::Unique { .. }))));
    }
}
