//! Microsoft's Entra ID: an application asks for a token with its own secret
//! (learn.microsoft.com, OAuth 2.0 client credentials flow; Azure OpenAI, managed identities and
//! tokens; by excerpts, 2026-11; RFC 6749, section 4.4).

use std::fmt;

use iron_primitives::Secret;
use serde::Deserialize;

use crate::oauth::TokenRequest;

/// Where tokens are asked for unless the key says it.
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// What a token is for unless the key says it: all that the application may do with Azure's
/// cognitive services.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
/// The longest name, address or secret.
const LONGEST: usize = 1024;

/// Why a text is no application of Entra ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// It is not JSON, or has other fields.
    #[error(
        "expected JSON with `tenant_id`, `client_id`, `client_secret` and, for other clouds, `authority` and `scope`"
    )]
    NotAnApplication,
    /// A tenant's id is a UUID or a domain.
    #[error("`tenant_id` is no UUID and no domain")]
    Tenant,
    /// Something stands empty, or is too long.
    #[error("`client_id`, `client_secret`, `authority` and `scope` have 1 to 1024 characters")]
    Length,
}

/// An application that is registered with Entra ID, and its secret.
pub struct Application {
    tenant: String,
    client: String,
    secret: Secret,
    authority: String,
    scope: String,
}

/// The key as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tenant_id: String,
    client_id: String,
    client_secret: String,
    authority: Option<String>,
    scope: Option<String>,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Application({} of {})", self.client, self.tenant)
    }
}

impl Application {
    /// Reads `{"tenant_id", "client_id", "client_secret"}`, with `authority` and `scope` where
    /// another cloud than Azure's public one has them.
    ///
    /// # Errors
    /// [`ApplicationError`]; it never repeats a part of the text.
    pub fn parse(text: &str) -> Result<Application, ApplicationError> {
        let written: Written =
            serde_json::from_str(text).map_err(|_| ApplicationError::NotAnApplication)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let tenant = written.tenant_id;
        let is_tenant = (1..=253).contains(&tenant.len())
            && tenant.bytes().all(plain)
            && !tenant.bytes().all(|byte| byte == b'.');
        if !is_tenant {
            return Err(ApplicationError::Tenant);
        }
        let authority = written.authority.unwrap_or_else(|| AUTHORITY.to_owned());
        let scope = written.scope.unwrap_or_else(|| SCOPE.to_owned());
        let all = [
            &written.client_id,
            &written.client_secret,
            &authority,
            &scope,
        ];
        if !all.iter().all(|text| (1..=LONGEST).contains(&text.len())) {
            return Err(ApplicationError::Length);
        }
        Ok(Application {
            tenant,
            client: written.client_id,
            secret: written.client_secret.into(),
            authority,
            scope,
        })
    }

    /// What asks for a token.
    pub fn request(&self) -> TokenRequest {
        let authority = self.authority.trim_end_matches('/');
        TokenRequest {
            uri: format!("{authority}/{}/oauth2/v2.0/token", self.tenant),
            form: Secret::new(format!(
                "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
                encoded(&self.client),
                encoded(self.secret.expose()),
                encoded(&self.scope),
            )),
        }
    }
}

/// A text as it stands in a form: all but what is never meant otherwise is written as its bytes.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_asks_at_its_tenant_with_its_secret_escaped() {
        let key = r#"{"tenant_id":"contoso.example","client_id":"c-1","client_secret":"a~b&c=ü"}"#;
        let application = Application::parse(key).expect("an application");
        assert_eq!(
            application.request(),
            TokenRequest {
                uri: "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
                    .to_owned(),
                form: Secret::new(
                    "grant_type=client_credentials&client_id=c-1&client_secret=a~b%26c%3D%C3%BC\
                       &scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
                        .to_owned()
                ),
            }
        );
        assert!(!format!("{application:?}").contains("a~b"));
    }

    #[test]
    fn another_cloud_has_another_authority_and_scope() {
        let key = r#"{"tenant_id":"t","client_id":"c","client_secret":"s",
            "authority":"https://login.microsoftonline.us/","scope":"https://cognitiveservices.azure.us/.default"}"#;
        let request = Application::parse(key).expect("an application").request();
        assert_eq!(
            request.uri,
            "https://login.microsoftonline.us/t/oauth2/v2.0/token"
        );
        assert!(request.form.expose().ends_with("azure.us%2F.default"));
    }

    #[test]
    fn what_is_no_application_is_refused() {
        let refused = |key: &str| Application::parse(key).map(|_| ()).unwrap_err();
        assert_eq!(refused("{}"), ApplicationError::NotAnApplication);
        let with = |tenant: &str, client: &str| {
            format!(r#"{{"tenant_id":"{tenant}","client_id":"{client}","client_secret":"s"}}"#)
        };
        for tenant in ["", "..", "a/b", "a?b", "a b"] {
            assert_eq!(refused(&with(tenant, "c")), ApplicationError::Tenant);
        }
        assert_eq!(refused(&with("t", "")), ApplicationError::Length);
    }
}
