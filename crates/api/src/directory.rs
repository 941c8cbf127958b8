//! The people of tenants and what tenants have set, as approvals want to know them.

use std::sync::Arc;

use async_trait::async_trait;
use iron_approvals::{Approvals, Approver, Channels, Parts, People, PeopleFailure, Person, Terms};
use iron_identity::{Identity, Sought};
use iron_primitives::TenantId;
use iron_settings::Settings;
use iron_store::Tx;

/// The directory of people.
struct Directory(Identity);

#[async_trait]
impl People for Directory {
    async fn named(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        approvers: &[Approver],
    ) -> Result<Vec<Person>, PeopleFailure> {
        let mut sought = Sought::default();
        for approver in approvers {
            match approver {
                Approver::User(user) => sought.users.push(*user),
                Approver::Email(email) => sought.emails.push(email.clone()),
                Approver::Role(role) => sought.roles.push(*role),
            }
        }
        let found = self.0.active_among(tx, tenant, &sought).await;
        let users = found.map_err(|error| PeopleFailure(Box::new(error)))?;
        let person = |user: iron_identity::User| Person {
            user: user.id,
            role: user.role,
            email: user.email,
        };
        Ok(users.into_iter().map(person).collect())
    }
}

/// The approvals of all tenants, among the people that identity knows, as it is set now.
pub fn approvals(
    identity: &Identity,
    settings: &Settings,
    channels: &Channels,
    public_url: &str,
) -> Approvals {
    let settings = settings.clone();
    Approvals::new(Parts {
        channels: channels.clone(),
        people: Arc::new(Directory(identity.clone())),
        terms: Arc::new(move |tenant| {
            let set = settings.approval(tenant);
            Terms {
                timeout: set.timeout,
                grant: set.grant,
                forbid_own: set.forbid_own,
            }
        }),
        public_url: public_url.to_owned(),
    })
}
