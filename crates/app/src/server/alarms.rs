//! People are told of what guardrails find. Every server looks, and each alarm is taken by one of them
//! in the transaction that announces it.

use std::time::Duration;

use iron_audit::ViolationAlarm;

use super::features::Features;
use super::news::violation;

/// How often it is looked for what was found.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many alarms are told in one go.
const AT_ONCE: u32 = 100;
/// After so many looks what was told long ago is forgotten.
const TIDY_AFTER: u32 = 3_600;

/// Tells of findings for as long as the server lives.
pub(super) async fn tell_of_violations(features: Features) {
    let mut is_well = true;
    for look in 0_u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        let outcome = round(&features, look % TIDY_AFTER == 0).await;
        if let Err(error) = &outcome
            && is_well
        {
            tracing::warn!(%error, "findings of guardrails are told when the database answers again");
        }
        is_well = outcome.is_ok();
    }
}

async fn round(features: &Features, tidies: bool) -> anyhow::Result<()> {
    if tidies {
        features.audit.tidy_violation_alarms().await?;
    }
    for alarm in features.audit.violation_alarms(AT_ONCE).await? {
        tell(features, &alarm).await?;
    }
    Ok(())
}

async fn tell(features: &Features, alarm: &ViolationAlarm) -> anyhow::Result<()> {
    let agent = features.agents.for_call(alarm.tenant, alarm.agent).await?;
    let name = agent.map_or_else(|| alarm.agent.to_string(), |agent| agent.name);
    let mut tx = features.db.begin().await?;
    if !features.audit.take_violation_alarm(&mut tx, alarm).await? {
        return Ok(());
    }
    let notice = violation(alarm, &name);
    features
        .channels
        .announce(&mut tx, alarm.tenant, &notice)
        .await?;
    tx.commit().await?;
    features.channels.wake();
    Ok(())
}
