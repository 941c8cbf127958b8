//! People are told of what guardrails find, and of agents whose calls fail. Every server looks, and
//! each alarm is taken by one of them in the transaction that announces it.

use std::time::Duration;

use iron_approvals::Topic;
use iron_audit::{FailingAgent, ViolationAlarm};
use iron_primitives::TenantId;
use iron_settings::ErrorAlarm;

use super::features::Features;
use super::news::{failing, violation};

/// How often it is looked for what was found.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked for agents whose calls fail.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// How many alarms are told in one go.
const AT_ONCE: u32 = 100;
/// After so many looks what was told long ago is forgotten.
const TIDY_AFTER: u32 = 3_600;

/// Tells of both for as long as the server lives.
pub(super) async fn raise_alarms(features: Features) {
    tokio::join!(tell_of_violations(&features), tell_of_failures(&features));
}

/// Tells of findings for as long as the server lives.
async fn tell_of_violations(features: &Features) {
    let mut is_well = true;
    for look in 0_u32.. {
        tokio::time::sleep(LOOK_EVERY).await;
        let outcome = round(features, look % TIDY_AFTER == 0).await;
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
    let mut tx = features.db.begin().await?;
    let taken = features.audit.take_violation_alarm(&mut tx, alarm).await?;
    let Some(alarm) = taken else {
        return Ok(());
    };
    let notice = violation(&alarm, agent.as_ref());
    features
        .channels
        .announce(&mut tx, alarm.tenant, &notice)
        .await?;
    tx.commit().await?;
    features.channels.wake();
    Ok(())
}

/// Tells of agents whose calls fail for as long as the server lives.
async fn tell_of_failures(features: &Features) {
    let mut is_well = true;
    loop {
        tokio::time::sleep(COUNT_EVERY).await;
        let outcome = count_failures(features).await;
        if let Err(error) = &outcome
            && is_well
        {
            tracing::warn!(%error, "failing calls are told when the database answers again");
        }
        is_well = outcome.is_ok();
    }
}

async fn count_failures(features: &Features) -> anyhow::Result<()> {
    let topic = Topic::ErrorThresholdBreached;
    for tenant in features.channels.tenants_told_of(topic).await? {
        let alarm = features.settings.error_alarm(tenant);
        if alarm.count == 0 {
            continue;
        }
        let since = features.environment.now().minus(alarm.within);
        let audit = &features.audit;
        for agent in audit.failing_agents(tenant, since, alarm.count).await? {
            tell_failing(features, tenant, agent, alarm).await?;
        }
    }
    Ok(())
}

async fn tell_failing(
    features: &Features,
    tenant: TenantId,
    failing_agent: FailingAgent,
    alarm: ErrorAlarm,
) -> anyhow::Result<()> {
    let subject = format!("errors/{}", failing_agent.agent);
    let once = (subject.as_str(), alarm.within);
    if features.channels.was_told(tenant, once).await? {
        return Ok(());
    }
    let agent = failing_agent.agent;
    let Some(agent) = features.agents.for_call(tenant, agent).await? else {
        return Ok(());
    };
    let notice = failing(&failing_agent, &agent, alarm.within);
    let mut tx = features.db.begin().await?;
    let channels = &features.channels;
    let is_news = channels
        .announce_at_most_every(&mut tx, tenant, once, &notice)
        .await?;
    tx.commit().await?;
    if is_news {
        channels.wake();
    }
    Ok(())
}
