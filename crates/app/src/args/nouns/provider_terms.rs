//! What only some types of providers have, the same when one is added and when it is changed.

use clap::Args;
use iron_sdk::providers::ProviderConfig;

/// The flags.
#[derive(Debug, Args)]
pub(crate) struct ProviderTerms {
    /// Azure: a deployment and the model behind it; Bedrock: an inference profile; repeat
    #[arg(long = "deployment", value_name = "NAME=MODEL", value_parser = deployment)]
    deployments: Vec<(String, String)>,
    /// Azure: the version of the API, such as 2024-10-21; without it, the API without versions
    #[arg(long)]
    api_version: Option<String>,
    /// Vertex AI: the project of Google Cloud that pays
    #[arg(long)]
    project: Option<String>,
    /// Vertex AI: where it serves: global, us, eu or a region such as europe-west4
    #[arg(long)]
    location: Option<String>,
    /// Bedrock: the region of AWS, such as eu-central-1
    #[arg(long)]
    region: Option<String>,
    /// Bedrock: the role that is taken on with the key, by its ARN
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
    /// Bedrock: the external id that the role's account wants to hear
    #[arg(long)]
    external_id: Option<String>,
    /// Bedrock: where roles are taken on, if not at the region's own address
    #[arg(long, value_name = "URL")]
    sts_url: Option<String>,
}

impl ProviderTerms {
    /// The configuration with what the flags say; what they leave unsaid stays as it is.
    pub(crate) fn onto(self, mut config: ProviderConfig) -> ProviderConfig {
        config.deployments.extend(self.deployments);
        ProviderConfig {
            api_version: self.api_version.or(config.api_version),
            deployments: config.deployments,
            project: self.project.or(config.project),
            location: self.location.or(config.location),
            region: self.region.or(config.region),
            role_arn: self.role.or(config.role_arn),
            external_id: self.external_id.or(config.external_id),
            sts_url: self.sts_url.or(config.sts_url),
        }
    }
}

/// Reads `NAME=MODEL`.
fn deployment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, model)) if !name.is_empty() && !model.is_empty() => {
            Ok((name.to_owned(), model.to_owned()))
        }
        _ => Err("expected `NAME=MODEL`, such as `prod=gpt-4o`".to_owned()),
    }
}
