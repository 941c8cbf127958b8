//! Who may do what: the table of roles and permissions as data.

use iron_audit::Role;

/// How far a role's permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// Not at all.
    Nothing,
    /// What belongs to the user.
    Own,
    /// What belongs to the user's teams; the whole tenant for a user in no team.
    Team,
    /// The whole tenant.
    Tenant,
}

/// The columns of the table below, in the order of [`Role::ALL`].
type Row = [Extent; 5];

macro_rules! permissions {
    ($($name:ident, $word:literal, [$admin:ident $developer:ident $operator:ident $viewer:ident $auditor:ident];)*) => {
        /// One thing that a role may allow.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $(#[doc = concat!("`", $word, "`")] $name,)*
        }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Permission] = &[$(Permission::$name),*];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Permission::$name => $word,)* }
            }

            const fn row(self) -> Row {
                match self {
                    $(Permission::$name => [
                        Extent::$admin, Extent::$developer, Extent::$operator,
                        Extent::$viewer, Extent::$auditor,
                    ],)*
                }
            }
        }
    };
}

permissions! {
    //                                     admin  developer operator viewer auditor
    AgentCreate,      "agent.create",      [Tenant Own     Nothing Nothing Nothing];
    AgentUpdate,      "agent.update",      [Tenant Own     Nothing Nothing Nothing];
    AgentDelete,      "agent.delete",      [Tenant Own     Nothing Nothing Nothing];
    AgentRead,        "agent.read",        [Tenant Own     Team    Team    Nothing];
    AgentExecute,     "agent.execute",     [Tenant Own     Team    Nothing Nothing];
    AgentKill,        "agent.kill",        [Tenant Nothing Team    Nothing Nothing];
    MetricsRead,      "metrics.read",      [Tenant Own     Team    Team    Nothing];
    LogsRead,         "logs.read",         [Tenant Own     Team    Team    Nothing];
    ConfigWrite,      "config.write",      [Tenant Nothing Nothing Nothing Nothing];
    SettingsRead,     "settings.read",     [Tenant Tenant  Tenant  Tenant  Tenant];
    GuardrailRead,    "guardrail.read",    [Tenant Tenant  Tenant  Tenant  Tenant];
    GuardrailWrite,   "guardrail.write",   [Tenant Nothing Nothing Nothing Nothing];
    PolicyRead,       "policy.read",       [Tenant Tenant  Tenant  Tenant  Tenant];
    ToolRead,         "tool.read",         [Tenant Tenant  Tenant  Tenant  Tenant];
    ToolWrite,        "tool.write",        [Tenant Own     Nothing Nothing Nothing];
    ViolationRead,    "violation.read",    [Tenant Own     Team    Team    Tenant];
    ProviderRead,     "provider.read",     [Tenant Tenant  Tenant  Tenant  Nothing];
    ProviderWrite,    "provider.write",    [Tenant Own     Nothing Nothing Nothing];
    ModelRead,        "model.read",        [Tenant Tenant  Tenant  Tenant  Tenant];
    TokenIssue,       "token.issue",       [Tenant Nothing Nothing Nothing Nothing];
    TokenDelete,      "token.delete",      [Tenant Nothing Nothing Nothing Nothing];
    TokenRotate,      "token.rotate",      [Tenant Own     Nothing Nothing Nothing];
    TokenRead,        "token.read",        [Tenant Own     Nothing Nothing Nothing];
    ApiTokenCreate,   "api_token.create",  [Tenant Own     Own     Own     Own];
    ApiTokenRead,     "api_token.read",    [Tenant Own     Own     Own     Own];
    ApiTokenRevoke,   "api_token.revoke",  [Tenant Own     Own     Own     Own];
    ProfileWrite,     "profile.write",     [Own    Own     Own     Own     Own];
    SessionManage,    "session.manage",    [Tenant Own     Own     Own     Own];
    PasswordChange,   "password.change",   [Own    Own     Own     Own     Own];
    BudgetSet,        "budget.set",        [Tenant Nothing Nothing Nothing Nothing];
    BudgetDecide,     "budget.decide",     [Tenant Nothing Nothing Nothing Nothing];
    BudgetRequest,    "budget.request",    [Tenant Own     Nothing Nothing Nothing];
    // Whoever has asked may look and take it back, whatever his role has become.
    BudgetRequestRead,   "budget_request.read",   [Tenant Own Own Own Own];
    BudgetRequestCancel, "budget_request.cancel", [Tenant Own Own Own Own];
    // Anybody may ask for a key of his own.
    AccessRequest,    "access.request",    [Tenant Own     Own     Own     Own];
    AccessRead,       "access.read",       [Tenant Own     Own     Own     Own];
    AccessDecide,     "access.decide",     [Tenant Nothing Nothing Nothing Nothing];
    ApprovalRead,     "approval.read",     [Tenant Own     Team    Nothing Nothing];
    // Beside the admins those whom a policy names, which the approval itself looks after.
    ApprovalDecide,   "approval.decide",   [Tenant Own     Own     Nothing Nothing];
    RuntimeManage,    "runtime.manage",    [Tenant Nothing Nothing Nothing Nothing];
    InvoiceReconcile, "invoice.reconcile", [Tenant Nothing Nothing Nothing Nothing];
    InvoiceRead,      "invoice.read",      [Tenant Nothing Nothing Nothing Tenant];
    UserManage,       "user.manage",       [Tenant Nothing Nothing Nothing Nothing];
    UserRead,         "user.read",         [Tenant Own     Own     Own     Own];
    TeamManage,       "team.manage",       [Tenant Nothing Nothing Nothing Nothing];
    // Whoever is in a team sees it.
    TeamRead,         "team.read",         [Tenant Own     Own     Own     Own];
    ProjectManage,    "project.manage",    [Tenant Nothing Nothing Nothing Nothing];
    ProjectRead,      "project.read",      [Tenant Tenant  Team    Team    Tenant];
    AuditRead,        "audit.read",        [Tenant Nothing Nothing Nothing Tenant];
    AuditReadOwn,     "audit.read_own",    [Own    Own     Own     Own     Own];
    TenantRead,       "tenant.read",       [Tenant Nothing Nothing Nothing Nothing];
    // Nobody has it by role: it takes a platform admin.
    TenantManage,     "tenant.manage",     [Nothing Nothing Nothing Nothing Nothing];
}

