//! Lists of what agents keep, in the shapes of OpenAI and of Anthropic.

use bytes::Bytes;
use iron_llm::ProviderKind;
use iron_primitives::Refusal;
use serde_json::{Value, json};

use crate::affinity::{Stored, StoredId, rename};
use crate::bearer::Bearer;
use crate::custody::{AskFiles, FilePlace, KeptFile};

use super::request::CallRequest;

/// The most of one answer.
const MOST: u32 = 1_000;
/// How many there are if nobody says, but for files of OpenAI.
const USUAL: u32 = 20;

/// A list that is asked for.
pub(super) struct StoredList {
    what: Stored,
    /// With one more than fits, which tells whether there are more.
    ask: AskFiles,
    /// It is asked for backwards, from the file behind its end.
    backwards: bool,
    is_anthropic: bool,
}

impl StoredList {
    /// Reads what is asked for: of the providers of a kind, or of the one that the request names.
    pub(super) fn read(
        bearer: &Bearer,
        request: &CallRequest,
        what: Stored,
        kind: ProviderKind,
        query: Option<&str>,
    ) -> Result<StoredList, Refusal> {
        let named = request.passing.as_ref().map(|passing| passing.provider);
        let lanes = bearer.lanes.iter().filter(|lane| lane.route.kind == kind);
        let meant = lanes.map(|lane| lane.route.provider);
        let is_anthropic = kind == ProviderKind::Anthropic;
        let mut list = StoredList {
            what,
            ask: AskFiles {
                providers: meant
                    .filter(|provider| named.is_none_or(|named| named == *provider))
                    .collect(),
                purpose: None,
                after: None,
                newest_first: true,
                limit: match what {
                    Stored::File if !is_anthropic => MOST,
                    _ => USUAL,
                },
            },
            backwards: false,
            is_anthropic,
        };
        for pair in query.unwrap_or_default().split('&') {
            if let Some((name, value)) = pair.split_once('=').filter(|(_, value)| !value.is_empty())
            {
                list.set(bearer, name, value)?;
            }
        }
        list.ask.limit = list.ask.limit.saturating_add(1);
        Ok(list)
    }

    fn set(&mut self, bearer: &Bearer, name: &str, value: &str) -> Result<(), Refusal> {
        match (name, self.is_anthropic) {
            ("limit", _) => {
                let limit = value.parse().ok().filter(|limit: &u32| *limit > 0);
                let limit =
                    limit.ok_or_else(|| wrong("limit", "must be a whole number above 0"))?;
                self.ask.limit = limit.min(MOST);
            }
            ("order", false) => match value {
                "asc" => self.ask.newest_first = false,
                "desc" => self.ask.newest_first = true,
                _ => return Err(wrong("order", "must be `asc` or `desc`")),
            },
            ("purpose", false) => self.ask.purpose = Some(value.to_owned()),
            ("after", false) | ("after_id" | "page", true) => {
                self.ask.after = Some(self.place(bearer, value)?)
            }
            ("before_id", true) => {
                self.ask.after = Some(self.place(bearer, value)?);
                self.ask.newest_first = false;
                self.backwards = true;
            }
            (name, true) if name.starts_with("ids") => {
                return Err(wrong("ids", "ask for each by its own id"));
            }
            _ => {}
        }
        Ok(())
    }

    fn place(&self, bearer: &Bearer, id: &str) -> Result<FilePlace, Refusal> {
        let resource = match self.what {
            Stored::Batch => "batch",
            _ => "file",
        };
        let stored = StoredId::open(self.what, bearer, id);
        let stored = stored.ok_or(Refusal::NotFound { resource })?;
        Ok(FilePlace {
            provider: stored.provider,
            original: stored.original,
        })
    }

    /// What is wanted.
    pub(super) const fn wanted(&self) -> &AskFiles {
        &self.ask
    }

    /// The answer, made of what its agent is told of each.
    pub(super) fn write(&self, mut found: Vec<Option<Value>>) -> String {
        let fits = self.ask.limit.saturating_sub(1) as usize;
        let has_more = found.len() > fits;
        found.truncate(fits);
        if self.backwards {
            found.reverse();
        }
        let data: Vec<Value> = found.into_iter().flatten().collect();
        let id = |one: Option<&Value>| one.and_then(|one| one.get("id").cloned());
        let (first, last) = (id(data.first()), id(data.last()));
        let mut answer = json!({
            "data": data, "first_id": first, "last_id": &last, "has_more": has_more,
        });
        if let Some(answer) = answer.as_object_mut() {
            match self.is_anthropic {
                false => answer.insert("object".to_owned(), json!("list")),
                true => answer.insert("next_page".to_owned(), json!(last.filter(|_| has_more))),
            };
        }
        answer.to_string()
    }
}

/// What its agent is told of a file.
pub(super) fn shown(bearer: &Bearer, file: &KeptFile) -> Option<Value> {
    let stored = StoredId {
        what: Stored::File,
        provider: file.place.provider,
        original: file.place.original.clone(),
    };
    let sealed = stored.seal(bearer)?;
    let told = Bytes::from(file.told.clone());
    serde_json::from_slice(&rename(told, &stored.original, &sealed)).ok()
}

fn wrong(field: &str, problem: &str) -> Refusal {
    Refusal::InvalidField {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}
