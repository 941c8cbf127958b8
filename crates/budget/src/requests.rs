//! Requests for a higher budget: who asks, who decides, and what comes of it.
//!
//! A request is `pending` until it is approved, denied or cancelled, and then never changes
//! again. Of two who decide at once the second is told what the first has made of it. An approval
//! sets the budget, writes its history and ends the request in one transaction, by the same way
//! by which a budget is set without a request.
//!
//! Locks: agents come before requests, requests before budgets.

mod model;
pub(crate) mod store;

use iron_audit::{Authorised, Entry};
use iron_primitives::{BudgetRequestId, Money, Scope};
use iron_store::{Page, Paged, Sort, Tx};
use serde::Serialize;

pub use model::{
    Approval, Approved, BudgetRequest, Decision, NewRequest, RequestFilter, RequestStatus,
    RequestsOf,
};

use crate::Error;
use crate::limits::{Limits, in_range};
use crate::model::SetBudget;

/// The budget requests of all tenants.
#[derive(Debug, Clone)]
pub struct Requests {
    limits: Limits,
}

/// A request in an audit entry.
#[derive(Serialize)]
struct Noted {
    status: RequestStatus,
    requested_budget: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_budget: Option<String>,
}

impl Noted {
    fn of(request: &BudgetRequest) -> Self {
        Noted {
            status: request.status,
            requested_budget: request.requested_budget.to_string(),
            approved_budget: request.approved_budget.map(|budget| budget.to_string()),
        }
    }
}

impl Requests {
    /// The requests about the budgets of a ledger.
    pub const fn new(limits: Limits) -> Self {
        Requests { limits }
    }

