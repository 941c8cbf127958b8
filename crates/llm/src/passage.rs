//! Routes under `/providers/{name}/`: what a request to a provider's own route is.
//!
//! | route | is |
//! |---|---|
//! | one that creates an answer, in a dialect that the provider speaks | [`Passage::Call`]: governed as on the route of our own |
//! | Anthropic's `count_tokens`, OpenAI's stored responses | the errands of our own routes |
//! | files of OpenAI and Anthropic | [`Passage::File`]: each agent finds its own |
//! | lists of models, `countTokens` of Google | [`Passage::Free`]: providers charge nothing for them |
//! | batches of OpenAI and Anthropic | [`Passage::Batch`]: every line is bounded before one is sent |
//! | other batches, live sessions, training | refused: no single request tells what they cost |
//! | any other | [`Passage::Priced`]: sent where the tenant has set a price for a request of it |
//!
//! Paths are taken only in the one spelling that every server reads alike: no empty segments, no
//! dots that climb, nothing that is escaped. So a route that is known cannot be written as one that
//! is not.

mod google;

use std::borrow::Cow;

use iron_primitives::Refusal;

use crate::config::ProviderConfig;
use crate::kind::{Dialect, ProviderKind};

/// The longest path that is passed on: the longest name of a price, without its method.
const LONGEST_PATH_BYTES: usize = 180;
/// What costs money long after a request has ended, or while it goes on in a protocol of its own: how
/// a segment of such a route begins, in any case, and what it is.
const UNBOUNDED: [(&str, &str); 9] = [
    ("async", "async-invoke"),
    ("batch", "batches"),
    ("realtime", "realtime"),
    ("fine_tun", "fine_tuning"),
    ("fine-tun", "fine_tuning"),
    ("finetun", "fine_tuning"),
    ("training", "trainings"),
    ("tuned", "tunedModels"),
    ("tuning", "tuningJobs"),
];
/// What stands before the methods of Gemini's models.
const GEMINI_MODELS: [&str; 2] = ["/v1beta/models", "/v1/models"];

/// What a request to a route of a provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// A request for an answer, in a dialect that the provider speaks.
    Call {
        /// The dialect.
        dialect: Dialect,
        /// What the address says, where that is where the dialect says it.
        address: Option<Address>,
    },
    /// Anthropic's `count_tokens`.
    CountTokens,
    /// A stored response of OpenAI.
    Stored {
        /// Its id, as the agent was given it.
        id: String,
        /// What is to be done with it.
        action: Kept,
    },
    /// A file that is stored at the provider, or the list of them.
    File(FileRoute),
    /// A batch, or the list of them.
    Batch(BatchRoute),
    /// A request that costs nothing.
    Free,
    /// A request whose price the tenant sets.
    Priced,
}

/// What is to be done with a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Read it.
    Retrieve,
    /// Delete it.
    Delete,
    /// Stop making it.
    Cancel,
}

/// What is to be done with batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchRoute {
    /// Make one.
    Create,
    /// List them.
    List,
    /// Tell about one.
    Retrieve(String),
    /// Stop working on one.
    Cancel(String),
    /// Give the results of one of Anthropic; OpenAI writes them into files.
    Results(String),
}

impl BatchRoute {
    /// Where batches of OpenAI are.
    pub const OPENAI: &str = "/v1/batches";
    /// Where batches of Anthropic are.
    pub const ANTHROPIC: &str = "/v1/messages/batches";

    /// Where batches of a kind of provider are.
    pub const fn root(kind: ProviderKind) -> &'static str {
        match kind {
            ProviderKind::Anthropic => BatchRoute::ANTHROPIC,
            _ => BatchRoute::OPENAI,
        }
    }

    /// What a request is; none if there is no such route at providers of this kind.
    pub fn of(kind: ProviderKind, method: &str, path: &str) -> Option<BatchRoute> {
        let below = path.strip_prefix(BatchRoute::root(kind))?;
        if below.is_empty() {
            return match method {
                "POST" => Some(BatchRoute::Create),
                "GET" => Some(BatchRoute::List),
                _ => None,
            };
        }
        let rest = below.strip_prefix('/')?;
        let has_results = matches!(kind, ProviderKind::Anthropic);
        match (method, rest.split_once('/')) {
            ("GET", None) => Some(BatchRoute::Retrieve(rest.to_owned())),
            ("POST", Some((id, "cancel"))) => Some(BatchRoute::Cancel(id.to_owned())),
            ("GET", Some((id, "results"))) if has_results => {
                Some(BatchRoute::Results(id.to_owned()))
            }
            _ => None,
        }
    }
}

/// What is to be done with files that are stored at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRoute {
    /// Store one.
    Upload,
    /// List them.
    List,
    /// Tell about one.
    Retrieve(String),
    /// Delete one.
    Delete(String),
    /// Give its bytes.
    Content(String),
}

impl FileRoute {
    /// Where files are kept, at OpenAI and at Anthropic.
    pub const PATH: &str = "/v1/files";

