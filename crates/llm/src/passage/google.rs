//! The routes of Google's models, at the Gemini API and at Vertex AI.

use super::{Address, GEMINI_MODELS, Passage, PassageError, priced};
use crate::config::ProviderConfig;
use crate::google::predicts_pictures;
use crate::kind::{Dialect, ProviderKind};

pub(super) fn of_google(
    kind: ProviderKind,
    config: &ProviderConfig,
    method: &str,
    path: &str,
    query: Option<&str>,
) -> Result<Passage, PassageError> {
    let below = match kind {
        ProviderKind::Google => {
            let mut versions = GEMINI_MODELS.into_iter();
            versions.find_map(|models| path.strip_prefix(models))
        }
        _ => below_vertex(config, path)?,
    };
    let Some(below) = below.filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return priced(path);
    };
    let asked = below.trim_start_matches('/').split_once(':');
    match (method, asked) {
        ("GET", None) => Ok(Passage::Free),
        ("POST", Some((_, "countTokens"))) => Ok(Passage::Free),
        ("POST", Some((model, word @ ("generateContent" | "streamGenerateContent")))) => {
            let stream = word == "streamGenerateContent";
            let mut pairs = query.unwrap_or_default().split('&');
            if stream && !pairs.any(|pair| pair == "alt=sse") {
                return Err(PassageError::NotAsEvents);
            }
            let model = model.to_owned();
            Ok(Passage::Call {
                dialect: Dialect::Gemini,
                address: Some(Address { model, stream }),
            })
        }
        ("POST", Some((model, "predict"))) if predicts_pictures(model) => {
            let model = model.to_owned();
            let stream = false;
            Ok(Passage::Call {
                dialect: Dialect::GeminiImages,
                address: Some(Address { model, stream }),
            })
        }
        (_, Some((_, word))) if word.starts_with("batch") => {
            Err(PassageError::Unbounded { part: "batches" })
        }
        (_, Some((_, word))) if word.ends_with("LongRunning") => Err(PassageError::Unbounded {
            part: "a long operation",
        }),
        _ => priced(path),
    }
}

/// What stands behind the models of Google in a path of Vertex AI; with a project, it is the
/// provider's.
fn below_vertex<'a>(
    config: &ProviderConfig,
    path: &'a str,
) -> Result<Option<&'a str>, PassageError> {
    const MODELS: &str = "/publishers/google/models";
    let own = |text: &Option<String>| text.clone().unwrap_or_default();
    let (project, location) = (own(&config.project), own(&config.location));
    let place = format!("/projects/{project}/locations/{location}");
    if let Some(named) = path.find("/projects/").and_then(|at| path.get(at..))
        && !named.starts_with(&format!("{place}/"))
    {
        return Err(PassageError::Elsewhere { project, location });
    }
    let path = path
        .strip_prefix("/v1beta1")
        .or_else(|| path.strip_prefix("/v1"));
    let Some(path) = path else { return Ok(None) };
    if let Some(below) = path.strip_prefix(MODELS) {
        return Ok(Some(below));
    }
    let below = path.strip_prefix(&place);
    Ok(below.and_then(|below| below.strip_prefix(MODELS)))
}
