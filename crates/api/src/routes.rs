//! Every route of the control plane, by resource.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::handlers::{
    access, agents, analytics, approvals, audit, auth, billing, budget, budget_events,
    budget_requests, configuration, guardrails, invitations, leases, limits, models, notifications,
    policies, pools, projects, providers, quotas, reconciliations, runtimes, settings, system,
    teams, tenants, tokens, tools, users,
};
use crate::state::Api;

/// All routes with their documents.
pub(crate) fn all() -> OpenApiRouter<Api> {
    let versioned = OpenApiRouter::new()
        .merge(system_routes())
        .merge(documents())
        .merge(people())
        .merge(team_routes())
        .merge(agents_and_projects())
        .merge(catalog())
        .merge(tokens())
        .merge(money())
        .merge(settings_routes())
        .merge(far())
        .merge(protocol())
        .merge(records())
        .merge(forecasts())
        .merge(channels())
        .merge(guardrail_routes())
        .merge(approval_routes())
        .merge(tool_routes())
        .merge(access_routes());
    OpenApiRouter::new()
        .nest("/api/v1", versioned)
        .nest("/api", system_routes().merge(protocol()))
        .routes(routes!(system::get_metrics))
}

fn system_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(system::get_health))
        .routes(routes!(system::get_live))
        .routes(routes!(system::get_ready))
        .routes(routes!(system::get_version))
}

fn documents() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(system::get_openapi))
        .routes(routes!(system::get_openapi_3_0))
        .routes(routes!(system::get_docs))
}

fn people() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::validate))
        .routes(routes!(auth::get_session))
        .routes(routes!(auth::list_sessions))
        .routes(routes!(auth::end_session))
        .routes(routes!(auth::change_password))
        .routes(routes!(users::create_user, users::list_users))
        .routes(routes!(users::get_me, users::update_me))
        .routes(routes!(
            users::get_user,
            users::update_user,
            users::delete_user
        ))
        .routes(routes!(users::get_user_permissions))
        .routes(routes!(users::set_user_role))
        .routes(routes!(users::suspend_user))
        .routes(routes!(users::activate_user))
        .routes(routes!(users::reset_user_password))
        .routes(routes!(invitations::invite_user))
        .routes(routes!(invitations::cancel_invitation))
        .routes(routes!(invitations::accept_invitation))
        .routes(routes!(invitations::invite_tenant_admin))
        .routes(routes!(tenants::create_tenant, tenants::list_tenants))
        .routes(routes!(
            tenants::get_tenant,
            tenants::update_tenant,
            tenants::delete_tenant
        ))
        .routes(routes!(billing::get_tenant_billing))
        .routes(routes!(tenants::suspend_tenant))
        .routes(routes!(tenants::activate_tenant))
}

fn team_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(teams::create_team, teams::list_teams))
        .routes(routes!(
            teams::get_team,
            teams::update_team,
            teams::delete_team
        ))
        .routes(routes!(
            teams::members::put_team_member,
            teams::members::remove_team_member
        ))
        .routes(routes!(teams::transfer_team_budget))
        .routes(routes!(teams::report::get_team_report))
        .routes(routes!(limits::get_team_budget, limits::set_team_budget))
}

fn agents_and_projects() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(projects::create_project, projects::list_projects))
        .routes(routes!(
            projects::get_project,
            projects::update_project,
            projects::delete_project
        ))
        .routes(routes!(agents::create::create_agent, agents::list_agents))
        .routes(routes!(
            agents::get_agent,
            agents::update_agent,
            agents::delete_agent
        ))
        .routes(routes!(agents::get_agent_status))
        .routes(routes!(agents::get_agent_health))
        .routes(routes!(agents::lifecycle::start_agent))
        .routes(routes!(agents::lifecycle::pause_agent))
        .routes(routes!(agents::lifecycle::resume_agent))
        .routes(routes!(agents::lifecycle::stop_agent))
        .routes(routes!(agents::lifecycle::kill_agent))
        .routes(routes!(agents::lifecycle::restart_agent))
        .routes(routes!(
            agents::providers::get_agent_providers,
            agents::providers::assign_agent_providers
        ))
        .routes(routes!(agents::providers::remove_agent_provider))
}

