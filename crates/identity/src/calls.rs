//! How many calls tenants make on a day, in blocks that servers book ahead of need.

use iron_primitives::TenantId;

use crate::{Error, Identity, Plan, TenantStatus, store};

/// A block of calls that is to be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallBlock {
    /// The day, counted from 1970 in UTC.
    pub day: i64,
    /// Calls that were made already, which count whatever the limit says; below zero what was
    /// booked before and is given back.
    pub made: i64,
    /// How many more are wanted.
    pub want: u32,
}

/// What was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookedCalls {
    /// How many of the wanted ones.
    pub granted: u32,
    /// How many all servers have booked for the day.
    pub booked: i64,
}

/// What the governed path asks about a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantStanding {
    /// Whether it is switched off.
    pub suspended: bool,
    /// How many calls its plan allows on a day; no limit if absent.
    pub calls_per_day: Option<u32>,
}

impl Identity {
    /// Whether a tenant is switched off, and how much its plan allows.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Store`].
    pub async fn tenant_standing(&self, id: TenantId) -> Result<TenantStanding, Error> {
        let tenant = store::tenants::get(&self.db, id).await?;
        let tenant = tenant.ok_or_else(|| Error::no("tenant", id))?;
        Ok(TenantStanding {
            suspended: tenant.status == TenantStatus::Suspended,
            calls_per_day: self.calls_per_day(tenant.plan),
        })
    }

    fn calls_per_day(&self, plan: Plan) -> Option<u32> {
        let calls = match plan {
            Plan::Free => self.config.free_calls_per_day,
            Plan::Pro => self.config.pro_calls_per_day,
            Plan::Enterprise => 0,
        };
        Some(calls).filter(|calls| *calls > 0)
    }

    /// Books calls of a tenant's day: what was made in full, what is wanted as far as there is
    /// room. Of several servers that ask at once none is given what another has.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Store`].
    pub async fn book_calls(
        &self,
        tenant: TenantId,
        block: CallBlock,
    ) -> Result<BookedCalls, Error> {
        let allowed = self.tenant_standing(tenant).await?.calls_per_day;
        let mut tx = self.db.begin().await?;
        let booked = store::call_days::add(&mut tx, tenant, block.day, block.made).await?;
        let room = allowed.map_or(i64::MAX, |calls| i64::from(calls).saturating_sub(booked));
        let granted = i64::from(block.want).min(room).max(0);
        let booked = match granted {
            0 => booked,
            more => store::call_days::add(&mut tx, tenant, block.day, more).await?,
        };
        store::call_days::forget_before(&mut tx, tenant, block.day).await?;
        tx.commit().await?;
        Ok(BookedCalls {
            granted: u32::try_from(granted).unwrap_or(0),
            booked,
        })
    }
}
