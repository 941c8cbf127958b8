//! What a purge cannot hide.

use super::*;

#[tokio::test]
async fn a_tombstone_that_is_forged_removed_old_or_anothers_hides_nothing() {
    let mut years = Years::lived().await;
    years.purge(250).expect("something was old");
    let older = std::fs::read(years.tombstones()).expect("readable");
    years.live().await;
    years.clock.advance(100 * DAY);
    years.purge(250).expect("something was old");
    let both = std::fs::read_to_string(years.tombstones()).expect("readable");
    assert_eq!(years.check().faults, []);

    let through = both.replacen("\"records\":", "\"records\":1", 1);
    std::fs::write(years.tombstones(), &through).expect("written");
    assert_eq!(years.reasons().first(), Some(&Reason::BadPurge { line: 1 }));
    let refused = years
        .journal
        .purge(&years.terms(50), |_| Ok::<_, Infallible>(()));
    assert!(matches!(
        refused,
        Err(PurgeError::Journal(Error::BadPurge { line: 1 }))
    ));

    std::fs::write(years.tombstones(), &older).expect("written");
    assert!(
        matches!(years.reasons().first(), Some(Reason::Removed { .. })),
        "an older one"
    );

    let newest = both.lines().nth(1).expect("two lines");
    std::fs::write(years.tombstones(), format!("{newest}\n")).expect("written");
    assert_eq!(
        years.reasons().first(),
        Some(&Reason::BadPurge { line: 1 }),
        "without the first"
    );

    std::fs::remove_file(years.tombstones()).expect("removed");
    assert!(
        matches!(years.reasons().first(), Some(Reason::Removed { .. })),
        "none at all"
    );

    // Signed with other keys over the same range.
    let mut other = Place::new();
    other.options.keys = JournalKeys::new([1; 32], [2; 32], [9; 32]);
    let foreign = Years::lived().await;
    foreign.purge(250).expect("something was old");
    let signed = std::fs::read_to_string(foreign.tombstones()).expect("readable");
    let foreign = signed.replace(
        &keys().public().expect("a key").to_string(),
        &other.options.keys.public().expect("a key").to_string(),
    );
    std::fs::write(years.tombstones(), foreign).expect("written");
    assert_eq!(years.reasons().first(), Some(&Reason::BadPurge { line: 1 }));

    std::fs::write(years.tombstones(), &both).expect("written");
    assert_eq!(years.check().faults, []);
}

#[tokio::test]
async fn beyond_what_a_tombstone_says_nothing_may_be_missing() {
    let years = Years::lived().await;
    years.purge(250).expect("something was old");
    let next = years.files().remove(0);
    std::fs::remove_file(next).expect("removed");
    let reasons = years.reasons();
    assert!(!reasons.is_empty());
    assert!(
        reasons
            .iter()
            .all(|it| matches!(it, Reason::Removed { .. })),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn what_was_changed_before_does_not_vanish_in_a_purge() {
    let years = Years::lived().await;
    let before = years.files();
    let text = std::fs::read_to_string(&before[0]).expect("readable");
    let mut lines: Vec<_> = text.lines().collect();
    lines.remove(3);
    std::fs::write(&before[0], lines.join("\n") + "\n").expect("written");
    let refused = years
        .journal
        .purge(&years.terms(250), |_| Ok::<_, Infallible>(()));
    let broken = matches!(
        refused,
        Err(PurgeError::Journal(Error::Damaged {
            damage: Damage::BrokenChain,
            ..
        }))
    );
    assert!(broken, "{refused:?}");
    std::fs::write(&before[0], text.replacen("call", "cull", 1)).expect("written");
    let refused = years
        .journal
        .purge(&years.terms(250), |_| Ok::<_, Infallible>(()));
    assert!(
        matches!(refused, Err(PurgeError::Journal(Error::Damaged { .. }))),
        "{refused:?}"
    );
    assert_eq!(years.files(), before);
}
