//! Who has answered a call, if it was not the first choice: what its caller is told.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::choice::Choice;

/// How many came into question up to the one that has answered.
const TIER: HeaderName = HeaderName::from_static("x-ironcage-fallback-tier");
/// The name of the provider that has answered.
const PROVIDER: HeaderName = HeaderName::from_static("x-ironcage-provider");
/// The model that has answered, as the provider was asked for it.
const MODEL: HeaderName = HeaderName::from_static("x-ironcage-model");

/// Who has answered in the place of the first choice.
#[derive(Debug)]
pub(super) struct Served {
    tier: u32,
    provider: String,
    model: String,
}

impl Served {
    /// None for the first choice.
    pub(super) fn of(tier: u32, choice: &Choice) -> Option<Box<Self>> {
        (tier > 1).then(|| {
            Box::new(Served {
                tier,
                provider: choice.lane().route.name.clone(),
                model: choice.asked_as().to_owned(),
            })
        })
    }

    /// Tells it in the headers of the answer.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(TIER, self.tier.into());
        let names = [(PROVIDER, &self.provider), (MODEL, &self.model)];
        for (header, name) in names {
            if let Ok(value) = HeaderValue::try_from(name) {
                headers.insert(header, value);
            }
        }
    }
}
