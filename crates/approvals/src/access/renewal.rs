//! Keys that end: who is reminded of it when, and how their owners renew them.
//!
//! A key can be renewed once in each of its lives, by its owner alone. He is reminded when that
//! begins, three days before the end, and when the key has ended; each by whichever server is the
//! first to take the reminder over.

use std::time::Duration;

use iron_audit::Authorised;
use iron_primitives::{AccessRequestId, TenantId, Timestamp};
use iron_store::Tx;

use super::{AccessRequest, AccessRequests, AccessStatus, IssuedKey, about, store};
use crate::Error;

const DAY: Duration = Duration::from_secs(86_400);
/// No key can be renewed earlier than this before its end.
const LOOK_AHEAD: Duration = Duration::from_secs(15 * 86_400);
/// Of a key that ended longer ago than this nobody is reminded any more.
const LOOK_BACK: Duration = Duration::from_secs(7 * 86_400);

/// What the owner of a key is reminded of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reminder {
    /// The key can be renewed.
    Due,
    /// It ends within three days.
    Last,
    /// It has ended.
    Ended,
}

/// A key whose owner is to be reminded.
#[derive(Debug, Clone)]
pub struct EndingKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The request that has led to it.
    pub request: AccessRequest,
    /// The key.
    pub key: IssuedKey,
    /// Of what.
    pub reminder: Reminder,
}

impl Reminder {
    /// The word that channels are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reminder::Due => "due",
            Reminder::Last => "last",
            Reminder::Ended => "ended",
        }
    }

    const fn stage(self) -> i64 {
        match self {
            Reminder::Due => 1,
            Reminder::Last => 2,
            Reminder::Ended => 3,
        }
    }

    /// The latest whose time has come.
    fn now(request: &AccessRequest, now: Timestamp) -> Option<(IssuedKey, Reminder)> {
        let key = request.key?;
        let from = request.renewable_from()?;
        let reminder = match now {
            _ if now >= key.expires_at => Reminder::Ended,
            _ if now >= from.max(key.expires_at.minus(DAY * 3)) => Reminder::Last,
            _ if now >= from => Reminder::Due,
            _ => return None,
        };
        Some((key, reminder))
    }
}

impl AccessRequests {
    /// Makes sure that the caller may renew the key of this request now: it is his own, near its
    /// end or over, and nobody else renews or revokes it before the end of the transaction.
    ///
    /// # Errors
    /// [`Error::AccessOutOfReach`] for everybody else, admins too; [`Error::AccessDecided`] if
    /// there is no key; [`Error::RenewableFrom`] if it is too early.
    pub async fn renewable(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
    ) -> Result<(AccessRequest, IssuedKey), Error> {
        let request = self.hold(tx, authorised, id).await?;
        if request.requester != authorised.user {
            return Err(Error::AccessOutOfReach { id });
        }
        let status = request.status;
        let held = request.key.zip(request.renewable_from());
        let Some((key, from)) = held.filter(|_| status == AccessStatus::Claimed) else {
            return Err(Error::AccessDecided { status });
        };
        if self.environment.now() < from {
            return Err(Error::RenewableFrom { at: from });
        }
        Ok((request, key))
    }

    /// Notes until when the renewed key works, in the transaction that has renewed it.
    ///
    /// # Errors
    /// As [`AccessRequests::renewable`].
    pub async fn renew(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
        expires_at: Timestamp,
    ) -> Result<AccessRequest, Error> {
        let (before, key) = self.renewable(tx, authorised, id).await?;
        let now = self.environment.now();
        let after = AccessRequest {
            key: Some(IssuedKey { expires_at, ..key }),
            renewed_at: Some(now),
            updated_at: now,
            ..before.clone()
        };
        if !store::renew(tx, authorised.tenant, key, &after).await? {
            let status = self.hold(tx, authorised, id).await?.status;
            return Err(Error::AccessDecided { status });
        }
        let entry = about("access.renew", &after)
            .agent(key.agent)
            .changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    /// The keys of all tenants whose owners are to be reminded now.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn ending(&self) -> Result<Vec<EndingKey>, Error> {
        let now = self.environment.now();
        let last = Reminder::Ended.stage();
        let ends = (now.minus(LOOK_BACK), now.plus(LOOK_AHEAD));
        let found = store::ending(&self.db, ends, last).await?;
        let due = |(tenant, reminded, request): (TenantId, i64, AccessRequest)| {
            let (key, reminder) = Reminder::now(&request, now)?;
            (reminder.stage() > reminded).then_some(EndingKey {
                tenant,
                request,
                key,
                reminder,
            })
        };
        Ok(found.into_iter().filter_map(due).collect())
    }

    /// Takes a reminder over, in the transaction that tells it. False if another server has, or
    /// the key was renewed or revoked meanwhile.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn take_reminder(&self, tx: &mut Tx, ending: &EndingKey) -> Result<bool, Error> {
        let key = (ending.request.id, ending.key.expires_at);
        store::remind(tx, ending.tenant, key, ending.reminder.stage()).await
    }
}
