//! What people say to approvals, and what becomes of those to which nobody says anything.

use iron_audit::{Authorised, Reach};
use iron_primitives::Timestamp;
use iron_store::Tx;
use serde_json::json;

use super::model::{Approval, ApprovalStatus, Decision, Person, Ruling, Verdict, Way};
use super::{Approvals, about, links, notices, person_of, store};
use crate::Error;

/// So many are ended in one round.
const MOST_IN_A_ROUND: u32 = 200;

impl Approvals {
    /// Notes what somebody says. One denial denies; the approval of the last person who is needed
    /// approves. Whoever waits for it, here or on another server, goes on.
    ///
    /// # Errors
    /// [`Error::NoApproval`]; [`Error::NotAnApprover`] and [`Error::OwnAgent`] for those who may
    /// not; [`Error::ApprovalDecided`] if it is too late; [`Error::SpokenBefore`];
    /// [`Error::DeadLink`].
    pub async fn decide(&self, authorised: &Authorised, ruling: Ruling) -> Result<Approval, Error> {
        let (tenant, id) = (authorised.tenant, ruling.approval);
        let now = self.environment.now();
        let person = person_of(authorised, &ruling.email);
        let mut tx = self.db.begin().await?;
        let before = store::lock(&mut tx, tenant, id).await?;
        let before = before.ok_or(Error::NoApproval { id })?.at(now);
        self.may_decide(authorised, &person, &before)?;
        if !before.is_pending() {
            let status = before.status;
            return Err(Error::ApprovalDecided { status });
        }
        let said = Decision {
            user: person.user,
            verdict: ruling.verdict,
            comment: ruling.comment,
            way: ruling.way.to_string(),
            decided_at: now,
        };
        if !store::say(&mut tx, (tenant, id), &said).await? {
            return Err(Error::SpokenBefore);
        }
        if let Way::Link(digest) = ruling.way {
            links::spend(&mut tx, (digest, id), person.user, now).await?;
        }
        let after = self.after(&before, said, now);
        self.step(&mut tx, authorised, &after).await?;
        tx.commit().await?;
        if !after.is_pending() {
            self.waiting.wake(id);
            self.channels.wake();
        }
        Ok(after)
    }

    /// Admins may, and those whom the policy names; the owner of the agent only where that is
    /// allowed.
    pub(super) fn may_decide(
        &self,
        authorised: &Authorised,
        person: &Person,
        approval: &Approval,
    ) -> Result<(), Error> {
        if authorised.reach != Reach::Tenant && !approval.names(person) {
            let approvers = approval.approvers.iter().map(ToString::to_string).collect();
            return Err(Error::NotAnApprover { approvers });
        }
        let forbid_own = approval.forbid_own || (self.terms)(approval.tenant).forbid_own;
        if forbid_own && approval.owner == person.user {
            return Err(Error::OwnAgent);
        }
        Ok(())
    }

    /// The approval once this was said.
    fn after(&self, before: &Approval, said: Decision, now: Timestamp) -> Approval {
        let mut after = before.clone();
        let verdict = said.verdict;
        after.decisions.push(said);
        after.updated_at = now;
        let approved = u32::try_from(after.approved_by().count()).unwrap_or(u32::MAX);
        match verdict {
            Verdict::Deny => after.status = ApprovalStatus::Denied,
            Verdict::Approve if approved >= after.quorum => {
                after.status = ApprovalStatus::Approved;
                after.grant_expires_at = Some(now.plus((self.terms)(after.tenant).grant));
            }
            Verdict::Approve => return after,
        }
        after.decided_at = Some(now);
        after
    }

    async fn step(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        after: &Approval,
    ) -> Result<(), Error> {
        let said = after.decisions.last();
        let action = match said.map(|said| said.verdict) {
            Some(Verdict::Deny) => "approval.deny",
            _ => "approval.approve",
        };
        let entry = about(action, after).parameters(&json!({
            "tool": after.tool,
            "arguments_hash": after.arguments_hash,
            "status": after.status.as_str(),
            "quorum": after.quorum,
            "decisions": after.decisions,
        }));
        self.audit.write(tx, authorised, entry).await?;
        if after.is_pending() {
            return store::touch(tx, after).await;
        }
        if !store::end(tx, after).await? {
            let status = ApprovalStatus::Expired;
            return Err(Error::ApprovalDecided { status });
        }
        self.tell_what_became_of(tx, after).await
    }

    async fn tell_what_became_of(&self, tx: &mut Tx, after: &Approval) -> Result<(), Error> {
        let notice = notices::decided(after);
        self.channels.announce(tx, after.tenant, &notice).await
    }

    /// Ends all that nobody decided in time, in all tenants; says how many. Each server may do so:
    /// every one is ended once.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn expire_due(&self) -> Result<u64, Error> {
        let now = self.environment.now();
        let mut expired = 0;
        for (tenant, id) in store::due(&self.db, now, MOST_IN_A_ROUND).await? {
            let mut tx = self.db.begin().await?;
            let found = store::lock(&mut tx, tenant, id).await?;
            let Some(found) = found.filter(Approval::is_pending) else {
                continue;
            };
            if self.run_out(&mut tx, found).await? {
                tx.commit().await?;
                self.waiting.wake(id);
                self.channels.wake();
                expired += 1;
            }
        }
        Ok(expired)
    }

    /// Ends one that waits and whose lock is held; false if it does so no more.
    pub(super) async fn run_out(&self, tx: &mut Tx, before: Approval) -> Result<bool, Error> {
        let now = self.environment.now();
        let after = Approval {
            status: ApprovalStatus::Expired,
            updated_at: now,
            decided_at: Some(now),
            ..before
        };
        if !store::end(tx, &after).await? {
            return Ok(false);
        }
        let entry = about("approval.expire", &after).parameters(&json!({
            "tool": after.tool,
            "arguments_hash": after.arguments_hash,
            "approvers": after.approvers,
            "quorum": after.quorum,
            "decisions": after.decisions,
        }));
        self.write(tx, &after, entry).await?;
        self.tell_what_became_of(tx, &after).await?;
        Ok(true)
    }

    /// Forgets links and signed answers that are good no more by their age.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn tidy(&self) -> Result<(), Error> {
        store::tidy(&self.db, self.environment.now()).await
    }
}
