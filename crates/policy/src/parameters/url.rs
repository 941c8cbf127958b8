//! URLs: where they lead, as far as their text says.
//!
//! What a name resolves to, and where an answer redirects to, is seen only by whoever connects; the
//! connector of this product looks again at both.

mod host;
mod spelling;

pub(super) use spelling::climbs_once_decoded;
use spelling::{authority, name_of, path_of, spelled_plainly};

use super::glob;
use super::violation::{Broken, quoted};
use crate::Url;

const MOST_BYTES: usize = 8192;

/// Ports of protocols that can be spoken to by accident: mail, shells, files, databases, and the
/// interfaces of container engines. After the ports that browsers refuse.
const OTHER_PROTOCOLS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 873,
    989, 990, 993, 995, 1080, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3128,
    3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5672, 5900, 5984, 6000, 6379, 6566, 6665, 6666,
    6667, 6668, 6669, 6679, 6697, 9042, 9092, 9200, 9300, 10080, 10250, 10255, 11211, 27017, 27018,
];

/// What the URLs of one parameter may be.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    schemes: Vec<String>,
    domains: Vec<Domain>,
    private: bool,
    ports: Vec<u16>,
}

#[derive(Debug, Clone)]
struct Domain {
    host: String,
    /// With its `/`.
    path: Option<String>,
}

impl Addresses {
    pub(super) fn new(
        schemes: &[String],
        domains: &[String],
        private: bool,
        ports: &[u16],
    ) -> Result<Self, Broken> {
        Ok(Addresses {
            schemes: schemes
                .iter()
                .map(|scheme| scheme.to_ascii_lowercase())
                .collect(),
            domains: domains
                .iter()
                .map(|domain| Domain::parse(domain))
                .collect::<Result<_, _>>()?,
            private,
            ports: ports.to_vec(),
        })
    }

    /// Where a URL leads, if it may be called.
    pub(super) fn check(&self, text: &str) -> Result<Url, Broken> {
        let authority = authority(text)?;
        let parsed = url::Url::parse(text)
            .map_err(|_| refusal("url_invalid", text, "is no URL; give an absolute one"))?;
        self.check_scheme(parsed.scheme(), text)?;
        let host = parsed
            .host()
            .ok_or_else(|| refusal("url_invalid", text, "names no host; give an absolute URL"))?;
        spelled_plainly(authority, &host, text)?;
        host::check(&host, self.private).map_err(|()| private(text))?;
        self.check_port(parsed.port(), text)?;
        let url = Url {
            scheme: parsed.scheme().to_owned(),
            host: name_of(&host),
            port: parsed.port(),
            path: path_of(&parsed, text)?,
        };
        self.check_domain(&url, text)?;
        Ok(url)
    }

    fn check_scheme(&self, scheme: &str, text: &str) -> Result<(), Broken> {
        let allowed = match self.schemes.as_slice() {
            [] => ["https", "http"].contains(&scheme),
            schemes => schemes.iter().any(|allowed| allowed == scheme),
        };
        if allowed {
            return Ok(());
        }
        let schemes = match self.schemes.as_slice() {
            [] => "https`, `http".to_owned(),
            schemes => schemes.join("`, `"),
        };
        let message = format!(
            "the scheme of {} cannot be called; use `{schemes}`",
            quoted(text)
        );
        Err(Broken::new("url_scheme", message))
    }

    fn check_port(&self, port: Option<u16>, text: &str) -> Result<(), Broken> {
        let Some(port) = port else { return Ok(()) };
        let allowed = match self.ports.as_slice() {
            [] => !OTHER_PROTOCOLS.contains(&port),
            ports => ports.contains(&port),
        };
        match allowed {
            true => Ok(()),
            false => Err(refusal(
                "url_port",
                text,
                "names a port that cannot be called; use the one of its scheme",
            )),
        }
    }

