//! The verbs of people and what they belong to: users, tenants, projects.

use clap::builder::TypedValueParser;
use clap::{Args, Subcommand};
use iron_sdk::billing::BillGroup;
use iron_sdk::tenants::Plan;
use iron_sdk::users::Role;

use super::{Paging, one_of};

fn roles() -> impl TypedValueParser<Value = Role> {
    one_of(Role::ALL, Role::as_str)
}

fn plans() -> impl TypedValueParser<Value = Plan> {
    one_of(Plan::ALL, Plan::as_str)
}

/// `iron users`.
#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// List users
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name or address contains this
        #[arg(long)]
        search: Option<String>,
        /// Only this role; or several, comma-separated
        #[arg(long)]
        role: Option<String>,
        /// Only this status: invited, active, suspended or deleted; or several, comma-separated
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one user
    Get {
        /// The user, by id or address
        user: String,
    },
    /// Show yourself, or change your name
    Me {
        /// Your new name
        #[arg(long)]
        name: Option<String>,
    },
    /// Create a user; without a password the user is invited
    #[command(after_help = "\
Examples:
  iron users create --email ada@example.com --name Ada --role operator
  printf %s \"$PASSWORD\" | iron users create --email ada@example.com --name Ada --password-stdin")]
    Create {
        /// The address, unique in the tenant
        #[arg(long)]
        email: String,
        /// The name
        #[arg(long)]
        name: String,
        /// What the user may do [default: developer]
        #[arg(long, value_parser = roles())]
        role: Option<Role>,
        /// Read a password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Invite a user who has no password yet, anew
    #[command(after_help = "\
Whoever is new is invited by `iron users create --email ADDRESS --name NAME`.")]
    Invite {
        /// The user, by id or address
        user: String,
    },
    /// Take an invitation back
    CancelInvitation {
        /// The user, by id or address
        user: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Accept an invitation: set your password and sign in (asks, or reads the token and the
    /// password from standard input, one a line)
    Accept {
        /// Read the token and the new password from standard input
        #[arg(long)]
        stdin: bool,
    },
    /// Change a user
    Update {
        /// The user, by id or address
        user: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new address
        #[arg(long)]
        email: Option<String>,
    },
    /// Show what a user may do
    Permissions {
        /// The user, by id or address
        user: String,
    },
    /// Change what a user may do, at once
    SetRole {
        /// The user, by id or address
        user: String,
        /// The new role
        #[arg(value_parser = roles())]
        role: Role,
    },
    /// Suspend a user: sessions and calls of agents end, API tokens are refused
    Suspend {
        /// The user, by id or address
        user: String,
        /// Why; kept in the records
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Let a suspended or locked user in again
    Activate {
        /// The user, by id or address
        user: String,
    },
    /// Set a new password (asks, or reads it from standard input); all sessions end
    ResetPassword {
        /// The user, by id or address
        user: String,
        /// Read the new password from standard input
        #[arg(long)]
        stdin: bool,
        /// The user need not change it at the next login
        #[arg(long)]
        lasting: bool,
    },
    /// Delete a user; the agents get a new owner and keep running
    #[command(visible_alias = "rm")]
    Delete {
        /// The user, by id or address
        user: String,
        /// Who gets the agents, by id or address, if not you
        #[arg(long, value_name = "USER")]
        reassign_to: Option<String>,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// What a tenant may have.
#[derive(Debug, Args)]
pub(crate) struct TenantQuotas {
    /// What all its agents together may spend in a month, in dollars; `none` for no limit
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) monthly_budget: Option<String>,
    /// How many agents it may have; `none` for no limit
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_agents: Option<String>,
    /// How many users it may have; `none` for no limit
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_users: Option<String>,
    /// How many projects it may have; `none` for no limit
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_projects: Option<String>,
    /// How many cores its agents may use where they run here; `none` for no limit
    #[arg(long, value_name = "NUMBER")]
    pub(crate) cpu_cores: Option<String>,
    /// How much memory its agents may use there, in MiB; `none` for no limit
    #[arg(long, value_name = "NUMBER")]
    pub(crate) memory_mb: Option<String>,
}

/// `iron tenants`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// List tenants
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        /// Only this status: active or suspended
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one tenant
    Get {
        /// The tenant, by id or slug
        tenant: String,
    },
    /// Create a tenant and invite its first admin
    Create {
        /// The name
        #[arg(long)]
        name: String,
        /// The short name for logins: 3 to 40 of a-z, 0-9 and -
        #[arg(long)]
        slug: String,
        /// The address of its first admin
        #[arg(long, value_name = "EMAIL")]
        admin_email: String,
        /// What it has subscribed to [default: free]
        #[arg(long, value_parser = plans())]
        plan: Option<Plan>,
        #[command(flatten)]
        quotas: TenantQuotas,
    },
    /// Change a tenant
    Update {
        /// The tenant, by id or slug
        tenant: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new plan
        #[arg(long, value_parser = plans())]
        plan: Option<Plan>,
        #[command(flatten)]
        quotas: TenantQuotas,
    },
    /// Show what a tenant has to pay for in a month, by project or agent and by model
    Billing {
        /// The tenant, by id or slug
        tenant: String,
        /// The month, such as 2026-11 [default: the present one]
        #[arg(long)]
        month: Option<String>,
        /// What an item is about [default: project]
        #[arg(long, value_parser = one_of(BillGroup::ALL, BillGroup::as_str))]
        group_by: Option<BillGroup>,
    },
    /// Invite the first admin of a tenant anew, before anybody there has signed in
    InviteAdmin {
        /// The tenant, by id or slug
        tenant: String,
    },
    /// Suspend a tenant: its users are refused, the calls of its agents end
    Suspend {
        /// The tenant, by id or slug
        tenant: String,
        /// Why; kept in the records
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Let a suspended tenant work again; takes a mark for deletion away
    Activate {
        /// The tenant, by id or slug
        tenant: String,
    },
    /// Mark a suspended tenant for deletion in thirty days
    #[command(
        visible_alias = "rm",
        after_help = "\
Until then `iron tenants activate` takes the mark away. Then everything of the tenant is removed
but the records of the journal, which are the evidence; export before what you want to keep."
    )]
    Delete {
        /// The tenant, by id or slug
        tenant: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron projects`.
#[derive(Debug, Subcommand)]
pub(crate) enum Projects {
    /// List projects
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one project
    Get {
        /// The project, by id or name
        project: String,
    },
    /// Create a project
    Create {
        /// Its name, unique in the tenant
        #[arg(long)]
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Who pays
        #[arg(long)]
        cost_center: Option<String>,
        /// What all its agents together may spend, in dollars
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<String>,
        /// The team that new agents in it belong to, by id or name
        #[arg(long)]
        team: Option<String>,
    },
    /// Change a project
    Update {
        /// The project, by id or name
        project: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        /// The new description
        #[arg(long)]
        description: Option<String>,
        /// Who pays now
        #[arg(long)]
        cost_center: Option<String>,
        /// The team that new agents in it belong to, by id or name; `none` for none
        #[arg(long)]
        team: Option<String>,
    },
    /// Delete a project without agents
    #[command(visible_alias = "rm")]
    Delete {
        /// The project, by id or name
        project: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}
