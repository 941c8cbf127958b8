//! A runtime begins: it is lent money on every budget of its agent's path.

use std::collections::BTreeSet;

use iron_primitives::{
    AgentId, BudgetShortfall, IcTokenId, InstanceId, Money, RuntimeId, TenantId, Timestamp,
    TokenKind, TokenValue, Unit,
};
use iron_store::Tx;
use serde_json::json;

use super::path::{Locked, Path, legs_of};
use super::reserve::is_reserved;
use super::store::{self, PathRow};
use super::{Handshake, Lent, Pass, PathState, Paths, Speaker, again};
use crate::events::Noticed;
use crate::model::BudgetKey;
use crate::moves::Account;
use crate::store::{LeaseRow, put_periods};
use crate::{Error, Ledger};

/// Grants are whole millionths of a dollar, so that a runtime can be told of them exactly.
const GRAIN_NANOS: i64 = 1_000;

/// What can be granted of a wish: whole grains.
pub(super) fn grain(nanos: i64) -> i64 {
    let rest = nanos.checked_rem(GRAIN_NANOS).unwrap_or(0);
    nanos.saturating_sub(rest).max(0)
}

impl Paths {
    /// A name for a runtime that has none.
    pub fn new_runtime(&self) -> String {
        let id: RuntimeId = self.environment().new_id();
        id.to_string()
    }

    /// Lends a runtime what it asks for, as far as every budget has room for it, all reserved at
    /// once. The lease of an earlier process of the runtime is taken away, also if there is no
    /// room; a handshake that comes with another one shares its lease.
    ///
    /// # Errors
    /// [`Error::Short`] if a budget has no room; [`Error::Recovering`] after the ledger was
    /// restored, until its instances have spoken; [`Error::NameReserved`]; [`Error::Store`].
    pub async fn handshake(&self, speaker: &Speaker, ask: &Handshake) -> Result<Lent, Error> {
        again(|| self.try_handshake(speaker, ask)).await
    }

    async fn try_handshake(&self, speaker: &Speaker, ask: &Handshake) -> Result<Lent, Error> {
        if is_reserved(&ask.runtime) {
            return Err(Error::NameReserved);
        }
        let now = self.environment().now();
        let ledger = &self.ledger;
        let (mut tx, mut noticed) = (ledger.db.begin().await?, Noticed::default());
        let keys: Vec<BudgetKey> = keys_of(speaker).collect();
        let mut locked = Locked::new();
        // The agent's budget is first in the order of locks: behind it no other handshake of the
        // agent goes on.
        let first = keys.iter().take(1).copied().collect();
        ledger.lock_budgets(&mut tx, &first, &mut locked).await?;
        let agent = speaker.path.agent;
        let tenant = speaker.path.tenant;
        let before = store::active_of(&mut tx, tenant, agent, &ask.runtime).await?;
        let mut all: BTreeSet<BudgetKey> = keys.iter().copied().collect();
        for path in &before {
            let legs = store::legs(&mut tx, path.id).await?;
            all.extend(legs.iter().map(|leg| leg.key));
        }
        ledger.lock_budgets(&mut tx, &all, &mut locked).await?;
        let shared = self
            .take_over(&mut tx, &before, &locked, &mut noticed, now)
            .await?;
        let lent = match shared {
            Some(path) => self.lend(&mut tx, speaker, path, 0, now).await,
            None => {
                self.open(&mut tx, speaker, ask, &keys, &locked, &mut noticed, now)
                    .await
            }
        };
        let lent = match lent {
            // What was taken away from the process before stays so.
            Err(short @ Error::Short(_)) => {
                ledger.commit(tx, noticed).await?;
                return Err(short);
            }
            other => other?,
        };
        let parameters = json!({
            "runtime_id": ask.runtime, "runtime_version": ask.version,
            "granted": lent.granted.to_string(),
        });
        self.note(
            &mut tx,
            speaker,
            "budget.handshake",
            lent.lease.id,
            &parameters,
        )
        .await?;
        ledger.commit(tx, noticed).await?;
        Ok(lent)
    }