    /// What a request to that path or below is; none if there is no such route.
    pub fn of(method: &str, path: &str) -> Option<FileRoute> {
        let below = path.strip_prefix(FileRoute::PATH)?;
        if below.is_empty() {
            return match method {
                "POST" => Some(FileRoute::Upload),
                "GET" => Some(FileRoute::List),
                _ => None,
            };
        }
        let rest = below.strip_prefix('/')?;
        match (method, rest.split_once('/')) {
            ("GET", None) => Some(FileRoute::Retrieve(rest.to_owned())),
            ("DELETE", None) => Some(FileRoute::Delete(rest.to_owned())),
            ("GET", Some((id, "content"))) => Some(FileRoute::Content(id.to_owned())),
            _ => None,
        }
    }
}

/// What an address says: one of Gemini, of Bedrock, or one of a deployment of Azure OpenAI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The model, or the deployment.
    pub model: String,
    /// Whether the answer streams. At Azure OpenAI the body says that.
    pub stream: bool,
}

/// Why a route is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassageError {
    /// The path is not spelled in the one way that is taken.
    #[error("{problem}")]
    Path {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What it costs cannot be bounded, whatever its price.
    #[error("`{part}` of a provider, whose cost no request tells,")]
    Unbounded {
        /// The part of the path that says so.
        part: &'static str,
    },
    /// A model whose requests are read in one dialect alone.
    #[error("requests for `{model}` are read as `converse` alone; ask by that")]
    Unread {
        /// The model.
        model: String,
    },
    /// A stream of Gemini in an array instead of events.
    #[error("streams come as events; send `alt=sse`")]
    NotAsEvents,
    /// Another project or location than the provider's.
    #[error("the provider serves `{project}` in `{location}`; name these, or neither")]
    Elsewhere {
        /// The provider's project.
        project: String,
        /// Its location.
        location: String,
    },
}

impl From<PassageError> for Refusal {
    fn from(error: PassageError) -> Refusal {
        let field = match error {
            PassageError::Unbounded { .. } => {
                let what = error.to_string();
                return Refusal::Unbounded { what };
            }
            PassageError::NotAsEvents => "alt",
            PassageError::Path { .. }
            | PassageError::Elsewhere { .. }
            | PassageError::Unread { .. } => "path",
        };
        Refusal::InvalidField {
            field: field.to_owned(),
            problem: error.to_string(),
        }
    }
}

