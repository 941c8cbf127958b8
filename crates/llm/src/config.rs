//! What some kinds of provider have to be told besides an address and a key.

mod aws;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::aws::is_aws_model;
use crate::aws::encoded;
use crate::google;
use crate::kind::{Dialect, ProviderKind};
use crate::replicate;

/// The most deployments that one provider names.
const MOST_DEPLOYMENTS: usize = 100;

/// What only some kinds of provider have. At Azure each model stands behind
/// a *deployment* with a name of one's own, and there are two forms of its API, one with a
/// version that is named (`/openai/deployments/{deployment}/…?api-version=…`) and one without
/// (`/openai/v1/…`, where the deployment stands in the request's `model`). At Vertex AI a project
/// pays, and a location serves. Bedrock serves in a region of AWS, to
/// whom has a key there or takes on a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderConfig {
    /// The version of Azure's API, such as `2024-10-21`; none for the one without versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The model behind each deployment, by the deployment's name. In a data zone it is the model
    /// of that zone, which has a price of its own: `eu/gpt-4o`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deployments: BTreeMap<String, String>,
    /// The project of Google Cloud that pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Where Vertex AI serves: `global`, a region such as `europe-west4`, or `us` or `eu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The region of AWS, such as `eu-central-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The role that is taken on with the key, by its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The id that the role's account wants to hear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where roles are taken on, if not at the region's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_url: Option<String>,
}

/// The path of a configured address without what the paths of requests begin with. SDKs differ on
/// whether an address ends in `/v1`, and in `/openai` at Azure.
pub fn root_of(kind: ProviderKind, path: &str) -> &str {
    let rest = path.trim_end_matches('/');
    if kind == ProviderKind::Google {
        return rest.strip_suffix("/v1beta").unwrap_or(rest);
    }
    let rest = rest.strip_suffix("/v1").unwrap_or(rest);
    match kind {
        ProviderKind::AzureOpenAi => rest.strip_suffix("/openai").unwrap_or(rest),
        ProviderKind::Cohere => rest.strip_suffix("/v2").unwrap_or(rest),
        _ => rest,
    }
}

/// A model as it is asked for and as it is priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served<'a> {
    /// The name by which the provider is asked.
    pub sent: &'a str,
    /// The name by which the price is known.
    pub priced: &'a str,
}

