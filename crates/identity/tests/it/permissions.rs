//! What a role may do, told as evidence.

use iron_audit::{Reach, Role};
use iron_identity::{Error, Extent, Permission};
use iron_primitives::TeamId;
use iron_store::{Db, both_engines, sql};

use crate::{PASSWORD, World};

both_engines! {
    async fn the_evidence_reaches_exactly_as_far_as_the_table_says(db: Db) {
        let world = World::new(db).await;
        for role in Role::ALL {
            let email = format!("{}@example.com", role.as_str());
            if role != Role::Admin {
                world.user(&email, role).await;
            }
            let signed_in = world.sign_in(&email, PASSWORD).await.unwrap();
            let caller = world.caller(&signed_in.access_token).await.unwrap();
            for permission in Permission::ALL {
                let evidence = world.identity.authorise(&caller, *permission, world.request());
                let platform = role == Role::Admin && *permission == Permission::TenantManage;
                match (permission.extent(role), evidence) {
                    (_, Ok(evidence)) if platform => assert_eq!(evidence.reach, Reach::Tenant),
                    (Extent::Nothing, Err(Error::InsufficientPermissions { permission: needed })) => {
                        assert_eq!(needed, *permission);
                    }
                    (Extent::Own, Ok(evidence)) => assert_eq!(evidence.reach, Reach::Own(caller.user.id)),
                    (Extent::Team | Extent::Tenant, Ok(evidence)) => assert_eq!(evidence.reach, Reach::Tenant),
                    (extent, evidence) => panic!("{role:?} {permission:?} {extent:?}: {evidence:?}"),
                }
            }
        }
    }

    async fn an_operator_in_a_team_reaches_his_teams_only(db: Db) {
        let world = World::new(db).await;
        let operator = world.user("operator@example.com", Role::Operator).await;
        let teams: [TeamId; 2] = [world.time.environment.new_id(), world.time.environment.new_id()];
        for team in teams {
            sql("INSERT INTO team_members (tenant_id, team_id, user_id) VALUES ($1, $2, $3)")
                .bind(operator.tenant_id).bind(team).bind(operator.id)
                .execute(&world.db).await.unwrap();
        }
        let evidence = world.may("operator@example.com", Permission::AgentRead).await;
        let Reach::Teams(mut reached) = evidence.reach.clone() else { panic!("{:?}", evidence.reach) };
        reached.sort();
        let mut expected = teams.to_vec();
        expected.sort();
        assert_eq!(reached, expected);
        let stranger = world.time.environment.new_id();
        assert!(evidence.reaches(stranger, Some(teams[0])));
        assert!(!evidence.reaches(stranger, None));
    }
}