    /// Takes the leases of earlier processes away; gives the one that is shared.
    async fn take_over(
        &self,
        tx: &mut Tx,
        before: &[PathRow],
        locked: &Locked,
        noticed: &mut Noticed,
        now: Timestamp,
    ) -> Result<Option<Path>, Error> {
        let mut shared = None;
        for row in before {
            let Some(mut path) = self.ledger.read_path(tx, row.id, locked).await? else {
                continue;
            };
            let together = now < row.opened_at.plus(self.terms.shared_for);
            let usable = path.row.state_at(now) == PathState::Active
                && !path.is_cut()
                && !path.has_outlived_a_period(now);
            if together && usable {
                shared = Some(path);
                continue;
            }
            let orphaned = PathState::Orphaned;
            self.ledger
                .end_path(tx, &mut path, noticed, now, orphaned)
                .await?;
        }
        Ok(shared)
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is behind the locks")]
    async fn open(
        &self,
        tx: &mut Tx,
        speaker: &Speaker,
        ask: &Handshake,
        keys: &[BudgetKey],
        locked: &Locked,
        noticed: &mut Noticed,
        now: Timestamp,
    ) -> Result<Lent, Error> {
        self.ledger.may_grant(tx, now).await?;
        let whose = (speaker.path.tenant, speaker.path.agent, speaker.token);
        let mut path = self.blank(tx, whose, ask, keys, locked, now).await?;
        let wish = ask.requested.nanos();
        let amount = grain(wish.min(path.room()));
        if amount <= 0 {
            return Err(short(tx, &mut path, noticed, wish, now).await?);
        }
        let ledger = &self.ledger;
        let grant = |account: &mut Account| account.grant(amount);
        ledger.move_path(tx, &mut path, noticed, now, grant).await?;
        let legs = path.legs.iter().map(|leg| leg.lease.id);
        store::add_legs(tx, path.row.id, legs).await?;
        self.lend(tx, speaker, path, amount, now).await
    }

    /// A lease with nothing in it yet.
    pub(super) async fn blank(
        &self,
        tx: &mut Tx,
        (tenant, agent, token): (TenantId, AgentId, IcTokenId),
        ask: &Handshake,
        keys: &[BudgetKey],
        locked: &Locked,
        now: Timestamp,
    ) -> Result<Path, Error> {
        let environment = self.environment();
        // Nobody else's leases are of this instance, and it never enrols.
        let instance: InstanceId = environment.new_id();
        let mut expires_at = now.plus(self.terms.ttl);
        let mut leases = Vec::new();
        for key in keys {
            let budget = locked.get(key).ok_or(Error::NotFound)?;
            let span = budget.period.span(now);
            expires_at = span.end.map_or(expires_at, |end| expires_at.min(end));
            leases.push(LeaseRow {
                id: environment.new_id(),
                key: *key,
                span,
                instance,
                incarnation: 1,
                account: Account::EMPTY,
                opened_at: now,
                reported_at: now,
                expires_at,
            });
        }
        let legs = legs_of(tx, leases, locked).await?;
        let id = legs
            .first()
            .map_or_else(|| environment.new_id(), |leg| leg.lease.id);
        let row = PathRow {
            id,
            tenant,
            agent,
            token,
            runtime: ask.runtime.clone(),
            version: ask.version.clone(),
            provider: ask.provider,
            model: ask.model.clone(),
            state: PathState::Active,
            granted: 0,
            settled: 0,
            returned: 0,
            held: 0,
            itemised: 0,
            remaining_at_return: None,
            opened_at: now,
            expires_at,
        };
        Ok(Path { row, legs })
    }

    /// What a runtime is told of its lease, with a pass while it is active.
    pub(super) async fn lend(
        &self,
        tx: &mut Tx,
        speaker: &Speaker,
        path: Path,
        granted: i64,
        now: Timestamp,
    ) -> Result<Lent, Error> {
        let (agent_limit, agent_remaining) = path.of_the_agent();
        let lease = path.row.view(now);
        let pass = match lease.state {
            PathState::Active => {
                let value = TokenValue::generate(TokenKind::Pass, self.environment());
                let expires_at = now.plus(self.terms.pass_ttl).min(lease.expires_at);
                store::add_pass(tx, &path.row, value.digest(), speaker.digest, expires_at).await?;
                Some(Pass { value, expires_at })
            }
            _ => None,
        };
        Ok(Lent {
            lease,
            granted: Money::from_nanos(granted),
            agent_limit,
            agent_remaining,
            pass,
        })
    }
}

impl Ledger {
    /// Whether the ledger may grant anything: not before every live instance has declared its
    /// leases to a ledger that was restored.
    pub(super) async fn may_grant(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
        let since = now.minus(self.terms.live_for);
        match crate::store::all_have_declared(tx, since).await? {
            true => Ok(()),
            false => Err(Error::Recovering),
        }
    }
}

/// The budgets on an agent's path, leaf first.
fn keys_of(speaker: &Speaker) -> impl Iterator<Item = BudgetKey> {
    let tenant = speaker.path.tenant;
    speaker.path.scopes().map(move |scope| BudgetKey {
        scope,
        unit: Unit::Usd,
        tenant,
    })
}

/// The refusal of the tightest budget, which may be an event.
pub(super) async fn short(
    tx: &mut Tx,
    path: &mut Path,
    noticed: &mut Noticed,
    needed: i64,
    now: Timestamp,
) -> Result<Error, Error> {
    let tightest = path
        .legs
        .iter_mut()
        .min_by_key(|leg| leg.row.counters.room());
    let Some(leg) = tightest else {
        return Ok(Error::NotFound);
    };
    let counters = leg.row.counters;
    if noticed
        .look(tx, &mut leg.row, &leg.budget, true, now)
        .await?
    {
        put_periods(tx, [&leg.row]).await?;
    }
    Ok(Error::Short(Box::new(BudgetShortfall {
        scope: leg.row.key.scope,
        pool: None,
        unit: leg.row.key.unit,
        limit: counters.limit.unwrap_or(i64::MAX),
        spent: counters.settled,
        reserved: counters.escrow,
        suspense: counters.suspense,
        needed,
        resets_at: leg.row.span.end,
    })))
}
