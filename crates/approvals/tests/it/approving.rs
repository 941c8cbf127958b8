//! Asking, deciding, waiting, and taking the leave.

use std::time::{Duration, Instant};

use iron_approvals::{ApprovalFilter, ApprovalStatus, Error, NewApproval, Redemption, Verdict};
use iron_audit::{Reach, Role};
use iron_primitives::ErrorKind;
use iron_store::{Db, Engine, Page, Sort};
use serde_json::json;

use crate::asking::{HASH, Office};

const OTHER: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

fn page() -> (Sort, Page) {
    let page = Page {
        page: 1,
        per_page: 50,
    };
    (Sort::descending("created_at"), page)
}

iron_store::both_engines! {
    async fn the_same_call_is_asked_about_once(db: Db) {
        let office = Office::new(db).await;
        let first = office.ask(office.call()).await;
        assert_eq!(office.ask(office.call()).await.id, first.id);
        let other = NewApproval { arguments_hash: OTHER.to_owned(), ..office.call() };
        assert_ne!(office.ask(other).await.id, first.id);
        // A policy that asks other people now is not satisfied by those it asked before.
        let stricter = NewApproval { quorum: 2, ..office.call() };
        let second = office.ask(stricter).await;
        assert_ne!(second.id, first.id);
        let first = office.approvals.find(first.tenant, first.id).await.unwrap();
        assert_eq!(first.status, ApprovalStatus::Expired);
        office.later(301);
        assert_ne!(office.ask(office.call()).await.id, second.id, "its time is over");
    }

    async fn many_who_ask_at_once_get_one_approval(db: Db) {
        let office = Office::new(db).await;
        let asking = (0..20).map(|_| {
            let (approvals, call) = (office.approvals.clone(), office.call());
            tokio::spawn(async move { approvals.request(call).await.unwrap().id })
        });
        let mut ids = Vec::new();
        for one in asking.collect::<Vec<_>>() {
            ids.push(one.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }

    async fn a_grant_is_taken_once_and_only_by_the_very_same_call(db: Db) {
        let office = Office::new(db).await;
        let asked = office.ask(office.call()).await;
        let wanted = || office.redemption("send_email", HASH);
        assert_eq!(office.approvals.redeem(wanted()).await.unwrap(), None, "nobody has decided");
        let approved = office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
        assert_eq!(approved.status, ApprovalStatus::Approved);
        let stranger = Redemption { agent: office.world.time.environment.new_id(), ..wanted() };
        for other in [
            office.redemption("send_email", OTHER),
            office.redemption("delete_file", HASH),
            stranger,
            Redemption { approval: Some(office.world.time.environment.new_id()), ..wanted() },
            Redemption { tenant: office.world.time.environment.new_id(), ..wanted() },
        ] {
            assert_eq!(office.approvals.redeem(other).await.unwrap(), None, "{other:?}");
        }
        let by_id = Redemption { approval: Some(asked.id), ..wanted() };
        let grant = office.approvals.redeem(by_id).await.unwrap().unwrap();
        let by: Vec<_> = grant.approved_by.iter().map(|(user, _)| *user).collect();
        assert_eq!((grant.approval, by), (asked.id, vec![office.admin.user]));
        assert_eq!(office.approvals.redeem(wanted()).await.unwrap(), None, "it is spent");
    }

    async fn of_fifty_who_redeem_at_once_one_wins(db: Db) {
        let office = Office::new(db).await;
        for round in 0..3 {
            let asked = office.ask(office.call()).await;
            office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
            let wanted = office.redemption("send_email", HASH);
            let redeeming = (0..50).map(|_| {
                let approvals = office.approvals.clone();
                tokio::spawn(async move { approvals.redeem(wanted).await.unwrap() })
            });
            let mut grants = Vec::new();
            for one in redeeming.collect::<Vec<_>>() {
                grants.extend(one.await.unwrap());
            }
            assert_eq!(grants.len(), 1, "round {round}: {grants:?}");
        }
    }

    async fn a_grant_runs_out(db: Db) {
        let office = Office::new(db).await;
        let asked = office.ask(office.call()).await;
        office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
        office.later(3_600);
        let found = office.approvals.redeem(office.redemption("send_email", HASH)).await.unwrap();
        assert_eq!(found, None);
    }

    async fn admins_decide_and_those_who_are_named_and_nobody_else(db: Db) {
        let office = Office::new(db).await;
        let by_role = office.person(Role::Operator, "operator");
        let by_mail = office.person(Role::Developer, "mail");
        let nobody = office.person(Role::Developer, "nobody");
        let named = vec!["role:operator".parse().unwrap(), "Mail@example.com".parse().unwrap()];
        let call = NewApproval { approvers: named, quorum: 3, ..office.call() };
        let asked = office.ask(call).await;
        let refused = office.says(&nobody, Verdict::Approve, &asked).await.unwrap_err();
        assert!(matches!(refused, Error::NotAnApprover { .. }), "{refused}");
        let refused = office.says(&office.owner, Verdict::Deny, &asked).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InsufficientPermissions);
        let seen = office.approvals.get(&office.may(&nobody), &nobody.email, asked.id).await;
        assert!(matches!(seen, Err(Error::ApprovalOutOfReach { .. })), "{seen:?}");
        for (person, status) in [
            (&by_role, ApprovalStatus::Pending),
            (&by_mail, ApprovalStatus::Pending),
            (&office.admin, ApprovalStatus::Approved),
        ] {
            let found = office.says(person, Verdict::Approve, &asked).await.unwrap();
            assert_eq!(found.status, status, "{}", person.email);
        }
        let may = office.may(&by_mail);
        let seen = office.approvals.get(&may, &by_mail.email, asked.id).await.unwrap();
        let by: Vec<_> = seen.approved_by().map(|one| one.user).collect();
        assert_eq!(by.len(), 3);
    }

    async fn nobody_counts_twice_and_one_denial_denies(db: Db) {
        let office = Office::new(db).await;
        let second = office.person(Role::Admin, "second");
        let asked = office.ask(NewApproval { quorum: 2, ..office.call() }).await;
        office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
        for verdict in [Verdict::Approve, Verdict::Deny] {
            let refused = office.says(&office.admin, verdict, &asked).await.unwrap_err();
            assert!(matches!(refused, Error::SpokenBefore), "{refused}");
        }
        let denied = office.says(&second, Verdict::Deny, &asked).await.unwrap();
        assert_eq!(denied.status, ApprovalStatus::Denied);
        assert_eq!(denied.decided_by().unwrap().user, second.user);
        let third = office.person(Role::Admin, "third");
        let late = office.says(&third, Verdict::Approve, &asked).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::InvalidState);
        let found = office.approvals.redeem(office.redemption("send_email", HASH)).await.unwrap();
        assert_eq!(found, None);
    }

    async fn two_who_disagree_at_once_end_it_once(db: Db) {
        let office = Office::new(db).await;
        let second = office.person(Role::Admin, "second");
        for _ in 0..10 {
            let asked = office.ask(office.call()).await;
            let yes = office.says(&office.admin, Verdict::Approve, &asked);
            let no = office.says(&second, Verdict::Deny, &asked);
            let (yes, no) = tokio::join!(yes, no);
            assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");
            let found = office.approvals.find(asked.tenant, asked.id).await.unwrap();
            assert_eq!(found.decisions.len(), 1);
            let grant = office.approvals.redeem(office.redemption("send_email", HASH)).await;
            assert_eq!(grant.unwrap().is_some(), yes.is_ok());
        }
    }

    async fn owners_are_barred_where_the_tenant_or_the_policy_says_so(db: Db) {
        let office = Office::new(db).await;
        let own = NewApproval { owner: office.admin.user, ..office.call() };
        let asked = office.ask(NewApproval { forbid_own: true, ..own.clone() }).await;
        let refused = office.says(&office.admin, Verdict::Approve, &asked).await.unwrap_err();
        assert!(matches!(refused, Error::OwnAgent), "{refused}");
        let asked = office.ask(own.clone()).await;
        // What the tenant sets now holds for those that wait already.
        office.terms.lock().unwrap().forbid_own = true;
        let refused = office.says(&office.admin, Verdict::Approve, &asked).await.unwrap_err();
        assert!(matches!(refused, Error::OwnAgent), "{refused}");
        office.terms.lock().unwrap().forbid_own = false;
        office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
    }

    async fn what_nobody_decides_in_time_has_expired_before_anybody_writes_it_down(db: Db) {
        let office = Office::new(db).await;
        let asked = office.ask(office.call()).await;
        office.later(300);
        let found = office.approvals.find(asked.tenant, asked.id).await.unwrap();
        assert_eq!(found.status, ApprovalStatus::Expired);
        assert_eq!(found.decided_at, Some(asked.expires_at));
        let late = office.says(&office.admin, Verdict::Approve, &asked).await.unwrap_err();
        let status = ApprovalStatus::Expired;
        assert!(matches!(late, Error::ApprovalDecided { status: found } if found == status));
        let admin = office.may(&office.admin);
        let listed = |statuses: Vec<ApprovalStatus>| {
            let filter = ApprovalFilter { statuses, agent: Some(office.agent) };
            let (approvals, admin) = (office.approvals.clone(), admin.clone());
            async move { approvals.list(&admin, "admin@example.com", &filter, page()).await.unwrap() }
        };
        assert_eq!(listed(vec![ApprovalStatus::Pending]).await.total, 0);
        assert_eq!(listed(vec![ApprovalStatus::Expired]).await.total, 1);
        assert_eq!(listed(vec![]).await.items[0].status, ApprovalStatus::Expired);
        assert_eq!(office.approvals.expire_due().await.unwrap(), 1);
        assert_eq!(office.approvals.expire_due().await.unwrap(), 0, "once");
        let actions = office.recorded().await;
        let expiries = actions.iter().filter(|one| one["action"] == "approval.expire");
        assert_eq!(expiries.count(), 1, "{actions:?}");
    }

    async fn lists_hold_what_is_within_reach(db: Db) {
        let office = Office::new(db).await;
        let (team, other_team) = (office.world.time.environment.new_id(), office.world.time.environment.new_id());
        let asked = office.ask(NewApproval { team: Some(team), ..office.call() }).await;
        let named = office.person(Role::Developer, "named");
        let approvers = vec![named.user.to_string().parse().unwrap()];
        let call = NewApproval { approvers, arguments_hash: OTHER.to_owned(), ..office.call() };
        let other = office.ask(NewApproval { owner: office.admin.user, ..call }).await;
        let operator = office.person(Role::Operator, "operator");
        let of = |teams| office.world.caller(operator.user, Role::Operator, Reach::Teams(teams));
        let filter = ApprovalFilter::default();
        for (caller, email, expected) in [
            (office.may(&office.admin), &office.admin.email, vec![other.id, asked.id]),
            (office.may(&office.owner), &office.owner.email, vec![asked.id]),
            (office.may(&named), &named.email, vec![other.id]),
            (of(vec![other_team, team]), &operator.email, vec![asked.id]),
            (of(vec![other_team]), &operator.email, vec![]),
        ] {
            let found = office.approvals.list(&caller, email, &filter, page()).await.unwrap();
            let mut ids: Vec<_> = found.items.iter().map(|one| one.id).collect();
            ids.sort_unstable_by(|a, b| b.cmp(a));
            let mut expected = expected;
            expected.sort_unstable_by(|a, b| b.cmp(a));
            assert_eq!(ids, expected, "{email}");
        }
    }

    async fn whoever_waits_goes_on_at_once_here_and_soon_elsewhere(db: Db) {
        let engine = db.engine();
        let office = Office::new(db).await;
        for (waiter, most) in [
            (office.approvals.clone(), Duration::from_millis(250)),
            (office.another_server(), Duration::from_millis(1_000)),
        ] {
            let asked = office.ask(office.call()).await;
            let (tenant, id) = (asked.tenant, asked.id);
            let waiting = tokio::spawn(async move {
                let found = waiter.wait(tenant, id, Duration::from_secs(60)).await.unwrap();
                (found.status, Instant::now())
            });
            tokio::time::sleep(Duration::from_millis(100)).await;
            office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
            let decided = Instant::now();
            let (status, heard) = waiting.await.unwrap();
            assert_eq!(status, ApprovalStatus::Approved);
            let took = heard.saturating_duration_since(decided);
            println!("{engine:?}: heard {took:?} after the decision");
            assert!(took < most, "{took:?}");
            office.approvals.redeem(office.redemption("send_email", HASH)).await.unwrap();
        }
        let asked = office.ask(office.call()).await;
        let short = Duration::from_millis(50);
        let found = office.approvals.wait(asked.tenant, asked.id, short).await.unwrap();
        assert_eq!(found.status, ApprovalStatus::Pending);
        let none = office.world.time.environment.new_id();
        let gone = office.approvals.wait(asked.tenant, none, short).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::ResourceNotFound);
        assert!(matches!(engine, Engine::Sqlite | Engine::Postgres));
    }

    async fn every_step_is_in_the_records_with_those_who_took_it(db: Db) {
        let office = Office::new(db).await;
        let second = office.person(Role::Admin, "second");
        let asked = office.ask(NewApproval { quorum: 2, ..office.call() }).await;
        office.later(1);
        office.says(&office.admin, Verdict::Approve, &asked).await.unwrap();
        office.later(1);
        office.says(&second, Verdict::Approve, &asked).await.unwrap();
        office.later(1);
        office.approvals.redeem(office.redemption("send_email", HASH)).await.unwrap().unwrap();
        let all = office.recorded().await;
        let actions: Vec<_> = all.iter().filter_map(|one| one["action"].as_str()).collect();
        let expected =
            ["approval.request", "approval.approve", "approval.approve", "approval.redeem"];
        assert_eq!(actions, expected);
        let last = &all[2]["parameters"]["decisions"];
        let by: Vec<_> = last.as_array().unwrap().iter().map(|one| one["user"].clone()).collect();
        assert_eq!(by, [json!(office.admin.user), json!(second.user)]);
        assert_eq!(all[3]["parameters"]["approved_by"].as_array().unwrap().len(), 2);
    }

    async fn what_cannot_be_asked_is_refused(db: Db) {
        let office = Office::new(db).await;
        for call in [
            NewApproval { quorum: 0, ..office.call() },
            NewApproval { quorum: 21, ..office.call() },
            NewApproval { arguments_hash: "abc".to_owned(), ..office.call() },
            NewApproval { arguments_hash: HASH.to_uppercase(), ..office.call() },
            NewApproval { tool: String::new(), ..office.call() },
            NewApproval { arguments: json!("x".repeat(300_000)), ..office.call() },
        ] {
            let refused = office.approvals.request(call).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Validation, "{refused}");
        }
    }
}
