//! `iron projects`.

use iron_primitives::TeamId;
use iron_sdk::Client;
use iron_sdk::projects::{CreateProject, ProjectQuery, ProjectView, UpdateProject};

use super::resolve::{self, parse};
use crate::args::Projects;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::Outcome;

pub(super) async fn run(verb: Projects, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    let view = match verb {
        Projects::List { name, paging } => {
            let query = ProjectQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                name,
                sort: None,
            };
            let list = client.list_projects(&query).await?;
            return console.show(&list, || table(console, &list.data));
        }
        Projects::Delete { project, force } => {
            let id = resolve::project(&client, &project).await?;
            console.confirm(&format!("delete project `{project}`?"), force)?;
            let deleted = client.delete_project(id).await?;
            return console.show(&deleted, || format!("deleted {id}"));
        }
        Projects::Get { project } => {
            let id = resolve::project(&client, &project).await?;
            client.get_project(id).await?
        }
        Projects::Create {
            name,
            description,
            cost_center,
            budget,
            team,
        } => {
            let amount = "an amount in dollars such as `100.00`";
            let body = CreateProject {
                name,
                description,
                cost_center,
                team_id: of_team(&client, team).await?,
                budget: budget.map(|text| parse(&text, amount)).transpose()?,
                settings: None,
            };
            client.create_project(&body).await?
        }
        Projects::Update {
            project,
            name,
            description,
            cost_center,
            team,
        } => {
            let id = resolve::project(&client, &project).await?;
            let change = UpdateProject {
                name,
                description: description.map(Some),
                cost_center: cost_center.map(Some),
                team_id: match team.as_deref() {
                    Some("none") => Some(None),
                    _ => of_team(&client, team).await?.map(Some),
                },
                budget: None,
                settings: None,
            };
            client.update_project(id, &change).await?
        }
    };
    console.show(&view, || facts(console, &view))
}

async fn of_team(client: &Client, team: Option<String>) -> Outcome<Option<TeamId>> {
    match team {
        Some(team) => resolve::team(client, &team).await.map(Some),
        None => Ok(None),
    }
}

fn budget(project: &ProjectView) -> String {
    project
        .budget
        .map_or("unlimited".to_owned(), |budget| budget.to_string())
}

fn table(console: Console, projects: &[ProjectView]) -> String {
    let rows = projects.iter().map(|project| {
        vec![
            project.id.to_string(),
            project.name.clone(),
            project.agent_count.to_string(),
            budget(project),
            project.spent.to_string(),
        ]
    });
    console.table(&["id", "name", "agents", "budget", "spent"], rows.collect())
}

fn facts(console: Console, project: &ProjectView) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    console.facts(&[
        ("id", project.id.to_string()),
        ("name", project.name.clone()),
        ("description", or_dash(&project.description)),
        ("cost center", or_dash(&project.cost_center)),
        ("agents", project.agent_count.to_string()),
        ("budget", budget(project)),
        ("spent", project.spent.to_string()),
        ("created", project.created_at.to_string()),
    ])
}
