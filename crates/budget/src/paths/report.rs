//! A runtime tells what its calls have cost.

use iron_primitives::LeaseId;
use iron_store::Tx;
use serde_json::json;

use super::path::Path;
use super::store::Told;
use super::{PathState, Paths, Reported, Speaker, Used, again, store};
use crate::Error;
use crate::events::Noticed;

impl Paths {
    /// Books calls, each once, and leaves the record of each. A lease under which a limit was
    /// lowered is taken away; the answer says so.
    ///
    /// # Errors
    /// [`Error::NoLease`] if the agent never had this lease; [`Error::Store`], and then nothing has
    /// happened.
    pub async fn report(
        &self,
        speaker: &Speaker,
        lease: LeaseId,
        used: &[Used],
    ) -> Result<Reported, Error> {
        again(|| self.try_report(speaker, lease, used)).await
    }

    async fn try_report(
        &self,
        speaker: &Speaker,
        lease: LeaseId,
        used: &[Used],
    ) -> Result<Reported, Error> {
        let now = self.environment().now();
        let ledger = &self.ledger;
        let (mut tx, mut noticed) = (ledger.db.begin().await?, Noticed::default());
        let path = ledger.lock_path(&mut tx, lease).await?;
        let mut path = path.ok_or(Error::NoLease { id: lease })?;
        Paths::own(&path, speaker)?;
        let (mut accepted, mut cost) = (0_u32, 0_i64);
        for one in used {
            match store::tell(&mut tx, &path.row, one.request, now).await? {
                Told::Again => continue,
                Told::Measured => self.label(&mut tx, speaker, &path, one).await?,
                Told::New => {
                    cost = cost
                        .checked_add(one.cost.nanos())
                        .ok_or(Error::OutOfRange)?;
                    let tenant = speaker.path.tenant;
                    let audit = &ledger.audit;
                    audit
                        .write_call(&mut tx, tenant, one.entry, &one.record)
                        .await?;
                }
            }
            accepted = accepted.saturating_add(1);
        }
        ledger
            .itemise(&mut tx, &mut path, &mut noticed, now, cost)
            .await?;
        if path.row.state == PathState::Active && path.is_cut() {
            let revoked = PathState::Revoked;
            ledger
                .end_path(&mut tx, &mut path, &mut noticed, now, revoked)
                .await?;
        }
        let lent = self.lend(&mut tx, speaker, path, 0, now).await?;
        ledger.commit(tx, noticed).await?;
        let told = u32::try_from(used.len()).unwrap_or(u32::MAX);
        Ok(Reported {
            accepted,
            duplicates: told.saturating_sub(accepted),
            lent,
        })
    }

    /// What a gateway has measured is labelled by the runtime.
    async fn label(
        &self,
        tx: &mut Tx,
        speaker: &Speaker,
        path: &Path,
        used: &Used,
    ) -> Result<(), Error> {
        let parameters = json!({"request_id": used.request, "labels": used.labels});
        self.note(tx, speaker, "budget.report", path.row.id, &parameters)
            .await
    }
}
