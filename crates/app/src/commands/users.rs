//! `iron users`.

use std::io::BufRead as _;

use iron_sdk::Client;
use iron_sdk::invitations::{AcceptInvitation, InvitationView};
use iron_sdk::users::{
    CreateUser, DeleteUser, Reason, ResetPassword, SetRole, UpdateMe, UpdateUser, UserQuery,
    UserView,
};

use serde_json::json;

use super::providers::secret_from_stdin;
use super::resolve;
use crate::args::Users;
use crate::connection::{Connection, session};
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Users, connection: &Connection, console: Console) -> Outcome {
    if let Users::Accept { stdin } = verb {
        return accept(stdin, connection, console).await;
    }
    let client = connection.client().await?;
    match verb {
        Users::List {
            search,
            role,
            status,
            paging,
        } => {
            let query = UserQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                search,
                role,
                status,
                sort: None,
            };
            let list = client.list_users(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Users::Me { name: None } => {
            let me = client.get_me().await?;
            console.show(&me, || facts(console, &me.user))
        }
        Users::Me { name } => {
            let me = client.update_me(&UpdateMe { name }).await?;
            console.show(&me, || facts(console, &me.user))
        }
        Users::Create {
            email,
            name,
            role,
            password_stdin,
        } => {
            let password = match password_stdin {
                true => Some(secret_from_stdin()?),
                false => None,
            };
            let body = CreateUser {
                email,
                name,
                role,
                password,
            };
            let made = client.create_user(&body).await?;
            console.show(&made, || match &made.invitation {
                Some(invitation) => invited(console, &made.user, invitation),
                None => facts(console, &made.user),
            })
        }
        Users::Invite { user } => {
            let id = resolve::user(&client, &user).await?;
            let made = client.invite_user(id).await?;
            console.show(&made, || invited(console, &made.user, &made.invitation))
        }
        Users::Permissions { user } => {
            let id = resolve::user(&client, &user).await?;
            let found = client.get_user_permissions(id).await?;
            console.show(&found, || {
                console.facts(&[
                    ("role", found.role.to_string()),
                    ("scope", found.scope.to_string()),
                    ("permissions", found.permissions.join(", ")),
                ])
            })
        }
        Users::Delete {
            user,
            reassign_to,
            force,
        } => {
            let id = resolve::user(&client, &user).await?;
            let reassign_to = match reassign_to {
                Some(heir) => Some(resolve::user(&client, &heir).await?),
                None => None,
            };
            console.confirm(&format!("delete user `{user}`?"), force)?;
            let deleted = client.delete_user(id, &DeleteUser { reassign_to }).await?;
            console.show(&deleted, || {
                format!(
                    "deleted {id}; {} agents have a new owner, {} API tokens were revoked",
                    deleted.agents_count, deleted.api_tokens_revoked
                )
            })
        }
        verb => {
            let view = change(&client, verb, console).await?;
            console.show(&view, || facts(console, &view))
        }
    }
}

/// The verbs that answer with the user as it is now.
async fn change(client: &Client, verb: Users, console: Console) -> Outcome<UserView> {
    Ok(match verb {
        Users::Get { user } => client.get_user(resolve::user(client, &user).await?).await?,
        Users::Update { user, name, email } => {
            let id = resolve::user(client, &user).await?;
            client.update_user(id, &UpdateUser { name, email }).await?
        }
        Users::SetRole { user, role } => {
            let id = resolve::user(client, &user).await?;
            client.set_user_role(id, &SetRole { role }).await?
        }
        Users::CancelInvitation { user, force } => {
            let id = resolve::user(client, &user).await?;
            console.confirm(&format!("take the invitation of `{user}` back?"), force)?;
            client.cancel_invitation(id).await?
        }
        Users::Suspend {
            user,
            reason,
            force,
        } => {
            let id = resolve::user(client, &user).await?;
            let question =
                format!("suspend user `{user}`, whose sessions and agents' calls end at once?");
            console.confirm(&question, force)?;
            client.suspend_user(id, &Reason { reason }).await?
        }
        Users::Activate { user } => {
            let id = resolve::user(client, &user).await?;
            client.activate_user(id).await?
        }
        Users::ResetPassword {
            user,
            stdin,
            lasting,
        } => {
            let id = resolve::user(client, &user).await?;
            let new_password = match stdin {
                true => secret_from_stdin()?,
                false => twice(console)?.into(),
            };
            let body = ResetPassword {
                new_password,
                force_change: Some(!lasting),
            };
            client.reset_user_password(id, &body).await?
        }
        _ => return Err(Failure::usage("this verb changes no user")),
    })
}

/// Sets the first password of whoever was invited, and keeps the session as a login does.
async fn accept(stdin: bool, connection: &Connection, console: Console) -> Outcome {
    let (token, password) = if stdin {
        let mut lines = std::io::stdin().lock().lines();
        let mut line = || {
            let line = lines.next().transpose()?;
            line.ok_or_else(|| Failure::usage("expected the token and the password, one a line"))
        };
        (line()?, line()?)
    } else {
        let token = console.ask_secret("Token of the invitation", "`--stdin`")?;
        (token, twice(console)?)
    };
    let body = AcceptInvitation {
        token: token.trim().to_owned().into(),
        password: password.into(),
        cookie: None,
    };
    let tokens = connection.anonymous()?.accept_invitation(&body).await?;
    let answer = json!({
        "server": connection.server, "user": tokens.user, "expires_at": tokens.expires_at,
    });
    let who = format!(
        "signed in to {} as {}",
        connection.server, tokens.user.email
    );
    connection.keychain().save(&session(tokens)?)?;
    console.show(&answer, || who)
}

/// A user with his invitation, and what he does with it.
pub(super) fn invited(console: Console, user: &UserView, invitation: &InvitationView) -> String {
    let mut lines = vec![
        ("id", user.id.to_string()),
        ("address", user.email.clone()),
        ("until", invitation.expires_at.to_string()),
    ];
    match &invitation.token {
        Some(token) => {
            lines.push(("token", token.expose().to_owned()));
            let text = "pass the token on, it is shown this once: iron users accept";
            lines.push(("next", text.to_owned()));
        }
        None => lines.push(("next", "the invitation was mailed".to_owned())),
    }
    console.facts(&lines)
}

fn twice(console: Console) -> Outcome<String> {
    let new = console.ask_secret("New password", "`--stdin`")?;
    match console.ask_secret("New password again", "`--stdin`")? == new {
        true => Ok(new),
        false => Err(Failure::usage("the two new passwords differ")),
    }
}

fn table(console: Console, users: &[UserView]) -> String {
    let rows = users.iter().map(|user| {
        vec![
            user.id.to_string(),
            user.email.clone(),
            user.name.clone(),
            user.role.to_string(),
            user.status.to_string(),
            last_login(user),
        ]
    });
    let headings = ["id", "address", "name", "role", "status", "last login"];
    console.table(&headings, rows.collect())
}

fn last_login(user: &UserView) -> String {
    user.last_login_at
        .map_or("never".to_owned(), |at| at.to_string())
}

fn facts(console: Console, user: &UserView) -> String {
    console.facts(&[
        ("id", user.id.to_string()),
        ("address", user.email.clone()),
        ("name", user.name.clone()),
        ("role", user.role.to_string()),
        ("status", user.status.to_string()),
        ("tenant", user.tenant_id.to_string()),
        ("last login", last_login(user)),
        ("created", user.created_at.to_string()),
    ])
}