impl Passage {
    /// Finds out what a request is. The path begins with a slash, behind the provider's name.
    ///
    /// # Errors
    /// [`PassageError`] for what is passed on at no price.
    pub fn of(
        kind: ProviderKind,
        config: &ProviderConfig,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> Result<Passage, PassageError> {
        if kind == ProviderKind::AwsBedrock
            && let Some(found) = of_bedrock(config, method, path)
        {
            return found;
        }
        check(path)?;
        if kind == ProviderKind::AwsBedrock && query.is_some_and(|query| !query.is_empty()) {
            let problem = "has a query, which would have to be signed; leave it out";
            return Err(PassageError::Path { problem });
        }
        if matches!(kind, ProviderKind::Google | ProviderKind::Vertex) {
            return google::of_google(kind, config, method, path, query);
        }
        let path = match kind {
            ProviderKind::AzureOpenAi => path.strip_prefix("/openai").unwrap_or(path),
            _ => path,
        };
        let (path, address) = match deployment(kind, path) {
            Some((deployment, rest)) => (Cow::from(format!("/v1/{rest}")), Some(deployment)),
            None => (Cow::from(path), None),
        };
        let path = &*path;
        if let Some(dialect) = spoken(kind, path).filter(|_| method == "POST") {
            let address = address.map(|model| Address {
                model: model.to_owned(),
                stream: false,
            });
            return Ok(Passage::Call { dialect, address });
        }
        let below_messages = path.strip_prefix(Dialect::AnthropicMessages.path());
        let counts = method == "POST" && below_messages == Some("/count_tokens");
        if counts && kind.speaks(Dialect::AnthropicMessages) {
            return Ok(Passage::CountTokens);
        }
        if let Some(stored) = stored(kind, method, path) {
            return Ok(stored);
        }
        if let Some(route) = FileRoute::of(method, path).filter(|_| kind.keeps_files()) {
            return Ok(Passage::File(route));
        }
        if let Some(route) = BatchRoute::of(kind, method, path).filter(|_| kind.keeps_files()) {
            return Ok(Passage::Batch(route));
        }
        let lists = path == "/v1/models" || path.starts_with("/v1/models/");
        match lists && method == "GET" && kind != ProviderKind::Simulated {
            true => Ok(Passage::Free),
            false => priced(path),
        }
    }
}

/// The dialect of a route that creates an answer.
fn spoken(kind: ProviderKind, path: &str) -> Option<Dialect> {
    let own = match kind {
        ProviderKind::Cohere => &Dialect::OF_COHERE[..],
        _ => &[],
    };
    let all = Dialect::ALL
        .into_iter()
        .chain(Dialect::SOUND)
        .chain(Dialect::PICTURES);
    let mut dialects = all.chain(own.iter().copied());
    match (kind, path) {
        (ProviderKind::Cohere, "/v2/rerank") => Some(Dialect::Rerank),
        _ => dialects.find(|dialect| kind.speaks(*dialect) && dialect.path() == path),
    }
}

/// The deployment that a path of Azure OpenAI names, and what stands behind it.
fn deployment(kind: ProviderKind, path: &str) -> Option<(&str, &str)> {
    let below = path
        .strip_prefix("/deployments/")
        .filter(|_| kind == ProviderKind::AzureOpenAi)?;
    below.split_once('/')
}

/// A route of stored responses, if it is one.
fn stored(kind: ProviderKind, method: &str, path: &str) -> Option<Passage> {
    let below = path.strip_prefix(Dialect::OpenAiResponses.path())?;
    let rest = below
        .strip_prefix('/')
        .filter(|_| kind.speaks(Dialect::OpenAiResponses))?;
    let (id, action) = match (method, rest.split_once('/')) {
        ("GET", None) => (rest, Kept::Retrieve),
        ("DELETE", None) => (rest, Kept::Delete),
        ("POST", Some((id, "cancel"))) => (id, Kept::Cancel),
        _ => return None,
    };
    let id = id.to_owned();
    Some(Passage::Stored { id, action })
}

/// A route of Bedrock that creates an answer, if it is one. Official clients escape the colons and
/// slashes of a model's name.
fn of_bedrock(
    config: &ProviderConfig,
    method: &str,
    path: &str,
) -> Option<Result<Passage, PassageError>> {
    let (model, word) = path.strip_prefix("/model/")?.rsplit_once('/')?;
    let (is_invoked, stream) = match word {
        "converse" => (false, false),
        "converse-stream" => (false, true),
        "invoke" => (true, false),
        "invoke-with-response-stream" => (true, true),
        _ => return None,
    };
    let escapes = [("%3A", ":"), ("%3a", ":"), ("%2F", "/"), ("%2f", "/")];
    let model = escapes
        .iter()
        .fold(model.to_owned(), |model, (escape, plain)| {
            model.replace(escape, plain)
        });
    if method != "POST" || !ProviderConfig::can_name(ProviderKind::AwsBedrock, &model) {
        let problem = "names no model; use `POST` and the id or the ARN of one";
        return Some(Err(PassageError::Path { problem }));
    }
    let served = config.served(&model).priced;
    let embeds = ["amazon.titan-embed-text-", "cohere.embed-"];
    let embeds = embeds.iter().any(|family| served.contains(family));
    let dialect = match is_invoked {
        false => Dialect::Converse,
        true if served.contains("anthropic.") => Dialect::BedrockMessages,
        true if embeds && !stream => Dialect::BedrockEmbed,
        true => return Some(Err(PassageError::Unread { model })),
    };
    let address = Some(Address { model, stream });
    Some(Ok(Passage::Call { dialect, address }))
}

fn priced(path: &str) -> Result<Passage, PassageError> {
    let path = path.to_ascii_lowercase();
    let begins = |word: &str| path.split('/').any(|segment| segment.starts_with(word));
    let mut unbounded = UNBOUNDED.into_iter();
    match unbounded.find(|(word, _)| begins(word)) {
        Some((_, part)) => Err(PassageError::Unbounded { part }),
        None => Ok(Passage::Priced),
    }
}

fn check(path: &str) -> Result<(), PassageError> {
    let refuse = |problem| Err(PassageError::Path { problem });
    if path.len() > LONGEST_PATH_BYTES {
        return refuse("is longer than 180 bytes");
    }
    let Some(rest) = path.strip_prefix('/') else {
        return refuse("begins with a slash");
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:@$!'()*+,=".contains(&byte);
    if !rest.bytes().all(|byte| byte == b'/' || plain(byte)) {
        return refuse("holds escaped or strange characters, which servers read differently");
    }
    let climbs = |segment: &str| matches!(segment, "" | "." | "..");
    match rest.split('/').any(climbs) {
        true => refuse("holds an empty segment, or one of dots alone"),
        false => Ok(()),
    }
}

/// Whether an entry of a price list is about a route (`POST /v1/moderations`), not a model.
pub fn is_route(name: &str) -> bool {
    let split = name.split_once(' ');
    split.is_some_and(|(method, path)| {
        path.starts_with('/')
            && !method.is_empty()
            && method.bytes().all(|byte| byte.is_ascii_uppercase())
    })
}

/// Whether an entry for a route covers another: with `*` in the place of a segment.
pub(crate) fn covers(pattern: &str, route: &str) -> bool {
    if !is_route(pattern) {
        return false;
    }
    let (mut one, mut other) = (pattern.split('/'), route.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(part), Some(segment)) if part == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
