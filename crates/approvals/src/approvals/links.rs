//! Letters with a link by which one person decides about one approval.
//!
//! The token in the link is 256 random bits, of which only the digest is kept. Opening the link
//! decides nothing, since scanners of mail open every link there is: the page that it shows asks,
//! and only what the page sends decides, once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iron_primitives::{ApprovalId, Secret, TenantId, Timestamp, TokenDigest, UserId};
use iron_store::{Tx, sql};

use super::model::Person;
use super::{Approval, Approvals};
use crate::{Error, Notice, Topic};

/// So many people get letters.
const MOST_LETTERS: usize = 20;

/// What a link opens.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The approval as it stands.
    pub approval: Approval,
    /// Whom the letter went to.
    pub user: UserId,
    /// What is spent by deciding.
    pub digest: TokenDigest,
}

impl Approvals {
    /// What the link with this token opens.
    ///
    /// # Errors
    /// [`Error::DeadLink`] if it is for another approval, was used, or its time is over.
    pub async fn open_link(&self, id: ApprovalId, token: &str) -> Result<Letter, Error> {
        let digest = TokenDigest::of(token);
        let now = self.environment.now();
        let row = sql("SELECT tenant_id, user_id FROM approval_links
             WHERE digest = $1 AND approval_id = $2 AND used_at IS NULL AND expires_at > $3")
        .bind(digest)
        .bind(id)
        .bind(now)
        .fetch_optional(&self.db)
        .await?
        .ok_or(Error::DeadLink)?;
        let tenant: TenantId = row.get("tenant_id")?;
        Ok(Letter {
            approval: self.find(tenant, id).await?,
            user: row.get("user_id")?,
            digest,
        })
    }

    /// Writes to each of these people, as far as they may decide and the tenant has a channel for
    /// mail that tells of approvals.
    pub(super) async fn send_letters(
        &self,
        tx: &mut Tx,
        approval: &Approval,
        notice: &Notice,
        people: Vec<Person>,
    ) -> Result<(), Error> {
        let may = people
            .into_iter()
            .filter(|person| !approval.forbid_own || person.user != approval.owner);
        for person in may.take(MOST_LETTERS) {
            let token = URL_SAFE_NO_PAD.encode(self.environment.random::<32>());
            let (url, id) = (&self.public_url, approval.id);
            let link = Secret::new(format!("{url}/api/v1/approvals/{id}/link?token={token}"));
            let topic = Topic::ApprovalRequested;
            let sent = self
                .channels
                .confide_about(tx, (approval.tenant, topic), &person.email, notice, &link)
                .await?;
            if !sent {
                return Ok(());
            }
            keep(tx, approval, person.user, &TokenDigest::of(&token)).await?;
        }
        Ok(())
    }
}

async fn keep(
    tx: &mut Tx,
    approval: &Approval,
    user: UserId,
    digest: &TokenDigest,
) -> Result<(), Error> {
    sql(
        "INSERT INTO approval_links (tenant_id, digest, approval_id, user_id, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(approval.tenant)
    .bind(digest)
    .bind(approval.id)
    .bind(user)
    .bind(approval.expires_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Spends a link, in the transaction of what its owner says.
pub(super) async fn spend(
    tx: &mut Tx,
    (digest, approval): (TokenDigest, ApprovalId),
    user: UserId,
    now: Timestamp,
) -> Result<(), Error> {
    let spent = sql("UPDATE approval_links SET used_at = $4
         WHERE digest = $1 AND approval_id = $2 AND user_id = $3 AND used_at IS NULL
             AND expires_at > $4")
    .bind(digest)
    .bind(approval)
    .bind(user)
    .bind(now)
    .execute(tx)
    .await?;
    if spent == 0 {
        return Err(Error::DeadLink);
    }
    Ok(())
}