fn catalog() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(
            providers::create_provider,
            providers::list_providers
        ))
        .routes(routes!(
            providers::get_provider,
            providers::update_provider,
            providers::delete_provider
        ))
        .routes(routes!(providers::get_provider_deletion_impact))
        .routes(routes!(providers::list_provider_agents))
        .routes(routes!(providers::test_provider))
        .routes(routes!(providers::health::get_provider_health))
        .routes(routes!(models::list_models))
        .routes(routes!(models::import_prices))
        .routes(routes!(models::get_model_price, models::set_model_price))
}

fn tokens() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(tokens::create_token, tokens::list_tokens))
        .routes(routes!(tokens::get_token, tokens::delete_token))
        .routes(routes!(tokens::rotate_token))
        .routes(routes!(tokens::create_api_token, tokens::list_api_tokens))
        .routes(routes!(tokens::list_my_api_tokens))
        .routes(routes!(tokens::get_api_token, tokens::revoke_api_token))
}

fn money() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(limits::get_agent_budget, limits::set_agent_budget))
        .routes(routes!(limits::get_agent_budget_history))
        .routes(routes!(quotas::get_agent_quotas, quotas::set_agent_quotas))
        .routes(routes!(budget_events::list_budget_events))
        .routes(routes!(limits::get_user_budget, limits::set_user_budget))
        .routes(routes!(
            limits::get_project_budget,
            limits::set_project_budget
        ))
        .routes(routes!(pools::create_pool, pools::list_pools))
        .routes(routes!(
            pools::get_pool,
            pools::update_pool,
            pools::delete_pool
        ))
        .routes(routes!(
            budget_requests::create_budget_request,
            budget_requests::list_budget_requests
        ))
        .routes(routes!(budget_requests::list_my_budget_requests))
        .routes(routes!(
            budget_requests::get_budget_request,
            budget_requests::cancel_budget_request
        ))
        .routes(routes!(budget_requests::approve_budget_request))
        .routes(routes!(budget_requests::deny_budget_request))
        .routes(routes!(leases::list_leases))
        .routes(routes!(leases::revoke_lease))
        .routes(routes!(leases::reconcile_lease))
}

fn settings_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(
            settings::get_own_settings,
            settings::change_own_settings,
            settings::reset_own_settings
        ))
        .routes(routes!(
            settings::get_project_settings,
            settings::change_project_settings
        ))
        .routes(routes!(
            settings::get_team_settings,
            settings::change_team_settings
        ))
        .routes(routes!(
            settings::get_tenant_settings,
            settings::change_tenant_settings
        ))
        .routes(routes!(
            settings::get_system_settings,
            settings::change_system_settings
        ))
        .routes(routes!(
            configuration::get_config,
            configuration::put_config
        ))
        .routes(routes!(configuration::validate_config))
        .routes(routes!(configuration::list_config_versions))
        .routes(routes!(configuration::rollback_config))
}

fn far() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(runtimes::create_runtime, runtimes::list_runtimes))
        .routes(routes!(runtimes::get_runtime, runtimes::update_runtime))
        .routes(routes!(runtimes::rotate_runtime_key))
        .routes(routes!(runtimes::revoke_runtime))
        .routes(routes!(runtimes::money::enroll_runtime))
        .routes(routes!(runtimes::money::exchange_leases))
        .routes(routes!(runtimes::ask::identify_bearer))
        .routes(routes!(runtimes::ask::ask_ended))
        .routes(routes!(runtimes::ask::ask_credential))
        .routes(routes!(runtimes::ask::ask_tool_secret))
        .routes(routes!(runtimes::ask::ask_subject_key))
        .routes(routes!(runtimes::ask::ask_prices))
        .routes(routes!(runtimes::ask::book_calls))
        .routes(routes!(runtimes::records::ship_records))
}

/// What runtimes that are not ours say; their paths without a version are the older ones.
fn protocol() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(budget::budget_handshake))
        .routes(routes!(budget::budget_report))
        .routes(routes!(budget::budget_refresh))
        .routes(routes!(budget::budget_return))
}

