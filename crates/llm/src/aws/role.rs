//! A role that is taken on with a key: STS gives temporary credentials for it (AWS Security Token
//! Service API Reference, `AssumeRole`; botocore 1.44.5, `sts/2011-06-15`).

use iron_primitives::Timestamp;

use super::Credentials;
use super::credentials::credentials;
use super::sigv4::encoded;

/// The service's name in signatures.
pub const STS: &str = "sts";
/// The content type of the form.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// How long the credentials are asked for: every role allows an hour, in seconds.
const ASKED_SECONDS: u64 = 3600;

/// A role and what its trust policy may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The id that a role of another account may want to hear.
    pub external_id: Option<String>,
}

/// Credentials, and how long they are good from when they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Temporary {
    /// The credentials.
    pub credentials: Credentials,
    /// How long they are good, in seconds.
    pub seconds: u64,
}

impl Role {
    /// The form that asks for credentials.
    pub fn form(&self) -> String {
        let mut form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn={}&RoleSessionName=iron-cage&DurationSeconds={ASKED_SECONDS}",
            encoded(&self.arn)
        );
        if let Some(id) = &self.external_id {
            form.push_str("&ExternalId=");
            form.push_str(&encoded(id));
        }
        form
    }
}

impl Temporary {
    /// Reads the answer, XML.
    ///
    /// # Errors
    /// What the service said, or that it cannot be read, without a part of a secret.
    pub fn read(body: &[u8], now: Timestamp) -> Result<Temporary, String> {
        let unreadable = || "the security token service gave no readable answer".to_owned();
        let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
        if let Some(error) = element(text, "Error") {
            let (code, message) = (element(error, "Code"), element(error, "Message"));
            // Further on it may repeat what it was sent.
            let message: String = message
                .unwrap_or("nothing more")
                .chars()
                .take(200)
                .collect();
            return Err(format!(
                "the security token service says {}: {message}",
                code.unwrap_or("no code"),
            ));
        }
        let given = element(text, "Credentials").ok_or_else(unreadable)?;
        let part = |name| element(given, name).ok_or_else(unreadable);
        let (id, secret) = (part("AccessKeyId")?, part("SecretAccessKey")?);
        let found = credentials(id, secret, Some(part("SessionToken")?));
        let ends: Timestamp = part("Expiration")?.parse().map_err(|_| unreadable())?;
        let seconds = ends.seconds().saturating_sub(now.seconds());
        let seconds = u64::try_from(seconds).unwrap_or(0).min(ASKED_SECONDS);
        if seconds == 0 {
            return Err("the security token service gave credentials that have ended".to_owned());
        }
        Ok(Temporary {
            credentials: found.map_err(|_| unreadable())?,
            seconds,
        })
    }
}

/// The content of the first element of a name that has no attributes, as STS writes them. What is
/// read of it (keys, moments, codes) holds no escapes.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <AssumeRoleResult><Credentials><AccessKeyId>ASIDEXAMPLE0000000</AccessKeyId>\
        <SecretAccessKey>wJalr/+</SecretAccessKey><SessionToken>to/k+en==</SessionToken>\
        <Expiration>2026-11-23T07:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn credentials_of_a_role_are_read_with_their_end() {
        let read = Temporary::read(GIVEN.as_bytes(), at("2026-11-23T06:30:00.000Z"));
        let read = read.expect("credentials");
        assert_eq!(read.seconds, 1800);
        assert_eq!(
            read.credentials.to_secret().expose(),
            "ASIDEXAMPLE0000000:wJalr/+:to/k+en=="
        );
        let ended = Temporary::read(GIVEN.as_bytes(), at("2026-11-23T07:00:00.000Z"));
        assert!(ended.is_err_and(|why| why.contains("ended")));
    }

    #[test]
    fn a_refusal_is_told_in_the_services_words() {
        let body = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>";
        let refused = Temporary::read(body, at("2026-11-23T06:30:00.000Z"));
        let words = "the security token service says AccessDenied: not authorized";
        assert_eq!(refused, Err(words.to_owned()));
        for body in [&b"\xff"[..], b"", b"{}", b"<Credentials></Credentials>"] {
            assert!(Temporary::read(body, at("2026-11-23T06:30:00.000Z")).is_err());
        }
    }

    #[test]
    fn a_role_is_asked_for_by_a_form() {
        let role = Role {
            arn: "arn:aws:iam::123456789012:role/iron".to_owned(),
            external_id: Some("a b".to_owned()),
        };
        assert_eq!(
            role.form(),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Firon&RoleSessionName=iron-cage&DurationSeconds=3600&ExternalId=a%20b"
        );
    }
}