    /// Asks for a higher budget. An agent may have several pending requests.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the agent has no budget in the caller's tenant;
    /// [`Error::NotAboveBudget`]; [`Error::LimitOutOfRange`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewRequest,
    ) -> Result<BudgetRequest, Error> {
        let scope = Scope::Agent(new.agent);
        let (limit, _) = self.limits.hold(tx, authorised, scope).await?;
        let current_budget = above(new.requested_budget, limit, "requested_budget")?;
        let environment = &self.limits.ledger.environment;
        let request = BudgetRequest {
            id: environment.new_id(),
            agent: new.agent,
            agent_name: new.agent_name,
            requester: authorised.user,
            current_budget,
            requested_budget: new.requested_budget,
            justification: new.justification,
            status: RequestStatus::Pending,
            created_at: environment.now(),
            decided_at: None,
            decided_by: None,
            reason: None,
            notes: None,
            approved_budget: None,
        };
        store::insert(tx, authorised.tenant, &request).await?;
        let entry = about("budget_request.create", &request)
            .parameters(&serde_json::json!({ "justification": request.justification }))
            .changes(None::<&Noted>, Some(&Noted::of(&request)))
            .status(201);
        self.limits
            .ledger
            .audit
            .write(tx, authorised, entry)
            .await?;
        Ok(request)
    }

    /// A page of the requests within the caller's reach.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &RequestFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<BudgetRequest>, Error> {
        store::list(self.limits.db(), authorised, filter, sort, page).await
    }

    /// One request.
    ///
    /// # Errors
    /// [`Error::NoRequest`] if the tenant has no such request; [`Error::RequestOutOfReach`].
    pub async fn get(
        &self,
        authorised: &Authorised,
        id: BudgetRequestId,
    ) -> Result<BudgetRequest, Error> {
        let found = store::find(self.limits.db(), authorised.tenant, id).await?;
        within_reach(authorised, id, found)
    }

    /// One request, held until the end of the transaction: what is read here is what will be
    /// decided, whoever else wants to decide it. Whoever holds its agent too holds that first.
    ///
    /// # Errors
    /// As [`Requests::get`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: BudgetRequestId,
    ) -> Result<BudgetRequest, Error> {
        let found = store::lock(tx, authorised.tenant, id).await?;
        within_reach(authorised, id, found)
    }

    /// Approves a request: its end, the new budget and the history of that in one transaction.
    /// Tell the runtimes by `Change::Budget` after the commit. The status of the budget that
    /// comes back has no holds in it.
    ///
    /// # Errors
    /// [`Error::RequestDecided`]; [`Error::NotAboveBudget`] if the budget has grown meanwhile;
    /// [`Error::LimitOutOfRange`]; as [`Requests::get`].
    pub async fn approve(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: BudgetRequestId,
        approval: Approval,
    ) -> Result<Approved, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut after = self.decided(authorised, &before, Decision::Approve)?;
        let scope = Scope::Agent(before.agent);
        let (limit, _) = self.limits.hold(tx, authorised, scope).await?;
        let budget = approval.budget.unwrap_or(before.requested_budget);
        above(budget, limit, "approved_budget")?;
        let set = SetBudget {
            limit: Some(Some(budget)),
            reason: Some(before.justification.clone()),
            budget_request: Some(id),
            ..SetBudget::default()
        };
        let changed = self.limits.put_in(tx, authorised, scope, &set).await?;
        after.approved_budget = Some(budget);
        after.notes = approval.notes;
        self.save(tx, authorised, Decision::Approve, &before, &after)
            .await?;
        Ok(Approved {
            request: after,
            changed,
        })
    }

    /// Denies a request.
    ///
    /// # Errors
    /// [`Error::RequestDecided`]; as [`Requests::get`].
    pub async fn deny(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: BudgetRequestId,
        reason: String,
    ) -> Result<BudgetRequest, Error> {
        self.end(tx, authorised, id, Decision::Deny, Some(reason))
            .await
    }

    /// Takes a request back.
    ///
    /// # Errors
    /// [`Error::RequestDecided`]; as [`Requests::get`].
    pub async fn cancel(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: BudgetRequestId,
    ) -> Result<BudgetRequest, Error> {
        self.end(tx, authorised, id, Decision::Cancel, None).await
    }

    /// Cancels every pending request of somebody or something that is being deleted; says how
    /// many there were.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn cancel_of(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        of: RequestsOf,
    ) -> Result<u64, Error> {
        let mut count = 0_u64;
        for id in store::pending_of(tx, authorised.tenant, of).await? {
            // Read again behind the lock: it may have been decided before it was held. Whoever may
            // delete the one may cancel the other, so nobody's reach is asked for.
            let Some(before) = store::lock(tx, authorised.tenant, id).await? else {
                continue;
            };
            let Ok(mut after) = self.decided(authorised, &before, Decision::Cancel) else {
                continue;
            };
            after.reason = Some(of.reason().to_owned());
            self.save(tx, authorised, Decision::Cancel, &before, &after)
                .await?;
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    async fn end(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: BudgetRequestId,
        decision: Decision,
        reason: Option<String>,
    ) -> Result<BudgetRequest, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut after = self.decided(authorised, &before, decision)?;
        after.reason = reason;
        self.save(tx, authorised, decision, &before, &after).await?;
        Ok(after)
    }

    fn decided(
        &self,
        authorised: &Authorised,
        before: &BudgetRequest,
        decision: Decision,
    ) -> Result<BudgetRequest, Error> {
        let status = before.status;
        let status = decision
            .outcome(status)
            .ok_or(Error::RequestDecided { status })?;
        Ok(BudgetRequest {
            status,
            decided_at: Some(self.limits.ledger.environment.now()),
            decided_by: Some(authorised.user),
            ..before.clone()
        })
    }

    /// Writes a decision and its entry.
    async fn save(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        decision: Decision,
        before: &BudgetRequest,
        after: &BudgetRequest,
    ) -> Result<(), Error> {
        if !store::decide(tx, authorised.tenant, after).await? {
            let now = self.hold(tx, authorised, after.id).await?;
            return Err(Error::RequestDecided { status: now.status });
        }
        let entry = about(decision.action(), after)
            .parameters(&serde_json::json!({ "reason": after.reason, "notes": after.notes }))
            .changes(Some(&Noted::of(before)), Some(&Noted::of(after)));
        self.limits
            .ledger
            .audit
            .write(tx, authorised, entry)
            .await?;
        Ok(())
    }
}

/// Holds an amount against the limit now; gives that limit.
fn above(amount: Money, limit: Option<Money>, field: &'static str) -> Result<Money, Error> {
    in_range(amount)?;
    match limit {
        Some(now) if amount > now => Ok(now),
        now => Err(Error::NotAboveBudget { field, now }),
    }
}

fn within_reach(
    authorised: &Authorised,
    id: BudgetRequestId,
    found: Option<BudgetRequest>,
) -> Result<BudgetRequest, Error> {
    let request = found.ok_or(Error::NoRequest { id })?;
    if authorised.reaches(request.requester, None) {
        Ok(request)
    } else {
        Err(Error::RequestOutOfReach { id })
    }
}

fn about(action: &'static str, request: &BudgetRequest) -> Entry {
    Entry::new(action, "budget_request")
        .resource(request.id)
        .agent(request.agent)
        .subject(request.requester)
}
