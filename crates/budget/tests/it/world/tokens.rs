//! Amounts in several units, and agents whose tokens are counted too.

use super::*;

/// Every agent but the last has a token budget of its own; a token is worth a unit of money.
pub(super) async fn limit(
    db: &Db,
    limits: &Limits,
    authorised: &Authorised,
    paths: &[ActorPath],
    most: i64,
    period: Period,
) -> BTreeMap<Purse, i64> {
    let mut in_force = BTreeMap::new();
    let mut tx = db.begin().await.expect("begins");
    for (path, tokens) in paths.iter().zip([most * 3 / 4, most * 2]).take(2) {
        let set = SetBudget {
            limit: Some(Some(Money::from_nanos(tokens))),
            period: Some(period.clone()),
            ..SetBudget::default()
        };
        limits
            .put_quota_in(&mut tx, authorised, path.agent, Unit::Tokens, &set)
            .await
            .expect("the quota is set");
        in_force.insert((Scope::Agent(path.agent), Unit::Tokens), tokens);
    }
    tx.commit().await.expect("commits");
    in_force
}

/// So many percent of an amount.
pub(super) fn part_of(amount: &Amounts, percent: i64) -> Amounts {
    Amounts {
        money: Money::from_nanos(amount.nanos() / 100 * percent),
        tokens: amount.tokens * percent / 100,
        millis: 0,
    }
}

/// By how much a bill is above what was held for it.
pub(super) fn above(bill: Amounts, held: Amounts) -> Amounts {
    Amounts {
        money: bill.money.minus_or_zero(held.money),
        tokens: (bill.tokens - held.tokens).max(0),
        millis: 0,
    }
}

/// Both together.
pub(super) fn plus(one: Amounts, other: Amounts) -> Amounts {
    Amounts {
        money: one.money.saturating_add(other.money),
        tokens: one.tokens + other.tokens,
        millis: one.millis + other.millis,
    }
}

impl World {
    /// Whether the agent's budget counts tokens.
    pub(super) fn counts_tokens(&self, path: &ActorPath) -> bool {
        let purse = (Scope::Agent(path.agent), Unit::Tokens);
        self.in_force.contains_key(&purse)
    }

    /// A token quota is set, and the runtime is told at once.
    pub(crate) async fn set_tokens(&mut self, agent: usize, tokens: i64) {
        let agent = self.paths[agent % 2].agent;
        let set = SetBudget {
            limit: Some(Some(Money::from_nanos(tokens))),
            ..SetBudget::default()
        };
        let mut tx = self.shared.db().begin().await.expect("begins");
        self.limits
            .put_quota_in(&mut tx, &self.authorised, agent, Unit::Tokens, &set)
            .await
            .expect("the quota is set");
        tx.commit().await.expect("commits");
        let purse = (Scope::Agent(agent), Unit::Tokens);
        self.in_force.insert(purse, tokens);
        self.limit_was_set(purse);
    }

    /// The state of every budget there is.
    pub(crate) async fn statuses(&self) -> Vec<BudgetStatus> {
        let mut all = Vec::new();
        for scope in self.scopes() {
            all.push(self.status(scope).await);
            if let Scope::Agent(agent) = scope {
                let quotas = self.limits.quotas(&self.authorised, agent).await;
                all.extend(quotas.expect("they are read"));
            }
        }
        all
    }
}
