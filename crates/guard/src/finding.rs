//! Findings, and the registry of what can be found.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A family of entities: profiles set actions by family, and by entity where they say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Data about a person.
    Pii,
    /// What opens a door: keys, passwords, tokens.
    Secret,
    /// A text that gives orders to a model which its author may not give.
    Injection,
    /// What an organisation or an agent declared itself.
    Custom,
}

/// How grave an injection is: rules state it, classifiers derive it from their score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Seen in harmless texts too.
    Low,
    /// Rare in harmless texts.
    Medium,
    /// Not seen in harmless texts except where they speak about attacks.
    High,
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Written by the developer: instructions of the system.
    System,
    /// What a model said before, as the request repeats it.
    Assistant,
    /// Written by a user.
    User,
    /// What a tool gave back.
    ToolResult,
    /// A document, retrieved or attached.
    Document,
    /// What an agent wrote down for later.
    Memory,
    /// What a model asks a tool to do.
    ToolArguments,
    /// What a model said.
    Output,
}

impl Channel {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Assistant => "assistant",
            Self::User => "user",
            Self::ToolResult => "tool_result",
            Self::Document => "document",
            Self::Memory => "memory",
            Self::ToolArguments => "tool_arguments",
            Self::Output => "output",
        }
    }

    /// Whether the text goes to a model or comes from it.
    pub fn direction(self) -> Direction {
        match self {
            Self::ToolArguments | Self::Output => Direction::Output,
            _ => Direction::Input,
        }
    }
}

/// The way of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To a model.
    Input,
    /// From a model.
    Output,
}

/// A span that should be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What it is taken for.
    pub entity: Entity,
    /// The rule that says so: stable, lower case, `family.name`, as in records.
    pub rule: RuleId,
    /// Bytes of the text as given, on character boundaries.
    pub span: Range<usize>,
    /// How sure: 0 to 1. For classifiers a calibrated probability.
    pub score: f32,
    /// How grave, for injections; [`Severity::Low`] for others.
    pub severity: Severity,
}

/// The name of a rule: built in, or one of an organisation's.
pub type RuleId = std::sync::Arc<str>;

macro_rules! entities {
    ($($(#[$doc:meta])* $variant:ident $wire:literal $category:ident;)*) => {
        /// What a finding is taken for.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum Entity {
            $($(#[$doc])* #[serde(rename = $wire)] $variant,)*
        }

        impl Entity {
            /// Each entity, in the order of the registry.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $wire,)*
                }
            }

            /// The family.
            pub fn category(self) -> Category {
                match self {
                    $(Self::$variant => Category::$category,)*
                }
            }
        }
    };
}

entities! {
    /// The name of a person.
    Person "person" Pii;
    /// A postal address, whole or its street line.
    Address "address" Pii;
    /// A postal code by itself, where its context says so.
    PostalCode "postal_code" Pii;
    /// An e-mail address.
    Email "email" Pii;
    /// A telephone or fax number.
    Phone "phone" Pii;
    /// A US social security number.
    UsSsn "us_ssn" Pii;
    /// A number of a payment card (PAN).
    PaymentCard "payment_card" Pii;
    /// A card verification value, where its context says so.
    CardCvv "card_cvv" Pii;
    /// Track data of a magnetic stripe.
    CardTrack "card_track" Pii;
    /// An international bank account number.
    Iban "iban" Pii;
    /// A national bank account or routing number, where its context says so.
    BankAccount "bank_account" Pii;
    /// An IPv4 or IPv6 address.
    IpAddress "ip_address" Pii;
    /// The hardware address of a network interface.
    MacAddress "mac_address" Pii;
    /// A passport number, where its context says so, or a machine-readable zone.
    Passport "passport" Pii;
    /// A number of a driving licence.
    DriverLicence "driver_licence" Pii;
    /// A national identity number other than the US social security number.
    NationalId "national_id" Pii;
    /// A tax number.
    TaxId "tax_id" Pii;
    /// A date of birth.
    DateOfBirth "date_of_birth" Pii;
    /// Any date more precise than a year (HIPAA).
    Date "date" Pii;
    /// An age over 89 (HIPAA).
    HighAge "high_age" Pii;
    /// A medical record number.
    MedicalRecord "medical_record" Pii;
    /// A member number of a health plan.
    HealthPlan "health_plan" Pii;
    /// A number of a certificate or licence of a professional.
    ProfessionalLicence "professional_licence" Pii;
    /// A vehicle identification number or a licence plate.
    Vehicle "vehicle" Pii;
    /// A number of a device: IMEI, serial.
    DeviceId "device_id" Pii;
    /// A web address (HIPAA).
    Url "url" Pii;
    /// Coordinates of a place.
    Coordinates "coordinates" Pii;
    /// An address of a crypto-currency wallet.
    CryptoWallet "crypto_wallet" Pii;

    /// A key of a provider's API.
    ApiKey "api_key" Secret;
    /// A token that stands for somebody signed in.
    AccessToken "access_token" Secret;
    /// A password by its assignment.
    Password "password" Secret;
    /// A password in the address of a database or service.
    ConnectionString "connection_string" Secret;
    /// A private key: PEM, PGP, SSH, PuTTY.
    PrivateKey "private_key" Secret;
    /// A JSON web token.
    Jwt "jwt" Secret;
    /// An address that whoever knows it may post to.
    WebhookUrl "webhook_url" Secret;
    /// A random value where its context says that it is secret.
    GenericSecret "generic_secret" Secret;

    /// An order to forget or replace instructions.
    InstructionOverride "instruction_override" Injection;
    /// An order to tell the instructions of the system.
    PromptExtraction "prompt_extraction" Injection;
    /// Marks of roles or of the end of a prompt, where a user or a document has none to write.
    RoleMarker "role_marker" Injection;
    /// A persona without rules, or a game that suspends them.
    Jailbreak "jailbreak" Injection;
    /// An order to the reading model inside data.
    IndirectInstruction "indirect_instruction" Injection;
    /// An order to carry data away.
    Exfiltration "exfiltration" Injection;
    /// An order that was encoded or spelled so that filters miss it.
    EncodedAttack "encoded_attack" Injection;
    /// Characters that a reader does not see: tags, directions, zero width.
    HiddenText "hidden_text" Injection;
    /// What the classifier takes for an attack without a rule that names it.
    SuspectedInjection "suspected_injection" Injection;

    /// A pattern of an organisation.
    CustomPattern "custom_pattern" Custom;
    /// An entry of a block list.
    Blocked "blocked" Custom;
    /// A name that stands for a value of the same call, on its way back.
    Pseudonym "pseudonym" Custom;
    /// A canary: a mark of the instructions that no answer may hold.
    Canary "canary" Custom;
}

impl Entity {
    /// The entity of a name on the wire.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|entity| entity.name() == name)
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
