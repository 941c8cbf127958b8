//! Approvals of tool calls: who is asked, who decides, and what becomes of the call.
//!
//! `pending → approved | denied | expired`, and an approved one is spent once. Every step is a
//! conditional update behind the lock of the approval, so that of all who decide, redeem or expire
//! it at once each finds what the others have made of it. What an approval is for is told by the
//! hash of the arguments: the masked ones that people see are not enough to tell two calls apart.
//!
//! The three steps of a call that waits are [`Approvals::request`], [`Approvals::wait`] and
//! [`Approvals::redeem`]; what people do is in `deciding`, what they send signed in `callbacks`,
//! and the links of letters in `links`.

mod callbacks;
mod deciding;
mod links;
mod model;
mod notices;
mod store;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iron_audit::{Audit, Authorised, Entry, Origin, Removal, Role, masked};
use iron_primitives::{ApprovalId, Environment, TenantId};
use iron_store::{Db, Page, Paged, Sort, Tx};
use serde_json::json;

use crate::{Channels, Error};
pub use callbacks::{Heard, SignedAnswer};
pub use links::Letter;
pub use model::{
    Approval, ApprovalFilter, ApprovalStatus, Approver, Decision, Grant, NewApproval, Person,
    Redemption, RiskLevel, Ruling, UnknownApprover, Verdict, Way,
};
use waiting::Waiting;

/// The most bytes of arguments that people can be asked to look at.
const MOST_ARGUMENTS: usize = 256 * 1024;
const MOST_QUORUM: u32 = 20;
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Against somebody else who asks for the same call at the same time.
const TRIES: u32 = 4;

/// What a tenant has set about approvals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long an approval waits.
    pub timeout: Duration,
    /// How long the leave is good once it is given.
    pub grant: Duration,
    /// Whether owners may not decide for their own agents.
    pub forbid_own: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            timeout: Duration::from_secs(300),
            grant: Duration::from_secs(3_600),
            forbid_own: false,
        }
    }
}

/// What tenants have set, as it is now.
pub type TermsOf = Arc<dyn Fn(TenantId) -> Terms + Send + Sync>;

/// The directory of people could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the directory of people could not be read")]
pub struct PeopleFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The directory of people.
#[async_trait]
pub trait People: Send + Sync {
    /// The active people of a tenant whom these name, each once.
    async fn named(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        approvers: &[Approver],
    ) -> Result<Vec<Person>, PeopleFailure>;
}

/// What approvals need.
#[derive(Clone)]
pub struct Parts {
    /// By which people are told.
    pub channels: Channels,
    /// Who they are.
    pub people: Arc<dyn People>,
    /// What tenants have set.
    pub terms: TermsOf,
    /// By which people reach this server, without a trailing slash.
    pub public_url: String,
}

/// The approvals of all tenants; a clone shares everything.
#[derive(Clone)]
pub struct Approvals {
    db: Db,
    audit: Audit,
    environment: Environment,
    channels: Channels,
    people: Arc<dyn People>,
    terms: TermsOf,
    public_url: Arc<str>,
    waiting: Waiting,
}

impl Approvals {
    /// The approvals in the database of the channels.
    pub fn new(parts: Parts) -> Self {
        let channels = parts.channels;
        Approvals {
            db: channels.db.clone(),
            audit: channels.audit.clone(),
            environment: channels.environment.clone(),
            people: parts.people,
            terms: parts.terms,
            public_url: parts.public_url.into(),
            waiting: Waiting::default(),
            channels,
        }
    }

    /// Asks people about a call. Where the same call of the agent waits already, and for the same
    /// people, that approval comes back and nobody is told twice.
    ///
    /// # Errors
    /// [`Error::Invalid`]; [`Error::Store`] if the database fails.
    pub async fn request(&self, new: NewApproval) -> Result<Approval, Error> {
        let terms = (self.terms)(new.tenant);
        let mut draft = self.draft(new, &terms)?;
        for _ in 0..TRIES {
            let mut tx = self.db.begin().await?;
            let before = store::waiting(&mut tx, &draft).await?;
            let former = before.as_ref().map(|found| found.id);
            if let Some(found) = before {
                if found.expires_at > draft.created_at && found.asks_as(&draft) {
                    return Ok(found);
                }
                // Its time is over, or the policy asks other people now.
                self.run_out(&mut tx, found).await?;
            }
            if store::insert(&mut tx, &draft).await? {
                self.tell_of(&mut tx, &mut draft).await?;
                let entry = about("approval.request", &draft)
                    .changes(None::<&Approval>, Some(&draft))
                    .status(201);
                self.write(&mut tx, &draft, entry).await?;
                tx.commit().await?;
                self.channels.wake();
                if let Some(former) = former {
                    self.waiting.wake(former);
                }
                return Ok(draft);
            }
        }
        Err(Error::AskedAtOnce)
    }

    fn draft(&self, new: NewApproval, terms: &Terms) -> Result<Approval, Error> {
        check(&new)?;
        let now = self.environment.now();
        let timeout = new.timeout.unwrap_or(terms.timeout);
        Ok(Approval {
            id: self.environment.new_id(),
            tenant: new.tenant,
            agent: new.agent,
            agent_name: new.agent_name,
            owner: new.owner,
            team: new.team,
            tool: new.tool,
            arguments: masked(&new.arguments),
            arguments_hash: new.arguments_hash,
            risk_level: new.risk_level,
            rules: new.rules,
            cost: new.cost,
            conversation: new.conversation,
            execution: new.execution,
            approvers: new.approvers,
            quorum: new.quorum,
            forbid_own: new.forbid_own || terms.forbid_own,
            channels: Vec::new(),
            status: ApprovalStatus::Pending,
            decisions: Vec::new(),
            created_at: now,
            updated_at: now,
            expires_at: now.plus(timeout.clamp(SHORTEST_WAIT, LONGEST_WAIT)),
            decided_at: None,
            grant_expires_at: None,
            redeemed_at: None,
        })
    }