fn records() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(audit::list_audit_logs))
        .routes(routes!(audit::list_my_audit_logs))
        .routes(routes!(audit::export::export_audit_logs))
        .routes(routes!(audit::verify_audit_logs))
        .routes(routes!(audit::get_audit_log))
}

fn forecasts() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(analytics::get_projection))
        .routes(routes!(analytics::list_anomalies))
        .routes(routes!(analytics::list_token_totals))
        .routes(routes!(analytics::what_if))
        .routes(routes!(analytics::reports::get_spending))
        .routes(routes!(analytics::reports::get_usage))
        .routes(routes!(analytics::reports::get_requests))
        .routes(routes!(analytics::reports::get_errors))
        .routes(routes!(analytics::tops::get_top_agents))
        .routes(routes!(analytics::tops::get_top_users))
        .routes(routes!(analytics::tops::get_provider_breakdown))
        .routes(routes!(analytics::trends::get_trends))
        .routes(routes!(analytics::trends::get_budget_utilization))
        .routes(routes!(analytics::export::export_analytics))
        .routes(routes!(
            reconciliations::reconcile_invoice,
            reconciliations::list_reconciliations
        ))
        .routes(routes!(reconciliations::get_reconciliation))
}

fn channels() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(
            notifications::create_notification_channel,
            notifications::list_notification_channels
        ))
        .routes(routes!(
            notifications::get_notification_channel,
            notifications::update_notification_channel,
            notifications::delete_notification_channel
        ))
        .routes(routes!(notifications::test_notification_channel))
        .routes(routes!(notifications::rotate_notification_secret))
        .routes(routes!(notifications::list_notification_deliveries))
        .routes(routes!(notifications::retry_notification_delivery))
}

fn guardrail_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(
            guardrails::create_guardrail_profile,
            guardrails::list_guardrail_profiles
        ))
        .routes(routes!(
            guardrails::get_guardrail_profile,
            guardrails::update_guardrail_profile,
            guardrails::delete_guardrail_profile
        ))
        .routes(routes!(guardrails::list_guardrail_profile_versions))
        .routes(routes!(guardrails::get_guardrail_profile_version))
        .routes(routes!(guardrails::check::check_guardrails))
        .routes(routes!(guardrails::violations::list_violations))
}

fn approval_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(approvals::list_approvals))
        .routes(routes!(approvals::get_approval))
        .routes(routes!(approvals::approve_approval))
        .routes(routes!(approvals::deny_approval))
        .routes(routes!(approvals::answers::answer_approval))
        .routes(routes!(approvals::answers::answer_from_slack))
        .routes(routes!(
            approvals::link::open_approval_link,
            approvals::link::decide_by_link
        ))
}

fn tool_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(tools::create_tool, tools::list_tools))
        .routes(routes!(tools::calls::list_tool_calls))
        .routes(routes!(
            tools::get_tool,
            tools::update_tool,
            tools::delete_tool
        ))
        .routes(routes!(policies::create_policy, policies::list_policies))
        .routes(routes!(policies::list_built_in_policies))
        .routes(routes!(policies::switch_built_in_policy))
        .routes(routes!(
            policies::get_policy,
            policies::update_policy,
            policies::delete_policy
        ))
        .routes(routes!(policies::list_policy_versions))
        .routes(routes!(policies::diff_policy))
        .routes(routes!(policies::rollback_policy))
        .routes(routes!(policies::simulate::simulate_policies))
}

fn access_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(
            access::create_access_request,
            access::list_access_requests
        ))
        .routes(routes!(access::list_my_access_requests))
        .routes(routes!(access::list_access_teams))
        .routes(routes!(access::decide_access_requests))
        .routes(routes!(access::get_access_request))
        .routes(routes!(access::approve_access_request))
        .routes(routes!(access::deny_access_request))
        .routes(routes!(access::keys::claim_access))
        .routes(routes!(access::keys::renew_access))
        .routes(routes!(access::keys::revoke_access))
}
