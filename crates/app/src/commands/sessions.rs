//! `iron login`, `logout`, `auth` and `status`.

use std::io::BufRead as _;

use iron_sdk::auth::{ChangePassword, Login, Logout};
use iron_sdk::lists::PageQuery;
use serde_json::json;

use super::providers::secret_from_stdin;
use super::resolve::parse;
use crate::args::{self, Auth};
use crate::connection::{Connection, session};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn login(
    arguments: args::Login,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let email = match arguments.email {
        Some(email) => email,
        None => console.ask("E-mail", "`--email`")?,
    };
    let password = match arguments.password_stdin {
        true => secret_from_stdin()?,
        false => console.ask_secret("Password", "`--password-stdin`")?.into(),
    };
    let body = Login {
        email,
        password,
        tenant: arguments.tenant,
        method: None,
        cookie: None,
    };
    let tokens = connection.anonymous()?.login(&body).await?;
    let must_change = tokens.user.must_change_password;
    let answer = json!({
        "server": connection.server, "user": tokens.user, "expires_at": tokens.expires_at,
    });
    let who = format!(
        "signed in to {} as {}",
        connection.server, tokens.user.email
    );
    connection.keychain().save(&session(tokens)?)?;
    console.show(&answer, || who)?;
    if must_change {
        console.note("the password must be changed first: iron auth password");
    }
    Ok(())
}

pub(super) async fn logout(all: bool, connection: &Connection, console: Console) -> Outcome {
    // Asked for first: it needs the tokens that are about to be forgotten.
    let client = connection.session().await;
    // A keychain that refuses must not keep the server from being told.
    let forgotten = connection.keychain().forget();
    let told = match client {
        Ok(client) => {
            let all_sessions = Some(all);
            client
                .logout(&Logout { all_sessions })
                .await
                .map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match told {
        Ok(ended) => {
            console.show(&ended, || format!("signed out of {}", connection.server))?;
            forgotten.map(|_| ())
        }
        Err(failure) if failure.is_unreachable() => {
            forgotten?;
            Err(failure.hint(
                "the session is forgotten here, but the server does not know; it ends by itself",
            ))
        }
        // The server knows of no such session: that is what was wanted.
        Err(_) if forgotten? => console
            .show(&json!({ "logged_out": true, "sessions_ended": 0 }), || {
                format!("signed out of {}", connection.server)
            }),
        Err(_) => console.show(&json!({ "logged_out": false, "sessions_ended": 0 }), || {
            format!("nobody was signed in to {}", connection.server)
        }),
    }
}

pub(super) async fn auth(verb: Auth, connection: &Connection, console: Console) -> Outcome {
    match verb {
        Auth::Status => {
            let client = connection.client().await?;
            let validity = client.validate().await?;
            if !validity.valid {
                return Err(Failure::new(
                    Exit::Authentication,
                    "INVALID_TOKEN",
                    "the credential is not good",
                )
                .hint("run `iron login` to sign in again"));
            }
            console.show(&validity, || {
                let user = validity.user.as_ref();
                console.facts(&[
                    ("server", connection.server.clone()),
                    (
                        "user",
                        user.map_or("-".to_owned(), |user| user.email.clone()),
                    ),
                    (
                        "role",
                        user.map_or("-".to_owned(), |user| user.role.to_string()),
                    ),
                    (
                        "until",
                        validity
                            .expires_at
                            .map_or("-".to_owned(), |at| at.to_string()),
                    ),
                ])
            })
        }
        Auth::Sessions { paging } => {
            let client = connection.client().await?;
            let page = PageQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let list = client.list_sessions(&page).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|session| {
                    let current = match session.current {
                        true => "this one",
                        false => "",
                    };
                    vec![
                        session.id.to_string(),
                        session.last_seen_at.to_string(),
                        session.expires_at.to_string(),
                        session.ip.clone().unwrap_or_else(|| "-".to_owned()),
                        current.to_owned(),
                    ]
                });
                console.table(&["id", "last seen", "until", "address", ""], rows.collect())
            })
        }
        Auth::EndSession { session, force } => {
            let client = connection.client().await?;
            let id = parse(&session, "a session id such as `session_…`")?;
            console.confirm(&format!("end session `{session}`?"), force)?;
            let ended = client.end_session(id).await?;
            console.show(&ended, || format!("ended {}", ended.id))
        }
        Auth::Password { stdin } => password(stdin, connection, console).await,
    }
}

async fn password(stdin: bool, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    let (current, new) = if stdin {
        let mut lines = std::io::stdin().lock().lines();
        let mut line = || {
            let line = lines.next().transpose()?;
            line.ok_or_else(|| {
                Failure::usage("expected the present and the new password, one a line")
            })
        };
        (line()?, line()?)
    } else {
        let current = console.ask_secret("Present password", "`--stdin`")?;
        let new = console.ask_secret("New password", "`--stdin`")?;
        if console.ask_secret("New password again", "`--stdin`")? != new {
            return Err(Failure::usage("the two new passwords differ"));
        }
        (current, new)
    };
    let body = ChangePassword {
        current_password: current.into(),
        new_password: new.into(),
    };
    let changed = client.change_password(&body).await?;
    console.show(&changed, || "the password was changed".to_owned())
}

pub(super) async fn status(connection: &Connection, console: Console) -> Outcome {
    let health = connection.anonymous()?.get_health().await?;
    let user = match connection.client().await {
        Ok(client) => client.get_me().await.ok().map(|me| me.user.email),
        Err(_) => None,
    };
    let answer = json!({ "server": connection.server, "health": health, "user": user });
    console.show(&answer, || {
        console.facts(&[
            ("server", connection.server.clone()),
            ("status", health.status.to_string()),
            ("version", health.version.clone()),
            ("up for", format!("{} s", health.uptime_seconds)),
            ("database", health.services.database.to_string()),
            ("signed in as", user.unwrap_or_else(|| "nobody".to_owned())),
        ])
    })
}