    /// Tells those who may decide, by letters of their own, and everybody whom the channels tell.
    async fn tell_of(&self, tx: &mut Tx, approval: &mut Approval) -> Result<(), Error> {
        let tenant = approval.tenant;
        let owner = [Approver::User(approval.owner)];
        let owner = self.people.named(tx, tenant, &owner).await?.pop();
        let notice = notices::requested(approval, owner.as_ref());
        approval.channels = self.channels.announce_to(tx, tenant, &notice).await?;
        let admins = [Approver::Role(Role::Admin)];
        let asked = match approval.approvers.as_slice() {
            [] => &admins,
            named => named,
        };
        let people = self.people.named(tx, tenant, asked).await?;
        self.send_letters(tx, approval, &notice, people).await?;
        store::told(tx, approval).await
    }

    /// An approval of a tenant as it stands now, for those who wait for it.
    ///
    /// # Errors
    /// [`Error::NoApproval`].
    pub async fn find(&self, tenant: TenantId, id: ApprovalId) -> Result<Approval, Error> {
        let mut tx = self.db.snapshot().await?;
        let found = store::find(&mut tx, tenant, id).await?;
        tx.commit().await?;
        let found = found.ok_or(Error::NoApproval { id })?;
        Ok(found.at(self.environment.now()))
    }

    /// An approval within the caller's reach: by his role, or because a policy names him. `email`
    /// is his address.
    ///
    /// # Errors
    /// [`Error::NoApproval`]; [`Error::ApprovalOutOfReach`].
    pub async fn get(
        &self,
        authorised: &Authorised,
        email: &str,
        id: ApprovalId,
    ) -> Result<Approval, Error> {
        let found = self.find(authorised.tenant, id).await?;
        let person = person_of(authorised, email);
        if authorised.reaches(found.owner, found.team) || found.names(&person) {
            return Ok(found);
        }
        Err(Error::ApprovalOutOfReach { id })
    }

    /// A page of the approvals within the caller's reach, as [`Approvals::get`] sees them.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        email: &str,
        filter: &ApprovalFilter,
        (sort, page): (Sort, Page),
    ) -> Result<Paged<Approval>, Error> {
        let now = self.environment.now();
        let person = person_of(authorised, email);
        let caller = (authorised, &person);
        let found = store::list(&self.db, caller, filter, (sort, page), now).await?;
        found.try_map(|one| Ok(one.at(now)))
    }

    /// The leave for one call that people have given and nobody has taken yet, if there is one.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn granted(&self, wanted: Redemption<'_>) -> Result<Option<Approval>, Error> {
        let mut tx = self.db.snapshot().await?;
        let found = match store::granted(&mut tx, &wanted, self.environment.now()).await? {
            Some(id) => store::find(&mut tx, wanted.tenant, id).await?,
            None => None,
        };
        tx.commit().await?;
        Ok(found)
    }

    /// Takes the leave for one call, if people have given it: of all who ask at once, one gets it.
    /// Changed arguments have another hash and find nothing.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn redeem(&self, wanted: Redemption<'_>) -> Result<Option<Grant>, Error> {
        let now = self.environment.now();
        let mut tx = self.db.begin().await?;
        while let Some(id) = store::granted(&mut tx, &wanted, now).await? {
            if !store::spend(&mut tx, (wanted.tenant, id), now).await? {
                continue;
            }
            let spent = store::find(&mut tx, wanted.tenant, id).await?;
            let spent = spent.ok_or(Error::NoApproval { id })?;
            let by = spent.approved_by();
            let grant = Grant {
                approval: id,
                approved_by: by.map(|one| (one.user, one.decided_at)).collect(),
            };
            let entry = about("approval.redeem", &spent)
                .parameters(&json!({ "approved_by": spent.approved_by().collect::<Vec<_>>() }));
            self.write(&mut tx, &spent, entry).await?;
            tx.commit().await?;
            return Ok(Some(grant));
        }
        Ok(None)
    }

    /// Removes the approvals of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    /// Writes an entry about what nobody with a credential has done.
    async fn write(&self, tx: &mut Tx, approval: &Approval, entry: Entry) -> Result<(), Error> {
        let origin = Origin {
            tenant: approval.tenant,
            user: None,
            request: None,
        };
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }
}

fn check(new: &NewApproval) -> Result<(), Error> {
    let invalid = |field, problem| Err(Error::Invalid { field, problem });
    if new.tool.is_empty() || new.tool.len() > 256 {
        return invalid("tool", "expected 1 to 256 bytes");
    }
    let hash = new.arguments_hash.as_bytes();
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if hash.len() != 64 || !hash.iter().all(is_hex) {
        return invalid(
            "arguments_hash",
            "expected 64 hexadecimal digits, lower case",
        );
    }
    if !(1..=MOST_QUORUM).contains(&new.quorum) {
        return invalid("approval.quorum", "expected 1 to 20");
    }
    if new.arguments.to_string().len() > MOST_ARGUMENTS {
        let problem = "people cannot look at more than 256 KiB; make the call smaller";
        return invalid("arguments", problem);
    }
    Ok(())
}

fn about(action: &'static str, approval: &Approval) -> Entry {
    Entry::new(action, "approval")
        .resource(approval.id)
        .agent(approval.agent)
}

fn person_of(authorised: &Authorised, email: &str) -> Person {
    Person {
        user: authorised.user,
        role: authorised.role,
        email: email.to_owned(),
    }
}

impl std::fmt::Debug for Approvals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Approvals")
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}
