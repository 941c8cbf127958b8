//! Which entities a law or a standard speaks of.

use serde::{Deserialize, Serialize};

use crate::finding::{Category, Entity};

/// A law or a standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compliance {
    /// Regulation (EU) 2016/679, article 4(1): whatever identifies a natural person.
    Gdpr,
    /// 45 CFR 164.514(b)(2): the eighteen identifiers of protected health information, as far as
    /// they are text.
    Hipaa,
    /// PCI DSS 4.0, requirement 3: account data.
    PciDss,
}

impl Compliance {
    /// Whether it speaks of the entity.
    pub fn covers(self, entity: Entity) -> bool {
        match self {
            Self::Gdpr => is_personal(entity),
            Self::Hipaa => is_health(entity),
            Self::PciDss => is_account(entity),
        }
    }
}

fn is_personal(entity: Entity) -> bool {
    entity.category() == Category::Pii
        && !matches!(
            entity,
            Entity::Date | Entity::Url | Entity::HighAge | Entity::PostalCode
        )
}

fn is_health(entity: Entity) -> bool {
    matches!(
        entity,
        Entity::Person
            | Entity::Address
            | Entity::PostalCode
            | Entity::Coordinates
            | Entity::Date
            | Entity::DateOfBirth
            | Entity::HighAge
            | Entity::Phone
            | Entity::Email
            | Entity::UsSsn
            | Entity::NationalId
            | Entity::TaxId
            | Entity::MedicalRecord
            | Entity::HealthPlan
            | Entity::BankAccount
            | Entity::Iban
            | Entity::PaymentCard
            | Entity::ProfessionalLicence
            | Entity::DriverLicence
            | Entity::Passport
            | Entity::Vehicle
            | Entity::DeviceId
            | Entity::MacAddress
            | Entity::Url
            | Entity::IpAddress
    )
}

fn is_account(entity: Entity) -> bool {
    matches!(
        entity,
        Entity::PaymentCard | Entity::CardCvv | Entity::CardTrack
    )
}
