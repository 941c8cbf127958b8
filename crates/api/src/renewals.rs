//! Reminding people that their keys end.

use crate::deprecation::notices::NoticeError;
use crate::notices;
use crate::state::ApiState;

/// Reminds the owners of keys that end soon or have ended by the channels of their tenants, each
/// once, whichever server does it. Of a key that was revoked, by itself or with its agent, nobody is
/// reminded. Gives the number of reminders.
///
/// # Errors
/// [`NoticeError`] if the database fails.
pub async fn remind_of_keys(state: &ApiState) -> Result<usize, NoticeError> {
    let mut told = 0;
    for ending in state.access.ending().await? {
        let record = ending.key.record;
        let standing = state.identity.ic_tokens_standing(&[record]).await?;
        let alive = standing.get(&record).is_some_and(|one| !one.revoked);
        let mut tx = state.db.begin().await?;
        if !state.access.take_reminder(&mut tx, &ending).await? {
            continue;
        }
        let owner = ending.request.requester;
        let owner = state.identity.person(&mut tx, ending.tenant, owner).await?;
        if let Some(owner) = owner.filter(|_| alive) {
            let notice = notices::access_expiring(&ending, &owner);
            let channels = &state.channels;
            channels.announce(&mut tx, ending.tenant, &notice).await?;
            told += 1;
        }
        tx.commit().await?;
    }
    if told > 0 {
        state.channels.wake();
    }
    Ok(told)
}
