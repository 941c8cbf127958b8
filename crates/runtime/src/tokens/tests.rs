//! A token is asked for once, shared and renewed in time.

use iron_primitives::Id as _;

use super::*;

fn at(seconds: u64) -> BootInstant {
    BootInstant::from_nanos(0).plus(Duration::from_secs(seconds))
}

const VERTEX: Asker = Asker::Account(ProviderKind::Vertex);

fn token(secret: &str) -> Token {
    Token {
        asker: VERTEX,
        version: 1,
        secret: secret.to_owned().into(),
        renewed_at: at(100),
        ends_at: at(200),
    }
}

#[test]
fn a_refusal_that_comes_late_leaves_the_newer_token() {
    let tokens = Tokens::new();
    let none = uuid::Uuid::nil();
    let provider = (TenantId::from_uuid(none), ProviderId::from_uuid(none));
    let slot = tokens.slots.get_with(provider, Arc::default);
    slot.kept().token = Some(token("new"));
    tokens.forget(provider, &"old".to_owned().into());
    assert!(matches!(slot.known(&VERTEX, 1, at(0)), Known::Good(_)));
    tokens.forget(provider, &"new".to_owned().into());
    assert!(matches!(slot.known(&VERTEX, 1, at(0)), Known::Nothing));
}

#[test]
fn a_good_token_is_used_although_it_could_not_be_renewed() {
    let slot = Slot::default();
    slot.kept().token = Some(token("kept"));
    assert!(matches!(slot.known(&VERTEX, 1, at(100)), Known::Due(_)));
    assert!(matches!(slot.known(&VERTEX, 2, at(100)), Known::Nothing));
    slot.kept().failed = Some((at(110), 1, "no".to_owned()));
    assert!(matches!(slot.known(&VERTEX, 1, at(110)), Known::Good(_)));
    assert!(matches!(slot.known(&VERTEX, 1, at(112)), Known::Due(_)));
    slot.kept().failed = Some((at(200), 1, "no".to_owned()));
    assert!(matches!(slot.known(&VERTEX, 1, at(200)), Known::Failed(_)));
    assert!(matches!(slot.known(&VERTEX, 1, at(202)), Known::Nothing));
}
