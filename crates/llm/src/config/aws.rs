//! What a provider at AWS has to be told: where it serves, and as whom it is asked.

use std::borrow::Cow;

use super::ProviderConfig;
use crate::aws::Role;
use crate::kind::ProviderKind;

impl ProviderConfig {
    pub(super) const fn has_aws(&self) -> bool {
        self.region.is_some() || self.role_arn.is_some() || self.has_role_terms()
    }

    const fn has_role_terms(&self) -> bool {
        self.external_id.is_some() || self.sts_url.is_some()
    }

    pub(super) fn check_aws(&self) -> Result<(), (&'static str, &'static str)> {
        if self.api_version.is_some() || self.has_google() {
            return Err((
                "config",
                "`aws_bedrock` has `region` and may have `role_arn`, `external_id`, `sts_url` and `deployments`",
            ));
        }
        if !self.region.as_deref().is_some_and(is_region) {
            return Err((
                "config.region",
                "expected a region of AWS such as `eu-central-1`",
            ));
        }
        match self.role_arn.as_deref() {
            Some(arn) if !is_role(arn) => {
                return Err((
                    "config.role_arn",
                    "expected a role such as `arn:aws:iam::123456789012:role/name`",
                ));
            }
            None if self.has_role_terms() => {
                return Err((
                    "config.role_arn",
                    "required beside `external_id` and `sts_url`",
                ));
            }
            _ => {}
        }
        let is_plain = |id: &str| {
            (2..=1224).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !self.external_id.as_deref().is_none_or(is_plain) {
            return Err((
                "config.external_id",
                "expected 2 to 1224 printable characters without spaces",
            ));
        }
        self.check_deployments(
            is_aws_model,
            "expected at most 100 inference profiles by id or ARN, each with the model behind it",
        )
    }

    /// The address of a service of AWS in the region.
    pub(super) fn aws_url(&self, service: &str) -> Option<String> {
        let region = self.region.as_deref()?;
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        Some(format!("https://{service}.{region}.amazonaws.com{china}"))
    }

    /// The role that is taken on, and the address at which it is.
    pub fn role(&self) -> Option<(Role, String)> {
        let role = Role {
            arn: self.role_arn.clone()?,
            external_id: self.external_id.clone(),
        };
        let address = self.sts_url.clone().or_else(|| self.aws_url("sts"))?;
        Some((role, address))
    }

    /// The names under which a model may have a price, the exact one first: at AWS some have one
    /// of their own in a region, and those of its government's regions have no other.
    pub fn price_names<'a>(&self, kind: ProviderKind, model: &'a str) -> Vec<Cow<'a, str>> {
        let region = self.region.as_deref();
        let Some(region) = region.filter(|_| kind == ProviderKind::AwsBedrock) else {
            return vec![model.into()];
        };
        let own = Cow::from(format!("{region}/{model}"));
        let apart = ["us-gov-", "cn-"]
            .iter()
            .any(|start| region.starts_with(start));
        match apart && !model.starts_with("us-gov.") {
            true => vec![own],
            false => vec![own, model.into()],
        }
    }
}

/// Whether a name is a region of AWS: `eu-central-1`, `us-gov-west-1`.
fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            name.len() <= 32
                && (2..=3).contains(&words.len())
                && words.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    }
}

/// Whether a text is the ARN of a role.
fn is_role(arn: &str) -> bool {
    let Some((partition, rest)) = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":iam::"))
    else {
        return false;
    };
    let Some((account, name)) = rest.split_once(":role/") else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    arn.len() <= 2048
        && matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(plain)
}

/// Whether a name can be a model of Bedrock, an inference profile, or the ARN of one.
pub(super) fn is_aws_model(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    (1..=256).contains(&name.len())
        && name.bytes().all(plain)
        && (name.starts_with("arn:") || !name.contains('/'))
        && !name.bytes().all(|byte| byte == b'.')
}