impl ProviderConfig {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == ProviderConfig::default()
    }

    /// What is wrong with it for this kind, by the field and what was expected there.
    ///
    /// # Errors
    /// The first field that does not do.
    pub fn check(&self, kind: ProviderKind) -> Result<(), (&'static str, &'static str)> {
        match kind {
            ProviderKind::Vertex => return self.check_vertex(),
            ProviderKind::AwsBedrock => return self.check_aws(),
            _ => {}
        }
        if self.is_empty() {
            return Ok(());
        }
        if kind != ProviderKind::AzureOpenAi || self.has_google() || self.has_aws() {
            return Err((
                "config",
                "`azure_openai` has `api_version` and `deployments`, `vertex` has `project` and `location`, `aws_bedrock` has `region` and may have a role and `deployments`, other types have none",
            ));
        }
        if let Some(version) = &self.api_version
            && !is_version(version)
        {
            return Err((
                "config.api_version",
                "expected a date such as `2024-10-21`, `-preview` behind it or not",
            ));
        }
        self.check_deployments(
            is_deployment,
            "expected at most 100 deployments of 1 to 64 letters, digits, `-`, `_` and `.`, each with its model",
        )
    }

    fn check_deployments(
        &self,
        is_name: impl Fn(&str) -> bool,
        expected: &'static str,
    ) -> Result<(), (&'static str, &'static str)> {
        let fits = |(deployment, model): (&String, &String)| {
            is_name(deployment) && (1..=200).contains(&model.len())
        };
        if self.deployments.len() > MOST_DEPLOYMENTS || !self.deployments.iter().all(fits) {
            return Err(("config.deployments", expected));
        }
        Ok(())
    }

    const fn has_google(&self) -> bool {
        self.project.is_some() || self.location.is_some()
    }

    fn check_vertex(&self) -> Result<(), (&'static str, &'static str)> {
        if self.api_version.is_some() || !self.deployments.is_empty() || self.has_aws() {
            return Err(("config", "`vertex` has `project` and `location`"));
        }
        if !self.project.as_deref().is_some_and(is_resource) {
            return Err((
                "config.project",
                "expected the id of a project in Google Cloud: 2 to 63 small letters, digits and `-`",
            ));
        }
        if !self.location.as_deref().is_some_and(is_resource) {
            return Err((
                "config.location",
                "expected `global`, `us`, `eu` or a region such as `europe-west4`",
            ));
        }
        Ok(())
    }

    /// The address that is called when none is configured.
    pub fn default_base_url(&self, kind: ProviderKind) -> Option<Cow<'static, str>> {
        match kind {
            ProviderKind::AwsBedrock => return self.aws_url("bedrock-runtime").map(Cow::from),
            ProviderKind::Vertex => {}
            _ => return kind.default_base_url().map(Cow::from),
        }
        Some(match self.location.as_deref()? {
            "global" => "https://aiplatform.googleapis.com".into(),
            zone @ ("us" | "eu") => format!("https://aiplatform.{zone}.rep.googleapis.com").into(),
            region => format!("https://{region}-aiplatform.googleapis.com").into(),
        })
    }

    /// Whether calls are served in a place of the operator's choice, which may cost more.
    pub fn is_regional(&self) -> bool {
        self.location
            .as_deref()
            .is_some_and(|location| location != "global")
    }

    /// How a model that a caller names is asked for and priced. A caller may name the deployment
    /// or the model behind it; without either the deployment is taken to be named as its model.
    pub fn served<'a>(&'a self, model: &'a str) -> Served<'a> {
        if let Some((deployment, behind)) = self.deployments.get_key_value(model) {
            return Served {
                sent: deployment,
                priced: behind,
            };
        }
        let plain = |behind: &str| {
            let zone = behind.split_once('/').map(|(_, rest)| rest == model);
            behind == model || zone == Some(true)
        };
        let found = self.deployments.iter().find(|(_, behind)| plain(behind));
        match found {
            Some((deployment, behind)) => Served {
                sent: deployment,
                priced: behind,
            },
            None => Served {
                sent: model,
                priced: model,
            },
        }
    }

    /// The path of a request below the provider's address, with its query. In Gemini's dialect and
    /// Bedrock's it says which model is asked and whether the answer is to stream.
    pub fn path(
        &self,
        kind: ProviderKind,
        dialect: Dialect,
        model: &str,
        stream: bool,
    ) -> Cow<'static, str> {
        let method = match (dialect, stream) {
            (Dialect::Gemini, true) => Some("streamGenerateContent?alt=sse"),
            (Dialect::Gemini, false) => Some("generateContent"),
            (Dialect::GeminiEmbed, _) if google::embeds_contents(model) => {
                Some("batchEmbedContents")
            }
            (Dialect::GeminiEmbed, _) => Some("predict"),
            (Dialect::GeminiImages, _) if google::predicts_pictures(model) => Some("predict"),
            (Dialect::GeminiImages, _) => Some("generateContent"),
            _ => None,
        };
        if let Some(method) = method {
            return match kind {
                ProviderKind::Vertex => format!(
                    "/v1/projects/{}/locations/{}/publishers/google/models/{model}:{method}",
                    self.project.as_deref().unwrap_or_default(),
                    self.location.as_deref().unwrap_or_default(),
                )
                .into(),
                _ => format!("/v1beta/models/{model}:{method}").into(),
            };
        }
        let method = match (dialect, stream) {
            (Dialect::Converse, true) => Some("converse-stream"),
            (Dialect::Converse, false) => Some("converse"),
            (Dialect::BedrockMessages, true) => Some("invoke-with-response-stream"),
            (Dialect::BedrockMessages, false) | (Dialect::BedrockEmbed, _) => Some("invoke"),
            _ => None,
        };
        if let Some(method) = method {
            return format!("/model/{}/{method}", encoded(model)).into();
        }
        if dialect == Dialect::Replicate {
            return replicate::path_of(model).into();
        }
        let path = dialect.path();
        match (kind, &self.api_version) {
            (ProviderKind::Cohere, _) if dialect == Dialect::Rerank => "/v2/rerank".into(),
            (ProviderKind::AzureOpenAi, None) => format!("/openai{path}").into(),
            (ProviderKind::AzureOpenAi, Some(version)) => {
                let tail = path.strip_prefix("/v1").unwrap_or(path);
                match dialect {
                    Dialect::OpenAiResponses => self.rooted(kind, path).into(),
                    _ => format!("/openai/deployments/{model}{tail}?api-version={version}").into(),
                }
            }
            _ => path.into(),
        }
    }

    /// The same for what is not a request for an answer, such as a stored response: a path that
    /// begins with `/v1/`, and may have a query.
    pub fn rooted(&self, kind: ProviderKind, path: &str) -> String {
        if kind == ProviderKind::Google {
            let tail = path.strip_prefix("/v1").unwrap_or(path);
            return format!("/v1beta{tail}");
        }
        if kind != ProviderKind::AzureOpenAi {
            return path.to_owned();
        }
        let Some(version) = &self.api_version else {
            return format!("/openai{path}");
        };
        let tail = path.strip_prefix("/v1").unwrap_or(path);
        let joint = if tail.contains('?') { '&' } else { '?' };
        format!("/openai{tail}{joint}api-version={version}")
    }

    /// Whether a model can be named to a provider of this kind: at Azure, at Google, at AWS and at
    /// Replicate it stands in the address.
    pub fn can_name(kind: ProviderKind, model: &str) -> bool {
        match kind {
            ProviderKind::AwsBedrock => return is_aws_model(model),
            ProviderKind::Replicate => return replicate::is_model(model),
            _ => {}
        }
        let in_address = matches!(
            kind,
            ProviderKind::AzureOpenAi | ProviderKind::Google | ProviderKind::Vertex
        );
        !in_address || is_deployment(model)
    }
}

fn is_deployment(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len())
        && name.bytes().all(plain)
        // A segment of a path of dots alone would lead elsewhere.
        && !name.bytes().all(|byte| byte == b'.')
}

/// Whether a name can stand in an address of Google Cloud.
fn is_resource(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=63).contains(&name.len()) && name.bytes().all(plain)
}

fn is_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    let digit_or_dash = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    date.len() == 10 && date.bytes().enumerate().all(digit_or_dash)
}

#[cfg(test)]
mod tests;
