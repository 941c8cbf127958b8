//! What of a tenant's tools and policies holds for an agent: [`Sets`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use iron_policy::Policy;
use iron_primitives::{PolicyId, TenantId};
use iron_runtime::authority::{RegisteredTool, RulesVersion, ToolRules};
use iron_store::Db;
use moka::sync::Cache;

use crate::policies::{self, Scope};
use crate::{Error, generation, tools};

/// How many tenants are kept in memory.
const MOST_TENANTS: u64 = 1_000;
/// How long a tenant of whom nobody asks is kept.
const IDLE: Duration = Duration::from_secs(600);

/// What is named for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The names of the tools that it is offered; all if none are said.
    pub tools: Option<Vec<String>>,
    /// The policies that hold for it besides those that hold for all.
    pub policies: Vec<PolicyId>,
}

/// What holds for an agent. Agents for whom the same holds share it.
#[derive(Debug, Clone)]
pub struct Set {
    /// Names what both say.
    pub version: RulesVersion,
    /// The tools, by name.
    pub tools: Arc<[RegisteredTool]>,
    /// The policies: those that are built in, then the others by name.
    pub policies: Arc<[Policy]>,
}

impl Set {
    fn new(tools: Arc<[RegisteredTool]>, policies: Arc<[Policy]>) -> Self {
        Set {
            version: ToolRules::version_of(&tools, &policies),
            tools,
            policies,
        }
    }
}

/// The sets of all tenants; a clone shares everything.
#[derive(Clone)]
pub struct Sets {
    db: Db,
    kept: Cache<TenantId, Arc<House>>,
}

/// A set, for as long as somebody has it.
type Part = (Weak<[RegisteredTool]>, Weak<[Policy]>);

/// What a tenant says, as it was at one count of its changes.
struct House {
    generation: i64,
    /// What holds for agents for which nothing is named.
    whole: Set,
    named: HashMap<PolicyId, Policy>,
    /// What holds for some others, for as long as somebody has it.
    parts: Mutex<HashMap<RulesVersion, Part>>,
}

impl Sets {
    /// The sets in a database.
    pub fn new(db: Db) -> Self {
        let kept = Cache::builder()
            .max_capacity(MOST_TENANTS)
            .time_to_idle(IDLE)
            .build();
        Sets { db, kept }
    }

    /// What holds for an agent. Names and ids that say nothing any more are left out.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Store`].
    pub async fn of(&self, tenant: TenantId, wanted: &Wanted) -> Result<Set, Error> {
        let house = self.house(tenant).await?;
        Ok(match *wanted == Wanted::default() {
            true => house.whole.clone(),
            false => house.part(wanted),
        })
    }

    async fn house(&self, tenant: TenantId) -> Result<Arc<House>, Error> {
        // Read before what it counts: what is written between the two is read again next time.
        let generation = generation::current(&self.db, tenant).await?;
        let kept = self.kept.get(&tenant);
        if let Some(kept) = kept.filter(|kept| kept.generation == generation) {
            return Ok(kept);
        }
        let house = Arc::new(House::read(&self.db, tenant, generation).await?);
        self.kept.insert(tenant, house.clone());
        Ok(house)
    }
}

impl House {
    async fn read(db: &Db, tenant: TenantId, generation: i64) -> Result<House, Error> {
        let tools = tools::store::offered(db, tenant).await?;
        let stored = policies::store::enabled(db, tenant).await?;
        let off = policies::store::off_or_replaced(db, tenant).await?;
        let mut holding = policies::check::built_in();
        holding.retain(|policy| policy.enabled && !off.contains(&policy.name));
        let mut named = HashMap::new();
        for stored in stored {
            match stored.scope {
                Scope::Tenant => holding.push(stored.policy),
                Scope::Named => {
                    named.insert(stored.id, stored.policy);
                }
            }
        }
        let tools = tools.into_iter().map(tools::StoredTool::registered);
        Ok(House {
            generation,
            whole: Set::new(tools.collect(), holding.into()),
            named,
            parts: Mutex::default(),
        })
    }

    fn part(&self, wanted: &Wanted) -> Set {
        let whole = &self.whole;
        let tools = match &wanted.tools {
            None => whole.tools.clone(),
            Some(names) => {
                let offered = |tool: &&RegisteredTool| names.contains(&tool.tool.name);
                whole.tools.iter().filter(offered).cloned().collect()
            }
        };
        let mut more: Vec<&Policy> = wanted
            .policies
            .iter()
            .filter_map(|id| self.named.get(id))
            .collect();
        more.sort_by(|one, other| one.name.cmp(&other.name));
        more.dedup_by(|one, other| one.name == other.name);
        let policies = match more.is_empty() {
            true => whole.policies.clone(),
            false => whole.policies.iter().chain(more).cloned().collect(),
        };
        self.shared(Set::new(tools, policies))
    }

    /// The one of these that somebody has already, if anybody does.
    fn shared(&self, set: Set) -> Set {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((tools, policies)) = parts.get(&set.version)
            && let (Some(tools), Some(policies)) = (tools.upgrade(), policies.upgrade())
        {
            return Set {
                version: set.version,
                tools,
                policies,
            };
        }
        parts
            .retain(|_, (tools, policies)| tools.strong_count() > 0 && policies.strong_count() > 0);
        let weak = (Arc::downgrade(&set.tools), Arc::downgrade(&set.policies));
        parts.insert(set.version, weak);
        set
    }
}

impl std::fmt::Debug for Sets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sets").finish_non_exhaustive()
    }
}