impl Permission {
    /// How far the role carries this permission.
    pub const fn extent(self, role: Role) -> Extent {
        let [admin, developer, operator, viewer, auditor] = self.row();
        match role {
            Role::Admin => admin,
            Role::Developer => developer,
            Role::Operator => operator,
            Role::Viewer => viewer,
            Role::Auditor => auditor,
        }
    }

    /// The permissions that a user has at all, as words for the wire.
    pub fn words_of(role: Role, platform_admin: bool) -> Vec<&'static str> {
        Permission::ALL
            .iter()
            .filter(|permission| {
                permission.extent(role) != Extent::Nothing
                    || (platform_admin && **permission == Permission::TenantManage)
            })
            .map(|permission| permission.as_str())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_reaches_further_than_an_admin_except_for_himself() {
        let rank = |extent| match extent {
            Extent::Nothing => 0,
            Extent::Own => 1,
            Extent::Team => 2,
            Extent::Tenant => 3,
        };
        for permission in Permission::ALL {
            let admin = rank(permission.extent(Role::Admin));
            for role in Role::ALL {
                assert!(
                    rank(permission.extent(role)) <= admin,
                    "{permission:?} {role:?}"
                );
            }
        }
    }

    #[test]
    fn an_auditor_changes_nothing_but_what_is_his_own() {
        for permission in Permission::ALL {
            let extent = permission.extent(Role::Auditor);
            let reads = permission.as_str().contains(".read");
            assert!(
                reads || matches!(extent, Extent::Nothing | Extent::Own),
                "{permission:?}"
            );
        }
    }

    #[test]
    fn tenants_are_managed_by_platform_admins_alone() {
        for role in Role::ALL {
            assert!(!Permission::words_of(role, false).contains(&"tenant.manage"));
        }
        assert!(Permission::words_of(Role::Admin, true).contains(&"tenant.manage"));
    }

    #[test]
    fn no_two_permissions_share_a_word() {
        let mut words: Vec<_> = Permission::ALL.iter().map(|p| p.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Permission::ALL.len());
    }
}
