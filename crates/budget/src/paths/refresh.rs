//! A runtime asks for more, for more time, or for another pass.

use serde_json::json;

use super::handshake::{grain, short};
use super::{Lent, PathState, Paths, Refresh, Speaker, again};
use crate::Error;
use crate::events::Noticed;
use crate::moves::Account;

impl Paths {
    /// Tops a lease up as far as every budget has room for it, and gives it its whole time again.
    /// One whose time is over is active again within the grace, and orphaned after it.
    ///
    /// # Errors
    /// [`Error::NoLease`]; [`Error::PathEnded`]; [`Error::Short`] if nothing is left;
    /// [`Error::Recovering`]; [`Error::Store`].
    pub async fn refresh(&self, speaker: &Speaker, ask: &Refresh) -> Result<Lent, Error> {
        again(|| self.try_refresh(speaker, ask)).await
    }

    async fn try_refresh(&self, speaker: &Speaker, ask: &Refresh) -> Result<Lent, Error> {
        let now = self.environment().now();
        let ledger = &self.ledger;
        let (mut tx, mut noticed) = (ledger.db.begin().await?, Noticed::default());
        let path = ledger.lock_path(&mut tx, ask.lease).await?;
        let mut path = path.ok_or(Error::NoLease { id: ask.lease })?;
        Paths::own(&path, speaker)?;
        let too_late = now >= path.row.expires_at.plus(self.grace());
        let ends_as = match path.row.state {
            PathState::Active if path.is_cut() => Some(PathState::Revoked),
            PathState::Active if too_late || path.has_outlived_a_period(now) => {
                Some(PathState::Orphaned)
            }
            PathState::Active => None,
            ended => return Err(Error::PathEnded { state: ended }),
        };
        if let Some(state) = ends_as {
            ledger
                .end_path(&mut tx, &mut path, &mut noticed, now, state)
                .await?;
            ledger.commit(tx, noticed).await?;
            return Err(Error::PathEnded { state });
        }
        ledger.may_grant(&mut tx, now).await?;
        let wish = wish(ask, path.row.granted);
        let amount = grain(wish.min(path.room()));
        let nothing_left = path.unheld() == 0 && path.row.held == 0 && amount == 0;
        if (wish > 0 && amount == 0) || nothing_left {
            let error = short(&mut tx, &mut path, &mut noticed, wish, now).await?;
            ledger.commit(tx, noticed).await?;
            return Err(error);
        }
        let ends = path.legs.iter().filter_map(|leg| leg.lease.span.end).min();
        let whole = now.plus(self.terms.ttl);
        path.row.expires_at = ends.map_or(whole, |end| whole.min(end));
        let grant = |account: &mut Account| account.grant(amount);
        ledger
            .move_path(&mut tx, &mut path, &mut noticed, now, grant)
            .await?;
        let lent = self.lend(&mut tx, speaker, path, amount, now).await?;
        let parameters = json!({"granted": lent.granted.to_string()});
        self.note(&mut tx, speaker, "budget.refresh", ask.lease, &parameters)
            .await?;
        ledger.commit(tx, noticed).await?;
        Ok(lent)
    }
}

/// How much is wished for beyond what has been granted already: the same question asked twice is
/// granted once.
fn wish(ask: &Refresh, granted: i64) -> i64 {
    let requested = ask.requested.nanos();
    match ask.known {
        Some(known) => known
            .nanos()
            .saturating_add(requested)
            .saturating_sub(granted)
            .clamp(0, requested),
        None => requested,
    }
}