    fn check_domain(&self, url: &Url, text: &str) -> Result<(), Broken> {
        if self.domains.is_empty() || self.domains.iter().any(|domain| domain.holds(url)) {
            return Ok(());
        }
        Err(refusal(
            "url_domain",
            text,
            "leads to a host that is not allowed for this tool; use an allowed one",
        ))
    }
}

impl Domain {
    fn parse(text: &str) -> Result<Self, Broken> {
        if text.contains("://") || text.is_empty() {
            let message = format!(
                "{} is no glob of hosts; write it without a scheme, as `*.example.com`",
                quoted(text)
            );
            return Err(Broken::new("url_domain", message));
        }
        let (host, path) = match text.split_once('/') {
            Some((host, path)) => (host, Some(format!("/{path}"))),
            None => (text, None),
        };
        Ok(Domain {
            host: host.to_lowercase(),
            path,
        })
    }

    fn holds(&self, url: &Url) -> bool {
        let path = self.path.as_deref();
        glob::matches(&self.host, &url.host)
            && path.is_none_or(|path| glob::matches(path, &url.path))
    }
}

fn refusal(rule: &'static str, text: &str, what: &str) -> Broken {
    // A query may hold a key.
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    let shown = shown.rsplit_once('@').map_or(shown, |(_, after)| after);
    Broken::new(rule, format!("{} {what}", quoted(shown)))
}

fn private(text: &str) -> Broken {
    refusal(
        "url_private",
        text,
        "leads into a private or reserved network; use a public address",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(text: &str) -> Result<String, &'static str> {
        Addresses::default()
            .check(text)
            .map(|url| url.to_string())
            .map_err(|broken| broken.rule)
    }

    #[test]
    fn a_url_has_one_plain_form() {
        for (text, expected) in [
            ("https://API.Example.com", "https://api.example.com/"),
            ("https://example.com:443/a?key=1#x", "https://example.com/a"),
            (
                "https://example.com:8443/a%20b",
                "https://example.com:8443/a%20b",
            ),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("https://example.com./x", "https://example.com/x"),
            ("https://93.184.216.34/", "https://93.184.216.34/"),
        ] {
            assert_eq!(lead(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_leads_inside_or_can_be_read_in_two_ways_is_refused() {
        for (text, rule) in [
            ("http://127.0.0.1/", "url_private"),
            ("http://2130706433/", "url_lookalike"),
            ("http://0x7f.1/", "url_lookalike"),
            ("http://①②⑦.0.0.1/", "url_lookalike"),
            ("http://localhost/", "url_private"),
            ("http://[::ffff:7f00:1]/", "url_private"),
            ("http://10.0.0.1.nip.io/", "url_private"),
            ("http://metadata.google.internal/", "url_private"),
            ("http://a@b.example/", "url_userinfo"),
            ("http:\\\\evil.example\\@x/", "url_invalid"),
            ("file:///etc/passwd", "url_invalid"),
            ("gopher://x.example/", "url_scheme"),
            ("https://x.example:6379/", "url_port"),
            ("https://x.example/a/%252e%252e/b", "url_path"),
            ("//x.example/", "url_invalid"),
        ] {
            assert_eq!(lead(text), Err(rule), "{text}");
        }
    }

    #[test]
    fn hosts_and_paths_are_held_to_their_globs() {
        let domains = ["*.example.com".to_owned(), "api.openai.com/v1/*".to_owned()];
        let addresses = Addresses::new(&[], &domains, false, &[]).unwrap();
        assert!(addresses.check("https://a.example.com/x").is_ok());
        assert!(addresses.check("https://api.openai.com/v1/chat").is_ok());
        for text in [
            "https://example.com/",
            "https://example.com.evil.example/",
            "https://api.openai.com/v2/chat",
            "https://evil.example/?x=a.example.com",
        ] {
            let rule = addresses.check(text).map_err(|broken| broken.rule);
            assert_eq!(rule, Err("url_domain"), "{text}");
        }
    }
}
