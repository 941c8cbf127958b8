use proptest::prelude::*;

use super::*;

fn told(settled: i64, returned: i64, standing: Standing) -> Told {
    Told {
        granted: 0,
        settled,
        returned,
        held: 0,
        standing,
    }
}

fn lease(granted: i64) -> Account {
    let mut account = Account::EMPTY;
    account.grant(granted);
    account
}

#[test]
fn a_report_moves_only_what_is_new_in_it() {
    let mut lease = lease(100);
    let first = lease.merge(&told(30, 20, Standing::Open));
    assert_eq!(
        first,
        [
            Move {
                from: Holder::Escrow,
                to: Holder::Spent,
                amount: 30
            },
            Move {
                from: Holder::Escrow,
                to: Holder::Available,
                amount: 20
            },
        ]
    );
    assert_eq!(lease.merge(&told(30, 20, Standing::Open)), []);
    assert_eq!(lease.merge(&told(10, 5, Standing::Open)), []);
    assert_eq!(lease.outstanding(), 50);
}

#[test]
fn fencing_refunds_nothing_and_the_owners_final_account_does() {
    let mut lease = lease(100);
    lease.merge(&told(30, 0, Standing::Open));
    assert_eq!(
        lease.fence(),
        [Move {
            from: Holder::Escrow,
            to: Holder::Suspense,
            amount: 70
        }]
    );
    assert_eq!(
        lease.merge(&told(45, 0, Standing::Final)),
        [
            Move {
                from: Holder::Suspense,
                to: Holder::Spent,
                amount: 15
            },
            Move {
                from: Holder::Suspense,
                to: Holder::Available,
                amount: 55
            },
        ]
    );
    assert_eq!(lease.state, LeaseState::Closed);
}

#[test]
fn after_a_power_cut_only_what_lies_above_the_watermark_is_free() {
    let mut lease = lease(100);
    let moves = lease.merge(&told(30, 0, Standing::Lost { at_most: 60 }));
    assert_eq!(
        moves.last(),
        Some(&Move {
            from: Holder::Suspense,
            to: Holder::Available,
            amount: 40
        })
    );
    assert_eq!((lease.state, lease.outstanding()), (LeaseState::Fenced, 30));
}

#[test]
fn a_late_report_on_a_closed_lease_is_spent_all_the_same() {
    let mut lease = lease(100);
    lease.merge(&told(30, 0, Standing::Final));
    assert_eq!(
        lease.merge(&told(50, 0, Standing::Open)),
        [Move {
            from: Holder::Available,
            to: Holder::Spent,
            amount: 20
        }]
    );
    assert_eq!(lease.state, LeaseState::Closed);
}

fn any_told() -> impl Strategy<Value = Told> {
    let standing = prop_oneof![
        6 => Just(Standing::Open),
        1 => Just(Standing::Final),
        1 => (0_i64..200).prop_map(|at_most| Standing::Lost { at_most }),
    ];
    (0_i64..150, 0_i64..150, 0_i64..150, 0_i64..50, standing).prop_map(
        |(granted, settled, returned, held, standing)| Told {
            granted,
            settled,
            returned,
            held,
            standing,
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_reported_the_moves_explain_the_lease(
        reports in prop::collection::vec((any_told(), 0_i64..60, any::<bool>()), 0..20),
    ) {
        let mut lease = Account::EMPTY;
        let mut counters = Counters::default();
        let mut last = lease;
        for (told, grant, fence) in reports {
            let mut moves = if lease.state == LeaseState::Open { lease.grant(grant) } else { vec![] };
            if fence {
                moves.extend(lease.fence());
            }
            moves.extend(lease.merge(&told));
            for change in &moves {
                prop_assert!(change.amount > 0);
                counters.apply(change).expect("in range");
            }
            let (escrow, suspense) = match lease.state {
                LeaseState::Open => (lease.outstanding(), 0),
                LeaseState::Fenced => (0, lease.outstanding()),
                LeaseState::Closed => (0, 0),
            };
            prop_assert_eq!(counters.settled, lease.settled);
            prop_assert_eq!((counters.escrow, counters.suspense), (escrow, suspense));
            prop_assert!(lease.state >= last.state);
            prop_assert!(lease.granted >= last.granted && lease.settled >= last.settled);
            prop_assert!(lease.returned >= last.returned);
            last = lease;
            prop_assert_eq!(lease.merge(&told), vec![], "a second time moves nothing");
        }
    }
}
