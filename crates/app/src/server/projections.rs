//! What other features learn from records.

use std::collections::BTreeMap;

use async_trait::async_trait;
use iron_audit::{Item, Projection, ProjectionError};
use iron_budget::Paths;
use iron_identity::Identity;
use iron_primitives::{IcTokenId, TenantId, Timestamp};
use iron_store::Tx;

/// What calls by pass have cost, as far as it was not booked when they ended.
pub(super) struct PassSettlement {
    paths: Paths,
}

impl PassSettlement {
    pub(super) const fn new(paths: Paths) -> Self {
        PassSettlement { paths }
    }
}

#[async_trait]
impl Projection for PassSettlement {
    fn name(&self) -> &'static str {
        "calls by pass"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        for item in items {
            let Some((call, costs)) = item.paid_by_pass() else {
                continue;
            };
            let tenant = item.record.stream.tenant;
            match self.paths.settle_within(tx, tenant, call, &costs).await {
                Ok(()) => {}
                Err(iron_budget::Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    return Err(ProjectionError::Malformed {
                        detail: error.to_string(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// When each token was last used.
pub(super) struct LastUse {
    identity: Identity,
}

impl LastUse {
    pub(super) const fn new(identity: Identity) -> Self {
        LastUse { identity }
    }
}

#[async_trait]
impl Projection for LastUse {
    fn name(&self) -> &'static str {
        "last use of tokens"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        // Records of other kinds name no token, and are none of our business.
        let mut newest: BTreeMap<(TenantId, IcTokenId), i64> = BTreeMap::new();
        for item in items {
            if let Some((token, ended_at_us)) = item.token_used() {
                let at = newest
                    .entry((item.record.stream.tenant, token))
                    .or_default();
                *at = ended_at_us.max(*at);
            }
        }
        for ((tenant, token), at) in newest {
            let at = Timestamp::from_micros(at);
            match self
                .identity
                .ic_token_used(&mut *tx, tenant, token, at)
                .await
            {
                Ok(()) => {}
                Err(iron_identity::Error::Store(error)) => return Err(error.into()),
                Err(error) => {
                    return Err(ProjectionError::Malformed {
                        detail: error.to_string(),
                    });
                }
            }
        }
        Ok(())
    }
}
